"""Who of many may have one more of something that is short: each as much as is still free.

A holder alone gets half of all places, two get a third each, and so on; and there is always as much
left as the greediest has, so whoever comes next finds a place at once.  Fixed shares lost: with few
holders most places would stand empty, and with many there would be none.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


def has_room(held: int, total: int, most: int) -> bool:
    """Return whether a holder of `held` of `total` taken places may have one more of `most`."""
    return held < most - total


class Shares(Generic[K]):
    """Places that are taken and given back, by holder."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.total = 0
        self._held: dict[K, int] = {}

    def held(self, holder: K) -> int:
        """Return how many places a holder has."""
        return self._held.get(holder, 0)

    def has_room(self, holder: K) -> bool:
        """Return whether a holder may have one more place."""
        return has_room(self.held(holder), self.total, self.most)

    def take(self, holder: K, places: int = 1) -> None:
        """Give a holder places, whether it may have them or not."""
        self.total += places
        self._held[holder] = self.held(holder) + places

    def give_back(self, holder: K, places: int = 1) -> None:
        """Take places back."""
        self.total -= places
        left = self.held(holder) - places
        if left > 0:
            self._held[holder] = left
        else:
            self._held.pop(holder, None)
