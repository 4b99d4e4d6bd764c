"""Who takes partitions over knows their timers at once."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mainspring.domain.envelope import EMPTY
from mainspring.domain.errors import LogUnavailable
from mainspring.domain.rows import TimerRow
from mainspring.domain.task import PARTITIONS
from mainspring.ports import Outgoing
from mainspring.store.memory import MemoryStore
from mainspring.testing.patience import moment, until
from mainspring.testing.samples import NOW, append, execution_row, execution_stream
from mainspring_scheduler.inbox import Inbox
from mainspring_scheduler.partitions import EVERY, SILENCE, Partitions, owner
from mainspring_scheduler.timers import RELOAD, Timers

MINE, OTHER = "mine", "other"
THEIRS = next(p for p in range(PARTITIONS) if owner(p, [MINE, OTHER]) == OTHER)
STREAM = execution_stream(1)


class Time:
    """A clock that stands still, but for those who wait for greetings."""

    at = NOW

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait() if seconds else await moment(0)


class Greetings:
    """A broker on which another replica greets, until it is gone."""

    def __init__(self, clock: Time) -> None:
        self._clock = clock
        self.there = True
        self.up = True
        self.turns = asyncio.Semaphore(0)

    async def publish(self, messages: Sequence[Outgoing]) -> None: ...

    def connected(self) -> bool:
        return self.up

    async def subscribe(self, subject: str) -> "Greetings":
        return self

    async def next(self, timeout: float) -> tuple[str, bytes] | None:
        await self.turns.acquire()
        self._clock.at += timeout
        return ("hello", OTHER.encode()) if self.there else None

    async def close(self) -> None: ...


class Pair:
    """This replica's partitions and timers, beside another replica's."""

    def __init__(self) -> None:
        self.clock = Time()
        self.bus = Greetings(self.clock)
        self.store = MemoryStore()
        self.inbox = Inbox()
        bus: Any = self.bus
        self.partitions = Partitions(MINE, bus, self.clock)
        self.timers = Timers(self.store.views, self.inbox, self.partitions, self.clock)

    async def turn(self, times: int = 1) -> None:
        """Let so many seconds pass on the broker."""
        for _ in range(times):
            at = self.clock.at
            self.bus.turns.release()
            await until(lambda at=at: self.clock.at > at)
        await moment()

    async def set_timer(self, due_at: float) -> None:
        row = TimerRow(STREAM.id, "nap", "wake", THEIRS, due_at)
        written = append(STREAM, EMPTY, execution_row(STREAM, partition=THEIRS), row)
        await self.store.log.append([written])


@pytest.fixture
async def pair() -> Any:
    pair = Pair()
    loops = [asyncio.create_task(pair.partitions.run())]
    await pair.turn()
    assert THEIRS not in pair.partitions.own()
    loops.append(asyncio.create_task(pair.timers.run()))
    await moment()
    yield pair
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


async def test_timers_of_partitions_that_were_taken_over_fire_without_waiting_for_a_reload(
    pair: Pair,
) -> None:
    await pair.set_timer(NOW + 1)
    await pair.turn()
    assert len(pair.inbox) == 0
    pair.bus.there = False
    await pair.turn(int(SILENCE / EVERY) + 1)
    assert THEIRS in pair.partitions.own()
    assert pair.clock.at < NOW + RELOAD
    assert len(pair.inbox) == 1


async def test_a_takeover_while_timers_are_read_is_not_missed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pair.set_timer(NOW)
    ask, go_on, asked = pair.store.views.timers, asyncio.Event(), list[list[int]]()

    async def slowly(partitions: Sequence[int], **rest: Any) -> list[TimerRow]:
        asked.append(list(partitions))
        await go_on.wait()
        return await ask(partitions, **rest)

    monkeypatch.setattr(pair.store.views, "timers", slowly)
    pair.timers.reload()
    await until(lambda: len(asked) == 1)
    pair.bus.there = False
    await pair.turn(int(SILENCE / EVERY) + 1)
    go_on.set()
    await until(lambda: len(pair.inbox) == 1)
    assert [THEIRS in partitions for partitions in asked] == [False, True]


async def test_a_takeover_while_the_log_is_away_is_made_good_when_it_is_back(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pair.set_timer(NOW)
    ask, failed = pair.store.views.timers, [0]

    async def away(partitions: Sequence[int], **rest: Any) -> list[TimerRow]:
        failed[0] += 1
        if failed[0] < 3:
            raise LogUnavailable("away", delay=0.0)
        return await ask(partitions, **rest)

    monkeypatch.setattr(pair.store.views, "timers", away)
    pair.bus.there = False
    await pair.turn(int(SILENCE / EVERY) + 1)
    await until(lambda: len(pair.inbox) == 1)
    assert failed == [3]


async def test_giving_partitions_away_reads_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    pair.partitions.on_taken(lambda: told.append("taken"))
    pair.bus.there = False
    await pair.turn(int(SILENCE / EVERY) + 1)
    assert told == ["taken"]
    pair.bus.there = True
    await pair.turn(2)
    assert THEIRS not in pair.partitions.own()
    assert told == ["taken"]


async def test_without_a_broker_nobody_is_taken_for_gone(pair: Pair) -> None:
    pair.bus.there = pair.bus.up = False
    await pair.turn(10)
    assert THEIRS not in pair.partitions.own()
