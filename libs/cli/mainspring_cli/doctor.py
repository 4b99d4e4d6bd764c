"""`mainspring doctor`: what does not move, why, and what is done about it.

It looks at the database alone, so it works while services and the broker are away; with a broker
named, tasks that it hands out are under way at once instead of in their time.  Mending beside
running services is safe: every append names what it was decided on, and one of the two is refused.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from mainspring_cli.store import StoreAway, reaching

if TYPE_CHECKING:
    from mainspring.domain.ailments import Ailment
    from mainspring.ports import Bus
    from mainspring.runtime.doctor import Treated
    from mainspring.store.postgres import PostgresStore

MOST: Final = 1000
"""Ailments that are looked at in one round."""

ROUNDS: Final = 10
"""Rounds of mending: what is mended may have hidden something else."""

POOL: Final = 3


class Consultation(NamedTuple):
    """What was found, what was done about it, and what is wrong after that."""

    found: "list[Ailment]"
    treated: "list[Treated]"
    left: "list[Ailment]"


async def consult(
    dsn: str, nats_url: str = "", *, repair: bool = False, grace: float = 60.0
) -> Consultation:
    """Look for what does not move, and mend it if told to.

    Raises `StoreAway` when the database cannot be used.
    """
    async with _opened(dsn) as store:
        found = await _found(store, grace)
        if not repair or not found:
            return Consultation(found, [], found)
        with reaching(dsn):
            treated = await _mend(dsn, nats_url, store, grace, found)
        return Consultation(found, treated, await _found(store, grace))


async def _mend(
    dsn: str, nats_url: str, store: "PostgresStore", grace: float, found: "list[Ailment]"
) -> "list[Treated]":
    from mainspring.runtime.clock import SystemClock, SystemIds, SystemRandom  # noqa: PLC0415
    from mainspring.runtime.doctor import Doctor  # noqa: PLC0415
    from mainspring.runtime.engine import Engine  # noqa: PLC0415
    from mainspring.store.mend import mending  # noqa: PLC0415

    treated: list[Treated] = []
    async with mending(dsn) as rows, _bus(nats_url) as bus:
        engine = Engine(
            log=store.log,
            views=store.views,
            snapshots=store.snapshots,
            bus=bus,
            clock=SystemClock(),
            ids=SystemIds(),
            chance=SystemRandom(),
        )
        doctor = Doctor(engine, rows)
        for _ in range(ROUNDS):
            seen = {(one.ailment.kind, one.ailment.id) for one in treated}
            new = [one for one in found if (one.kind, one.id) not in seen]
            if not new:
                break
            treated += await doctor.mend(new)
            found = await _found(store, grace)
    return treated


async def _found(store: "PostgresStore", grace: float) -> "list[Ailment]":
    from mainspring.runtime.clock import SystemClock  # noqa: PLC0415

    return await store.views.ailing(now=SystemClock().now(), grace=grace, limit=MOST)


@asynccontextmanager
async def _opened(dsn: str) -> "AsyncGenerator[PostgresStore]":
    from mainspring.store.postgres import PostgresStore  # noqa: PLC0415

    with reaching(dsn):
        store = await PostgresStore.open(dsn, POOL, application_name="mainspring-doctor")
    try:
        if not await store.ready():
            raise StoreAway("the schema is not the one of this code: run `mainspring migrate`")
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _bus(nats_url: str) -> "AsyncGenerator[Bus]":
    """Yield the broker; without one, a broker whose messages reach nobody."""
    from mainspring.bus.jetstream import JetStreamBus  # noqa: PLC0415
    from mainspring.bus.memory import MemoryBus  # noqa: PLC0415
    from mainspring.runtime.clock import SystemClock  # noqa: PLC0415

    if nats_url:
        bus = await JetStreamBus.connect(nats_url, name="mainspring-doctor")
    else:
        bus = MemoryBus(SystemClock())
    try:
        yield bus
    finally:
        await bus.close()
