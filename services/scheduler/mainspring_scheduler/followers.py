"""Starts the runs that follow the ends of others: a reader of the log with a cursor of its own.

The log has every end once and in one order, so nothing is missed while nobody reads.  The cursor
moves when what follows is durable; whoever dies between reads the same ends again and finds their
followers started.  Partition 0's scheduler reads; two at once start nothing twice.  Reacting where
a run ends, the rival, would put a look-up of followers into every end, and lose what a crash cuts.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from mainspring.bus import subjects
from mainspring.domain import starters as s
from mainspring.domain.envelope import Envelope
from mainspring.domain.errors import Corrupt, MainspringError, Transient
from mainspring.domain.message import replace
from mainspring.domain.rows import ExecutionRow
from mainspring.runtime import crash
from mainspring.runtime.engine import Engine
from mainspring.runtime.fires import Fires
from mainspring_scheduler.clockwork import LOOK, listen, wait
from mainspring_scheduler.partitions import Partitions

NAME: Final = "followers"
"""The cursor's name."""

MOST: Final = 500
"""Ends that are read at once."""

MOST_FOLLOWERS: Final = 10_000

SAVE_EVERY: Final = 60.0
"""Seconds after which the cursor is noted also when nothing has ended."""

ENDS: Final = {
    "ExecutionSucceeded": "succeeded",
    "ExecutionFailed": "failed",
    "ExecutionCorrupted": "corrupted",
    "ExecutionCanceled": "canceled",
    "ExecutionTimedOut": "timed_out",
}
"""Events that end a run, and how it has ended."""

BEGINNINGS: Final = (s.StarterSet.__name__, s.StarterResumed.__name__)
"""Events since which somebody follows."""

SKEW: Final = 60.0
"""Seconds by which the clocks of two processes may differ."""

logger = logging.getLogger(__name__)


class Followers:
    """Reads the ends of runs while there is anybody who follows them."""

    def __init__(self, engine: Engine, partitions: Partitions) -> None:
        self._engine = engine
        self._partitions = partitions
        self._fires = Fires(engine)
        self._news = asyncio.Event()
        self._hearing: asyncio.Task[None] | None = None
        self._position: int | None = None
        self._saved_at = 0.0
        partitions.on_taken(self._news.set)

    async def run(self) -> None:
        """Read until cancelled; without followers nothing is read and no end is heard of."""
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(self._engine, subjects.STARTERS, self._news))
            try:
                await self._run(group)
            finally:
                self._be_deaf()

    async def _run(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._news.clear()
            try:
                read = await self.tick()
            except Transient as away:
                await self._engine.clock.sleep(away.delay)
                continue
            except Corrupt:
                logger.exception("ends cannot be read")
                await self._engine.clock.sleep(LOOK)
                continue
            if read is None:
                self._be_deaf()
            elif self._hearing is None:
                # Heard from before the next look on, so that no end falls in between.
                hearing = listen(self._engine, subjects.DECIDED, self._news, b'"e":true')
                self._hearing = group.create_task(hearing)
                continue
            if read != MOST:
                await wait(self._news, LOOK, self._engine.clock)

    def _be_deaf(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()
            self._hearing = None

    async def tick(self) -> int | None:
        """Start what follows the next ends; return how many were read, None when nobody follows.

        Raises `Transient`: then the same ends are read again.
        """
        followers: list[s.Starter] = []
        if self._partitions.owns(0):
            followers = await self._engine.views.followers(limit=MOST_FOLLOWERS)
        if not followers:
            self._position = None
            return None
        if self._position is None:
            self._position = await self._beginning(followers[0])
        # Before the ends are asked for: none behind this position is missed by them.
        head = await self._engine.log.head_position()
        ends = await self._engine.log.read_all(after=self._position, limit=MOST, types=tuple(ENDS))
        if ends:
            # Asked for again: whoever was made before one of these ends is there by now.
            await self._follow(await self._engine.views.followers(limit=MOST_FOLLOWERS), ends)
            # crash here: what follows is durable, the cursor is not; it is found started
            crash.here("followers.started")
        await self._note(ends[-1].position if ends else head, has_read=bool(ends))
        return len(ends)

    async def _beginning(self, oldest: s.Starter) -> int:
        """Return where to read from: where the last reader came to, or where following began."""
        noted = await self._engine.views.cursor(NAME)
        first = await self._engine.log.read_all(after=0, limit=1, stream=oldest.stream)
        return max(noted or 0, first[0].position if first else 0)

    async def _note(self, position: int, *, has_read: bool) -> None:
        now = self._engine.clock.now()
        self._position = max(position, self._position or 0)
        if has_read or now - self._saved_at >= SAVE_EVERY:
            await self._engine.views.move_cursor(NAME, self._position)
            self._saved_at = now

    async def _follow(self, followers: Sequence[s.Starter], ends: Sequence[Envelope]) -> None:
        projects = {one.row.project for one in followers}
        near = [end for end in ends if end.project in projects]
        rows = {
            row.id: row
            for row in await self._engine.views.executions_by_id([end.stream.id for end in near])
        }
        for end in near:
            for follower in followers:
                row = rows.get(end.stream.id)
                if _is_followed(follower, row, end) and await self._was_there(follower, end):
                    await self._start(follower.row.id, end)

    async def _was_there(self, follower: s.Starter, end: Envelope) -> bool:
        """Say whether somebody followed already when a run ended.

        Where clocks that differ could say it wrongly the order of the log decides.
        """
        since = end.recorded_at - follower.row.updated_at
        if abs(since) > SKEW:
            return since > 0
        later = await self._engine.log.read_all(
            after=end.position, limit=1, stream=follower.stream, types=BEGINNINGS
        )
        return not later

    async def _start(self, follower: str, end: Envelope) -> None:
        """Start one run; what is wrong with one never keeps the others from theirs."""
        starter = await self._engine.views.starter(follower)
        ended = await self._engine.views.execution(end.stream.id)
        if starter is None or ended is None:
            return
        # As it ended there: a person may have let it go on since.
        row = replace(ended.row, status=ENDS[end.type])
        try:
            await self._fires.follow(starter, msgspec.structs.replace(ended, row=row))
        except Transient:
            raise
        except MainspringError:
            logger.exception("an end cannot be followed", extra={"starter": follower})


def _is_followed(follower: s.Starter, row: ExecutionRow | None, end: Envelope) -> bool:
    if row is None or follower.row.project != end.project:
        return False
    return s.is_followed(follower, (row.catalog_id or "", row.name), ENDS[end.type])
