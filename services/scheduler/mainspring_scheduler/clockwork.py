"""Fires schedules: one sleep until the nearest instant, and one query for those that are due.

Any number of replicas may do so for any partition at once: a run's id follows from its schedule
and its instant, and who records the firing names the end of the schedule's stream.  The rows are
the truth; a notice of a schedule that was changed only ends the sleep sooner, and one that is lost
costs `LOOK` seconds.  A heap of instants lost: it would have to be told of every change.
"""

import asyncio
import logging
from typing import Final

from mainspring.bus import subjects
from mainspring.domain.errors import BusUnavailable, Corrupt, Transient
from mainspring.ports import Clock
from mainspring.runtime.engine import Engine
from mainspring.runtime.fires import AT_ONCE, Fires
from mainspring_scheduler.partitions import Partitions

LOOK: Final = 10.0
"""Seconds after which the rows are looked at, whatever was heard."""

LEAST: Final = 0.001
"""Seconds until another look at something that is due and was not fired."""

logger = logging.getLogger(__name__)


class Clockwork:
    """The schedules of this replica's partitions."""

    def __init__(self, engine: Engine, partitions: Partitions) -> None:
        self._engine = engine
        self._partitions = partitions
        self._fires = Fires(engine)
        self._changed = asyncio.Event()
        partitions.on_taken(self._changed.set)

    async def run(self) -> None:
        """Fire what is due and sleep until the next; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(self._engine, subjects.STARTERS, self._changed))
            group.create_task(self._run())

    async def _run(self) -> None:
        stuck = 0
        while True:
            try:
                if await self.tick():
                    stuck = 0
                    continue
                self._changed.clear()
                next_due = await self._engine.views.next_due(self._partitions.own())
            except Transient as away:
                await self._engine.clock.sleep(away.delay)
                continue
            except Corrupt:
                logger.exception("schedules cannot be read")
                await self._engine.clock.sleep(LOOK)
                continue
            left = LOOK if next_due is None else next_due - self._engine.clock.now()
            # Just now, or something that is due and cannot be fired: ever longer between looks.
            stuck = stuck + 1 if left <= 0 else 0
            least = LEAST * 2.0 ** min(stuck - 1, 16) if stuck else 0.0
            await wait(self._changed, min(max(left, least), LOOK), self._engine.clock)

    async def tick(self) -> int:
        """Fire schedules that are due; return how many were fired.  Raises `Transient`."""
        return await self._fires.fire_due(self._partitions.own(), limit=AT_ONCE)


async def listen(engine: Engine, subject: str, news: asyncio.Event, sign: bytes = b"") -> None:
    """Set `news` whenever a message with `sign` in it is heard; until cancelled."""
    while True:
        try:
            subscription = await engine.bus.subscribe(subject)
            try:
                while True:
                    heard = await subscription.next(LOOK)
                    if heard is not None and sign in heard[1]:
                        news.set()
            finally:
                await subscription.close()
        except BusUnavailable:
            await engine.clock.sleep(LOOK)  # till then the rows are looked at all the same


async def wait(news: asyncio.Event, seconds: float, clock: Clock) -> None:
    """Return when there is news or when so many seconds have passed."""
    if seconds <= 0:
        await clock.sleep(0)
        return
    heard = asyncio.ensure_future(news.wait())
    slept = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({heard, slept}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        heard.cancel()
        slept.cancel()
