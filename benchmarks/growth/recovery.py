"""Everything is killed with -9 at once: until all runs that were in flight have come to their end.

The peer is held before the runs begin, so that each is in flight when the processes die, and goes
on when they are started again.  The broker finds its store again, or none.
"""

import asyncio
import os
import signal
import time
from typing import Final

import asyncpg

from benchmarks import sagas
from benchmarks.client import Pool
from benchmarks.growth.load import others
from benchmarks.growth.series import OTHERS, Panel, Row, Shape
from benchmarks.report import Figures
from benchmarks.stack import Stack, stack

SIZES: Final = (100, 1_000, 5_000)
AT_ONCE: Final = 64
LONGEST_S: Final = 180.0
SHAPE: Final = Shape(
    "All processes killed with so many runs in flight",
    "runs in flight",
    (
        Panel(
            "seconds from the start of the servers",
            {
                "kept_ready_s": "services ready",
                "kept_ended_s": "all runs ended",
                "wiped_ended_s": "all ended, the broker's store lost",
            },
        ),
    ),
)


async def measure() -> list[Row]:
    """Both fates of the broker's store at every size, each on a platform of its own."""
    rows: list[Row] = []
    for size in SIZES:
        figures: Figures = {}
        for fate in ("kept", "wiped"):
            with stack() as whole:
                found = await _crash(whole, size, wiped=fate == "wiped")
            figures |= {f"{fate}_{name}": value for name, value in found.items()}
        load = [figures.pop(f"{fate}_{OTHERS}") for fate in ("kept", "wiped")]
        rows.append(Row(size, figures | {OTHERS: max(load)}))
    return rows


async def _crash(whole: Stack, size: int, *, wiped: bool) -> Figures:
    echo = whole.pids["echo"]
    os.kill(echo, signal.SIGSTOP)
    try:
        await _start(whole, size)
        await _until(whole.dsn, "running", size)
        _kill(whole, wiped=wiped)
    finally:
        os.kill(echo, signal.SIGCONT)
    return await _recover(whole, size)


async def _start(whole: Stack, size: int) -> None:
    pool, body, left = Pool(whole.api), sagas.chain(whole.echo, 1), iter(range(size))

    async def worker() -> None:
        for _ in left:
            await sagas.start(pool, body)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    pool.close()


def _kill(whole: Stack, *, wiped: bool) -> None:
    for process in whole.platform.processes:
        process.kill()
    whole.platform.nats.kill()
    whole.platform.postgres.kill()
    if wiped:
        whole.platform.nats.wipe()


async def _recover(whole: Stack, size: int) -> Figures:
    figures: Figures = {}
    began = time.monotonic()
    whole.platform.postgres.start()
    whole.platform.nats.start()
    whole.platform.start()
    ready = time.monotonic() - began
    pids = [process.pid for process in whole.platform.processes]
    pids += [whole.platform.postgres.pid or 0, whole.platform.nats.pid or 0, whole.pids["echo"]]
    from_pids = {**whole.pids, **{f"again{n}": pid for n, pid in enumerate(pids)}}
    with others(lambda: sum(whole._replace(pids=from_pids).cpu().values()), figures):
        await _until(whole.dsn, "succeeded", size)
    return {"ready_s": ready, "ended_s": time.monotonic() - began, **figures}


async def _until(dsn: str, status: str, size: int) -> None:
    """Return when so many runs have a status."""
    deadline = time.monotonic() + LONGEST_S
    link = await asyncpg.connect(dsn)
    try:
        asked = "select count(*) from mainspring.executions where status = $1"
        while (found := await link.fetchval(asked, status)) < size:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{found} of {size} runs are {status} after {LONGEST_S:g} s")
            await asyncio.sleep(0.1)
    finally:
        await link.close()
