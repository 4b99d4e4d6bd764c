"""The line between the load generator and a program that runs in an engine's own environment.

Standard library only, for it is imported by interpreters that have nothing of ours.  A program is
told one workload in its arguments; then each line that it reads is the number of a run to start,
and each line that it writes is that number when the run has ended, with what went wrong if
something did.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import urlsplit


class Told(NamedTuple):
    """What a program is started with, as JSON in its last argument."""

    port: int  # where it listens for runs to start; 0: nowhere
    steps: int
    shape: str  # "chain" or "fan"
    url: str  # where a step posts to; empty: it does nothing
    server: str  # where the engine is

    @property
    def is_fan(self) -> bool:
        return self.shape == "fan"


def told() -> Told:
    return Told(**json.loads(sys.argv[-1]))


class Peer:
    """A keep-alive POST on plain sockets: the cheapest that a step could do, for every engine."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._request = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            "Content-Length: 18\r\n\r\n"
            '{"orderId":"1234"}'
        ).encode()
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def step(self) -> int:
        """Do what a step does: nothing, or one POST; return the status."""
        if not self._host:
            return 0
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(self._request)
        head = await reader.readuntil(b"\r\n\r\n")
        _, _, rest = head.lower().partition(b"content-length:")
        await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
        self._idle.append((reader, writer))
        return int(head[9:12])


async def serve(port: int, run: Callable[[str], Awaitable[object]]) -> None:
    """Listen for runs to start, for ever; `run` is given a key that no other run has."""

    async def one(number: str, writer: asyncio.StreamWriter) -> None:
        try:
            await run(f"run-{number}")
            said = ""
        except Exception as error:  # noqa: BLE001 - told to the load generator, which counts it
            said = " " + f"{type(error).__name__}: {error}".replace("\n", " ")
        writer.write(f"{number}{said}\n".encode())

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks: set[asyncio.Task[None]] = set()
        while line := await reader.readline():
            task = asyncio.create_task(one(line.decode().strip(), writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(listen, "127.0.0.1", port)
    async with server:
        await server.serve_forever()
