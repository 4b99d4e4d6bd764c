"""One history: a seed in, everything that happened out, with what was wrong with it.

First comes trouble: users start runs and meddle, services crash and drain, the broker is wiped, the
log goes away.  Then the weather clears, and all that was begun must end within a bound.  Last the
laws are asked.
"""

import asyncio
import contextvars
import hashlib
import logging
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Literal, cast

import msgspec

from mainspring.domain.envelope import Envelope
from mainspring.domain.rows import ExecutionRow
from mainspring.ports import HttpClient
from mainspring.store.memory import MemoryStore
from mainspring.testing import history
from mainspring.testing.http import Call
from mainspring.testing.simulation import laws
from mainspring.testing.simulation.client import Asked, Client
from mainspring.testing.simulation.faults import (
    KINDS,
    OF_OTHERS,
    Chance,
    Fault,
    Weather,
    weather_of,
)
from mainspring.testing.simulation.flows.plot import FlowsPlot
from mainspring.testing.simulation.granted import granted
from mainspring.testing.simulation.incarnation import Build, Life, Replica, task_factory
from mainspring.testing.simulation.knobs import turned
from mainspring.testing.simulation.loop import Deadlock, OutOfTime, SimulatedLoop
from mainspring.testing.simulation.native.plot import NativePlot
from mainspring.testing.simulation.peers import Peers
from mainspring.testing.simulation.plot import Plot, Stage
from mainspring.testing.simulation.rest import asked_at_rest
from mainspring.testing.simulation.sagas.plot import SagasPlot
from mainspring.testing.simulation.scripts import Prompter, Script
from mainspring.testing.simulation.watcher import Watcher
from mainspring.testing.simulation.world import EPOCH, SimulatedBroker, SimulatedClock

TROUBLE_S: Final = 20.0
BOUND_S: Final = 1500.0
CALM_S: Final = TROUBLE_S + 15.0
"""By when everybody has recovered from the trouble, where no night follows it."""

NIGHTFALL_S: Final = 14.0

LATE_S: Final = 0.2
"""How late a timer may be in calm weather."""

LATE_CALL_S: Final = 45.0
"""By when the last of the calls that were under way when their run ended has been made."""

WATCHED_S: Final = 13.0
"""By when a watcher has seen all that happened: two looks of the feed, where no notice came."""

FEWEST_FAULTS: Final = 5

REPLICAS: Final = 2
"""Of each service, while there is trouble."""

FREEZES: Final = (4.5, 18.0, 25.0)
"""For how long a process may stand still; the longest lease is of 15 seconds."""

_WORLD: Final = contextvars.Context()
"""The context of what belongs to no life."""

Disaster = Literal["crash", "drain", "wipe", "broker away", "log away", "clock"]
Kind = Literal["sagas", "native", "flows"]
_PLOTS: Final[Mapping[Kind, Callable[[Stage], Plot]]] = {
    "sagas": SagasPlot,
    "native": NativePlot,
    "flows": FlowsPlot,
}


class History(msgspec.Struct, kw_only=True):
    """What happened in one simulated history, and what was wrong with it."""

    seed: str
    weather: Weather
    log: list[Envelope]
    calls: list[Call]
    asked: list[Asked]
    faults: list[Fault]
    violations: list[str]
    rows: dict[str, ExecutionRow]
    seconds: float
    turns: int
    script: Script

    def digest(self) -> str:
        """Return what tells this history from every other one."""
        told = repr((self.log, self.calls, self.faults, self.asked, self.turns))
        return hashlib.sha256(told.encode()).hexdigest()

    def told(self) -> str:
        """Return all violations, and how to see them again."""
        lines = "\n".join(f"  - {violation}" for violation in self.violations)
        return (
            f"seed {self.seed} breaks {len(self.violations)} law(s):\n{lines}\n"
            f"run it again: make sim SEED={self.seed}"
        )


class Simulation:
    """A deployment, its neighbours and its users, under one seed."""

    def __init__(
        self, seed: str, kind: Kind, builds: Mapping[str, Build], prompter: Prompter
    ) -> None:
        self.prompter = prompter
        self.lets = prompter.lets
        self.chance = Chance(seed, "history")
        self.weather = weather_of(self.chance.child("weather"))
        self.store = MemoryStore()
        self.broker = SimulatedBroker(SimulatedClock())
        self.faults: list[Fault] = []
        self.oddities: list[str] = []
        self.thawed_at = self.thawed_for = 0.0
        self.replicas = self._replicas(builds)
        apis = [one for one in self.replicas if one.name.startswith("api")]
        self.client, self.visitor = (
            Client(apis, self.chance.child(name), self.weather, self.note, self.lets)
            for name in ("client", "visitor")
        )
        self.peer_world = Peers(
            self.chance.child("peers"),
            self.weather,
            self.spawn,
            self.client.post_callback,
            self.note,
            prompter,
        )
        self.peers: HttpClient = self.peer_world.http
        faces = [one for one in self.replicas if one.name.startswith(("events", "api"))]
        self.watcher = Watcher(faces, self.chance.child("watcher"))
        stage = Stage(self.client, self.peer_world, self.chance.child("actors"), self.store.tables)
        self.plot: Plot = _PLOTS[kind](stage)
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def note(self, fault: Fault) -> None:
        """Keep what went wrong."""
        self.faults.append(fault)
        if fault.what not in KINDS:
            self.oddities.append(f"a fault that is of no kind: {fault}")

    def served_by(self, service: str) -> list[Life]:
        """Return the lives of a service that answer requests."""
        lives = [one.life for one in self.replicas if one.name.startswith(service)]
        return [life for life in lives if life is not None and life.app is not None]

    def spawn(self, work: Awaitable[object]) -> None:
        """Let something happen in the world, whichever life it was begun by."""
        # Outside of every life's context, or the task would die with one.
        coroutine = cast("Coroutine[Any, Any, object]", work)
        task = asyncio.get_running_loop().create_task(coroutine, context=_WORLD)
        self._tasks[task] = None
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            self.oddities.append(f"the simulated world failed: {task.exception()!r}")

    def _replicas(self, builds: Mapping[str, Build]) -> list[Replica]:
        chance = self.chance.child("deployment")
        return [
            Replica(f"{name}-{n}", build, self, chance.child(f"{name}-{n}"))
            for name, build in builds.items()
            for n in range(1, REPLICAS + 1)
        ]

    async def run(self) -> list[str]:
        """Live through the history; return what was wrong."""
        for replica in self.replicas:
            self.spawn(replica.run())
        await asyncio.sleep(0.1)
        self.spawn(self._disasters())
        self.spawn(self._freeze())
        self.spawn(self.watcher.run())
        if self.plot.night and self.lets("night", "world", 0):
            self.spawn(self._after(NIGHTFALL_S, self._fall_asleep))
        there = [one for n, one in enumerate(self.plot.actors()) if self.prompter.acts(n)]
        acting = [asyncio.ensure_future(actor.act()) for actor in there]
        await asyncio.sleep(TROUBLE_S)
        self._clear_up()
        await asyncio.gather(*acting)
        stuck = await self._until_over()
        await self._until_served()
        looked = [*await self.plot.look_back(), *await self._ask_at_rest()]
        await asyncio.sleep(WATCHED_S)
        await self._end()
        rows = {row.id: row for row in self.store.tables.rows(ExecutionRow)}
        log, calls = self.store.tables.log, self.peer_world.http.calls
        return [
            *self.oddities,
            *stuck,
            *looked,
            *self.plot.judged(rows, log),
            *laws.effects(log, calls),
            *laws.late_calls(log, calls, bound=LATE_CALL_S + self.thawed_for),
            *granted(self.client.asked, log, skew=2 * self.weather.skew),
            *laws.answers(self.client.asked),
            *self.watcher.missed(log),
            *laws.lateness(log, calm_from=self._calm(), slack=LATE_S + 2 * self.weather.skew),
            *self._checked(),
        ]

    def _calm(self) -> float:
        """Return from when on all are there and well."""
        woken = NIGHTFALL_S + self.plot.night if self.plot.night else 0.0
        return EPOCH + max(TROUBLE_S, woken, self.thawed_at) + CALM_S - TROUBLE_S

    def _checked(self) -> list[str]:
        """Ask the history checker, which reads the log and nothing else."""
        tables = self.store.tables
        found = history.check(
            tables.log,
            rows=[row for kind in history.VIEWS for row in tables.rows(kind)],
            calls=Counter(call.idempotency_key for call in self.peer_world.http.calls),
            # Any of the faults may have made the broker deliver a task again.
            redelivered=sum(fault.what not in OF_OTHERS for fault in self.faults),
            skew=2 * self.weather.skew,
        )
        return [str(violation) for violation in found]

    async def _ask_at_rest(self) -> Sequence[str]:
        rows = list(self.store.tables.rows(ExecutionRow))
        wrong = await asked_at_rest(self.visitor, self.chance.child("rest"), rows)
        return [*wrong, *laws.answers(self.visitor.asked)]

    # Trouble.

    async def _disasters(self) -> None:
        chance = self.chance.child("disasters")
        count = FEWEST_FAULTS + chance.whole(0, 5)
        kinds: list[Disaster] = ["crash", "crash", "drain", "wipe", "broker away", "log away"]
        allowed = [*chance.some(kinds, len(kinds)), "crash", "clock"]
        instants = sorted(chance.between(0.5, TROUBLE_S - 1.0) for _ in range(count))
        for number, at in enumerate(instants):
            await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))
            what = cast("Disaster", chance.pick(allowed))
            if self.lets(what, "disasters", number):
                self.spawn(self._strike(what, chance.child(str(number))))

    async def _strike(self, what: Disaster, chance: Chance) -> None:
        length = chance.pick([0.2, 3.0, 12.0])
        match what:
            case "crash" | "drain":
                await chance.pick(self.replicas).end(what)
                return
            case "wipe":
                self.broker.wipe()
            case "broker away":
                self.broker.stop()
                self.spawn(self._after(length, self.broker.start))
            case "log away":
                self.weather.log_is_away += 1
                self.spawn(self._after(length, self._log_is_back))
            case "clock":
                self._step_a_clock(chance)
        self.note(Fault(asyncio.get_running_loop().time(), what))

    async def _freeze(self) -> None:
        """Let a process stand still for a while, now and then."""
        chance = self.chance.child("freeze")
        if not chance.hits(0.3) or not self.lets("freeze", "world", 0):
            return
        await asyncio.sleep(chance.between(1.0, 12.0))
        life = chance.pick(self.replicas).life
        if life is None or not life.gate.is_open:
            return
        length = chance.pick(FREEZES)
        self.thawed_at = asyncio.get_running_loop().time() + length
        self.thawed_for = length
        life.stop()
        await asyncio.sleep(length)
        life.go_on()

    def _fall_asleep(self) -> None:
        """Let no scheduler live until the morning."""
        for replica in self.replicas:
            if replica.name.startswith("scheduler"):
                self.note(Fault(NIGHTFALL_S, "night", replica.name))
                replica.asleep_until = NIGHTFALL_S + self.plot.night
                self.spawn(replica.end("crash"))

    def _step_a_clock(self, chance: Chance) -> None:
        life = chance.pick(self.replicas).life
        if life is not None:
            life.clock.skew = chance.between(-self.weather.skew, self.weather.skew)

    async def _after(self, seconds: float, act: Callable[[], None]) -> None:
        await asyncio.sleep(seconds)
        act()

    def _log_is_back(self) -> None:
        self.weather.log_is_away = max(0, self.weather.log_is_away - 1)

    def _clear_up(self) -> None:
        self.weather.clear_up()
        if not self.broker.up:
            self.broker.start()
        # One replica of each service has to manage alone: idle time costs half as much then.
        for replica in self.replicas:
            if not replica.name.endswith("-1"):
                self.spawn(replica.leave())

    # The end.

    async def _until_over(self) -> list[str]:
        """Wait until nothing is owed any more; return what is stuck when the bound has passed."""
        until = asyncio.get_running_loop().time() + BOUND_S
        while True:
            while open_ := self._open():
                if asyncio.get_running_loop().time() > until:
                    return [self._explained(row) for row in open_]
                await self.plot.help()
                await asyncio.sleep(1.0)
            if self.plot.lull:
                await asyncio.sleep(self.plot.lull)
            if not self._open():
                return []

    async def _until_served(self) -> None:
        """Wait for an api that is just being started again; one that never comes is told later."""
        for _ in range(round(BOUND_S)):
            if self.client.is_served:
                return
            await asyncio.sleep(1.0)

    def _open(self) -> list[ExecutionRow]:
        rows = self.store.tables.rows(ExecutionRow)
        return [row for row in rows if row.waiting_for is not None]

    def _explained(self, row: ExecutionRow) -> str:
        now = SimulatedClock().now()
        last = [event.type for event in self.store.tables.log if event.stream.id == row.id][-8:]
        wake = "never" if row.wake_at is None else f"in {row.wake_at - now:.1f} s"
        return (
            f"execution {row.id} is stuck: {row.status}, waits for {row.waiting_for} at "
            f"{', '.join(row.current)}, wakes {wake}, decided {row.handled_version} of "
            f"{row.stream_version}; last: {', '.join(last)}"
        )

    async def _end(self) -> None:
        """Stop everything, so that nothing is left in the loop."""
        for replica in self.replicas:
            if replica.life is not None:
                replica.life.crash()
                await replica.life.buried()
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def simulate(
    seed: int,
    builds: Mapping[str, Build],
    kind: Kind = "sagas",
    *,
    script: Script | None = None,
    talk: bool = False,
) -> History:
    """Live through the history of a seed, or of its script.

    Never raises for what the services do wrong.  The services' own logs are heard only with `talk`:
    they speak of each fault that is meant.
    """
    logging.disable(logging.NOTSET if talk else logging.CRITICAL)
    try:
        # Two plots of one number have nothing in common.
        name = str(seed) if kind == "sagas" else f"{kind}:{seed}"
        with turned(Chance(name, "knobs")):
            return _lived(name, kind, builds, Prompter(script or Script(name)))
    finally:
        logging.disable(logging.NOTSET)


def _lived(seed: str, kind: Kind, builds: Mapping[str, Build], prompter: Prompter) -> History:
    bound, in_order = TROUBLE_S + 3 * BOUND_S, prompter.script.in_order
    loop = SimulatedLoop(f"{seed}/schedule", bound=bound, in_order=in_order)
    loop.set_task_factory(cast("Any", task_factory))
    simulation = Simulation(seed, kind, builds, prompter)
    loop.set_exception_handler(lambda _, context: _keep(simulation.oddities, context))
    hook, sys.unraisablehook = sys.unraisablehook, _ignored(simulation.oddities)
    try:
        violations = loop.run_until_complete(simulation.run())
    except (Deadlock, OutOfTime) as broken:
        violations = [*simulation.oddities, f"the history has no end: {broken!r}"]
    finally:
        loop.close()
        sys.unraisablehook = hook
    return History(
        seed=seed,
        weather=simulation.weather,
        log=simulation.store.tables.log,
        calls=simulation.peer_world.http.calls,
        asked=simulation.client.asked,
        faults=simulation.faults,
        violations=violations,
        rows={row.id: row for row in simulation.store.tables.rows(ExecutionRow)},
        seconds=loop.time(),
        turns=loop.turns,
        script=Script(
            seed, prompter.people, prompter.faults, prompter.odd, prompter.script.in_order
        ),
    )


def _keep(oddities: list[str], context: Mapping[str, Any]) -> None:
    oddities.append(f"unhandled: {context.get('message')}: {context.get('exception')!r}")


def _ignored(oddities: list[str]) -> "Callable[[sys.UnraisableHookArgs], None]":
    def keep(told: "sys.UnraisableHookArgs") -> None:
        oddities.append(f"ignored: {told.exc_value!r} in {told.object!r}")

    return keep
