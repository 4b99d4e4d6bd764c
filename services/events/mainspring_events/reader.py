"""Reads of streams for many who ask at once: what is asked while one is under way is the next.

One transaction may ring hundreds of watchers, and each wants to read then.  Together they cost a
few reads, and a stream that many watch is read once; a lone watcher waits for nobody.  A read for
each watcher lost: with 3,000 of them an event to all was received after 22 s, and is after 5.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Final, TypeAlias

from mainspring.domain.envelope import Envelope, StreamId
from mainspring.ports import EventLog

MOST: Final = 64
"""Streams in one read: their payloads may be large."""

Wanted: TypeAlias = "dict[StreamId, asyncio.Future[list[Envelope]]]"


class Reader:
    """Collects reads and gives them to the log, one batch at a time."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._wanted: dict[int, Wanted] = {}
        self._task: asyncio.Task[dict[StreamId, list[Envelope]]] | None = None
        self._scheduled = False
        self.batches = 0

    async def read(self, stream: StreamId, *, after: int = 0) -> list[Envelope]:
        """Return the events of a stream with a version above `after`.  Raises `LogUnavailable`."""
        wanted = self._wanted.setdefault(after, {})
        if stream not in wanted:
            wanted[stream] = asyncio.get_running_loop().create_future()
        self._wake()
        # Others may wait for the same read: who leaves does not take it away from them.
        return await asyncio.shield(wanted[stream])

    def _wake(self) -> None:
        if not self._scheduled and self._task is None and self._wanted:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._scheduled = False
        after = next(iter(self._wanted))
        wanted = self._wanted.pop(after)
        batch = {stream: wanted.pop(stream) for stream in list(wanted)[:MOST]}
        if wanted:
            self._wanted[after] = wanted  # behind the others, whose turn it is now
        self.batches += 1
        self._task = asyncio.ensure_future(self._log.read(list(batch), after=after))
        self._task.add_done_callback(partial(self._settle, batch))

    def _settle(
        self,
        batch: Mapping[StreamId, "asyncio.Future[list[Envelope]]"],
        task: "asyncio.Task[dict[StreamId, list[Envelope]]]",
    ) -> None:
        self._task = None
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        for stream, future in batch.items():
            if error is None:
                future.set_result(task.result()[stream])
            else:
                future.set_exception(error)
                future.exception()  # seen: all who asked may have left
        self._wake()
