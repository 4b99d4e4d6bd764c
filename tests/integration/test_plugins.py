"""Plugins on the whole platform: real processes, a real broker, a real log, and a peer.

The runs are begun on the log itself, without a dialect, so what is tried is the engine and the
executor alone.  When all is done the history checker judges the log that they have left.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring.bus import subjects
from mainspring.bus.jetstream import JetStreamBus
from mainspring.domain.definition import Definition, Retry, Step
from mainspring.domain.envelope import Meta, StreamId
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import event_of
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import Json, replace
from mainspring.runtime.clock import SystemClock, SystemIds, SystemRandom
from mainspring.runtime.engine import Engine, Start
from mainspring.runtime.kv import Values
from mainspring.store.postgres import PostgresStore
from mainspring.testing.patience import until
from mainspring.testing.peer import Call, Peer, Reply, serve
from mainspring.testing.shapes import dag, work
from mainspring.testing.stack import Platform, platform

PATIENCE_S = 60.0
META = Meta(actor="tester")


class World:
    """A hand on the log, and the peer that plugins call."""

    def __init__(self, engine: Engine, stack: Platform, peer: Peer) -> None:
        self.engine = engine
        self.stack = stack
        self.peer = peer

    async def begin(self, *steps: Step, payload: Json = None, **more: Any) -> str:
        definition: Definition = replace(dag(*steps), **({"language": "jinja"} | more))
        start = Start(
            id=self.engine.ids.uuid7(),
            project="default",
            dialect="native",
            name="plugins",
            version="1",
            payload=payload,
        )
        await self.engine.start(definition, start, META)
        return start.id

    async def now(self, id: str) -> Execution:
        x = await self.engine.load(id)
        assert x is not None
        return x

    async def when(self, id: str, holds: Callable[[Execution], bool]) -> Execution:
        """Return the run as soon as something holds of it."""
        async for _ in self.changes(id):
            if holds(x := await self.now(id)):
                return x
        raise AssertionError("a run's changes have no end")

    async def changes(self, id: str) -> AsyncIterator[None]:
        """Yield now, and after each append to the run; a lost notice costs a second."""
        subscription = await self.engine.bus.subscribe(subjects.EVERY_EVENT)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    yield
                    notice = await subscription.next(1.0)
                    while notice is not None and id not in notice[0]:
                        notice = await subscription.next(1.0)
        finally:
            await subscription.close()

    async def ended(self, id: str) -> Execution:
        return await self.when(id, lambda x: x.is_terminal)

    async def ran(self, *steps: Step, **more: Any) -> Execution:
        return await self.ended(await self.begin(*steps, **more))

    async def events(self, id: str) -> list[e.Event]:
        stream = StreamId("execution", id)
        return [event_of(each) for each in (await self.engine.log.read([stream]))[stream]]

    async def said(self, id: str) -> list[tuple[str, str]]:
        logged = [each for each in await self.events(id) if isinstance(each, e.StepLogged)]
        return [(line.level, line.message) for each in logged for line in each.lines]

    def calls(self, id: str) -> list[Call]:
        """Return the calls that a run has made to the peer."""
        return [call for call in self.peer.calls if call.key.startswith(id)]


TRIES: dict[str, int] = {}


def respond(call: Call) -> Reply:
    if call.path == "/twice":
        TRIES[call.key] = TRIES.get(call.key, 0) + 1
        return Reply(503 if TRIES[call.key] == 1 else 200, b'{"tries": 2}')
    if call.path == "/slow":
        return Reply(200, delay=1.5)
    return Reply(200, json.dumps({"got": call.body.decode()}).encode())


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with serve(respond) as other:
        yield other


@pytest.fixture(scope="module")
def stack() -> Iterator[Platform]:
    with platform() as whole:
        yield whole


@pytest.fixture
async def world(stack: Platform, peer: Peer) -> AsyncIterator[World]:
    store = await PostgresStore.open(stack.postgres.dsn)
    bus = await JetStreamBus.connect(stack.nats.url, name="test")
    engine = Engine(
        log=store.log,
        views=store.views,
        snapshots=store.snapshots,
        bus=bus,
        clock=SystemClock(),
        ids=SystemIds(),
        chance=SystemRandom(),
    )
    yield World(engine, stack, peer)
    await bus.close()
    await store.close()


def output(x: Execution, ref: str) -> Any:
    step = x.of(ref)
    assert step is not None
    return step.output


async def test_a_plugins_output_is_seen_by_the_steps_behind_it(world: World) -> None:
    count = work("count", {"values": {"n": "{{ payload.n + 1 }}"}}, plugin="core.set")
    tell = work(
        "tell", {"message": "n is {{ outputs.count.n }}"}, plugin="util.log", needs=("count",)
    )
    x = await world.ran(count, tell, payload={"n": 41})
    assert x.status == "succeeded"
    assert output(x, "count") == {"n": 42}
    assert output(x, "tell") == {"message": "n is 42"}
    assert await world.said(x.id) == [("INFO", "n is 42")]


def helpers_of(executor: int) -> list[int]:
    """Return the helper processes that an executor has."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == executor and b"mainspring_executor.helper" in words:
            found.append(int(folder.name))
    return found


async def test_an_executor_has_helpers_only_once_something_is_to_be_bounded(world: World) -> None:
    pid = world.stack.services["executor"][0].pid
    assert helpers_of(pid) == []
    x = await world.ran(work("pick", {"data": {"n": 3}, "filter": ".n"}, plugin="transform.jq"))
    assert x.status == "succeeded"
    assert len(helpers_of(pid)) == 1


async def test_a_plugin_calls_a_peer_with_the_steps_key_and_trace(world: World) -> None:
    given = {"method": "POST", "url": f"{world.peer.url}/orders", "json": {"sku": "a-1"}}
    x = await world.ran(work("order", given, plugin="http.request"))
    assert output(x, "order")["body"] == {"got": '{"sku":"a-1"}'}
    [made] = world.calls(x.id)
    assert made.key == f"{x.id}:up:order:1"
    assert made.headers["traceparent"].startswith("00-")
    assert made.headers["user-agent"].startswith("mainspring/")


async def test_a_failing_plugin_is_tried_again_by_the_policy(world: World) -> None:
    given = {"url": f"{world.peer.url}/twice"}
    step = work("order", given, plugin="http.request", retry=Retry(retries=2, delay=0.1))
    x = await world.ran(step)
    assert (x.status, output(x, "order")["body"]) == ("succeeded", {"tries": 2})
    failed = [each for each in await world.events(x.id) if isinstance(each, e.StepFailed)]
    assert [each.attempt for each in failed] == [1]
    assert failed[0].exchange is not None
    assert failed[0].exchange.body["status_code"] == 503


async def test_a_final_failure_is_not_tried_again(world: World) -> None:
    step = work(
        "stop", {"message": "no more"}, plugin="core.fail", retry=Retry(retries=5, delay=0.1)
    )
    x = await world.ran(step)
    assert (x.status, x.reason) == ("failed", "stop: no more")
    failed = [each for each in await world.events(x.id) if isinstance(each, e.StepFailed)]
    assert len(failed) == 1


async def test_an_input_that_does_not_fit_fails_with_all_faults(world: World) -> None:
    x = await world.ran(work("order", {"method": "SHOUT"}, plugin="http.request"))
    assert x.status == "failed"
    assert x.reason is not None
    assert "url" in x.reason
    assert "method" in x.reason


async def test_a_plugin_that_is_not_installed_fails_the_run_with_a_hint(world: World) -> None:
    x = await world.ran(work("order", {}, plugin="http.requests"))
    assert x.status == "failed"
    assert x.reason is not None
    assert "did you mean http.request?" in x.reason


async def test_a_plugin_that_takes_longer_than_its_step_may_is_stopped(world: World) -> None:
    step = work("wait", {"command": "sleep 60"}, plugin="script.shell", timeout=0.5)
    x = await world.ran(step)
    assert x.status == "failed"
    [failed] = [each for each in await world.events(x.id) if isinstance(each, e.StepFailed)]
    assert failed.fault == "timeout"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder for tasks too: where the executor is root, they are somebody else."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


async def test_lines_of_a_slow_plugin_are_recorded_in_order_while_it_works(
    world: World, open_folder: Path
) -> None:
    go = open_folder / "go"
    script = f"echo one; echo two >&2; until [ -e {go} ]; do sleep 0.05; done; echo three"
    id = await world.begin(work("talk", {"command": script}, plugin="script.shell"))
    async for _ in world.changes(id):
        if len(await world.said(id)) >= 2:
            break
    assert not (await world.now(id)).is_terminal
    go.touch()
    x = await world.ended(id)
    assert x.status == "succeeded"
    levels = {message: level for level, message in await world.said(id)}
    assert levels == {"one": "INFO", "two": "WARN", "three": "INFO"}
    assert (await world.said(id))[-1] == ("INFO", "three")
    instants = [
        line.at
        for each in await world.events(id)
        if isinstance(each, e.StepLogged)
        for line in each.lines
    ]
    assert instants == sorted(set(instants))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def pid_in(file: Path) -> int:
    def text() -> str:
        return file.read_text() if file.exists() else ""

    await until(lambda: text().endswith("\n"), patience=PATIENCE_S)
    return int(text())


async def test_a_cancel_really_stops_what_a_plugin_does(world: World, open_folder: Path) -> None:
    script = f"echo $$ > {open_folder}/pid; sleep 600"
    step = work("wait", {"command": script}, plugin="script.shell", timeout=900.0)
    id = await world.begin(step)
    pid = await pid_in(open_folder / "pid")
    await world.engine.ask(id, c.RequestCancel(reason="enough"), project=None, meta=META)
    x = await world.ended(id)
    assert x.status == "canceled"
    await until(lambda: not is_alive(pid), patience=PATIENCE_S)


async def test_an_expression_reads_a_value_that_another_step_has_kept(world: World) -> None:
    values = Values(world.engine)
    await values.set("default", "rate", 1.5, meta=META)
    x = await world.ran(work("read", {"values": {"r": "{{ kv('rate') * 2 }}"}}, plugin="core.set"))
    assert output(x, "read") == {"r": 3.0}


async def test_a_filter_that_never_ends_is_ended_and_harms_nobody(world: World) -> None:
    endless = {"data": 1, "filter": "def f: f; f"}
    x = await world.ran(work("spin", endless, plugin="transform.jq", timeout=1.0))
    assert x.status == "failed"
    [failed] = [each for each in await world.events(x.id) if isinstance(each, e.StepFailed)]
    assert failed.fault == "timeout"
    again = await world.ran(work("ok", {"values": {"n": 1}}, plugin="core.set"))
    assert again.status == "succeeded"


async def test_what_an_executor_that_is_killed_was_at_stops_and_is_done_again_and_counted_once(
    world: World, open_folder: Path
) -> None:
    [executor] = world.stack.services["executor"]
    given = {"url": f"{world.peer.url}/slow"}
    once = f"[ -e {open_folder}/pid ] && exit 0; echo $$ > {open_folder}/pid; sleep 600"
    shell = work("wait", {"command": once}, plugin="script.shell", timeout=900.0)
    scripted = await world.begin(shell)
    pid = await pid_in(open_folder / "pid")
    id = await world.begin(work("order", given, plugin="http.request"))
    await until(lambda: len(world.calls(id)) == 1, patience=PATIENCE_S)
    executor.kill()
    await until(lambda: not is_alive(pid), patience=PATIENCE_S)
    executor.start()
    executor.wait_ready()
    assert (await world.ended(scripted)).status == "succeeded"
    x = await world.ended(id)
    assert x.status == "succeeded"
    assert {call.key for call in world.calls(id)} == {f"{id}:up:order:1"}
    events = await world.events(id)
    assert sum(isinstance(each, e.StepSucceeded) for each in events) == 1
    assert sum(isinstance(each, e.StepScheduled) for each in events) == 1
