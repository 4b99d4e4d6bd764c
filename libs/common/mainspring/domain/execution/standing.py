"""Where a step of a dag stands among the others: what it needs, and what that came to.

Read by the planner and, for the steps of single items, by the fold: both from the state alone.
"""

from mainspring.domain.definition import Step
from mainspring.domain.execution.state import OPEN, Execution

CUT = "a step that it needs failed"


def is_pending(x: Execution, ref: str) -> bool:
    """Say whether a step has not begun, or is as if it had not."""
    state = x.of(ref)
    return state is None or state.status == "reset"


def is_settled(x: Execution, ref: str) -> bool:
    """Say whether a step has ended, or was skipped."""
    state = x.of(ref)
    return state is not None and state.status != "reset" and state.status not in OPEN


def is_blocked(x: Execution, step: Step) -> bool:
    """Say whether something that a step needs is not settled yet."""
    return any(not is_settled(x, need) for need in needs(x, step))


def needs(x: Execution, step: Step) -> list[str]:
    """Return what a step needs on its own side of the end of the work."""
    return [need for need in step.needs if bool(x.step(need).after) == bool(step.after)]


def is_cut(x: Execution, step: Step) -> bool:
    """Say whether a step is not to run, for what became of something that it needs."""
    return any(_cuts(x, need) for need in needs(x, step) if need not in step.awaits)


def _cuts(x: Execution, need: str) -> bool:
    state = x.of(need)
    if state is None:
        return False
    if state.status == "failed":
        step = x.step(need)
        skips = step.on_failure == "skip_dependents"
        return skips or (bool(step.after) and step.on_failure != "continue")
    return state.status == "skipped" and state.reason == CUT and state.resolution is None
