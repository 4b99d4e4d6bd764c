"""What goes wrong in one history, and how often: all of it drawn from the seed.

Each history has a weather of its own in which some kinds of fault are absent and others frequent.
Faults that are always present hide each other; the rival, one fixed rate for each kind, finds less
in more histories.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

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

    def draw(self) -> float:
        """Return a number from 0 to 1."""
        return self._random.random()

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

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return all items in another order."""
        return self._random.sample(items, len(items))

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
    bus_reorders: float = 0.0
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
    "stalls": 0.03,
    "log_refuses": 0.1,
    "log_forgets": 0.1,
    "log_straggles": 0.1,
    "reads_fail": 0.05,
    "bus_refuses": 0.1,
    "bus_loses": 0.3,
    "bus_doubles": 0.3,
    "bus_delays": 0.3,
    "bus_reorders": 0.3,
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


KINDS: Final[Mapping[str, str]] = {
    "crash": "at any call of a port, before or after it had its effect; or at any instant",
    "drain": "a service leaves in order, as on SIGTERM, and comes back",
    "freeze": "a process stands still for longer than any lease, and then goes on",
    "night": "no scheduler is there for more than a minute",
    "skew": "a life begins with a clock that is up to three seconds off",
    "clock": "a clock is set while the service runs",
    "stalls": "a call takes up to four seconds",
    "log away": "no call of the store succeeds for up to twelve seconds",
    "log_refuses": "an append is not written, and its sender is told so",
    "log_forgets": "an append is written, and its sender is not told so",
    "log_straggles": "an append arrives late, even when its sender is dead by then",
    "reads_fail": "a query is not answered",
    "wipe": "the broker loses all that it stored, its consumers too",
    "broker away": "the broker is away for up to twelve seconds",
    "bus_refuses": "the broker goes away while messages are published or fetched",
    "bus_loses": "a message was taken by the broker and never comes",
    "bus_doubles": "a message comes twice, the second time under no id",
    "bus_delays": "a message comes late, behind others that were sent later",
    "bus_reorders": "messages of one batch come in another order",
    "acks_lost": "the broker does not hear an answer to a delivery",
    "wire_cuts": "a stream between two services breaks at any piece",
    "request lost": "a user's request never arrives",
    "answer lost": "a user's request has its effect, and its answer never comes",
    "peer away": "a peer does not take the connection",
    "peer fails": "a peer answers that it has failed",
    "peer slow": "a peer answers after more than ten seconds",
    "peer loses answer": "a peer does its work, and the connection breaks before it answers",
    "callback late": "a peer calls back after more than two seconds",
    "callback twice": "a peer calls back twice with the same answer",
    "callback forged": "somebody calls back who was not asked",
}
"""All that goes wrong on purpose; a campaign tells how often each did."""

OF_OTHERS: Final = frozenset(
    {"skew", "night", *(kind for kind in KINDS if kind.startswith(("peer ", "callback ")))}
    | {"request lost", "answer lost"}
)
"""Faults that make no broker deliver anything again."""


class Fault(msgspec.Struct, frozen=True):
    """Something went wrong, on purpose; `what` is one of `KINDS`."""

    at: float
    what: str
    where: str = ""
