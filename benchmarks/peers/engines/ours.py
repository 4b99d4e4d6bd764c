"""Ours: PostgreSQL, NATS and the four services, driven through the front door."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.client import Event, Pool, stream
from benchmarks.peers.engine import About, Running
from benchmarks.peers.workloads import Workload
from benchmarks.sagas import ENDS, execution_of
from mainspring.testing.stack import Platform, platform


class Ours:
    name = "ours"
    about = About(
        title="Mainspring",
        steps="tasks, dispatched over NATS to the executor process",
        client="HTTP: POST, and one standing event stream of all ends",
        store="PostgreSQL with fsync; NATS carries and is not trusted",
        counted="PostgreSQL, NATS, api, scheduler, executor, events",
        settings="as `make run` starts it; flows of `core.set` and `http.request`",
        commands=("POST /api/v1/flows; POST /api/v1/flows/{id}/execute; GET /v1/log/stream",),
    )

    def install(self) -> str:
        return f"mainspring {version('mainspring-common')}"

    @asynccontextmanager
    async def start(self, folder: Path, workload: Workload, echo: str) -> AsyncGenerator[Running]:
        _ = folder  # the platform has a throwaway folder of its own
        with platform(durable=True, judged=False, env={"MAINSPRING_LOG_LEVEL": "WARNING"}) as whole:
            pool = Pool(whole.api)
            ends = _Ends()
            path = f"/v1/log/stream?project_id=default&types={ENDS}"
            try:
                flow = await _store(pool, workload, echo)
                async with stream(whole.events, path) as events:
                    listener = asyncio.create_task(ends.listen(events))
                    yield Running(_roots(whole), lambda: _run(pool, flow, ends))
                    listener.cancel()
            finally:
                pool.close()


def flow_of(workload: Workload, echo: str) -> dict[str, Any]:
    """The flow of a workload, in its canonical form."""
    tasks = [{"name": f"t{n}", **_task(workload, echo)} for n in range(workload.steps)]
    if workload.shape == "fan":
        branches = {f"b{n}": [task] for n, task in enumerate(tasks)}
        tasks = [{"name": "all", "type": "core.parallel", "properties": {"branches": branches}}]
    return {"name": workload.key, "tasks": tasks}


def _task(workload: Workload, echo: str) -> dict[str, Any]:
    if url := workload.url(echo):
        properties = {"url": url, "method": "POST", "json": {"orderId": "1234"}}
        return {"type": "http.request", "properties": properties}
    return {"type": "core.set", "properties": {"values": {}}}


async def _store(pool: Pool, workload: Workload, echo: str) -> str:
    text = msgspec.json.encode(flow_of(workload, echo)).decode()
    body = msgspec.json.encode({"name": workload.key, "yamlContent": text})
    answer = await pool.post("/api/v1/flows", body)
    if answer.status != 201:
        raise RuntimeError(answer.body.decode())
    return msgspec.json.decode(answer.body)["id"]


async def _run(pool: Pool, flow: str, ends: "_Ends") -> None:
    answer = await pool.post(f"/api/v1/flows/{flow}/execute", b"{}")
    if answer.status != 202:
        raise RuntimeError(answer.body.decode())
    how = await ends.of(msgspec.json.decode(answer.body)["executionId"])
    if how != "ExecutionSucceeded":
        raise RuntimeError(how)


class _Ends:
    """How each execution ended, for the one who waits for it; it may end before they ask."""

    def __init__(self) -> None:
        self._ends: dict[str, asyncio.Future[str]] = {}

    async def of(self, id: str) -> str:
        how = await self._end(id)
        del self._ends[id]
        return how

    async def listen(self, events: Any) -> None:
        event: Event
        async for event in events:
            end = self._end(execution_of(event))
            if not end.done():
                end.set_result(str(event.json()["type"]))

    def _end(self, id: str) -> asyncio.Future[str]:
        if id not in self._ends:
            self._ends[id] = asyncio.get_running_loop().create_future()
        return self._ends[id]


def _roots(whole: Platform) -> Mapping[str, int]:
    services = {process.name: process.pid for process in whole.processes}
    return {"postgres": whole.postgres.pid or 0, "nats": whole.nats.pid or 0, **services}
