"""Why an execution is where it is, and when it moves next: never neither.

`waiting_for` is one of: decision (the scheduler's next turn), task (an executor), child (a run of
another workflow), retry, callback, sleep, event, approval, join (branches), resume (a person), slot
(the end of another run of its workflow).  A run that has ended and owes no notice has none.  Only
who waits for the world without a time limit has a reason and no instant: an event, an approval, a
resume, the end of another run.
"""

from typing import Literal, NamedTuple, TypeAlias

from mainspring.domain.execution.state import IN_FLIGHT, SIDE, Execution, StepState
from mainspring.domain.execution.steps import listen_until

Reason: TypeAlias = Literal[
    "decision",
    "task",
    "child",
    "retry",
    "callback",
    "sleep",
    "event",
    "approval",
    "join",
    "resume",
    "slot",
]

OPEN_ENDED: frozenset[Reason] = frozenset({"event", "approval", "resume", "slot"})
"""Reasons that may have no instant: nothing happens until somebody wants it to."""

_REASONS: dict[str, Reason] = {
    "scheduled": "task",
    "running": "task",
    "retrying": "retry",
    "accepted": "callback",
    "sleeping": "sleep",
    "splitting": "join",
}
_ORDER: tuple[Reason, ...] = ("task", "child", "retry", "callback", "sleep", "event", "approval")


class Outlook(NamedTuple):
    """The reason and the next instant at which the run moves by itself."""

    waiting_for: Reason | None
    wake_at: float | None


class Timer(NamedTuple):
    """What falls due in a step, and when."""

    kind: str
    due_at: float


def _reason_of(step: StepState) -> Reason:
    if step.status == "waiting":
        return "approval" if step.kind == "approval" else "event"
    if step.kind == "child" and step.status in IN_FLIGHT:
        return "child"
    return _REASONS[step.status]


def due_at(step: StepState) -> float | None:
    """Return the instant at which something happens to a step by itself."""
    match step.status:
        case "retrying":
            return step.retry_at
        case "sleeping":
            return step.wake_at
        case "accepted" | "waiting" | "splitting":
            return step.expires_at
        case _:
            return None


def timer_of(x: Execution, step: StepState | None) -> Timer | None:
    """Return the timer of a step; a paused run has none: its timers take effect at resume."""
    if step is None or x.paused:
        return None
    at = due_at(step)
    return None if at is None else Timer(_reason_of(step), at)


def run_timer_of(x: Execution) -> Timer | None:
    """Return the timer of the run's own time-out."""
    at = x.ends_at
    queued = x.is_queued and not x.goes_on and x.slot == "awaited"
    if at is None or x.paused or x.unwinding or not (queued or x.status == "running"):
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
    # From the request on: who was asked for first is let in first, whoever has its turn first.
    queued = x.is_queued
    if owed and queued:
        return Outlook("slot", x.updated_at or x.requested.at)
    # A loop that is open moves with the steps of its items.
    moving = any(x.steps[key].status != "splitting" for key in x.open)
    if owed or (not moving and not queued):
        return Outlook("decision", x.updated_at or x.requested.at)
    wakes = [at for key in x.open if (at := _wake(x, x.steps[key])) is not None]
    run = run_timer_of(x)
    wake_at = min([*wakes, run.due_at] if run else wakes, default=None)
    return Outlook("slot" if queued else _reason(x, wake_at), wake_at)


def _wake(x: Execution, step: StepState) -> float | None:
    if step.status in IN_FLIGHT:
        return listen_until(x.definition.timeout_of(step.ref, step.phase), step)
    return due_at(step)


def _reason(x: Execution, wake_at: float | None) -> Reason:
    splits = any(token.status == "split" for token in x.tokens.values())
    if x.status == "running" and not x.in_epilogue and splits and wake_at is not None:
        return "join"
    steps = [x.steps[key] for key in x.open if x.steps[key].status != "splitting"]
    # A notice on its way is no reason for a run that waits for an approval.
    work = [step for step in steps if step.phase not in SIDE] or steps
    found = {_reason_of(step) for step in work}
    return next(reason for reason in _ORDER if reason in found)
