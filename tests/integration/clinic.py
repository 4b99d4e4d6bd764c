"""The services on a database, played by hand: what the tests of the doctor bring out of order.

Runs are begun an hour ago by a clock of the test's own, so that what was lost then is late now.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from mainspring.bus.memory import MemoryBus
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import Meta
from mainspring.domain.errors import BusUnavailable
from mainspring.domain.message import Json
from mainspring.domain.task import Exchange, Finished, Task
from mainspring.ports import Outgoing
from mainspring.runtime.clock import SystemClock, SystemIds, SystemRandom
from mainspring.runtime.engine import Engine, Start
from mainspring.store.postgres import PostgresStore
from mainspring_cli.doctor import consult
from mainspring_scheduler.advance import Advancer
from mainspring_scheduler.chores import Chores
from mainspring_scheduler.inbox import Inbox
from mainspring_scheduler.partitions import Partitions
from mainspring_scheduler.sweep import Sweep

HOUR = 3600.0
ME = Meta(actor="me")


class Moved:
    """A clock that a test moves; it begins an hour ago."""

    def __init__(self) -> None:
        self.at = SystemClock().now() - HOUR

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


class Wire:
    """A broker that keeps tasks for the executor, until it is away."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.is_away = False

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        if self.is_away:
            raise BusUnavailable
        tasks = (each.data for each in messages if each.subject.startswith("tasks."))
        self.tasks += [msgspec.json.decode(data, type=Task) for data in tasks]


class Report:
    """A delivery of what an executor says."""

    subject = "results.0"
    redelivered = False

    def __init__(self, finished: Finished) -> None:
        self.data = msgspec.json.encode(finished)

    def ack(self) -> None:
        pass

    def nak(self, delay: float = 0.0) -> None:
        raise AssertionError(delay)

    def working(self) -> None:
        raise AssertionError("nobody asks for time")


class House:
    """The services on a database, played by hand."""

    def __init__(self, url: str, store: PostgresStore, hand: "asyncpg.Connection[Any]") -> None:
        self.url = url
        self.store = store
        self.hand = hand
        self.clock = Moved()
        self.wire = Wire()
        self.die()

    def die(self) -> None:
        """Lose all that is in memory only, as a scheduler that is killed and comes back."""
        bus: Any = self.wire
        self.engine = Engine(
            log=self.store.log,
            views=self.store.views,
            snapshots=self.store.snapshots,
            bus=bus,
            clock=self.clock,
            ids=SystemIds(),
            chance=SystemRandom(),
        )
        self.inbox = Inbox()
        self.chores = Chores(self.engine, self.inbox)
        self.advancer = Advancer(self.engine, self.store.blobs, self.inbox, self.chores)
        alone = Partitions("me", MemoryBus(self.clock), self.clock)
        self.sweep = Sweep(self.engine, self.inbox, alone, self.chores)

    async def begin(self, form: Definition, payload: Json = None) -> str:
        """Begin a run and let nobody hear of it."""
        id = self.engine.ids.uuid7()
        start = Start(
            id=id, project="p", dialect="native", name="n", version="1", payload=payload or {}
        )
        await self.engine.start(form, start, ME)
        return id

    async def settle(self, *runs: str) -> None:
        """Let these runs have a turn, and all happen that needs no executor."""
        for id in runs:
            self.inbox.poke(id)
        while True:
            if len(self.inbox):
                await self.advancer.tick()
            elif not await self.chores.tick():
                return

    async def turn(self, *runs: str) -> None:
        """Let these runs have one turn, of whose chores nobody hears."""
        for id in runs:
            self.inbox.poke(id)
        await self.advancer.tick()
        self.die()

    async def answer(self) -> None:
        """Let the executor answer each task that is out, and all happen that follows."""
        self.report()
        await self.settle()

    def report(self) -> None:
        """Let the executor answer each task that is out."""
        tasks, self.wire.tasks = self.wire.tasks, []
        for each in tasks:
            now = self.clock.now()
            exchange = Exchange(
                verb="POST",
                url="http://peer.test/",
                started_at=now,
                latency=0.0,
                status=200,
                body={},
            )
            self.inbox.deliver(Report(Finished(call=each.call, exchange=exchange)))

    async def go_on(self) -> None:
        """Let the services work from now on, for days, with nothing but their sweeps."""
        self.clock.at = SystemClock().now()
        for _ in range(6):
            self.clock.at += 4 * HOUR
            await self.sweep.tick()
            await self.settle()
            while self.wire.tasks:
                await self.answer()

    async def row(self, id: str) -> Any:
        found = await self.store.views.execution(id)
        assert found is not None
        return found.row

    async def says(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        """Return the exit code of `mainspring doctor`, and what it said."""
        argv = [sys.executable, "-m", "mainspring_cli", "doctor", "--json", *words]
        argv += ["--database-url", self.url]
        ended = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        out, _ = await ended.communicate()
        assert ended.returncode is not None
        return ended.returncode, [json.loads(line) for line in out.splitlines()]

    async def found(self) -> set[tuple[str, str]]:
        seen = await consult(self.url)
        assert seen.left == seen.found
        return {(one.kind, one.id) for one in seen.found}

    async def mended(self) -> list[str]:
        """Let the doctor mend what there is; return what it did."""
        seen = await consult(self.url, repair=True)
        assert seen.left == [], seen
        assert await self.found() == set()
        return [one.done for one in seen.treated]
