"""A broker and buses on it, real or in memory, for the contract of the Bus port."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import msgspec

from mainspring.bus.feed import wait_on_loop
from mainspring.bus.jetstream import JetStreamBus
from mainspring.bus.memory import MemoryBus
from mainspring.bus.memory_broker import MemoryBroker
from mainspring.bus.plans import STREAMS
from mainspring.ports import Consumer, Delivery
from mainspring.runtime.clock import SystemClock
from mainspring.runtime.servers import NatsServer

ACK_WAIT = 0.4
PLANS = {
    name: msgspec.structs.replace(plan, ack_wait=ACK_WAIT, in_memory=False)
    for name, plan in STREAMS.items()
}
"""Everything on disk, so that what a restart keeps can be told from what it loses."""

PATIENT = 10.0


class World:
    """What a test may do to a broker, and buses that are closed when the test ends."""

    def __init__(self) -> None:
        self._open = AsyncExitStack()

    async def bus(self) -> JetStreamBus | MemoryBus:
        """Return one more bus on the broker."""
        bus = await self._connect()
        self._open.push_async_callback(bus.close)
        return bus

    async def close(self) -> None:
        await self._open.aclose()

    async def _connect(self) -> JetStreamBus | MemoryBus:
        raise AssertionError

    async def stop(self) -> None: ...

    async def start(self) -> None: ...

    async def wipe(self) -> None: ...


class MemoryWorld(World):
    def __init__(self) -> None:
        super().__init__()
        self._clock = SystemClock()
        self._broker = MemoryBroker(self._clock, streams=PLANS)

    async def _connect(self) -> MemoryBus:
        return MemoryBus(self._clock, broker=self._broker)

    async def stop(self) -> None:
        self._broker.stop()

    async def start(self) -> None:
        self._broker.start()

    async def wipe(self) -> None:
        self._broker.wipe()


class NatsWorld(World):
    def __init__(self, server: NatsServer) -> None:
        super().__init__()
        self._server = server

    async def _connect(self) -> JetStreamBus:
        return await JetStreamBus.connect(self._server.url, name="contract", streams=PLANS)

    async def stop(self) -> None:
        await asyncio.to_thread(self._server.stop)

    async def start(self) -> None:
        await asyncio.to_thread(self._server.start)

    async def wipe(self) -> None:
        await self.stop()
        self._server.wipe()
        await self.start()


async def until(condition: Callable[[], bool]) -> None:
    """Return when a condition holds, which nothing announces."""
    async with asyncio.timeout(PATIENT):
        while not condition():
            await wait_on_loop(asyncio.Event(), 0.01)


async def drain(consumer: Consumer, count: int) -> list[Delivery]:
    """Fetch until `count` messages have come."""
    got: list[Delivery] = []
    async with asyncio.timeout(PATIENT):
        while len(got) < count:
            got += await consumer.fetch(count - len(got), timeout=PATIENT)
    return got


async def is_empty(consumer: Consumer, seconds: float = 1.5 * ACK_WAIT) -> bool:
    """Tell whether nothing comes for longer than an unanswered message would take."""
    return await consumer.fetch(100, timeout=seconds) == []
