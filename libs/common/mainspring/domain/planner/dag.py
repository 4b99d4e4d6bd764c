"""The dag planner: a step may go when all that it needs is settled.

Readiness is computed from the state alone after every change, so no schedule of results, skips,
limits and resets can leave a step behind.  Succeeded and skipped steps satisfy those that need
them, and so do failed ones that say `continue`.  A failed step that says `skip_dependents` skips
all that come after it, directly or not; other branches go on, and the run fails at its end.
"""

from collections.abc import Iterator
from typing import Literal

from mainspring.domain.definition import Step
from mainspring.domain.execution.state import OPEN, Execution
from mainspring.domain.planner.plan import Done, Enter, Failed, Move, Skip, Verdict


def moves(x: Execution) -> Iterator[Move]:
    """Yield steps to skip first, then steps to begin, within `max_parallel`."""
    limit = x.definition.max_parallel
    room = len(x.definition.steps) if limit is None else limit - len(x.open)
    ready: list[Step] = []
    for step in x.definition.steps:
        if not _is_pending(x, step.ref):
            continue
        match _standing(x, step):
            case "skipped":
                yield Skip(step.ref, "a step that it needs failed")
            case "ready":
                ready.append(step)
            case "blocked":
                pass
    for step in ready[: max(room, 0)]:
        yield Enter(step.ref)


def verdict(x: Execution) -> Verdict | None:
    """Return how the run has ended: at once when a step fails the run, else when all is settled."""
    failed: str | None = None
    for step in x.definition.steps:
        state = x.of(step.ref)
        if state is not None and state.status == "failed" and step.on_failure != "continue":
            failed = failed or f"{step.ref}: {state.reason}"
            if step.on_failure == "fail":
                return Failed(f"{step.ref}: {state.reason}")
    if any(_is_pending(x, step.ref) or _is_open(x, step.ref) for step in x.definition.steps):
        return None
    return Failed(failed) if failed else Done(_sink(x))


def _is_pending(x: Execution, ref: str) -> bool:
    state = x.of(ref)
    return state is None or state.status == "reset"


def _is_open(x: Execution, ref: str) -> bool:
    state = x.of(ref)
    return state is not None and state.status in OPEN


def _standing(x: Execution, step: Step) -> Literal["ready", "blocked", "skipped"]:
    for need in step.needs:
        state = x.of(need)
        if state is None or state.status == "reset" or state.status in OPEN:
            return "blocked"
    return "skipped" if any(_cuts(x, need) for need in step.needs) else "ready"


def _cuts(x: Execution, need: str) -> bool:
    """Say whether a settled step keeps those that need it from running."""
    state = x.of(need)
    if state is None:
        return False
    if state.status == "failed":
        return x.step(need).on_failure == "skip_dependents"
    return state.status == "skipped" and state.reason == "a step that it needs failed"


def _sink(x: Execution) -> str | None:
    """Return the one step that nothing needs, if there is exactly one and it succeeded."""
    sinks = [step.ref for step in x.definition.steps if not x.definition.dependants[step.ref]]
    state = x.of(sinks[0]) if len(sinks) == 1 else None
    return state.ref if state is not None and state.status == "succeeded" else None
