"""Flows under load: forty small tasks one after the other, and a thousand schedules on a minute."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from benchmarks import report
from benchmarks.client import Pool, stream
from benchmarks.report import Figures
from benchmarks.sagas import ends, execution_of
from benchmarks.stack import Stack

TASKS: Final = 40
RUNS: Final = 5
SCHEDULES: Final = 1_000
LEAD_S: Final = 25.0  # in which all schedules must have been made
FIBONACCI: Final = (
    "def fibo(n):\n    return n if n < 2 else fibo(n - 1) + fibo(n - 2)\nresult = fibo(10)\n"
)
Json = dict[str, Any]


async def small_tasks(stack: Stack) -> Figures:
    """(k) forty tasks in a row that each compute fibo(10), as scripts and as pure tasks."""
    pool = Pool(stack.api)
    script: Json = {"type": "script.python", "properties": {"script": FIBONACCI}}
    pure: Json = {"type": "util.math", "properties": {"expression": "34 + 21"}}
    figures: Figures = {}
    for name, task in (("script", script), ("pure", pure)):
        tasks = [{"name": f"t{n}", **task} for n in range(TASKS)]
        flow = await _flow(pool, f"forty-{name}", tasks)
        async with ends(stack.events) as heard:
            await heard.of(await _execute(pool, flow))
            taken: list[float] = []
            for _ in range(RUNS):
                began = time.perf_counter()
                await heard.of(await _execute(pool, flow))
                taken.append(time.perf_counter() - began)
        figures[f"{name}_s"] = sorted(taken)[len(taken) // 2]
        figures[f"{name}_ms_a_task"] = 1000 * figures[f"{name}_s"] / TASKS
    return figures


async def one_minute(stack: Stack) -> Figures:
    """(l) a thousand schedules on the same minute: until the last of their runs has started."""
    pool = Pool(stack.api)
    task: Json = {"name": "a", "type": "core.set", "properties": {"values": {}}}
    flow = await _flow(pool, "tick", [task])
    if 60 - time.time() % 60 < LEAD_S:
        await asyncio.sleep(60 - time.time() % 60 + 0.5)
    due = 60 * (time.time() // 60 + 1)
    body = msgspec.json.encode(
        {"flowId": flow, "type": "schedule", "config": {"cron": "* * * * *"}, "enabled": True}
    )
    left = iter(range(SCHEDULES))

    async def worker() -> None:
        for _ in left:
            answer = await pool.post("/api/v1/triggers", body)
            if answer.status != 201:
                raise RuntimeError(answer.body.decode())

    await asyncio.gather(*(worker() for _ in range(32)))
    if time.time() > due:
        raise RuntimeError("the schedules could not be made before they were due")
    late: dict[str, float] = {}
    path = "/v1/log/stream?project_id=default&types=ExecutionStarted"
    async with stream(stack.events, path) as events:
        async for event in events:
            at = datetime.fromisoformat(str(event.json()["time"])).timestamp()
            late[execution_of(event)] = at - due
            if len(late) == SCHEDULES:
                break
    return report.latency(list(late.values())) | {
        "first_s": min(late.values()),
        "last_s": max(late.values()),
    }


async def _flow(pool: Pool, name: str, tasks: list[Json]) -> str:
    """Store a flow and return its id; JSON is YAML too."""
    text = msgspec.json.encode({"name": name, "tasks": tasks}).decode()
    body = msgspec.json.encode({"name": name, "yamlContent": text})
    answer = await pool.post("/api/v1/flows", body)
    if answer.status != 201:
        raise RuntimeError(answer.body.decode())
    return msgspec.json.decode(answer.body)["id"]


async def _execute(pool: Pool, flow: str) -> str:
    answer = await pool.post(f"/api/v1/flows/{flow}/execute", b"{}")
    if answer.status != 202:
        raise RuntimeError(answer.body.decode())
    return msgspec.json.decode(answer.body)["executionId"]


SCENARIOS: Final[dict[str, Callable[[Stack], Awaitable[Figures]]]] = {
    "k": small_tasks,
    "l": one_minute,
}
TITLES: Final = {
    "k": "a flow of forty small tasks in a row: as scripts, and as pure tasks",
    "l": "1,000 schedules on one minute: lateness of their starts, until the last",
}
