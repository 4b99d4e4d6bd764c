"""Native workflows under load: fan-out, waiting triggers, streams of them, and long lists.

All of it through the front door, but for the hundred thousand runs whose lists are read: these are
appended to the log as the api and the scheduler would.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeVar

import msgspec

from benchmarks import report
from benchmarks.client import Answer, Pool, stream
from benchmarks.report import Figures
from benchmarks.sagas import ends, execution_of
from benchmarks.stack import Stack
from mainspring.domain import catalog
from mainspring.domain.definition import Definition, Step
from mainspring.domain.envelope import EMPTY, Meta, StreamId, seal
from mainspring.domain.execution import events as e
from mainspring.domain.execution.state import absent
from mainspring.ports import Append
from mainspring.runtime.clock import SystemIds
from mainspring.store import views
from mainspring.store.postgres import PostgresStore

WIDTH: Final = 100
TRIGGERS: Final = 10_000
STREAMS: Final = 1_000
SENDS: Final = 300
RUNS: Final = 100_000
PAGE: Final = 50
DEEP: Final = 1_000
LOOKS: Final = 300
SIDE_BY_SIDE: Final = 64
Json = dict[str, Any]
T = TypeVar("T")


async def fan_out(stack: Stack) -> Figures:
    """(g) a hundred parallel steps and a join: from the trigger to the end, one run at a time."""
    calls = [_call(stack, f"s{n}") for n in range(WIDTH)]
    join = _call(stack, "join") | {"depends_on": [each["step_ref"] for each in calls]}
    pool = Pool(stack.api)
    await _create(pool, "fan", [*calls, join])
    async with ends(stack.events) as heard:

        async def one() -> float:
            began = time.perf_counter()
            await heard.of(await _trigger(pool, "fan", {}))
            return time.perf_counter() - began

        for _ in range(5):
            await one()
        before = stack.cpu()
        taken = [await one() for _ in range(20)]
        return report.latency(taken) | report.cpu(before, stack.cpu(), len(taken))


async def waiting(stack: Stack) -> Figures:
    """(h) ten thousand waiting triggers: to open, to send by their prefix, to all runs' ends."""
    pool = Pool(stack.api)
    await _create(pool, "wait", [_wait()])
    async with ends(stack.events) as heard, _opened(stack) as opened:
        began = time.perf_counter()
        ids = await _many(TRIGGERS, lambda n: _trigger(pool, "wait", {"n": str(n)}))
        await opened.all(ids)
        to_open = time.perf_counter() - began
        began = time.perf_counter()
        answer = await pool.post("/v1/events/prefix/bench%3A/send", b'{"payload":{"ok":true}}')
        to_send = time.perf_counter() - began
        told = msgspec.json.decode(answer.body)
        if told.get("resolved") != TRIGGERS:
            raise RuntimeError(f"{answer.status}: {told.get('resolved', told)}")
        await asyncio.gather(*(heard.of(id) for id in ids))
        to_end = time.perf_counter() - began
    return {"open_s": to_open, "send_s": to_send, "ended_s": to_end}


async def watched(stack: Stack) -> Figures:
    """(i) a thousand open streams: from `send` answered to the event seen."""
    pool, events = Pool(stack.api), Pool(stack.events)
    await _create(pool, "wait", [_wait()])
    async with _opened(stack) as opened:
        ids = await _many(STREAMS, lambda n: _trigger(pool, "wait", {"n": str(n)}))
        await opened.all(ids)
    idle = stack.memory()["events"]
    seen: dict[int, float] = {}
    arrived = asyncio.Event()
    async with AsyncExitStack() as exits:
        listeners: list[asyncio.Task[None]] = []

        async def listen(n: int) -> None:
            source = stream(stack.events, f"/v1/events/bench%3A{n}/stream")
            found = await exits.enter_async_context(source)
            first = await anext(found)
            if first.json()["status"] != "waiting":
                raise RuntimeError(first.data.decode())
            listeners.append(asyncio.create_task(follow(n, found)))

        async def follow(n: int, found: Any) -> None:
            async for event in found:
                if event.json()["status"] == "received":
                    seen[n] = time.perf_counter()
                    arrived.set()

        await _many(STREAMS, listen)
        held = stack.memory()["events"]
        late: list[float] = []
        for n in range(SENDS):
            arrived.clear()
            answer = await events.post(f"/v1/events/bench%3A{n}/send", b'{"payload":1}')
            answered = time.perf_counter()
            if answer.status != 200:
                raise RuntimeError(answer.body.decode())
            while n not in seen:
                await arrived.wait()
                arrived.clear()
            late.append(max(0.0, seen[n] - answered))
        for task in listeners:
            task.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)
    return report.latency(late) | {
        "resident_mb": held,
        "kb_a_stream": 1024 * (held - idle) / STREAMS,
    }


async def lists(stack: Stack) -> Figures:
    """(j) pages of fifty at a hundred thousand runs: the first, and the thousandth."""
    await _fill(stack.dsn, RUNS)
    pool = Pool(stack.api)
    first, cursor = f"/v1/workflow-runs?limit={PAGE}", ""
    for _ in range(DEEP - 1):
        cursor = "&cursor=" + (await _page(pool, first + cursor)).header(b"x-next-cursor")
    figures: Figures = {}
    for name, path in (("first", first), ("thousandth", first + cursor)):
        taken: list[float] = []
        for _ in range(LOOKS):
            began = time.perf_counter()
            await _page(pool, path)
            taken.append(time.perf_counter() - began)
        shown = report.latency(taken)
        figures |= {f"{name}_p50_ms": shown["p50_ms"], f"{name}_p99_ms": shown["p99_ms"]}
    return figures


async def _page(pool: Pool, path: str) -> Answer:
    answer = await pool.get(path)
    if answer.status != 200 or len(msgspec.json.decode(answer.body)) != PAGE:
        raise RuntimeError(f"{path} is no whole page: {answer.status}")
    return answer


def _call(stack: Stack, ref: str) -> Json:
    return {"step_ref": ref, "step_type": "http", "request": {"url": f"{stack.echo}/run"}}


def _wait() -> Json:
    return {"step_ref": "w", "step_type": "wait_for_event", "event_key": "bench:{{payload.n}}"}


async def _create(pool: Pool, slug: str, steps: Sequence[Json]) -> None:
    body = msgspec.json.encode({"name": slug, "slug": slug, "steps": steps})
    answer = await pool.post("/v1/workflows", body)
    if answer.status != 201:
        raise RuntimeError(answer.body.decode())


async def _trigger(pool: Pool, slug: str, payload: Json) -> str:
    body = msgspec.json.encode({"payload": payload})
    answer = await pool.post(f"/v1/workflows/{slug}/trigger", body)
    if answer.status != 202:
        raise RuntimeError(answer.body.decode())
    return str(msgspec.json.decode(answer.body)["id"])


async def _many(count: int, one: Callable[[int], Awaitable[T]]) -> list[T]:
    """Do something so many times, `SIDE_BY_SIDE` at once; return what came of each."""
    found: dict[int, T] = {}
    left = iter(range(count))

    async def worker() -> None:
        for n in left:
            found[n] = await one(n)

    await asyncio.gather(*(worker() for _ in range(SIDE_BY_SIDE)))
    return [found[n] for n in range(count)]


class _Opened:
    """Hears of every trigger that is opened, by its run."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._heard = asyncio.Event()

    def hear(self, id: str) -> None:
        self._seen.add(id)
        self._heard.set()

    async def all(self, ids: Sequence[str]) -> None:
        """Return when each of these runs waits."""
        while not self._seen.issuperset(ids):
            self._heard.clear()
            await self._heard.wait()


@asynccontextmanager
async def _opened(stack: Stack) -> AsyncGenerator[_Opened]:
    heard = _Opened()
    path = "/v1/log/stream?project_id=default&types=StepWaiting"
    async with stream(stack.events, path) as events:

        async def listen() -> None:
            async for event in events:
                heard.hear(execution_of(event))

        task = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            task.cancel()


async def _fill(dsn: str, count: int) -> None:
    """Append runs that were asked for and canceled, each with what the views say of it."""
    ids, now = SystemIds(), time.time()
    definition = Definition(name="many", version="1", planner="dag", steps=(Step(ref="a"),))
    store = await PostgresStore.open(dsn)
    try:
        compiled = catalog.DefinitionCompiled(definition=definition)
        stream_id = StreamId("compiled", definition.hash)
        sealed = seal(stream_id, EMPTY, [compiled], meta=Meta(), project="", now=now)
        changes = tuple(views.project_catalog(sealed[0], compiled))
        await store.log.append([Append(stream_id, EMPTY, sealed, changes)])
        for start in range(0, count, 250):
            runs = [_ended(ids.uuid7(), definition, now + n) for n in range(start, start + 250)]
            await store.log.append(runs)
    finally:
        await store.close()


def _ended(id: str, definition: Definition, at: float) -> Append:
    asked = e.ExecutionRequested(
        definition=definition.hash,
        name="many",
        version="1",
        dialect="native",
        payload={"orderId": id, "amount": 1999},
        at=at,
    )
    told = [asked, e.CancelRequested(reason="no"), e.ExecutionCanceled(reason="no", at=at)]
    of_run = StreamId("execution", id)
    sealed = seal(of_run, EMPTY, told, meta=Meta(actor="bench"), project="default", now=at)
    changes, _ = views.project(absent(id, definition), sealed, told)
    return Append(of_run, EMPTY, sealed, tuple(changes))


SCENARIOS: Final[dict[str, Callable[[Stack], Awaitable[Figures]]]] = {
    "g": fan_out,
    "h": waiting,
    "i": watched,
    "j": lists,
}
TITLES: Final = {
    "g": "100 parallel steps and a join, one run at a time",
    "h": "10,000 waiting triggers: to open, to send by prefix, to all runs' ends",
    "i": "1,000 open streams: `send` answered to event seen",
    "j": "lists of 50 at 100,000 runs: the first page, the thousandth",
}
