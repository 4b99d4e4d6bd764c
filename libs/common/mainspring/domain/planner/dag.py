"""The dag planner: a step may go when all that it needs is settled.

Readiness is computed from the state alone after every change, so no schedule of results, skips,
limits and resets can leave a step behind.  Succeeded and skipped steps satisfy those that need
them, and so do failed ones that say `continue`.  A failed step that says `skip_dependents` skips
all that come after it, directly or not; other branches go on, and the run fails at its end.  A
condition is judged when its step could begin, so it sees what the steps before it came to; a step
whose condition is false is skipped and counts as satisfied.
"""

from collections.abc import Iterator
from typing import Literal

from mainspring.domain.definition import Step
from mainspring.domain.execution.context import Viewpoint, admits
from mainspring.domain.execution.state import OPEN, Execution
from mainspring.domain.expression import ExpressionError
from mainspring.domain.planner.plan import Broken, Done, Enter, Failed, Move, Skip, Verdict

CUT = "a step that it needs failed"
FALSE = "its condition is false"


def moves(x: Execution) -> Iterator[Move]:
    """Yield steps to skip first, then steps to begin, within `max_parallel` and their keys."""
    ready: list[Step] = []
    for step in x.definition.steps:
        if not _is_pending(x, step.ref):
            continue
        match _standing(x, step):
            case "skipped":
                yield Skip(step.ref, CUT)
            case "ready":
                ready.append(step)
            case "blocked":
                pass
    room, held = _room(x), _held(x)
    for step in ready:
        # No condition is judged before there is room for its step: rules may be dear.
        if room <= 0:
            return
        if step.concurrency_key is not None and step.concurrency_key in held:
            continue
        move = _judged(x, step)
        if isinstance(move, Enter):
            room -= 1
            held.add(step.concurrency_key)
        yield move


def _room(x: Execution) -> int:
    limit = x.definition.max_parallel
    if limit is None:
        return len(x.definition.steps)
    return limit - sum(1 for key in x.open if x.steps[key].phase == "up")


def _held(x: Execution) -> set[str | None]:
    """Return the concurrency keys of the steps that are open."""
    return {x.step(key).concurrency_key for key in x.open if x.steps[key].phase == "up"}


def _judged(x: Execution, step: Step) -> Enter | Skip | Broken:
    if step.when is None:
        return Enter(step.ref)
    try:
        holds = admits(x, step.when, Viewpoint(step=step.ref))
    except ExpressionError as error:
        return Broken(step.ref, f"step {step.ref}: its condition cannot be evaluated: {error}")
    return Enter(step.ref) if holds else Skip(step.ref, FALSE)


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
    return state.status == "skipped" and state.reason == CUT and state.resolution is None


def _sink(x: Execution) -> str | None:
    """Return the one step that nothing needs, if there is exactly one and it succeeded."""
    sinks = [step.ref for step in x.definition.steps if not x.definition.dependants[step.ref]]
    state = x.of(sinks[0]) if len(sinks) == 1 else None
    return state.ref if state is not None and state.status == "succeeded" else None
