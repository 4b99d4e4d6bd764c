"""The gate: every port call of one incarnation goes through it, until it shuts.

The seed decides at which call a service dies, and whether before or after that call has had its
effect.  Between two calls nothing of a process can be seen from outside, so these are all the
places at which a crash makes a difference.  Behind a shut gate a call ends in cancellation at once:
`finally` blocks run, as Python must, but nothing of what they do reaches the world.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from mainspring.domain.errors import LogUnavailable
from mainspring.testing.simulation.faults import Chance, Fault, Weather

T = TypeVar("T")

AT_ONCE: Final = 0.6
SOON: Final = 0.75
"""The parts of all calls that take no time, or one turn; each way there are two such waits."""

STALL_S: Final = 4.0
"""The longest that a stalled call takes."""


class Gate:
    """The way to the world, and where an incarnation dies."""

    def __init__(
        self,
        name: str,
        chance: Chance,
        weather: Weather,
        *,
        note: Callable[[Fault], None],
        lets: Callable[[str, str, int], bool],
        die: Callable[[], None],
    ) -> None:
        self.name = name
        self.chance = chance
        self.weather = weather
        self.is_open = True
        self._die = die
        self._note = note
        self._lets = lets
        self._draws = 0
        self.calls = 0
        mean = weather.calls_of_life
        self._last_call = 1 + int(chance.around(2 * mean)) if mean else 0

    def fault(self, what: str) -> None:
        """Note that something went wrong here."""
        self._note(Fault(asyncio.get_running_loop().time(), what, self.name))

    def happens(self, what: str) -> bool:
        """Say whether a fault strikes, by its rate in the weather, and note it if so."""
        self._draws += 1
        if not self.chance.hits(getattr(self.weather, what)):
            return False
        if not self._lets(what, self.name, self._draws):
            return False
        self.fault(what)
        return True

    def check(self) -> None:
        """Raise `CancelledError` when the incarnation is dead."""
        if not self.is_open:
            raise asyncio.CancelledError

    def point(self) -> None:
        """Die here if the seed says so."""
        self.check()
        self.calls += 1
        # The weather may have cleared since this life began.
        is_last = self.calls == self._last_call and bool(self.weather.calls_of_life)
        if is_last and self._lets("crash", self.name, self.calls):
            self.fault("crash")
            self._die()
            raise asyncio.CancelledError

    async def lag(self) -> None:
        """Let some time pass, mostly little, sometimes none at all."""
        draw = self.chance.draw()
        if draw < AT_ONCE:
            return
        if self.happens("stalls"):
            await asyncio.sleep(self.chance.between(0.0, STALL_S))
        elif draw < SOON:
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(self.chance.around(self.weather.latency))
        self.check()

    async def call(self, effect: Callable[[], Awaitable[T]]) -> T:
        """Make a call that does not fail by itself."""
        self.point()
        await self.lag()
        answer = await effect()
        self.point()
        await self.lag()
        return answer

    async def read(self, effect: Callable[[], Awaitable[T]]) -> T:
        """Make a call on the store; raises `LogUnavailable` now and then."""
        self.point()
        await self.lag()
        if self.weather.log_is_away or self.happens("reads_fail"):
            raise LogUnavailable("simulated: the log does not answer")
        answer = await effect()
        self.point()
        await self.lag()
        return answer


class Gated:
    """A port, each method of which reads through the gate."""

    def __init__(self, gate: Gate, port: object) -> None:
        self._gate = gate
        self._port = port

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        gate, method = self._gate, getattr(self._port, name)

        async def call(*args: object, **kwargs: object) -> object:
            return await gate.read(lambda: method(*args, **kwargs))

        setattr(self, name, call)
        return call
