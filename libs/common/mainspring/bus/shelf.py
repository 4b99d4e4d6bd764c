"""A stream and its consumers as plain values: what is stored, what was delivered, what is due.

Nothing here waits or asks for the time; `now` comes in.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import TypeVar

import msgspec

from mainspring.bus.plans import DUPLICATE_WINDOW, MAX_ACK_PENDING, StreamPlan, matches
from mainspring.ports import Outgoing

EPSILON = 1e-6  # a sleep may end a rounding error too early

K = TypeVar("K")


class Stored(msgspec.Struct, frozen=True):
    """A message of a stream, as it was delivered for the n-th time.

    `shelf` is which making of the stream it is from: numbers begin again after a loss.
    """

    shelf: int
    number: int
    subject: str
    data: bytes
    at: float
    deliveries: int = 0


class Shelf:
    """The messages of one stream, in order of arrival."""

    def __init__(self, plan: StreamPlan, incarnation: int) -> None:
        self.plan = plan
        self.incarnation = incarnation
        self.newest = 0
        self._messages: dict[int, Stored] = {}
        self._ids: dict[str, float] = {}

    def put(self, message: Outgoing, now: float) -> None:
        """Store a message, unless its id was stored within the duplicate window."""
        self._forget(now)
        if message.id and message.id in self._ids:
            return
        if message.id:
            self._ids[message.id] = now
        self.newest += 1
        self._messages[self.newest] = Stored(
            self.incarnation, self.newest, message.subject, message.data, now
        )

    def get(self, number: int) -> Stored | None:
        """Return a message that is still stored."""
        return self._messages.get(number)

    def remove(self, number: int) -> None:
        """Drop a message that is done."""
        self._messages.pop(number, None)

    def number_before(self, instant: float) -> int:
        """Return the number behind which messages are from `instant` or later."""
        return next((m.number - 1 for m in self._messages.values() if m.at >= instant), self.newest)

    def after(self, number: int) -> Iterator[Stored]:
        """Yield the stored messages above a number."""
        for n in range(number + 1, self.newest + 1):
            message = self._messages.get(n)
            if message is not None:
                yield message

    def _forget(self, now: float) -> None:
        for id in _until(self._ids.items(), now - DUPLICATE_WINDOW):
            del self._ids[id]
        if self.plan.max_age:
            ages = ((number, message.at) for number, message in self._messages.items())
            for number in _until(ages, now - self.plan.max_age):
                del self._messages[number]


class Reader:
    """A durable consumer: how far it has read, and what it waits to hear about."""

    def __init__(self, shelf: Shelf, subjects: Sequence[str], incarnation: int, now: float) -> None:
        plan = shelf.plan
        self.subjects = tuple(subjects)
        self.incarnation = incarnation
        self.ack_wait = plan.ack_wait
        self._shelf = shelf
        self._read = 0 if plan.work_queue else shelf.number_before(now - plan.lookback)
        self._due: dict[int, float] = {}
        self._deliveries: dict[int, int] = {}
        self._heap: list[tuple[float, int]] = []

    def take(self, limit: int, now: float) -> list[Stored]:
        """Deliver what is due again, then what is new, at most `limit`."""
        batch: list[Stored] = []
        while len(batch) < limit and (due := self.next_due()) is not None and due <= now + EPSILON:
            message = self._shelf.get(heapq.heappop(self._heap)[1])
            if message is not None:
                batch.append(self._deliver(message, now))
        for message in self._shelf.after(self._read):
            if len(batch) >= limit or len(self._due) >= MAX_ACK_PENDING:
                break
            self._read = message.number
            if self.wants(message.subject):
                batch.append(self._deliver(message, now))
        else:
            self._read = self._shelf.newest  # not to pass over the same gaps again
        return batch

    def wants(self, subject: str) -> bool:
        """Tell whether messages of a subject come here."""
        return any(matches(pattern, subject) for pattern in self.subjects)

    def next_due(self) -> float | None:
        """Return when the first unanswered message is to be delivered again."""
        # Entries of the heap that were answered or put off since are passed over here.
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def ack(self, message: Stored) -> None:
        """Be done with a message, also when it was delivered again since."""
        if message.shelf != self._shelf.incarnation:
            return
        self._due.pop(message.number, None)
        self._deliveries.pop(message.number, None)
        if self._shelf.plan.work_queue:
            self._shelf.remove(message.number)

    def put_off(self, message: Stored, until: float) -> None:
        """Deliver a message again at an instant, unless it is done."""
        if message.shelf == self._shelf.incarnation and message.number in self._due:
            self._expect(message.number, until)

    def _deliver(self, message: Stored, now: float) -> Stored:
        number = message.number
        deliveries = self._deliveries.get(number, 0) + 1
        self._deliveries[number] = deliveries
        self._expect(number, now + self.ack_wait)
        return msgspec.structs.replace(message, deliveries=deliveries)

    def _expect(self, number: int, due: float) -> None:
        self._due[number] = due
        heapq.heappush(self._heap, (due, number))


def _until(items: Iterable[tuple[K, float]], instant: float) -> list[K]:
    """Return the keys, oldest first, from before an instant."""
    return [key for key, _ in takewhile(lambda item: item[1] < instant, items)]
