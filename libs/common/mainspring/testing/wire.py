"""A peer on a real socket that says exactly the bytes that a test wants, well-formed or not."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

Script: TypeAlias = Callable[["Visit"], Awaitable[None]]


class Visit:
    """One connection to the peer, from the peer's side."""

    def __init__(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.number = number
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """Return the bytes of the next request, head and body; empty when the caller hung up."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            return head + await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            return b""

    async def say(self, *parts: bytes) -> None:
        """Send bytes, each part on its own."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()

    async def gone(self) -> None:
        """Return when the caller has hung up."""
        try:
            while await self._reader.read(65536):
                pass
        except OSError:
            return

    def reset(self) -> None:
        """Drop the connection without a word."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Hang up in order."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return


class Peer:
    """Where a peer listens, and how often it was connected to."""

    def __init__(self, port: int, scheme: str) -> None:
        self.port = port
        self.visits = 0
        self.requests: list[bytes] = []
        self._scheme = scheme

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def raw_peer(script: Script, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Peer]:
    """Yield a peer that runs `script` for each connection, on a free port of the loopback."""
    peer = Peer(0, "https" if tls else "http")
    running: set[asyncio.Task[None]] = set()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        peer.visits += 1
        try:
            await script(Visit(peer.visits, reader, writer))
        except OSError:
            pass  # the caller hung up first
        finally:
            running.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(visit, "127.0.0.1", 0, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for task in tuple(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncGenerator[Peer]:
    """Yield a peer that answers the n-th request of a connection with the n-th bytes."""

    async def script(visit: Visit) -> None:
        for answer in answers:
            said = await visit.request()
            if not said:
                return
            peer.requests.append(said)
            await visit.say(answer)
        await visit.gone()

    async with raw_peer(script) as peer:
        yield peer
