"""What is recorded of an attempt: that it is owed, done, failed, given up.

A step that sends an event owes it from the moment in which it has succeeded, whatever made it so;
that is why the emission is decided here and nowhere else.
"""

from mainspring.domain import retry
from mainspring.domain.execution import events as e
from mainspring.domain.execution import fans
from mainspring.domain.execution.context import Viewpoint, text
from mainspring.domain.execution.draft import Draft
from mainspring.domain.execution.state import OPEN, StepState
from mainspring.domain.expression import ExpressionError
from mainspring.domain.keys import KeyInvalid, event_key
from mainspring.domain.message import Json
from mainspring.domain.task import Exchange


def schedule(
    draft: Draft,
    ref: str,
    *,
    token: str = "",
    phase: e.Phase = "up",
    key: str = "",
    payload: Json = None,
) -> None:
    """Owe the next attempt of a call: the first of a visit, a retry, or one after a reset.

    A retry carries what the attempt before it carried.
    """
    state = draft.x.of(ref, phase)
    retried = state if state is not None and state.status == "retrying" else None
    goes_on = state is not None and state.status in ("retrying", "reset")
    visit = state.visit if state and goes_on else (state.visit + 1 if state else 1)
    attempt = state.attempt + 1 if state and goes_on else 1
    step = draft.x.definition.by_ref.get(ref)
    nonce = ""
    if phase == "up" and step is not None and step.asynchronous:
        nonce = draft.nonce(ref, visit, attempt)
    draft.emit(
        e.StepScheduled(
            ref=ref,
            phase=phase,
            visit=visit,
            attempt=attempt,
            token=token or (state.token if state else ""),
            nonce=nonce,
            key=retried.key if retried else key,
            payload=retried.payload if retried else payload,
            at=draft.now,
        )
    )


def fail_at_entry(
    draft: Draft, ref: str, reason: str, fault: e.StepFault = "expression", token: str = ""
) -> None:
    """Record that a step failed for good before it began."""
    draft.emit(
        e.StepFailed(
            ref=ref,
            visit=draft.next_visit(ref),
            attempt=draft.next_attempt(ref),
            token=token,
            reason=reason,
            fault=fault,
            at=draft.now,
        )
    )


def succeed(draft: Draft, state: StepState, output: Json, exchange: Exchange | None = None) -> None:
    """Record that an open step is done; one that sends an event then owes it."""
    draft.emit(
        e.StepSucceeded(
            ref=state.ref,
            phase=state.phase,
            visit=state.visit,
            attempt=state.attempt,
            token=state.token,
            output=output,
            exchange=exchange,
            at=draft.now,
        )
    )
    if state.phase == "up":
        emit(draft, state.ref, state.token)
    elif state.phase == "notify":
        _tell_next(draft, state)


def fail(
    draft: Draft,
    state: StepState,
    reason: str,
    fault: e.StepFault,
    exchange: Exchange | None = None,
    *,
    final: bool = False,
) -> None:
    """Record a failed attempt, with the instant of the next one if the policy has one.

    Once a run is being wound up, or an item has failed, no forward step is tried again.
    """
    policy = draft.x.definition.policy_of(state.ref, state.phase)
    given_up = final or (state.phase == "up" and fans.closing(draft.x, state.ref) is not None)
    luck = draft.luck("jitter", state.ref, state.phase, state.visit, state.attempt)
    first_at = state.scheduled_at if state.first_at is None else state.first_at
    at = retry.retry_at(policy, state.tries, exchange, now=draft.now, luck=luck, first_at=first_at)
    draft.emit(
        e.StepFailed(
            ref=state.ref,
            phase=state.phase,
            visit=state.visit,
            attempt=state.attempt,
            token=state.token,
            reason=reason,
            fault=fault,
            exchange=exchange,
            retry_at=None if given_up else at,
            at=draft.now,
        )
    )
    if state.phase == "notify" and (given_up or at is None):
        _tell_next(draft, state)


def _tell_next(draft: Draft, state: StepState) -> None:
    """Owe the notice to who is to be told next, while there is something to tell."""
    match state.payload:
        case {"urls": [_, _, *_] as urls}:
            rest: Json = {**state.payload, "urls": urls[1:]}
        case _:
            return
    told = draft.x.of(state.ref)
    opened = told.opened if told is not None and told.status == "waiting" else None
    if opened is not None and opened.id == state.key:
        schedule(draft, state.ref, phase="notify", key=state.key, payload=rest)


def cancel(draft: Draft, state: StepState, reason: str) -> None:
    """Record that a step will not go on."""
    draft.emit(
        e.StepCanceled(
            ref=state.ref,
            phase=state.phase,
            visit=state.visit,
            attempt=state.attempt,
            reason=reason,
            at=draft.now,
        )
    )


def hand_out_again(draft: Draft, state: StepState) -> None:
    """Owe the same attempt once more, since nothing was heard of it."""
    draft.emit(
        e.StepRedispatched(
            ref=state.ref,
            phase=state.phase,
            visit=state.visit,
            attempt=state.attempt,
            at=draft.now,
        )
    )


def emit(draft: Draft, ref: str, token: str) -> None:
    """Owe the event of a step that has succeeded, if it sends one."""
    template = draft.x.step(ref).emit_key
    if template is None:
        return
    try:
        key = event_key(text(draft.x, template, Viewpoint(token=token, step=ref)))
    except (ExpressionError, KeyInvalid) as error:
        _not_emitted(draft, ref, str(error))
        return
    supersede(draft, ref, "emit")
    schedule(draft, ref, phase="emit", key=key)


def _not_emitted(draft: Draft, ref: str, reason: str) -> None:
    older = draft.x.of(ref, "emit")
    visit = older.visit + 1 if older is not None else 1
    draft.emit(
        e.StepFailed(
            ref=ref, phase="emit", visit=visit, reason=reason, fault="expression", at=draft.now
        )
    )


def supersede(draft: Draft, ref: str, phase: e.Phase) -> None:
    """Close what is still open of an older notice or emission: the newer one counts."""
    older = draft.x.of(ref, phase)
    if older is not None and older.status in OPEN:
        cancel(draft, older, "a newer one takes its place")
