"""The events table whole, in eight parts by stream, and in sixteen by position: side by side.

A database of its own for each; the statements are the store's own and know nothing of parts.  Each
is filled by copies of one run, then appended to and read in turn, so that a machine that slows down
does so for all.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg

from benchmarks import report
from benchmarks.growth import clone
from benchmarks.growth.load import of_pids, others
from benchmarks.growth.series import Panel, Row, Shape
from benchmarks.raw_append import Saga
from benchmarks.report import Figures
from mainspring.domain.envelope import StreamId
from mainspring.runtime.servers import PostgresServer
from mainspring.store.migrate import migrate
from mainspring.store.postgres import PostgresStore
from mainspring.testing.cluster import create_database, throwaway_folder

HERE: Final = Path(__file__).parent
KINDS: Final = {"plain": None, "by stream": "by_stream.sql", "by position": "by_position.sql"}
RUNS: Final = 50_000
TURNS: Final = 3
LOOKS: Final = 200
SHAPE: Final = Shape(
    f"The events table in parts, {6 * RUNS:,} events",
    "table",
    (
        Panel("p50 ms of appends", {"append_p50_ms": "one append", "crowd_ms": "256 streams"}),
        Panel(
            "p50 ms of reads",
            {
                "stream_ms": "one stream",
                "page_ms": "500 of the log",
                "project_ms": "500 of a project",
            },
        ),
    ),
)


class Kept(NamedTuple):
    """One of the databases, open."""

    store: PostgresStore
    dsn: str
    streams: list[StreamId]
    head: int


async def measure() -> list[Row]:
    """Append and read in turn, on one server with default durability."""
    with throwaway_folder() as folder:
        server = PostgresServer(folder / "postgres")
        server.start()
        try:
            return await _all(server)
        finally:
            server.stop()


async def _all(server: PostgresServer) -> list[Row]:
    taken: dict[str, list[Figures]] = {name: [] for name in KINDS}
    load: Figures = {}
    async with AsyncExitStack() as exits:
        kept = {
            name: await exits.enter_async_context(_kept(server, n, file))
            for n, (name, file) in enumerate(KINDS.items())
        }
        with others(of_pids(server.pid or 0), load):
            for _ in range(TURNS):
                for name, one in kept.items():
                    taken[name].append(await _turn(one))
    return [Row(name, report.median(runs) | load) for name, runs in taken.items()]


@asynccontextmanager
async def _kept(server: PostgresServer, n: int, file: str | None) -> AsyncGenerator[Kept]:
    dsn = await create_database(server, f"kind{n}")
    await migrate(dsn)
    store = await PostgresStore.open(dsn)
    try:
        original = Saga()
        for append in original.appends():
            await store.log.append([append])
        if file is not None:
            await _divide(dsn, (HERE / file).read_text())
        await clone.grow(dsn, original.stream.id, RUNS)
        await clone.settle(dsn)
        head = await store.log.head_position()
        found = await store.log.read_all(after=head // 2, limit=LOOKS)
        yield Kept(store, dsn, [event.stream for event in found], head)
    finally:
        await store.close()


async def _divide(dsn: str, statements: str) -> None:
    link = await asyncpg.connect(dsn)
    try:
        await link.execute(statements)
    finally:
        await link.close()


async def _turn(kept: Kept) -> Figures:
    log = kept.store.log
    alone: list[float] = []
    for _ in range(LOOKS):
        for append in Saga().appends():
            began = time.perf_counter()
            await log.append([append])
            alone.append(time.perf_counter() - began)
    crowd: list[float] = []
    for _ in range(LOOKS // 10):
        first = [next(iter(Saga().appends())) for _ in range(256)]
        began = time.perf_counter()
        await log.append(first)
        crowd.append(time.perf_counter() - began)
    figures = {f"append_{name}": value for name, value in report.latency(alone).items()}
    return figures | {"crowd_ms": report.latency(crowd)["p50_ms"]} | await _reads(kept)


async def _reads(kept: Kept) -> Figures:
    log, taken = kept.store.log, dict[str, list[float]]()
    for n, stream in enumerate(kept.streams):
        after = kept.head * n // LOOKS
        for name in ("stream_ms", "page_ms", "project_ms"):
            began = time.perf_counter()
            if name == "stream_ms":
                await log.read([stream])
            else:
                project = "default" if name == "project_ms" else None
                await log.read_all(after=after, limit=500, project=project)
            taken.setdefault(name, []).append(time.perf_counter() - began)
    return {name: report.latency(each)["p50_ms"] for name, each in taken.items()}
