"""One run of chaos, from an empty log to its verdict."""

import asyncio
import os
import platform
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

import msgspec

from mainspring.runtime import crash
from mainspring.store.postgres import PostgresStore
from mainspring.testing import peer
from mainspring.testing.chaos.client import Client
from mainspring.testing.chaos.crashes import Visits
from mainspring.testing.chaos.faults import LONG, SHORT, Strike, Struck, pause
from mainspring.testing.chaos.fleet import Fleet, fleet
from mainspring.testing.chaos.load import Load
from mainspring.testing.chaos.recovery import Pace, Recovery
from mainspring.testing.chaos.verdict import ENDINGS, Verdict, judged, settled

LEAD_S: Final = 3.0
QUIET_S: Final = 5.0
CROWD: Final = 64
CRASHES: Final = "crash points"
CROWD_S: Final = 8.0
SHORTEST_MINUTES: Final = 4.0
"""From here on there is time for what strikes in long runs alone."""

AFTER_S: Final = 45.0
"""What a run needs after its last fault, of the minutes that it may take."""


class Order(msgspec.Struct, frozen=True):
    """How long, in which order of faults, and under which load; rate 0 is half of what it can.

    With `only`, other faults than these do not strike.
    """

    minutes: float
    seed: int
    rate: float
    only: tuple[str, ...] = ()

    @property
    def strikes(self) -> list[tuple[str, Strike | None]]:
        """What strikes in a round; None stands for the crash points."""
        every = [*(SHORT if self.is_short else LONG).items(), (CRASHES, None)]
        return [each for each in every if not self.only or each[0] in self.only]

    @property
    def is_short(self) -> bool:
        """Whether there is time for one round alone."""
        return self.minutes < SHORTEST_MINUTES

    @property
    def gap_s(self) -> float:
        """Seconds without a fault after each."""
        return 1.5 if self.is_short else 12.0


class Outcome(msgspec.Struct):
    """What a run has shown."""

    order: Order
    machine: str
    disk: str
    network: str
    rate: float
    steady: float = 0.0
    accepted: int = 0
    begun: int = 0
    events: int = 0
    calls: int = 0
    seconds: float = 0.0
    turned_away: dict[str, int] = {}
    faults: list[Recovery] = []
    visited: list[str] = []
    wrong: list[str] = []

    @property
    def late(self) -> list[Recovery]:
        """The faults after which the work was not back in time."""
        return [each for each in self.faults if each.is_late]


Say = Callable[[str], object]


class _Chaos:
    """A run under way."""

    def __init__(self, order: Order, whole: Fleet, load: Load, say: Say) -> None:
        self.struck: list[Struck] = []
        self.visited: set[str] = set()
        self._order = order
        self._whole = whole
        self._load = load
        self._say = say
        self._chance = Random(order.seed)  # noqa: S311 - a schedule, not a secret
        self._deadline = time.monotonic() + 60 * order.minutes - AFTER_S

    async def rounds(self) -> None:
        """Let every fault strike in an order that is drawn, again until there is no more time."""
        number = 0
        while number == 0 or (not self._order.is_short and self._has_time):
            await self._round(number)
            number += 1

    @property
    def _has_time(self) -> bool:
        return time.monotonic() < self._deadline

    async def _round(self, number: int) -> None:
        strikes = self._order.strikes
        self._chance.shuffle(strikes)
        for name, strike in strikes:
            if number and not self._has_time:
                return
            if strike is None:
                await self._visits(number)
            else:
                began = time.time()
                over = await strike(self._whole, self._chance)
                self._struck(Struck(name, began, over))
            await pause(self._order.gap_s)

    async def _visits(self, number: int) -> None:
        visits = Visits(self._whole, self._load.client, number)
        began = time.time()
        await visits.all()
        self._struck(Struck(CRASHES, began, time.time()))
        self.visited.update(visits.visited)

    def _struck(self, one: Struck) -> None:
        self.struck.append(one)
        self._say(
            f"{one.name}: {one.over - one.began:.1f} s, done after {time.time() - one.began:.1f}"
        )


def respond(call: peer.Call) -> peer.Reply:
    """Answer as a peer that refuses what is to be refused."""
    if call.path.startswith("/refuse"):
        return peer.Reply(500)
    return peer.Reply(200, call.body or b"{}", delay=0.005)


def run(order: Order, say: Say) -> Outcome:
    """Live through one run, telling `say` how far it is; return what it has shown."""
    began = time.monotonic()
    with peer.serve(respond) as other, fleet() as whole:
        whole.start(other)
        outcome = Outcome(order, machine(), whole.ground.disk, whole.ground.network, order.rate)
        asyncio.run(_live(whole, other, outcome, say))
        if outcome.wrong:
            outcome.wrong.append(whole.last_words())
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


async def _live(whole: Fleet, other: peer.Peer, outcome: Outcome, say: Say) -> None:
    client = Client(whole.origins)
    load = Load(client, {name: line.url for name, line in whole.lines.items()})
    try:
        await load.prepare()
        if not outcome.rate:
            outcome.rate = round(await _capacity(whole.postgres.dsn, load) / 2, 1)
        await _struck(whole, load, outcome, say)
        outcome.calls = len(other.calls)
        found = await judged(
            whole.postgres.dsn, load.expected, other.calls, redelivered=len(outcome.faults) + 1
        )
        _told(found, load, outcome)
    finally:
        await client.close()


async def _struck(whole: Fleet, load: Load, outcome: Outcome, say: Say) -> None:
    """Let faults strike under load, and wait until all is over."""
    chaos = _Chaos(outcome.order, whole, load, say)
    running = asyncio.create_task(load.run(outcome.rate))
    began = time.time()
    await pause(LEAD_S + QUIET_S)
    await chaos.rounds()
    await pause(outcome.order.gap_s)
    ended = time.time()
    load.stopping.set()
    await running
    await load.settle()
    outcome.wrong += await settled(whole.postgres.dsn)
    say(f"all is over {time.time() - ended:.1f} s after the last fault")
    pace = Pace(await _ends(whole.postgres.dsn))
    outcome.steady = round(pace.between(began + LEAD_S, began + LEAD_S + QUIET_S), 1)
    outcome.faults = [
        pace.recovery(each, began=began, steady=outcome.steady, ended=ended)
        for each in sorted(chaos.struck, key=lambda each: each.began)
    ]
    outcome.visited = [point for point in crash.POINTS if point in chaos.visited]
    if any(name == CRASHES for name, _ in outcome.order.strikes):
        missed = [point for point in crash.POINTS if point not in chaos.visited]
        outcome.wrong += [f"no process has died at {point}" for point in missed]


def _told(found: Verdict, load: Load, outcome: Outcome) -> None:
    outcome.wrong += [*found.wrong, *load.client.faults]
    outcome.accepted, outcome.begun, outcome.events = len(load.expected), found.begun, found.events
    outcome.turned_away = dict(load.client.turned_away)


async def _capacity(dsn: str, load: Load) -> float:
    """Return how many runs end a second when as many are asked for as can be."""
    began = time.time()
    await load.crowd(CROWD, CROWD_S)
    ends = await _ends(dsn)
    return Pace(ends).between(began + LEAD_S, began + CROWD_S)


async def _ends(dsn: str) -> Sequence[float]:
    """Return when runs ended."""
    ends: list[float] = []
    position = 0
    store = await PostgresStore.open(dsn)
    try:
        while page := await store.log.read_all(
            after=position, limit=5_000, types=tuple(sorted(ENDINGS))
        ):
            ends += [envelope.recorded_at for envelope in page]
            position = page[-1].position
    finally:
        await store.close()
    return ends


def machine() -> str:
    """Say what this ran on."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = f"{platform.system()} {platform.release()}"
    return f"{cores} cores, {gib:.0f} GiB, {system}, Python {platform.python_version()}"
