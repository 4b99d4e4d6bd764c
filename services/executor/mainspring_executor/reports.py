"""Reports on their way to the broker, many in one publication.

Whatever ends while a publication is under way forms the next one, so the load sets the size.  A
task is acknowledged only after its report was handed over; while the broker is away reports
wait here, and so do the places of their attempts, so there are never more than the attempts
that may be in flight.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from mainspring.bus import subjects
from mainspring.domain.errors import BusUnavailable
from mainspring.domain.task import Report, partition_of
from mainspring.ports import Bus, Clock, Outgoing
from mainspring.runtime import crash

_FIRST_WAIT: Final = 0.05
_LONGEST_WAIT: Final = 2.0
_encode = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)

HandedOver = Callable[[], None]


class Reports:
    """Publishes what is given to `send`, in order, and says so when it is done."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._waiting: list[tuple[Outgoing, HandedOver | None]] = []
        self._news = asyncio.Event()

    def send(self, report: Report, handed_over: HandedOver | None = None) -> None:
        """Publish a report soon; call `handed_over` after the broker has it."""
        subject = subjects.result(partition_of(report.call.execution))
        self._waiting.append((Outgoing(subject, _encode(report)), handed_over))
        self._news.set()

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            batch, self._waiting = self._waiting, []
            await self._publish([outgoing for outgoing, _ in batch])
            # crash here: the broker has the reports, and the tasks come again; they change nothing
            crash.here("executor.reported")
            for _, handed_over in batch:
                if handed_over is not None:
                    handed_over()

    async def _publish(self, messages: list[Outgoing]) -> None:
        delay = _FIRST_WAIT
        while True:
            try:
                return await self._bus.publish(messages)
            except BusUnavailable:
                _log.warning("%d reports wait for the broker", len(messages))
                await self._clock.sleep(delay)
                delay = min(2 * delay, _LONGEST_WAIT)
