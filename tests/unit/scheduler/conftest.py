"""A scheduler over memory, driven by hand: nothing happens that a test does not ask for."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from mainspring.bus.plans import MAX_MESSAGE
from mainspring.domain.definition import Definition, Request
from mainspring.domain.envelope import Meta
from mainspring.domain.errors import BusUnavailable
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import Json
from mainspring.domain.task import Exchange, Finished, Task
from mainspring.ports import Outgoing
from mainspring.runtime.engine import Engine, NewDefinition, Start
from mainspring.runtime.triggers import Triggers
from mainspring.store.memory import MemoryStore
from mainspring.testing.samples import NOW, uuid
from mainspring_scheduler.advance import Advancer
from mainspring_scheduler.chores import Chores
from mainspring_scheduler.inbox import Inbox


def request_in(task: Task) -> Request:
    """Return the HTTP request of a task that is one."""
    assert task.request is not None
    return task.request


class Still:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


class Numbered:
    """Ids and seeds in a row."""

    def __init__(self) -> None:
        self.n = 0

    def uuid7(self) -> str:
        self.n += 1
        return uuid(self.n, 9)

    def seed(self) -> str:
        self.n += 1
        return f"{self.n:032x}"


class Hand:
    """A delivery from the wire."""

    redelivered = False

    def __init__(self, message: Outgoing) -> None:
        self.subject, self.data = message.subject, message.data

    def ack(self) -> None:
        pass

    def nak(self, delay: float = 0.0) -> None:
        raise AssertionError(delay)

    def working(self) -> None:
        raise AssertionError("nobody asks for time")


class Wire:
    """A bus that keeps what was published, or loses all of it."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.lost = False

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        if self.lost:
            raise BusUnavailable
        assert all(len(message.data) <= MAX_MESSAGE for message in messages)
        self.sent += messages

    def connected(self) -> bool:
        return not self.lost

    def take(self, begins: str) -> list[Outgoing]:
        taken = [each for each in self.sent if each.subject.startswith(begins)]
        self.sent = [each for each in self.sent if not each.subject.startswith(begins)]
        return taken


class Desk:
    """One scheduler and its store.  `settle` lets all happen that needs no time and no peer."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.wire = Wire()
        self.clock = Still()
        ids = Numbered()
        bus: Any = self.wire
        self.engine = Engine(
            log=self.store.log,
            views=self.store.views,
            snapshots=self.store.snapshots,
            bus=bus,
            clock=self.clock,
            ids=ids,
            chance=ids,
        )
        self.restart()
        self._ids = ids

    def restart(self) -> None:
        """Forget all that is in memory only."""
        self.inbox = Inbox()
        self.chores = Chores(self.engine, self.inbox)
        self.advancer = Advancer(self.engine, self.store.blobs, self.inbox, self.chores)
        self.triggers = Triggers(self.engine)

    async def settle(self) -> None:
        while True:
            for message in [*self.wire.take("results."), *self.wire.take("events.execution.")]:
                if not message.subject.endswith(".settled"):
                    self.inbox.deliver(Hand(message))
            if len(self.inbox):
                await self.advancer.tick()
            elif not await self.chores.tick():
                return

    async def store_definition(self, name: str, definition: Definition) -> str:
        entry = NewDefinition(
            id=self._ids.uuid7(),
            project="default",
            name=name,
            version=definition.version,
            dialect="native",
            source={},
            compiled=definition,
        )
        return (await self.engine.store_definition(entry, Meta())).id

    async def start(self, definition: Definition, payload: Json = None) -> str:
        id = self._ids.uuid7()
        start = Start(
            id=id, project="default", dialect="native", name="n", version="1", payload=payload
        )
        await self.engine.start(definition, start, Meta())
        await self.settle()
        return id

    async def ask(self, id: str, command: c.Request) -> None:
        await self.engine.ask(id, command, project=None, meta=Meta(actor="ann"))
        await self.settle()

    async def answer(self, status: int = 200, body: Json = None) -> None:
        """Let the executor answer every task that is out."""
        for message in self.wire.take("tasks."):
            task = msgspec.json.decode(message.data, type=Task)
            exchange = Exchange(
                verb="POST",
                url=request_in(task).url,
                started_at=self.clock.at,
                latency=0.0,
                status=status,
                body=body,
            )
            data = msgspec.json.encode(Finished(call=task.call, exchange=exchange))
            self.inbox.deliver(Hand(Outgoing("results.0", data)))
        await self.settle()

    async def pass_time(self, seconds: float, *ids: str) -> None:
        """Let time go by, and these runs have their turn as timers and sweeps give it."""
        self.clock.at += seconds
        for id in ids:
            self.inbox.poke(id)
        await self.settle()

    async def state(self, id: str) -> Execution:
        x = await self.engine.load(id)
        assert x is not None
        return x

    async def status(self, id: str) -> str:
        return (await self.state(id)).status


@pytest.fixture
def desk() -> Desk:
    return Desk()
