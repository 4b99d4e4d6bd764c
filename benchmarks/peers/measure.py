"""One turn of one engine at one workload, on an empty store: unloaded, then with 64 in flight.

Both parts are bounded in time, so a slow engine has fewer runs behind its figures and not a
longer turn.  After the time for starting runs is over those in flight may end; the rate is of
all that ended, over the time until the last did, and the CPU is of exactly these.  What has not
ended by then is counted as unfinished: work was done for it too, so the rate is then a lower
bound and no CPU of a step can be told from it, only from the unloaded runs.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from benchmarks.peers import processes
from benchmarks.peers.engine import Engine, Running
from benchmarks.peers.workloads import Workload
from mainspring.testing.cluster import throwaway_folder

Run = Callable[[], Awaitable[None]]


class Pace(NamedTuple):
    """How long everything may take."""

    seconds: float = 10.0  # in which runs are started under load
    unloaded_runs: int = 100
    unloaded_s: float = 8.0
    in_flight: int = 64
    patience_s: float = 20.0  # for what is in flight then
    warm_runs: int = 5
    warm_s: float = 3.0
    whole_s: float = 180.0  # for a turn, its start included


class Measured(msgspec.Struct, frozen=True):
    """What one turn saw."""

    alone_s: list[float]  # each unloaded run
    alone_cpu_s: dict[str, float]  # of all of these, by process
    ended: int
    failed: int
    unfinished: int
    seconds: float  # from the first start to the last end, under load
    cpu_s: dict[str, float]  # in that time, by process
    resident_mb: dict[str, float]  # right after it, by process
    fault: str = ""  # of the first run that failed


async def turn(engine: Engine, workload: Workload, echo: str, pace: Pace) -> Measured:
    """Measure; raise TimeoutError, or whatever keeps the engine from starting."""
    with throwaway_folder() as folder:
        async with asyncio.timeout(pace.whole_s):
            async with engine.start(folder, workload, echo) as running:
                return await _measure(running, pace)


async def _measure(running: Running, pace: Pace) -> Measured:
    await alone(running.run, pace.warm_runs, pace.warm_s)
    first = processes.cpu(running.roots)
    taken = await alone(running.run, pace.unloaded_runs, pace.unloaded_s)
    before = processes.cpu(running.roots)
    load = await flood(running.run, pace)
    after = processes.cpu(running.roots)
    return Measured(
        alone_s=taken,
        alone_cpu_s={name: before[name] - first[name] for name in first},
        ended=load.ended,
        failed=load.failed,
        unfinished=load.unfinished,
        seconds=load.seconds,
        cpu_s={name: after[name] - before[name] for name in before},
        resident_mb=processes.memory(running.roots),
        fault=load.fault,
    )


async def alone(run: Run, runs: int, seconds: float) -> list[float]:
    """Do so many runs, one at a time, but none is started after so many seconds."""
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < runs and time.perf_counter() - began < seconds:
        start = time.perf_counter()
        await run()
        taken.append(time.perf_counter() - start)
    return taken


class Flood:
    """Runs under load, as they end."""

    def __init__(self) -> None:
        self.ended = 0
        self.failed = 0
        self.unfinished = 0
        self.seconds = 0.0
        self.fault = ""

    async def keep_going(self, run: Run, began: float, seconds: float) -> None:
        """Start one run after the other until the time is over."""
        while time.perf_counter() - began < seconds:
            try:
                await run()
            except (RuntimeError, OSError) as error:
                self.failed += 1
                self.fault = self.fault or str(error)[:300]
            else:
                self.ended += 1
                self.seconds = time.perf_counter() - began


async def flood(run: Run, pace: Pace) -> Flood:
    """Keep so many runs in flight for so long, and wait for those in flight to end."""
    seen, began = Flood(), time.perf_counter()
    workers = [
        asyncio.create_task(seen.keep_going(run, began, pace.seconds))
        for _ in range(pace.in_flight)
    ]
    _, late = await asyncio.wait(workers, timeout=pace.seconds + pace.patience_s)
    for worker in late:
        worker.cancel()
    done = await asyncio.gather(*workers, return_exceptions=True)
    for result in done:
        if isinstance(result, Exception):
            raise result
    seen.unfinished = len(late)
    if late:
        seen.seconds = time.perf_counter() - began
    return seen
