"""Proves that the log is what was appended to it, or names the first event that does not fit.

Streams are walked one after the other, so memory does not grow with the log: every event's hash is
computed again from the one before it, versions must have no gap, positions must rise, and each
stream must end where `streams` says, so a cut-off tail is seen too.  All is read in one snapshot;
writers go on meanwhile.  The rival, a walk by position, holds the head of every stream in memory.
"""

from collections.abc import Callable, Iterable
from typing import Final

import asyncpg
import msgspec
from asyncpg.transaction import Transaction

from mainspring.domain.envelope import (
    EMPTY,
    Envelope,
    Head,
    StreamId,
    content_hash,
    event_id,
    head_of,
)
from mainspring.domain.errors import Corrupt
from mainspring.store.connection import READ_SETTINGS, Connection, Record, prepare
from mainspring.store.postgres_log import envelope_of
from mainspring.store.statements import SQL

BATCH: Final = 2_000


class Fault(msgspec.Struct, frozen=True):
    """The event at which a stream stops fitting, and why; `position` 0 when there is no event."""

    stream: StreamId
    version: int
    position: int
    why: str


class Verdict(msgspec.Struct, frozen=True):
    """What was walked, in how many streams something is wrong, and the earliest fault of all."""

    events: int
    streams: int
    faults: int = 0
    first: Fault | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything fits."""
        return self.first is None


class Walk:
    """The state of a walk: the stream it is in, and what was found so far."""

    def __init__(self) -> None:
        self.events = 0
        self.streams = 0
        self.faults: dict[StreamId, Fault] = {}
        self.last: Envelope | None = None
        self._head: Head = EMPTY

    def step(self, event: Envelope, text: bytes) -> Envelope | None:
        """Judge one event; return the last event of the stream before, when that has ended."""
        ended = None
        if self.last is None or self.last.stream != event.stream:
            ended, self.last, self._head = self.last, None, EMPTY
            self.streams += 1
        self.events += 1
        why = self._judge(event, text)
        if why:
            self.blame(event, why)
        self.last, self._head = event, head_of(event)
        return ended

    def blame(self, event: Envelope, why: str) -> None:
        """Note a fault, unless an earlier event of that stream has one."""
        fault = Fault(event.stream, event.version, event.position, why)
        self.faults.setdefault(event.stream, fault)

    def _judge(self, event: Envelope, text: bytes) -> str:
        version, previous = self._head
        if event.version != version + 1:
            return f"version {version + 1} is missing before it"
        if self.last and event.position <= self.last.position:
            return f"its position is not above {self.last.position}, that of the version before"
        if self.last and event.project != self.last.project:
            return f"its project is not {self.last.project!r}, that of the version before"
        if content_hash(previous, event) != event.hash or msgspec.json.encode(event.meta) != text:
            return "its hash does not match what it says and the event before it"
        if event_id(event.recorded_at, event.hash) != event.id:
            return "its id does not follow from its hash"
        return ""

    def verdict(self) -> Verdict:
        """Return what was found."""
        by_position = sorted(self.faults.values(), key=lambda fault: fault.position)
        first = by_position[0] if by_position else None
        return Verdict(self.events, self.streams, len(by_position), first)


async def verify(
    dsn: str,
    *,
    stream: StreamId | None = None,
    progress: Callable[[int], object] = lambda _events: None,
    batch: int = BATCH,
) -> Verdict:
    """Walk a stream, or the whole log, and say whether it is whole; `progress` hears how far."""
    settings = {**READ_SETTINGS, "statement_timeout": "0", "application_name": "mainspring-verify"}
    connection = await asyncpg.connect(dsn, server_settings=settings)
    try:
        await prepare(connection)
        async with _snapshot(connection):
            return await _walk(connection, stream, progress, batch)
    finally:
        await connection.close()


def _snapshot(connection: Connection) -> Transaction:
    return connection.transaction(isolation="repeatable_read", readonly=True)


async def _walk(
    connection: Connection,
    stream: StreamId | None,
    progress: Callable[[int], object],
    batch: int,
) -> Verdict:
    walk = Walk()
    statement = SQL["walk_stream" if stream else "walk_log"]
    category, id = stream or ("", "")
    seen = (category, id, 0)
    while rows := await connection.fetch(statement, *seen, batch):
        ended = [last for row in rows if (last := _step(walk, row))]
        await _compare_heads(connection, walk, ended)
        seen = (rows[-1]["category"], rows[-1]["stream_id"], rows[-1]["version"])
        progress(walk.events)
    await _compare_heads(connection, walk, [walk.last] if walk.last else [])
    await _find_empty(connection, walk, stream)
    return walk.verdict()


def _step(walk: Walk, row: Record) -> Envelope | None:
    try:
        return walk.step(envelope_of(row), row["meta"])
    except Corrupt as error:
        # Its metadata is no metadata; what follows in its stream cannot be judged, but is walked.
        bare = {**row, "meta": b"{}"}
        event = envelope_of(tuple(bare.values()))
        walk.blame(event, str(error))
        return walk.step(event, b"{}")


async def _compare_heads(connection: Connection, walk: Walk, ended: Iterable[Envelope]) -> None:
    """Compare the last events of streams with what `streams` says of them."""
    lasts = {event.stream: event for event in ended}
    if not lasts:
        return
    rows = await connection.fetch(SQL["verify_heads"], *zip(*lasts, strict=True))
    heads = {StreamId(row[0], row[1]): (Head(row[2], row[3]), row[4]) for row in rows}
    for stream, last in lasts.items():
        head, project = heads.get(stream, (EMPTY, last.project))
        if head != head_of(last):
            walk.blame(last, f"it is the last, but the stream's head is at version {head.version}")
        elif project != last.project:
            walk.blame(last, f"the stream belongs to project {project!r}")


async def _find_empty(connection: Connection, walk: Walk, stream: StreamId | None) -> None:
    """Note a stream that has a head and no events at all."""
    if stream is None:
        rows = await connection.fetch(SQL["verify_empty"])
    else:
        rows = await connection.fetch(SQL["verify_heads"], [stream.category], [stream.id])
        rows = rows if walk.events == 0 else []
    for row in rows:
        empty = StreamId(row["category"], row["id"])
        why = f"all {row['version']} events are missing"
        walk.faults.setdefault(empty, Fault(empty, 0, 0, why))
