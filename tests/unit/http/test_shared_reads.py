"""Reads that watchers share, and looks that wake nobody who has nothing to read."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mainspring.bus.memory import MemoryBus
from mainspring.domain.envelope import EMPTY, Envelope, Head, StreamId
from mainspring.domain.errors import LogUnavailable
from mainspring.http.health import Health
from mainspring.ports import EventLog
from mainspring.runtime.clock import SystemClock
from mainspring.runtime.feed import Feed
from mainspring.store.memory import MemoryStore
from mainspring.testing.samples import append, execution_row, execution_stream, head_after
from mainspring_events.reader import MOST, Reader

RUNS = [execution_stream(n) for n in range(1, MOST + 11)]


class Slow:
    """A log whose reads wait until they are let through, and may fail."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.reads: list[tuple[list[StreamId], int]] = []
        self.open = asyncio.Event()
        self.away = False

    async def read(
        self, streams: Sequence[StreamId], *, after: int = 0
    ) -> dict[StreamId, list[Envelope]]:
        self.reads.append((list(streams), after))
        await self.open.wait()
        if self.away:
            raise LogUnavailable
        return await self._log.read(streams, after=after)

    async def head_position(self) -> int:
        return await self._log.head_position()


async def write(store: MemoryStore, run: StreamId, head: Head = EMPTY) -> Head:
    written = append(run, head, execution_row(run, stream_version=head.version + 1))
    await store.log.append([written])
    return head_after(written)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def log(store: MemoryStore) -> Any:
    return Slow(store.log)


async def turns() -> None:
    """Let everybody come as far as they can."""
    for _ in range(5):
        await SystemClock().sleep(0)


async def test_what_is_asked_while_a_read_is_under_way_is_the_next_read(
    store: MemoryStore, log: Any
) -> None:
    for run in RUNS:
        await write(store, run)
    reader = Reader(log)
    first = asyncio.create_task(reader.read(RUNS[0]))
    await turns()
    others = [asyncio.create_task(reader.read(run)) for run in RUNS[1:5] for _ in range(3)]
    await turns()
    assert log.reads == [([RUNS[0]], 0)]
    log.open.set()
    assert [one.stream for one in await first] == [RUNS[0]]
    found = await asyncio.gather(*others)
    assert [events[0].stream for events in found] == [run for run in RUNS[1:5] for _ in range(3)]
    assert log.reads[1:] == [(RUNS[1:5], 0)]


async def test_a_read_is_bounded_and_nobody_is_left_behind(store: MemoryStore, log: Any) -> None:
    for run in RUNS:
        await write(store, run)
    log.open.set()
    reader = Reader(log)
    reads = [*(reader.read(run) for run in RUNS), reader.read(RUNS[0], after=1)]
    found = await asyncio.gather(*reads)
    assert [len(events) for events in found] == [1] * len(RUNS) + [0]
    assert [len(streams) for streams, _ in log.reads] == [MOST, 1, len(RUNS) - MOST]


async def test_who_leaves_takes_the_read_from_nobody(store: MemoryStore, log: Any) -> None:
    await write(store, RUNS[0])
    reader = Reader(log)
    leaving, staying = [asyncio.create_task(reader.read(RUNS[0])) for _ in range(2)]
    await turns()
    leaving.cancel()
    log.open.set()
    assert len(await staying) == 1
    assert len(await reader.read(RUNS[0])) == 1


async def test_a_log_that_is_away_is_told_to_all_who_asked_and_asked_again_after(
    store: MemoryStore, log: Any
) -> None:
    await write(store, RUNS[0])
    log.away = True
    log.open.set()
    reader = Reader(log)
    both = await asyncio.gather(*(reader.read(RUNS[0]) for _ in range(2)), return_exceptions=True)
    assert [type(each) for each in both] == [LogUnavailable, LogUnavailable]
    log.away = False
    assert len(await reader.read(RUNS[0])) == 1


async def test_a_look_rings_whose_stream_has_grown_and_wakes_nobody_else(
    store: MemoryStore, log: Any
) -> None:
    log.open.set()
    clock = SystemClock()
    bus = MemoryBus(clock)
    feed = Feed(bus, log, clock, Health(clock).heart("feed"))
    grown, still = RUNS[0], RUNS[1]
    head = await write(store, grown)
    await write(store, still)
    async with feed.to_stream(grown) as ear, feed.to_stream(still) as other:
        ear.version = other.version = 1
        hearing = [asyncio.create_task(each.heard()) for each in (ear, other)]
        await feed.look()
        await turns()
        assert not any(each.done() for each in hearing)
        await write(store, grown, head)
        await feed.look()
        await turns()
        assert [each.done() for each in hearing] == [True, False]
        reads = len(log.reads)
        await feed.look()
        assert len(log.reads) == reads, "a log that has not grown is not read"
        hearing[1].cancel()
    await bus.close()
