"""One life of one service, and the place in which lives follow each other.

A service is built by the same function as in production, on gated ports.  A crash shuts the gate
and cancels every task that the life has begun; a new life starts after a pause, with fresh memory,
on the same log and broker.  A loop that ends by itself ends the life too, as the real frame does,
and is noted: the simulation calls that a fault of ours.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from typing import Any, Final, Literal, NamedTuple, Protocol, cast

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mainspring.bus.memory import MemoryBus
from mainspring.bus.memory_broker import MemoryBroker
from mainspring.domain.errors import Transient
from mainspring.http.health import Health
from mainspring.ports import Blobs, HttpClient, Snapshots, Views
from mainspring.runtime.config import CallbackKey, Config
from mainspring.runtime.service import Component, Service
from mainspring.runtime.world import World
from mainspring.store.memory import MemoryStore
from mainspring.testing.simulation.between import Between
from mainspring.testing.simulation.faults import Chance, Fault, Weather
from mainspring.testing.simulation.gate import Gate, Gated
from mainspring.testing.simulation.loop import OWNER, SimulatedLoop
from mainspring.testing.simulation.world import (
    GatedBus,
    GatedHttp,
    GatedLog,
    SimulatedClock,
    SimulatedIds,
    SimulatedRandom,
    Spawn,
)


class Neighbours(NamedTuple):
    """Whom a service speaks to by itself: an executor the peers, the api the events service."""

    peers: HttpClient
    events: httpx.AsyncBaseTransport


Build = Callable[[World, Neighbours], Awaitable[Service]]
"""How a service is put together."""

KEYS: Final = (CallbackKey("sim", b"a key of the simulation, 32 bytes"),)
PUBLIC_URL: Final = "http://mainspring.test"
DRAIN_S: Final = 10.0
_MANY_TASKS: Final = 64
_log = logging.getLogger(__name__)


class Surroundings(Protocol):
    """What every life stands in, and what outlives it."""

    oddities: list[str]

    @property
    def store(self) -> MemoryStore: ...
    @property
    def broker(self) -> MemoryBroker: ...
    @property
    def weather(self) -> Weather: ...
    @property
    def peers(self) -> HttpClient: ...
    def served_by(self, service: str) -> "Sequence[Life]": ...
    def note(self, fault: Fault) -> None: ...
    def lets(self, what: str, where: str, number: int) -> bool: ...
    def spawn(self, work: Awaitable[object]) -> None: ...


class Life:
    """One incarnation, from its build to its crash or the end of its drain."""

    def __init__(
        self, name: str, build: Build, around: Surroundings, chance: Chance, number: int = 1
    ) -> None:
        self.name = name
        self.ended = asyncio.Event()
        self.app: ASGIApp | None = None
        self._around = around
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._most = _MANY_TASKS
        self._inside = 0
        self._build = build
        self._service = Service()
        self._draining = asyncio.Event()
        self.context: Context = copy_context()
        self.context.run(OWNER.set, self)
        weather = around.weather
        self.gate = Gate(
            f"{name}/{number}", chance, weather, note=around.note, lets=around.lets, die=self.crash
        )
        skew = chance.between(-weather.skew, weather.skew)
        is_off = bool(weather.skew) and around.lets("skew", self.gate.name, 0)
        self.clock = SimulatedClock(skew if is_off else 0.0)
        if is_off:
            self.gate.fault("skew")
        self._chance = chance
        self.own(self._main(), name="main")

    def owns(self, task: asyncio.Task[Any]) -> None:
        """Count a task as this life's, to be cancelled with it."""
        self._tasks[task] = None
        if len(self._tasks) > self._most:
            self._tasks = {kept: None for kept in self._tasks if not kept.done()}
            self._most = max(_MANY_TASKS, 2 * len(self._tasks))
        if not self.gate.is_open:
            task.cancel()

    def own(self, work: Coroutine[Any, Any, Any], name: str = "") -> asyncio.Task[Any]:
        """Run something as part of this life."""
        loop = asyncio.get_running_loop()
        return loop.create_task(work, name=f"{self.name} {name}", context=self.context.copy())

    def crash(self) -> None:
        """End at once: nothing more gets out, whatever is still run."""
        if not self.gate.is_open:
            return
        self.gate.is_open = False
        self.app = None
        self.go_on()
        for task in list(self._tasks):
            task.cancel()
        self.ended.set()

    def stop(self) -> None:
        """Stand still, with all that is under way, as a stopped process does."""
        self.gate.fault("freeze")
        cast("SimulatedLoop", asyncio.get_running_loop()).stop_process(self)

    def go_on(self) -> None:
        """Go on where it stood still, and know nothing of it."""
        cast("SimulatedLoop", asyncio.get_running_loop()).go_on(self)

    async def buried(self) -> None:
        """Return when nothing of a dead life moves any more; note what does not want to die."""
        left = [task for task in self._tasks if not task.done()]
        if left:
            _, left = await asyncio.wait(left, timeout=5.0)
        for task in left:
            self._around.oddities.append(f"{task.get_name()} does not end when it is cancelled")

    async def drain(self) -> None:
        """Leave in order, as on SIGTERM; what takes too long is cut off."""
        if not self.gate.is_open:
            return
        self.app = None
        try:
            async with asyncio.timeout(DRAIN_S * 0.9):
                await self.own(self._drained(), name="drain")
        except (TimeoutError, asyncio.CancelledError):
            pass  # cut off, or it crashed while it drained
        self.crash()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Let the app answer one request; False when it did not get to the end of it."""
        app = self.app
        if app is None:
            return False
        answering = self.own(self._answered(app, scope, receive, send), f"serve {scope['path']}")
        ended = asyncio.ensure_future(self.ended.wait())
        try:
            await asyncio.wait([answering, ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        return answering.done() and not answering.cancelled() and self.gate.is_open

    async def _answered(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        async def gated(message: Message) -> None:
            self.gate.point()
            await send(message)

        self._inside += 1
        try:
            await app(scope, receive, gated)
        except Exception as fault:  # noqa: BLE001 - a server would answer 500 and go on
            _log.exception("the app of %s raised", self.name)
            self._around.oddities.append(f"{self.name} {scope['path']}: raised {fault!r}")
        finally:
            self._inside -= 1

    async def _drained(self) -> None:
        # Streams end because of this; requests are answered to their end.
        self._draining.set()
        while self._inside:  # noqa: ASYNC110 - costs nothing in virtual time
            await asyncio.sleep(0.01)
        components = self._service.components
        await asyncio.gather(*(component.drain() for component in components))

    async def _main(self) -> None:
        bus = MemoryBus(SimulatedClock(), broker=self._around.broker)
        self._around.spawn(self._closed(bus))
        running: list[asyncio.Task[None]] = []
        try:
            self._service = await self._build(self._world(bus), self._neighbours())
            for component in self._service.components:
                await component.start()
        except Transient as away:
            _log.info("%s cannot start: %s", self.name, away)
            self.crash()
            return
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is a fault of ours
            _log.exception("%s cannot be built", self.name)
            self._around.oddities.append(f"{self.name} cannot be built: {fault!r}")
            self.crash()
            return
        running = [self._begun(component) for component in self._service.components]
        self.app = self._service.app
        if running:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            self._judge(running)

    def _begun(self, component: Component) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(component.run(), name=component.name)

    def _judge(self, running: list[asyncio.Task[None]]) -> None:
        """Note a loop that ended although nobody told it to."""
        for task in running:
            if task.done() and self.gate.is_open and not self._draining.is_set():
                fault = None if task.cancelled() else task.exception()
                self._around.oddities.append(f"{self.name} ended by itself: {_told(fault)}")
                _log.error("%s ended by itself", self.name, exc_info=fault)
        if not self._draining.is_set():
            self.crash()

    async def _closed(self, bus: MemoryBus) -> None:
        await self.ended.wait()
        await bus.close()

    def _neighbours(self) -> Neighbours:
        around = self._around
        events = Between(self.gate, lambda: around.served_by("events"))
        return Neighbours(GatedHttp(self.gate, around.peers), events)

    def _world(self, bus: MemoryBus) -> World:
        store, gate, spawn = self._around.store, self.gate, self._around.spawn
        own = cast("Spawn", self.own)
        return World(
            config=_config(self.name.split("-")[0]),
            log=GatedLog(gate, store.log, spawn),
            views=cast("Views", Gated(gate, store.views)),
            blobs=cast("Blobs", Gated(gate, store.blobs)),
            snapshots=cast("Snapshots", Gated(gate, store.snapshots)),
            bus=GatedBus(gate, bus, spawn, own),
            health=Health(self.clock),
            draining=self._draining,
            clock=self.clock,
            ids=SimulatedIds(self._chance.child("ids"), self.clock),
            chance=SimulatedRandom(self._chance.child("luck")),
        )


class Replica:
    """A place in the deployment: one life after another, until it is told to rest."""

    def __init__(self, name: str, build: Build, around: Surroundings, chance: Chance) -> None:
        self.name = name
        self.life: Life | None = None
        self.asleep_until = 0.0
        self._build = build
        self._around = around
        self._chance = chance
        self._is_wanted = True

    async def run(self) -> None:
        """Live, die, pause, live again, until nobody wants it any more."""
        number = 0
        while self._is_wanted:
            number += 1
            own = self._chance.child(str(number))
            self.life = Life(self.name, self._build, self._around, own, number)
            await self.life.ended.wait()
            await self.life.buried()
            await asyncio.sleep(self._chance.around(1.0))
            await asyncio.sleep(max(0.0, self.asleep_until - asyncio.get_running_loop().time()))

    async def leave(self) -> None:
        """Drain, and do not come back."""
        self._is_wanted = False
        if self.life is not None:
            await self.life.drain()

    async def end(self, how: Literal["crash", "drain"]) -> None:
        """Kill the present life, or let it drain; the next one begins by itself."""
        life = self.life
        if life is None or not life.gate.is_open:
            return
        life.gate.fault(how)
        if how == "drain":
            await life.drain()
        else:
            life.crash()


def _told(fault: BaseException | None) -> str:
    while isinstance(fault, BaseExceptionGroup):
        fault = cast("BaseExceptionGroup[BaseException]", fault).exceptions[0]
    return repr(fault) if fault is not None else "it returned"


def _config(service: str) -> Config:
    return Config(
        service=service,
        database_url="postgresql://simulated",
        nats_url="nats://simulated",
        public_url=PUBLIC_URL,
        callback_keys=KEYS,
        allow_private_egress=True,
        drain_seconds=DRAIN_S,
    )


class SimulatedTask(asyncio.Task[Any]):
    """A task with a number for its hash.

    asyncio keeps tasks in sets, and goes through them when it cancels a group: by addresses, and
    with that in another order in each run, unless they are told apart by something else.
    """

    def __init__(
        self, work: Coroutine[Any, Any, Any], *, loop: asyncio.AbstractEventLoop, **options: object
    ) -> None:
        self._number = cast("SimulatedLoop", loop).next_number()
        super().__init__(work, loop=loop, **cast("dict[str, Any]", options))

    def __hash__(self) -> int:
        return self._number


def task_factory(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: object
) -> asyncio.Task[Any]:
    """Make a task, and count it to the life that begins it."""
    context = cast("Context | None", options.get("context"))
    task: asyncio.Task[Any] = SimulatedTask(work, loop=loop, **options)
    life = OWNER.get() if context is None else context.get(OWNER)
    if isinstance(life, Life):
        life.owns(task)
    return task
