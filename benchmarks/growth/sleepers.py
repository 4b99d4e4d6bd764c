"""Up to a hundred thousand runs that sleep or wait: at rest they must cost nothing.

Half of them sleep for a day, half wait for an event: copies (`clone`) of one run of each kind.
"""

import asyncio
from typing import Final

import msgspec

from benchmarks import report, sagas
from benchmarks.client import Pool
from benchmarks.growth import clone
from benchmarks.growth.load import others
from benchmarks.growth.series import Panel, Row, Shape
from benchmarks.report import Figures
from benchmarks.stack import SERVICES, Stack, stack

SIZES: Final = (0, 1_000, 10_000, 100_000)
REST_S: Final = 31.0
"""Longer than the longest time between two looks of any sweep."""

RUNS: Final = 100
SHAPE: Final = Shape(
    "So many runs that sleep or wait",
    "runs",
    (
        Panel(
            "percent of a core at rest",
            {"services_percent": "four services", "postgres_percent": "PostgreSQL"},
        ),
        Panel("p50 ms of a one-step saga beside them", {"run_p50_ms": "request to end"}),
    ),
    log_x=False,
)


async def measure() -> list[Row]:
    """Idle processor time and memory, and a run's latency, at every size."""
    rows: list[Row] = []
    with stack() as whole:
        pool = Pool(whole.api)
        originals = [await _sleeps(pool), await _waits(pool)]
        await asyncio.sleep(2)
        have = 0
        for size in SIZES:
            for original in originals if size > have else ():
                await clone.grow(whole.dsn, original, (size - have) // 2, apart_s=0.001)
            have = size
            await clone.settle(whole.dsn)
            await asyncio.sleep(11)  # the timers are loaded anew within ten seconds
            rows.append(Row(size, await _at(whole, pool)))
    return rows


async def _at(whole: Stack, pool: Pool) -> Figures:
    figures: Figures = {}
    with others(lambda: sum(whole.cpu().values()), figures):
        before = whole.cpu()
        await asyncio.sleep(REST_S)
        after = whole.cpu()
    percent = {name: 100 * (after[name] - before[name]) / REST_S for name in before}
    body = sagas.chain(whole.echo, 1)
    pool.close()  # the gateway has closed what was idle meanwhile
    taken = [await sagas.run_one(pool, whole.events, body) for _ in range(RUNS)]
    figures |= {f"run_{name}": value for name, value in report.latency(taken).items()}
    return figures | {
        "services_percent": sum(percent[name] for name in SERVICES),
        "scheduler_percent": percent["scheduler"],
        "postgres_percent": percent["postgres"],
        "resident_mb": sum(whole.memory().values()),
    }


async def _sleeps(pool: Pool) -> str:
    return await sagas.start(pool, sagas.sleep_until("2100-01-01T00:00:00.000Z"))


async def _waits(pool: Pool) -> str:
    step = {"step_ref": "w", "step_type": "wait_for_event", "event_key": "growth:original"}
    body = {"name": "wait", "slug": "wait", "steps": [step]}
    await _post(pool, "/v1/workflows", body, 201)
    made = await _post(pool, "/v1/workflows/wait/trigger", {"payload": {}}, 202)
    return str(made["id"])


async def _post(pool: Pool, path: str, body: object, status: int) -> dict[str, object]:
    answer = await pool.post(path, msgspec.json.encode(body))
    if answer.status != status:
        raise RuntimeError(f"{path}: {answer.status} {answer.body.decode()[:500]}")
    return msgspec.json.decode(answer.body)
