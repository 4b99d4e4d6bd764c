"""Steps that wait for the world: event triggers, approvals, and runs of other workflows.

What a step opens is opened by the event that makes it wait, and closed by the one that makes it go
on; there is no second stream that could disagree.  A key belongs to one waiting trigger of a
project at a time: the log refuses a second one, and the step that wanted it then fails.
"""

from mainspring.domain.definition import Approval, Child, Step, Wait
from mainspring.domain.execution import attempts, fans
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.approvals import BY_TIME, LATE, output_of
from mainspring.domain.execution.context import Viewpoint, text, value
from mainspring.domain.execution.draft import Draft
from mainspring.domain.execution.state import IN_FLIGHT, Execution, StepState
from mainspring.domain.expression import ExpressionError
from mainspring.domain.identity import child_id, trigger_id
from mainspring.domain.keys import KeyInvalid, event_key
from mainspring.domain.message import Json

DEEPEST = 10
"""How many runs may stand above a run."""
_GOOD = "succeeded"
OUTPUTS = "$outputs"
"""The step that makes the outputs of a run which says them."""


def enter(draft: Draft, step: Step, token: str) -> None:
    """Begin to wait, or fail the step with the reason why it cannot."""
    view = Viewpoint(token=token, step=step.ref, attempt=draft.next_attempt(step.ref))
    try:
        if step.wait is not None:
            _await_event(draft, step, step.wait, view)
        elif step.approval is not None:
            _await_approval(draft, step, step.approval, view)
        elif step.child is not None:
            _start_child(draft, step, step.child, view)
    except (ExpressionError, KeyInvalid) as error:
        attempts.fail_at_entry(draft, step.ref, f"step {step.ref}: {error}", "expression", token)


def _await_event(draft: Draft, step: Step, wait: Wait, view: Viewpoint) -> None:
    key = event_key(text(draft.x, wait.key, view))
    if key in draft.taken_keys or _is_waiting(draft, key):
        reason = f"step {step.ref}: event key {key!r} is in use by another trigger that waits"
        attempts.fail_at_entry(draft, step.ref, reason, "key_taken", view.token)
        return
    attempts.supersede(draft, step.ref, "notify")
    url = text(draft.x, wait.notify_url, view) if wait.notify_url else None
    _open(draft, step.ref, view, wait.timeout, kind="event", key=key, ask=wait.ask, url=url)
    if url:
        attempts.schedule(draft, step.ref, phase="notify", key=_opened_by(draft, step.ref))


def _opened_by(draft: Draft, ref: str) -> str:
    state = draft.x.of(ref)
    return state.opened.id if state is not None and state.opened is not None else ""


def _is_waiting(draft: Draft, key: str) -> bool:
    return any(
        state.opened is not None and state.status == "waiting" and state.opened.key == key
        for state in draft.x.open_steps()
    )


def _await_approval(draft: Draft, step: Step, approval: Approval, view: Viewpoint) -> None:
    _open(
        draft,
        step.ref,
        view,
        approval.timeout,
        kind="approval",
        ask=approval.ask,
        approvers=approval.approvers,
    )
    if approval.notify:
        said = value(draft.x, {"urls": [*approval.notify], "ask": approval.ask}, view)
        attempts.supersede(draft, step.ref, "notify")
        opened = _opened_by(draft, step.ref)
        attempts.schedule(draft, step.ref, phase="notify", key=opened, payload=said)


def _open(  # noqa: PLR0913 - the two kinds differ in what they say
    draft: Draft,
    ref: str,
    view: Viewpoint,
    timeout: float | None,
    *,
    kind: e.WaitKind,
    ask: Json,
    key: str = "",
    url: str | None = None,
    approvers: tuple[str, ...] = (),
) -> None:
    visit, attempt = draft.next_visit(ref), draft.next_attempt(ref)
    draft.emit(
        e.StepWaiting(
            ref=ref,
            visit=visit,
            attempt=attempt,
            token=view.token,
            kind=kind,
            trigger=trigger_id(draft.x.id, ref, visit, attempt),
            key=key,
            expires_at=None if timeout is None else draft.now + timeout,
            approvers=approvers,
            ask=value(draft.x, ask, view),
            notify_url=url,
            at=draft.now,
        )
    )


def _start_child(draft: Draft, step: Step, child: Child, view: Viewpoint) -> None:
    asked = draft.x.requested
    if asked is None or asked.depth >= DEEPEST:
        reason = f"step {step.ref}: runs are nested deeper than {DEEPEST}"
        attempts.fail_at_entry(draft, step.ref, reason, "child", view.token)
        return
    given = child.payload
    payload = asked.payload if given is None else value(draft.x, given, view)
    attempts.schedule(draft, step.ref, token=view.token, payload=payload)


def resolve(draft: Draft, state: StepState) -> None:
    """End a wait with what was settled about it; with nothing, its time is over."""
    settled = state.resolution
    what = "approval" if state.kind == "approval" else "event trigger"
    if settled is None:
        _time_out(draft, state, what)
        return
    match settled.how:
        case "received":
            attempts.succeed(draft, state, settled.payload)
        case "approved":
            attempts.succeed(draft, state, output_of(state, settled.by, settled.reason))
        case "rejected" if _is_tolerant(draft, state):
            told = output_of(state, settled.by, settled.reason, approved=False)
            attempts.succeed(draft, state, told)
        case "rejected":
            reason = f"rejected by {settled.by}" + (f": {settled.reason}" * bool(settled.reason))
            attempts.fail(draft, state, reason, "rejected", final=True)
        case "canceled":
            reason = settled.reason or f"{what} canceled by user"
            attempts.fail(draft, state, reason, "canceled_by_user", final=True)
        case _:
            pass  # forced: `force` does that, or the run is being wound up and cancels it


def _time_out(draft: Draft, state: StepState, what: str) -> None:
    """End a wait whose time is over; an approval may say what is decided then."""
    approval = draft.x.step(state.ref).approval
    decides = approval.on_timeout if approval is not None else "fail"
    if decides == "approve":
        comment = "nobody decided in time"
        attempts.succeed(draft, state, output_of(state, BY_TIME, comment))
    elif decides == "reject" and _is_tolerant(draft, state):
        comment = "nobody decided in time"
        attempts.succeed(draft, state, output_of(state, BY_TIME, comment, approved=False))
    elif decides == "reject":
        attempts.fail(draft, state, LATE, "rejected", final=True)
    else:
        attempts.fail(draft, state, f"{what} timed out", "event_timeout", final=True)


def _is_tolerant(draft: Draft, state: StepState) -> bool:
    approval = draft.x.step(state.ref).approval
    return approval is not None and approval.tolerant


def child_of_attempt(x: Execution, ref: str, visit: int, attempt: int) -> str:
    """Return the id of the run that an attempt of a step starts, or has started."""
    part = x.step(ref).child
    is_let_go = part is not None and part.begun is not None
    return child_id(x.id, ref, visit, 0 if is_let_go else attempt)


def record_child(draft: Draft, command: c.RecordChild) -> None:
    """Take the end of the run that a step started; any other attempt's changes nothing."""
    state = draft.x.of(command.ref)
    if state is None or state.kind != "child" or state.status not in IN_FLIGHT:
        return
    if (state.visit, state.attempt) != (command.visit, command.attempt):
        return
    if state.status == "scheduled" and command.started_at is not None:
        draft.emit(
            e.StepStarted(
                ref=state.ref, visit=state.visit, attempt=state.attempt, at=command.started_at
            )
        )
    closing = fans.closing(draft.x, state.ref)
    if command.status in (_GOOD, "begun"):
        _succeed_with(draft, state, command)
    elif closing is not None:
        attempts.cancel(draft, state, closing)
    elif is_tolerated(draft.x, state.ref, command.status):
        _succeed_with(draft, state, command)
    else:
        attempts.fail(draft, state, _ended_badly(command), "child")


def _succeed_with(draft: Draft, state: StepState, command: c.RecordChild) -> None:
    child = child_of_attempt(draft.x, state.ref, state.visit, state.attempt)
    output = given_by(draft.x, state.ref, child, command.output, command.status)
    attempts.succeed(draft, state, output)


def is_tolerated(x: Execution, ref: str, status: str) -> bool:
    """Say whether a step succeeds with a child that ended so; one that never began is none."""
    part = x.step(ref).child
    return status != "missing" and part is not None and part.tolerant


def given(x: Execution) -> Json:
    """Return what a run gives: the outputs that it says, or those of its steps by their names.

    The results of items are in the outputs of their loops.
    """
    steps = ((step.ref, x.of(step.ref)) for step in x.definition.work)
    done = {ref: s.output for ref, s in steps if s is not None and s.status == _GOOD}
    return done.get(OUTPUTS, done)


def given_by(x: Execution, ref: str, child: str, outputs: Json, status: str = _GOOD) -> Json:
    """Return what a step gives whose child has come to this status with these outputs."""
    part = x.step(ref).child
    if part is None or part.names is None:
        return outputs
    words = x.definition.words
    word = part.begun or words.get("failed" if status == "corrupted" else status, status)
    return dict(zip(part.names, (child, word, outputs), strict=True))


def _ended_badly(command: c.RecordChild) -> str:
    if command.status in ("failed", "missing") and command.error:
        return f"sub-workflow: {command.error}"
    return f"sub-workflow ended as {command.status}" + (
        f": {command.error}" if command.error else ""
    )


def record_emission(draft: Draft, command: c.RecordEmission) -> None:
    """Note that a step's event was sent, or that nobody waited for it."""
    state = draft.x.of(command.ref, "emit")
    if state is None or state.status not in IN_FLIGHT:
        return
    if (state.visit, state.attempt) == (command.visit, command.attempt):
        attempts.succeed(draft, state, {"key": state.key, "trigger": command.trigger})


def force(draft: Draft) -> None:
    """Carry out what was settled about steps from outside, before anything else is decided."""
    for ref, settled in sorted(draft.x.forced.items(), key=lambda item: item[1].version):
        visit, attempt = _place(draft, ref)
        match settled.how:
            case "skipped":
                reason = settled.reason or f"skipped by {settled.by or 'user'}"
                draft.emit(e.StepSkipped(ref=ref, visit=visit, reason=reason, at=draft.now))
            case "completed":
                draft.emit(
                    e.StepSucceeded(
                        ref=ref,
                        visit=visit,
                        attempt=attempt,
                        output=settled.payload,
                        at=draft.now,
                    )
                )
                attempts.emit(draft, ref, "")
            case _:
                reason = settled.reason or f"failed by {settled.by or 'user'}"
                draft.emit(
                    e.StepFailed(
                        ref=ref,
                        visit=visit,
                        attempt=attempt,
                        reason=reason,
                        fault="canceled_by_user",
                        at=draft.now,
                    )
                )


def _place(draft: Draft, ref: str) -> tuple[int, int]:
    """Return the visit and attempt that is open, or that would begin now."""
    state = draft.x.of(ref)
    if state is not None and state.status != "reset":
        return state.visit, state.attempt
    return draft.next_visit(ref), draft.next_attempt(ref)


def keep(draft: Draft) -> None:
    """Count as done what the run that this one retries had done."""
    asked = draft.x.requested
    if asked is None or not asked.kept:
        return
    for ref, kept in asked.kept.items():
        if draft.x.of(ref) is None and ref in draft.x.definition.by_ref:
            draft.emit(
                e.StepSucceeded(
                    ref=ref,
                    attempt=0,
                    output=kept.output,
                    exchange=kept.exchange,
                    at=draft.now,
                )
            )
