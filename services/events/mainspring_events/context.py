"""What every handler of the events service works with."""

import asyncio
from typing import NamedTuple

from mainspring.http.idempotency import Once
from mainspring.ports import Views
from mainspring.runtime.engine import Engine
from mainspring.runtime.feed import Feed
from mainspring.runtime.triggers import Triggers
from mainspring.runtime.world import World
from mainspring_events.reader import Reader


class Events(NamedTuple):
    """The engine, what is done to triggers, and what rings and reads for those who watch."""

    engine: Engine
    triggers: Triggers
    once: Once
    feed: Feed
    reader: Reader
    draining: asyncio.Event

    @property
    def views(self) -> Views:
        return self.engine.views


def events_of(world: World, feed: Feed) -> Events:
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
    once = Once(world.views, world.clock)
    return Events(engine, Triggers(engine), once, feed, Reader(world.log), world.draining)
