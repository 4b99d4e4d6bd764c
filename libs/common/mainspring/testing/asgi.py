"""A reader of an ASGI application's answer that need not end.

httpx's own transport gives an answer only when it is whole, which an event stream never is.  This
one hands on each event as it is sent, and can be slow, or gone, at a moment that the test chooses.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Scope


class SseEvent(NamedTuple):
    """One event as a client sees it; a comment has only a comment."""

    name: str
    id: str
    data: str
    comment: str = ""


class StreamReader:
    """Reads one answer; `pause` makes the socket take nothing more."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended = asyncio.Event()
        self._began = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        self._gone = asyncio.Event()
        self._pieces: asyncio.Queue[SseEvent] = asyncio.Queue()
        self._asked = False
        self.body = b""

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self._open.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
            self._began.set()
            return
        self._take(message.get("body", b""))
        if not message.get("more_body"):
            self.ended.set()

    async def began(self) -> int:
        """Return the status when the head of the answer has come."""
        async with asyncio.timeout(5):
            await self._began.wait()
        return self.status

    async def next(self) -> SseEvent:
        """Return the next event, comments and `retry` left out."""
        async with asyncio.timeout(5):
            while not (event := await self._pieces.get()).data:
                pass
            return event

    async def next_comment(self) -> str:
        """Return the next comment, events left out."""
        async with asyncio.timeout(5):
            while not (event := await self._pieces.get()).comment:
                pass
            return event.comment

    def pause(self) -> None:
        """Take nothing more, as a client that has stopped reading."""
        self._open.clear()

    def leave(self) -> None:
        """Close the connection from the client's side."""
        self._gone.set()

    def _take(self, body: bytes) -> None:
        self.body += body
        for block in body.decode().split("\n\n"):
            if block:
                self._pieces.put_nowait(_parse(block))


@asynccontextmanager
async def reading(
    app: ASGIApp, path: str, *, query: str = "", headers: Mapping[str, str] | None = None
) -> AsyncGenerator[StreamReader]:
    """GET a path and read its answer until the end of the block."""
    reader = StreamReader()
    given = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"test"), *given],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def serve() -> None:
        try:
            await app(scope, reader.receive, reader.send)
        finally:
            reader.ended.set()

    task = asyncio.create_task(serve())
    try:
        yield reader
    finally:
        reader.leave()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _parse(block: str) -> SseEvent:
    fields = {"event": "", "id": "", "data": "", "": ""}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        fields[name] = f"{fields[name]}\n{value}" if fields.get(name) else value
    return SseEvent(fields["event"], fields["id"], fields["data"], fields[""])
