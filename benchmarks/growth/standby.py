"""Lists read from the log's own server, and from a streaming standby of it, beside a load.

The standby is a base backup that follows by its own settings (`pg_basebackup -R`).  A row that was
appended is looked for on it until it is there: that is how far the standby is behind.
"""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import asyncpg

from benchmarks import report
from benchmarks.growth import clone
from benchmarks.growth.load import of_pids, others
from benchmarks.growth.series import Panel, Row, Shape
from benchmarks.raw_append import Saga
from benchmarks.report import Figures
from mainspring.runtime.binaries import postgres_binary
from mainspring.runtime.servers import PostgresServer
from mainspring.store.migrate import migrate
from mainspring.store.postgres import PostgresStore
from mainspring.testing.cluster import throwaway_folder

RUNS: Final = 20_000
LOOKS: Final = 100
READERS: Final = 4
PAGE: Final = 50
SHAPE: Final = Shape(
    "Lists beside a load",
    "lists from",
    (
        Panel("events appended a second", {"per_s": "appended"}),
        Panel("lists a second", {"lists_per_s": "of 50 runs"}),
        Panel("ms", {"list_p50_ms": "a list, p50", "behind_p99_ms": "behind the log, p99"}),
    ),
)


async def measure() -> list[Row]:
    """No lists, lists from the log's server, lists from the standby; the load is the same."""
    with ExitStack() as exits:
        folder = exits.enter_context(throwaway_folder())
        primary = PostgresServer(folder / "primary")
        primary.start()
        exits.callback(primary.stop)
        await migrate(primary.dsn)
        original = Saga()
        store = await PostgresStore.open(primary.dsn)
        for append in original.appends():
            await store.log.append([append])
        await store.close()
        await clone.grow(primary.dsn, original.stream.id, RUNS)
        await clone.settle(primary.dsn)
        standby = _standby(primary, folder / "standby")
        standby.start()
        exits.callback(standby.stop)
        return [
            Row("nowhere", await _at(primary, standby, "")),
            Row("the log's server", await _at(primary, standby, primary.dsn)),
            Row("a standby", await _at(primary, standby, standby.dsn)),
        ]


def _standby(primary: PostgresServer, folder: Path) -> PostgresServer:
    program = str(postgres_binary("pg_basebackup"))
    argv = [program, "-d", primary.dsn, "-D", str(folder), "-R", "--checkpoint=fast"]
    subprocess.run(argv, check=True, timeout=120, capture_output=True)
    owner = primary.folder.stat()
    for file in (folder, *folder.rglob("*")):
        os.chown(file, owner.st_uid, owner.st_gid, follow_symlinks=False)
    folder.with_name(f"{folder.name}.created").touch()  # it has the database already
    return PostgresServer(folder)


async def _at(primary: PostgresServer, standby: PostgresServer, lists: str) -> Figures:
    figures: Figures = {}
    with others(of_pids(primary.pid or 0, standby.pid or 0), figures):
        argv = (sys.executable, "-m", "benchmarks.growth.logs", primary.dsn)
        writer = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        reading = asyncio.create_task(_lists(lists)) if lists else None
        behind = asyncio.create_task(_behind(primary.dsn, standby.dsn))
        out, _ = await writer.communicate()
        behind.cancel()
        if reading is not None:
            reading.cancel()
        late, *rest = await asyncio.gather(behind, *([reading] if reading is not None else []))
    figures["per_s"] = int(out) / 6.0
    figures |= {f"behind_{name}": value for name, value in report.latency(late).items()}
    if rest:
        figures |= {f"list_{name}": value for name, value in report.latency(rest[0]).items()}
        figures["lists_per_s"] = len(rest[0]) / 7.0
    return figures


async def _lists(dsn: str) -> list[float]:
    """Read the newest runs again and again until cancelled; return how long each took."""
    store, taken = await PostgresStore.open(dsn, READERS + 1), list[float]()

    async def reader() -> None:
        while True:
            began = time.perf_counter()
            await store.views.executions(project="default", limit=PAGE)
            taken.append(time.perf_counter() - began)

    try:
        await asyncio.gather(*(reader() for _ in range(READERS)))
    except asyncio.CancelledError:
        pass
    finally:
        await store.close()
    return taken


async def _behind(primary: str, standby: str) -> list[float]:
    """Append a run and look for it on the standby, until cancelled."""
    store, link, late = await PostgresStore.open(primary), await asyncpg.connect(standby), [0.0]
    try:
        while True:
            run = Saga()
            await store.log.append([next(iter(run.appends()))])
            began = time.perf_counter()
            asked = "select true from mainspring.executions where id = $1::uuid"
            while not await link.fetchval(asked, run.stream.id):
                await asyncio.sleep(0.001)
            late.append(time.perf_counter() - began)
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        pass
    finally:
        await store.close()
        await link.close()
    return late[1:]
