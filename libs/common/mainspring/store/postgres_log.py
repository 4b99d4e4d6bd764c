"""The event log on Postgres: one statement an append, one lock for the order, one writer.

An append whose outcome is in doubt (the connection broke, perhaps after the commit) is sent again:
either it now succeeds, or its stream has moved and the log holds its very hashes, and it answers
as the first time.  So a broken connection costs time, never an answer.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import lru_cache
from itertools import islice
from time import perf_counter
from typing import Any, Final, TypeAlias

import asyncpg
import msgspec
from asyncpg.prepared_stmt import PreparedStatement

from mainspring.domain.envelope import Envelope, Meta, StreamId
from mainspring.domain.errors import Corrupt
from mainspring.ports import Append, Appended, Refused
from mainspring.store.connection import AWAY, Connection, Link, Record, patiently
from mainspring.store.group_commit import GroupCommit, Outcome
from mainspring.store.parameters import VIEWS, parameters_of
from mainspring.store.pruning import append_for
from mainspring.store.statements import SQL
from mainspring.telemetry.metrics import note_append

Prepared: TypeAlias = "PreparedStatement[Record]"

OPTIONAL: Final = tuple(VIEWS.values())

_ALONE: Final = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.CardinalityViolationError,
    asyncpg.DataError,
)
"""What one append of a batch can do to the whole statement: it is found by halving."""


class Writer:
    """The one connection that appends, made again whenever it breaks."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], patience: float) -> None:
        self._connect = connect
        self._patience = patience
        self._connection: Connection | None = None
        self._statements: dict[frozenset[str], Prepared] = {}

    async def write(self, appends: Sequence[Append]) -> list[Outcome]:
        """Write the appends in one transaction and answer for each.  Raises `LogUnavailable`."""
        began = perf_counter()
        outcomes = await patiently(lambda: self._try(appends), patience=self._patience)
        _measure(appends, outcomes, perf_counter() - began)
        return outcomes

    async def close(self) -> None:
        """Close the connection; a later write would make a new one."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            await connection.close(timeout=5)

    async def _try(self, appends: Sequence[Append]) -> list[Outcome]:
        try:
            connection = self._connection
            if connection is None or connection.is_closed():
                self._connection = await self._connect()
                self._statements.clear()
            return await self._append(appends)
        except AWAY:
            # In doubt: perhaps it was committed.  Nothing more may be read from this connection.
            if self._connection is not None:
                self._connection.terminate()
            self._connection = None
            raise

    async def _append(self, appends: Sequence[Append]) -> list[Outcome]:
        try:
            row = await self._run(appends)
        except _ALONE as error:
            if len(appends) == 1:
                return [_outcome_of(error, appends[0])]
            # Nothing was written.  Halving finds the culprit; its neighbours share transactions.
            half = len(appends) // 2
            return [*await self._append(appends[:half]), *await self._append(appends[half:])]
        accepted, positions = row
        place = iter(positions or ())
        outcomes: list[Outcome] = [
            Appended(tuple(islice(place, len(append.events)))) if ok else Refused("conflict")
            for append, ok in zip(appends, accepted, strict=True)
        ]
        return outcomes if all(accepted) else await self._recognise(appends, outcomes)

    async def _run(self, appends: Sequence[Append]) -> Record:
        views, columns = parameters_of(appends)
        statement = self._statements.get(views) or await self._prepared(views)
        rows = await statement.fetch(*columns)
        return rows[0]

    async def _prepared(self, views: frozenset[str]) -> Prepared:
        assert self._connection is not None  # noqa: S101 - `_try` has made it
        statement = await self._connection.prepare(append_for(views, OPTIONAL))
        self._statements[views] = statement
        return statement

    async def _recognise(self, appends: Sequence[Append], outcomes: list[Outcome]) -> list[Outcome]:
        """Answer `Appended` for refused streams whose events are in the log already."""
        assert self._connection is not None  # noqa: S101 - it has just refused something
        places = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Refused)]
        cells = [_whereabouts(appends[n]) for n in places]
        found = await self._connection.fetch(SQL["append_repeated"], *zip(*cells, strict=True))
        for row in found:
            outcomes[places[row["n"] - 1]] = Appended(tuple(row["positions"]))
        return outcomes


def _measure(appends: Sequence[Append], outcomes: Sequence[Outcome], seconds: float) -> None:
    pairs = list(zip(appends, outcomes, strict=True))
    written = [append for append, outcome in pairs if isinstance(outcome, Appended)]
    events = sum(len(append.events) for append in written)
    refused = [outcome.why for outcome in outcomes if isinstance(outcome, Refused)]
    note_append(len(written), events, refused, seconds)


def _whereabouts(append: Append) -> tuple[str, str, int, int, bytes]:
    first, last = append.events[0], append.events[-1]
    return (append.stream.category, append.stream.id, first.version, last.version, last.hash)


def _outcome_of(error: asyncpg.PostgresError, append: Append) -> Outcome:
    """Say what an error of the statement means for the only append in it."""
    constraint = getattr(error, "constraint_name", None)
    table, column = getattr(error, "table_name", None), getattr(error, "column_name", None)
    if constraint in ("definitions_one_name", "triggers_one_waiting_key", "starters_one_key"):
        return Refused("name_taken")
    if (table, column) == ("idempotency", "at"):
        return Refused("key_taken")
    wrong = Corrupt(f"stream {append.stream} cannot be appended to: {error!r}")
    wrong.__cause__ = error
    return wrong


class PostgresLog:
    """The EventLog port on Postgres."""

    def __init__(self, writer: Writer, link: Link) -> None:
        self.commits = GroupCommit(writer.write)
        self._link = link

    async def append(self, batch: Sequence[Append]) -> list[Appended | Refused]:
        """Write each stream whole or not at all; durable when it returns."""
        return await self.commits.append(batch)

    async def read(
        self, streams: Sequence[StreamId], *, after: int = 0
    ) -> dict[StreamId, list[Envelope]]:
        """Return the events of each stream with a version above `after`."""
        events: dict[StreamId, list[Envelope]] = {stream: [] for stream in streams}
        if not events:
            return events
        rows = await self._link.find(SQL["read"], *zip(*events, strict=True), after)
        for row in rows:
            envelope = envelope_of(row)
            events[envelope.stream].append(envelope)
        return events

    async def read_all(
        self,
        *,
        after: int,
        limit: int,
        project: str | None = None,
        stream: StreamId | None = None,
        types: Sequence[str] = (),
    ) -> list[Envelope]:
        """Return events with a position above `after`, in order, at most `limit`."""
        common = (after, types, limit)
        if stream is not None:
            rows = await self._link.find(SQL["read_stream"], *common, project, *stream)
        elif project is not None:
            rows = await self._link.find(SQL["read_project"], *common, project)
        else:
            rows = await self._link.find(SQL["read_all"], *common)
        return envelopes_of(rows)

    async def read_newest(
        self,
        project: str,
        *,
        types: Sequence[str],
        before: int | None = None,
        actor: str | None = None,
        limit: int,
    ) -> list[Envelope]:
        """Return a project's events of some types, newest first."""
        asked = (project, types, before, actor, limit)
        return envelopes_of(await self._link.find(SQL["read_newest"], *asked))

    async def head_position(self) -> int:
        """Return the position of the newest event, 0 for an empty log."""
        rows = await self._link.find(SQL["head_position"])
        return rows[0][0]


def envelopes_of(rows: Iterable[Record]) -> list[Envelope]:
    """Return the events in rows of the log."""
    return [envelope_of(row) for row in rows]


def envelope_of(row: "Record | Sequence[Any]") -> Envelope:
    """Return the event in a row of the log; raise `Corrupt` when its metadata cannot be read."""
    position, category, stream_id, version, id, type, schema, body, meta, project, at, hash = row
    return Envelope(
        stream=StreamId(category, stream_id),
        version=version,
        id=str(id),
        type=type,
        schema_version=schema,
        body=body,
        meta=meta_of(meta),
        project=project,
        recorded_at=at,
        hash=hash,
        position=position,
    )


@lru_cache(maxsize=256)
def meta_of(text: bytes) -> Meta:
    """Return the metadata in a cell; the engine's own is nearly always the same few bytes."""
    try:
        return msgspec.json.decode(text, type=Meta)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"metadata cannot be read: {error}") from error
