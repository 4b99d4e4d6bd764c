"""Triggers on a real database, with a scheduler driven by hand and two clients of it.

The parties have an engine and connections each, as processes would: nothing but the database keeps
them apart.  Each has a clock that a test can set wrong.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from mainspring.bus.memory import MemoryBus
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import Envelope, Meta
from mainspring.domain.message import Json
from mainspring.domain.rows import TriggerRow
from mainspring.ports import TriggerDetail
from mainspring.runtime.clock import SystemClock, SystemIds, SystemRandom
from mainspring.runtime.engine import Engine, Start
from mainspring.runtime.triggers import Triggers
from mainspring.store.postgres import PostgresStore
from mainspring.testing import history
from mainspring_scheduler.advance import Advancer
from mainspring_scheduler.chores import Chores
from mainspring_scheduler.inbox import Inbox


class Skewed(SystemClock):
    """The system's clock, so many seconds wrong."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


class Party(NamedTuple):
    """One process: what it sees, what it does, and its clock."""

    store: PostgresStore
    engine: Engine
    triggers: Triggers
    clock: Skewed


@asynccontextmanager
async def party(database_url: str) -> AsyncGenerator[Party]:
    """Yield a process with connections of its own."""
    store, clock = await PostgresStore.open(database_url), Skewed()
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
        yield Party(store, engine, Triggers(engine), clock)
    finally:
        await store.close()


class Scene:
    """A scheduler, and two clients that know nothing of each other."""

    def __init__(self, scheduler: Party, one: Party, other: Party) -> None:
        self.scheduler = scheduler
        self.one = one
        self.other = other
        self._inbox = Inbox()
        chores = Chores(scheduler.engine, self._inbox)
        self._advancer = Advancer(scheduler.engine, scheduler.store.blobs, self._inbox, chores)

    async def begin(self, definition: Definition, payload: Json = None, **more: str) -> str:
        """Begin a run and let it come to its wait."""
        (id,) = await self.begin_many(definition, [payload], **more)
        return id

    async def begin_many(
        self, definition: Definition, payloads: Sequence[Json], project: str = "default"
    ) -> list[str]:
        """Begin runs and let each come to its wait."""
        ids: list[str] = []
        for payload in payloads:
            id = self.scheduler.engine.ids.uuid7()
            start = Start(
                id=id,
                project=project,
                dialect="native",
                name="n",
                version="1",
                payload=payload,
            )
            await self.scheduler.engine.start(definition, start, Meta())
            ids.append(id)
        await self.turn(*ids)
        return ids

    async def turn(self, *ids: str) -> None:
        """Let these runs have a turn of the scheduler."""
        for id in ids:
            self._inbox.poke(id)
        while len(self._inbox):
            await self._advancer.tick()

    def pass_time(self, seconds: float) -> None:
        """Let time go by for everybody."""
        for each in (self.scheduler, self.one, self.other):
            each.clock.ahead += seconds

    async def newest(self, key: str, project: str = "default") -> TriggerDetail:
        """Return the newest trigger of a key."""
        found = await self.one.store.views.trigger(project=project, key=key)
        assert found is not None
        return found

    async def rows(self, ids: Sequence[str]) -> list[TriggerRow]:
        """Return the triggers of runs that have one each."""
        found = [
            await self.one.store.views.triggers("default", execution=id, limit=2) for id in ids
        ]
        assert all(len(rows) == 1 for rows in found)
        return [rows[0].row for rows in found]

    async def log(self) -> list[Envelope]:
        return await self.one.store.log.read_all(after=0, limit=100_000)

    async def check(self) -> None:
        """Raise AssertionError unless the whole log obeys the laws of histories."""
        violations = history.check(await self.log())
        assert not violations, history.report(violations)


@asynccontextmanager
async def scene(database_url: str) -> AsyncGenerator[Scene]:
    """Yield a scheduler and two clients on a database."""
    async with (
        party(database_url) as scheduler,
        party(database_url) as one,
        party(database_url) as other,
    ):
        yield Scene(scheduler, one, other)
