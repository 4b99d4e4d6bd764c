"""A whole stream to the rows that follow from it: the live projection, run from the beginning."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias, cast

from mainspring.domain import catalog, kv, starters, triggers
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import Envelope
from mainspring.domain.errors import Corrupt
from mainspring.domain.execution.events import ExecutionRequested
from mainspring.domain.execution.history import event_of
from mainspring.domain.execution.state import absent
from mainspring.domain.rows import BufferedRow, Change, DefinitionRow, KeyValueRow, StarterRow
from mainspring.domain.upcast import event_in
from mainspring.store.changes import last_per_key
from mainspring.store.views import (
    project,
    project_buffer,
    project_catalog,
    project_kv,
    project_purge,
    project_request,
    project_starter,
)

UNSEEN: Final = frozenset({"gate"})
"""Categories of streams that no row follows from; such a stream may be longer than memory is."""

_FIRED: Final = starters.StarterFired.__name__

Compiled: TypeAlias = Callable[[str], Awaitable[Definition]]
"""What finds a compiled definition by its hash."""


async def fold(stream: Sequence[Envelope], compiled: Compiled) -> list[Change]:
    """Return the rows that hold after all events of one stream.  Raises `Corrupt`."""
    if stream[0].stream.category in UNSEEN:
        return []
    if stream[0].stream.category == "execution":
        return last_per_key(await _execution(stream, compiled))
    match stream[0].stream.category:
        case "buffer":
            return _buffer(stream)
        case "project":
            return last_per_key(
                change
                for envelope in stream
                for change in project_purge(
                    envelope, cast("triggers.TriggersPurged", event_in(envelope))
                )
            )
        case "request":
            return [change for envelope in stream for change in project_request(envelope)]
        case "kv":
            return last_per_key(_key(stream))
        case "starter":
            return fold_starter(stream)
        case _:
            return last_per_key(_catalog(stream))


async def _execution(stream: Sequence[Envelope], compiled: Compiled) -> list[Change]:
    events = [event_of(envelope) for envelope in stream]
    first = events[0]
    if not isinstance(first, ExecutionRequested):
        raise Corrupt(f"{stream[0].stream} begins with {stream[0].type}")
    definition = await compiled(first.definition)
    changes, _ = project(absent(stream[0].stream.id, definition), stream, events)
    return changes


def _buffer(stream: Sequence[Envelope]) -> list[Change]:
    changes: list[Change] = []
    rows: dict[int, BufferedRow] = {}
    for envelope in stream:
        event = cast("triggers.Buffering", event_in(envelope))
        kept = None if isinstance(event, triggers.EventBuffered) else rows.get(event.kept)
        new = project_buffer(envelope, event, kept)
        rows |= {row.version: row for row in new if isinstance(row, BufferedRow)}
        changes += new
    return last_per_key(changes)


def _key(stream: Sequence[Envelope]) -> list[Change]:
    changes: list[Change] = []
    row: KeyValueRow | None = None
    for envelope in stream:
        event = cast("kv.Event", event_in(envelope))
        new = project_kv(envelope, event, row)
        row = next((change for change in new if isinstance(change, KeyValueRow)), None)
        changes += new
    return changes


def fold_starter(stream: Sequence[Envelope], before: StarterRow | None = None) -> list[Change]:
    """Return the rows after more events of a starter, whose row was `before` till then."""
    changes: list[Change] = []
    for envelope in stream:
        new = project_starter(envelope, cast("starters.Event", event_in(envelope)), before)
        before = next((change for change in new if isinstance(change, StarterRow)), before)
        changes += new
    return last_per_key(changes)


def thinned(stream: Sequence[Envelope]) -> list[Envelope]:
    """Return a starter's events without the firings that a later one has overtaken.

    A schedule fires for years, and nothing of its row follows from any firing but the last.
    """
    last = max((one.version for one in stream if one.type == _FIRED), default=0)
    return [one for one in stream if one.type != _FIRED or one.version == last]


def _catalog(stream: Sequence[Envelope]) -> list[Change]:
    changes: list[Change] = []
    row: DefinitionRow | None = None
    for envelope in stream:
        new = project_catalog(envelope, cast("catalog.Event", event_in(envelope)), row)
        row = next((change for change in new if isinstance(change, DefinitionRow)), row)
        changes += new
    return changes
