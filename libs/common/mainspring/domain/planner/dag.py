"""The dag planner: a step may go when all that it needs is settled.

Readiness is computed from the state alone after every change, so no schedule of results, skips,
limits and resets can leave a step behind.  Succeeded and skipped steps satisfy those that need
them, and so do failed ones that say `continue`.  A failed step that says `skip_dependents` skips
all that come after it, directly or not; other branches go on, and the run fails at its end.  A
condition is judged when its step could begin, so it sees what the steps before it came to; a step
whose condition is false is skipped and counts as satisfied.

The work is planned first.  Once it has come to an end, the steps for that end are planned in the
same way among themselves; there a failed step keeps no others from running but those that need it.
"""

from collections.abc import Iterator

from mainspring.domain.definition import Step
from mainspring.domain.execution.context import Viewpoint, admits
from mainspring.domain.execution.state import OPEN, Execution
from mainspring.domain.expression import ExpressionError
from mainspring.domain.planner.plan import Broken, Done, Enter, Failed, Move, Skip, Verdict

ELSEWHERE = "it is for another end than"
CUT = "a step that it needs failed"
FALSE = "its condition is false"


def moves(x: Execution) -> Iterator[Move]:
    """Yield steps to skip first, then steps to begin, within `max_parallel` and their keys."""
    ready: list[Step] = []
    for step in _planned(x):
        if not _is_pending(x, step.ref):
            continue
        reason = _not_to_run(x, step)
        if reason is not None:
            yield Skip(step.ref, reason)
        elif not _is_blocked(x, step):
            ready.append(step)
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


def _planned(x: Execution) -> tuple[Step, ...]:
    return x.definition.epilogue if x.in_epilogue else x.definition.work


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
    if any(_is_pending(x, step.ref) or _is_open(x, step.ref) for step in _planned(x)):
        return None
    if x.in_epilogue:
        return Done(None)
    return Failed(failed) if failed else Done(_sink(x))


def _is_pending(x: Execution, ref: str) -> bool:
    state = x.of(ref)
    return state is None or state.status == "reset"


def _is_open(x: Execution, ref: str) -> bool:
    state = x.of(ref)
    return state is not None and state.status in OPEN


def _not_to_run(x: Execution, step: Step) -> str | None:
    """Return why a step is to be skipped, None when it is not, or not yet."""
    if x.in_epilogue and x.epilogue is not None and x.epilogue.outcome not in step.after:
        return f"{ELSEWHERE} {x.epilogue.outcome}"
    cut = any(_cuts(x, need) for need in _needs(x, step)) and not _is_blocked(x, step)
    return CUT if cut else None


def _is_blocked(x: Execution, step: Step) -> bool:
    return any(_is_pending(x, need) or _is_open(x, need) for need in _needs(x, step))


def _needs(x: Execution, step: Step) -> list[str]:
    """Return what a step needs on its own side of the end of the work."""
    return [need for need in step.needs if bool(x.step(need).after) == bool(step.after)]


def _cuts(x: Execution, need: str) -> bool:
    """Say whether a settled step keeps those that need it from running."""
    state = x.of(need)
    if state is None:
        return False
    if state.status == "failed":
        step = x.step(need)
        return step.on_failure == "skip_dependents" or (
            bool(step.after) and step.on_failure != "continue"
        )
    return state.status == "skipped" and state.reason == CUT and state.resolution is None


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
