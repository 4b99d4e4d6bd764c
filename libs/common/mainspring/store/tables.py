"""The log and the rows of the views as dicts: what memory has where Postgres has tables."""

from collections.abc import Mapping
from typing import Final, TypeVar, cast

from msgspec.structs import replace

from mainspring.domain.envelope import Envelope, StreamId, to_micros
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
    Row,
    StarterRow,
    StepRow,
    TimerGone,
    TimerRow,
    TriggerRow,
    TriggersGone,
)
from mainspring.store.changes import PRIMARY_KEYS, TABLES, Key, storable

R = TypeVar("R", bound=Row)

_INSTANTS: Final[Mapping[type[Row], tuple[str, ...]]] = {
    ExecutionRow: ("created_at", "updated_at", "wake_at", "started_at", "finished_at"),
    StepRow: ("scheduled_at", "started_at", "finished_at", "due_at"),
    AttemptRow: ("started_at",),
    TimerRow: ("due_at",),
    TriggerRow: ("requested_at", "expires_at", "received_at", "ended_at"),
    ApprovalRow: ("requested_at", "expires_at", "decided_at"),
    BufferedRow: ("buffered_at", "expires_at"),
    CompiledRow: (),
    DefinitionRow: ("created_at", "deleted_at"),
    AuditRow: ("at",),
    IdempotencyRow: ("at",),
    KeyValueRow: ("created_at", "updated_at", "expires_at"),
    StarterRow: ("created_at", "updated_at", "next_at", "due_at", "last_at", "removed_at"),
}


class Tables:
    """The log in order of position, the streams in it, and each view by its primary key."""

    def __init__(self) -> None:
        self.log: list[Envelope] = []
        self.streams: dict[StreamId, list[Envelope]] = {}
        self._rows: dict[str, dict[Key, Row]] = {table: {} for table in PRIMARY_KEYS}
        self.cursors: dict[str, int] = {}

    def rows(self, kind: type[R]) -> list[R]:
        """Return all rows of one kind, in no order that matters."""
        return cast("list[R]", list(self._rows[TABLES[kind]].values()))

    def row(self, kind: type[R], key: Key) -> R | None:
        """Return the row with this primary key."""
        return cast("R | None", self._rows[TABLES[kind]].get(key))

    def forget(self, row: IdempotencyRow) -> None:
        """Remove an answer that was kept."""
        self._rows["idempotency"].pop(PRIMARY_KEYS["idempotency"](row), None)

    def event(self, category: str, id: str, version: int | None) -> Envelope | None:
        """Return one event of a stream."""
        events = self.streams.get(StreamId(category, id), [])
        return events[version - 1] if version and version <= len(events) else None

    def write(self, change: Change) -> None:
        """Insert a row, or replace it by its primary key, or remove what is gone."""
        if isinstance(change, TriggersGone | BufferedExpired):
            self._purge(change)
            return
        table = TABLES[type(change)]
        key = PRIMARY_KEYS[table](change)
        if isinstance(change, TimerGone | BufferedGone | KeyValueGone):
            self._rows[table].pop(key, None)
        else:
            self._rows[table][key] = _settled(storable(change))

    def _purge(self, gone: TriggersGone | BufferedExpired) -> None:
        match gone:
            case TriggersGone():
                before = to_micros(gone.ended_before_at) / 1_000_000
                for row in self.rows(TriggerRow):
                    ended = row.ended_at is not None and row.ended_at < before
                    if ended and row.project == gone.project:
                        del self._rows["triggers"][row.id]
            case BufferedExpired():
                before = to_micros(gone.expired_before_at) / 1_000_000
                for kept in self.rows(BufferedRow):
                    if kept.expires_at < before and kept.project == gone.project:
                        del self._rows["buffered"][kept.stream, kept.version]


def _settled(row: Row) -> Row:
    """Round the instants of a row to what a timestamp keeps."""
    cells = {name: getattr(row, name) for name in _INSTANTS[type(row)]}
    rounded = {name: to_micros(at) / 1_000_000 for name, at in cells.items() if at is not None}
    return replace(row, **rounded) if rounded else row
