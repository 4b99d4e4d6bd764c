"""Mainspring's store on PostgreSQL: the log, its views, blobs and snapshots behind one object.

A process has one writer connection, which appends, and a few others, which read.  Rivals lost: a
connection for each append (commits do not share, and the lock makes them queue anyway); an ORM
(nothing here maps objects, and every statement is worth reading).
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import asyncpg

from mainspring.store.connection import (
    AWAY,
    READ_SETTINGS,
    WRITE_SETTINGS,
    Connection,
    Link,
    Pool,
    patiently,
    prepare,
)
from mainspring.store.migrate import current
from mainspring.store.postgres_caches import PostgresBlobs, PostgresSnapshots
from mainspring.store.postgres_log import PostgresLog, Writer
from mainspring.store.postgres_views import PostgresViews

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 25.0
"""Longer than the server's own statement time-out, so that a slow statement ends there."""

READY_TIMEOUT_S = 2.0


class PostgresStore:
    """The ports EventLog, Views, Blobs and Snapshots on one database."""

    def __init__(self, pool: Pool, writer: Writer, *, patience: float) -> None:
        link = Link(pool, patience)
        self.log = PostgresLog(writer, link)
        self.views = PostgresViews(link)
        self.blobs = PostgresBlobs(link)
        self.snapshots = PostgresSnapshots(link)
        self._pool = pool
        self._writer = writer

    @classmethod
    async def open(
        cls,
        dsn: str,
        pool_size: int = 4,
        *,
        application_name: str = "mainspring",
        patience: float = 5.0,
    ) -> "PostgresStore":
        """Return a store with at most `pool_size` connections, one of them the writer's.

        `patience` is how long (in seconds) each call waits for a server that is away before it
        raises `LogUnavailable`; so does this.
        """

        async def connected() -> Pool:
            pool = asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=max(1, pool_size - 1),
                init=prepare,
                reset=_nothing,
                **_options(application_name, READ_SETTINGS),
            )
            return await pool

        pool = await patiently(connected, patience=patience)
        connect = partial(_connect, dsn, _options(application_name, WRITE_SETTINGS))
        return cls(pool, Writer(connect, patience), patience=patience)

    async def ready(self) -> bool:
        """Return whether the server answers and every migration of this code is applied."""
        try:
            async with self._pool.acquire(timeout=READY_TIMEOUT_S) as connection:
                return await current(connection)
        except (*AWAY, asyncpg.PostgresError):
            return False

    async def close(self) -> None:
        """Write what was handed in, then let go of every connection."""
        await self.log.commits.close()
        await self._writer.close()
        await self._pool.close()


def _options(application_name: str, settings: Mapping[str, str]) -> dict[str, Any]:
    return {
        "timeout": CONNECT_TIMEOUT_S,
        "command_timeout": COMMAND_TIMEOUT_S,
        "server_settings": {"application_name": application_name, **settings},
    }


async def _connect(dsn: str, options: Mapping[str, Any]) -> Connection:
    connection = await asyncpg.connect(dsn, **options)
    await prepare(connection)
    return connection


async def _nothing(_connection: object) -> None:
    """Leave a returned connection as it is: no statement here changes a session."""
