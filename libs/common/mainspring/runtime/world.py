"""What a service stands on: the ports, wired to adapters that are connected, or kept trying.

A service that starts before its neighbours waits for them: it says why it is not ready and tries
again, later each time.  Leaving instead, so that a supervisor starts it again, lost: the start of
a whole stack would then depend on its order.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from mainspring.domain.errors import MainspringError
from mainspring.http.health import Health
from mainspring.ports import Blobs, Bus, Clock, EventLog, Ids, Random, Snapshots, Views
from mainspring.runtime.clock import SystemClock, SystemIds, SystemRandom
from mainspring.runtime.config import Config

FIRST_DELAY_S = 0.1
LAST_DELAY_S = 5.0
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Store(Protocol):
    """The log, what is derived from it, and whether both can be used."""

    @property
    def log(self) -> EventLog: ...
    @property
    def views(self) -> Views: ...
    @property
    def blobs(self) -> Blobs: ...
    @property
    def snapshots(self) -> Snapshots: ...

    async def unready(self) -> Sequence[str]:
        """Return why it cannot be used: it does not answer, or its schema is not the code's."""
        ...

    async def close(self) -> None: ...


class Broker(Bus, Protocol):
    """A bus that can be left."""

    async def close(self) -> None: ...


class Adapters(NamedTuple):
    """How to open the two neighbours; tests hand in memory."""

    open_store: Callable[[Config], Awaitable[Store]]
    open_bus: Callable[[Config], Awaitable[Broker]]


class World(NamedTuple):
    """All that a service is built from.  `draining` is set when no new work may be begun."""

    config: Config
    log: EventLog
    views: Views
    blobs: Blobs
    snapshots: Snapshots
    bus: Bus
    health: Health
    draining: asyncio.Event
    clock: Clock = SystemClock()
    ids: Ids = SystemIds()
    chance: Random = SystemRandom()


async def persist(what: str, open_it: Callable[[], Awaitable[T]], health: Health) -> T:
    """Open a neighbour, trying again until it answers; not ready, with the reason, until then."""
    delay = FIRST_DELAY_S
    health.block(what, f"{what}: not connected yet")
    while True:
        try:
            opened = await open_it()
        except Exception as failure:  # noqa: BLE001 - each adapter fails in its own way
            # The text may name hosts and users, so it goes to the log and not to the probe.
            _log.warning("%s does not answer: %s", what, failure, extra={"retry_in_s": delay})
            health.block(what, f"{what}: does not answer ({type(failure).__name__})")
            await asyncio.sleep(delay)
            delay = min(2 * delay, LAST_DELAY_S)
        else:
            health.clear(what)
            return opened


async def until_current(store: Store, health: Health) -> None:
    """Return when the store can be used: another process may have to migrate it first."""
    delay = FIRST_DELAY_S
    while reasons := await ask_store(store):
        health.block("schema", "; ".join(reasons))
        _log.warning("the event log cannot be used yet: %s", "; ".join(reasons))
        await asyncio.sleep(delay)
        delay = min(2 * delay, LAST_DELAY_S)
    health.clear("schema")


async def ask_store(store: Store) -> Sequence[str]:
    """Return why the store cannot be used, also when it cannot be asked."""
    try:
        return await store.unready()
    except (MainspringError, OSError) as failure:
        _log.debug("the event log does not answer", exc_info=failure)
        return (f"event log: does not answer ({type(failure).__name__})",)


async def ask_bus(bus: Bus) -> Sequence[str]:
    """Return why the bus cannot be used."""
    return () if bus.connected() else ("broker: not connected",)
