"""Sagas of the load, and how their ends are seen: through the front door only."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from benchmarks.client import Event, Pool, stream

ENDS = "ExecutionSucceeded,ExecutionFailed,ExecutionCorrupted,ExecutionCanceled"


def chain(echo: str, steps: int, *, ms: int = 0) -> bytes:
    """The body of `POST /sagas/run`: so many synchronous tasks, one after the other."""
    nodes: list[dict[str, Any]] = []
    for n in range(steps):
        request = {"url": f"{echo}/run" + (f"?ms={ms}" if ms else ""), "verb": "POST"}
        node = {"kind": "task", "id": f"n{n}", "action": {"mode": "sync", "request": request}}
        nodes.append(node | ({"next": f"n{n + 1}"} if n + 1 < steps else {}))
    return _body(nodes)


def sleep_until(instant: str) -> bytes:
    """A saga that sleeps until an instant and ends."""
    return _body([{"kind": "sleep", "id": "n0", "until": instant}])


def _body(nodes: Sequence[dict[str, Any]]) -> bytes:
    definition = {
        "name": f"bench-{len(nodes)}",
        "version": "v1",
        "failureHandling": {"type": "retry", "maxAttempts": 1, "delayMillis": 200},
        "entrypoint": "n0",
        "nodes": nodes,
    }
    return msgspec.json.encode({"definition": definition, "payload": {"orderId": "123"}})


async def start(pool: Pool, body: bytes) -> str:
    answer = await pool.post("/sagas/run", body)
    if answer.status != 202:
        raise RuntimeError(f"{answer.status}: {answer.body.decode()}")
    return msgspec.json.decode(answer.body)["id"]


async def run_one(pool: Pool, origin: str, body: bytes) -> float:
    """Start a saga and follow its own stream; return seconds from POST sent to the end seen."""
    began = time.perf_counter()
    id = await start(pool, body)
    async with stream(origin, f"/v1/workflow-runs/{id}/stream") as events:
        async for event in events:
            if _has_ended(event):
                return time.perf_counter() - began
    raise RuntimeError(f"the stream of {id} ended before the saga did")


def _has_ended(event: Event) -> bool:
    if event.type == "state":
        return event.json().get("status") in ("succeeded", "failed", "corrupted", "canceled")
    return event.type in ENDS.split(",")


def execution_of(event: Event) -> str:
    """The execution that an event of the log's stream speaks of."""
    return str(event.json()["subject"]).removeprefix("execution-")


class Ends:
    """Hears of every end in the project through its log stream."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._seen: set[str] = set()

    def hear(self, id: str) -> None:
        waiter = self._waiting.pop(id, None)
        if waiter is None:
            self._seen.add(id)
        elif not waiter.done():
            waiter.set_result(None)

    async def of(self, id: str) -> None:
        if id in self._seen:
            self._seen.discard(id)
            return
        waiter = self._waiting[id] = asyncio.get_running_loop().create_future()
        await waiter


@asynccontextmanager
async def ends(origin: str) -> AsyncGenerator[Ends]:
    """Listen to the ends of all runs from now on."""
    heard = Ends()
    async with stream(origin, f"/v1/log/stream?project_id=default&types={ENDS}") as events:

        async def listen() -> None:
            async for event in events:
                heard.hear(execution_of(event))

        task = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            task.cancel()
