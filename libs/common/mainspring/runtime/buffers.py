"""What is kept for keys, remembered between reads: a hot key's history is read once.

What is remembered is where a read goes on from, never an answer: every read asks the log what came
since.  Reading the whole history each time, the rival, made the n-th event of a key n times as dear
as the first.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from mainspring.domain.envelope import EMPTY, Head, StreamId, head_of
from mainspring.domain.triggers import KeptEvent, kept_events
from mainspring.domain.upcast import event_in
from mainspring.ports import Clock, EventLog

BUDGET: Final = 32 << 20
"""Bytes of kept events that a process remembers."""

OWN: Final = 1024
"""Bytes of a buffer beside its events."""

PAGE: Final = 200
"""Events of a buffer that are read at once."""


SKEW_S: Final = 3600.0
"""Seconds by which no two clocks differ."""


class Buffer(NamedTuple):
    """The events that are kept for a key, oldest first, and where its stream ends."""

    kept: tuple[KeptEvent, ...] = ()
    head: Head = EMPTY
    position: int = 0

    @property
    def weight(self) -> int:
        """Return the bytes of what is kept."""
        return sum(each.size for each in self.kept)


class Buffers:
    """Reads buffers; the least recently read ones are forgotten when they weigh too much."""

    def __init__(self, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._known: OrderedDict[StreamId, tuple[Buffer, int]] = OrderedDict()
        self._weight = 0

    async def read(self, stream: StreamId) -> Buffer:
        """Return a buffer as it is now, without what may go on its way no more."""
        buffer = self._known[stream][0] if stream in self._known else Buffer()
        while True:
            page = await self._log.read_all(after=buffer.position, limit=PAGE, stream=stream)
            if page:
                events = ((one.version, event_in(one), len(one.body)) for one in page)
                # Nothing behind this page offers what was over, by any clock, when it ended.
                kept = _alive(kept_events(events, buffer.kept), page[-1].recorded_at - SKEW_S)
                buffer = Buffer(kept, head_of(page[-1]), page[-1].position)
            if len(page) < PAGE:
                break
        self._remember(stream, buffer)
        return buffer._replace(kept=_alive(buffer.kept, self._clock.now()))

    def _remember(self, stream: StreamId, buffer: Buffer) -> None:
        _, weight = self._known.pop(stream, (None, 0))
        self._weight -= weight
        if not buffer.position:
            return  # nothing was ever kept: most keys are such
        weight = OWN + buffer.weight
        self._known[stream] = buffer, weight
        self._weight += weight
        while self._weight > BUDGET:
            _, (_, weight) = self._known.popitem(last=False)
            self._weight -= weight


def _alive(kept: tuple[KeptEvent, ...], now: float) -> tuple[KeptEvent, ...]:
    """Leave out what is over and was offered to nobody."""
    return tuple(each for each in kept if each.trigger is not None or each.event.expires_at > now)
