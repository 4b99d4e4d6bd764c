"""What may be settled about a single step from outside: sends, approvals, skips, forced ends.

Of a send, a cancel, a time-out and a forced end exactly one wins, because each is an event on the
version that its writer saw.  Who comes second is told what the first one made of it; only the same
event sent again, and the same decision by the same person, are no error.  An instant that has
passed counts as a time-out here, even before the scheduler has said so: during a pause that may be
long after.
"""

import msgspec

from mainspring.domain.errors import Forbidden, IllegalTransition, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.approvals import LATE, demand_fit
from mainspring.domain.execution.state import Execution, StepState
from mainspring.domain.message import Json

WAITS = frozenset({"waiting", "sleeping", "retrying"})
"""A step that only waits may be ended from outside; one in flight may not."""


def decide(command: c.Settling, x: Execution) -> list[e.Event]:
    """Return the fact that a request leads to, or [] when it is so already."""
    match command:
        case c.SendEvent():
            return _send(command, x)
        case c.CancelTrigger():
            return _cancel(command, x)
        case c.Approve():
            return _approve(command, x)
        case c.Reject():
            return _reject(command, x)
        case _:
            return _force(command, x)


def _send(command: c.SendEvent, x: Execution) -> list[e.Event]:
    """Give a waiting trigger its event; the same event again is already so."""
    asked = "send the event"
    step = _trigger(command, x, asked)
    settled = step.resolution
    if settled is not None and settled.how == "received" and same(settled.payload, command.payload):
        return []
    _demand_waiting(step, x, asked, command.now)
    return [
        e.TriggerReceived(
            ref=command.ref,
            visit=command.visit,
            attempt=command.attempt,
            payload=command.payload,
            sent_by=command.sent_by,
            at=command.now,
        )
    ]


def _cancel(command: c.CancelTrigger, x: Execution) -> list[e.Event]:
    """Give up a waiting trigger: its step fails."""
    asked = "cancel the event trigger"
    _demand_waiting(_trigger(command, x, asked), x, asked, command.now)
    return [
        e.TriggerCancelRequested(
            ref=command.ref,
            visit=command.visit,
            attempt=command.attempt,
            reason=command.reason,
            by=command.by,
            at=command.now,
        )
    ]


def _approve(command: c.Approve, x: Execution) -> list[e.Event]:
    """Approve a pending approval.

    Raises `Forbidden` for who is none of its approvers, `DefinitionInvalid` for an answer that
    does not fit.
    """
    asked = f"approve step {command.ref}"
    step = _approval(command, x, asked)
    if _has_decided(step, "approved", command.actor):
        return []
    _demand_waiting(step, x, asked, command.now)
    demand_fit(x.step(step.ref).approval, command.payload)
    return [
        e.StepApproved(
            ref=step.ref,
            visit=step.visit,
            attempt=step.attempt,
            by=command.actor,
            comment=command.comment,
            payload=command.payload,
            at=command.now,
        )
    ]


def _reject(command: c.Reject, x: Execution) -> list[e.Event]:
    """Reject a pending approval: its step fails.  Raises `Forbidden` as an approval does."""
    asked = f"reject step {command.ref}"
    step = _approval(command, x, asked)
    if _has_decided(step, "rejected", command.actor):
        return []
    _demand_waiting(step, x, asked, command.now)
    return [
        e.StepRejected(
            ref=step.ref,
            visit=step.visit,
            attempt=step.attempt,
            by=command.actor,
            reason=command.reason,
            at=command.now,
        )
    ]


def _force(command: c.Force, x: Execution) -> list[e.Event]:
    """Skip, complete or fail a step that has not begun or only waits."""
    ref, at, by = command.ref, command.now, command.actor
    match command:
        case c.SkipStep():
            _demand_free(x, ref, f"skip step {ref}")
            return [e.SkipRequested(ref=ref, reason=command.reason, by=by, at=at)]
        case c.CompleteStep():
            _demand_free(x, ref, f"complete step {ref}")
            return [e.CompleteRequested(ref=ref, result=command.result, by=by, at=at)]
        case c.FailStep():
            _demand_free(x, ref, f"fail step {ref}")
            return [e.FailRequested(ref=ref, reason=command.reason, by=by, at=at)]


def same(one: Json, other: Json) -> bool:
    """Say whether two JSON values are equal; 1, 1.0 and true are three values."""
    encode = msgspec.json.encode
    return encode(one, order="sorted") == encode(other, order="sorted")


def wait_status(step: StepState) -> str:
    """Return what became of what a step opened: the word of the trigger or of the approval."""
    if step.resolution is not None:
        how = step.resolution.how
        return how if how in ("received", "approved", "rejected") else "canceled"
    if step.status == "waiting":
        return "pending" if step.kind == "approval" else "waiting"
    if step.status == "succeeded":
        return "approved" if is_approval(step.output) else "rejected"
    if step.reason == LATE:
        return "rejected"
    return "timed_out" if step.status == "failed" else "canceled"


def is_approval(output: Json) -> bool:
    """Say whether what a step gives says that it was approved; one may succeed without."""
    match output:
        case {"approved": False}:
            return False
        case _:
            return True


def _trigger(command: c.SendEvent | c.CancelTrigger, x: Execution, asked: str) -> StepState:
    step = x.of(command.ref)
    if step is None or step.kind != "wait":
        raise NotFound(f"step {command.ref!r} has no event trigger")
    if (step.visit, step.attempt) != (command.visit, command.attempt) or step.opened is None:
        raise IllegalTransition(asked, "superseded", "the step waits no more with this trigger")
    return step


def _approval(command: c.Approve | c.Reject, x: Execution, asked: str) -> StepState:
    ref = command.ref
    _demand_step(x, ref)
    step = x.of(ref)
    if x.step(ref).kind != "approval":
        raise IllegalTransition(asked, step.status if step else "pending", "it is no approval")
    if step is None or step.opened is None:
        raise IllegalTransition(asked, step.status if step else "not yet begun")
    if command.approval not in ("", step.opened.id):
        raise IllegalTransition(asked, "superseded", "the step was reset and asks anew")
    approvers = step.opened.approvers
    if approvers and command.actor not in approvers:
        raise Forbidden(f"{command.actor!r} is none of the approvers of step {ref}")
    return step


def _has_decided(step: StepState, how: str, actor: str) -> bool:
    """Say whether somebody has taken just this decision: a repetition asks for nothing new.

    Who has approved and rejects before enough others approve, has changed their mind.
    """
    own = [one.decision for one in step.decisions if one.actor == actor]
    return bool(own) and own[-1] == how


def _demand_waiting(step: StepState, x: Execution, asked: str, now: float) -> None:
    status = wait_status(step)
    if status not in ("waiting", "pending"):
        raise IllegalTransition(asked, status)
    if step.expires_at is not None and now >= step.expires_at:
        raise IllegalTransition(asked, "timed_out")
    _demand_going(x, asked)


def _demand_free(x: Execution, ref: str, asked: str) -> None:
    _demand_step(x, ref)
    if x.definition.planner != "dag":
        raise IllegalTransition(asked, x.status, "a step of a path cannot be taken out of it")
    step = x.of(ref)
    begun = step is not None and step.status != "reset"
    if x.is_terminal and not begun:
        raise IllegalTransition(asked, x.status, f"the run is {x.status}")
    if step is not None and begun and step.status not in WAITS:
        raise IllegalTransition(asked, step.status)
    if x.in_epilogue and not x.step(ref).after:
        raise IllegalTransition(asked, x.status, "the work of the run has ended")
    settled = x.forced.get(ref) or (step.resolution if step and begun else None)
    if settled is not None:
        raise IllegalTransition(asked, settled.how, f"it was {settled.how} already")
    _demand_going(x, asked)


def _demand_step(x: Execution, ref: str) -> None:
    if ref not in x.definition.by_ref:
        raise NotFound(f"no step {ref!r}")


def _demand_going(x: Execution, asked: str) -> None:
    """Refuse what a run that is being wound up would never carry out."""
    if x.in_epilogue and x.closing is not None:
        raise IllegalTransition(asked, x.status, "the run is ending")
    if x.cancel is not None:
        raise IllegalTransition(asked, x.status, "the run is being canceled")
    if x.unwinding is not None:
        raise IllegalTransition(asked, x.status, f"the run is {x.status}")
