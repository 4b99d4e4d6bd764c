"""Acks and their like on the way to the broker: not awaited, bounded, and never misdirected.

An ack names a message by its number in the stream.  After the store was wiped the numbers begin
again, and an ack that comes late would remove another message, one that nobody has seen.  So each
answer remembers which making of the stream its message came from, and waits until the streams of
a new connection have been looked at.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from mainspring.bus.link import Link
from mainspring.bus.wire import Said
from mainspring.domain.errors import BusUnavailable

LIMIT = 20_000  # a lost ack means a repetition, so forgetting the oldest is allowed

ACK = b"+ACK"
WORKING = b"+WPI"


def nak(delay: float) -> bytes:
    """Return the word for: again, after so many seconds."""
    return b'-NAK {"delay":%d}' % round(delay * 1e9) if delay > 0 else b"-NAK"


class Answers:
    """Words that go out in this turn while the bus is `ready`, and wait while it is not."""

    def __init__(
        self, link: Link, incarnation: Callable[[str], str], ready: Callable[[], bool]
    ) -> None:
        self._link = link
        self.incarnation = incarnation
        self._ready = ready
        self._queue = deque[tuple[str, str, str, bytes]](maxlen=LIMIT)
        self._task: asyncio.Task[None] | None = None

    def put(self, stream: str, incarnation: str, reply: str, word: bytes) -> None:
        """Send a word about a message as soon as there is someone to hear it."""
        self._queue.append((stream, incarnation, reply, word))
        self.kick()

    def kick(self) -> None:
        """Send what waits, if there is someone to hear it."""
        if not self._queue or self._task is not None or not self._ready():
            return
        if self._link.is_choked:
            self._task = asyncio.get_running_loop().create_task(self._send())
            return
        try:
            self._link.say_soon(self._valid())
        except BusUnavailable:
            return  # what waits goes over the next connection
        self._queue.clear()

    async def flush(self) -> None:
        """Return when everything that can be sent has been."""
        self.kick()
        while self._task is not None:
            await self._task

    async def _send(self) -> None:
        """Send as a slow peer reads."""
        try:
            while self._queue and self._ready():
                valid = self._valid()
                self._queue.clear()
                await self._link.say(valid)
        except BusUnavailable:
            pass
        finally:
            self._task = None

    def _valid(self) -> list[Said]:
        return [
            Said(reply, word)
            for stream, incarnation, reply, word in self._queue
            if incarnation == self.incarnation(stream)
        ]
