"""Timers: rows of a view, the near ones in a heap, one sleep until the next.

The heap is a copy that may be wrong in any way: a timer in it that is gone leads to a turn that
decides nothing, one that is missing from it is read at the next load.  An execution's own decider
compares the instants, so nothing is early.
"""

import asyncio
import heapq
from collections.abc import Iterable

from mainspring.domain.envelope import to_micros
from mainspring.domain.errors import LogUnavailable
from mainspring.domain.rows import TimerRow
from mainspring.ports import Clock, Views
from mainspring.telemetry import metrics
from mainspring_scheduler.inbox import Inbox
from mainspring_scheduler.partitions import Partitions

HORIZON = 20.0
"""Seconds ahead of now for which timers are held in memory."""

RELOAD = 10.0
"""Seconds between loads."""

MOST = 20_000
"""Timers read by one load."""


class Timers:
    """Wakes executions when something in them falls due."""

    def __init__(self, views: Views, inbox: Inbox, partitions: Partitions, clock: Clock) -> None:
        self._views = views
        self._inbox = inbox
        self._partitions = partitions
        self._clock = clock
        self._heap: list[tuple[float, str, str]] = []
        self._known: set[tuple[float, str, str]] = set()
        self._loaded_until = 0.0
        self._load_at = 0.0
        self._earlier = asyncio.Event()
        self._stale = False
        partitions.on_taken(self.reload)

    def reload(self) -> None:
        """Read the timers anew, at once: partitions were taken over, and theirs are not here."""
        self._stale = True
        self._earlier.set()

    def note(self, rows: Iterable[TimerRow]) -> None:
        """Take in timers that were just set; one that is due before all others ends the sleep."""
        for row in rows:
            if row.due_at <= self._loaded_until:
                self._push(row)

    def _push(self, row: TimerRow) -> None:
        # A stored instant is rounded, and a turn taken half a microsecond early decides nothing.
        due_at = (to_micros(row.due_at) + 1) / 1_000_000
        item = (due_at, row.execution, row.key)
        if item in self._known:
            return
        self._known.add(item)
        heapq.heappush(self._heap, item)
        if self._heap[0] == item:
            self._earlier.set()

    async def run(self) -> None:
        """Fire what is due, load what comes near, sleep until the next; until cancelled."""
        while True:
            try:
                await self.tick()
            except LogUnavailable as away:
                await self._clock.sleep(away.delay)
                continue
            now = self._clock.now()
            if self._stale:
                continue
            next_due = self._heap[0][0] if self._heap else self._load_at
            await self._sleep(max(0.0, min(next_due, self._load_at) - now))

    async def tick(self) -> int:
        """Load when it is time to, fire all that is due; return how many fired."""
        now = self._clock.now()
        if self._stale or now >= self._load_at:
            await self.load()
        fired = 0
        while self._heap and self._heap[0][0] <= now:
            item = heapq.heappop(self._heap)
            self._known.discard(item)
            self._inbox.poke(item[1])
            metrics.TIMER_LATENESS.observe(max(0.0, now - item[0]))
            fired += 1
        return fired

    async def load(self) -> None:
        """Read the timers that come due within the horizon."""
        now = self._clock.now()
        until = now + HORIZON
        # Before the question is asked: what is set while the answer is on its way is noted too.
        self._loaded_until = max(self._loaded_until, until)
        own = self._partitions.own()
        self._stale = False  # what is taken over from here on is not asked for
        try:
            rows = await self._views.timers(own, before=until, limit=MOST)
        except LogUnavailable:
            self._stale = True
            raise
        for row in rows:
            self._push(row)
        cut = len(rows) == MOST
        self._loaded_until = rows[-1].due_at if cut else until
        self._load_at = min(rows[-1].due_at, now + RELOAD) if cut else now + RELOAD

    async def _sleep(self, seconds: float) -> None:
        self._earlier.clear()
        if seconds <= 0:
            await self._clock.sleep(0)
            return
        waiting = asyncio.ensure_future(self._earlier.wait())
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()
