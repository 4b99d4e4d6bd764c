"""The dag planner: a step may go when all that it needs is settled.

Readiness is computed from the state alone after every change, so no schedule of results, skips,
limits and resets can leave a step behind.  Succeeded and skipped steps satisfy those that need
them, and so do failed ones that say `continue`.  A failed step that says `skip_dependents` skips
all that come after it, directly or not; other branches go on, and the run fails at its end.  A
condition is judged when its step could begin, so it sees what the steps before it came to; a step
whose condition is false is skipped and counts as satisfied.

The work is planned first.  Once it has come to an end, the steps for that end are planned in the
same way among themselves; there a failed step keeps no others from running but those that need it.
The steps of a loop's items are planned item by item (`loops`), within the same limits.
"""

from collections.abc import Iterator

from mainspring.domain.definition import Step
from mainspring.domain.execution.standing import CUT, is_blocked, is_cut, is_open, is_pending
from mainspring.domain.execution.state import Execution
from mainspring.domain.planner import loops
from mainspring.domain.planner.plan import Done, Failed, Move, Skip, Verdict
from mainspring.domain.planner.room import Room

ELSEWHERE = "it is for another end than"


def moves(x: Execution) -> Iterator[Move]:
    """Yield steps to skip first, then steps to begin, within `max_parallel` and their keys."""
    ready: list[Step] = []
    for step in _planned(x):
        if not is_pending(x, step.ref):
            continue
        reason = _not_to_run(x, step)
        if reason is not None:
            yield Skip(step.ref, reason)
        elif not is_blocked(x, step):
            ready.append(step)
    room = Room(x)
    for step in ready:
        if room.is_full:
            break
        if (move := room.enter(step)) is not None:
            yield move
    yield from loops.moves(x, room)


def _planned(x: Execution) -> tuple[Step, ...]:
    return x.definition.epilogue if x.in_epilogue else x.definition.work


def verdict(x: Execution) -> Verdict | None:
    """Return how the work has ended: at once when a step fails it, else when all is settled.

    Of what comes after the work it is only said that it is all settled.
    """
    failed: str | None = None
    for step in _planned(x) if not x.in_epilogue else ():
        state = x.of(step.ref)
        if state is not None and state.status == "failed" and step.on_failure != "continue":
            failed = failed or f"{step.ref}: {state.reason}"
            if step.on_failure == "fail":
                return Failed(f"{step.ref}: {state.reason}")
    if any(is_pending(x, step.ref) or is_open(x, step.ref) for step in _planned(x)):
        return None
    if x.in_epilogue:
        return Done(None)
    return Failed(failed) if failed else Done(_sink(x))


def _not_to_run(x: Execution, step: Step) -> str | None:
    """Return why a step is to be skipped, None when it is not, or not yet."""
    if x.in_epilogue and x.epilogue is not None and x.epilogue.outcome not in step.after:
        return f"{ELSEWHERE} {x.epilogue.outcome}"
    return CUT if is_cut(x, step) and not is_blocked(x, step) else None


def _sink(x: Execution) -> str | None:
    """Return the one step that nothing needs, if there is exactly one and it succeeded."""
    form = x.definition
    sinks = [
        step.ref
        for step in form.work
        if all(form.by_ref[below].after for below in form.dependants[step.ref])
    ]
    state = x.of(sinks[0]) if len(sinks) == 1 else None
    return state.ref if state is not None and state.status == "succeeded" else None
