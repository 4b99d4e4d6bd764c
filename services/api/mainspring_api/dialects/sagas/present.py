"""From the engine's rows to the answers of the sagas dialect."""

from typing import Final, get_args

import msgspec

from mainspring.domain.execution.outlook import Reason
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import Json
from mainspring.domain.rows import DefinitionRow, ExecutionRow
from mainspring.http.instants import shown
from mainspring.ports import ExecutionDetail
from mainspring.store.views import execution_row
from mainspring_api.dialects.sagas import wire

_ENDED: Final[dict[str, wire.StatusWord]] = {
    "succeeded": "SUCCEEDED",
    "failed": "FAILED",
    "corrupted": "CORRUPTED",
    "canceled": "CANCELED",
    # The dialect has no limit on a whole run; one of another dialect's is a failure here.
    "timed_out": "FAILED",
}
_WAITING: Final[dict[str, wire.StatusWord]] = {
    "callback": "WAITING_CALLBACK",
    "sleep": "SLEEPING",
    "join": "WAITING_JOIN",
}
FILTERS: Final[dict[str, tuple[str, ...]]] = {
    "IN_PROGRESS": (
        "pending",
        "paused",
        "unwinding",
        *(f"running:{reason}" for reason in get_args(Reason) if reason not in _WAITING),
    ),
    **{word: (f"running:{reason}",) for reason, word in _WAITING.items()},
    "SUCCEEDED": ("succeeded",),
    "FAILED": ("failed", "timed_out"),
    "CORRUPTED": ("corrupted",),
    "CANCELED": ("canceled",),
}
"""For each status word, what the views are asked for."""


def status(row: ExecutionRow) -> wire.StatusWord:
    """Return the dialect's word for where a run stands."""
    if row.status == "running":
        return _WAITING.get(row.waiting_for or "", "IN_PROGRESS")
    return _ENDED.get(row.status, "IN_PROGRESS")


def summary(row: ExecutionRow) -> wire.SagaSummary:
    """Return a run as lists show it."""
    return wire.SagaSummary(
        id=row.id,
        name=row.name,
        version=row.version,
        status=status(row),
        started_at=shown(row.created_at),
        updated_at=shown(row.updated_at),
        completed_at=shown(row.finished_at),
        failure_description=row.reason,
        callback_warning=row.warning,
    )


def saga(detail: ExecutionDetail) -> wire.Saga:
    """Return a run with its payload and its output."""
    return wire.Saga(
        **msgspec.structs.asdict(summary(detail.row)),
        payload=detail.payload,
        current_nodes=detail.row.current,
        output=detail.output,
    )


def past_saga(x: Execution) -> wire.Saga:
    """Return a run as it was in an earlier state."""
    result = x.steps.get(x.result) if x.result else None
    payload = x.requested.payload if x.requested else None
    return saga(ExecutionDetail(execution_row(x), payload, result.output if result else None))


def stored(row: DefinitionRow, source: Json) -> wire.StoredDefinition:
    """Return a stored definition."""
    return wire.StoredDefinition(
        id=row.id,
        name=row.name,
        version=row.version,
        definition=source,
        created_at=shown(row.created_at),
        updated_at=shown(row.created_at),
    )
