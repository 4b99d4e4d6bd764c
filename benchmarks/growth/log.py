"""Appends and reads at ten thousand to ten million events: none may grow with the log.

The log grows by copies of one run (`clone`); the figures are taken through the front door, but for
the bare append.  Where the machine cannot fill the log in time, the measure ends at what fits.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from benchmarks import report, sagas
from benchmarks.client import Pool
from benchmarks.growth import clone
from benchmarks.growth.load import others
from benchmarks.growth.series import Panel, Row, Shape
from benchmarks.raw_append import Saga
from benchmarks.report import Figures
from benchmarks.stack import Stack, stack
from mainspring.store.postgres import PostgresStore

SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
FILL_S: Final = 480.0
"""How long the filling may take in all; a size that would take longer is not tried."""

LOOKS: Final = 100
PAGES: Final = {
    "list": "/v1/workflow-runs?limit=50",
    "rare": "/v1/workflow-runs?limit=50&status=completed",
    "tail": "/api/v1/executions?limit=50",
}
SHAPE: Final = Shape(
    "A log of so many events",
    "events",
    (
        Panel(
            "p50 ms of appends",
            {
                "append_p50_ms": "an append of a run's step, alone",
                "run_p50_ms": "a one-step saga, from request to end",
            },
        ),
        Panel(
            "p50 ms of reads",
            {
                "list_p50_ms": "newest 50 runs",
                "rare_p50_ms": "newest 50 of a status",
                "tail_p50_ms": "newest 50, flows",
                "one_p50_ms": "one old run",
            },
        ),
    ),
)


async def measure() -> list[Row]:
    """Every size that can be filled in time."""
    rows: list[Row] = []
    with stack() as whole:
        pool, body = Pool(whole.api), sagas.chain(whole.echo, 1)
        async with sagas.ends(whole.events) as heard:
            original = await sagas.start(pool, body)
            await heard.of(original)
        began, rate = time.monotonic(), 0.0
        for size in SIZES:
            have, _ = await clone.count(whole.dsn)
            left = FILL_S - (time.monotonic() - began)
            if rate and (size - have) / rate > left:
                print(f"log: {size} events would take more than {FILL_S:.0f} s to make")
                break
            filling = time.monotonic()
            await clone.grow(whole.dsn, original, (size - have) // 6 + 1)
            await clone.settle(whole.dsn)
            pool.close()  # the gateway has closed what was idle meanwhile
            rate = (size - have) / (time.monotonic() - filling)
            rows.append(Row(size, await _at(whole, pool, body, original)))
    return rows


async def _at(whole: Stack, pool: Pool, body: bytes, original: str) -> Figures:
    figures: Figures = {}
    with others(lambda: sum(whole.cpu().values()), figures):
        figures |= await _appends(whole.dsn)
        figures |= await _taken("run", lambda: sagas.run_one(pool, whole.events, body))
        for name, path in {**PAGES, "one": f"/v1/workflow-runs/{original}"}.items():
            figures |= await _taken(name, lambda path=path: _get(pool, path))
    events, size = await clone.count(whole.dsn)
    return figures | {"bytes_an_event": size / events}


async def _appends(dsn: str) -> Figures:
    store = await PostgresStore.open(dsn)
    try:
        taken: list[float] = []
        for _ in range(LOOKS + 10):
            for append in Saga().appends():
                began = time.perf_counter()
                await store.log.append([append])
                taken.append(time.perf_counter() - began)
    finally:
        await store.close()
    shown = report.latency(taken[30:])
    return {f"append_{name}": value for name, value in shown.items()}


async def _taken(name: str, one: Callable[[], Awaitable[object]]) -> Figures:
    taken: list[float] = []
    for _ in range(LOOKS + 5):
        began = time.perf_counter()
        await one()
        taken.append(time.perf_counter() - began)
    return {f"{name}_{each}": value for each, value in report.latency(taken[5:]).items()}


async def _get(pool: Pool, path: str) -> None:
    answer = await pool.get(path)
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {answer.body[:200].decode()}")
