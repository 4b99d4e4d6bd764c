"""What waits for a decision, gathered by execution.

Ten reports about one execution are one turn of the decider and one append.  The inbox is bounded:
who fills it waits, so a burst stays in the broker and not in memory.
"""

import asyncio
import logging
from collections.abc import Iterable
from itertools import islice

import msgspec

from mainspring.domain.envelope import Envelope, StreamId
from mainspring.domain.execution.commands import Recorded
from mainspring.domain.task import ChildEnded, Report
from mainspring.ports import Delivery
from mainspring.runtime import notices

CAPACITY = 4096
"""Executions that may wait; beyond that nothing more is pulled."""

logger = logging.getLogger(__name__)
_reports: "msgspec.json.Decoder[Report | ChildEnded]" = msgspec.json.Decoder(Report | ChildEnded)


class Work:
    """All that has been heard of one execution since its last turn.

    `version` is what its stream is known to have reached, `first` its first event where that was
    told; attempts handed out before `lost_before` are to be handed out again.  `ended` are children
    that say so of themselves, `records` what the scheduler has found out itself, `taken_keys` event
    keys that were refused to the last turn.
    """

    __slots__ = (
        "deliveries",
        "ended",
        "execution",
        "first",
        "lost_before",
        "records",
        "reports",
        "taken_keys",
        "version",
    )

    def __init__(self, execution: str) -> None:
        self.execution = execution
        self.reports: list[Report] = []
        self.records: list[Recorded] = []
        self.ended: list[ChildEnded] = []
        self.taken_keys: set[str] = set()
        self.deliveries: list[Delivery] = []
        self.version = 0
        self.first: Envelope | None = None
        self.lost_before = 0.0

    def absorb(self, other: "Work") -> None:
        """Take over what another turn did not finish; its reports came first."""
        self.reports = other.reports + self.reports
        self.records = other.records + self.records
        self.ended = other.ended + self.ended
        self.taken_keys |= other.taken_keys
        self.deliveries = other.deliveries + self.deliveries
        self.version = max(self.version, other.version)
        self.first = self.first or other.first
        self.lost_before = max(self.lost_before, other.lost_before)


class Inbox:
    """Executions in the order in which they were first heard of."""

    def __init__(self) -> None:
        self._works: dict[str, Work] = {}
        self._held: set[str] = set()
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        return len(self._works)

    def deliver(self, delivery: Delivery) -> None:
        """Take in a message; one that cannot be read is dropped, since it never will be."""
        try:
            if delivery.subject.startswith("results."):
                work = self._report(_reports.decode(delivery.data))
            else:
                work = self._noticed(delivery)
        except (msgspec.MsgspecError, IndexError):
            logger.exception("dropped a message", extra={"subject": delivery.subject})
            delivery.ack()
            return
        work.deliveries.append(delivery)

    def _noticed(self, delivery: Delivery) -> Work:
        stream = StreamId("execution", delivery.subject.split(".")[3])
        notice = notices.read(delivery.data)
        work = self._of(stream.id)
        work.version = max(work.version, notice.v)
        work.first = work.first or notice.beginning(stream)
        return work

    def _report(self, report: Report | ChildEnded) -> Work:
        if isinstance(report, ChildEnded):
            work = self._of(report.execution)
            work.ended.append(report)
        else:
            work = self._of(report.call.execution)
            work.reports.append(report)
        return work

    def record(self, execution: str, found: Recorded) -> None:
        """Let a turn record what the scheduler has found out itself."""
        self._of(execution).records.append(found)

    def poke(self, execution: str, *, lost_before: float = 0.0) -> None:
        """Ask for a turn without a message: a timer is due, or a sweep found it."""
        work = self._of(execution)
        work.lost_before = max(work.lost_before, lost_before)

    def put_back(self, work: Work) -> None:
        """Let a turn be taken again."""
        self._of(work.execution).absorb(work)

    def take(self, most: int) -> list[Work]:
        """Remove and return the oldest works, at most `most`; their executions are held.

        What comes of a held execution waits until it is let go, so it has one turn at a time.
        """
        free = (key for key in self._works if key not in self._held)
        taken = [self._works.pop(key) for key in list(islice(free, most))]
        self._held.update(work.execution for work in taken)
        if self._held.issuperset(self._works):
            self._filled.clear()
        if len(self._works) < CAPACITY:
            self._room.set()
        return taken

    def let_go(self, works: Iterable[Work]) -> None:
        """End the turns of these works' executions."""
        for work in works:
            self._held.discard(work.execution)
            if work.execution in self._works:
                self._filled.set()

    async def filled(self) -> None:
        """Return once there is something to take."""
        await self._filled.wait()

    async def room(self) -> None:
        """Return once there is room for more."""
        await self._room.wait()

    def _of(self, execution: str) -> Work:
        work = self._works.get(execution)
        if work is None:
            work = self._works[execution] = Work(execution)
            if execution not in self._held:
                self._filled.set()
            if len(self._works) >= CAPACITY:
                self._room.clear()
        return work
