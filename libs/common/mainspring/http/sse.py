"""Server-sent events: the format, the resuming, and a response that nobody can make wait.

A source is asked for its next piece only when the last one has been taken by the socket, so a slow
reader slows its own source and nothing else, and nothing is kept for it.  One that takes nothing
for `PATIENCE_S` is dropped; it comes back with `Last-Event-ID` and misses nothing, because ids are
positions of the log.  A queue for each reader, the rival, needs a bound, and then a rule for what
to lose at the bound.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mainspring.domain.errors import DefinitionInvalid
from mainspring.telemetry.metrics import SSE_SLOW_READERS, SSE_STREAMS

HEARTBEAT_S: Final = 15.0
PATIENCE_S: Final = 30.0
RETRY_MS: Final = 1000
HEARTBEAT: Final = b": still here\n\n"
LARGEST_POSITION: Final = 2**63 - 1
LONGEST_POSITION: Final = 19
HEADERS: Final = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # or nginx would hand events on when it has a bufferful
}


class SlowReader(Exception):
    """The reader took nothing for so long that it was dropped."""


def event(data: bytes, *, name: str = "", id: int | None = None) -> bytes:
    """Return one event; line breaks in `data` become lines of the event."""
    lines: list[bytes] = []
    if name:
        lines.append(b"event: " + name.encode())
    if id is not None:
        lines.append(b"id: %d" % id)
    lines.extend(b"data: " + line for line in data.splitlines() or [b""])
    return b"\n".join(lines) + b"\n\n"


def resume_from(headers: Mapping[str, str], query: Mapping[str, str]) -> int | None:
    """Return the position that the reader has seen, or None if it comes for the first time.

    `Last-Event-ID` goes before the query's `after`, which stays in the URL of a reader that
    reconnects.  Raises `DefinitionInvalid`.
    """
    for name, text in (
        ("Last-Event-ID", headers.get("last-event-id", "")),
        ("after", query.get("after", "")),
    ):
        if text:
            if text.isascii() and text.isdecimal() and len(text) <= LONGEST_POSITION:
                return min(int(text), LARGEST_POSITION)
            raise DefinitionInvalid([f"{name}: must be a position of the log, is {text[:40]!r}"])
    return None


class EventStream(Response):
    """Sends what a source gives until it ends, the reader goes, or the service drains.

    The source yields whole events, several at once if it has them.
    """

    def __init__(
        self,
        source: AsyncGenerator[bytes],
        draining: asyncio.Event,
        *,
        heartbeat: float = HEARTBEAT_S,
        patience: float = PATIENCE_S,
    ) -> None:
        super().__init__(None, 200, HEADERS, "text/event-stream")
        del self.headers["content-length"]
        self._source = source
        self._draining = draining
        self._heartbeat = heartbeat
        self._patience = patience
        self._sent = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "HEAD":
            await self._head_alone(send)
            return
        route = getattr(scope.get("route"), "path", "unmatched")
        with SSE_STREAMS.labels(route).track_inprogress():
            head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(head)
            try:
                await self._stream(receive, send)
            except SlowReader:
                SSE_SLOW_READERS.inc()

    async def _head_alone(self, send: Send) -> None:
        await self._source.aclose()
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _stream(self, receive: Receive, send: Send) -> None:
        await self._write(send, b"retry: %d\n\n" % RETRY_MS)
        pump = asyncio.create_task(self._pump(send))
        gone = asyncio.create_task(_disconnected(receive))
        leaving = asyncio.create_task(self._draining.wait())
        try:
            while not pump.done() and not gone.done() and not leaving.done():
                self._sent = False
                await asyncio.wait(
                    (pump, gone, leaving),
                    timeout=self._heartbeat,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not self._sent and not pump.done() and not gone.done():
                    await self._write(send, HEARTBEAT)
        finally:
            for task in (pump, gone, leaving):
                task.cancel()
            await asyncio.gather(pump, gone, leaving, return_exceptions=True)
        if pump.done() and not pump.cancelled():
            pump.result()  # its fault, if it had one, is the stream's
        if not gone.done() or gone.cancelled():
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        async with aclosing(self._source) as source:
            async for piece in source:
                await self._write(send, piece)
                del piece  # it may be large, and the next one may be long in coming

    async def _write(self, send: Send, piece: bytes) -> None:
        """Hand a piece to the socket; raise `SlowReader` when it is not taken in time."""
        try:
            async with asyncio.timeout(self._patience):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            raise SlowReader from None
        self._sent = True


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
