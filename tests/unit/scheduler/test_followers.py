"""The reader of ends: woken by them while somebody follows, and deaf while nobody does."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mainspring.bus import subjects
from mainspring.bus.memory import MemoryBus
from mainspring.domain import starters as s
from mainspring.domain.envelope import Meta
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.decide import decide
from mainspring.ports import Subscription
from mainspring.runtime.clock import SystemClock, SystemIds, SystemRandom
from mainspring.runtime.engine import Engine, NewDefinition, Start
from mainspring.runtime.starters import NewStarter, Starters
from mainspring.store.memory import MemoryStore
from mainspring.testing.patience import moment, until
from mainspring.testing.shapes import dag, needing
from mainspring_scheduler.followers import Followers
from mainspring_scheduler.partitions import Partitions

ME = Meta(actor="me")
FORM = dag(needing("a"))


class Ears(MemoryBus):
    """A bus that knows what is listened to."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.heard = list[str]()

    async def subscribe(self, subject: str) -> Subscription:
        self.heard.append(subject)
        return await super().subscribe(subject)


class Yard:
    """A reader at work."""

    def __init__(self) -> None:
        self.store, self.bus, clock = MemoryStore(), Ears(), SystemClock()
        self.engine = Engine(
            log=self.store.log,
            views=self.store.views,
            snapshots=self.store.snapshots,
            bus=self.bus,
            clock=clock,
            ids=SystemIds(),
            chance=SystemRandom(),
        )
        self.starters = Starters(self.engine)
        self.followers = Followers(self.engine, Partitions("me", self.bus, clock))

    async def workflow(self) -> None:
        entry = NewDefinition(
            id="w",
            project="p",
            name=FORM.name,
            version="1",
            dialect="native",
            source={},
            compiled=FORM,
        )
        await self.engine.store_definition(entry, ME)

    async def ended(self) -> str:
        """Begin a run and end it, as the scheduler does."""
        id = self.engine.ids.uuid7()
        start = Start(id=id, project="p", dialect="native", name=FORM.name, version="1")
        await self.engine.start(FORM, start, ME)
        asked = await self.engine.ask(id, c.RequestCancel(), project="p", meta=ME)
        now = self.engine.clock.now()
        events = decide(c.Advance(now=now, seed="0" * 32), asked.execution)
        decided = self.engine.prepare(asked.execution, events, meta=ME)
        await self.engine.log.append([decided.append])
        await self.engine.announce([decided], settled=True)
        return id

    def runs(self) -> int:
        return sum(stream.category == "execution" for stream in self.store.tables.streams)


@pytest.fixture
async def yard() -> AsyncIterator[Yard]:
    made = Yard()
    await made.workflow()
    running = asyncio.create_task(made.followers.run())
    await until(lambda: subjects.STARTERS in made.bus.heard)
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_ends_are_heard_of_only_while_somebody_follows(yard: Yard) -> None:
    await yard.ended()
    await moment()
    assert subjects.DECIDED not in yard.bus.heard
    assert yard.runs() == 1


async def test_an_end_is_followed_as_soon_as_it_is_told(yard: Yard) -> None:
    new = NewStarter("p", "native", "w", s.Follow(workflow=FORM.name))
    follower = await yard.starters.create(new, ME)
    await until(lambda: subjects.DECIDED in yard.bus.heard)
    await moment()
    ended = await yard.ended()
    await until(lambda: yard.runs() == 2, patience=5.0)
    followed = s.run_after(follower.row.id, ended)
    assert await yard.store.views.execution(followed) is not None


async def test_when_nobody_follows_any_more_nothing_is_read(yard: Yard) -> None:
    new = NewStarter("p", "native", "w", s.Follow(workflow=FORM.name))
    follower = await yard.starters.create(new, ME)
    await until(lambda: subjects.DECIDED in yard.bus.heard)
    await yard.starters.remove(follower.row.id, "p", ME)
    await moment()
    await yard.ended()
    await moment(0.05)
    assert yard.runs() == 1
