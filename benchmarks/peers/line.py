"""The load generator's end of the line to a program in another environment."""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from benchmarks.peers.engine import spawned, until_it_listens
from benchmarks.peers.workloads import Workload
from mainspring.runtime import children

PROGRAMS: Final = Path(__file__).with_name("programs")


class Orders(NamedTuple):
    """What a program is told, in its last argument and its environment."""

    workload: Workload
    echo: str
    server: str
    env: Mapping[str, str] = MappingProxyType({})

    def text(self, port: int = 0) -> str:
        orders = {
            "port": port,
            "steps": self.workload.steps,
            "shape": self.workload.shape,
            "url": self.workload.url(self.echo),
            "server": self.server,
        }
        return json.dumps(orders)


class Line:
    """Runs that were asked for and have not ended, by number."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[None]] = {}

    async def run(self) -> None:
        """Have one run started; return when it has ended, raise RuntimeError when it failed."""
        number = next(self._numbers)
        ended = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._writer.write(b"%d\n" % number)
        await ended

    async def listen(self, reader: asyncio.StreamReader) -> None:
        """Tell those who wait, until the program closes the line."""
        while line := await reader.readline():
            number, _, error = line.decode().strip().partition(" ")
            ended = self._waiting.pop(int(number))
            if ended.done():
                continue
            if error:
                ended.set_exception(RuntimeError(error))
            else:
                ended.set_result(None)
        for ended in self._waiting.values():
            if not ended.done():
                ended.set_exception(RuntimeError("the program has closed the line"))


class Program(NamedTuple):
    pid: int
    run: Callable[[], Awaitable[None]]


@asynccontextmanager
async def program(
    python: Path, script: str, folder: Path, orders: Orders
) -> AsyncGenerator[Program]:
    """Run one of `programs/` that listens, and connect to it."""
    port, log = children.free_port(), folder / f"{script}.log"
    argv = [str(python), str(PROGRAMS / script), orders.text(port)]
    with spawned(argv, log, orders.env) as child:
        await until_it_listens(port, child, log)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        there = Line(writer)
        listener = asyncio.create_task(there.listen(reader))
        try:
            yield Program(child.pid, there.run)
        finally:
            listener.cancel()
            writer.close()
