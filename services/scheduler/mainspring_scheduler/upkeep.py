"""Upkeep: what nothing can refer to any more is deleted, a little at a time.

Two kinds of rows would else grow for ever: values that travelled by reference, which a message
names until it is handled, and answers kept for idempotency keys, which are given again for a day.
Both are deleted by age alone, and late: to count who still names a value would cost every
message a write.  Partition 0's scheduler does it; two at once delete different rows.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from mainspring.domain.errors import LogUnavailable
from mainspring.ports import Blobs, Clock, Views
from mainspring.telemetry import metrics
from mainspring_scheduler.partitions import Partitions

DAY: Final = 86_400.0

FIRST: Final = 600.0
"""Seconds before the first look: reports that waited for a scheduler still name their values."""

EVERY: Final = 3600.0

KEEP_KEYS: Final = 2 * DAY
"""Twice as long as an answer is given again, so that no clock matters."""

MOST: Final = 1000
"""Rows deleted by one statement."""

ROUNDS: Final = 100
"""Statements in a row, for each kind; the rest waits for the next look."""


class Upkeep:
    """Deletes what is old, when it is this replica's turn."""

    def __init__(
        self,
        views: Views,
        blobs: Blobs,
        partitions: Partitions,
        clock: Clock,
        *,
        keep_blobs: float = 7 * DAY,
    ) -> None:
        self._views = views
        self._blobs = blobs
        self._partitions = partitions
        self._clock = clock
        self._keep_blobs = keep_blobs

    async def run(self) -> None:
        """Look every hour until cancelled; a log that is away is looked at an hour later."""
        await self._clock.sleep(FIRST)
        while True:
            with suppress(LogUnavailable):
                await self.tick()
            await self._clock.sleep(EVERY)

    async def tick(self) -> int:
        """Delete what is old, a bounded number of rows; return how many.

        Nothing when another replica looks after it.  Raises `LogUnavailable`.
        """
        if not self._partitions.owns(0):
            return 0
        blobs = await self._forget("blobs", self._old_blobs)
        return blobs + await self._forget("keys", self._old_keys)

    async def _forget(self, what: str, delete: Callable[[], Awaitable[int]]) -> int:
        forgotten = 0
        for _ in range(ROUNDS):
            deleted = await delete()
            forgotten += deleted
            metrics.FORGOTTEN.labels(what).inc(deleted)
            if deleted < MOST:
                break
        return forgotten

    def _old_blobs(self) -> Awaitable[int]:
        return self._blobs.forget(unused_for=self._keep_blobs, limit=MOST)

    def _old_keys(self) -> Awaitable[int]:
        return self._views.forget_keys(before=self._clock.now() - KEEP_KEYS, limit=MOST)
