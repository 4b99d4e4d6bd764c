"""Which partitions this replica looks after: agreed by greeting, not by lease.

Every replica says hello on a core subject once a second and listens; those heard of lately are the
members, and each partition goes to the member with the highest rendezvous hash.  For a moment two
may look after one partition: versions keep that harmless.  A lease in the database would cost
writes for ever to prevent what needs no preventing.
"""

import hashlib
from collections.abc import Callable

from mainspring.bus import subjects
from mainspring.domain.errors import BusUnavailable
from mainspring.domain.task import PARTITIONS
from mainspring.ports import Bus, Clock, Outgoing, Subscription

EVERY = 1.0
"""Seconds between greetings."""

SILENCE = 3.5
"""Seconds after which a silent member has left."""


class Partitions:
    """The members, and what they make this replica's own."""

    def __init__(self, replica: str, bus: Bus, clock: Clock) -> None:
        self.replica = replica
        self._bus = bus
        self._clock = clock
        self._heard: dict[str, float] = {}
        self._members: list[str] = []
        self._own: list[int] = []
        self._takers: list[Callable[[], None]] = []

    def on_taken(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever partitions have become this replica's that were not before."""
        self._takers.append(callback)

    def own(self) -> list[int]:
        """Return the partitions of this replica, all of them while it knows of no other."""
        members = sorted({self.replica, *self._heard})
        if members != self._members:
            before, self._members = self._own, members
            self._own = [p for p in range(PARTITIONS) if owner(p, members) == self.replica]
            if not set(before).issuperset(self._own):
                for taken in self._takers:
                    taken()
        return self._own

    def owns(self, partition: int) -> bool:
        """Say whether a partition is this replica's."""
        return partition in self.own()

    async def run(self) -> None:
        """Greet and listen until cancelled."""
        subscription = await self._bus.subscribe(subjects.SCHEDULER_HELLO)
        try:
            while True:
                await self._greet()
                await self._listen(subscription)
        finally:
            await subscription.close()

    async def _greet(self) -> None:
        try:
            hello = Outgoing(subjects.SCHEDULER_HELLO, self.replica.encode())
            await self._bus.publish([hello])
        except BusUnavailable:
            return  # nobody hears anybody: all keep what they had

    async def _listen(self, subscription: Subscription) -> None:
        until = self._clock.monotonic() + EVERY
        while (left := until - self._clock.monotonic()) > 0:
            heard = await subscription.next(left)
            if heard is not None and heard[1].decode() != self.replica:
                self._heard[heard[1].decode()] = self._clock.monotonic()
        if self._bus.connected():
            oldest = self._clock.monotonic() - SILENCE
            self._heard = {who: at for who, at in self._heard.items() if at >= oldest}
        self.own()  # whoever has to know of a change hears of it now


def owner(partition: int, members: list[str]) -> str:
    """Return the member with the highest hash for a partition (rendezvous hashing)."""
    return max(members, key=lambda m: hashlib.sha256(f"{partition}:{m}".encode()).digest())
