"""The load generator's side of HTTP: one pooled POST, and one reader of event streams.

Written on plain sockets because it shares the two cores with what it measures.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

AGAIN_S = 0.02


class Answer(NamedTuple):
    status: int
    body: bytes
    head: bytes = b""

    def header(self, name: bytes) -> str:
        """Return a header, or an empty text."""
        _, _, rest = self.head.lower().partition(b"\r\n" + name.lower() + b":")
        start = len(self.head) - len(rest)
        return self.head[start:].split(b"\r\n", 1)[0].strip().decode() if rest else ""


class Pool:
    """Keep-alive connections to one origin; as many as are in use at once."""

    def __init__(self, origin: str) -> None:
        parts = urlsplit(origin)
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or 80
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: bytes) -> Answer:
        """Post until it is taken: a gateway that is asked for too much says so."""
        while True:
            answer = await self.post_once(path, body)
            if answer.status not in (429, 503):
                return answer
            await asyncio.sleep(AGAIN_S)

    async def post_once(self, path: str, body: bytes) -> Answer:
        reader, writer = await self._connection()
        writer.write(
            b"POST %b HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (path.encode(), len(body), body)
        )
        answer = await _answer(reader)
        if answer.header(b"connection") == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return answer

    async def get(self, path: str) -> Answer:
        reader, writer = await self._connection()
        writer.write(b"GET %b HTTP/1.1\r\nHost: bench\r\n\r\n" % path.encode())
        answer = await _answer(reader)
        self._idle.append((reader, writer))
        return answer

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._idle:
            return self._idle.pop()
        return await asyncio.open_connection(self._host, self._port)

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    _, _, rest = lower.partition(b"content-length:")
    length = int(rest.split(b"\r\n", 1)[0]) if rest else 0
    body = await reader.readexactly(length) if length else b""
    return Answer(int(head[9:12]), body, head)


class Event(NamedTuple):
    type: str
    data: bytes

    def json(self) -> dict[str, object]:
        return msgspec.json.decode(self.data)


@asynccontextmanager
async def stream(origin: str, path: str) -> AsyncGenerator[AsyncIterator[Event]]:
    """Open an event stream; the answer's head has been read when the block begins."""
    parts = urlsplit(origin)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 24)
    try:
        writer.write(
            b"GET %b HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n" % path.encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        yield _events(reader)
    finally:
        writer.close()


async def _events(reader: asyncio.StreamReader) -> AsyncIterator[Event]:
    kind, data = b"", b""
    while line := await reader.readline():
        name, _, value = line.rstrip(b"\r\n").partition(b": ")
        if name == b"event":
            kind = value
        elif name == b"data":
            data += value
        elif not name and data:
            yield Event(kind.decode(), data)
            kind, data = b"", b""
