"""TCP lines that can be hung, reset and flooded: a proxy between a client and a server.

All lines live in a thread with a loop of its own, so the load that is made beside them does not
slow what passes.
"""

import asyncio
import threading
from collections.abc import Coroutine, Generator
from contextlib import contextmanager, suppress
from typing import Any, Final, Literal, TypeAlias, TypeVar

Mode: TypeAlias = Literal["open", "silent", "reset", "flood"]
T = TypeVar("T")
PIECE: Final = 64 * 1024
HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)
CHUNK: Final = b"%x\r\n%b\r\n" % (PIECE, b"0" * PIECE)


class Line:
    """One way to one server; `mode` says what becomes of who takes it."""

    def __init__(self, lines: "Lines", host: str, target: int) -> None:
        self.port = 0
        self.host = host
        self.target = target
        self._lines = lines
        self._mode: Mode = "open"
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Its origin, for who speaks HTTP."""
        return f"http://{self.host}:{self.port}"

    def become(self, mode: Mode) -> None:
        """Change what becomes of those who are on the line, and of those who come."""
        self._lines.call(self._become(mode))

    async def listen(self) -> asyncio.Server:
        """Take a free port, and whoever comes to it; return who listens there."""
        server = await asyncio.start_server(self._serve, self.host, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _become(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "silent":
            self._open.clear()
        else:
            self._open.set()
        if mode in ("reset", "flood"):
            self._abort()

    def _abort(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._answered(reader, writer)
        except OSError:
            pass  # one of the two has left
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "reset":
            return
        await self._open.wait()
        if self._mode == "flood":
            await self._flood(reader, writer)
            return
        inner, outer = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers.add(outer)
        try:
            ways = [self._pass(reader, outer), self._pass(inner, writer)]
            tasks = [asyncio.ensure_future(way) for way in ways]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._writers.discard(outer)
            outer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            await self._open.wait()
            writer.write(piece)
            await writer.drain()

    async def _flood(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer whatever is asked with a body that does not end."""
        await reader.read(PIECE)
        writer.write(HEAD)
        while self._mode == "flood":
            writer.write(CHUNK)  # never the last one: who is cut off here has no answer
            await writer.drain()


class Lines:
    """The thread that all lines live in."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def to(self, target: int, host: str = "127.0.0.1") -> Line:
        """Return a line to a port of the loopback."""
        line = Line(self, host, target)
        self._servers.append(self.call(line.listen()))
        return line

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the thread, and return what comes of it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def close(self) -> None:
        """Cut everything off."""
        for server in self._servers:
            self.loop.call_soon_threadsafe(server.close)
        self.call(_cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _cancel_all() -> None:
    mine = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not mine]
    for task in others:
        task.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def lines() -> Generator[Lines]:
    """Yield the lines of a run; they are cut on exit."""
    whole = Lines()
    try:
        yield whole
    finally:
        whole.close()
