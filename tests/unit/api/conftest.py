"""An api on memory alone, and as many of its processes as a test wants."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from mainspring.bus.memory import MemoryBus
from mainspring.http.health import Health
from mainspring.runtime.clock import SystemClock
from mainspring.runtime.config import CallbackKey, Config
from mainspring.runtime.world import World
from mainspring.store.memory import MemoryStore
from mainspring_api.app import application
from mainspring_api.context import api_of
from mainspring_api.gateway import Gateway


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def process(store: MemoryStore) -> Callable[[], httpx.AsyncClient]:
    """Start one more process of the api on the same log, and return a client of it."""
    clock = SystemClock()
    config = Config(
        service="api",
        database_url="",
        nats_url="",
        callback_keys=(CallbackKey("k", b"0" * 32),),
    )

    def start() -> httpx.AsyncClient:
        world = World(
            config=config,
            log=store.log,
            views=store.views,
            blobs=store.blobs,
            snapshots=store.snapshots,
            bus=MemoryBus(clock),
            health=Health(clock),
            draining=asyncio.Event(),
        )
        app = application(world, api_of(world), Gateway("http://127.0.0.1:1", world.draining))
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")

    return start


@pytest.fixture
def http(process: Callable[[], httpx.AsyncClient]) -> httpx.AsyncClient:
    return process()
