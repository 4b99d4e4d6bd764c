"""The frame of every service: start in order, run, drain, leave.

    listen ─ connect ─ build ─ start parts ─ ready ─ … ─ not ready ─ drain ─ close ─ exit

The port opens first, so probes are answered while the neighbours are still away.  The first
SIGTERM or SIGINT drains: nothing new is begun, what is in flight ends or is handed back.  A second
one, or the end of `MAINSPRING_DRAIN_SECONDS`, leaves at once, which must be as safe as `kill -9`
anyway.  A loop that ends by itself takes the process down: a supervisor restarts a process, and
restarting the loop here, the rival, would hide that it has lost what it held.

Exit codes are in `Exit`; after a second signal it is 128 and the signal's number.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import IntEnum
from types import FrameType
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp

from mainspring.http.health import Health
from mainspring.ports import Clock
from mainspring.runtime.clock import SystemClock
from mainspring.runtime.config import Config, ConfigInvalid
from mainspring.runtime.listener import Listener, PortTaken
from mainspring.runtime.world import (
    Adapters,
    Broker,
    Store,
    World,
    ask_bus,
    ask_store,
    persist,
    until_current,
)
from mainspring.telemetry import logs, metrics, spans

BEAT_S = 0.5
LOOP_PATIENCE_S = 5.0
COLLECT: Final = (50_000, 20, 50)
"""Objects left over, and collections of the younger, before the collector looks at a generation."""
SOFT_SHARE: Final = 0.9  # of the drain seconds; the rest is for closing connections
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Exit(IntEnum):
    """How the process ended, for its supervisor."""

    DRAINED = 0
    FAILED = 1  # a loop ended by itself, or the service could not be built
    MISCONFIGURED = 2
    TOO_SLOW = 3  # the drain seconds were over
    PORT_TAKEN = 4


class Component(Protocol):
    """A part of a service with a life of its own."""

    @property
    def name(self) -> str: ...

    async def start(self) -> None:
        """Make ready; the service is not ready before all parts have started."""
        ...

    async def run(self) -> None:
        """Work until drained.  To return before that, or to raise, ends the process."""
        ...

    async def drain(self) -> None:
        """Begin nothing new; return when what was begun is finished or handed back."""
        ...


class Service(NamedTuple):
    """What a build gives: the parts, started in order and drained together, and the HTTP face."""

    components: Sequence[Component] = ()
    app: ASGIApp | None = None


Build = Callable[[World], Awaitable[Service]]


class Frame:
    """One life of one service.  `serve` returns its exit code; `stop` makes it drain."""

    def __init__(
        self,
        config: Config,
        build: Build,
        adapters: Adapters,
        *,
        clock: Clock | None = None,
        last_resort: Callable[[float], object] = lambda _: None,
    ) -> None:
        self.config = config
        self.health = Health(clock or SystemClock())
        self.health.block("starting", "starting")
        self.listener = Listener(config.host, config.port, self.health)
        self._build = build
        self._adapters = adapters
        self._clock = clock or SystemClock()
        self._last_resort = last_resort
        self._stopping = asyncio.Event()
        self._draining = asyncio.Event()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Drain and return from `serve`.  Asking twice changes nothing."""
        if not self._stopping.is_set():
            _log.info("stopping", extra={"drain_seconds": self.config.drain_seconds})
            self.health.block("draining", "draining")
            self._stopping.set()

    async def serve(self) -> Exit:
        """Live from the open port to the closed one; raise `PortTaken` when it is not free."""
        await self.listener.open()
        _log.info("listening", extra={"host": self.config.host, "port": self.listener.port})
        beating = asyncio.create_task(self._beat(), name="event loop")
        try:
            return await self._connected_life()
        finally:
            beating.cancel()
            await self.listener.close()
            _log.info("stopped")

    async def _beat(self) -> None:
        """Show that the event loop turns.  A call that blocks it makes this late."""
        heart = self.health.heart("event loop", LOOP_PATIENCE_S)
        while True:
            heart.beat()
            await asyncio.sleep(BEAT_S)

    async def _connected_life(self) -> Exit:
        async with asyncio.TaskGroup() as opening:
            store_task = opening.create_task(self._opened_store())
            bus_task = opening.create_task(self._opened_bus())
        store, bus = store_task.result(), bus_task.result()
        try:
            return await self._life(store, bus) if store and bus else Exit.DRAINED
        finally:
            # The broker first: what still comes from it could only be refused.
            for neighbour in (bus, store):
                if neighbour is not None:
                    await neighbour.close()

    async def _opened_store(self) -> Store | None:
        store = await self._unless_stopped(
            persist("event log", lambda: self._adapters.open_store(self.config), self.health)
        )
        if store is not None:
            await self._unless_stopped(until_current(store, self.health))
        return store

    async def _opened_bus(self) -> Broker | None:
        return await self._unless_stopped(
            persist("broker", lambda: self._adapters.open_bus(self.config), self.health)
        )

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Return what `work` gives, or None when the service is told to stop before it does."""
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait([task])
        return None

    async def _life(self, store: Store, bus: Broker) -> Exit:
        if self.is_stopping:
            return Exit.DRAINED
        self.health.check(lambda: ask_store(store))
        self.health.check(lambda: ask_bus(bus))
        try:
            service = await self._build(self._world(store, bus))
            for component in service.components:
                await component.start()
        except Exception:  # noqa: BLE001 - whatever it is, the process ends with it
            _log.exception("the service cannot start")
            return Exit.FAILED
        tasks = [asyncio.create_task(c.run(), name=c.name) for c in service.components]
        self.listener.serve(service.app or Starlette())
        self.health.clear("starting")
        _log.info("ready")
        died = await self._until_over([*tasks, self.listener.serving])
        return await self._drained(service, tasks, died=died)

    def _world(self, store: Store, bus: Broker) -> World:
        return World(
            config=self.config,
            log=store.log,
            views=store.views,
            blobs=store.blobs,
            snapshots=store.snapshots,
            bus=bus,
            health=self.health,
            draining=self._draining,
            clock=self._clock,
        )

    async def _until_over(self, tasks: Sequence[asyncio.Task[None]]) -> bool:
        """Wait for the order to stop, and return True if a loop ended before it came."""
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        died = False if self.is_stopping else any(_tell_death(task) for task in tasks)
        self.stop()
        return died

    async def _drained(
        self, service: Service, tasks: Sequence[asyncio.Task[None]], *, died: bool
    ) -> Exit:
        self._last_resort(self.config.drain_seconds)
        try:
            async with asyncio.timeout(self.config.drain_seconds * SOFT_SHARE):
                await self._drain(service, tasks)
        except TimeoutError:
            _log.error("the drain seconds are over; leaving what is in flight")
            return Exit.FAILED if died else Exit.TOO_SLOW
        except Exception:  # noqa: BLE001 - whatever it is, the process ends with it
            _log.exception("draining failed")
            return Exit.FAILED
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return Exit.FAILED if died else Exit.DRAINED

    async def _drain(self, service: Service, tasks: Sequence[asyncio.Task[None]]) -> None:
        if any(not task.done() for task in tasks) or service.app is not None:
            await asyncio.sleep(self.config.drain_notice_seconds)
        self._draining.set()
        async with asyncio.TaskGroup() as draining:
            draining.create_task(self.listener.drain())
            for component in service.components:
                draining.create_task(component.drain())
        await asyncio.gather(*tasks, return_exceptions=True)


def _tell_death(task: asyncio.Task[None]) -> bool:
    """Log how a loop ended, and say whether it did."""
    if not task.done():
        return False
    fault = None if task.cancelled() else task.exception()
    how = "was cancelled" if task.cancelled() else "failed" if fault else "returned"
    _log.critical("the loop %r %s; leaving", task.get_name(), how, exc_info=fault)
    return True


def main(build: Build, service: str) -> None:
    """Run a service as this process, told by its environment; never return."""
    try:
        config = Config.from_env(service, os.environ)
    except ConfigInvalid as invalid:
        sys.stderr.writelines(f"mainspring {service}: {fault}\n" for fault in invalid.faults)
        sys.exit(Exit.MISCONFIGURED)
    logs.configure(service, config.log_level, config.secrets())
    _log.info("starting", extra={"config": str(config), "pid": os.getpid()})
    metrics.describe_build(service)
    if config.otlp_endpoint:
        _trace(config)
    _calm_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_process(config, build))
    spans.flush()
    sys.exit(code)


def _calm_collector() -> None:
    """Keep what was imported out of the collector's sight, and let it look less often.

    Nearly all that a request or a step allocates is freed by its last reference.  The collector's
    own pace, a look at every 700 objects that are left over, finds next to nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


def _trace(config: Config) -> None:
    try:
        spans.enable(config.otlp_endpoint, config.service)
    except spans.TracingUnavailable as unavailable:
        _log.critical("%s", unavailable)
        sys.exit(Exit.MISCONFIGURED)


async def _process(config: Config, build: Build) -> int:
    frame = Frame(config, build, _adapters(), last_resort=_leave_after)
    _on_signals(frame)
    try:
        return await frame.serve()
    except PortTaken as taken:
        _log.critical("%s", taken)
        return Exit.PORT_TAKEN


def _on_signals(frame: Frame) -> None:
    loop = asyncio.get_running_loop()
    told = False

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal told
        if told:
            os._exit(128 + number)
        told = True
        loop.call_soon_threadsafe(frame.stop)

    # Not the loop's own handlers: those run only while it turns, and a second signal is for the
    # case that it does not.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def _leave_after(seconds: float) -> None:
    """Leave when `seconds` are over, in whatever state: a thread does not need the event loop."""
    timer = threading.Timer(seconds, os._exit, [int(Exit.TOO_SLOW)])
    timer.daemon = True
    timer.start()


def _adapters() -> Adapters:
    from mainspring.runtime.adapters import open_bus, open_store  # noqa: PLC0415 - tests need none

    return Adapters(open_store, open_bus)
