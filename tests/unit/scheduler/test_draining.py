"""A scheduler that leaves finishes what it was told, if it can, and does not wait for itself."""

import asyncio
from collections.abc import Iterable

from tests.unit.scheduler.conftest import Desk

from mainspring.domain.envelope import Meta
from mainspring.domain.rows import TimerRow
from mainspring.runtime.engine import Start
from mainspring.testing.patience import moment
from mainspring.testing.samples import uuid
from mainspring.testing.shapes import dag, needing

ID = uuid(1, 7)


def ignore(_: Iterable[TimerRow]) -> None:
    """No timer is noted."""


async def told(desk: Desk) -> None:
    """Let the scheduler hear of a run that it has not decided about."""
    start = Start(id=ID, project="default", dialect="native", name="n", version="1")
    await desk.engine.start(dag(needing("a")), start, Meta())
    desk.inbox.poke(ID)


async def test_who_leaves_before_it_decides_leaves_what_it_heard_to_others(desk: Desk) -> None:
    await told(desk)
    await asyncio.wait_for(desk.advancer.finish(), 5)
    assert await desk.status(ID) == "pending"


async def test_who_leaves_decides_what_it_heard(desk: Desk) -> None:
    deciding = asyncio.create_task(desk.advancer.run(ignore))
    await moment(0)
    await moment(0)
    await told(desk)
    await asyncio.wait_for(desk.advancer.finish(), 5)
    assert await desk.status(ID) == "running"
    deciding.cancel()
    await asyncio.gather(deciding, return_exceptions=True)
