"""What goes wrong in one history, and how often: all of it drawn from the seed.

Each history has a weather of its own in which some kinds of fault are absent and others frequent.
Faults that are always present hide each other; the rival, one fixed rate for each kind, finds less
in more histories.
"""

import random
from collections.abc import Sequence
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Chance:
    """A stream of draws of its own: what one part draws never shifts what another gets."""

    def __init__(self, seed: object, name: str) -> None:
        self._of = f"{seed}/{name}"
        self._random = random.Random(self._of)  # noqa: S311 - repeated, not secret

    def child(self, name: str) -> "Chance":
        """Return another stream, the same one for the same name."""
        return Chance(self._of, name)

    def hits(self, rate: float) -> bool:
        """Say yes so often."""
        return rate > 0.0 and self._random.random() < rate

    def between(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def around(self, mean: float) -> float:
        """Return a positive number, mostly small, now and then several times the mean."""
        return self._random.expovariate(1.0 / mean) if mean > 0 else 0.0

    def whole(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def pick(self, items: Sequence[T]) -> T:
        return self._random.choice(items)

    def some(self, items: Sequence[T], most: int) -> list[T]:
        """Return up to `most` different items, at least one."""
        return self._random.sample(items, self.whole(1, min(most, len(items))))

    def bits(self, count: int) -> int:
        return self._random.getrandbits(count)


class Weather(msgspec.Struct, kw_only=True):
    """Rates of faults, each a chance per call or per message.

    `calls_of_life` is how many port calls a service makes on average before it dies at one of
    them; 0 lets it live.  `skew` is by how many seconds a replica's clock may be off.  While
    `log_is_away` is not 0 no call of the store succeeds.
    """

    latency: float = 0.002
    stalls: float = 0.0
    log_refuses: float = 0.0
    log_forgets: float = 0.0
    log_straggles: float = 0.0
    reads_fail: float = 0.0
    bus_refuses: float = 0.0
    bus_loses: float = 0.0
    bus_doubles: float = 0.0
    bus_delays: float = 0.0
    acks_lost: float = 0.0
    wire_cuts: float = 0.0
    calls_of_life: float = 0.0
    skew: float = 0.0
    log_is_away: int = 0

    def clear_up(self) -> None:
        """Let nothing go wrong any more."""
        for name in (*_HEAVY, "calls_of_life"):
            setattr(self, name, 0.0)
        self.log_is_away = 0


_HEAVY = {
    "stalls": 0.02,
    "log_refuses": 0.1,
    "log_forgets": 0.1,
    "log_straggles": 0.1,
    "reads_fail": 0.05,
    "bus_refuses": 0.1,
    "bus_loses": 0.3,
    "bus_doubles": 0.3,
    "bus_delays": 0.3,
    "acks_lost": 0.3,
    "wire_cuts": 0.2,
}
"""The worst rate of each kind."""


def weather_of(chance: Chance) -> Weather:
    """Draw a history's weather: each kind of fault absent, rare, or frequent."""
    weather = Weather(latency=chance.pick([0.0005, 0.002, 0.01]))
    for name, worst in _HEAVY.items():
        if chance.hits(0.5):
            setattr(weather, name, worst * chance.pick([0.05, 0.3, 1.0]))
    if chance.hits(0.6):
        weather.calls_of_life = chance.pick([60.0, 200.0, 600.0])
    if chance.hits(0.4):
        weather.skew = chance.pick([0.05, 0.5, 3.0])
    return weather


class Fault(msgspec.Struct, frozen=True):
    """Something went wrong, on purpose."""

    at: float
    what: str
    where: str = ""
