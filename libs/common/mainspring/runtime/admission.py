"""Who may begin a run now: what is asked for beyond what is got done is refused, and not queued.

Two questions before each start.  Are the operator's limits of the project and the workflow kept?
And do the schedulers keep up?  A run that was begun is durable, so what is let in beyond their
speed waits in the log, and everyone's runs behind it.  So the runs that wait for their first turn
are bounded by a window.  It is wide as long as they do not wait long, so that a burst is taken;
while the oldest has waited for more than the target, and runs do have their turns, each look makes
it narrower.  A scheduler that is away has none, and what comes meanwhile is kept for it.

Of the window a project has as much as is still free, so that the flood of one is refused first, and
by its name.  The views are looked at twenty times a second while runs are begun, and not at all
otherwise; between two looks what begins here is added.  With several gateways each adds its own, so
they may overshoot together by what they begin between two looks.

Rivals lost: the wait for the commit alone, which stays short while the backlog grows; a fixed
bound, which is too much for one machine and too little for another.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final, Protocol

from mainspring.domain.errors import Limited, LogUnavailable, Overloaded
from mainspring.domain.limits import Limit, Limits, Scope
from mainspring.domain.shares import has_room
from mainspring.ports import Backlog, Clock, Views
from mainspring.telemetry import metrics

LOOK_S: Final = 0.05
LEAST: Final = 128
"""Runs that may always wait: a project alone may have half of them."""

NARROWER: Final = 0.7
WIDER: Final = 1 / 8
AGAIN_S: Final = 1.0
COUNT_S: Final = 0.1
"""How old a count of runs may be on which a start is refused."""

RECOUNT_S: Final = 1.0
"""How old a count of runs may be on which a start is let in: others begin runs too."""

KEPT: Final = 10_000
"""Scopes whose starts and runs are remembered."""


class Door(Protocol):
    """What a start has to pass."""

    def passage(self, project: str, workflow: str) -> AbstractAsyncContextManager[None]:
        """Return what holds a place while a run is begun; entering it raises what refuses."""
        ...


class OpenDoor:
    """Lets everybody in: what runs begin, and what schedules do, was let in before."""

    @asynccontextmanager
    async def passage(self, project: str, workflow: str) -> AsyncGenerator[None]:
        """Hold nothing."""
        del project, workflow
        yield


class Window:
    """How many runs may wait for their first turn, from how long they have waited lately."""

    def __init__(self, most: int, target: float) -> None:
        self.most = most
        self.width = most
        self._target = target
        self._oldest = 0.0

    def learn(self, waiting: int, oldest: float | None, now: float) -> None:
        """Take in a look: how many wait, and since when the oldest does."""
        moves = oldest != self._oldest
        self._oldest = oldest or 0.0
        if oldest is None or now - oldest <= self._target:
            self.width = min(self.most, self.width + max(8, round(self.width * WIDER)))
        elif moves:
            # A project alone fills half of the window: wider than twice what waits is no bound.
            used = min(self.width, 2 * waiting)
            self.width = min(self.most, max(LEAST, round(used * NARROWER)))


class Rate:
    """Starts in a second: as many at once, and then as time goes by."""

    def __init__(self, most: int, now: float) -> None:
        self._left = float(most)
        self._at = now

    def wait(self, most: int, now: float) -> float:
        """Return the seconds until one more may begin, 0 when it may now."""
        self._left = min(float(most), self._left + (now - self._at) * most)
        self._at = now
        return 0.0 if self._left >= 1 else (1 - self._left) / most if most else AGAIN_S

    def take(self) -> None:
        """Count one start."""
        self._left -= 1


class Count:
    """A number that is looked up now and then, and what was added here since."""

    def __init__(self) -> None:
        self.found = 0
        self.at = float("-inf")
        self.since = 0
        self.under_way = 0

    @property
    def known(self) -> int:
        """What it is by now, as far as is known here."""
        return self.found + self.since

    def let_in(self) -> None:
        """Add one that is not written yet."""
        self.since += 1
        self.under_way += 1

    async def look_up(self, ask: Awaitable[int], now: float) -> None:
        """Take in what is found now; what is being written meanwhile may be in it twice."""
        written = self.since - self.under_way
        self.at = now
        self.found = await ask
        self.since -= written


class Admission:
    """A part of a service: it looks at the backlog while runs are begun."""

    name = "admission"

    def __init__(
        self, views: Views, clock: Clock, limits: Limits, *, most: int, target: float
    ) -> None:
        self.window = Window(most, target)
        self._views = views
        self._clock = clock
        self._limits = limits
        self.backlog = Waiting()
        self._looked_at = float("-inf")
        self._look = asyncio.Lock()
        self._rates: dict[Scope, Rate] = {}
        self._counts: dict[Scope, Count] = {}
        self._asked = asyncio.Event()
        self._over = asyncio.Event()

    async def start(self) -> None:
        """Nothing is looked at before somebody asks."""

    async def run(self) -> None:
        """Look while runs are begun, until drained."""
        looking = asyncio.create_task(self._look_on())
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait([looking, over], return_when=asyncio.FIRST_COMPLETED)
            if looking.done():
                looking.result()
        finally:
            looking.cancel()
            over.cancel()
            await asyncio.gather(looking, over, return_exceptions=True)

    async def drain(self) -> None:
        """Look no more; whoever comes while the service drains is let in as before."""
        self._over.set()

    async def _look_on(self) -> None:
        while True:
            await self._asked.wait()
            await self._clock.sleep(LOOK_S)
            self._asked.clear()
            await self.look()

    async def look(self) -> None:
        """Learn how much waits; what was known stays where the log is away."""
        async with self._look:
            now = self._clock.monotonic()
            if now - self._looked_at < LOOK_S / 2:
                return
            self._looked_at = now
            begun = self.backlog.written()
            with suppress(LogUnavailable):
                backlog = await self._views.backlog(limit=2 * self.window.most)
                self.backlog.learn(backlog, begun)
                oldest = min((each.since for each in backlog), default=None)
                self.window.learn(self.backlog.total, oldest, self._clock.now())
        metrics.ADMISSION_WINDOW.set(self.window.width)
        metrics.ADMISSION_WAITING.set(self.backlog.total)

    def passage(self, project: str, workflow: str) -> "Passage":
        """Return what holds a place for a run that begins.

        Entering it raises `Limited`, which names the limit, and `Overloaded`.
        """
        return Passage(self, project, workflow)

    async def enter(self, project: str, workflow: str) -> Sequence[Count]:
        """Let a run in and return the counts that have it as not written yet, or raise."""
        limits = list(self._limits.of(project, workflow)) if self._limits else ()
        self._asked.set()
        if self._refusal(project, limits) is not None:
            await self._look_again(limits)
        elif limits:
            await self._count(limits, RECOUNT_S)
        refused = self._refusal(project, limits)
        if refused is not None:
            why = "limited" if isinstance(refused, Limited) else "overloaded"
            metrics.ADMISSION_REFUSED.labels(why).inc()
            raise refused
        self.backlog.let_in((project, workflow))
        return self._let_in(limits) if limits else ()

    async def _look_again(self, limits: Sequence[Limit]) -> None:
        """Learn how things stand now: nobody is refused for what was true a while ago."""
        await self.look()
        await self._count(limits, COUNT_S)

    async def _count(self, limits: Sequence[Limit], age: float) -> None:
        """Count the runs of limited scopes that were counted longer ago than that."""
        for limit in limits:
            if limit.kind != "runs":
                continue
            count, now = self._counts.setdefault(limit.scope, Count()), self._clock.monotonic()
            if now - count.at >= age:
                project, workflow = limit.scope
                await count.look_up(self._views.live(project, workflow, most=limit.most), now)

    def _refusal(self, project: str, limits: Sequence[Limit]) -> Limited | Overloaded | None:
        """Return why a run may not begin now, if it may not."""
        total, most = self.backlog.total, self.window.width
        if total >= most:
            return Overloaded(f"{total} runs wait for their first turn; try again", AGAIN_S)
        held = self.backlog.of((project, ""))
        if not has_room(held, total, most):
            said = f"{held} runs of the project wait for their first turn"
            return Limited(f"{said}, which is its share of {most} (limit {project} queued)")
        for limit in limits:
            wait = self._wait(limit)
            if wait > 0:
                return Limited(str(limit), max(wait, AGAIN_S))
        return None

    def _wait(self, limit: Limit) -> float:
        """Return in how many seconds one more may be within a limit, 0 when it is now."""
        match limit.kind:
            case "starts":
                now = self._clock.monotonic()
                rate = self._rates.setdefault(limit.scope, Rate(limit.most, now))
                return rate.wait(limit.most, now)
            case "runs":
                counted = self._counts.setdefault(limit.scope, Count()).known
            case "queued":
                counted = self.backlog.of(limit.scope)
        return AGAIN_S if counted >= limit.most else 0.0

    def _let_in(self, limits: Sequence[Limit]) -> list[Count]:
        """Count a run that is let in; return the counts that have it as not written yet."""
        counts = [self._counts[limit.scope] for limit in limits if limit.kind == "runs"]
        for limit in limits:
            if limit.kind == "starts":
                self._rates[limit.scope].take()
        for count in counts:
            count.let_in()
        for kept in (self._rates, self._counts):
            if len(kept) > KEPT:
                kept.clear()
        return counts


class Passage:
    """One start on its way through the door."""

    __slots__ = ("_counts", "_door", "_one")

    def __init__(self, door: Admission, project: str, workflow: str) -> None:
        self._door = door
        self._one = (project, workflow)
        self._counts: Sequence[Count] = ()

    async def __aenter__(self) -> None:
        self._counts = await self._door.enter(*self._one)

    async def __aexit__(self, *raised: object) -> None:
        self._door.backlog.is_written(self._one)
        for count in self._counts:
            count.under_way -= 1


class Waiting:
    """Runs that wait for their first turn: as they were found, and those begun here since.

    They are known by (project, workflow), and those of a whole project by (project, nothing).
    """

    def __init__(self) -> None:
        self.total = 0
        self._found: dict[tuple[str, str], int] = {}
        self._begun: dict[tuple[str, str], int] = {}
        self._under_way: dict[tuple[str, str], int] = {}

    def of(self, scope: tuple[str, str]) -> int:
        """Return how many of a project, or of one workflow, wait."""
        return self._found.get(scope, 0) + self._begun.get(scope, 0)

    def let_in(self, one: tuple[str, str]) -> None:
        """Add a run that is not written yet."""
        self.total += 1
        for scope in (one, (one[0], "")):
            self._begun[scope] = self._begun.get(scope, 0) + 1
            self._under_way[scope] = self._under_way.get(scope, 0) + 1

    def is_written(self, one: tuple[str, str]) -> None:
        """Say that a run is written, or never will be."""
        for scope in (one, (one[0], "")):
            self._under_way[scope] -= 1

    def written(self) -> dict[tuple[str, str], int]:
        """Return what was begun and is written: a look that begins now finds it."""
        return {scope: n - self._under_way.get(scope, 0) for scope, n in self._begun.items()}

    def learn(self, backlog: Sequence[Backlog], written: Mapping[tuple[str, str], int]) -> None:
        """Take in what a look found that began when so much was written."""
        found: dict[tuple[str, str], int] = {}
        for each in backlog:
            for scope in ((each.project, ""), (each.project, each.workflow)):
                found[scope] = found.get(scope, 0) + each.runs
        self._found = found
        left = {scope: n - written.get(scope, 0) for scope, n in self._begun.items()}
        self._begun = {scope: n for scope, n in left.items() if n > 0}
        self._under_way = {scope: n for scope, n in self._under_way.items() if n > 0}
        self.total = sum(each.runs for each in backlog)
        self.total += sum(n for (_, workflow), n in self._begun.items() if not workflow)
