"""A sweep says how late everything is, and moves what its row would keep still."""

import pytest
from prometheus_client import REGISTRY
from tests.unit.scheduler.conftest import Desk

from mainspring.bus.memory import MemoryBus
from mainspring.domain.envelope import EMPTY, StreamId
from mainspring.domain.message import replace
from mainspring.domain.rows import ExecutionRow, TimerGone
from mainspring.testing.samples import append, starter_row
from mainspring.testing.shapes import path, sleep
from mainspring_scheduler.partitions import Partitions
from mainspring_scheduler.sweep import EVERY, Sweep


@pytest.fixture
def sweep(desk: Desk) -> Sweep:
    alone = Partitions("me", MemoryBus(desk.clock), desk.clock)
    return Sweep(desk.engine, desk.inbox, alone, desk.chores)


def told(name: str) -> float | None:
    return REGISTRY.get_sample_value(f"mainspring_{name}")


async def test_a_run_whose_row_would_keep_it_still_moves_when_the_log_says_so(
    desk: Desk, sweep: Sweep
) -> None:
    id = await desk.start(path(sleep("nap", 60.0)))
    row = desk.store.tables.row(ExecutionRow, id)
    assert row is not None
    desk.store.tables.write(replace(row, waiting_for=None, wake_at=None))
    desk.store.tables.write(TimerGone(id, "nap"))

    await sweep.tick()
    assert told("executions_without_wakeup") == 1
    await desk.settle()
    assert await desk.status(id) == "running"

    desk.clock.at += 60.0
    for _ in range(6):
        await sweep.tick()
        await desk.settle()
    assert await desk.status(id) == "succeeded"
    assert await desk.store.views.ailing(now=desk.clock.at + 1e6, limit=9) == []


async def test_a_sweep_tells_how_late_everything_is(desk: Desk, sweep: Sweep) -> None:
    await desk.start(path(sleep("nap", 60.0)))
    late = starter_row(1, due_at=desk.clock.at + 30.0)
    await desk.store.log.append([append(StreamId("starter", late.id), EMPTY, late)])
    desk.clock.at += 60.0 + 2 * EVERY

    await sweep.tick()
    assert told("executions_overdue") == 1
    assert told("executions_most_overdue_seconds") == pytest.approx(2 * EVERY)
    assert told("starters_overdue") == 1
