"""What may become of a webhook's call that waits for the end: each way has an answer.

The run has begun when the waiting begins, so whatever breaks from there on is no error of the call.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
from starlette.types import Message, Receive, Scope, Send

from mainspring.bus.memory import MemoryBus
from mainspring.domain.envelope import Meta
from mainspring.domain.errors import LogUnavailable
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.decide import decide
from mainspring.http.health import Health
from mainspring.ports import ExecutionDetail, Outgoing
from mainspring.runtime import feed as feed_module
from mainspring.runtime.clock import SystemClock
from mainspring.runtime.config import CallbackKey, Config
from mainspring.runtime.fires import Fires
from mainspring.runtime.world import World
from mainspring.store.memory import MemoryStore
from mainspring.telemetry.metrics import HTTP_REQUESTS
from mainspring_api.app import application
from mainspring_api.context import Api, api_of
from mainspring_api.gateway import Gateway

SLEEP = '{"name":"f","tasks":[{"name":"a","type":"core.sleep","properties":{"duration":60}}]}'
HOOK = "/api/v1/webhook/k"


class House(NamedTuple):
    """An api whose parts a test can take away."""

    store: MemoryStore
    bus: MemoryBus
    api: Api
    app: Any
    http: httpx.AsyncClient

    async def hook(self, **config: Any) -> None:
        """Store a flow that sleeps, with a webhook that waits for its end."""
        made = await self.http.post("/api/v1/flows", json={"yamlContent": SLEEP})
        assert made.status_code == 201, made.text
        config = {"key": "k", "mode": "wait", "waitSeconds": 20, **config}
        body = {"flowId": made.json()["id"], "type": "webhook", "config": config}
        trigger = await self.http.post("/api/v1/triggers", json=body)
        assert trigger.status_code == 201, trigger.text

    async def waiting(self, delivery: str = "") -> tuple["asyncio.Task[httpx.Response]", str]:
        """Call the webhook, and return the call and its run as soon as it waits for the end."""
        self.api.feed.listening.arm()
        headers = {"X-Delivery-Id": delivery} if delivery else {}
        call = asyncio.create_task(self.http.post(HOOK, json={"a": 1}, headers=headers))
        await self.api.feed.listening.wait()
        return call, await self.run()

    async def run(self) -> str:
        (one,) = (await self.http.get("/api/v1/executions")).json()["executions"]
        return one["id"]

    def ring(self, id: str) -> None:
        """Let those who hear of a run look again."""
        notice = msgspec.json.encode({"x": "default", "e": True})
        self.bus.broker.put(Outgoing(f"events.execution.0.{id}", notice))

    async def cancel(self, id: str) -> None:
        """Cancel a run, and do the turn that a scheduler does then."""
        answer = await self.http.post(f"/api/v1/executions/{id}/cancel")
        assert answer.status_code == 200, answer.text
        x = await self.api.engine.load(id)
        assert x is not None
        events = decide(c.Advance(now=self.api.engine.clock.now(), seed="s"), x)
        decided = self.api.engine.prepare(x, events, meta=Meta(actor="scheduler"))
        await self.store.log.append([decided.append])
        self.api.engine.forget(id)
        await self.api.engine.announce([decided], settled=True)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock, store, draining = SystemClock(), MemoryStore(), asyncio.Event()
    bus = MemoryBus(clock)
    key = CallbackKey("k", b"0" * 32)
    world = World(
        config=Config(service="api", database_url="", nats_url="", callback_keys=(key,)),
        log=store.log,
        views=store.views,
        blobs=store.blobs,
        snapshots=store.snapshots,
        bus=bus,
        health=Health(clock),
        draining=draining,
    )
    api = api_of(world)
    app = application(world, api, Gateway("http://127.0.0.1:1", draining))
    listening = asyncio.create_task(api.feed.run())
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")
    async with client:
        yield House(store, bus, api, app, client)
    await api.feed.drain()
    await listening


async def told(call: "asyncio.Task[httpx.Response]") -> tuple[int, Any]:
    async with asyncio.timeout(10):
        answer = await call
    return answer.status_code, answer.json()


def begun(id: str) -> tuple[int, Any]:
    """Return what is answered of a run that has begun, and no more is known."""
    return 202, {"executionId": id, "status": "QUEUED", "tasksTotal": 1}


async def test_an_end_that_comes_while_a_call_waits_is_its_answer(house: House) -> None:
    await house.hook()
    call, id = await house.waiting()
    await house.cancel(id)
    assert await told(call) == (200, {"executionId": id, "status": "CANCELLED", "outputs": {}})


async def test_a_run_that_had_ended_before_the_wait_is_answered_at_once(house: House) -> None:
    await house.hook()
    call, id = await house.waiting("d")
    await house.cancel(id)
    first = await told(call)
    again, same = await house.waiting("d")
    assert same == id
    assert await told(again) == first


async def test_a_run_that_does_not_end_in_time_is_answered_as_begun(house: House) -> None:
    await house.hook(waitSeconds=0.05)
    call, id = await house.waiting()
    assert await told(call) == begun(id)


async def test_a_run_that_goes_while_a_call_waits_is_answered_as_begun(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.hook()
    call, id = await house.waiting()

    async def nothing(id: str, *, project: str | None = None) -> ExecutionDetail | None:
        return None

    monkeypatch.setattr(house.store.views, "execution", nothing)
    house.ring(id)
    assert await told(call) == begun(id)


async def test_a_log_that_goes_away_while_a_call_waits_takes_nothing_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.hook()
    call, id = await house.waiting()

    async def away(id: str, *, project: str | None = None) -> ExecutionDetail | None:
        raise LogUnavailable("the log is away")

    monkeypatch.setattr(house.store.views, "execution", away)
    house.ring(id)
    assert await told(call) == begun(id)


async def test_outputs_that_cannot_be_had_just_now_take_nothing_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.hook()
    call, id = await house.waiting()

    async def away(self: Fires, ended: ExecutionDetail) -> None:
        raise LogUnavailable("the log is away")

    monkeypatch.setattr(Fires, "outputs", away)
    await house.cancel(id)
    assert await told(call) == begun(id)


async def test_a_broker_that_is_lost_keeps_no_end_from_who_waits(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "SAFETY_S", 0.0)
    monkeypatch.setattr(feed_module, "LISTEN_S", 0.01)
    await house.hook()
    house.bus.broker.stop()
    call, id = await house.waiting()
    await house.cancel(id)
    assert await told(call) == (200, {"executionId": id, "status": "CANCELLED", "outputs": {}})


async def test_a_service_that_stops_lets_those_who_wait_go(house: House) -> None:
    await house.hook()
    call, id = await house.waiting()
    house.api.draining.set()
    assert await told(call) == begun(id)


def calling(*messages: Message) -> tuple[Scope, Receive, list[Message], Send]:
    """Return a call of the webhook whose client sends these messages, and then is silent."""
    rest, sent = iter(messages), list[Message]()

    async def receive() -> Message:
        for message in rest:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": HOOK,
        "raw_path": HOOK.encode(),
        "query_string": b"",
        "headers": [],
        "server": ("api", 80),
    }
    return scope, receive, sent, send


GONE: Message = {"type": "http.disconnect"}


async def test_who_leaves_while_a_call_waits_is_not_waited_for(house: House) -> None:
    await house.hook()
    whole: Message = {"type": "http.request", "body": b"{}", "more_body": False}
    scope, receive, sent, send = calling(whole, GONE)
    async with asyncio.timeout(5):
        await house.app(scope, receive, send)
    assert sent[0]["status"] == 202
    assert await house.run()


async def test_who_leaves_before_the_body_is_whole_starts_nothing_and_is_no_fault_of_ours(
    house: House,
) -> None:
    await house.hook()
    part: Message = {"type": "http.request", "body": b"{", "more_body": True}
    scope, receive, _, send = calling(part, GONE)
    await house.app(scope, receive, send)
    assert (await house.http.get("/api/v1/executions")).json() == {"executions": []}
    statuses = {
        sample.labels["status"]
        for family in HTTP_REQUESTS.collect()
        for sample in family.samples
        if sample.labels["route"] == "/api/v1/webhook/{key}"
    }
    assert "499" in statuses
    assert "500" not in statuses
