"""Who reads an execution's log too slowly is left, and misses nothing when it comes back."""

import asyncio
from typing import Any

import msgspec
import pytest
from starlette.types import Message, Scope

from mainspring.bus.memory import MemoryBus
from mainspring.domain.envelope import Meta
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.decide import decide
from mainspring.http.health import Health
from mainspring.runtime import listener
from mainspring.runtime.clock import SystemClock
from mainspring.runtime.config import CallbackKey, Config
from mainspring.runtime.engine import Start
from mainspring.runtime.world import World
from mainspring.store.memory import MemoryStore
from mainspring.testing.shapes import dag, task
from mainspring_api.app import application
from mainspring_api.context import api_of
from mainspring_api.dialects.executions import logs
from mainspring_api.gateway import Gateway

RUN = "01900000-0000-7000-8000-00000000000a"


async def app_with_a_run() -> Any:
    """Return an api whose log has a run that has begun and waits, with its first frames."""
    clock, store = SystemClock(), MemoryStore()
    key = CallbackKey("k", b"0" * 32)
    world = World(
        config=Config(service="api", database_url="", nats_url="", callback_keys=(key,)),
        log=store.log,
        views=store.views,
        blobs=store.blobs,
        snapshots=store.snapshots,
        bus=MemoryBus(clock),
        health=Health(clock),
        draining=asyncio.Event(),
    )
    api = api_of(world)
    start = Start(id=RUN, project="default", dialect="native", name="w", version="1")
    x = await api.engine.start(dag(task("a"), task("b"), task("c")), start, Meta())
    events = decide(c.Advance(now=clock.now(), seed="s"), x)
    await store.log.append([api.engine.prepare(x, events, meta=Meta()).append])
    return application(world, api, Gateway("http://127.0.0.1:1", world.draining))


class Reader:
    """A WebSocket client that takes so many frames, and then nothing more."""

    def __init__(self, most: int) -> None:
        self.frames: list[Any] = []
        self.code: int | None = None
        self._most = most
        self._connected = False

    async def receive(self) -> Message:
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.close":
            self.code = message["code"]
        elif message["type"] == "websocket.send":
            if len(self.frames) >= self._most:
                await asyncio.Event().wait()
            self.frames.append(msgspec.json.decode(message["text"]))


async def read(app: Any, reader: Reader, query: bytes = b"") -> None:
    path = f"/api/v1/executions/{RUN}/logs"
    scope: Scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [],
        "subprotocols": [],
        "server": ("api", 80),
    }
    async with asyncio.timeout(5):
        await app(scope, reader.receive, reader.send)


async def test_a_socket_that_nobody_reads_is_closed_with_1013_and_resumed_behind_a_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "PATIENCE_S", 0.05)
    app = await app_with_a_run()
    slow = Reader(1)
    await read(app, slow)
    assert slow.code == 1013
    assert len(slow.frames) == 1
    # It comes back with the number of what it has, reads one more, and so on.
    back = Reader(1)
    await read(app, back, f"since={slow.frames[0]['seq']}".encode())
    assert back.code == 1013
    assert back.frames[0]["seq"] > slow.frames[0]["seq"]


def test_a_socket_is_pinged_often_enough_for_proxies_and_left_when_nobody_answers() -> None:
    assert 20 <= listener.PING_S <= 30
