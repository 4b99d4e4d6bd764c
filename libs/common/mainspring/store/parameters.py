"""A batch of appends as the arrays that `sql/append.sql` unnests.

The order of the groups, and of the columns in each, is the order of the statement's parameters; a
row's columns are its struct's fields.  Arrays by column, and not one array of a table's row type:
a process that was started before a column was added goes on working after the migration.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from mainspring.domain.envelope import Envelope
from mainspring.domain.rows import (
    AttemptRow,
    AuditRow,
    Change,
    CompiledRow,
    DefinitionRow,
    ExecutionRow,
    IdempotencyRow,
    StepRow,
    TimerGone,
    TimerRow,
)
from mainspring.ports import Append
from mainspring.store.changes import last_per_key

Cells: TypeAlias = tuple[Any, ...]

STREAM_WIDTH: Final = 7
EVENT_WIDTH: Final = 12
ROWS: Final[tuple[type[Change], ...]] = (
    ExecutionRow,
    StepRow,
    AttemptRow,
    TimerRow,
    TimerGone,
    CompiledRow,
    DefinitionRow,
    AuditRow,
    IdempotencyRow,
)
"""The kinds of rows in the order of their groups in the statement."""

_astuple = msgspec.structs.astuple


def arrays_of(appends: Sequence[Append]) -> list[Sequence[Any]]:
    """Return the parameters of `append.sql`; no stream may occur twice in `appends`."""
    streams: list[Cells] = []
    events: list[Cells] = []
    rows: dict[type[Change], list[Cells]] = {kind: [] for kind in ROWS}
    for n, append in enumerate(appends, start=1):
        streams.append(_stream(append))
        events += [_event(n, envelope) for envelope in append.events]
        for change in last_per_key(append.changes):
            rows[type(change)].append((n, *_astuple(change)))
    columns = [*_columns(streams, STREAM_WIDTH), *_columns(events, EVENT_WIDTH)]
    for kind in ROWS:
        columns += _columns(rows[kind], 1 + len(kind.__struct_fields__))
    return columns


def _stream(append: Append) -> Cells:
    last = append.events[-1]
    return (*append.stream, *append.expected, last.version, last.hash, last.project)


def _event(n: int, e: Envelope) -> Cells:
    return (
        n,
        *e.stream,
        e.version,
        e.id,
        e.type,
        e.schema_version,
        e.body,
        e.meta,
        e.project,
        e.recorded_at,
        e.hash,
    )


def _columns(rows: list[Cells], width: int) -> Iterable[Sequence[Any]]:
    """Turn rows into columns; without rows there are `width` empty columns."""
    return zip(*rows, strict=True) if rows else [()] * width
