"""The loop that fires schedules: never early, woken by what is changed, patient with the log."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mainspring.bus.memory import MemoryBus
from mainspring.domain import starters as s
from mainspring.domain.envelope import Meta
from mainspring.domain.errors import LogUnavailable
from mainspring.runtime.clock import SystemIds, SystemRandom
from mainspring.runtime.engine import Engine, NewDefinition
from mainspring.runtime.starters import NewStarter, Starters
from mainspring.store.memory import MemoryStore
from mainspring.testing.patience import moment, until
from mainspring.testing.samples import NOW
from mainspring.testing.shapes import dag, needing
from mainspring_scheduler.clockwork import Clockwork
from mainspring_scheduler.partitions import Partitions

ME = Meta(actor="me")


class Virtual:
    """Time that a test lets pass, from one sleeper to the next."""

    def __init__(self) -> None:
        self.at = NOW
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        done = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.at + seconds, id(done), done))
        await done

    @property
    def until(self) -> list[float]:
        """When those who sleep will wake, the next first."""
        return sorted(at for at, _, done in self._sleepers if not done.done())

    def pass_to(self, at: float) -> None:
        """Wake the next one who sleeps until then or before."""
        while self._sleepers and self._sleepers[0][0] <= at:
            due, _, done = heapq.heappop(self._sleepers)
            if not done.done():
                self.at = max(self.at, due)
                done.set_result(None)
                return
        self.at = at


class Workshop:
    """A clockwork at work, and the workflow whose runs it starts."""

    def __init__(self) -> None:
        self.clock = Virtual()
        self.store = MemoryStore()
        self.engine = Engine(
            log=self.store.log,
            views=self.store.views,
            snapshots=self.store.snapshots,
            bus=MemoryBus(self.clock),
            clock=self.clock,
            ids=SystemIds(),
            chance=SystemRandom(),
        )
        self.starters = Starters(self.engine)
        partitions = Partitions("me", self.engine.bus, self.clock)
        self.clockwork = Clockwork(self.engine, partitions)

    async def set(self, spec: s.Spec) -> s.Starter:
        form = dag(needing("a"))
        entry = NewDefinition(
            id="w",
            project="p",
            name=form.name,
            version="1",
            dialect="native",
            source={},
            compiled=form,
        )
        if await self.store.views.definition(project="p", id="w") is None:
            await self.engine.store_definition(entry, ME)
        return await self.starters.create(NewStarter("p", "native", "w", spec), ME)

    async def runs(self) -> list[float]:
        """Return when runs were started, oldest first."""
        rows = await self.store.views.executions("p", limit=500)
        return sorted(row.created_at for row in rows)

    async def live(self, to: float) -> None:
        """Let time pass, from one sleeper to the next, each until all is quiet."""
        while self.clock.until and self.clock.until[0] <= to:
            self.clock.pass_to(to)
            await quiet()
        self.clock.at = to


async def quiet() -> None:
    """Let the loop do all that can be done now: nothing in memory waits for anything but time."""
    for _ in range(60):
        await moment(0)


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    made = Workshop()
    running = asyncio.create_task(made.clockwork.run())
    await until(lambda: bool(made.clock.until))
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_schedule_fires_at_its_instants_and_never_early(workshop: Workshop) -> None:
    await workshop.set(s.Schedule(interval=7.0))
    await until(lambda: NOW + 7 in workshop.clock.until)
    await workshop.live(NOW + 36)
    started = await workshop.runs()
    assert [round(at - NOW, 1) for at in started] == [7, 14, 21, 28, 35]
    assert all(at >= NOW + 7 * n for n, at in enumerate(started, 1))


async def test_a_nearer_schedule_ends_the_sleep(workshop: Workshop) -> None:
    await workshop.set(s.Schedule(interval=9.0))
    await until(lambda: NOW + 9 in workshop.clock.until)
    await workshop.set(s.Schedule(at=NOW + 2))
    await until(lambda: NOW + 2 in workshop.clock.until)
    await workshop.live(NOW + 3)
    assert await workshop.runs() == [NOW + 2]


async def test_a_notice_that_is_lost_costs_one_look(workshop: Workshop) -> None:
    async def silent(messages: Any) -> None:
        return

    workshop.engine.bus.publish = silent
    await workshop.set(s.Schedule(at=NOW + 2))
    await workshop.live(NOW + 11)
    assert await workshop.runs() == [NOW + 10]


async def test_a_log_that_is_away_is_waited_for(workshop: Workshop) -> None:
    await workshop.set(s.Schedule(at=NOW + 2))
    await until(lambda: NOW + 2 in workshop.clock.until)
    append = workshop.store.log.append
    tries = list[float]()

    async def away(batch: Any) -> Any:
        tries.append(workshop.clock.at)
        if len(tries) < 3:
            raise LogUnavailable("away", delay=0.5)
        return await append(batch)

    workshop.store.log.append = away
    await workshop.live(NOW + 4)
    assert tries == [NOW + 2, NOW + 2.5, NOW + 3]
    assert await workshop.runs() == [NOW + 3]


async def test_one_that_cannot_be_fired_keeps_no_other_from_it_and_is_looked_at_seldom(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = await workshop.set(s.Schedule(at=NOW + 2))
    tries = list[float]()
    due = s.due

    def sometimes(starter: s.Starter, *, now: float) -> s.Due | None:
        if starter.row.id == broken.row.id:
            tries.append(now)
            raise ValueError("what no schedule can be")
        return due(starter, now=now)

    monkeypatch.setattr(s, "due", sometimes)
    await workshop.set(s.Schedule(at=NOW + 3))
    await until(lambda: NOW + 2 in workshop.clock.until)
    await workshop.live(NOW + 60)
    (started,) = await workshop.runs()
    assert NOW + 3 <= started < NOW + 5
    assert 5 < len(tries) < 40
