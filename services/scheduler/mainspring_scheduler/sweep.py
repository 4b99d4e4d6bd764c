"""Sweeps: what has not moved is found in the views and given a turn.

They are why the broker may lose anything.  `unhandled` finds executions with facts that nobody
decided about, `overdue` those whose next wake-up has passed; both are bounded and look at the
replica's own partitions.  A replica's warm state may be what is wrong, so it is dropped first.
What has no wake-up at all, which should not be, gets a turn too: if the log says that something is
due, whatever is decided writes its row anew.
"""

from collections.abc import Iterable

from mainspring.domain.errors import LogUnavailable
from mainspring.domain.execution.react import OfferKept, TendGate
from mainspring.domain.gate import gate_stream
from mainspring.domain.task import partition_of
from mainspring.ports import Clock, Views
from mainspring.runtime.engine import Engine
from mainspring.telemetry import metrics
from mainspring_scheduler.chores import Chores
from mainspring_scheduler.inbox import Inbox
from mainspring_scheduler.partitions import Partitions

EVERY = 5.0
"""Seconds between sweeps, and how long something must have waited to be found."""

COUNT_EVERY = 6
"""Runs without a wake-up are counted, and kept events looked through, every so many sweeps."""

MOST = 1000
"""Executions that one sweep gives a turn."""

MOST_GATES = 10_000
"""Workflows with runs that wait for a place, of which one sweep thinks."""

ALL = 1_000_000
"""How many live executions are looked at after the broker lost its store."""


class Sweep:
    """Finds what has not moved."""

    def __init__(
        self, engine: Engine, inbox: Inbox, partitions: Partitions, chores: Chores
    ) -> None:
        self._engine = engine
        self._views: Views = engine.views
        self._clock: Clock = engine.clock
        self._inbox = inbox
        self._partitions = partitions
        self._chores = chores
        self._sweeps = 0

    async def run(self) -> None:
        """Sweep for ever; a log that is away is waited for."""
        while True:
            await self._clock.sleep(EVERY)
            try:
                await self.tick()
            except LogUnavailable:
                continue

    async def tick(self) -> int:
        """Give a turn to what has waited too long; return how many."""
        own = self._partitions.own()
        before = self._clock.now() - EVERY
        unhandled = await self._views.unhandled(own, before=before, limit=MOST)
        overdue = await self._views.overdue(own, before=before, limit=MOST)
        self._poke(unhandled, "unhandled")
        self._poke(overdue, "overdue")
        if self._sweeps % COUNT_EVERY == 0:
            await self._measure(before)
            await self._offer()
        self._sweeps += 1
        return len(unhandled) + len(overdue)

    async def _measure(self, before: float) -> None:
        """Say how many do not move as they should; those that nothing would move have a turn."""
        without = await self._views.without_wakeup()
        metrics.EXECUTIONS_WITHOUT_WAKEUP.set(without)
        if without:
            self._poke(await self._views.stuck(self._partitions.own(), limit=MOST), "stuck")
        late = await self._views.lateness(before=before)
        metrics.EXECUTIONS_OVERDUE.set(late.executions)
        age = 0.0 if late.since is None else self._clock.now() - late.since
        metrics.EXECUTIONS_MOST_OVERDUE.set(age)
        metrics.STARTERS_OVERDUE.set(late.starters)

    async def _offer(self) -> None:
        """Let kept events go to triggers that wait for them, and runs begin that may."""
        found = await self._views.deliverable(now=self._clock.now(), limit=MOST)
        for project, key in found:
            self._chores.add(OfferKept(project=project, key=key))
        for gate in await self._views.gates(limit=MOST_GATES):
            # Any replica may look at any gate; that all of them do would only make them collide.
            if self._partitions.owns(partition_of(gate_stream(*gate).id)):
                project, workflow, lane = gate
                self._chores.add(TendGate(project=project, workflow=workflow, lane=lane))

    def _poke(self, executions: Iterable[str], kind: str) -> None:
        for execution in executions:
            self._engine.forget(execution)
            self._inbox.poke(execution)
            metrics.SWEPT.labels(kind).inc()

    async def restore(self) -> None:
        """Hand out again every attempt in flight: the broker came back without its store.

        Insists while the log is away: nobody else would know that the tasks are gone.
        """
        now = self._clock.now()
        while True:
            try:
                own = self._partitions.own()
                live = await self._views.overdue(own, before=now + 1e9, limit=ALL)
                break
            except LogUnavailable as away:
                await self._clock.sleep(away.delay)
        for execution in live:
            self._engine.forget(execution)
            self._inbox.poke(execution, lost_before=now)
