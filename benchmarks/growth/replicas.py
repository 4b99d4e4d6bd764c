"""One, two and four replicas, with work that waits: chains of three on a peer that takes 20 ms.

Executors of eight attempts at once are held up by the peer, so more of them must do more.  With the
ordinary bound the cores are the limit, and the figure is what replicas cost.
"""

import asyncio
import time
from typing import Final

from benchmarks import report, sagas
from benchmarks.client import Pool
from benchmarks.growth.load import others
from benchmarks.growth.series import Panel, Row, Shape
from benchmarks.report import Figures
from benchmarks.stack import Stack, stack

SIZES: Final = (1, 2, 4)
SLOTS: Final = 8
IN_FLIGHT: Final = 64
WARM_S: Final = 2.0
LOAD_S: Final = 8.0
KINDS: Final = {
    "narrow": f"executors of {SLOTS} attempts",
    "schedulers": "schedulers",
    "both": "schedulers and executors",
}
SHAPE: Final = Shape(
    "Replicas, and chains of three on a 20 ms peer",
    "replicas",
    (
        Panel("runs a second", {f"{kind}_per_s": text for kind, text in KINDS.items()}),
        Panel("CPU µs a run", {f"{kind}_cpu_us": text for kind, text in KINDS.items()}),
    ),
    log_x=False,
)


async def measure() -> list[Row]:
    """Every kind at every number of replicas, each on a platform of its own."""
    rows: list[Row] = []
    for size in SIZES:
        figures: Figures = {}
        for kind in KINDS:
            env = {"MAINSPRING_CONCURRENCY": str(SLOTS)} if kind == "narrow" else {}
            schedulers = 1 if kind == "narrow" else size
            executors = 1 if kind == "schedulers" else size
            with stack(env, schedulers=schedulers, executors=executors) as whole:
                found = await _flood(whole)
            figures |= {f"{kind}_{name}": value for name, value in found.items()}
        rest = [figures.pop(f"{kind}_other_cores") for kind in KINDS]
        rows.append(Row(size, figures | {"other_cores": max(rest)}))
    return rows


async def _flood(whole: Stack) -> Figures:
    pool, body, done = Pool(whole.api), sagas.chain(whole.echo, 3, ms=20), 0
    figures: Figures = {}
    async with sagas.ends(whole.events) as heard:

        async def worker() -> None:
            nonlocal done
            while True:
                await heard.of(await sagas.start(pool, body))
                done += 1

        workers = [asyncio.create_task(worker()) for _ in range(IN_FLIGHT)]
        await asyncio.sleep(WARM_S)
        with others(lambda: sum(whole.cpu().values()), figures):
            before, first, began = whole.cpu(), done, time.perf_counter()
            await asyncio.sleep(LOAD_S)
            ended, after, seconds = done, whole.cpu(), time.perf_counter() - began
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    used = report.cpu(before, after, max(1, ended - first))
    return figures | {"per_s": (ended - first) / seconds, "cpu_us": used["cpu_us"]}
