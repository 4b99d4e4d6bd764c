"""A batch of appends as the parameters of `sql/append.sql`.

Streams, events and the rows of each view travel as one JSON array each: an unnest of many arrays
costs the server a function and a store for each column, and the client an array, which at a row or
two a batch is most of the statement.  Columns go by name, so a process that was started before a
column was added goes on working after the migration.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from mainspring.domain.envelope import Envelope, Meta, to_micros
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


class _Stream(msgspec.Struct):
    """A stream as `append.sql` reads it."""

    n: int
    category: str
    id: str
    expected: int
    expected_hash: str
    version: int
    hash: str
    project: str


class _Event(msgspec.Struct):
    """An event as `append.sql` reads it, but for its body and its metadata."""

    n: int
    place: int
    category: str
    stream_id: str
    version: int
    id: str
    type: str
    schema_version: int
    project: str
    recorded_at: float
    hash: str


def parameters_of(appends: Sequence[Append]) -> tuple[frozenset[str], list[Any]]:
    """Return which views are written to, and the parameters of `append.sql` cut down to those.

    No stream may occur twice in `appends`.
    """
    streams: list[_Stream] = []
    events: list[_Event] = []
    bodies: list[bytes] = []
    metas: list[Meta] = []
    rows: dict[type[Change], list[bytes]] = {}
    for n, append in enumerate(appends, start=1):
        streams.append(_stream(n, append))
        for envelope in append.events:
            bodies.append(envelope.body)
            metas.append(envelope.meta)
            events.append(_event(n, len(bodies), envelope))
        for change in last_per_key(append.changes):
            rows.setdefault(type(change), []).append(_row(n, change))
    columns: list[Any] = [_encode(streams), _encode(events), bodies, metas]
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


def _stream(n: int, append: Append) -> _Stream:
    last, expected = append.events[-1], append.expected
    return _Stream(
        n,
        *append.stream,
        expected.version,
        _hex(expected.hash),
        last.version,
        _hex(last.hash),
        last.project,
    )


def _event(n: int, place: int, e: Envelope) -> _Event:
    return _Event(
        n,
        place,
        *e.stream,
        e.version,
        e.id,
        e.type,
        e.schema_version,
        e.project,
        e.recorded_at,
        _hex(e.hash),
    )


def _hex(digest: bytes) -> str:
    return "\\x" + digest.hex()
