"""The scheduler as a service: its loops, begun together and drained in order.

Draining stops the pulling first, then lets what waits in memory be decided.  What has not been
acknowledged by then is delivered to another replica.
"""

import asyncio

from mainspring.http.health import Heart
from mainspring.ports import Blobs
from mainspring.runtime.engine import Engine
from mainspring.runtime.service import Service
from mainspring.runtime.world import World
from mainspring_scheduler.advance import Advancer
from mainspring_scheduler.chores import Chores
from mainspring_scheduler.clockwork import Clockwork
from mainspring_scheduler.followers import Followers
from mainspring_scheduler.inbox import Inbox
from mainspring_scheduler.partitions import Partitions
from mainspring_scheduler.pull import Puller
from mainspring_scheduler.sweep import Sweep
from mainspring_scheduler.timers import Timers
from mainspring_scheduler.upkeep import DAY, Upkeep

STALLED_S = 60.0
"""Seconds without a turn, while something waits for one, after which a restart would help."""


class Scheduler:
    """All loops of one replica around one inbox."""

    name = "scheduler"

    def __init__(
        self,
        engine: Engine,
        blobs: Blobs,
        *,
        replica: str,
        heart: Heart | None,
        keep_blobs: float = 7 * DAY,
    ) -> None:
        self.inbox = Inbox()
        self.partitions = Partitions(replica, engine.bus, engine.clock)
        self.chores = Chores(engine, self.inbox)
        self.advancer = Advancer(engine, blobs, self.inbox, self.chores)
        self.timers = Timers(engine.views, self.inbox, self.partitions, engine.clock)
        self.sweep = Sweep(engine, self.inbox, self.partitions, self.chores)
        self.puller = Puller(engine.bus, self.inbox, self.partitions, engine.clock)
        self.upkeep = Upkeep(
            engine.views, blobs, self.partitions, engine.clock, keep_blobs=keep_blobs
        )
        self.clockwork = Clockwork(engine, self.partitions)
        self.followers = Followers(engine, self.partitions)
        self._clock = engine.clock
        self._heart = heart
        self._pulling: asyncio.Task[None] | None = None
        self._deciding: asyncio.Task[None] | None = None
        engine.bus.on_restore(self.sweep.restore)

    async def start(self) -> None:
        """Make the consumers, so that nothing published from now on is missed."""
        await self.puller.open()

    async def run(self) -> None:
        """Work until drained; ends with the error of the first loop that fails."""
        async with asyncio.TaskGroup() as group:
            self._pulling = group.create_task(self.puller.run(), name="pull")
            self._deciding = group.create_task(self._decide(), name="decide")

    async def _decide(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.advancer.run(self.timers.note), name="advance")
            group.create_task(self.chores.run(), name="chores")
            group.create_task(self.timers.run(), name="timers")
            group.create_task(self.sweep.run(), name="sweep")
            group.create_task(self.partitions.run(), name="partitions")
            group.create_task(self.upkeep.run(), name="upkeep")
            group.create_task(self.clockwork.run(), name="clockwork")
            group.create_task(self.followers.run(), name="followers")
            if self._heart is not None:
                group.create_task(self._live(self._heart), name="heart")

    async def _live(self, heart: Heart) -> None:
        seen = -1
        while True:
            if self.advancer.turns != seen or not len(self.inbox):
                heart.beat()
            seen = self.advancer.turns
            await self._clock.sleep(STALLED_S / 12)

    async def drain(self) -> None:
        """Pull no more, decide what was pulled, then stop."""
        if self._pulling is not None:
            self._pulling.cancel()
        await self.advancer.finish()
        await self.chores.finish()
        await self.advancer.finish()
        if self._deciding is not None:
            self._deciding.cancel()


async def build(world: World) -> Service:
    """Return the scheduler on its ports."""
    engine = Engine(
        log=world.log,
        views=world.views,
        snapshots=world.snapshots,
        bus=world.bus,
        clock=world.clock,
        ids=world.ids,
        chance=world.chance,
    )
    heart = world.health.heart("decisions", STALLED_S)
    scheduler = Scheduler(
        engine,
        world.blobs,
        replica=world.ids.uuid7(),
        heart=heart,
        keep_blobs=world.config.keep_blobs_days * DAY,
    )
    return Service([scheduler])
