"""The bus in memory, with the manners of JetStream: for tests and for the simulation.

Each simulated service has a `MemoryBus`, several share a `MemoryBroker`; the broker has the
faults.  A bus that is closed, as that of a killed service, restores nothing any more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from mainspring.bus.feed import Feed
from mainspring.bus.memory_broker import MemoryBroker
from mainspring.bus.plans import MAX_MESSAGE
from mainspring.bus.shelf import EPSILON, Reader, Stored
from mainspring.domain.errors import BusUnavailable
from mainspring.ports import Clock, Consumer, Delivery, Outgoing, Subscription

logger = logging.getLogger(__name__)


class MemoryBus:
    """One service's bus; without a `broker` it has one to itself."""

    def __init__(self, clock: Clock, *, broker: MemoryBroker | None = None) -> None:
        self.broker = broker or MemoryBroker(clock)
        self.broker.attach(self._look_soon)
        self._consumers: dict[tuple[str, str], tuple[str, ...]] = {}
        self._incarnations: dict[tuple[str, str], int] = {}
        self._restorers: list[Callable[[], Awaitable[None]]] = []
        self._feeds: list[Feed] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        self._ensure()

    def connected(self) -> bool:
        return self.broker.up and not self._closed

    def on_restore(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call `callback` after the broker came back with something lost: the queues are gone."""
        self._restorers.append(callback)

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Hand messages to the broker.  Raises `BusUnavailable` when there is no connection."""
        self._expect_connection()
        for message in messages:
            if len(message.data) > MAX_MESSAGE:
                raise ValueError(f"{len(message.data)} bytes for {message.subject} are too many")
        for message in messages:
            self.broker.put(message)

    async def consumer(self, stream: str, durable: str, subjects: Sequence[str]) -> Consumer:
        """Return a durable pull consumer, made now or as soon as the broker is there."""
        self._consumers[stream, durable] = tuple(subjects)
        if self.connected():
            await self.ensure()
        return MemoryConsumer(self.broker, stream, durable)

    async def subscribe(self, subject: str) -> Subscription:
        """Return a live subscription on a core subject (wildcards allowed)."""
        feed = self.broker.subscribe(subject)
        self._feeds.append(feed)
        return feed

    async def ensure(self) -> bool:
        """Make streams and consumers that are missing; True when any had been lost or is new."""
        self._expect_connection()
        made, lost = self._ensure()
        if lost and self._restorers:
            self._run(self._restore(list(self._restorers)))
        return made

    def wipe(self) -> None:
        """Let the broker lose everything."""
        self.broker.wipe()

    async def close(self) -> None:
        """Hear and restore nothing more."""
        if self._closed:
            return
        self._closed = True
        self.broker.detach(self._look_soon)
        for feed in self._feeds:
            await feed.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _expect_connection(self) -> None:
        if not self.connected():
            raise BusUnavailable("the broker is away")

    def _ensure(self) -> tuple[bool, bool]:
        """Make what is missing; return whether anything was made, and whether it had been lost."""
        made = lost = False
        for name in self.broker.streams:
            shelf, new = self.broker.stream(name)
            changed = self._note((name, ""), shelf.incarnation)
            made, lost = made or new or changed, lost or new or changed
        for (stream, durable), subjects in self._consumers.items():
            reader, new = self.broker.reader(stream, durable, subjects)
            changed = self._note((stream, durable), reader.incarnation)
            made, lost = made or new or changed, lost or new or changed
        self.broker.wake_all()
        return made, lost

    def _note(self, key: tuple[str, str], incarnation: int) -> bool:
        before = self._incarnations.get(key)
        self._incarnations[key] = incarnation
        return before is not None and before != incarnation

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)

    def _look_soon(self) -> None:
        # What a bus does after it got a connection again.
        self._run(self._look())

    async def _look(self) -> None:
        if self.connected():
            await self.ensure()

    async def _restore(self, restorers: Sequence[Callable[[], Awaitable[None]]]) -> None:
        for callback in restorers:
            try:
                await callback()
            except Exception:
                # The sweeps find again whatever one listener failed to restore.
                logger.exception("restoring after a loss failed")


class MemoryConsumer:
    """A handle on a durable consumer; it lives on when the consumer is lost and made again."""

    def __init__(self, broker: MemoryBroker, stream: str, durable: str) -> None:
        self._broker = broker
        self._stream = stream
        self._durable = durable

    async def fetch(self, limit: int, *, timeout: float, ask: bool = True) -> list[Delivery]:
        """Return up to `limit` messages as soon as there is one; [] when `timeout` seconds pass.

        Without `ask` there is nothing: here nothing is on its way between two calls.
        """
        clock = self._broker.clock
        if not ask:
            await clock.sleep(timeout)
            return []
        deadline = clock.monotonic() + timeout
        while True:
            batch = self._broker.take(self._stream, self._durable, limit)
            left = deadline - clock.monotonic()
            if batch or left <= EPSILON:
                return [MemoryDelivery(self._broker, self._stream, self._durable, m) for m in batch]
            await self._broker.wait_for_news(self._stream, self._durable, left)


class MemoryDelivery:
    """A message that was delivered, and how often."""

    def __init__(self, broker: MemoryBroker, stream: str, durable: str, stored: Stored) -> None:
        self.subject = stored.subject
        self.data = stored.data
        self.redelivered = stored.deliveries > 1
        self._broker = broker
        self._stream = stream
        self._durable = durable
        self._stored = stored

    def ack(self) -> None:
        self._answer(lambda reader, _: reader.ack(self._stored))

    def nak(self, delay: float = 0.0) -> None:
        self._answer(lambda reader, now: reader.put_off(self._stored, now + delay))

    def working(self) -> None:
        self._answer(lambda reader, now: reader.put_off(self._stored, now + reader.ack_wait))

    def _answer(self, act: Callable[[Reader, float], None]) -> None:
        self._broker.answer(self._stream, self._durable, act)
