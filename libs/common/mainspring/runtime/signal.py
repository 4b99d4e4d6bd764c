"""Test signals: a value that says "this happened", and does nothing until a test arms it.

A loop holds one for each thing that a test may want to wait for, so no test sleeps and hopes.
Unarmed, `send` is one attribute look-up.  Nothing of a test library is imported here.
"""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Signal(Generic[T]):
    """Carries values from a loop to the test that armed it."""

    __slots__ = ("_sent",)

    def __init__(self) -> None:
        self._sent: asyncio.Queue[T] | None = None

    def arm(self) -> None:
        """Keep what is sent from now on, until `disarm`; arming again forgets what was kept."""
        self._sent = asyncio.Queue()

    def disarm(self) -> None:
        """Forget what was kept, and keep nothing more."""
        self._sent = None

    def send(self, value: T) -> None:
        """Hand `value` to the test, if one listens."""
        if self._sent is not None:
            self._sent.put_nowait(value)

    async def wait(self, timeout: float = 5.0) -> T:
        """Return the oldest kept value, waiting for one; raise TimeoutError when none comes.

        Raises RuntimeError when it was never armed: such a wait could only time out.
        """
        if self._sent is None:
            raise RuntimeError("the signal was not armed before it was waited for")
        async with asyncio.timeout(timeout):
            return await self._sent.get()
