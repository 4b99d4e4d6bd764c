"""A batch of appends as the parameters of `sql/append.sql`.

Streams and events travel as arrays by column, the rows of each view as one JSON array: an unnest
of many arrays costs the server a function and a store for each column, which at a row or two a
batch is most of the statement.  Columns go by name, so a process that was started before a column
was added goes on working after the migration.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import msgspec

from mainspring.domain.envelope import Envelope, to_micros
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
from mainspring.ports import Append
from mainspring.store.changes import last_per_key, storable

Cells: TypeAlias = tuple[Any, ...]

VIEWS: Final[dict[type[Change], str]] = {
    ExecutionRow: "executions",
    StepRow: "steps",
    AttemptRow: "attempts",
    TimerRow: "timers",
    TimerGone: "timers_gone",
    CompiledRow: "compiled",
    DefinitionRow: "definitions",
    AuditRow: "audit",
    IdempotencyRow: "idempotency",
    TriggerRow: "triggers",
    TriggersGone: "triggers_gone",
    ApprovalRow: "approvals",
    BufferedRow: "buffered",
    BufferedGone: "buffered_gone",
    BufferedExpired: "buffered_expired",
    KeyValueRow: "kv",
    KeyValueGone: "kv_gone",
    StarterRow: "starters",
}
"""The kinds of rows in the order of their parameters, with the part that writes each."""

ROWS: Final = tuple(VIEWS)

_INSTANTS: Final[dict[type[Change], tuple[str, ...]]] = {
    kind: tuple(name for name in kind.__struct_fields__ if name.endswith("_at") or name == "at")
    for kind in ROWS
}
_encode = msgspec.json.Encoder().encode


def parameters_of(appends: Sequence[Append]) -> tuple[frozenset[str], list[Any]]:
    """Return which views are written to, and the parameters of `append.sql` cut down to those.

    No stream may occur twice in `appends`.
    """
    streams: list[Cells] = []
    events: list[Cells] = []
    rows: dict[type[Change], list[bytes]] = {}
    for n, append in enumerate(appends, start=1):
        streams.append(_stream(append))
        events += [_event(n, envelope) for envelope in append.events]
        for change in last_per_key(append.changes):
            rows.setdefault(type(change), []).append(_row(n, change))
    columns: list[Any] = [*zip(*streams, strict=True), *zip(*events, strict=True)]
    columns += [b"[" + b",".join(rows[kind]) + b"]" for kind in ROWS if kind in rows]
    return frozenset(VIEWS[kind] for kind in rows), columns


def _row(n: int, change: Change) -> bytes:
    """Return a row as a JSON object that begins with the place of its stream.

    Instants are rounded here, to the log's microseconds: a server that rounds the same seconds may
    take the neighbour of a tie.
    """
    instants = {
        name: to_micros(at) / 1_000_000
        for name in _INSTANTS[type(change)]
        if (at := getattr(change, name)) is not None
    }
    row = replace(change, **instants)
    encoded = _encode(row)
    if b"\\u0000" in encoded:
        encoded = _encode(storable(row))
    return b'{"n":%d,%b' % (n, encoded[1:])


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
