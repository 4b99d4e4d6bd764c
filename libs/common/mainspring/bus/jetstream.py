"""NATS JetStream behind the Bus port.

One task keeps the bus: it connects, looks whether streams and consumers are what they were, makes
what is missing, tells who wants to know, and watches.  Nothing else waits for the broker: a
publisher learns at once that it is away, and a reader sees an empty queue.

A publish is written and not awaited.  Now and then the last message of a call asks for an
acknowledgement, on one inbox of the bus, so nothing is remembered per message and nothing can
leak; a bad answer, or none who could answer, sends the keeper to look.  Asking for each
lost: that is one more message back for each stream of a call, and it says no more than that the
stream is there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Self

from mainspring.bus.admin import Admin, ApiRefused
from mainspring.bus.answers import Answers
from mainspring.bus.feed import Feed, wait_on_loop
from mainspring.bus.link import Link, inbox
from mainspring.bus.plans import MAX_MESSAGE, STREAMS, StreamPlan, stream_of
from mainspring.bus.pull import Puller
from mainspring.bus.wire import Heard, Said
from mainspring.domain.errors import BusUnavailable
from mainspring.ports import Consumer, Outgoing, Subscription

logger = logging.getLogger(__name__)

FIRST_RETRY_S = 0.05
LAST_RETRY_S = 1.0
ASK_EVERY_S = 0.1  # a stream is asked for an acknowledgement at most this often
LOOK_S = 1.0  # the connection is looked at this often, and a doubt at most this often


class JetStreamBus:
    """A bus over one NATS URL (or several, with commas)."""

    def __init__(self, url: str, *, name: str, streams: Mapping[str, StreamPlan]) -> None:
        self._streams = streams
        self._link = Link(url, name)
        self._link.on_lost = self._note_lost
        self._admin = Admin(self._link, streams)
        self._answers = Answers(self._link, self._admin.incarnation, self.connected)
        self._inbox = inbox()
        self._pullers: list[Puller] = []
        self._restorers: list[Callable[[], Awaitable[None]]] = []
        self._restoring = set[asyncio.Task[None]]()
        self._restore_waits = False
        self._one_restores = asyncio.Lock()
        self._seen = False  # streams and consumers have been looked at on this connection
        self._doubtful = asyncio.Event()
        self._tried = asyncio.Event()
        self._ensuring = asyncio.Lock()
        self._roots: dict[str, str | None] = {}
        self._asks_again: dict[str, float] = {}
        self._keeper: asyncio.Task[None] | None = None

    @classmethod
    async def connect(
        cls, url: str, *, name: str, streams: Mapping[str, StreamPlan] = STREAMS
    ) -> Self:
        """Return a bus after one try to connect; when that failed it goes on trying by itself."""
        bus = cls(url, name=name, streams=streams)
        await bus._link.listen(bus._inbox, bus._hear_acknowledgement)
        bus._keeper = asyncio.create_task(bus._keep(), name="bus keeper")
        await bus._tried.wait()
        return bus

    async def close(self) -> None:
        """Send the answers that are waiting, give back what was not fetched, and disconnect."""
        keeper, self._keeper = self._keeper, None
        tasks = [*self._restoring, *([keeper] if keeper else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for puller in self._pullers:
            await puller.close()
        await self._answers.flush()
        self._seen = False
        await self._link.shut()

    def connected(self) -> bool:
        """Tell whether there is a connection whose streams have been seen."""
        return self._seen and self._link.up

    def on_restore(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call `callback` after the broker came back with something lost: the queues are gone."""
        self._restorers.append(callback)

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Hand messages to the broker.  Raises `BusUnavailable` when there is no connection.

        Raises `ValueError` before sending any when one is above `MAX_MESSAGE`.
        """
        if not self.connected():
            raise BusUnavailable("the broker is away")
        asking: dict[str, int] = {}
        now = asyncio.get_running_loop().time()
        for number, message in enumerate(messages):
            if len(message.data) > MAX_MESSAGE:
                raise ValueError(f"{len(message.data)} bytes for {message.subject} are too many")
            stream = self._stream_of(message.subject)
            if stream is not None and now >= self._asks_again.get(stream, 0.0):
                asking[stream] = number
        self._asks_again |= dict.fromkeys(asking, now + ASK_EVERY_S)
        asks = set(asking.values())
        await self._link.say(
            [
                Said(m.subject, m.data, self._inbox if number in asks else "", m.id)
                for number, m in enumerate(messages)
            ]
        )

    async def consumer(self, stream: str, durable: str, subjects: Sequence[str]) -> Consumer:
        """Return a durable pull consumer, made now or as soon as the broker is there."""
        self._admin.plan_consumer(stream, durable, subjects)
        puller = Puller(
            self._link,
            self._answers,
            stream=stream,
            durable=durable,
            plan=self._streams[stream],
            doubt=self._doubtful.set,
        )
        await puller.listen()
        self._pullers.append(puller)
        try:
            await self.ensure()
        except ApiRefused:
            raise
        except BusUnavailable:
            pass  # the keeper makes it as soon as it can
        return puller

    async def subscribe(self, subject: str) -> Subscription:
        """Return a live subscription on a core subject (wildcards allowed)."""
        feed = Feed(lambda _: self._link.forget(key))

        def hear(message: Heard) -> None:
            feed.put(message.subject, message.data)

        key = await self._link.listen(subject, hear)
        return feed

    async def ensure(self) -> bool:
        """Make streams and consumers that are missing; True when any had been lost or is new.

        Raises `BusUnavailable`.  Readers go on, and what was lost is told, also from here.
        """
        async with self._ensuring:
            done = await self._admin.ensure()
        self._seen = True
        if done.lost:
            self._tell_lost()
        for puller in self._pullers:
            puller.resume()
        self._answers.kick()
        return done.made

    def _stream_of(self, subject: str) -> str | None:
        # By the first token: the subjects of a stream share it, and there are few.
        root = subject.partition(".")[0]
        if root not in self._roots and len(self._roots) < 64:
            self._roots[root] = stream_of(self._streams, subject)
        return self._roots.get(root)

    def _hear_acknowledgement(self, message: Heard) -> None:
        if message.head or b'"error"' in message.data:
            if not self._doubtful.is_set():
                logger.warning("the broker refused a message: %r", message.headers or message.data)
            self._doubtful.set()

    async def _keep(self) -> None:
        retry = FIRST_RETRY_S
        while True:
            try:
                await self._link.open()
                self._doubtful.clear()
                await self.ensure()
                logger.info("connected to NATS")
                self._tried.set()
                retry = FIRST_RETRY_S
                await self._watch()
            except BusUnavailable as error:
                logger.warning("the bus is away: %s", error)
            except Exception:
                # Nobody would restart the keeper, and without it the bus is away for ever.
                logger.exception("the keeper of the bus failed and goes on")
            self._note_lost()
            self._tried.set()
            await wait_on_loop(asyncio.Event(), retry)
            retry = min(2 * retry, LAST_RETRY_S)

    async def _watch(self) -> None:
        """Return when the connection is gone; raise `BusUnavailable` when JetStream is."""
        while True:
            await wait_on_loop(self._doubtful, LOOK_S)
            if not self._link.up:
                return
            if self._doubtful.is_set():
                self._doubtful.clear()
                await self.ensure()
                await wait_on_loop(asyncio.Event(), LOOK_S)

    def _note_lost(self) -> None:
        """Stop asking; the library may not tell, so the keeper also looks by itself."""
        self._seen = False
        for puller in self._pullers:
            puller.halt()
        self._doubtful.set()

    def _tell_lost(self) -> None:
        if not self._restorers or self._restore_waits:
            return
        self._restore_waits = True
        task = asyncio.get_running_loop().create_task(self._restore(), name="bus restore")
        self._restoring.add(task)
        task.add_done_callback(self._restoring.discard)

    async def _restore(self) -> None:
        async with self._one_restores:
            self._restore_waits = False  # what is found lost from now on needs another
            logger.warning("the broker has lost its queues")
            for callback in list(self._restorers):
                try:
                    await callback()
                except Exception:
                    # The sweeps find again whatever one listener failed to restore.
                    logger.exception("restoring after a loss failed")
