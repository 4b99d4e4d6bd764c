"""A run whose history cannot be read or written stops by itself; its neighbours go on."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.scheduler.conftest import Desk

from mainspring.domain.envelope import Envelope, Meta, StreamId
from mainspring.domain.errors import Corrupt
from mainspring.ports import Append, Appended, EventLog, Refused
from mainspring.runtime.engine import Start
from mainspring.testing.samples import uuid
from mainspring.testing.shapes import dag, needing

RUNS = [uuid(n, 7) for n in range(5)]
BROKEN = RUNS[2]


class Breaking:
    """A log in which one stream cannot be written, or not be read, while `broken` says so.

    Like the real one it writes what shares a transaction with it, and answers with the error.
    """

    def __init__(self, log: EventLog, verb: str) -> None:
        self._log = log
        self._verb = verb
        self.broken = True

    async def append(self, batch: Sequence[Append]) -> list[Appended | Refused]:
        good = [one for one in batch if not self._breaks("append", one.stream)]
        outcomes = await self._log.append(good)
        if len(good) < len(batch):
            raise Corrupt("one of them cannot be appended to")
        return outcomes

    async def read(
        self, streams: Sequence[StreamId], *, after: int = 0
    ) -> dict[StreamId, list[Envelope]]:
        if any(self._breaks("read", stream) for stream in streams):
            raise Corrupt("one of them cannot be read")
        return await self._log.read(streams, after=after)

    def _breaks(self, verb: str, stream: StreamId) -> bool:
        return self.broken and verb == self._verb and stream.id == BROKEN


async def asked(desk: Desk) -> None:
    """Ask for all the runs, in one batch of the scheduler, which has to read how they began."""
    for id in RUNS:
        start = Start(id=id, project="default", dialect="native", name="n", version="1")
        await desk.engine.start(dag(needing("a")), start, Meta())
        desk.engine.forget(id)
        desk.inbox.poke(id)
    desk.wire.take("events.execution.")


@pytest.mark.parametrize("verb", ["append", "read"])
async def test_a_run_that_the_log_cannot_keep_does_not_hold_up_the_others(
    desk: Desk, verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    await asked(desk)
    log: Any = Breaking(desk.store.log, verb)
    desk.engine.log = log
    await desk.settle()
    assert [getattr(record, "execution", None) for record in caplog.records] == [BROKEN]
    log.broken = False
    others = {id: await desk.status(id) for id in RUNS if id != BROKEN}
    assert set(others.values()) == {"running"}
    assert await desk.status(BROKEN) == "pending"
    await desk.answer()
    await desk.pass_time(60.0, BROKEN)
    await desk.answer()
    assert {await desk.status(id) for id in RUNS} == {"succeeded"}
