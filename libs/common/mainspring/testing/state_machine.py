"""The page `docs/state_machine.md`, written out from the decider.

The drawings are the transitions that the tours walk through; a property test looks for lives that
leave them.  The tables ask every request of a run, and of a step, in each status and write down
what came of it.  `python -m mainspring.testing.state_machine docs/state_machine.md` writes the
page; a test compares it.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from mainspring.domain.errors import Rejected
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.decide import decide
from mainspring.domain.execution.evolve import evolve
from mainspring.domain.execution.state import Execution, absent, key_of
from mainspring.testing.player import Player
from mainspring.testing.shapes import (
    again,
    approval,
    dag,
    each,
    later,
    needing,
    path,
    sleep,
    task,
    wait,
)
from mainspring.testing.spec import START, Asking, Spec, advance, answers, calls_back, given, starts
from mainspring.testing.tours import TOURS

Edge = tuple[str, str, str]
"""From a status, to a status, by an event."""

START_OF_ALL: Final = "[*]"
CLOSED: Final = frozenset({"succeeded", "failed", "corrupted", "canceled", "timed_out"})


def edges(player: Player) -> tuple[set[Edge], set[Edge]]:
    """Return the transitions of the run, and of its steps, in a life."""
    runs: set[Edge] = set()
    steps: set[Edge] = set()
    x = absent(player.x.id, player.x.definition)
    for decision in player.decisions:
        for event in decision.events:
            before, x = x, evolve(x, event)
            name = type(event).__name__
            if before.status != x.status:
                runs.add((_begin(before.status), x.status, name))
            if isinstance(event, e.StepEvent):
                was, now = _of_step(before, event), _of_step(x, event)
                if was != now:
                    steps.add((was, now, name))
    return runs, steps


def _begin(status: str) -> str:
    return START_OF_ALL if status == "absent" else status


def _of_step(x: Execution, event: e.StepEvent) -> str:
    step = x.steps.get(key_of(event.ref, event.phase))
    return START_OF_ALL if step is None or step.visit != event.visit else step.status


def toured() -> tuple[set[Edge], set[Edge]]:
    """Return all transitions that the tours walk through."""
    runs: set[Edge] = set()
    steps: set[Edge] = set()
    for tour in TOURS.values():
        of_run, of_steps = edges(tour())
        runs |= of_run
        steps |= of_steps
    return runs, steps


def drawing(found: Iterable[Edge]) -> str:
    """Return transitions as a Mermaid drawing, the events of one arrow together."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for source, target, event in sorted(found):
        arrows.setdefault((source, target), []).append(event)
    lines = [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in sorted(arrows.items())]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


# Requests of a run, by its status.

REQUESTS: Final[Mapping[str, c.Request]] = {
    "cancel": c.RequestCancel(),
    "pause": c.RequestPause(),
    "resume": c.RequestResume(),
    "retry": c.RequestRetry(),
    "admit": c.Admit(now=START),
    "turn away": c.TurnAway(reason="full", now=START),
}

_DEFINITION = dag(
    needing("done", undo=True),
    needing("busy"),
    needing("last", "done", "busy"),
    run_timeout=900.0,
)


def _running() -> Spec:
    return given(_DEFINITION).when(advance()).when(answers("done"))


def _undoing() -> Spec:
    return _running().when(answers("busy", 500))


RUNS: Final[Mapping[str, Callable[[], Spec]]] = {
    "pending": lambda: given(_DEFINITION),
    "pending (for a place)": lambda: given(dag(needing("a"), max_runs=1)).when(advance()),
    "running": _running,
    "paused": lambda: _running().when(c.RequestPause()),
    "unwinding": _undoing,
    "succeeded": lambda: _running().when(answers("busy")).when(answers("last")),
    "failed": lambda: _undoing().when(answers("done", phase="down")),
    "corrupted": lambda: _undoing().when(answers("done", 500, phase="down")),
    "canceled": lambda: given(_DEFINITION).when(c.RequestCancel()).when(advance()),
    "timed_out": lambda: (
        given(path(sleep("long", 99.0), run_timeout=9.0)).when(advance()).when(advance(), at=9.0)
    ),
}

# Requests of a step, by its status: each spec leaves the step `s` in the status.

STEP_REQUESTS: Final[Mapping[str, c.Request | Asking]] = {
    "reset": c.RequestStepReset(ref="s"),
    "wake": c.RequestWake(ref="s"),
    "callback": calls_back("s"),
    "send event": c.SendEvent(ref="s", visit=1, attempt=1, now=START),
    "cancel trigger": c.CancelTrigger(ref="s", visit=1, attempt=1, now=START),
    "approve": c.Approve(ref="s", actor="ann", now=START),
    "reject": c.Reject(ref="s", actor="ann", now=START),
    "skip": c.SkipStep(ref="s", now=START),
    "complete": c.CompleteStep(ref="s", now=START),
    "fail": c.FailStep(ref="s", now=START),
}


def _asked() -> Spec:
    return given(dag(later("s", retry=again(1)), needing("other"))).when(advance())


STEPS: Final[Mapping[str, Callable[[], Spec]]] = {
    "absent": lambda: given(dag(needing("a"), needing("s", "a"))).when(advance()),
    "scheduled": _asked,
    "running": lambda: _asked().when(starts("s")),
    "retrying": lambda: _asked().when(answers("s", 500)),
    "accepted": lambda: _asked().when(answers("s", 202)),
    "sleeping": lambda: given(dag(sleep("s"), needing("other"))).when(advance()),
    "waiting (event)": lambda: given(dag(wait("s", "key"))).when(advance()),
    "waiting (approval)": lambda: given(dag(approval("s"))).when(advance()),
    "splitting": lambda: given(dag(each("s", [1], task("do")))).when(advance()),
    "succeeded": lambda: given(dag(task("s"), task("other"))).when(advance()).when(answers("s")),
    "failed": lambda: (
        given(dag(task("s", on_failure="continue"), task("other")))
        .when(advance())
        .when(answers("s", 500))
    ),
    "skipped": lambda: given(dag(needing("s", when=False), task("other"))).when(advance()),
    "canceled": lambda: (
        given(dag(sleep("s"))).when(advance()).when(c.RequestCancel()).when(advance())
    ),
}


def outcome(spec: Spec, asked: c.Request | Asking) -> str:
    """Return what comes of a request: the fact, nothing, or a refusal."""
    command = asked(spec.state, START) if callable(asked) else asked
    try:
        events = decide(command, spec.state)
    except Rejected:
        return "refused"
    return f"`{type(events[0]).__name__}`" if events else "nothing"


def table(rows: Mapping[str, Callable[[], Spec]], columns: Mapping[str, c.Request | Asking]) -> str:
    """Return a table of statuses by requests."""
    lines = [_row("status", columns), _row("---", ["---"] * len(columns))]
    for status, make in rows.items():
        spec = make()
        lines.append(_row(status, [outcome(spec, asked) for asked in columns.values()]))
    return "\n".join(lines)


def _row(first: str, cells: Iterable[str]) -> str:
    return "| " + " | ".join([first, *cells]) + " |"


def page() -> str:
    """Return the whole page."""
    runs, steps = toured()
    return PAGE.format(
        runs=drawing(runs),
        steps=drawing(steps),
        run_table=table(RUNS, REQUESTS),
        step_table=table(STEPS, STEP_REQUESTS),
    )


PAGE: Final = """\
# The states of a run and of its steps

This page is written out from the decider (`python -m mainspring.testing.state_machine
docs/state_machine.md`) and compared with it by a test. Statuses are the engine's own words; each
dialect has words of its own for them.

## A run

Requests are facts that anyone may add; all other events are the scheduler's. A run that fails, is
canceled or takes too long stops its forward work, waits for what is in flight, undoes what was
completed (`unwinding`), and then ends. A failed, corrupted, canceled or timed out run can be
reopened by a retry or by a reset of one of its steps.

{runs}

What comes of a request in each status: the fact that it leads to, or a refusal that changes
nothing and names the present state, or nothing when it is so already.

{run_table}

## A step

A step that calls a peer is `scheduled` until an executor has begun, and `accepted` while its
callback is awaited. `retrying`, `accepted` and `sleeping` end by themselves at an instant that is
known, `waiting` (for an event or an approval) only when it has a time limit. Compensations, the
notices at a run's end, runs of other workflows and the events that a step sends have the same life
as calls.

{steps}

What comes of a request that names a step of a dag, by the status of that step, while the run goes
on (but for `canceled`, which ends with its run). The steps of a path are not reset, skipped,
completed or failed one by one.

{step_table}
"""


def main(target: Path) -> None:
    """Write the page."""
    target.write_text(page())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/state_machine.md"))
