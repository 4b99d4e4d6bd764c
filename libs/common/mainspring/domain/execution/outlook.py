"""Why an execution is where it is, and when it moves next: never neither.

`waiting_for` is one of: decision (the scheduler's next turn), task (an executor), retry, callback,
sleep, join (branches), resume (a person).  A run that has ended and owes no notice has none.
"""

from typing import Literal, NamedTuple, TypeAlias

from mainspring.domain.execution.state import Execution, StepState
from mainspring.domain.execution.steps import listen_until

Reason: TypeAlias = Literal["decision", "task", "retry", "callback", "sleep", "join", "resume"]

_REASONS: dict[str, Reason] = {
    "scheduled": "task",
    "running": "task",
    "retrying": "retry",
    "accepted": "callback",
    "sleeping": "sleep",
}


class Outlook(NamedTuple):
    """The reason and the next instant at which the run moves by itself."""

    waiting_for: Reason | None
    wake_at: float | None


class Timer(NamedTuple):
    """What falls due in a step, and when."""

    kind: str
    due_at: float


def timer_of(x: Execution, step: StepState | None) -> Timer | None:
    """Return the timer of a step; a paused run has none: its timers take effect at resume."""
    if step is None or x.paused:
        return None
    due = {"retrying": step.retry_at, "sleeping": step.wake_at, "accepted": step.expires_at}
    at = due.get(step.status)
    return None if at is None else Timer(_REASONS[step.status], at)


def run_timer_of(x: Execution) -> Timer | None:
    """Return the timer of the run's own time-out."""
    at = x.ends_at
    if at is None or x.paused or x.unwinding or x.status != "running":
        return None
    return Timer("run", at)


def outlook(x: Execution) -> Outlook:
    """Return why the run waits and until when."""
    if x.requested is None:
        return Outlook(None, None)
    if x.paused:
        return Outlook("resume", None)
    owed = x.handled < x.version
    if x.is_terminal and not x.open and not owed:
        return Outlook(None, None)
    if owed or not x.open:
        return Outlook("decision", x.updated_at or x.requested.at)
    wakes = [_wake(x, x.steps[key]) for key in x.open]
    run = run_timer_of(x)
    return Outlook(_reason(x), min([*wakes, run.due_at] if run else wakes))


def _wake(x: Execution, step: StepState) -> float:
    timer = timer_of(x, step)
    return timer.due_at if timer else listen_until(x.definition.timeout_of(step.ref), step)


def _reason(x: Execution) -> Reason:
    if x.status == "running" and any(token.status == "split" for token in x.tokens.values()):
        return "join"
    found = {_REASONS[x.steps[key].status] for key in x.open}
    return next(reason for reason in _REASONS.values() if reason in found)
