"""From events to rows: what the views say follows from the log alone.

The same function writes the views as events are appended and rebuilds them from the log, so a
rebuild cannot differ.  Rows come in order; when several have one key, the last one holds.
"""

from collections.abc import Iterable, Sequence

from mainspring.domain import catalog, kv, starters, triggers
from mainspring.domain.envelope import Envelope
from mainspring.domain.execution import events as e
from mainspring.domain.execution.evolve import FACTS
from mainspring.domain.execution.history import apply, stamped
from mainspring.domain.execution.outlook import due_at, outlook, run_timer_of, timer_of
from mainspring.domain.execution.settling import wait_status
from mainspring.domain.execution.state import OPEN, SIDE, Execution, StepState, Waiting, key_of
from mainspring.domain.message import replace
from mainspring.domain.rows import (
    ApprovalRow,
    AttemptRow,
    AuditRow,
    BufferedExpired,
    BufferedGone,
    BufferedRow,
    Change,
    CompiledRow,
    DefinitionRow,
    ExecutionRow,
    IdempotencyRow,
    KeyValueGone,
    KeyValueRow,
    StarterRow,
    StepRow,
    TimerGone,
    TimerRow,
    TriggerRow,
    TriggersGone,
)
from mainspring.domain.task import partition_of

RUN_TIMER = "run"


def project(
    x: Execution,
    envelopes: Sequence[Envelope],
    events: Sequence[e.Event],
    states: Sequence[Execution] = (),
) -> tuple[list[Change], Execution]:
    """Return the rows that follow from new events of an execution, and the state after them.

    `states` are those after each event where the decision has folded them already.
    """
    changes: list[Change] = []
    folded = iter(states)
    for envelope, event in zip(envelopes, events, strict=True):
        before = x
        x = stamped(next(folded), envelope) if states else apply(x, envelope, event)
        changes += _metadata(envelope, is_fact=isinstance(event, FACTS))
        if isinstance(event, e.StepEvent | e.Forced):
            changes += _opened(before, x, event.ref)
        if isinstance(event, e.StepLogged):
            continue  # lines are read from the log alone: no row speaks of them
        if isinstance(event, e.StepEvent):
            changes += _step(before, x, envelope, event)
        elif before.paused != x.paused:
            changes += _all_timers(before, x)
        changes += _timer(x, RUN_TIMER, run_timer_of(before), run_timer_of(x))
    changes.append(execution_row(x))
    return changes, x


def project_buffer(
    envelope: Envelope, event: triggers.Buffering, before: BufferedRow | None = None
) -> list[Change]:
    """Return the rows that follow from an event of a buffer; `before` is the row it speaks of."""
    changes = _metadata(envelope, is_fact=isinstance(event, triggers.EventBuffered))
    match event:
        case triggers.EventBuffered():
            changes.append(
                BufferedRow(
                    stream=envelope.stream.id,
                    version=envelope.version,
                    project=envelope.project,
                    key=event.key,
                    sent_by=event.sent_by,
                    buffered_at=event.at,
                    expires_at=event.expires_at,
                )
            )
        case triggers.EventOffered():
            if before is not None:
                changes.append(replace(before, trigger=event.trigger))
        case triggers.EventConsumed():
            changes.append(BufferedGone(envelope.stream.id, event.kept))
    return changes


def project_purge(envelope: Envelope, event: triggers.TriggersPurged) -> list[Change]:
    """Return what follows from a purge of a project."""
    return [
        *_metadata(envelope, is_fact=True),
        TriggersGone(envelope.project, event.ended_before),
        BufferedExpired(envelope.project, event.ended_before),
    ]


def project_kv(
    envelope: Envelope, event: kv.Event, before: KeyValueRow | None = None
) -> list[Change]:
    """Return the rows that follow from an event of a key; `before` is its row till then."""
    changes = _metadata(envelope, is_fact=True)
    match event:
        case kv.ValueSet():
            changes.append(
                KeyValueRow(
                    stream=envelope.stream.id,
                    project=envelope.project,
                    key=event.key,
                    version=envelope.version,
                    created_at=event.at if event.fresh or before is None else before.created_at,
                    updated_at=event.at,
                    expires_at=event.expires_at,
                )
            )
        case kv.ValueRemoved():
            changes.append(KeyValueGone(envelope.stream.id))
    return changes


def project_starter(
    envelope: Envelope, event: starters.Event, before: StarterRow | None = None
) -> list[Change]:
    """Return the rows that follow from an event of a starter; `before` is its row till then."""
    by_itself = starters.StarterFired | starters.StarterSkipped
    changes = _metadata(envelope, is_fact=not isinstance(event, by_itself))
    row = starters.evolve(before, envelope, event)
    return changes if row is None else [*changes, row]


def project_request(envelope: Envelope) -> list[Change]:
    """Return the rows that follow from a request about many things."""
    return _metadata(envelope, is_fact=True)


def project_catalog(
    envelope: Envelope, event: catalog.Event, before: DefinitionRow | None = None
) -> list[Change]:
    """Return the rows that follow from an event of a definition."""
    changes = _metadata(envelope, is_fact=not isinstance(event, catalog.DefinitionCompiled))
    match event:
        case catalog.DefinitionCompiled():
            form = event.definition
            changes.append(CompiledRow(envelope.stream.id, form.name, form.version))
        case catalog.DefinitionStored():
            changes.append(
                DefinitionRow(
                    id=envelope.stream.id,
                    project=envelope.project,
                    name=event.name,
                    version=event.version,
                    dialect=event.dialect,
                    compiled=event.compiled,
                    created_at=event.at,
                )
            )
        case catalog.DefinitionDeleted():
            if before is not None:
                changes.append(replace(before, deleted_at=event.at))
    return changes


def _metadata(envelope: Envelope, *, is_fact: bool) -> list[Change]:
    """Return who asked for what, and the answer to give again for an idempotency key."""
    changes: list[Change] = []
    meta = envelope.meta
    if is_fact:
        changes.append(
            AuditRow(
                category=envelope.stream.category,
                stream=envelope.stream.id,
                version=envelope.version,
                project=envelope.project,
                actor=meta.actor,
                action=envelope.type,
                at=envelope.recorded_at,
                request_id=meta.request_id,
            )
        )
    if meta.idempotency is not None:
        kept = meta.idempotency
        changes.append(
            IdempotencyRow(
                project=envelope.project,
                actor=kept.actor,
                route=kept.route,
                key=kept.key,
                request_hash=kept.request_hash,
                status=kept.status,
                response=kept.response,
                location=kept.location,
                at=envelope.recorded_at,
            )
        )
    return changes


def _step(
    before: Execution, after: Execution, envelope: Envelope, event: e.StepEvent
) -> Iterable[Change]:
    key = key_of(event.ref, event.phase)
    step = after.steps.get(key)
    if step is None:
        return
    yield step_row(after.id, step)
    yield from _timer(after, key, timer_of(before, before.steps.get(key)), timer_of(after, step))
    if isinstance(event, e.StepSucceeded | e.StepFailed | e.StepAccepted) and event.exchange:
        if isinstance(event, e.StepSucceeded) and event.attempt == 0:
            return  # kept of another run: this one has not called anybody
        yield AttemptRow(
            execution=after.id,
            ref=event.ref,
            phase=event.phase,
            visit=event.visit,
            attempt=event.attempt,
            version=envelope.version,
            ok=event.exchange.fault is None and not isinstance(event, e.StepFailed),
            started_at=event.exchange.started_at,
            latency=event.exchange.latency,
            status=event.exchange.status,
            fault=event.exchange.fault,
        )


def _opened(before: Execution, after: Execution, ref: str) -> Iterable[Change]:
    """Yield the row of the trigger or approval that a step has open, when it has changed."""
    step = after.steps.get(ref)
    if step is None or step.opened is None:
        return
    row = _opened_row(after, step, step.opened)
    old = before.steps.get(ref)
    if old is None or old.opened is None or _opened_row(before, old, old.opened) != row:
        yield row


def _opened_row(x: Execution, step: StepState, opened: Waiting) -> TriggerRow | ApprovalRow:
    if opened.kind == "approval":
        return approval_row(x, step, opened)
    return trigger_row(x, step, opened)


def trigger_row(x: Execution, step: StepState, opened: Waiting) -> TriggerRow:
    """Return the row of an event trigger, as it is or as it ended."""
    status = wait_status(step)
    settled = step.resolution
    received = settled if settled is not None and status == "received" else None
    told = x.of(step.ref, "notify")
    wait = x.step(step.ref).wait
    return TriggerRow(
        id=opened.id,
        project=x.project,
        key=opened.key,
        execution=x.id,
        ref=step.ref,
        visit=step.visit,
        attempt=step.attempt,
        status=status,
        ask_version=opened.version,
        requested_at=opened.at,
        timeout=wait.timeout if wait is not None else None,
        expires_at=opened.expires_at,
        received_at=received.at if received else None,
        ended_at=_ended_at(step, status),
        error=None if status in ("waiting", "received") else _why(step),
        notify_url=opened.notify_url,
        notify_status=_NOTICES.get(told.status, "pending")
        if told is not None and told.key == opened.id
        else None,
        sent_by=received.by if received else None,
        payload_version=received.version if received else None,
    )


_NOTICES = {"succeeded": "sent", "failed": "failed", "canceled": "canceled"}


def approval_row(x: Execution, step: StepState, opened: Waiting) -> ApprovalRow:
    """Return the row of an approval, as it is or as it ended."""
    status = wait_status(step)
    settled = step.resolution
    return ApprovalRow(
        id=opened.id,
        project=x.project,
        execution=x.id,
        ref=step.ref,
        visit=step.visit,
        attempt=step.attempt,
        status=status,
        ask_version=opened.version,
        requested_at=opened.at,
        approvers=opened.approvers,
        expires_at=opened.expires_at,
        decided_at=_ended_at(step, status),
        decided_by=settled.by if settled is not None else None,
        reason=None if status == "pending" else _why(step),
    )


def _ended_at(step: StepState, status: str) -> float | None:
    if status in ("waiting", "pending"):
        return None
    return step.resolution.at if step.resolution is not None else step.finished_at


def _why(step: StepState) -> str | None:
    """Return why a wait is over: the words of who ended it, or the step's own reason."""
    settled = step.resolution
    if settled is None:
        return step.reason
    return settled.reason or _WORDS.get(settled.how)


_WORDS = {
    "canceled": "canceled by user",
    "skipped": "the step was skipped",
    "completed": "the step was completed by user",
    "failed": "the step was failed by user",
}


def _all_timers(before: Execution, after: Execution) -> Iterable[Change]:
    for key in after.open:
        step = after.steps[key]
        yield from _timer(after, key, timer_of(before, step), timer_of(after, step))


def _timer(
    x: Execution, key: str, before: tuple[str, float] | None, after: tuple[str, float] | None
) -> Iterable[Change]:
    if before == after:
        return
    if after is None:
        yield TimerGone(x.id, key)
    else:
        yield TimerRow(x.id, key, after[0], partition_of(x.id), after[1])


def step_row(execution: str, step: StepState) -> StepRow:
    """Return the row of a step's latest visit."""
    return StepRow(
        execution=execution,
        ref=step.ref,
        phase=step.phase,
        visit=step.visit,
        seq=step.seq,
        kind=step.kind,
        status=step.status,
        attempt=step.attempt,
        scheduled_at=step.scheduled_at,
        reason=step.reason,
        started_at=step.started_at,
        finished_at=None if step.status in OPEN else step.finished_at,
        due_at=due_at(step),
        output_version=step.output_version,
    )


def execution_row(x: Execution) -> ExecutionRow:
    """Return the row of an execution in its present state."""
    asked = x.requested
    if asked is None:
        raise LookupError(f"execution {x.id} has not been requested")
    waiting_for, wake_at = outlook(x)
    result = x.steps.get(x.result) if x.result else None
    return ExecutionRow(
        id=x.id,
        project=x.project,
        partition=partition_of(x.id),
        definition=asked.definition,
        dialect=asked.dialect,
        name=asked.name,
        version=asked.version,
        status=x.status,
        stream_version=x.version,
        handled_version=x.handled,
        created_at=asked.at,
        updated_at=x.updated_at,
        reason=x.reason,
        warning=x.warning,
        current=tuple(step.ref for step in x.open_steps() if step.phase not in SIDE),
        waiting_for=waiting_for,
        wake_at=wake_at,
        started_at=x.started_at,
        finished_at=x.finished_at,
        output_version=result.output_version if result else None,
        catalog_id=asked.catalog_id,
        triggered_by=asked.triggered_by,
        created_by=x.created_by,
        retry_of=asked.retry_of,
        parent=asked.parent,
        parent_step=asked.parent_step,
        tags=asked.tags,
        undone=_is_undone(x),
        lane=asked.lane,
    )


def _is_undone(x: Execution) -> bool:
    if not x.is_terminal or x.status == "succeeded":
        return False
    return any(step.phase == "down" and step.status == "succeeded" for step in x.steps.values())
