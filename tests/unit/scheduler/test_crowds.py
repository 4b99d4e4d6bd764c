"""Many processes change one run at once: each request is decided in the end, in its own right."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.scheduler.conftest import Desk

from mainspring.domain.envelope import Meta
from mainspring.domain.errors import IllegalTransition, VersionConflict
from mainspring.domain.execution import commands as c
from mainspring.ports import Append, Appended, EventLog, Refused
from mainspring.runtime.clock import SystemClock, SystemRandom
from mainspring.runtime.engine import Answer, Engine
from mainspring.testing.patience import moment
from mainspring.testing.shapes import dag, wait

PROCESSES, EACH = 5, 12


class Far:
    """A log that takes its time, so that what was read is old when it is appended to."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.refused = 0

    async def read(self, *asked: Any, **rest: Any) -> Any:
        found = await self._log.read(*asked, **rest)
        await moment(0.0005)
        return found

    async def append(self, batch: Sequence[Append]) -> list[Appended | Refused]:
        await moment(0.0005)
        outcomes = await self._log.append(batch)
        self.refused += sum(isinstance(outcome, Refused) for outcome in outcomes)
        return outcomes


class Behind(SystemClock):
    """A clock that is far behind that of everybody else."""

    def now(self) -> float:
        return 1000.0


def process(desk: Desk, log: Any, clock: SystemClock | None = None) -> Engine:
    store, engine = desk.store, desk.engine
    return Engine(
        log=log,
        views=store.views,
        snapshots=store.snapshots,
        bus=engine.bus,
        clock=clock or SystemClock(),
        ids=engine.ids,
        chance=SystemRandom(),
    )


def send(n: int) -> c.SendEvent:
    return c.SendEvent(ref=f"w{n}", visit=1, attempt=1, payload=n, sent_by="me", now=0.0)


async def test_many_processes_that_change_one_run_at_once_all_get_their_answer(desk: Desk) -> None:
    waits = [wait(f"w{n}", key=f"k{n}") for n in range(PROCESSES * EACH)]
    id = await desk.start(dag(*waits))
    log = Far(desk.store.log)
    engines = [process(desk, log) for _ in range(PROCESSES)]
    answers = await asyncio.gather(
        *(
            engines[n % PROCESSES].ask(id, send(n), project=None, meta=Meta())
            for n in range(PROCESSES * EACH)
        )
    )
    assert all(answer.changed for answer in answers)
    assert log.refused > 0
    assert all(len(engine.turns) == 0 for engine in engines)
    await desk.settle()
    x = await desk.state(id)
    steps = [x.of(f"w{n}") for n in range(len(waits))]
    assert [step and step.output for step in steps] == list(range(len(waits)))


async def test_of_many_processes_that_send_to_one_wait_one_wins(desk: Desk) -> None:
    id = await desk.start(dag(wait("w0", key="k")))
    log = Far(desk.store.log)
    engines = [process(desk, log) for _ in range(PROCESSES)]

    async def one(n: int) -> Answer | IllegalTransition:
        command = c.SendEvent(ref="w0", visit=1, attempt=1, payload=n, sent_by="me", now=0.0)
        try:
            return await engines[n % PROCESSES].ask(id, command, project=None, meta=Meta())
        except IllegalTransition as refused:
            return refused

    answers = await asyncio.gather(*(one(n) for n in range(PROCESSES * EACH)))
    assert sum(isinstance(answer, Answer) for answer in answers) == 1


async def test_a_request_that_others_always_overtake_is_told_so_in_bounded_time(
    desk: Desk,
) -> None:
    id = await desk.start(dag(wait("w0", key="k")))

    class Never(Far):
        async def append(self, batch: Sequence[Append]) -> list[Appended | Refused]:
            self.refused += 1
            return [Refused("conflict") for _ in batch]

    log = Never(desk.store.log)
    async with asyncio.timeout(10):
        with pytest.raises(VersionConflict):
            await process(desk, log).ask(id, send(0), project=None, meta=Meta())
    assert log.refused > 10


async def test_the_state_at_an_instant_is_whole_where_clocks_are_apart(desk: Desk) -> None:
    id = await desk.start(dag(wait("w0", key="k")))
    engine = process(desk, desk.store.log, Behind())
    answer = await engine.ask(id, send(0), project=None, meta=Meta())
    assert answer.changed
    then = await engine.load(id, as_of=1000.0)
    assert then is not None
    assert then.version == answer.execution.version
    assert await engine.load(id, as_of=999.0) is None
