"""What an append answers when the connection or the server goes away."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from mainspring.domain.envelope import EMPTY
from mainspring.domain.errors import Corrupt, LogUnavailable
from mainspring.ports import Appended
from mainspring.runtime.servers import PostgresServer
from mainspring.store.migrate import migrate
from mainspring.store.postgres import PostgresStore
from mainspring.testing import cluster
from mainspring.testing.samples import (
    append,
    execution_row,
    execution_stream,
    idempotency_row,
    requested,
    succeeded,
)

A, B, C = execution_stream(1), execution_stream(2), execution_stream(3)
DONE = b"SELECT 1\0"
"""The server's word that a statement of one row is complete, and so committed."""


class Cutter:
    """A road to the server that can be cut just before the answer to a statement arrives."""

    def __init__(self, host: str, port: int) -> None:
        self._where = (host, port)
        self.cuts_left = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._where)
        forward = asyncio.create_task(self._forward(reader, up_writer))
        while chunk := await up_reader.read(65536):
            if self.cuts_left and DONE in chunk:
                self.cuts_left -= 1
                break
            writer.write(chunk)
        forward.cancel()
        up_writer.close()
        writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            writer.write(chunk)


@asynccontextmanager
async def road(dsn: str) -> AsyncGenerator[tuple[Cutter, str]]:
    """Yield a cutter and the URL of the database behind it."""
    url = urlsplit(dsn)
    cutter = Cutter(url.hostname or "", url.port or 0)
    server = await asyncio.start_server(cutter.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield cutter, url._replace(netloc=f"{url.username}@127.0.0.1:{port}").geturl()
    server.close()


@pytest.mark.parametrize("cuts", [1, 2])
async def test_an_append_cut_off_after_its_commit_answers_as_appended(
    database_url: str, postgres: PostgresStore, cuts: int
) -> None:
    async with road(database_url) as (cutter, url):
        store = await PostgresStore.open(url)
        await store.log.append([append(C)])
        cutter.cuts_left = cuts
        batch = [
            append(A, EMPTY, execution_row(A), idempotency_row("k"), events=[requested()]),
            append(B, events=[requested(), succeeded(1)]),
        ]
        answers = await store.log.append(batch)
        await store.close()

    assert cutter.cuts_left == 0
    read = await postgres.log.read([A, B])
    assert answers == [Appended(tuple(e.position for e in read[s])) for s in (A, B)]
    assert await postgres.log.head_position() == 4  # the repetition took no position


async def test_an_append_cut_off_before_its_commit_is_written_once(
    database_url: str, postgres: PostgresStore
) -> None:
    rival = await asyncpg.connect(database_url)
    async with rival.transaction():
        await rival.execute("select pg_advisory_xact_lock(6077427380160)")
        waiting = asyncio.create_task(postgres.log.append([append(A)]))
        pid = None
        while pid is None:
            pid = await rival.fetchval(
                "select pid from pg_locks where locktype = 'advisory' and not granted"
            )
        await rival.fetchval("select pg_terminate_backend($1, 5000)", pid)
    (answer,) = await waiting
    await rival.close()
    assert isinstance(answer, Appended)
    assert len(await postgres.log.read_all(after=0, limit=10)) == 1


async def test_connections_that_were_ended_are_replaced(
    database_url: str, postgres: PostgresStore
) -> None:
    await postgres.log.append([append(A)])
    everyone = (
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    rival = await asyncpg.connect(database_url)
    await rival.fetch(everyone)
    assert await postgres.views.executions("default") == []
    await rival.fetch(everyone)
    assert isinstance((await postgres.log.append([append(B)]))[0], Appended)
    await rival.close()


async def test_what_postgres_cannot_hold_fails_alone(postgres: PostgresStore) -> None:
    poisoned = append(A, EMPTY, execution_row(A, partition=2**40))
    good = [append(B, EMPTY, execution_row(B)), append(C)]

    outcomes = await asyncio.gather(
        postgres.log.append([poisoned]), postgres.log.append(good), return_exceptions=True
    )

    assert isinstance(outcomes[0], Corrupt)
    assert isinstance(outcomes[1], list)
    assert all(isinstance(answer, Appended) for answer in outcomes[1])


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that this test alone may stop."""
    with cluster.throwaway_postgres() as server:
        yield server


async def test_a_server_that_is_away_is_waited_for_and_then_named(
    own_server: PostgresServer,
) -> None:
    await migrate(own_server.dsn)
    store = await PostgresStore.open(own_server.dsn, patience=0.3)
    await store.log.append([append(A)])

    await asyncio.to_thread(own_server.kill)
    with pytest.raises(LogUnavailable):
        await store.log.append([append(B)])
    with pytest.raises(LogUnavailable):
        await store.log.read([A])
    with pytest.raises(LogUnavailable):
        await store.views.executions("default")
    with pytest.raises(LogUnavailable):
        await store.blobs.put(b"x")
    assert not await store.ready()
    with pytest.raises(LogUnavailable):
        await PostgresStore.open(own_server.dsn, patience=0.1)

    await asyncio.to_thread(own_server.start)
    assert isinstance((await store.log.append([append(B)]))[0], Appended)
    assert await store.ready()
    await store.close()


async def test_a_call_outlasts_a_short_absence(own_server: PostgresServer) -> None:
    await migrate(own_server.dsn)
    store = await PostgresStore.open(own_server.dsn, patience=30)
    await asyncio.to_thread(own_server.stop)
    calls = asyncio.gather(store.log.append([append(A)]), store.views.executions("default"))
    await asyncio.to_thread(own_server.start)
    appended, found = await calls
    assert isinstance(appended[0], Appended)
    assert found == []
    await store.close()


async def test_an_unmigrated_database_is_not_ready_and_says_so(empty_database_url: str) -> None:
    store = await PostgresStore.open(empty_database_url, patience=0.1)
    assert not await store.ready()
    with pytest.raises(LogUnavailable, match="mainspring"):
        await store.log.append([append(A)])
    await store.close()
