"""What stands beside the log: large values by reference, and a cache of folded states."""

from collections.abc import Sequence
from typing import Protocol

from mainspring.domain.envelope import Head, StreamId


class Blobs(Protocol):
    """Large values by reference: content-addressed, written before the message that names them."""

    async def put(self, data: bytes) -> str:
        """Store `data` and return its reference (the SHA-256 in hex); durable when it returns."""
        ...

    async def get(self, ref: str) -> bytes | None: ...

    async def forget(self, *, unused_for: float, limit: int) -> int:
        """Delete values that were last stored at least so many seconds ago, the oldest first.

        Returns how many, at most `limit`.
        """
        ...


class Snapshots(Protocol):
    """A cache of folded states, droppable at any time."""

    async def save(self, stream: StreamId, head: Head, state: bytes) -> None: ...

    async def load(self, streams: Sequence[StreamId]) -> dict[StreamId, tuple[Head, bytes]]: ...
