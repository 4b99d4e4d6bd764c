"""Blobs and snapshots in memory."""

import hashlib
import time
from collections.abc import Callable, Sequence

from mainspring.domain.envelope import Head, StreamId


class MemoryBlobs:
    """The Blobs port over a dict.

    Ages are by the machine's own clock, as they are by the server's on Postgres: two ends of one
    span are all that is asked of it.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.held: dict[str, bytes] = {}
        self._now = now
        self._stored_at: dict[str, float] = {}

    async def put(self, data: bytes) -> str:
        """Store `data` and return its SHA-256 in hex."""
        ref = hashlib.sha256(data).hexdigest()
        self.held[ref] = data
        self._stored_at[ref] = self._now()
        return ref

    async def get(self, ref: str) -> bytes | None:
        return self.held.get(ref)

    async def forget(self, *, unused_for: float, limit: int) -> int:
        """Delete values that were last stored so long ago; return how many."""
        until = self._now() - unused_for
        old = sorted((at, ref) for ref, at in self._stored_at.items() if at <= until)[:limit]
        for _, ref in old:
            del self.held[ref], self._stored_at[ref]
        return len(old)


class MemorySnapshots:
    """The Snapshots port over a dict: an older state never replaces a later one."""

    def __init__(self) -> None:
        self.held: dict[StreamId, tuple[Head, bytes]] = {}

    async def save(self, stream: StreamId, head: Head, state: bytes) -> None:
        kept = self.held.get(stream)
        if kept is None or kept[0].version <= head.version:
            self.held[stream] = (head, state)

    async def load(self, streams: Sequence[StreamId]) -> dict[StreamId, tuple[Head, bytes]]:
        return {stream: self.held[stream] for stream in streams if stream in self.held}
