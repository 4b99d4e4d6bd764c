"""The streams of the events service, over a log and a broker in memory."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from mainspring.bus import subjects
from mainspring.bus.memory import MemoryBus
from mainspring.domain.catalog import DefinitionStored
from mainspring.domain.envelope import EMPTY, Head, Meta, StreamId, seal
from mainspring.domain.execution.events import (
    ExecutionFailed,
    ExecutionReopened,
    ExecutionStarted,
    ExecutionSucceeded,
    RetryRequested,
    StepScheduled,
)
from mainspring.domain.message import Message
from mainspring.http.health import Health
from mainspring.http.middleware import Edge
from mainspring.ports import Append, Appended, Outgoing
from mainspring.runtime import feed as feed_module
from mainspring.runtime.answered import record_answer
from mainspring.runtime.clock import SystemClock, SystemIds, SystemRandom
from mainspring.runtime.config import Config
from mainspring.runtime.engine import Engine
from mainspring.runtime.feed import Feed
from mainspring.runtime.world import World
from mainspring.store.memory import MemoryStore
from mainspring.testing.asgi import SseEvent, StreamReader, reading
from mainspring.testing.samples import (
    NOW,
    append,
    execution_row,
    execution_stream,
    head_after,
    requested,
)
from mainspring_events.app import application

RUN = execution_stream(1)
OTHER = execution_stream(2)
PATH = f"/v1/workflow-runs/{RUN.id}/stream"
STARTED = ExecutionStarted(at=NOW)
SCHEDULED = StepScheduled(ref="charge", at=NOW)
FAILED = ExecutionFailed(reason="charge failed", at=NOW)
REOPENED = ExecutionReopened(at=NOW)
SUCCEEDED = ExecutionSucceeded(result="charge", at=NOW)


class Scene(NamedTuple):
    """A service with its neighbours, and one hand that writes into the log."""

    store: MemoryStore
    bus: MemoryBus
    feed: Feed
    app: Edge
    draining: asyncio.Event
    heads: dict[Any, Head]

    async def write(
        self,
        *events: Message,
        status: str = "running",
        run: Any = RUN,
        told: bool = True,
        project: str = "default",
    ) -> int:
        """Append to a run, tell the broker unless it is not to know, return the last position."""
        head = self.heads.get(run, EMPTY)
        version = head.version + len(events)
        row = execution_row(run, status=status, stream_version=version, project=project)
        written = append(run, head, row, events=events, project=project)
        outcome = (await self.store.log.append([written]))[0]
        assert isinstance(outcome, Appended)
        self.heads[run] = head_after(written)
        if told:
            body = msgspec.json.encode({"v": version, "x": project})
            subject = subjects.event("execution", 3, run.id, settled=bool(version % 2))
            await self.bus.publish([Outgoing(subject, body)])
        return outcome.positions[-1]

    @asynccontextmanager
    async def watching(self, path: str = PATH, **more: Any) -> AsyncGenerator[StreamReader]:
        async with reading(self.app, path, **more) as reader:
            yield reader


@pytest.fixture
async def scene() -> AsyncGenerator[Scene]:
    clock = SystemClock()
    store, bus, health = MemoryStore(), MemoryBus(clock), Health(clock)
    draining = asyncio.Event()
    config = Config(service="events", database_url="postgresql://x", nats_url="nats://x")
    world = World(
        config=config,
        log=store.log,
        views=store.views,
        blobs=store.blobs,
        snapshots=store.snapshots,
        bus=bus,
        health=health,
        draining=draining,
    )
    feed = Feed(bus, store.log, clock, health.heart("feed"))
    running = asyncio.create_task(feed.run())
    yield Scene(store, bus, feed, application(world, feed), draining, {})
    await feed.drain()
    await running
    await bus.close()


async def take(reader: StreamReader, count: int) -> list[SseEvent]:
    return [await reader.next() for _ in range(count)]


def names(events: Sequence[SseEvent]) -> list[str]:
    return [event.name for event in events]


async def test_the_present_state_comes_first_and_then_each_change(scene: Scene) -> None:
    position = await scene.write(requested(), STARTED)
    async with scene.watching() as reader:
        state = await reader.next()
        assert (state.name, state.id) == ("state", str(position))
        row = msgspec.json.decode(state.data)
        assert (row["id"], row["status"], row["stream_version"]) == (RUN.id, "running", 2)
        assert row["created_at"].endswith("Z")
        assert "partition" not in row
        later = await scene.write(SCHEDULED)
        change = await reader.next()
    assert (change.name, change.id) == ("StepScheduled", str(later))
    told = msgspec.json.decode(change.data)
    assert told["position"] == later
    assert (told["type"], told["version"]) == ("StepScheduled", 3)
    assert told["data"]["ref"] == "charge"


async def test_a_stream_ends_with_its_run(scene: Scene) -> None:
    await scene.write(requested())
    async with scene.watching() as reader:
        await reader.next()
        await scene.write(STARTED, SUCCEEDED, status="succeeded")
        assert names(await take(reader, 2)) == ["ExecutionStarted", "ExecutionSucceeded"]
        await reader.ended.wait()


async def test_a_run_that_has_ended_sends_its_state_and_ends(scene: Scene) -> None:
    await scene.write(requested(), STARTED, SUCCEEDED, status="succeeded")
    async with scene.watching() as reader:
        state = await reader.next()
        await reader.ended.wait()
    assert msgspec.json.decode(state.data)["status"] == "succeeded"
    assert reader.body.count(b"data:") == 1


async def test_a_reader_that_comes_back_gets_exactly_what_it_missed(scene: Scene) -> None:
    first = await scene.write(requested())
    await scene.write(STARTED, run=OTHER)
    await scene.write(STARTED, SCHEDULED)
    async with scene.watching(headers={"Last-Event-ID": str(first)}) as reader:
        assert names(await take(reader, 2)) == ["ExecutionStarted", "StepScheduled"]
        await scene.write(SUCCEEDED, status="succeeded")
        assert names(await take(reader, 1)) == ["ExecutionSucceeded"]
        await reader.ended.wait()


async def test_a_reader_that_has_seen_the_end_is_told_not_to_come_back(scene: Scene) -> None:
    last = await scene.write(requested(), SUCCEEDED, status="succeeded")
    async with scene.watching(headers={"Last-Event-ID": str(last)}) as reader:
        assert await reader.began() == 204


async def test_an_end_that_was_taken_back_does_not_end_the_catching_up(scene: Scene) -> None:
    first = await scene.write(requested())
    await scene.write(FAILED, RetryRequested(), REOPENED, STARTED)
    async with scene.watching(headers={"Last-Event-ID": str(first)}) as reader:
        seen = await take(reader, 4)
        assert names(seen)[-1] == "ExecutionStarted"
        await scene.write(SUCCEEDED, status="succeeded")
        assert names(await take(reader, 1)) == ["ExecutionSucceeded"]
        await reader.ended.wait()


async def test_more_than_a_batch_is_caught_up_in_order(scene: Scene) -> None:
    first = await scene.write(requested())
    positions = [await scene.write(SCHEDULED, told=False) for _ in range(250)]
    async with scene.watching(headers={"Last-Event-ID": str(first)}) as reader:
        seen = await take(reader, 250)
    assert [int(event.id) for event in seen] == positions


async def test_what_is_appended_between_listening_and_reading_is_not_missed(
    scene: Scene,
) -> None:
    scene.feed.listening.arm()
    await scene.write(requested())
    async with scene.watching() as reader:
        await scene.feed.listening.wait()
        await scene.write(STARTED)
        await scene.write(SUCCEEDED, status="succeeded")
        await reader.ended.wait()
    assert b"ExecutionSucceeded" in reader.body or b'"status":"succeeded"' in reader.body


async def test_an_append_that_the_broker_never_told_is_found(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "SAFETY_S", 0.0)
    monkeypatch.setattr(feed_module, "LISTEN_S", 0.01)
    await scene.write(requested())
    async with scene.watching() as reader:
        await reader.next()
        await scene.write(STARTED, told=False)
        assert (await reader.next()).name == "ExecutionStarted"


async def test_an_append_that_was_never_told_is_found_by_who_has_just_heard_of_another(
    scene: Scene,
) -> None:
    async with scene.feed.to_project("default") as ear:
        await scene.write(requested())
        await ear.heard()
        await scene.write(SUCCEEDED, status="succeeded", told=False)
        for _ in range(2):  # the first look finds one who was told of something since the last
            await scene.feed.look()
        async with asyncio.timeout(5):
            await ear.heard()
        await scene.feed.look()
        assert ear.quiet, "who knows everything is left alone"


async def test_the_return_of_the_broker_wakes_everyone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "LISTEN_S", 0.01)
    await scene.write(requested())
    async with scene.watching() as reader:
        await reader.next()
        scene.feed.away.arm()
        scene.bus.broker.stop()
        await scene.write(STARTED, told=False)
        await scene.feed.away.wait()
        scene.bus.broker.start()
        assert (await reader.next()).name == "ExecutionStarted"


async def test_an_unknown_run_is_answered_in_the_native_form(scene: Scene) -> None:
    transport = httpx.ASGITransport(scene.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        answer = await http.get(PATH)
        bad = await http.get(PATH, headers={"Last-Event-ID": "yesterday"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert bad.status_code == 400
    assert "Last-Event-ID" in bad.json()["error"]["details"][0]


async def test_a_run_of_another_project_is_not_there(scene: Scene) -> None:
    await scene.write(requested(), project="theirs")
    async with scene.watching() as reader:
        assert await reader.began() == 404
    async with scene.watching(query="project_id=theirs") as reader:
        assert await reader.began() == 200
    async with scene.watching(headers={"X-Project-Id": "theirs"}) as reader:
        assert await reader.began() == 200


async def test_a_request_about_many_things_is_told_to_who_watches_the_project(
    scene: Scene,
) -> None:
    engine = Engine(
        log=scene.store.log,
        views=scene.store.views,
        snapshots=scene.store.snapshots,
        bus=scene.bus,
        clock=SystemClock(),
        ids=SystemIds(),
        chance=SystemRandom(),
    )
    async with scene.feed.to_project("default") as ear:
        await record_answer(
            engine, "bulk cancel", changed=1, failed=0, project="default", meta=Meta()
        )
        async with asyncio.timeout(5):
            await ear.heard()


async def test_the_log_of_a_project_comes_as_cloud_events_and_resumes(scene: Scene) -> None:
    await scene.write(requested(), project="p")
    await scene.write(requested(), run=OTHER, project="q")
    second = await scene.write(STARTED, project="p")
    async with scene.watching("/v1/log/stream", query="project_id=p") as reader:
        first, then = await take(reader, 2)
        last = await scene.write(SUCCEEDED, project="p")
        live = await reader.next()
    told = msgspec.json.decode(first.data)
    assert {"specversion", "id", "source", "type"} <= told.keys()
    assert told["specversion"] == "1.0"
    assert told["source"] == "/projects/p"
    assert told["subject"] == str(RUN)
    assert all(name.isalnum() and name.islower() for name in told)
    assert (then.id, live.id) == (str(second), str(last))
    async with scene.watching(
        "/v1/log/stream", query="project_id=p&after=0", headers={"Last-Event-ID": then.id}
    ) as reader:
        assert (await reader.next()).id == str(last)


async def test_the_log_of_a_project_shows_a_definition_without_its_secrets(scene: Scene) -> None:
    stream = StreamId("definition", str(RUN.id))
    source = {"headers": {"Authorization": "Bearer secret", "X-A": "1"}}
    stored = DefinitionStored(
        name="n", version="1", dialect="sagas", source=source, compiled="0" * 64, at=NOW
    )
    sealed = seal(stream, EMPTY, [stored], meta=Meta(), project="default", now=NOW)
    await scene.store.log.append([Append(stream, EMPTY, sealed)])
    async with scene.watching("/v1/log/stream") as reader:
        told = msgspec.json.decode((await reader.next()).data)
    assert told["type"] == "DefinitionStored"
    assert told["data"]["source"] == {"headers": {"Authorization": "[hidden]", "X-A": "1"}}
    assert told["data"]["name"] == "n"


async def test_a_filtered_log_gives_only_those_types(scene: Scene) -> None:
    await scene.write(requested(), STARTED, SCHEDULED)
    query = "types=StepScheduled,ExecutionFailed"
    async with scene.watching("/v1/log/stream", query=query) as reader:
        assert msgspec.json.decode((await reader.next()).data)["type"] == "StepScheduled"
        await scene.write(STARTED)
        await scene.write(FAILED)
        assert msgspec.json.decode((await reader.next()).data)["type"] == "ExecutionFailed"
    async with scene.watching("/v1/log/stream", query="types=a%20b") as reader:
        assert await reader.began() == 400


async def test_one_subscription_serves_all_and_goes_some_time_after_the_last(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "LISTEN_S", 0.01)
    opened = 0
    subscribe = scene.bus.subscribe

    async def count(subject: str) -> Any:
        nonlocal opened
        opened += 1
        return await subscribe(subject)

    monkeypatch.setattr(scene.bus, "subscribe", count)
    await scene.write(requested())
    async with scene.watching() as one, scene.watching() as two:
        await take(one, 1)
        await take(two, 1)
        assert opened == 1
    async with scene.watching() as soon:
        await take(soon, 1)
        assert opened == 1
    scene.feed.closed.arm()
    monkeypatch.setattr(feed_module, "LINGER_S", 0.0)
    await scene.feed.closed.wait()
    async with scene.watching() as again:
        await take(again, 1)
    assert opened == 2


async def test_a_drain_ends_the_streams_and_they_resume_elsewhere(scene: Scene) -> None:
    await scene.write(requested())
    async with scene.watching() as reader:
        state = await reader.next()
        scene.draining.set()
        await reader.ended.wait()
    scene.draining.clear()
    await scene.write(STARTED)
    async with scene.watching(headers={"Last-Event-ID": state.id}) as reader:
        assert (await reader.next()).name == "ExecutionStarted"


async def test_a_reader_that_reads_nothing_makes_nobody_wait(scene: Scene) -> None:
    await scene.write(requested())
    async with scene.watching() as slow, scene.watching() as quick:
        await take(slow, 1)
        await take(quick, 1)
        slow.pause()
        for _ in range(300):
            await scene.write(SCHEDULED)
        assert len(await take(quick, 300)) == 300
