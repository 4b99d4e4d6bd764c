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
from mainspring.domain.errors import BusUnavailable

LIMIT = 20_000  # a lost ack means a repetition, so forgetting the oldest is allowed

ACK = b"+ACK"
WORKING = b"+WPI"


def nak(delay: float) -> bytes:
    """Return the word for: again, after so many seconds."""
    return b'-NAK {"delay":%d}' % round(delay * 1e9) if delay > 0 else b"-NAK"


class Answers:
    """A queue that one short-lived task empties while the bus is `ready`."""

    def __init__(
        self, link: Link, incarnation: Callable[[str], str], ready: Callable[[], bool]
    ) -> None:
        self._link = link
        self.incarnation = incarnation
        self._ready = ready
        self._queue = deque[tuple[str, str, str, bytes]](maxlen=LIMIT)
        self._task: asyncio.Task[None] | None = None

    def put(self, stream: str, incarnation: str, reply: str, word: bytes) -> None:
        """Send a word about a message soon."""
        self._queue.append((stream, incarnation, reply, word))
        self.kick()

    def kick(self) -> None:
        """Begin to send, if there is something to send and someone to hear it."""
        if self._queue and self._task is None and self._ready():
            self._task = asyncio.get_running_loop().create_task(self._send())

    async def flush(self) -> None:
        """Return when everything that can be sent has been."""
        self.kick()
        while self._task is not None:
            await self._task

    async def _send(self) -> None:
        try:
            while self._queue and self._ready():
                stream, incarnation, reply, word = self._queue.popleft()
                if incarnation == self.incarnation(stream):
                    await self._link.publish(reply, word)
        except BusUnavailable:
            pass  # what remains goes over the next connection
        finally:
            self._task = None
