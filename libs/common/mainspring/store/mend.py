"""Writes the rows of one stream anew from the log, as `rebuild` does for all of them.

The stream is folded while everyone goes on writing; then appends are stopped for a moment, and the
rows are written if the stream has not grown meanwhile.  What was purged stays purged, which the
log of one stream does not tell: of what has ended, only what is there is written.  Rival lost:
updating the cells that differ (whoever doubts a row should not reason about which of it to trust).
"""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import msgspec

from mainspring.domain.catalog import DefinitionCompiled
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import Envelope, StreamId
from mainspring.domain.errors import Corrupt, LogUnavailable
from mainspring.domain.rows import (
    ApprovalRow,
    AttemptRow,
    BufferedRow,
    Change,
    ExecutionRow,
    StarterRow,
    StepRow,
    TimerRow,
    TriggerRow,
)
from mainspring.domain.upcast import event_in
from mainspring.store.changes import TABLES, storable
from mainspring.store.connection import AWAY, Connection, Record, prepare
from mainspring.store.fold import fold, thinned
from mainspring.store.postgres_log import envelopes_of
from mainspring.store.statements import SQL

MENDED: Final = (
    ExecutionRow,
    StepRow,
    AttemptRow,
    TimerRow,
    TriggerRow,
    ApprovalRow,
    StarterRow,
    BufferedRow,
)
"""What something may wait for.  Answers that are kept, and the audit, move nothing."""

PAGE: Final = 2_000
TRIES: Final = 20


@asynccontextmanager
async def mending(dsn: str) -> AsyncGenerator["Mend"]:
    """Yield what writes rows anew, on a connection of its own."""
    connection = await asyncpg.connect(
        dsn,
        timeout=30,
        server_settings={"application_name": "mainspring-doctor", "lock_timeout": "10s"},
    )
    try:
        await prepare(connection)
        yield Mend(connection)
    finally:
        await connection.close()


class Mend:
    """Writes the rows of streams anew, one stream at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rows(self, stream: StreamId, *, now: float) -> int:
        """Write the rows of a stream anew; return how many were not as the log has them.

        Durable when it returns.  Raises `Corrupt` when the stream cannot be folded, or when what
        it says cannot stand beside the rows of others, and `LogUnavailable`.
        """
        try:
            for _ in range(TRIES):
                events = await self._read(stream)
                wanted = await fold(events, self._definition) if events else []
                changed = await self._replace(stream, events, wanted, now)
                if changed is not None:
                    return changed
        except AWAY as away:
            raise LogUnavailable(f"the event log does not answer: {away!r}") from away
        except asyncpg.IntegrityConstraintViolationError as taken:
            raise Corrupt(f"the rows of {stream} contradict those of another: {taken}") from taken
        raise LogUnavailable(f"{stream} is being written to all the time")

    async def _read(self, stream: StreamId) -> list[Envelope]:
        events: list[Envelope] = []
        version = 0
        while page := envelopes_of(
            await self._connection.fetch(SQL["walk_stream"], *stream, version, PAGE)
        ):
            events, version = [*events, *page], page[-1].version
            if stream.category == "starter":
                events = thinned(events)
        return events

    async def _replace(
        self, stream: StreamId, events: Sequence[Envelope], wanted: Iterable[Change], now: float
    ) -> int | None:
        """Write rows in the place of others; None when the stream has grown meanwhile."""
        async with self._connection.transaction():
            await self._connection.execute(SQL["mend_lock"])
            head = await self._connection.fetchval(SQL["mend_head"], *stream) or 0
            if head != (events[-1].version if events else 0):
                return None
            before = await self._connection.fetch(SQL["mend_seen"], *stream)
            there = {(row["view"], row["key"]) for row in before}
            rows = [row for row in wanted if _belongs(row, there, now)]
            await self._connection.execute(SQL["mend_forget"], *stream)
            await self._write(rows)
            return _apart(before, await self._connection.fetch(SQL["mend_seen"], *stream))

    async def _write(self, rows: Sequence[Change]) -> None:
        for kind in MENDED:
            await self._connection.copy_records_to_table(
                TABLES[kind],
                records=[
                    msgspec.structs.astuple(storable(row)) for row in rows if isinstance(row, kind)
                ],
                columns=kind.__struct_fields__,
                schema_name="mainspring",
            )

    async def _definition(self, hash: str) -> Definition:
        rows = await self._connection.fetch(SQL["walk_stream"], "compiled", hash, 0, 1)
        event = event_in(envelopes_of(rows)[0]) if rows else None
        if not isinstance(event, DefinitionCompiled):
            raise Corrupt(f"no compiled definition {hash}")
        return event.definition


def _belongs(row: Change, there: set[tuple[str, str]], now: float) -> bool:
    """Say whether a row is to be written: not when a purge may have removed it."""
    match row:
        case TriggerRow(ended_at=float()):
            return ("triggers", row.id) in there
        case BufferedRow(trigger=None) if row.expires_at <= now:
            return ("buffered", str(row.version)) in there
        case _:
            return isinstance(row, MENDED)


def _apart(before: Sequence[Record], after: Sequence[Record]) -> int:
    """Return how many rows came, went or became others."""
    old = Counter((row["view"], row["row"]) for row in before)
    new = Counter((row["view"], row["row"]) for row in after)
    return max((old - new).total(), (new - old).total())
