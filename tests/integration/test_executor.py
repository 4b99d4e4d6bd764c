"""The executor on a real broker and real sockets: tasks in, HTTP out, reports back."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from mainspring.bus import subjects
from mainspring.bus.jetstream import JetStreamBus
from mainspring.bus.plans import STREAMS
from mainspring.domain.definition import Request
from mainspring.domain.message import replace
from mainspring.domain.task import CallId, Finished, Report, Started, Task, partition_of
from mainspring.ports import Consumer, Outgoing
from mainspring.runtime import tokens
from mainspring.runtime.clock import SystemClock, SystemIds, SystemRandom
from mainspring.runtime.config import CallbackKey
from mainspring.store.memory_caches import MemoryBlobs
from mainspring.testing.patience import moment, until
from mainspring.testing.wire import Peer, Visit, raw_peer
from mainspring_executor.attempt import Workshop
from mainspring_executor.client import Client
from mainspring_executor.egress import Egress
from mainspring_executor.pull import Executor

KEY = CallbackKey("k1", b"k" * 32)
IDS = SystemIds()
read_report = msgspec.json.Decoder(Report).decode


class Echo:
    """Answers each request with what it saw, when it is let; knows how many it has at once."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.now = self.most = 0
        self.peer: Peer

    async def visit(self, visit: Visit) -> None:
        while said := await visit.request():
            head, _, body = said.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
            saw = {"line": first, "headers": headers, "body": body.decode()}
            self.seen.append(saw)
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                await self.gate.wait()
            finally:
                self.now -= 1
            answer = json.dumps(saw).encode()
            await visit.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            await visit.say(b"Content-Length: %d\r\n\r\n" % len(answer) + answer)


class Bench:
    def __init__(self, bus: JetStreamBus, echo: Echo) -> None:
        self.bus = bus
        self.echo = echo
        self.blobs = MemoryBlobs()
        self._consumers: dict[int, Consumer] = {}

    @asynccontextmanager
    async def executor(
        self, bus: JetStreamBus | None = None, *, private: bool = True, **options: Any
    ) -> AsyncGenerator[Executor]:
        shop = Workshop(
            Client(Egress(private=private)), self.blobs, SystemClock(), SystemRandom(), (KEY,)
        )
        made = Executor(bus or self.bus, shop, **options)
        running = asyncio.ensure_future(made.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def give(self, *tasks: Task) -> None:
        encoded = [Outgoing(subjects.TASK_QUEUE, msgspec.json.encode(task)) for task in tasks]
        await self.bus.publish(encoded)

    async def report(self, execution: str) -> Report:
        """Return the next report of an execution's partition."""
        partition = partition_of(execution)
        if partition not in self._consumers:
            self._consumers[partition] = await self.bus.consumer(
                subjects.RESULTS, subjects.results_consumer(partition), [subjects.result(partition)]
            )
        [delivery] = await self._consumers[partition].fetch(1, timeout=10.0)
        delivery.ack()
        return read_report(delivery.data)

    async def finished(self, execution: str) -> Finished:
        """Return the next end of a call; on a slow machine any call may be announced before."""
        report = await self.report(execution)
        while not isinstance(report, Finished):
            report = await self.report(execution)
        return report

    def task(self, path: str = "/", request: dict[str, Any] | None = None, **changes: Any) -> Task:
        fields: dict[str, Any] = {
            "call": CallId(IDS.uuid7(), "charge"),
            "request": Request(self.echo.peer.url(path), **(request or {})),
            "deadline": SystemClock().now() + 60.0,
            "timeout": 10.0,
            "idempotency_key": "key-1",
        }
        return Task(**(fields | changes))


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    made = Echo()
    async with raw_peer(made.visit) as peer:
        made.peer = peer
        yield made


@pytest.fixture
async def bench(nats_url: str, echo: Echo) -> AsyncIterator[Bench]:
    bus = await JetStreamBus.connect(nats_url, name="test")
    yield Bench(bus, echo)
    await bus.close()


async def test_a_task_becomes_a_call_and_a_report(bench: Bench) -> None:
    request = {"body": {"amount": "{{payload.amount}}"}, "has_body": True}
    asked = bench.task("/pay/{{payload.id}}", request, values={"payload": {"amount": 5, "id": "ä"}})
    async with bench.executor():
        await bench.give(asked)
        made = (await bench.finished(asked.call.execution)).exchange
    assert made.status == 200
    assert made.body["line"] == "POST /pay/%C3%A4 HTTP/1.1"
    assert json.loads(made.body["body"]) == {"amount": 5}
    assert made.body["headers"]["idempotency-key"] == "key-1"
    assert made.body["headers"]["traceparent"].startswith("00-")


async def test_an_asynchronous_task_carries_the_right_to_be_answered(bench: Bench) -> None:
    expires = SystemClock().now() + 100
    asked = bench.task(nonce="ab" * 16, callback_expires_at=expires)
    async with bench.executor():
        await bench.give(asked)
        made = (await bench.finished(asked.call.execution)).exchange
    headers = bench.echo.seen[0]["headers"]
    assert headers["x-callback-url"].endswith(f"/{asked.call.execution}/node/charge/callback")
    claim = tokens.verify([KEY], headers["x-callback-token"], now=expires - 1)
    assert (claim.execution, claim.nonce) == (asked.call.execution, "ab" * 16)
    assert made.body["headers"]["x-callback-token"] == "[hidden]"


async def test_a_call_that_takes_too_long_is_a_timeout(bench: Bench) -> None:
    bench.echo.gate.clear()
    asked = bench.task(timeout=0.05)
    async with bench.executor():
        await bench.give(asked)
        assert (await bench.finished(asked.call.execution)).exchange.fault == "timeout"


async def test_a_slow_call_is_announced_and_a_cancel_notice_ends_it(bench: Bench) -> None:
    bench.echo.gate.clear()
    asked = bench.task()
    async with bench.executor() as executor:
        await bench.give(asked)
        assert isinstance(await bench.report(asked.call.execution), Started)
        await bench.bus.publish([Outgoing(subjects.cancel(asked.call.execution), b"")])
        assert (await bench.finished(asked.call.execution)).exchange.fault == "canceled"
        await until(lambda: executor.in_flight == 0)


async def test_the_way_to_private_networks_is_closed_unless_opened(bench: Bench) -> None:
    asked = bench.task()
    async with bench.executor(private=False):
        await bench.give(asked)
        made = (await bench.finished(asked.call.execution)).exchange
    assert (made.fault, bench.echo.seen) == ("refused", [])


async def test_no_more_calls_are_made_at_once_than_allowed(bench: Bench) -> None:
    bench.echo.gate.clear()
    tasks = [bench.task() for _ in range(12)]
    async with bench.executor(concurrency=4) as executor:
        await bench.give(*tasks)
        await until(lambda: bench.echo.now == 4)
        await moment(0.05)
        assert (bench.echo.now, executor.in_flight) == (4, 4)
        bench.echo.gate.set()
        for asked in tasks:
            await bench.finished(asked.call.execution)
    assert (bench.echo.most, len(bench.echo.seen)) == (4, 12)


@pytest.fixture
async def impatient(nats_url: str, echo: Echo) -> AsyncIterator[Callable[[], Awaitable[Bench]]]:
    """Benches on a broker that delivers a task again after half a second without a word."""
    streams = dict(STREAMS)
    streams[subjects.TASKS] = replace(streams[subjects.TASKS], ack_wait=0.5)
    open_buses: list[JetStreamBus] = []

    async def connect() -> Bench:
        bus = await JetStreamBus.connect(nats_url, name="test", streams=streams)
        open_buses.append(bus)
        return Bench(bus, echo)

    yield connect
    for bus in open_buses:
        await bus.close()


async def test_the_task_of_an_executor_that_died_is_made_by_another(
    impatient: Callable[[], Awaitable[Bench]], echo: Echo
) -> None:
    first, second = await impatient(), await impatient()
    echo.gate.clear()
    asked = first.task()
    async with first.executor():
        await first.give(asked)
        await until(lambda: len(echo.seen) == 1)
    # It left as a killed process does: no answer to the broker, no report.
    echo.gate.set()
    async with second.executor():
        assert (await second.finished(asked.call.execution)).exchange.status == 200
    assert [saw["headers"]["idempotency-key"] for saw in echo.seen] == ["key-1", "key-1"]


async def test_a_long_call_is_not_delivered_to_another(
    impatient: Callable[[], Awaitable[Bench]], echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mainspring_executor.pull.WORKING", 0.15)
    monkeypatch.setattr("mainspring_executor.pull.SLOW", 0.1)
    first, second = await impatient(), await impatient()
    echo.gate.clear()
    asked = first.task()
    async with first.executor(), second.executor():
        await first.give(asked)
        await until(lambda: len(echo.seen) == 1)
        await moment(1.2)
        echo.gate.set()
        assert isinstance(await first.report(asked.call.execution), Started)
        await first.finished(asked.call.execution)
    assert len(echo.seen) == 1


async def test_a_drained_executor_hands_its_tasks_to_the_next_at_once(bench: Bench) -> None:
    bench.echo.gate.clear()
    asked = bench.task()
    async with bench.executor(drain_seconds=0.05) as executor:
        await bench.give(asked)
        await until(lambda: len(bench.echo.seen) == 1)
        await executor.drain()
    bench.echo.gate.set()
    async with bench.executor():
        assert (await bench.finished(asked.call.execution)).exchange.status == 200
    assert len(bench.echo.seen) == 2


async def test_many_tasks_are_each_made_once(bench: Bench) -> None:
    tasks = [bench.task(idempotency_key=str(number)) for number in range(500)]
    async with bench.executor(concurrency=64):
        await bench.give(*tasks)
        found = [await bench.finished(asked.call.execution) for asked in tasks]
    assert {report.call for report in found} == {asked.call for asked in tasks}
    keys = sorted(saw["headers"]["idempotency-key"] for saw in bench.echo.seen)
    assert keys == sorted(str(number) for number in range(500))
