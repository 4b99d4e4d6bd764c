"""Blobs and snapshots on Postgres: values beside the log, written outside its transactions."""

import hashlib
from collections.abc import Sequence

from mainspring.domain.envelope import Head, StreamId
from mainspring.store.connection import Link
from mainspring.store.statements import SQL


class PostgresBlobs:
    """The Blobs port on Postgres."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def put(self, data: bytes) -> str:
        """Store `data` and return its SHA-256 in hex; durable when it returns."""
        ref = hashlib.sha256(data).hexdigest()
        await self._link.run(SQL["blob_put"], ref, data)
        return ref

    async def get(self, ref: str) -> bytes | None:
        for row in await self._link.find(SQL["blob_get"], ref):
            return row["data"]
        return None

    async def forget(self, *, unused_for: float, limit: int) -> int:
        """Delete values that were last stored so long ago; return how many."""
        return (await self._link.run(SQL["blobs_forget"], unused_for, limit))[0][0]


class PostgresSnapshots:
    """The Snapshots port on Postgres: an older state never replaces a later one."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def save(self, stream: StreamId, head: Head, state: bytes) -> None:
        await self._link.run(SQL["snapshot_save"], *stream, *head, state)

    async def load(self, streams: Sequence[StreamId]) -> dict[StreamId, tuple[Head, bytes]]:
        if not streams:
            return {}
        rows = await self._link.find(SQL["snapshots_load"], *zip(*streams, strict=True))
        return {
            StreamId(category, id): (Head(version, hash), state)
            for category, id, version, hash, state in rows
        }
