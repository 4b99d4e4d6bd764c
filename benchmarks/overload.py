"""Three times as much as can be done: what is refused, and what becomes of what is accepted.

First the time that one run takes alone, then what can be done with 64 in flight, then a load that
comes at three times that rate whether it is answered or not.  Latency is from the request sent to
the end seen on the log's stream.  A quarter of the overload is left out at its begin: until then
the window has found its width.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from benchmarks import report, sagas
from benchmarks.client import Pool
from benchmarks.report import Figures
from benchmarks.stack import Stack

TIMES = 3
ALONE = 100
IN_FLIGHT = 64
MEASURE_S = 5.0
OVERLOAD_S = 12.0
WARM_S = OVERLOAD_S / 4


async def overload(stack: Stack) -> Figures:
    """One-step sagas at three times the rate that can be done."""
    pool, body = Pool(stack.api), sagas.chain(stack.echo, 1)
    async with sagas.ends(stack.events) as ends:
        alone = await _alone(pool, ends, body)
        capacity = await _capacity(pool, ends, body)
        before = stack.memory()
        load = Load(pool, ends, body)
        await load.run(TIMES * capacity, OVERLOAD_S)
        after = stack.memory()
    unloaded = report.latency(alone)
    taken = report.latency(load.taken)
    refused = load.statuses[429] + load.statuses[503]
    return {
        "capacity_per_s": capacity,
        "offered_per_s": load.offered / OVERLOAD_S,
        "accepted_per_s": load.statuses[202] / OVERLOAD_S,
        "refused_percent": 100 * refused / load.offered,
        "other_answers": float(load.offered - load.statuses[202] - refused),
        "without_retry_after": float(load.without_retry_after),
        "alone_p99_ms": unloaded["p99_ms"],
        **taken,
        "times_alone_p99": taken["p99_ms"] / unloaded["p99_ms"],
        "accept_p99_ms": report.latency(load.answered)["p99_ms"],
        "api_grew_mb": after["api"] - before["api"],
        "scheduler_grew_mb": after["scheduler"] - before["scheduler"],
    }


async def _alone(pool: Pool, ends: sagas.Ends, body: bytes) -> list[float]:
    taken: list[float] = []
    for _ in range(ALONE + 20):
        began = time.perf_counter()
        await ends.of(await sagas.start(pool, body))
        taken.append(time.perf_counter() - began)
    return taken[20:]


async def _capacity(pool: Pool, ends: sagas.Ends, body: bytes) -> float:
    """Return runs a second with 64 in flight."""
    done = 0
    until = time.perf_counter() + MEASURE_S

    async def worker() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await ends.of(await sagas.start(pool, body))
            done += 1

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return done / MEASURE_S


class Load:
    """Asks at a rate, whatever is answered."""

    def __init__(self, pool: Pool, ends: sagas.Ends, body: bytes) -> None:
        self.offered = 0
        self.statuses: Counter[int] = Counter()
        self.without_retry_after = 0
        self.taken: list[float] = []
        self.answered: list[float] = []
        self._pool = pool
        self._ends = ends
        self._body = body

    async def run(self, rate: float, seconds: float) -> None:
        """Return when everything that was accepted has ended."""
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            while (now := time.perf_counter() - began) < seconds:
                while self.offered < rate * now:
                    self.offered += 1
                    group.create_task(self._one(is_warm=now > WARM_S))
                await asyncio.sleep(0.002)

    async def _one(self, *, is_warm: bool) -> None:
        began = time.perf_counter()
        answer = await self._pool.post_once("/sagas/run", self._body)
        self.statuses[answer.status] += 1
        if answer.status != 202:
            self.without_retry_after += not answer.header(b"retry-after")
            return
        answered = time.perf_counter() - began
        await self._ends.of(msgspec.json.decode(answer.body)["id"])
        if is_warm:
            self.answered.append(answered)
            self.taken.append(time.perf_counter() - began)


SCENARIOS: Final[dict[str, Callable[[Stack], Awaitable[Figures]]]] = {"overload": overload}
TITLES: Final = {"overload": "one-step sagas at three times what can be done: what is accepted"}
