"""A bounded queue between the broker and one listener.

When the listener is slow the oldest is dropped and the listener stays correct: a feed only says
that there is something to read, and whoever hears any of it reads the log from where they were.
Dropping the newest instead would lose the very message after which nothing more comes.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

SIZE = 4096

Wait: TypeAlias = Callable[[asyncio.Event, float], Awaitable[None]]
"""Return when the event is set or when so many seconds have passed."""


async def wait_on_loop(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event by the loop's own time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


class Feed:
    """A live subscription: what arrives while its queue is full pushes out the oldest."""

    def __init__(
        self, close: Callable[["Feed"], Awaitable[None]], *, wait: Wait = wait_on_loop
    ) -> None:
        self._close = close
        self._wait = wait
        self._queue = deque[tuple[str, bytes]](maxlen=SIZE)
        self._news = asyncio.Event()

    def put(self, subject: str, data: bytes) -> None:
        """Queue what was heard."""
        self._queue.append((subject, data))
        self._news.set()

    async def next(self, timeout: float) -> tuple[str, bytes] | None:
        """Return the next (subject, data), or None when `timeout` seconds pass."""
        if not self._queue:
            self._news.clear()
            await self._wait(self._news, timeout)
        return self._queue.popleft() if self._queue else None

    async def close(self) -> None:
        """Hear nothing more."""
        await self._close(self)
