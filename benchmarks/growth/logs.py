"""Two writers on one log, on a log each in one server, and on a server each.

What a project's log of its own would give: the lock that orders a log is then taken by nobody else.
Each writer is a process of its own with 64 sagas at once, as in benchmark f.
"""

import asyncio
import sys
from contextlib import ExitStack
from typing import Final

import uvloop

from benchmarks.growth.load import of_pids, others
from benchmarks.growth.series import Panel, Row, Shape
from benchmarks.raw_append import Saga, run_for
from benchmarks.report import Figures
from mainspring.runtime.servers import PostgresServer
from mainspring.store.migrate import migrate
from mainspring.store.postgres import PostgresStore
from mainspring.testing.cluster import create_database, throwaway_folder

SECONDS: Final = 6.0
CROWD: Final = 64
SHAPE: Final = Shape(
    "Two writers",
    "logs",
    (
        Panel("events a second, both together", {"per_s": "appended"}),
        Panel("CPU µs an event", {"cpu_us": "writers and servers"}),
    ),
)


async def measure() -> list[Row]:
    """Three arrangements, one after the other; one writer alone is told too."""
    with ExitStack() as exits:
        servers: list[PostgresServer] = []
        for _ in range(2):
            folder = exits.enter_context(throwaway_folder())
            server = PostgresServer(folder / "postgres")
            server.start()
            exits.callback(server.stop)
            servers.append(server)
        first, second = servers
        one, two = await create_database(first, "one"), await create_database(first, "two")
        far = await create_database(second, "far")
        for dsn in (one, two, far):
            await migrate(dsn)
        plans = {
            "one writer": [one],
            "one log": [one, one],
            "two logs": [one, two],
            "two servers": [one, far],
        }
        return [Row(name, await _at(servers, dsns)) for name, dsns in plans.items()]


async def _at(servers: list[PostgresServer], dsns: list[str]) -> Figures:
    figures: Figures = {}
    ours = of_pids(*(server.pid or 0 for server in servers))
    with others(ours, figures):
        before = ours()
        argv = (sys.executable, "-m", "benchmarks.growth.logs")
        writers = [
            await asyncio.create_subprocess_exec(*argv, dsn, stdout=asyncio.subprocess.PIPE)
            for dsn in dsns
        ]
        told = await asyncio.gather(*(writer.communicate() for writer in writers))
        spent = ours() - before
    if any(writer.returncode for writer in writers):
        raise RuntimeError("a writer has failed")
    events = sum(int(out) for out, _ in told)
    return figures | {"per_s": events / SECONDS, "cpu_us": 1e6 * spent / events}


async def write(dsn: str) -> int:
    """Append sagas for a while; return how many events."""
    store = await PostgresStore.open(dsn)
    try:

        async def saga() -> None:
            for append in Saga().appends():
                await store.log.append([append])

        await run_for(1.0, CROWD, saga)
        return 6 * await run_for(SECONDS, CROWD, saga)
    finally:
        await store.close()


if __name__ == "__main__":
    print(uvloop.run(write(sys.argv[1])))
