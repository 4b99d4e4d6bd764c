"""The bodies that rows refer to, taken from the events that hold them.

Both adapters read them here, through the upcasters: a body that was stored in an older shape is
answered in the newest.  A row whose event is missing has no body.
"""

from typing import Final, TypeAlias

from mainspring.domain.rows import (
    ApprovalRow,
    AttemptRow,
    DefinitionRow,
    ExecutionRow,
    KeyValueRow,
    StarterRow,
    StepRow,
    TriggerRow,
)
from mainspring.domain.starters import Starter, StarterSet
from mainspring.domain.task import Exchange
from mainspring.domain.upcast import decode
from mainspring.ports import (
    ApprovalDetail,
    AttemptDetail,
    DefinitionDetail,
    ExecutionDetail,
    KeyValueDetail,
    StepDetail,
    TriggerDetail,
)

Stored: TypeAlias = tuple[str, int, bytes] | None
"""Type, schema version and body of an event; None when there is none."""

_NO_EXCHANGE: Final = Exchange(verb="", url="", started_at=0.0, latency=0.0)


def execution_detail(row: ExecutionRow, asked: Stored, result: Stored) -> ExecutionDetail:
    """Return an execution with its payload and output."""
    payload = _field("execution", asked, "payload")
    return ExecutionDetail(row, payload, _field("execution", result, "output"))


def payload_in(asked: Stored) -> object:
    """Return what an execution was started with."""
    return _field("execution", asked, "payload")


def step_detail(row: StepRow, result: Stored) -> StepDetail:
    """Return a step visit with its output."""
    return StepDetail(row, _field("execution", result, "output"))


def attempt_detail(row: AttemptRow, ended: Stored) -> AttemptDetail:
    """Return an attempt with its exchange; an empty one when the event holds none."""
    exchange = _field("execution", ended, "exchange")
    return AttemptDetail(row, exchange if isinstance(exchange, Exchange) else _NO_EXCHANGE)


def trigger_detail(row: TriggerRow, asked: Stored, came: Stored) -> TriggerDetail:
    """Return a trigger with what it asks and what it received."""
    return TriggerDetail(
        row, _field("execution", asked, "ask"), _field("execution", came, "payload")
    )


def approval_detail(row: ApprovalRow, asked: Stored) -> ApprovalDetail:
    """Return an approval with what it asks."""
    return ApprovalDetail(row, _field("execution", asked, "ask"))


def definition_detail(row: DefinitionRow, stored: Stored) -> DefinitionDetail:
    """Return a definition with its source."""
    return DefinitionDetail(row, _field("definition", stored, "source"))


def kv_detail(row: KeyValueRow, stored: Stored) -> KeyValueDetail:
    """Return a key with its value."""
    return KeyValueDetail(row, _field("kv", stored, "value"))


def starter_in(row: StarterRow, told: Stored) -> Starter | None:
    """Return a starter with what it is to do; None when no event says that."""
    form = decode("starter", *told) if told else None
    return Starter(row, form) if isinstance(form, StarterSet) else None


def _field(category: str, stored: Stored, name: str) -> object:
    return getattr(decode(category, *stored), name, None) if stored else None
