"""The benchmarks, each one run; `__main__` takes the median of three."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from benchmarks import flows, native, overload, report, sagas
from benchmarks.client import Pool, stream
from benchmarks.report import Figures
from benchmarks.stack import Stack

IN_FLIGHT = 64
LEAD_S = 40.0  # in which ten thousand sleepers must have been started


async def unloaded(stack: Stack) -> Figures:
    """(a) one-step sagas, one at a time: from POST sent to the end seen on its stream."""
    pool, body = Pool(stack.api), sagas.chain(stack.echo, 1)
    for _ in range(20):
        await sagas.run_one(pool, stack.events, body)
    before = stack.cpu()
    taken = [await sagas.run_one(pool, stack.events, body) for _ in range(200)]
    return report.latency(taken) | report.cpu(before, stack.cpu(), len(taken))


async def throughput(stack: Stack) -> Figures:
    """(b) one-step sagas with 64 in flight."""
    return await _flood(stack, sagas.chain(stack.echo, 1), count=4000)


async def chains(stack: Stack) -> Figures:
    """(c) chains of three tasks on a peer that takes 20 ms, 64 in flight."""
    return await _flood(stack, sagas.chain(stack.echo, 3, ms=20), count=2000)


async def _flood(stack: Stack, body: bytes, *, count: int) -> Figures:
    pool = Pool(stack.api)
    taken: list[float] = []
    async with sagas.ends(stack.events) as ends:
        left = iter(range(count + IN_FLIGHT * 4))

        async def worker() -> None:
            for _ in left:
                began = time.perf_counter()
                await ends.of(await sagas.start(pool, body))
                taken.append(time.perf_counter() - began)

        workers = [asyncio.create_task(worker()) for _ in range(IN_FLIGHT)]
        while len(taken) < IN_FLIGHT * 4:  # warm caches and connections first
            await asyncio.sleep(0.01)
        taken.clear()
        before, began = stack.cpu(), time.perf_counter()
        await asyncio.gather(*workers)
        seconds = time.perf_counter() - began
    figures = {"per_s": len(taken) / seconds} | report.latency(taken)
    return figures | report.cpu(before, stack.cpu(), len(taken))


async def steps(stack: Stack) -> Figures:
    """(d) a chain of ten on an instant peer, one at a time: per step."""
    pool, body = Pool(stack.api), sagas.chain(stack.echo, 10)
    for _ in range(5):
        await sagas.run_one(pool, stack.events, body)
    before = stack.cpu()
    taken = [await sagas.run_one(pool, stack.events, body) / 10 for _ in range(50)]
    return report.latency(taken) | report.cpu(before, stack.cpu(), 10 * len(taken))


async def sleeps(stack: Stack) -> Figures:
    """(e) 10,000 sleeps due over ten seconds, and 10,000 due at one instant."""
    spread = await _sleepers(stack, 10_000, spread=10.0)
    burst = await _sleepers(stack, 10_000, spread=0.0)
    late = [awake - due for due, awake in spread.values()]
    everyone = [*spread.values(), *burst.values()]
    return report.latency(late) | {
        "early": float(sum(awake < due for due, awake in everyone)),
        "last_awake_s": max(awake - due for due, awake in burst.values()),
    }


async def _sleepers(stack: Stack, count: int, *, spread: float) -> dict[str, tuple[float, float]]:
    """Start sleepers; return for each when it was due and when its waking was recorded."""
    pool = Pool(stack.api)
    due_from = time.time() + LEAD_S
    woken: dict[str, tuple[float, float]] = {}
    dues = {}
    path = "/v1/log/stream?project_id=default&types=StepSucceeded"
    async with stream(stack.events, path) as events:

        async def one(n: int) -> None:
            due = round(due_from + spread * n / count, 3)
            text = datetime.fromtimestamp(due, UTC).isoformat(timespec="milliseconds")
            dues[await sagas.start(pool, sagas.sleep_until(text.replace("+00:00", "Z")))] = due

        left = iter(range(count))

        async def worker() -> None:
            for n in left:
                await one(n)

        await asyncio.gather(*(worker() for _ in range(32)))
        if time.time() > due_from:
            raise RuntimeError("the sleepers could not be started before they were due")
        async for event in events:
            record = event.json()
            id, at = sagas.execution_of(event), str(record["time"])
            if id in dues:
                woken[id] = (dues[id], datetime.fromisoformat(at).timestamp())
            if len(woken) == count:
                return woken
    raise RuntimeError("the log's stream ended early")


async def idle(stack: Stack) -> Figures:
    """(idle) the four services with nothing to do, over ten seconds."""
    names = ("api", "scheduler", "executor", "events")
    await asyncio.sleep(2)
    before = stack.cpu()
    await asyncio.sleep(10)
    after = stack.cpu()
    used = {name: 10 * (after[name] - before[name]) for name in names}
    memory = stack.memory()
    parts = {f"{name}_mb": memory[name] for name in names}
    return {
        "core_percent": sum(used.values()),
        "resident_mb": sum(memory.values()),
        **parts,
    }


SCENARIOS: Final[dict[str, Callable[[Stack], Awaitable[Figures]]]] = {
    "idle": idle,
    "a": unloaded,
    "b": throughput,
    "c": chains,
    "d": steps,
    "e": sleeps,
    **native.SCENARIOS,
    **flows.SCENARIOS,
    **overload.SCENARIOS,
}
TITLES: Final = {
    "idle": "four services at rest (percent of a core; resident MB)",
    "a": "one-step saga, unloaded: POST sent to end seen on its stream",
    "b": "one-step sagas, 64 in flight",
    "c": "chain of three on a 20 ms peer, 64 in flight",
    "d": "chain of ten on an instant peer, per step",
    "e": "10,000 sleeps over 10 s: lateness; 10,000 at one instant: until the last is awake",
    "f": "raw append of the events of (b) through our statement",
    **native.TITLES,
    **flows.TITLES,
    **overload.TITLES,
}
