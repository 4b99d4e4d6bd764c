"""From the bus into the inbox: facts and reports of this replica's partitions.

A partition that another replica looks after is left alone; what was pulled before that was known
is decided here all the same.
"""

import asyncio
from collections.abc import Iterator

from mainspring.bus import subjects
from mainspring.domain.errors import BusUnavailable
from mainspring.domain.task import PARTITIONS
from mainspring.ports import Bus, Clock, Consumer
from mainspring_scheduler.inbox import Inbox
from mainspring_scheduler.partitions import Partitions

MOST = 256
"""Messages of one fetch."""

PATIENCE = 20.0
"""Seconds for which a fetch may find nothing: an idle scheduler asks this seldom."""

LOOK_AGAIN = 1.0
"""Seconds until a partition of another replica is looked at again."""


class Puller:
    """Keeps one fetch open for each queue of each partition that is this replica's."""

    def __init__(self, bus: Bus, inbox: Inbox, partitions: Partitions, clock: Clock) -> None:
        self._bus = bus
        self._inbox = inbox
        self._partitions = partitions
        self._clock = clock
        self._queues: list[tuple[int, Consumer]] = []

    async def open(self) -> None:
        """Make the consumers of every partition, also of those that others look after now."""
        # Together, so that a broker that has none of them is one loss and not sixteen.
        partitions, queues = zip(*_queues(), strict=True)
        found = await asyncio.gather(*(self._bus.consumer(*queue) for queue in queues))
        self._queues = list(zip(partitions, found, strict=True))

    async def run(self) -> None:
        """Pull until cancelled."""
        async with asyncio.TaskGroup() as group:
            for partition, consumer in self._queues:
                group.create_task(self._pull(partition, consumer))

    async def _pull(self, partition: int, consumer: Consumer) -> None:
        while True:
            await self._inbox.room()
            own = self._partitions.owns(partition)
            timeout = PATIENCE if own else LOOK_AGAIN
            try:
                # What was asked for while the partition was ours still comes here, to no one else.
                for delivery in await consumer.fetch(MOST, timeout=timeout, ask=own):
                    self._inbox.deliver(delivery)
            except BusUnavailable as away:
                await self._clock.sleep(away.delay)


def _queues() -> Iterator[tuple[int, tuple[str, str, list[str]]]]:
    """Yield the stream, the consumer and the subjects of each queue, with its partition."""
    for n in range(PARTITIONS):
        yield n, (subjects.EVENTS, subjects.advance_consumer(n), [subjects.facts(n)])
        yield n, (subjects.RESULTS, subjects.results_consumer(n), [subjects.result(n)])
