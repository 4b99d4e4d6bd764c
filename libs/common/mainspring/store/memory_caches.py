"""Blobs and snapshots in memory."""

import hashlib
from collections.abc import Sequence

from mainspring.domain.envelope import Head, StreamId


class MemoryBlobs:
    """The Blobs port over a dict."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    async def put(self, data: bytes) -> str:
        """Store `data` and return its SHA-256 in hex."""
        ref = hashlib.sha256(data).hexdigest()
        self.held[ref] = data
        return ref

    async def get(self, ref: str) -> bytes | None:
        return self.held.get(ref)


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
