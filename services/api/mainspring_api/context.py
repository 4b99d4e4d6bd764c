"""What every handler of the api works with."""

import asyncio
from typing import NamedTuple

from mainspring.http.idempotency import Once
from mainspring.ports import Views
from mainspring.runtime.admission import Admission
from mainspring.runtime.config import Config
from mainspring.runtime.engine import Engine
from mainspring.runtime.feed import Feed
from mainspring.runtime.world import World
from mainspring_api.compiled import Compiled


class Api(NamedTuple):
    """The engine, and what belongs to the HTTP face alone."""

    engine: Engine
    config: Config
    once: Once
    compiled: Compiled
    draining: asyncio.Event
    feed: Feed
    admission: Admission

    @property
    def views(self) -> Views:
        return self.engine.views


def api_of(world: World) -> Api:
    """Return the context of a process."""
    engine = Engine(
        log=world.log,
        views=world.views,
        snapshots=world.snapshots,
        bus=world.bus,
        clock=world.clock,
        ids=world.ids,
        chance=world.chance,
    )
    config = world.config
    admission = engine.door = Admission(
        world.views,
        world.clock,
        config.limits,
        most=config.max_queued,
        target=config.max_wait_ms / 1000,
    )
    return Api(
        engine,
        world.config,
        Once(world.views, world.clock),
        Compiled(),
        world.draining,
        Feed(world.bus, world.log, world.clock, world.health.heart("feed")),
        admission,
    )
