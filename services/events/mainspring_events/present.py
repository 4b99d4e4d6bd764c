"""From the engine's rows to the triggers of the page."""

from typing import cast

from mainspring.domain.execution.state import Execution
from mainspring.domain.identity import step_run_id
from mainspring.domain.message import Json
from mainspring.domain.rows import TriggerRow
from mainspring.http.contracts import events as wire
from mainspring.http.instants import shown
from mainspring.ports import TriggerDetail
from mainspring.runtime.triggers import after_of


def trigger(found: TriggerDetail) -> wire.Trigger:
    """Return a trigger with what it asks and what it has received."""
    return of_row(found.row, found.ask, found.payload)


def of_row(row: TriggerRow, ask: Json, payload: Json) -> wire.Trigger:
    """Return a trigger of its row and the bodies that the row refers to."""
    return wire.Trigger(
        id=row.id,
        event_key=row.key,
        project_id=row.project,
        source_type="workflow_step",
        workflow_run_id=row.execution,
        workflow_step_run_id=step_run_id(row.execution, row.ref),
        job_run_id=None,
        status=cast("wire.Status", row.status),
        request_payload=ask,
        response_payload=payload,
        timeout_secs=row.timeout or 0,
        requested_at=shown(row.requested_at),
        received_at=shown(row.received_at),
        expires_at=shown(row.expires_at),
        error=row.error,
        step_ref=row.ref,
        notify_url=row.notify_url,
        notify_status=row.notify_status,
        sent_by=row.sent_by,
    )


def after(x: Execution, row: TriggerRow, ask: Json) -> wire.Trigger | None:
    """Return a trigger in a state of its execution, None where that state has it not."""
    step = x.of(row.ref)
    if step is None or step.opened is None or step.opened.id != row.id:
        return None
    then = after_of(x, row)
    settled = step.resolution if then.payload_version is not None else None
    return of_row(then, ask, settled.payload if settled is not None else None)


def stats(counts: dict[str, int], waited: float) -> wire.Stats:
    """Return how many triggers there are by status, and their mean wait in seconds."""
    return wire.Stats(
        total_count=sum(counts.values()),
        waiting_count=counts.get("waiting", 0),
        received_count=counts.get("received", 0),
        timed_out_count=counts.get("timed_out", 0),
        canceled_count=counts.get("canceled", 0),
        avg_wait_duration_secs=waited,
    )
