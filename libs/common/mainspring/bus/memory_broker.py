"""One broker in memory, for one event loop and under any clock, with the faults of a real one.

Where the port leaves a choice it takes the harsher one: an ack given while the broker is away is
lost.  Nothing is random and readers are served in the order in which they came, so a run can be
repeated.  All time is the clock's, `monotonic` for spans and `sleep` for waiting, also under a
loop whose time is simulated and under a clock that a test moves by hand.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from mainspring.bus.feed import Feed
from mainspring.bus.plans import STREAMS, StreamPlan, matches, stream_of
from mainspring.bus.shelf import Reader, Shelf, Stored
from mainspring.ports import Clock, Outgoing


class MemoryBroker:
    """The one broker that several buses share, as services share a NATS server."""

    def __init__(self, clock: Clock, *, streams: Mapping[str, StreamPlan] = STREAMS) -> None:
        self.clock = clock
        self.streams = streams
        self.up = True
        self._shelves: dict[str, Shelf] = {}
        self._readers: dict[tuple[str, str], Reader] = {}
        self._waiting: dict[tuple[str, str], list[asyncio.Event]] = {}
        self._feeds: dict[Feed, str] = {}
        self._looks: list[Callable[[], None]] = []
        self._made = 0

    def stop(self) -> None:
        """Go away; what is stored stays."""
        self.up = False

    def start(self) -> None:
        """Come back; every bus looks at what is there, as after a reconnect."""
        self.up = True
        for look in list(self._looks):
            look()

    def wipe(self) -> None:
        """Lose everything that is stored, consumers too, and come back."""
        self.stop()
        self._shelves.clear()
        self._readers.clear()
        self.start()

    def attach(self, look: Callable[[], None]) -> None:
        """Call `look` from now on when the broker came back."""
        self._looks.append(look)

    def detach(self, look: Callable[[], None]) -> None:
        """Forget who looked."""
        self._looks.remove(look)

    def stream(self, name: str) -> tuple[Shelf, bool]:
        """Return a stream, and whether it had to be made."""
        made = name not in self._shelves
        if made:
            self._made += 1
            self._shelves[name] = Shelf(self.streams[name], self._made)
        return self._shelves[name], made

    def reader(self, stream: str, durable: str, subjects: Sequence[str]) -> tuple[Reader, bool]:
        """Return the state of a durable consumer, and whether it had to be made."""
        key = (stream, durable)
        made = key not in self._readers
        if made:
            self._made += 1
            shelf, _ = self.stream(stream)
            self._readers[key] = Reader(shelf, subjects, self._made, self.clock.monotonic())
        reader = self._readers[key]
        reader.subjects = tuple(subjects)
        return reader, made

    def put(self, message: Outgoing) -> None:
        """Store a message where it belongs and let everyone hear it."""
        stream = stream_of(self.streams, message.subject)
        shelf = self._shelves.get(stream or "")
        if shelf is not None:
            shelf.put(message, self.clock.monotonic())
            self._wake(stream or "", message.subject)
        for feed, pattern in list(self._feeds.items()):
            if matches(pattern, message.subject):
                feed.put(message.subject, message.data)

    def subscribe(self, pattern: str) -> Feed:
        """Return a feed of what is published from now on."""

        async def close(feed: Feed) -> None:
            self._feeds.pop(feed, None)

        feed = Feed(close, wait=self.wait)
        self._feeds[feed] = pattern
        return feed

    def take(self, stream: str, durable: str, limit: int) -> list[Stored]:
        """Deliver what is due to a consumer just now."""
        reader = self._readers.get((stream, durable))
        if reader is None or not self.up:
            return []
        return reader.take(limit, self.clock.monotonic())

    def answer(self, stream: str, durable: str, act: Callable[[Reader, float], None]) -> None:
        """Apply an ack, a nak or a sign of life, unless the broker is away or another one."""
        reader = self._readers.get((stream, durable))
        if reader is not None and self.up:
            act(reader, self.clock.monotonic())
            self._ring(stream, durable)

    async def wait_for_news(self, stream: str, durable: str, seconds: float) -> None:
        """Return when there may be something to take, at the latest after so many seconds."""
        reader = self._readers.get((stream, durable))
        due = reader.next_due() if reader is not None and self.up else None
        if due is not None:
            seconds = min(seconds, max(0.0, due - self.clock.monotonic()))
        event = asyncio.Event()
        queue = self._waiting.setdefault((stream, durable), [])
        queue.append(event)
        try:
            await self.wait(event, seconds)
        finally:
            queue.remove(event)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when the event is set or when so many seconds have passed by the clock."""

        async def ring() -> None:
            await self.clock.sleep(seconds)
            event.set()

        alarm = asyncio.get_running_loop().create_task(ring())
        try:
            await event.wait()
        finally:
            alarm.cancel()

    def wake_all(self) -> None:
        """Let every waiting reader look again."""
        for key in self._waiting:
            self._ring(*key)

    def _wake(self, stream: str, subject: str) -> None:
        for (name, durable), reader in self._readers.items():
            if name == stream and reader.wants(subject):
                self._ring(name, durable)

    def _ring(self, stream: str, durable: str) -> None:
        for event in self._waiting.get((stream, durable), ()):
            event.set()
