"""The life of a service, from the open port to the exit code, with neighbours in memory."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mainspring.runtime.config import Config
from mainspring.runtime.service import Exit, Frame, Service
from mainspring.runtime.signal import Signal
from mainspring.runtime.world import Adapters, Broker, Store, World


class FakeNeighbour:
    """A store and a bus in one: connected, or not, as the test says."""

    log = views = blobs = snapshots = None

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.is_connected = True
        self.closed = 0

    async def unready(self) -> Sequence[str]:
        return self.reasons

    def connected(self) -> bool:
        return self.is_connected

    async def close(self) -> None:
        self.closed += 1


class Loop:
    """A part that runs until it is drained, or ends as the test says."""

    def __init__(self, name: str = "loop") -> None:
        self.name = name
        self.calls: list[str] = []
        self.ended = asyncio.Event()
        self.fault: Exception | None = None
        self.drains = True
        self.running: Signal[None] = Signal()
        self.running.arm()

    async def start(self) -> None:
        self.calls.append("start")

    async def run(self) -> None:
        self.calls.append("run")
        self.running.send(None)
        await self.ended.wait()
        if self.fault:
            raise self.fault

    async def drain(self) -> None:
        self.calls.append("drain")
        if self.drains:
            self.ended.set()


def adapters(neighbour: FakeNeighbour) -> Adapters:
    async def open_store(_: Config) -> Store:
        return cast("Store", neighbour)

    async def open_bus(_: Config) -> Broker:
        return cast("Broker", neighbour)

    return Adapters(open_store, open_bus)


def config(**changes: Any) -> Config:
    return Config(service="events", database_url="postgresql://x/y", nats_url="nats://x", **changes)


def frame_of(
    *loops: Loop,
    app: Starlette | None = None,
    neighbours: Adapters | None = None,
    **changes: Any,
) -> Frame:
    async def build(world: World) -> Service:
        return Service(loops, app)

    return Frame(config(**changes), build, neighbours or adapters(FakeNeighbour()))


@asynccontextmanager
async def living(frame: Frame) -> AsyncGenerator[tuple[asyncio.Task[Exit], httpx.AsyncClient]]:
    frame.listener.opened.arm()
    life = asyncio.create_task(frame.serve())
    url = f"http://127.0.0.1:{await frame.listener.opened.wait()}"
    async with httpx.AsyncClient(base_url=url, trust_env=False, verify=False) as client:  # noqa: S501
        try:
            yield life, client
        finally:
            frame.stop()
            await life


async def test_a_started_service_is_ready_and_an_ordered_stop_exits_with_zero() -> None:
    neighbour, loop = FakeNeighbour(), Loop()
    frame = frame_of(loop, neighbours=adapters(neighbour))
    async with living(frame) as (life, client):
        await loop.running.wait()
        assert (await client.get("/readyz")).text == "ready"
        assert (await client.get("/anything")).status_code == 404  # it will not come by waiting
        frame.stop()
        assert await life == Exit.DRAINED
    assert loop.calls == ["start", "run", "drain"]
    assert neighbour.closed == 2


async def test_parts_start_in_order() -> None:
    started: list[str] = []

    class Part(Loop):
        async def start(self) -> None:
            started.append(self.name)

    first, second = Part("first"), Part("second")
    async with living(frame_of(first, second)):
        await second.running.wait()
    assert started == ["first", "second"]


async def test_a_loop_that_fails_takes_the_process_down_and_drains_the_others(
    caplog: Any,
) -> None:
    sick, well = Loop("sick"), Loop("well")
    sick.fault = RuntimeError("lost its way")
    async with living(frame_of(sick, well)) as (life, _):
        await well.running.wait()
        sick.ended.set()
        assert await life == Exit.FAILED
    assert "drain" in well.calls
    assert "'sick' failed" in caplog.text
    assert "lost its way" in caplog.text


async def test_a_loop_that_returns_takes_the_process_down_too() -> None:
    loop = Loop()
    async with living(frame_of(loop)) as (life, _):
        loop.ended.set()
        assert await life == Exit.FAILED


async def test_a_part_that_cannot_start_ends_the_process() -> None:
    class Broken(Loop):
        async def start(self) -> None:
            raise RuntimeError("no")

    neighbour = FakeNeighbour()
    async with living(frame_of(Broken(), neighbours=adapters(neighbour))) as (life, _):
        assert await life == Exit.FAILED
    assert neighbour.closed == 2


async def test_a_service_that_waits_for_its_log_is_alive_not_ready_and_says_why() -> None:
    tried: Signal[None] = Signal()
    tried.arm()

    async def open_store(_: Config) -> Store:
        tried.send(None)
        raise ConnectionRefusedError("postgres at 10.0.0.7 refuses")

    frame = frame_of(neighbours=Adapters(open_store, adapters(FakeNeighbour()).open_bus))
    async with living(frame) as (life, client):
        await tried.wait()
        await tried.wait()
        assert (await client.get("/healthz")).text == "ok"
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert "event log: does not answer (ConnectionRefusedError)" in ready.text
        assert "10.0.0.7" not in ready.text
        assert (await client.get("/anything")).status_code == 503
        frame.stop()
        assert await life == Exit.DRAINED


async def test_a_schema_that_is_behind_is_waited_for() -> None:
    neighbour, loop = FakeNeighbour(), Loop()
    neighbour.reasons = ["schema: 0003 is not applied"]
    async with living(frame_of(loop, neighbours=adapters(neighbour))) as (_, client):
        assert "0003 is not applied" in (await client.get("/readyz")).text
        neighbour.reasons = []
        await loop.running.wait()
        assert (await client.get("/readyz")).status_code == 200


async def test_a_broker_that_goes_away_makes_the_service_not_ready_and_keeps_it_alive() -> None:
    neighbour, loop = FakeNeighbour(), Loop()
    async with living(frame_of(loop, neighbours=adapters(neighbour))) as (_, client):
        await loop.running.wait()
        neighbour.is_connected = False
        assert "broker: not connected" in (await client.get("/readyz")).text
        assert (await client.get("/healthz")).status_code == 200


async def test_a_request_inside_is_answered_and_a_new_one_refused_while_draining() -> None:
    inside: Signal[None] = Signal()
    inside.arm()
    leave = asyncio.Event()

    async def slow(_: Request) -> Response:
        inside.send(None)
        await leave.wait()
        return PlainTextResponse("whole")

    loop = Loop()
    frame = frame_of(loop, app=Starlette(routes=[Route("/slow", slow)]))
    async with living(frame) as (life, client):
        await loop.running.wait()
        first = asyncio.create_task(client.get("/slow"))
        await inside.wait()
        frame.stop()
        await loop.ended.wait()
        refused = await client.get("/slow")
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert "draining" in (await client.get("/readyz")).text
        leave.set()
        assert (await first).text == "whole"
        assert await life == Exit.DRAINED


async def test_who_does_not_drain_in_time_is_left() -> None:
    loop = Loop()
    loop.drains = False
    frame = frame_of(loop, drain_seconds=0.05)
    async with living(frame) as (life, _):
        await loop.running.wait()
        frame.stop()
        assert await life == Exit.TOO_SLOW


async def stress_start_stop(
    make: Callable[[], Frame], moments: Sequence[Callable[[], Coroutine[Any, Any, object]]]
) -> None:
    """Stop a fresh life at each of the moments, and require a clean end each time."""
    for moment in moments:
        frame = make()
        life = asyncio.create_task(frame.serve())
        await moment()
        frame.stop()
        frame.stop()
        assert await life == Exit.DRAINED


async def test_a_stop_at_any_moment_of_the_start_is_clean() -> None:
    def turns(count: int) -> Callable[[], Coroutine[Any, Any, object]]:
        async def pass_by() -> None:
            for _ in range(count):
                await asyncio.sleep(0)  # noqa: TID251 - gives the loop one turn

        return pass_by

    before = len(asyncio.all_tasks())
    await stress_start_stop(lambda: frame_of(Loop()), [turns(n) for n in (0, 1, 2, 3, 5, 8, 13)])
    assert len(asyncio.all_tasks()) == before
