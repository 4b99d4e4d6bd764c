"""Bounded workflows at their corners: families, runs that are taken up again, long histories."""

import pytest
from tests.unit.scheduler.conftest import Desk

from mainspring.domain.envelope import Meta
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.react import TendGate
from mainspring.domain.gate import gate_stream
from mainspring.domain.message import replace
from mainspring.runtime import gates
from mainspring.testing.history import VIEWS, check, report
from mainspring.testing.shapes import child, dag, needing, wait
from mainspring_scheduler.partitions import Partitions
from mainspring_scheduler.sweep import Sweep

ONE = dag(needing("a"), max_runs=1)
TEND = TendGate(project="default", workflow="n")


async def statuses(desk: Desk, *ids: str) -> list[str]:
    return [await desk.status(id) for id in ids]


async def must_be_lawful(desk: Desk) -> None:
    log = await desk.store.log.read_all(after=0, limit=100_000)
    rows = [row for kind in VIEWS for row in desk.store.tables.rows(kind)]
    violations = check(log, rows=rows)
    assert not violations, report(violations)


async def test_a_child_of_its_own_workflow_begins_however_long_the_queue_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "MOST", 2)
    await desk.store_definition("n", ONE)
    parent = await desk.start(
        dag(needing("first"), child("sub", "n", needs=("first",)), max_runs=1)
    )
    others = [await desk.start(ONE) for _ in range(5)]
    await desk.answer()
    (row,) = await desk.store.views.children(parent)
    assert await statuses(desk, parent, row.id, *others) == ["running"] * 2 + ["pending"] * 5
    await desk.answer()
    assert await statuses(desk, parent, row.id, others[0]) == ["succeeded"] * 2 + ["running"]
    await must_be_lawful(desk)


async def test_a_grandchild_by_another_workflow_does_not_wait_for_its_grandparent(
    desk: Desk,
) -> None:
    await desk.store_definition("n", ONE)
    await desk.store_definition("between", dag(child("sub", "n")))
    top = await desk.start(dag(child("sub", "between"), max_runs=1))
    await desk.answer()
    assert await desk.status(top) == "succeeded"
    await must_be_lawful(desk)


async def test_a_run_that_is_taken_up_again_waits_for_a_place(desk: Desk) -> None:
    first = await desk.start(ONE)
    second = await desk.start(ONE)
    await desk.answer(500)
    assert await statuses(desk, first, second) == ["failed", "running"]
    await desk.ask(first, c.RequestStepReset(ref="a"))
    assert await statuses(desk, first, second) == ["pending", "running"]
    found = await desk.store.views.execution(first)
    assert found is not None
    assert (found.row.waiting_for, found.row.wake_at) == ("slot", None)
    await desk.answer()
    assert await statuses(desk, first, second) == ["running", "succeeded"]
    await desk.answer()
    assert await desk.status(first) == "succeeded"
    await must_be_lawful(desk)


async def test_a_retried_run_waits_for_a_place_and_can_be_canceled_there(desk: Desk) -> None:
    ids = [await desk.start(ONE) for _ in range(3)]
    await desk.answer(500)
    await desk.ask(ids[0], c.RequestRetry())
    assert await statuses(desk, *ids) == ["pending", "running", "pending"]
    await desk.ask(ids[0], c.RequestCancel(reason="enough"))
    assert await statuses(desk, *ids) == ["canceled", "running", "pending"]
    await desk.answer()
    assert await statuses(desk, *ids) == ["canceled", "succeeded", "running"]
    await must_be_lawful(desk)


async def test_a_retried_run_is_not_turned_away(desk: Desk) -> None:
    definition = replace(ONE, on_limit="reject")
    first = await desk.start(definition)
    await desk.answer(500)
    second = await desk.start(definition)
    await desk.ask(first, c.RequestRetry())
    assert await statuses(desk, first, second) == ["pending", "running"]
    await desk.answer()
    assert await statuses(desk, first, second) == ["running", "succeeded"]
    await must_be_lawful(desk)


async def test_a_run_that_was_turned_away_can_be_retried_and_begins_then(desk: Desk) -> None:
    definition = replace(ONE, on_limit="reject")
    first, second = [await desk.start(definition) for _ in range(2)]
    await desk.ask(second, c.RequestRetry())
    assert await statuses(desk, first, second) == ["running", "failed"]
    await desk.answer()
    await desk.ask(second, c.RequestRetry())
    assert await desk.status(second) == "running"
    await desk.answer()
    assert await statuses(desk, first, second) == ["succeeded", "succeeded"]
    await must_be_lawful(desk)


async def test_a_run_that_waits_is_passed_over_while_it_is_paused(desk: Desk) -> None:
    first, second, third = [await desk.start(ONE) for _ in range(3)]
    await desk.ask(second, c.RequestPause())
    await desk.answer()
    assert await statuses(desk, first, second, third) == ["succeeded", "paused", "running"]
    await desk.answer()
    await desk.ask(second, c.RequestResume())
    assert await desk.status(second) == "running"
    await must_be_lawful(desk)


async def test_who_was_asked_for_first_is_let_in_first_whoever_has_its_turn_first(
    desk: Desk,
) -> None:
    desk.wire.lost = True
    first = await desk.start(ONE)
    desk.wire.lost = False
    second = await desk.start(ONE)
    assert await statuses(desk, first, second) == ["running", "pending"]
    await must_be_lawful(desk)


async def test_a_run_that_waits_longer_than_it_may_take_times_out(desk: Desk) -> None:
    definition = replace(ONE, run_timeout=60.0)
    first, second = [await desk.start(definition) for _ in range(2)]
    await desk.pass_time(61.0, second)
    x = await desk.state(second)
    assert (x.status, x.reason) == ("timed_out", "it found no place within 60 s")
    assert await desk.status(first) == "running"


async def test_a_gate_is_not_read_from_its_beginning(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "SAVED_EVERY", 4)
    for _ in range(6):
        await desk.start(ONE)
        await desk.answer()
    running, waits = [await desk.start(ONE) for _ in range(2)]
    stream = gate_stream("default", "n")
    ((head, _),) = (await desk.store.snapshots.load([stream])).values()
    whole = len((await desk.store.log.read([stream]))[stream])
    assert whole - 4 < head.version <= whole
    desk.restart()
    desk.chores.add(TEND)
    await desk.settle()
    assert await statuses(desk, running, waits) == ["running", "pending"]
    await desk.answer()
    assert await desk.status(waits) == "running"
    await must_be_lawful(desk)


async def test_a_sweep_finds_a_run_that_waits_for_a_place_that_is_free(desk: Desk) -> None:
    waiting = dag(wait("w", "{{run.id}}"), max_runs=1)
    first, second = [await desk.start(waiting) for _ in range(2)]
    await desk.engine.ask(first, c.RequestCancel(), project=None, meta=Meta())
    desk.inbox.poke(first)
    await desk.advancer.tick()
    desk.restart()  # the end is durable, and nobody knows any more what follows from it
    assert await statuses(desk, first, second) == ["canceled", "pending"]
    partitions = Partitions("only", desk.engine.bus, desk.clock)
    await Sweep(desk.engine, desk.inbox, partitions, desk.chores).tick()
    await desk.settle()
    assert await desk.status(second) == "running"
    await must_be_lawful(desk)


async def test_who_watches_the_log_hears_of_a_gate(desk: Desk) -> None:
    await desk.start(ONE)
    (told,) = desk.wire.take("events.gate.")
    assert told.subject.split(".")[3] == gate_stream("default", "n").id
    assert told.subject.endswith(".settled")


async def test_a_workflow_without_a_bound_costs_nothing(desk: Desk) -> None:
    id = await desk.start(dag(needing("a")))
    await desk.answer()
    log = await desk.store.log.read_all(after=0, limit=1000)
    extra = (e.SlotAwaited, e.RunAdmitted)
    assert not {each.__name__ for each in extra} & {envelope.type for envelope in log}
    assert {envelope.stream.category for envelope in log} == {"compiled", "execution"}
    assert await desk.status(id) == "succeeded"
