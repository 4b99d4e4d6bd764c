"""The life of a real process: started, told, drained, or left, with its exit code."""

import asyncio
import json
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import msgspec
import pytest

from mainspring.bus import subjects
from mainspring.bus.jetstream import JetStreamBus
from mainspring.domain.execution.events import ExecutionStarted, ExecutionSucceeded
from mainspring.ports import Appended, Outgoing
from mainspring.runtime.children import free_port
from mainspring.runtime.service import Exit
from mainspring.store.postgres import PostgresStore
from mainspring.testing.samples import (
    NOW,
    append,
    execution_row,
    execution_stream,
    head_after,
    requested,
)

RUN = execution_stream(1)
NOBODY_LISTENS = "postgresql://app@127.0.0.1:9/none"

# A service whose only part does as its name says.
PART = """
import asyncio, sys, time
from mainspring.runtime.service import Service, main
class Part:
    name = "part"
    async def start(self): pass
    async def run(self):
        {run}
    async def drain(self):
        {drain}
async def build(world):
    return Service([Part()])
main(build, "events")
"""
FOREVER = "await asyncio.Event().wait()"


class Running:
    """A process, its port, and its log so far."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.lines: list[dict[str, Any]] = []

    async def said(self, message: str) -> dict[str, Any]:
        """Return the next line of the log that begins so; raise when the log ends before."""
        assert self.process.stderr is not None
        async with asyncio.timeout(20):
            async for raw in self.process.stderr:
                self.lines.append(line := json.loads(raw))
                if line["msg"].startswith(message):
                    return line
        raise AssertionError(f"{message!r} was never said: {self.lines}")

    async def ended(self) -> int:
        """Return the exit code."""
        assert self.process.stderr is not None
        async with asyncio.timeout(20):
            rest = (await self.process.stderr.read()).splitlines()
            self.lines.extend(json.loads(line) for line in rest)
            return await self.process.wait()

    def tell(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)


@asynccontextmanager
async def started(*argv: str, **env: str) -> AsyncGenerator[Running]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(argv or ("-m", "mainspring_events")),
        stderr=PIPE,
        env={"MAINSPRING_PORT": str(port), **env},
    )
    try:
        yield Running(process, port)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
def env(database_url: str, nats_url: str) -> dict[str, str]:
    return {"MAINSPRING_DATABASE_URL": database_url, "MAINSPRING_NATS_URL": nats_url}


@pytest.fixture
async def http() -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        yield client


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_service_becomes_ready_and_leaves_with_zero_when_told(
    env: dict[str, str], http: httpx.AsyncClient, number: signal.Signals
) -> None:
    async with started(**env) as service:
        await service.said("ready")
        assert (await http.get(f"{service.url}/healthz")).text == "ok"
        ready = await http.get(f"{service.url}/readyz")
        assert (ready.status_code, ready.text) == (200, "ready")
        assert "mainspring_build_info" in (await http.get(f"{service.url}/metrics")).text
        service.tell(number)
        assert await service.ended() == Exit.DRAINED
    assert {line["service"] for line in service.lines} == {"events"}
    assert not [line for line in service.lines if line["level"] in ("error", "critical")]


async def test_a_service_without_its_log_is_alive_says_why_and_can_be_told_to_leave(
    env: dict[str, str], http: httpx.AsyncClient
) -> None:
    env["MAINSPRING_DATABASE_URL"] = NOBODY_LISTENS
    async with started(**env) as service:
        await service.said("listening")
        assert (await http.get(f"{service.url}/healthz")).status_code == 200
        ready = await http.get(f"{service.url}/readyz")
        assert ready.status_code == 503
        assert "event log: not connected yet" in ready.text
        service.tell()
        assert await service.ended() == Exit.DRAINED


async def test_every_fault_of_the_environment_is_told_before_leaving() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mainspring_events", stderr=PIPE, env={"MAINSPRING_PORT": "x"}
    )
    _, told = await process.communicate()
    assert process.returncode == Exit.MISCONFIGURED
    for name in (b"MAINSPRING_DATABASE_URL", b"MAINSPRING_NATS_URL", b"MAINSPRING_PORT"):
        assert name in told


async def test_a_port_that_is_taken_is_an_answer_of_its_own(env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with started(**(env | {"MAINSPRING_PORT": port})) as service:
            assert await service.ended() == Exit.PORT_TAKEN
    assert f"127.0.0.1:{port}" in service.lines[-1]["msg"]


async def test_a_loop_that_dies_takes_the_process_with_it(env: dict[str, str]) -> None:
    script = PART.format(run="raise RuntimeError('lost')", drain="pass")
    async with started("-c", script, **env) as service:
        assert await service.ended() == Exit.FAILED
    told = next(line for line in service.lines if line["level"] == "critical")
    assert "'part' failed" in told["msg"]
    assert "RuntimeError: lost" in told["traceback"]


async def test_a_second_signal_leaves_at_once(env: dict[str, str]) -> None:
    script = PART.format(run=FOREVER, drain=FOREVER)
    async with started("-c", script, **env) as service:
        await service.said("ready")
        service.tell()
        await service.said("stopping")
        service.tell(signal.SIGINT)
        assert await service.ended() == 128 + signal.SIGINT


async def test_who_is_not_drained_in_time_leaves_all_the_same(env: dict[str, str]) -> None:
    script = PART.format(run=FOREVER, drain=FOREVER)
    async with started("-c", script, **env, MAINSPRING_DRAIN_SECONDS="0.3") as service:
        await service.said("ready")
        service.tell()
        assert await service.ended() == Exit.TOO_SLOW


async def test_an_event_loop_that_is_blocked_cannot_hold_the_process(
    env: dict[str, str],
) -> None:
    script = PART.format(run=FOREVER, drain="time.sleep(60)")
    async with started("-c", script, **env, MAINSPRING_DRAIN_SECONDS="0.3") as service:
        await service.said("ready")
        service.tell()
        assert await service.ended() == Exit.TOO_SLOW


async def test_an_open_stream_ends_whole_at_a_drain_and_resumes_at_the_next_process(
    env: dict[str, str], http: httpx.AsyncClient
) -> None:
    store = await PostgresStore.open(env["MAINSPRING_DATABASE_URL"])
    bus = await JetStreamBus.connect(env["MAINSPRING_NATS_URL"], name="test")
    try:
        first = append(RUN, events=[requested()])
        await _write(store, bus, first, "running")
        path = f"/v1/workflow-runs/{RUN.id}/stream"
        async with started(**env) as service:
            await service.said("ready")
            async with http.stream("GET", service.url + path) as answer:
                told = cast("AsyncGenerator[str]", answer.aiter_lines())
                assert await _next(told, "event: state")
                second = append(RUN, head_after(first), events=[ExecutionStarted(at=NOW)])
                await _write(store, bus, second, "running", version=2)
                assert await _next(told, "event: ExecutionStarted")
                last_id = (await _next(told, "id: ")).removeprefix("id: ")
                service.tell()
                rest = [line async for line in told]
                assert rest[-1] == ""
            assert await service.ended() == Exit.DRAINED
        third = append(RUN, head_after(second), events=[ExecutionSucceeded(at=NOW)])
        await _write(store, bus, third, "succeeded", version=3)
        async with started(**env) as service:
            await service.said("ready")
            again = await http.get(service.url + path, headers={"Last-Event-ID": last_id})
            names = [line for line in again.text.splitlines() if line.startswith("event:")]
            assert names == ["event: ExecutionSucceeded"]
    finally:
        await bus.close()
        await store.close()


async def _write(
    store: PostgresStore, bus: JetStreamBus, written: Any, status: str, *, version: int = 1
) -> None:
    row = execution_row(RUN, status=status, stream_version=version)
    outcome = await store.log.append([msgspec.structs.replace(written, changes=(row,))])
    assert isinstance(outcome[0], Appended)
    subject = subjects.event("execution", 1, RUN.id, settled=False)
    await bus.publish([Outgoing(subject, msgspec.json.encode({"v": version, "x": "default"}))])


async def _next(lines: AsyncGenerator[str], beginning: str) -> str:
    async with asyncio.timeout(10):
        async for line in lines:
            if line.startswith(beginning):
                return line
    raise AssertionError(f"no line begins with {beginning!r}")
