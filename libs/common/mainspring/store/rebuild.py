"""Builds the views anew from the log, beside the live ones, and swaps them in one transaction.

The new tables are made from `schema.sql` in a schema of their own and filled while everyone goes on
writing; streams that changed meanwhile are folded again, the last of them with the writers stopped
for a moment, and then the tables change places.  A process that dies leaves the live views as they
are.  Rivals lost: emptying the live tables (nobody could read for as long as it takes), and
applying events one by one in the log's order (each row would be written as often as it changed).
"""

from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import asyncpg
import msgspec

from mainspring.domain.catalog import DefinitionCompiled
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import Envelope
from mainspring.domain.errors import Corrupt, LogUnavailable
from mainspring.domain.rows import (
    BufferedExpired,
    BufferedGone,
    Change,
    IdempotencyRow,
    KeyValueGone,
    StarterRow,
    TimerGone,
    TriggersGone,
)
from mainspring.domain.upcast import event_in
from mainspring.store.changes import TABLES
from mainspring.store.connection import Connection, prepare
from mainspring.store.fold import UNSEEN, fold, fold_starter, thinned
from mainspring.store.migrate import applied, expected
from mainspring.store.postgres_log import envelopes_of
from mainspring.store.records import row_in
from mainspring.store.statements import SQL

BATCH: Final = 2_000
SWAP_TRIES: Final = 5

_HERE = files("mainspring.store")
SHADOW_SCHEMA: Final = "mainspring_rebuilt"
SHADOW: Final = (
    _HERE.joinpath("schema.sql")
    .read_text("utf-8")
    .replace("schema mainspring;", f"schema {SHADOW_SCHEMA};")
    .replace(" mainspring.", f" {SHADOW_SCHEMA}.")
)
"""The whole schema under another name: the new views are made as the live ones were."""

SWAP: Final = _HERE.joinpath("rebuild_swap.sql").read_text("utf-8")


class Rebuilt(msgspec.Struct, frozen=True):
    """How much was folded into how many rows."""

    events: int
    streams: int
    rows: int


async def rebuild(
    dsn: str,
    progress: Callable[[str], object] = lambda _line: None,
    *,
    batch: int = BATCH,
    lock_timeout: str = "5s",
) -> Rebuilt:
    """Put freshly built views in the place of the live ones; these stay when anything is raised.

    `lock_timeout` bounds each try to stop the writers, who wait behind it.
    Raises `Corrupt` when the log cannot be folded or the schema is not this code's, and
    `LogUnavailable` when readers leave no moment for the swap.
    """
    connection = await asyncpg.connect(
        dsn,
        timeout=30,
        server_settings={"application_name": "mainspring-rebuild"},
    )
    try:
        await prepare(connection)
        # Nobody migrates meanwhile, and a second rebuild waits.
        await connection.execute(SQL["migrations_lock"])
        await connection.fetch(SQL["lock_timeout"], lock_timeout)
        if await applied(connection) != expected():
            raise Corrupt("the schema of this database is not the one of this code")
        await connection.execute(SQL["rebuild_clear"])
        await connection.execute(SHADOW)
        # Streams are read at different instants, so a key may seem to wait twice until the swap.
        await connection.execute(SQL["rebuild_loosen"])
        return await Builder(connection, progress, batch).run()
    finally:
        await connection.close()


class Builder:
    """One rebuild: walks the log, writes the rows, follows what changes, swaps."""

    def __init__(
        self, connection: Connection, progress: Callable[[str], object], batch: int
    ) -> None:
        self._connection = connection
        self._progress = progress
        self._batch = batch
        self._compiled: dict[str, Definition] = {}
        self._waiting: dict[type[Change], list[tuple[Any, ...]]] = {}
        self._purges: dict[type[Change], list[tuple[Any, ...]]] = {
            TriggersGone: [],
            BufferedExpired: [],
        }
        self._events = self._streams = self._rows = 0

    async def run(self) -> Rebuilt:
        """Build and swap; return how much it was."""
        # Positions rise with commits: what the walk may miss stands behind this one.
        seen = await self._head()
        await self._walk()
        seen = await self._follow(seen)
        for _ in range(SWAP_TRIES):
            try:
                await self._swap(seen)
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                self._progress("readers were in the way, trying again")
            else:
                return Rebuilt(self._events, self._streams, self._rows)
        raise LogUnavailable("readers left no moment for the swap; the live views are untouched")

    async def _head(self) -> int:
        return await self._connection.fetchval(SQL["head_position"])

    async def _walk(self) -> None:
        """Fold the whole log, stream by stream."""
        stream: list[Envelope] = []
        category, id, version = "", "", 0
        while True:
            page = envelopes_of(
                await self._connection.fetch(SQL["walk_log"], category, id, version, self._batch)
            )
            if not page:
                break
            for _, events in groupby(page, attrgetter("stream")):
                part = list(events)
                if part[0].stream.category in UNSEEN:
                    self._events += len(part)
                    self._streams += part[0].version == 1
                    continue
                if stream and stream[0].stream != part[0].stream:
                    await self._fold(stream)
                    stream = []
                self._events += len(part)
                stream += part
                if part[0].stream.category == "starter":
                    stream = thinned(stream)
            (category, id), version = page[-1].stream, page[-1].version
            await self._flush()
            self._progress(f"folded {self._events} events of {self._streams} streams")
        if stream:
            await self._fold(stream)
        await self._flush()

    async def _follow(self, after: int) -> int:
        """Fold the streams again that have events behind a position; return the new position."""
        head = await self._head()
        found = await self._connection.fetch(SQL["rebuild_changed"], after, head)
        seen = [row for row in found if row["category"] not in UNSEEN]
        await self._go_on([row["stream_id"] for row in seen if row["category"] == "starter"])
        changed = [row for row in seen if row["category"] != "starter"]
        for start in range(0, len(changed), self._batch):
            part = list(zip(*changed[start : start + self._batch], strict=True))
            await self._connection.fetch(SQL["rebuild_forget"], *part)
            events = envelopes_of(await self._connection.fetch(SQL["read"], *part, 0))
            for _, stream in groupby(events, attrgetter("stream")):
                whole = list(stream)
                self._events += len(whole)
                await self._fold(whole)
            await self._flush()
        self._progress(f"folded {len(seen)} streams again that had changed")
        return head

    async def _go_on(self, ids: Sequence[str]) -> None:
        """Fold what is new of starters onto their rows: their streams may be long."""
        found = await self._connection.fetch(SQL["rebuild_starters"], ids)
        rows = {row["id"]: row_in(StarterRow, row) for row in found}
        for id in ids:
            row = rows.get(id)
            version = 0 if row is None else row.stream_version
            new = list[Envelope]()
            while page := envelopes_of(
                await self._connection.fetch(
                    SQL["walk_stream"], "starter", id, version, self._batch
                )
            ):
                new, version = thinned([*new, *page]), page[-1].version
                self._events += len(page)
            for change in [*([row] if row else []), *fold_starter(new, row)]:
                self._waiting.setdefault(type(change), []).append(msgspec.structs.astuple(change))
        latest = {row[0]: row for row in self._waiting.get(StarterRow, [])}
        if latest:
            self._waiting[StarterRow] = list(latest.values())
        await self._flush()

    async def _swap(self, seen: int) -> None:
        async with self._connection.transaction():
            await self._connection.execute(SQL["rebuild_stop_writers"])
            await self._follow(seen)
            await self._purge()
            await self._connection.execute(SWAP)
        self._progress("swapped")

    async def _purge(self) -> None:
        for kind, name in ((TriggersGone, "rebuild_purge"), (BufferedExpired, "rebuild_expire")):
            await self._connection.executemany(SQL[name], self._purges[kind])

    async def _fold(self, stream: Sequence[Envelope]) -> None:
        self._streams += 1
        for change in await fold(stream, self._definition):
            self._waiting.setdefault(type(change), []).append(msgspec.structs.astuple(change))

    async def _definition(self, hash: str) -> Definition:
        found = self._compiled.get(hash)
        if found is not None:
            return found
        rows = await self._connection.fetch(SQL["walk_stream"], "compiled", hash, 0, 1)
        event = event_in(envelopes_of(rows)[0]) if rows else None
        if not isinstance(event, DefinitionCompiled):
            raise Corrupt(f"no compiled definition {hash}")
        self._compiled[hash] = event.definition
        return event.definition

    async def _flush(self) -> None:
        """Write the rows that have been folded."""
        waiting, self._waiting = self._waiting, {}
        for gone in (TimerGone, BufferedGone, KeyValueGone):
            waiting.pop(gone, None)  # nothing stands there that it could remove
        for purge in (TriggersGone, BufferedExpired):
            # Applied at the end: what was purged may be folded later than the purge.
            self._purges[purge] += waiting.pop(purge, [])
        for kind, rows in waiting.items():
            self._rows += len(rows)
            await self._write(kind, rows)

    async def _write(self, kind: type[Change], rows: Iterable[tuple[Any, ...]]) -> None:
        if kind is IdempotencyRow:
            # Alone in this: streams share a key when the first one's day is over.
            await self._connection.executemany(SQL["rebuild_idempotency"], rows)
            return
        await self._connection.copy_records_to_table(
            TABLES[kind],
            records=rows,
            columns=kind.__struct_fields__,
            schema_name=SHADOW_SCHEMA,
        )
