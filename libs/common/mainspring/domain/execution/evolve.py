"""Fold one event into an execution.  Total: history is never refused.

Every event raises the version by one, whatever it says, so that the state's version is always the
stream's.  Functions are by event, in the order of `events.py`.
"""

from collections.abc import Iterable
from typing import get_args

from immutables import Map

from mainspring.domain.execution import events as e
from mainspring.domain.execution.state import (
    Completed,
    Epilogue,
    Execution,
    Resolution,
    Status,
    Token,
    Unwinding,
    key_of,
)
from mainspring.domain.execution.stepping import put, stepped
from mainspring.domain.message import replace

FACTS = get_args(e.Fact)
"""The events that state a wish or an answer; all others are decisions."""

ROOT = "t"
"""The id of the token that starts at the entrypoint."""


def fold(execution: Execution, history: Iterable[e.Event]) -> Execution:
    """Return the state after all of `history`."""
    for event in history:
        execution = evolve(execution, event)
    return execution


def evolve(x: Execution, event: e.Event) -> Execution:
    """Return the state after `event`."""
    after = _apply(x, event)
    version = x.version + 1
    # While a run is paused nothing waits for a decision: the resume does.
    settled = (
        after.paused
        or not isinstance(event, FACTS)
        or (x.handled == x.version and _is_early(after, event))
    )
    return replace(after, version=version, handled=version if settled else x.handled)


def _is_early(after: Execution, fact: e.Event) -> bool:
    """Say whether a fact leads to nothing yet.

    An answer that came before its call's own waits for that, an approval for those of others.
    """
    if isinstance(fact, e.StepApproved):
        state = after.of(fact.ref)
        return state is not None and state.resolution is None
    if not isinstance(fact, e.CallbackReceived):
        return False
    step = after.steps.get(key_of(fact.ref, fact.phase))
    return step is None or step.status != "accepted"


def _apply(x: Execution, event: e.Event) -> Execution:
    if isinstance(event, e.StepEvent):
        return stepped(x, event)
    if isinstance(event, FACTS):
        return _asked(x, event)
    match event:
        case e.ExecutionStarted():
            return _started(x, event)
        case e.UnwindingStarted():
            unwinding = Unwinding(event.outcome, event.reason)
            return replace(x, status="unwinding", unwinding=unwinding, reason=event.reason)
        case e.EpilogueBegun() | e.EpilogueCut():
            return _after_work(x, event)
        case e.ExecutionReopened():
            return _reopened(x, event)
        case e.SlotAwaited():
            return _queued(x)
        case _:
            return _ended(x, event)


def _asked(x: Execution, event: e.Event) -> Execution:
    """Note a wish.  Its status shows at once, so that whoever asked reads what they wrote."""
    match event:
        case e.ExecutionRequested():
            x = replace(x, status="pending", requested=event)
        case e.RunAdmitted() | e.RunRejected():
            x = replace(x, slot="granted", rejected=getattr(event, "reason", None))
        case e.CancelRequested():
            # A cancel ends a pause: there is nothing left to hold back.
            status = _held_back(x) if x.paused else x.status
            x = replace(x, cancel=event.reason or "canceled", paused=False, status=status)
        case e.PauseRequested():
            x = replace(x, paused=True, status="paused")
        case e.ResumeRequested():
            x = replace(x, paused=False, resumed=True, status=_held_back(x))
        case e.RetryRequested():
            x = replace(x, retry=True, status=_held_back(x), finished_at=None)
        case e.StepResetRequested():
            x = replace(x, resets=(*x.resets, event))
        case e.WakeRequested():
            x = replace(x, wakes=(*x.wakes, event.ref), woken=True)
        case e.SkipRequested() | e.CompleteRequested() | e.FailRequested():
            x = _forced(x, event)
        case _:
            pass
    return x


def _held_back(x: Execution) -> Status:
    """Return the status of a run that nobody holds back any more."""
    return "running" if x.started_at and x.slot != "awaited" else "pending"


def _queued(x: Execution) -> Execution:
    """Let a run wait for a place; what its last end was is over, but for what is not undone."""
    unwinding = x.unwinding if x.corrupted else None
    return replace(x, slot="awaited", status="pending", unwinding=unwinding)


def _forced(x: Execution, event: e.Forced) -> Execution:
    """Note what is to become of a step; a wait is over from here on, whenever that is decided."""
    match event:
        case e.SkipRequested():
            how, reason, payload = "skipped", event.reason, None
        case e.CompleteRequested():
            how, reason, payload = "completed", "", event.result
        case e.FailRequested():
            how, reason, payload = "failed", event.reason, None
    resolution = Resolution(
        how=how, by=event.by, at=event.at, version=x.version + 1, reason=reason, payload=payload
    )
    x = replace(x, forced=x.forced.set(event.ref, resolution))
    step = x.steps.get(event.ref)
    if step is None or step.status != "waiting":
        return x
    return put(x, replace(step, resolution=resolution))


def _ended(x: Execution, event: e.Event) -> Execution:
    match event:
        case e.ExecutionResumed():
            return replace(x, resumed=False)
        case e.ExecutionSucceeded():
            return replace(_closed(x, "succeeded", None, event.at), result=event.result)
        case e.ExecutionFailed():
            return _closed(x, "failed", event.reason, event.at)
        case e.ExecutionCorrupted():
            x = _closed(x, "corrupted", event.reason, event.at)
            return replace(x, corrupted=event.steps)
        case e.ExecutionCanceled():
            return _closed(x, "canceled", event.reason, event.at)
        case e.ExecutionTimedOut():
            return _closed(x, "timed_out", event.reason, event.at)
        case _:
            return x


def _after_work(x: Execution, event: e.EpilogueBegun | e.EpilogueCut) -> Execution:
    """Note the end of the work, or that of what comes after it; a cancel is answered by either."""
    if isinstance(event, e.EpilogueCut):
        cut = x.epilogue and replace(x.epilogue, cut=event.reason)
        return replace(x, epilogue=cut, cancel=None)
    epilogue = Epilogue(
        outcome=event.outcome,
        reason=event.reason,
        step=event.step,
        result=event.result,
        at=event.at,
    )
    ahead = {ref: x.forced[ref] for ref in x.forced if x.definition.by_ref[ref].after}
    return replace(
        x,
        status="running",
        epilogue=epilogue,
        reason=event.reason,
        unwinding=None,
        cancel=None,
        forced=Map(ahead),
    )


def _owed_to_undo(x: Execution) -> Unwinding | None:
    """Return to what end a run is undone further when that is tried again."""
    ended = x.epilogue
    if ended is None or not x.corrupted or ended.outcome == "succeeded":
        return x.unwinding
    return Unwinding(ended.outcome, ended.reason or "")


def _closed(x: Execution, status: Status, reason: str | None, at: float) -> Execution:
    return replace(
        x,
        status=status,
        reason=reason,
        unwinding=_owed_to_undo(x),
        finished_at=at,
        ended_after=x.begun,
        cancel=None,
        paused=False,
        slot="",
        rejected=None,
        forced=Map(),
    )


def _started(x: Execution, event: e.ExecutionStarted) -> Execution:
    x = replace(x, status="running", started_at=event.at)
    if x.definition.planner == "path":
        token = Token(ROOT, "ready", target=x.definition.entrypoint)
        x = replace(x, tokens=x.tokens.set(ROOT, token))
    return x


def _reopened(x: Execution, event: e.ExecutionReopened) -> Execution:
    x = replace(x, retry=False, resets=(), finished_at=None, reopened_at=event.at, warning=None)
    x = replace(x, epilogue=None)
    if not event.unwinding:
        # One that was turned away, or that failed before it began, begins now.
        status = "running" if x.started_at else "pending"
        return replace(x, status=status, unwinding=None, reason=None, corrupted=())
    stack = x.stack
    for ref in sorted(x.corrupted, key=lambda ref: x.steps[ref].completed_as or 0):
        stack = Completed(ref, stack)
    return replace(x, status="unwinding", stack=stack, corrupted=())
