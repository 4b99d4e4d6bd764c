"""Starters on a real database: several schedulers, one run for each instant and each end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from mainspring.bus.memory import MemoryBus
from mainspring.domain import starters as s
from mainspring.domain.envelope import Meta
from mainspring.domain.errors import LogUnavailable
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.decide import decide
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import replace
from mainspring.domain.task import PARTITIONS
from mainspring.ports import Append, Appended, ExecutionDetail, Refused
from mainspring.runtime.clock import SystemIds, SystemRandom
from mainspring.runtime.engine import Engine, NewDefinition, Start
from mainspring.runtime.fires import Fires
from mainspring.runtime.starters import NewStarter, Starters
from mainspring.store.postgres import PostgresStore
from mainspring.testing.samples import NOW
from mainspring.testing.shapes import dag, needing
from mainspring_scheduler.followers import NAME, Followers
from mainspring_scheduler.partitions import Partitions

ME = Meta(actor="me")
ALL = range(PARTITIONS)
FORM = dag(needing("a"))


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds / 1e9


class Scheduler(NamedTuple):
    """One process: connections of its own, and a clock that all share."""

    store: PostgresStore
    engine: Engine
    starters: Starters
    fires: Fires
    clock: Hand

    async def tick(self, at: float | None = None) -> int:
        self.clock.at = self.clock.at if at is None else at
        return await self.fires.fire_due(ALL)

    async def workflow(self, name: str = "order") -> str:
        id = self.engine.ids.uuid7()
        entry = NewDefinition(
            id=id,
            project="p",
            name=name,
            version="1",
            dialect="native",
            source={},
            compiled=replace(FORM, name=name),
        )
        await self.engine.store_definition(entry, ME)
        return id

    async def set(self, workflow: str, spec: s.Spec, **more: Any) -> s.Starter:
        return await self.starters.create(NewStarter("p", "native", workflow, spec, **more), ME)

    async def runs(self) -> list[ExecutionDetail]:
        rows = await self.store.views.executions("p", limit=500)
        found = [await self.store.views.execution(row.id) for row in reversed(rows)]
        return [each for each in found if each is not None]

    async def row(self, id: str) -> Any:
        found = await self.store.views.starter(id)
        assert found is not None
        return found.row

    def followers(self) -> Followers:
        return Followers(self.engine, Partitions("me", self.engine.bus, self.clock))


@asynccontextmanager
async def scheduler(database_url: str, clock: Hand) -> AsyncGenerator[Scheduler]:
    store = await PostgresStore.open(database_url)
    engine = Engine(
        log=store.log,
        views=store.views,
        snapshots=store.snapshots,
        bus=MemoryBus(clock),
        clock=clock,
        ids=SystemIds(),
        chance=SystemRandom(),
    )
    try:
        yield Scheduler(store, engine, Starters(engine), Fires(engine), clock)
    finally:
        await store.close()


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
async def one(database_url: str, clock: Hand) -> AsyncIterator[Scheduler]:
    async with scheduler(database_url, clock) as made:
        yield made


@pytest.fixture
async def two(database_url: str, clock: Hand) -> AsyncIterator[Scheduler]:
    async with scheduler(database_url, clock) as made:
        yield made


class Torn:
    """A log that loses its process between the starts of runs and what is recorded of them."""

    def __init__(self, engine: Engine) -> None:
        self._log = engine.log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, batch: Sequence[Append]) -> list[Appended | Refused]:
        await self._log.append([one for one in batch if one.stream.category != "starter"])
        raise LogUnavailable("the process is gone")


async def test_two_schedulers_start_one_run_for_each_instant(
    one: Scheduler, two: Scheduler
) -> None:
    workflow = await one.workflow()
    for n in range(8):
        await one.set(workflow, s.Schedule(interval=60.0), name=str(n))
    for minute in range(1, 6):
        one.clock.at = NOW + 60 * minute
        await asyncio.gather(one.tick(), two.tick(), one.tick(), two.tick())
        while await two.tick():
            pass
    runs = await one.runs()
    assert len(runs) == 8 * 5
    for starter in await one.starters.all_of("p", workflow):
        instants = [s.run_at(starter.row.id, NOW + 60 * minute) for minute in range(1, 6)]
        assert set(instants) <= {run.row.id for run in runs}
        assert starter.row.stream_version == 6


async def test_a_scheduler_that_dies_between_start_and_record_starts_nothing_twice(
    one: Scheduler, two: Scheduler
) -> None:
    starter = await one.set(await one.workflow(), s.Schedule(interval=60.0))
    one.engine.log = Torn(one.engine)  # type: ignore[assignment]
    with pytest.raises(LogUnavailable):
        await one.tick(NOW + 60)
    assert len(await two.runs()) == 1
    assert (await two.row(starter.row.id)).last_at is None
    assert await two.tick(NOW + 61) == 1
    assert await two.tick() == 0
    assert len(await two.runs()) == 1
    row = await two.row(starter.row.id)
    assert (row.last_at, row.next_at) == (NOW + 60, NOW + 120)


async def test_a_schedule_paused_while_it_is_due_starts_its_run_or_not_and_then_rests(
    one: Scheduler, two: Scheduler
) -> None:
    workflow = await one.workflow()
    made = [await one.set(workflow, s.Schedule(interval=60.0), name=str(n)) for n in range(6)]
    one.clock.at = NOW + 60
    pauses = [two.starters.pause(each.row.id, "p", ME) for each in made]
    await asyncio.gather(one.tick(), *pauses)
    started = len(await one.runs())
    assert started <= 6
    assert await one.tick(NOW + 600) == 0
    assert await two.tick() == 0
    assert len(await one.runs()) == started
    for each in made:
        row = await one.row(each.row.id)
        assert (row.enabled, row.next_at) == (False, None)
        await two.starters.resume(each.row.id, "p", ME)
    assert await one.tick(NOW + 659.9) == 0
    assert await one.tick(NOW + 660) == 6


async def test_both_changes_of_the_clock_are_lived_through(one: Scheduler, two: Scheduler) -> None:
    def instant(text: str) -> float:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    one.clock.at = instant("2026-10-23T12:00")
    workflow = await one.workflow()
    daily = s.Schedule(cron="30 2 * * *", timezone="Europe/Berlin")
    hourly = s.Schedule(cron="0 * * * *", timezone="Europe/Berlin")
    nightly = await one.set(workflow, daily)
    await one.set(workflow, hourly)
    for half in range(2 * 24 * 3):
        one.clock.at = instant("2026-10-23T12:00") + 1800 * half
        await asyncio.gather(one.tick(), two.tick())
        while await two.tick():
            pass
    runs = await one.runs()
    ids = {run.row.id for run in runs}
    nights = [instant(f"2026-10-{at}") for at in ("24T00:30", "25T00:30", "26T01:30")]
    assert {s.run_at(nightly.row.id, at) for at in nights} <= ids
    assert len(runs) == 3 + 71

    one.clock.at = instant("2027-03-27T12:00")
    spring = await one.set(workflow, daily, name="spring")
    await one.tick(instant("2027-03-28T01:00"))
    row = await one.row(spring.row.id)
    assert row.last_at == instant("2027-03-28T01:00")
    assert row.next_at == instant("2027-03-29T00:30")


async def finished(at: Scheduler, name: str) -> str:
    """Begin a run and record its end."""
    id = at.engine.ids.uuid7()
    found = await at.store.views.newest_definition(project="p", name=name)
    assert found is not None
    start = Start(
        id=id,
        project="p",
        dialect="native",
        name=name,
        version="1",
        catalog_id=found.row.id,
    )
    form = await at.engine.compiled(found.row.compiled)
    await at.engine.start(form, start, ME)
    await at.engine.ask(id, c.RequestCancel(), project="p", meta=ME)
    await advanced(at, id)
    return id


async def advanced(at: Scheduler, id: str) -> None:
    """Decide about a run, as the scheduler does."""
    x = await at.engine.load(id)
    assert isinstance(x, Execution)
    events = decide(c.Advance(now=at.clock.now(), seed="0" * 32), x)
    await at.engine.log.append([at.engine.prepare(x, events, meta=ME).append])


async def test_every_end_is_followed_once_whoever_reads_and_wherever_they_die(
    one: Scheduler, two: Scheduler
) -> None:
    await one.workflow("order")
    bill = await one.workflow("bill")
    before = await finished(one, "order")
    one.clock.at += 1
    follower = await one.set(bill, s.Follow(workflow="order", statuses=("canceled",)))
    reader, other = one.followers(), two.followers()
    assert await reader.tick() == 0
    one.clock.at += 1
    ended = [await finished(one, "order") for _ in range(5)]
    await finished(one, "bill")
    await asyncio.gather(reader.tick(), other.tick())
    followed = {s.run_after(follower.row.id, id) for id in ended}
    ids = {run.row.id for run in await one.runs()}
    assert followed <= ids
    assert s.run_after(follower.row.id, before) not in ids
    assert len(ids) == 1 + 5 + 1 + 5
    noted = await one.store.views.cursor(NAME)
    assert noted

    one.clock.at += 1
    last = await finished(one, "order")
    one.engine.log = Torn(one.engine)  # type: ignore[assignment]
    with pytest.raises(LogUnavailable):
        await reader.tick()
    assert await one.store.views.cursor(NAME) == noted
    fresh = two.followers()
    assert await fresh.tick() == 1
    assert await fresh.tick() == 0
    runs = [run.row.id for run in await two.runs()]
    assert runs.count(s.run_after(follower.row.id, last)) == 1
    assert len(runs) == 12 + 2


async def test_clocks_that_differ_neither_hide_an_end_nor_follow_one_from_before(
    one: Scheduler,
) -> None:
    await one.workflow("order")
    bill = await one.workflow("bill")
    await one.set(bill, s.Follow(workflow="nothing"))
    reader = one.followers()
    await reader.tick()
    one.clock.at += 5
    before = await finished(one, "order")
    one.clock.at -= 5
    follower = await one.set(bill, s.Follow(workflow="order"))
    one.clock.at -= 5
    after = await finished(one, "order")
    assert await reader.tick() == 2
    ids = {run.row.id for run in await one.runs()}
    assert s.run_after(follower.row.id, after) in ids
    assert s.run_after(follower.row.id, before) not in ids


async def test_two_workflows_that_follow_each_other_come_to_an_end(one: Scheduler) -> None:
    ping, pong = await one.workflow("ping"), await one.workflow("pong")
    await one.set(pong, s.Follow(workflow="ping"))
    await one.set(ping, s.Follow(workflow="pong"))
    reader = one.followers()
    await reader.tick()
    one.clock.at += 1
    await finished(one, "ping")
    for _ in range(30):
        await reader.tick()
        for run in await one.runs():
            if run.row.status not in ("canceled", "succeeded"):
                one.clock.at += 1
                await one.engine.ask(run.row.id, c.RequestCancel(), project="p", meta=ME)
                await advanced(one, run.row.id)
    assert len(await one.runs()) == 1 + s.DEEPEST
    errors = [each.row.last_error for each in await one.store.views.followers(limit=9)]
    assert sum("deeper than" in (error or "") for error in errors) == 1
