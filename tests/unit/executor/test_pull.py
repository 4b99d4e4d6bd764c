"""What is pulled is made once at a time, reported before it is acknowledged, and never lost."""
# pyright: reportPrivateUsage=false

import asyncio
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from mainspring.bus import subjects
from mainspring.bus.memory import MemoryBus
from mainspring.domain.definition import Plugin, Request
from mainspring.domain.errors import LogUnavailable
from mainspring.domain.message import replace
from mainspring.domain.task import (
    CallId,
    Finished,
    Logged,
    Phase,
    Report,
    Started,
    Task,
    partition_of,
)
from mainspring.plugin import Context, Manifest, Registry
from mainspring.ports import HttpAnswer, HttpFault, Outgoing
from mainspring.runtime.clock import SystemClock, SystemIds, SystemRandom
from mainspring.store.memory_caches import MemoryBlobs
from mainspring.testing.patience import moment, until
from mainspring_executor import pull
from mainspring_executor.attempt import Workshop
from mainspring_executor.pull import Executor

read_report = msgspec.json.Decoder(Report).decode
IDS = SystemIds()


class Peer:
    """A peer whose answers wait until they are let go."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.most = 0
        self.open = asyncio.Event()
        self.closed = False
        self._now = 0

    async def request(
        self,
        verb: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None,
        timeout: float,
        max_body: int,
    ) -> HttpAnswer:
        self.calls.append(headers["Idempotency-Key"])
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            async with asyncio.timeout(timeout):
                await self.open.wait()
        except TimeoutError:
            raise HttpFault("timeout", "late") from None
        finally:
            self._now -= 1
        return HttpAnswer(200, {}, b"")

    async def close(self) -> None:
        self.closed = True


class Bench:
    def __init__(self) -> None:
        self.clock = SystemClock()
        self.bus = MemoryBus(self.clock)
        self.peer = Peer()
        self.blobs = MemoryBlobs()
        self.executor = self.another()
        self.running: list[asyncio.Task[None]] = []

    def another(self, **options: Any) -> Executor:
        shop = Workshop(self.peer, self.blobs, self.clock, SystemRandom(), name="e1")
        return Executor(self.bus, shop, **options)

    async def start(self, executor: Executor | None = None) -> None:
        self.executor = executor or self.executor
        await self.executor.start()
        self.running.append(asyncio.ensure_future(self.executor.run()))

    async def give(self, *tasks: Task) -> None:
        encoded = [Outgoing(subjects.TASK_QUEUE, msgspec.json.encode(task)) for task in tasks]
        await self.bus.publish(encoded)

    async def reports(self, execution: str, number: int = 1) -> list[Report]:
        partition = partition_of(execution)
        consumer = await self.bus.consumer(
            subjects.RESULTS, subjects.results_consumer(partition), [subjects.result(partition)]
        )
        found: list[Report] = []
        async with asyncio.timeout(5):
            while len(found) < number:
                for delivery in await consumer.fetch(number - len(found), timeout=1.0):
                    delivery.ack()
                    found.append(read_report(delivery.data))
        return found

    async def finished(self, execution: str) -> Finished:
        """Return the end of a call; on a slow machine any call may be announced before."""
        while True:
            [report] = await self.reports(execution)
            if isinstance(report, Finished):
                return report

    async def left_in_queue(self) -> int:
        """Drain the executor; return how many tasks the broker still has to give."""
        await self.executor.drain()
        consumer = await self.bus.consumer(
            subjects.TASKS, subjects.TASKS_CONSUMER, [subjects.TASK_QUEUE]
        )
        return len(await consumer.fetch(100, timeout=0.0))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    for task in made.running:
        task.cancel()
    await asyncio.gather(*made.running, return_exceptions=True)
    await made.bus.close()


def task(phase: Phase = "up", **changes: Any) -> Task:
    fields: dict[str, Any] = {
        "call": CallId(IDS.uuid7(), "charge", phase),
        "request": Request("http://shop.test/"),
        "deadline": SystemClock().now() + 60.0,
        "timeout": 30.0,
        "idempotency_key": "key",
    }
    return Task(**(fields | changes))


async def test_a_task_is_made_reported_and_done(bench: Bench) -> None:
    bench.peer.open.set()
    await bench.start()
    asked = task()
    await bench.give(asked)
    report = await bench.finished(asked.call.execution)
    assert (report.call, report.exchange.status, report.executor) == (asked.call, 200, "e1")
    await until(lambda: bench.executor.in_flight == 0)
    assert await bench.left_in_queue() == 0


async def test_no_more_attempts_are_in_flight_than_allowed(bench: Bench) -> None:
    await bench.start(bench.another(concurrency=3))
    tasks = [task() for _ in range(10)]
    await bench.give(*tasks)
    await until(lambda: len(bench.peer.calls) == 3)
    await moment()
    assert bench.executor.in_flight == 3
    bench.peer.open.set()
    for asked in tasks:
        await bench.finished(asked.call.execution)
    assert (bench.peer.most, len(bench.peer.calls)) == (3, 10)


def dropped(why: str) -> float:
    name = "mainspring_step_tasks_dropped_total"
    return REGISTRY.get_sample_value(name, {"why": why}) or 0.0


async def test_a_task_after_its_deadline_is_not_begun(bench: Bench) -> None:
    await bench.start()
    before = dropped("late")
    await bench.give(task(deadline=SystemClock().now() - 0.001), task())
    await until(lambda: len(bench.peer.calls) == 1)
    assert dropped("late") == before + 1
    bench.peer.open.set()
    assert await bench.left_in_queue() == 0


async def test_a_message_that_is_no_task_is_dropped_and_harms_nobody(bench: Bench) -> None:
    bench.peer.open.set()
    await bench.start()
    asked = task()
    for data in (b"", b"\xff", b"[" * 5000, b'{"type":"Other"}'):
        await bench.bus.publish([Outgoing(subjects.TASK_QUEUE, data)])
    await bench.give(asked)
    await bench.finished(asked.call.execution)
    assert await bench.left_in_queue() == 0


async def test_a_slow_call_is_announced_and_a_quick_one_is_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "SLOW", 0.02)
    await bench.start()
    slow = task()
    await bench.give(slow)
    [started] = await bench.reports(slow.call.execution)
    assert isinstance(started, Started)
    assert (started.call, started.executor) == (slow.call, "e1")
    bench.peer.open.set()
    finished = await bench.finished(slow.call.execution)
    assert finished.exchange.started_at == started.at
    monkeypatch.setattr(pull, "SLOW", 60.0)
    quick = task()
    await bench.give(quick)
    [only] = await bench.reports(quick.call.execution)
    assert isinstance(only, Finished)


async def test_the_broker_is_asked_for_time_while_a_call_is_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "SLOW", 0.005)
    monkeypatch.setattr(pull, "WORKING", 0.01)
    words: list[str] = []

    class Heard:
        subject, redelivered = subjects.TASK_QUEUE, False
        data = msgspec.json.encode(task())

        def ack(self) -> None:
            words.append("ack")

        def nak(self, delay: float = 0.0) -> None:
            words.append("nak")

        def working(self) -> None:
            words.append("working")

    await bench.start()
    bench.executor._take(Heard())
    await until(lambda: words.count("working") >= 3)
    bench.peer.open.set()
    await until(lambda: "ack" in words)
    assert words[-1] == "ack"


async def test_a_task_that_comes_again_while_it_runs_is_called_once(bench: Bench) -> None:
    await bench.start()
    asked = task()
    await bench.give(asked, asked)
    await until(lambda: len(bench.peer.calls) == 1)
    await moment()
    bench.peer.open.set()
    await bench.finished(asked.call.execution)
    assert len(bench.peer.calls) == 1
    assert await bench.left_in_queue() == 0


async def test_a_cancel_notice_stops_the_attempts_of_its_execution_alone(bench: Bench) -> None:
    await bench.start()
    mine, other = task(), task()
    await bench.give(mine, other)
    await until(lambda: len(bench.peer.calls) == 2)
    await bench.bus.publish([Outgoing(subjects.cancel(mine.call.execution), b"")])
    report = await bench.finished(mine.call.execution)
    assert (report.exchange.fault, report.exchange.url) == ("canceled", "http://shop.test/")
    assert bench.executor.in_flight == 1
    bench.peer.open.set()
    assert (await bench.finished(other.call.execution)).exchange.status == 200


async def test_a_notice_of_one_loop_stops_the_attempts_of_its_items_alone(bench: Bench) -> None:
    await bench.start()
    mine = task()
    own = [replace(mine, call=replace(mine.call, ref=ref)) for ref in ("all[1].do", "allx", "all")]
    await bench.give(*own)
    await until(lambda: len(bench.peer.calls) == 3)
    notice = Outgoing(subjects.cancel_within(mine.call.execution), b"all")
    await bench.bus.publish([notice])
    report = await bench.finished(mine.call.execution)
    assert (report.call.ref, report.exchange.fault) == ("all[1].do", "canceled")
    assert bench.executor.in_flight == 2


@pytest.mark.parametrize("phase", ["down", "hook"])
async def test_a_cancel_notice_lets_compensations_and_hooks_go_on(
    bench: Bench, phase: Phase
) -> None:
    await bench.start()
    asked = task(phase)
    await bench.give(asked)
    await until(lambda: len(bench.peer.calls) == 1)
    await bench.bus.publish([Outgoing(subjects.cancel(asked.call.execution), b"")])
    await moment()
    bench.peer.open.set()
    assert (await bench.finished(asked.call.execution)).exchange.status == 200


async def test_an_attempt_that_never_had_its_turn_can_be_canceled(bench: Bench) -> None:
    await bench.start()
    asked = task()

    class Given:
        subject, redelivered, data = subjects.TASK_QUEUE, False, msgspec.json.encode(asked)

        def ack(self) -> None: ...
        def nak(self, delay: float = 0.0) -> None: ...
        def working(self) -> None: ...

    await moment()
    bench.executor._take(Given())
    bench.executor._cancel(asked.call.execution)
    assert (await bench.finished(asked.call.execution)).exchange.fault == "canceled"
    assert bench.peer.calls == []
    await until(lambda: bench.executor.in_flight == 0)


async def test_a_report_waits_for_the_broker_and_its_task_is_not_acknowledged_before(
    bench: Bench,
) -> None:
    await bench.start(bench.another(concurrency=2))
    tasks = [task() for _ in range(4)]
    await bench.give(*tasks)
    await until(lambda: len(bench.peer.calls) == 2)
    bench.bus.broker.stop()
    bench.peer.open.set()
    await moment(0.1)
    assert bench.executor.in_flight == 2
    bench.bus.broker.start()
    for asked in tasks:
        assert (await bench.finished(asked.call.execution)).exchange.status == 200
    assert len(bench.peer.calls) == 4


async def test_reports_survive_a_broker_that_lost_everything(bench: Bench) -> None:
    await bench.start()
    asked = task()
    await bench.give(asked)
    await until(lambda: len(bench.peer.calls) == 1)
    bench.bus.broker.wipe()
    bench.peer.open.set()
    assert (await bench.finished(asked.call.execution)).exchange.status == 200
    after = task()
    await bench.give(after)
    await bench.finished(after.call.execution)


async def test_a_task_whose_values_cannot_be_fetched_is_handed_back_and_made_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "_AGAIN_AFTER", 0.01)
    bench.peer.open.set()
    ref = await bench.blobs.put(b"{}")
    get, away = bench.blobs.get, [True]

    async def sometimes(ref: str) -> bytes | None:
        if away.pop() if away else False:
            raise LogUnavailable
        return await get(ref)

    monkeypatch.setattr(bench.blobs, "get", sometimes)
    await bench.start()
    asked = task(values_ref=ref)
    await bench.give(asked)
    assert (await bench.finished(asked.call.execution)).exchange.status == 200
    assert len(bench.peer.calls) == 1


async def test_a_drain_begins_nothing_and_finishes_what_was_begun(bench: Bench) -> None:
    await bench.start()
    begun, later = task(), task()
    await bench.give(begun)
    await until(lambda: len(bench.peer.calls) == 1)
    draining = asyncio.ensure_future(bench.executor.drain())
    await moment()
    await bench.give(later)
    await moment()
    assert not draining.done()
    bench.peer.open.set()
    await draining
    await bench.running[0]
    assert len(bench.peer.calls) == 1
    assert bench.peer.closed
    assert (await bench.finished(begun.call.execution)).exchange.status == 200
    assert await bench.left_in_queue() == 1


async def test_what_a_drain_cannot_finish_is_handed_back_for_others(bench: Bench) -> None:
    await bench.start(bench.another(drain_seconds=0.02))
    asked = task()
    await bench.give(asked)
    await until(lambda: len(bench.peer.calls) == 1)
    await bench.executor.drain()
    await bench.running[0]
    bench.peer.open.set()
    await bench.start(bench.another())
    assert (await bench.finished(asked.call.execution)).exchange.status == 200
    assert len(bench.peer.calls) == 2


async def test_an_idle_executor_drains_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "_FETCH", 60.0)
    await bench.start()
    await moment()
    async with asyncio.timeout(10):
        await bench.executor.drain()
        await bench.running[0]


async def test_a_timeout_is_reported(bench: Bench) -> None:
    await bench.start()
    asked = task(timeout=0.01)
    await bench.give(asked)
    assert (await bench.finished(asked.call.execution)).exchange.fault == "timeout"


async def test_a_loop_that_fails_ends_the_executor_with_its_reason(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.bus, "subscribe", broken)
    with pytest.raises(ZeroDivisionError):
        await bench.executor.run()


@pytest.mark.parametrize("round_", range(20))
async def test_stress_start_stop(bench: Bench, round_: int) -> None:
    bench.peer.open.set()
    await bench.start()
    await bench.give(*(task() for _ in range(round_)))
    for _ in range(round_):
        await moment(0)
    await bench.executor.drain()
    await bench.running[0]
    assert bench.executor.in_flight == 0


# Plugins.


class Talker:
    """A plugin that says something each time it is let, until it is let go."""

    def __init__(self) -> None:
        self.turns: asyncio.Queue[str] = asyncio.Queue()
        self.stopped = False

    async def run(self, given: dict[str, Any], context: Context) -> dict[str, Any]:
        try:
            while word := await self.turns.get():
                context.log(word)
        finally:
            self.stopped = True
        return {"given": given}


def talking(bench: Bench, **options: Any) -> tuple[Talker, Executor]:
    talker, module = Talker(), ModuleType("talker")
    any_object: dict[str, Any] = {"type": "object"}
    module.__dict__["run"] = talker.run
    module.__dict__["MANIFEST"] = Manifest(
        id="test.talk",
        name="Talk",
        category="Utility",
        description="Talks.",
        input=any_object,
        output=any_object,
    )
    plugins = Registry({})
    plugins.put("test.talk", module)
    shop = Workshop(bench.peer, bench.blobs, bench.clock, SystemRandom(), plugins=plugins)
    return talker, Executor(bench.bus, shop, **options)


def calling(**changes: Any) -> Task:
    return task(request=None, plugin=Plugin("test.talk", {"n": 1}), **changes)


async def test_a_task_of_a_plugin_is_made_and_reported(bench: Bench) -> None:
    talker, executor = talking(bench)
    await bench.start(executor)
    asked = calling()
    await bench.give(asked)
    talker.turns.put_nowait("hello")
    talker.turns.put_nowait("")
    report = await bench.finished(asked.call.execution)
    assert report.exchange.body == {"given": {"n": 1}}
    assert [line.message for line in report.logs] == ["hello"]
    assert await bench.left_in_queue() == 0


async def test_what_a_slow_plugin_says_is_told_while_it_works(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "SLOW", 0.01)
    monkeypatch.setattr(pull, "TALK", 0.02)
    talker, executor = talking(bench)
    await bench.start(executor)
    asked = calling()
    await bench.give(asked)
    talker.turns.put_nowait("first")
    found: list[Report] = []
    while not any(isinstance(report, Logged) for report in found):
        found += await bench.reports(asked.call.execution)
    talker.turns.put_nowait("last")
    talker.turns.put_nowait("")
    while not any(isinstance(report, Finished) for report in found):
        found += await bench.reports(asked.call.execution)
    said = [
        line.message
        for report in found
        for line in (
            report.lines
            if isinstance(report, Logged)
            else report.logs
            if isinstance(report, Finished)
            else ()
        )
    ]
    assert said == ["first", "last"]


async def test_a_cancel_notice_stops_a_plugin(bench: Bench) -> None:
    talker, executor = talking(bench)
    await bench.start(executor)
    asked = calling()
    await bench.give(asked)
    talker.turns.put_nowait("working")
    await until(talker.turns.empty)
    await moment()
    await bench.bus.publish([Outgoing(subjects.cancel(asked.call.execution), b"")])
    report = await bench.finished(asked.call.execution)
    assert (report.exchange.fault, report.exchange.url) == ("canceled", "test.talk")
    assert [line.message for line in report.logs] == ["working"]
    assert talker.stopped


async def test_a_drain_stops_what_a_plugin_does_and_hands_its_task_back(bench: Bench) -> None:
    talker, executor = talking(bench, drain_seconds=0.0)
    await bench.start(executor)
    await bench.give(calling())
    talker.turns.put_nowait("working")
    await until(lambda: executor.in_flight == 1 and talker.turns.empty())
    assert await bench.left_in_queue() == 1
    assert talker.stopped


async def test_a_task_that_asks_for_nothing_is_dropped(bench: Bench) -> None:
    await bench.start()
    before = dropped("unreadable")
    await bench.give(task(request=None))
    await until(lambda: dropped("unreadable") == before + 1)
    assert await bench.left_in_queue() == 0


async def test_a_project_whose_calls_hang_keeps_nobody_else_from_making_theirs(
    bench: Bench,
) -> None:
    await bench.start(bench.another(concurrency=8))
    flood = [task(project="flood") for _ in range(100)]
    await bench.give(*flood)
    await until(lambda: len(bench.peer.calls) == 8)
    others = [task(project="quiet") for _ in range(4)]
    await bench.give(*others)
    await until(lambda: len(bench.peer.calls) == 12)
    await moment()
    assert len(bench.peer.calls) == 12, "the flood has as many places as it may have"
    bench.peer.open.set()
    for asked in [*others, *flood]:
        await bench.finished(asked.call.execution)
    assert len(bench.peer.calls) == 104


async def test_a_task_that_waits_for_a_place_is_handed_back_by_a_drain(bench: Bench) -> None:
    await bench.start(bench.another(concurrency=2, drain_seconds=0.0))
    await bench.give(*(task() for _ in range(3)))
    await until(lambda: len(bench.peer.calls) == 2)
    await moment()
    assert await bench.left_in_queue() == 3
