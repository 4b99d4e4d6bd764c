"""The order of positions is the order of commits, on a real Postgres with races held open.

The trap: an identity value is taken before its transaction commits.  Without care a reader that
has seen position 8 never sees 7, which commits later.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest

from mainspring.domain.envelope import EMPTY, StreamId, head_of
from mainspring.ports import Append, Appended, Refused
from mainspring.store.connection import prepare
from mainspring.store.parameters import VIEWS, parameters_of
from mainspring.store.postgres import PostgresStore
from mainspring.store.pruning import append_for
from mainspring.testing.samples import (
    append,
    definition_append,
    execution_row,
    execution_stream,
    head_after,
    idempotency_row,
    requested,
    succeeded,
    uuid,
)

Connection: TypeAlias = "asyncpg.Connection[Any]"

A, B, C = execution_stream(1), execution_stream(2), execution_stream(3)


@pytest.fixture
async def slow(database_url: str) -> AsyncIterator[Connection]:
    """A writer that holds its transactions open."""
    connection = await asyncpg.connect(database_url)
    await prepare(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def watcher(database_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def write(connection: Connection, *appends: Append) -> list[bool]:
    """Run the append statement on a connection of the test's own."""
    views, parameters = parameters_of(appends)
    rows = await connection.fetch(append_for(views, tuple(VIEWS.values())), *parameters)
    return rows[0]["accepted"]


async def someone_waits(watcher: Connection) -> None:
    """Return once a session waits for the log's lock."""
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    async with asyncio.timeout(10):
        while not await watcher.fetchval(waiting):
            pass


async def test_a_reader_never_skips_a_slow_writer(
    postgres: PostgresStore, slow: Connection, watcher: Connection
) -> None:
    async with slow.transaction():
        await write(slow, append(A))
        fast = asyncio.create_task(postgres.log.append([append(B)]))
        await someone_waits(watcher)
        # The slow writer has its position and has not committed; the fast one must not overtake.
        assert await postgres.log.read_all(after=0, limit=10) == []
        assert await postgres.log.head_position() == 0
    (answer,) = await fast
    seen = await postgres.log.read_all(after=0, limit=10)
    assert [event.stream for event in seen] == [A, B]
    assert isinstance(answer, Appended)
    assert answer.positions == (seen[1].position,)


async def test_a_writer_that_gives_up_leaves_a_gap_that_nobody_waits_for(
    postgres: PostgresStore, slow: Connection
) -> None:
    transaction = slow.transaction()
    await transaction.start()
    await write(slow, append(A))
    await transaction.rollback()
    await postgres.log.append([append(B)])
    assert [event.stream for event in await postgres.log.read_all(after=0, limit=10)] == [B]


async def test_a_stream_that_moved_while_its_append_waited_is_refused(
    postgres: PostgresStore, slow: Connection, watcher: Connection
) -> None:
    first = append(A, EMPTY, execution_row(A))
    await postgres.log.append([first])
    head = head_after(first)
    async with slow.transaction():
        await write(slow, append(A, head, events=[requested("slow")]))
        late = append(A, head, execution_row(A, status="failed"), events=[requested("late")])
        waiting = asyncio.create_task(postgres.log.append([late, append(B)]))
        await someone_waits(watcher)
    answers = await waiting
    assert answers[0] == Refused("conflict")
    assert isinstance(answers[1], Appended)
    assert len((await postgres.log.read([A]))[A]) == 2
    assert [row.status for row in await postgres.views.executions("default")] == ["pending"]


async def test_a_stream_that_was_born_while_its_append_waited_is_refused(
    postgres: PostgresStore, slow: Connection, watcher: Connection
) -> None:
    async with slow.transaction():
        await write(slow, append(A, events=[requested("slow")]))
        waiting = asyncio.create_task(postgres.log.append([append(A), append(B)]))
        await someone_waits(watcher)
    answers = await waiting
    assert answers[0] == Refused("conflict")
    assert isinstance(answers[1], Appended)
    assert len((await postgres.log.read([A]))[A]) == 1


async def test_an_append_that_was_committed_while_its_copy_waited_is_recognised(
    postgres: PostgresStore, slow: Connection, watcher: Connection
) -> None:
    twice = append(A, EMPTY, idempotency_row("k"), events=[requested(), succeeded(1)])
    async with slow.transaction():
        await write(slow, twice)
        waiting = asyncio.create_task(postgres.log.append([twice]))
        await someone_waits(watcher)
    (answer,) = await waiting
    events = (await postgres.log.read([A]))[A]
    assert answer == Appended(tuple(event.position for event in events))
    assert len(events) == 2


async def test_a_key_or_a_name_taken_while_an_append_waited_is_refused(
    postgres: PostgresStore, slow: Connection, watcher: Connection
) -> None:
    async with slow.transaction():
        await write(slow, append(A, EMPTY, idempotency_row("k")))
        await write(slow, definition_append(uuid(1), "order"))
        batch = [
            append(B, EMPTY, idempotency_row("k")),
            definition_append(uuid(2), "order"),
            append(C),
        ]
        waiting = asyncio.create_task(postgres.log.append(batch))
        await someone_waits(watcher)
    answers = await waiting
    assert answers[:2] == [Refused("key_taken"), Refused("name_taken")]
    assert isinstance(answers[2], Appended)


async def test_of_eight_writers_at_one_version_one_wins(
    postgres: PostgresStore, database_url: str
) -> None:
    first = append(A)
    await postgres.log.append([first])

    async def race(n: int) -> list[bool]:
        connection = await asyncpg.connect(database_url)
        await prepare(connection)
        try:
            rival = append(A, head_after(first), events=[requested(n)])
            return await write(connection, rival, append(execution_stream(100 + n)))
        finally:
            await connection.close()

    outcomes = await asyncio.gather(*(race(n) for n in range(8)))
    assert sorted(ok for ok, _ in outcomes) == [False] * 7 + [True]
    assert all(neighbour for _, neighbour in outcomes)
    assert [event.version for event in (await postgres.log.read([A]))[A]] == [1, 2]


async def test_a_tailing_reader_sees_every_event_once_while_many_write(
    postgres: PostgresStore, database_url: str
) -> None:
    stores = [await PostgresStore.open(database_url, 2) for _ in range(3)]

    async def produce(store: PostgresStore, group: int) -> None:
        streams = [execution_stream(n, group) for n in range(4)]
        heads = dict.fromkeys(streams, EMPTY)

        async def grow(stream: StreamId) -> None:
            for n in range(12):
                events = [requested(n)] * (1 + n % 3)
                written = append(stream, heads[stream], events=events)
                (answer,) = await store.log.append([written])
                assert isinstance(answer, Appended)
                heads[stream] = head_after(written)

        await asyncio.gather(*(grow(stream) for stream in streams))

    writing = asyncio.gather(*(produce(store, n) for n, store in enumerate(stores, 1)))
    seen: list[int] = []
    at_the_end = False
    while not at_the_end:
        is_last_look = writing.done()
        page = await postgres.log.read_all(after=seen[-1] if seen else 0, limit=7)
        seen += [event.position for event in page]
        at_the_end = is_last_look and not page
    await writing
    everything = await postgres.log.read_all(after=0, limit=10_000)
    assert seen == [event.position for event in everything]
    assert len(seen) == 3 * 4 * 24
    for store in stores:
        await store.close()


async def test_heads_and_events_agree_after_a_race(
    postgres: PostgresStore, slow: Connection
) -> None:
    written = append(A, events=[requested(), succeeded(1)])
    await postgres.log.append([written])
    row = await slow.fetchrow("select version, hash from mainspring.streams")
    last = (await postgres.log.read([A]))[A][-1]
    assert row is not None
    assert tuple(row) == tuple(head_of(last))
