"""What is old is deleted from a real database, and what may still be asked for is not."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import asyncpg
import pytest
from prometheus_client import REGISTRY

from mainspring.bus.memory import MemoryBus
from mainspring.domain.envelope import EMPTY
from mainspring.domain.errors import LogUnavailable
from mainspring.runtime.clock import SystemClock
from mainspring.store.postgres import PostgresStore
from mainspring.testing.patience import moment, until
from mainspring.testing.samples import append, execution_row, execution_stream, idempotency_row
from mainspring_scheduler import upkeep
from mainspring_scheduler.partitions import Partitions
from mainspring_scheduler.upkeep import DAY, Upkeep


@pytest.fixture
async def store(database_url: str) -> AsyncGenerator[PostgresStore]:
    opened = await PostgresStore.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def forgotten(what: str) -> float:
    return REGISTRY.get_sample_value("mainspring_upkeep_forgotten_total", {"what": what}) or 0.0


def keeper(store: PostgresStore, clock: SystemClock | None = None) -> Upkeep:
    clock = clock or SystemClock()
    alone = Partitions("r", MemoryBus(clock), clock)
    return Upkeep(store.views, store.blobs, alone, clock, keep_blobs=3 * DAY)


async def aged(database: "asyncpg.Connection[Any]", ref: str, days: int) -> None:
    text = (
        "update mainspring.blobs set stored_at = now() - make_interval(days => $2) where ref = $1"
    )
    await database.execute(text, ref, days)


async def test_values_go_when_they_were_not_stored_for_long(
    store: PostgresStore, database: "asyncpg.Connection[Any]"
) -> None:
    old, again, young = [await store.blobs.put(data) for data in (b"old", b"again", b"young")]
    for ref, days in ((old, 4), (again, 4), (young, 2)):
        await aged(database, ref, days)
    await store.blobs.put(b"again")
    before = forgotten("blobs")
    assert await keeper(store).tick() == 1
    assert forgotten("blobs") == before + 1
    assert [await store.blobs.get(ref) for ref in (old, again, young)] == [None, b"again", b"young"]
    assert await keeper(store).tick() == 0


async def test_a_value_that_is_stored_while_it_is_deleted_is_there_afterwards(
    store: PostgresStore, database: "asyncpg.Connection[Any]"
) -> None:
    ref = await store.blobs.put(b"x")
    await aged(database, ref, 9)
    deletion = database.transaction()
    await deletion.start()
    await database.execute("delete from mainspring.blobs where ref = $1", ref)
    putting = asyncio.create_task(store.blobs.put(b"x"))
    await moment(0.1)
    assert not putting.done()
    await deletion.commit()
    await putting
    assert await store.blobs.get(ref) == b"x"


async def test_a_value_that_is_being_stored_again_is_passed_over(
    store: PostgresStore, database: "asyncpg.Connection[Any]"
) -> None:
    ref = await store.blobs.put(b"x")
    await aged(database, ref, 9)
    storing = database.transaction()
    await storing.start()
    await database.execute("update mainspring.blobs set stored_at = now() where ref = $1", ref)
    assert await keeper(store).tick() == 0
    await storing.commit()
    assert await keeper(store).tick() == 0
    assert await store.blobs.get(ref) == b"x"


async def test_answers_go_two_days_after_they_were_given(store: PostgresStore) -> None:
    now = SystemClock().now()
    for n, hours in enumerate((0, 25, 47, 49)):
        stream = execution_stream(n)
        row = idempotency_row(f"h{hours}", at=now - hours * 3600)
        await store.log.append([append(stream, EMPTY, execution_row(stream), row)])
    assert await keeper(store).tick() == 1
    found = {
        hours: await store.views.idempotency("default", "me", "POST /sagas", f"h{hours}")
        for hours in (0, 25, 47, 49)
    }
    assert [hours for hours, row in found.items() if row is None] == [49]


async def test_one_look_deletes_a_bounded_number_and_the_next_goes_on(
    store: PostgresStore, database: "asyncpg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "MOST", 2)
    monkeypatch.setattr(upkeep, "ROUNDS", 3)
    for n in range(8):
        await aged(database, await store.blobs.put(bytes([n])), 9)
    assert await keeper(store).tick() == 6
    assert await keeper(store).tick() == 2


async def test_who_does_not_look_after_partition_0_deletes_nothing(
    store: PostgresStore, database: "asyncpg.Connection[Any]"
) -> None:
    await aged(database, await store.blobs.put(b"x"), 9)

    class Others(Partitions):
        def own(self) -> list[int]:
            return [1, 2]

    clock = SystemClock()
    others = Others("r", MemoryBus(clock), clock)
    assert await Upkeep(store.views, store.blobs, others, clock).tick() == 0


class Quick(SystemClock):
    """A clock on which hours pass at once; it counts them."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await moment(0)


async def test_a_log_that_is_away_is_looked_at_again_an_hour_later(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, looks = Quick(), list[float]()

    async def away(**asked: float) -> int:
        looks.append(asked["unused_for"])
        raise LogUnavailable

    monkeypatch.setattr(store.blobs, "forget", away)
    running = asyncio.create_task(keeper(store, clock).run())
    await until(lambda: len(looks) >= 2)
    running.cancel()
    assert clock.slept[:2] == [upkeep.FIRST, upkeep.EVERY]
    assert looks[:2] == [3 * DAY] * 2
