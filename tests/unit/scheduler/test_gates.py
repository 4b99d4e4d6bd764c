"""Bounded workflows in a scheduler driven by hand: who begins, and what a crash leaves."""

import asyncio

import pytest
from tests.unit.scheduler.conftest import Desk

from mainspring.domain.envelope import Meta
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.react import TendGate
from mainspring.runtime.gates import MOST, Gates
from mainspring.testing.shapes import child, dag, needing

TWO = dag(needing("a"), max_runs=2)
ONE = dag(needing("a"), max_runs=1)


async def statuses(desk: Desk, *ids: str) -> list[str]:
    return [await desk.status(id) for id in ids]


async def test_runs_begin_in_the_order_in_which_they_were_asked_for(desk: Desk) -> None:
    ids = [await desk.start(TWO) for _ in range(4)]
    assert await statuses(desk, *ids) == ["running", "running", "pending", "pending"]
    await desk.answer()
    assert await statuses(desk, *ids) == ["succeeded", "succeeded", "running", "running"]
    await desk.answer()
    assert await statuses(desk, *ids) == ["succeeded"] * 4


async def test_any_end_of_a_run_makes_room(desk: Desk) -> None:
    first, second, third = [await desk.start(ONE) for _ in range(3)]
    await desk.ask(first, c.RequestCancel())
    await desk.answer(500)
    assert await statuses(desk, first, second, third) == ["canceled", "running", "pending"]
    await desk.answer(500)
    assert await statuses(desk, second, third) == ["failed", "running"]


async def test_a_run_that_waits_can_leave_the_queue(desk: Desk) -> None:
    first, second, third = [await desk.start(ONE) for _ in range(3)]
    await desk.ask(second, c.RequestCancel())
    await desk.answer()
    assert await statuses(desk, first, second, third) == ["succeeded", "canceled", "running"]


async def test_a_run_that_may_not_wait_is_turned_away(desk: Desk) -> None:
    definition = dag(needing("a"), max_runs=1, on_limit="reject")
    _, second = [await desk.start(definition) for _ in range(2)]
    assert await desk.status(second) == "failed"
    assert (await desk.state(second)).reason == "at most 1 run of n goes on at once"


async def test_other_workflows_are_not_held_back(desk: Desk) -> None:
    await desk.start(ONE)
    free = await desk.start(dag(needing("a")))
    assert await desk.status(free) == "running"


async def test_what_a_crash_lost_is_found_by_the_next_look(desk: Desk) -> None:
    first, second = [await desk.start(ONE) for _ in range(2)]
    desk.wire.lost = True
    await desk.engine.ask(first, c.RequestCancel(), project=None, meta=Meta())
    desk.restart()
    desk.wire.lost = False
    desk.inbox.poke(first)
    await desk.answer(500)
    desk.restart()  # the end of the first is durable, what follows from it is forgotten
    desk.chores.add(TendGate(project="default", workflow="n"))
    await desk.settle()
    assert await desk.status(second) == "running"


async def test_of_two_schedulers_one_gives_away_the_last_place(desk: Desk) -> None:
    gates = [Gates(desk.engine) for _ in range(2)]
    asked = TendGate(project="default", workflow="n")
    ids = [await desk.start(ONE) for _ in range(3)]
    for _ in range(3):
        for each in gates:
            await each.tend(asked)
    await desk.settle()
    assert sorted(await statuses(desk, *ids)) == ["pending", "pending", "running"]


async def test_a_run_started_by_one_of_its_own_workflow_does_not_wait_for_it(desk: Desk) -> None:
    await desk.store_definition("n", ONE)
    parent = await desk.start(dag(child("sub", "n"), max_runs=1))
    await desk.settle()
    (row,) = await desk.store.views.children(parent)
    assert await statuses(desk, parent, row.id) == ["running", "running"]


BY_KEY = dag(needing("a"), max_runs=1, lane="{{ payload.who }}", language="jinja")


async def test_runs_are_counted_by_their_key_and_wait_behind_their_own(desk: Desk) -> None:
    asked = ["ann", "bob", "ann", "ann", "bob"]
    ids = [await desk.start(BY_KEY, {"who": who}) for who in asked]
    began = ["running", "running", "pending", "pending", "pending"]
    assert await statuses(desk, *ids) == began
    await desk.ask(ids[0], c.RequestCancel())
    await desk.answer(500)
    assert await statuses(desk, *ids) == ["canceled", "failed", "running", "pending", "running"]


async def test_of_two_schedulers_one_gives_away_the_last_place_of_a_key(desk: Desk) -> None:
    gates = [Gates(desk.engine) for _ in range(2)]
    asked = [TendGate(project="default", workflow="n", lane=who) for who in ("ann", "bob")]
    ids = [await desk.start(BY_KEY, {"who": who}) for who in ("ann", "bob", "ann", "bob")]
    for _ in range(3):
        for each in gates:
            await asyncio.gather(*map(each.tend, asked))
    await desk.settle()
    assert await statuses(desk, *ids) == ["running", "running", "pending", "pending"]


async def test_many_that_wait_with_one_key_hide_none_with_another(desk: Desk) -> None:
    for _ in range(MOST + 2):
        await desk.start(BY_KEY, {"who": "ann"})
    assert await desk.status(await desk.start(BY_KEY, {"who": "bob"})) == "running"


async def test_the_sweep_looks_at_the_gate_of_each_key(desk: Desk) -> None:
    for who in ("ann", "ann", "bob", "bob"):
        await desk.start(BY_KEY, {"who": who})
    assert await desk.store.views.gates(limit=9) == [
        ("default", "n", "ann"),
        ("default", "n", "bob"),
    ]


async def test_a_run_whose_key_cannot_be_known_is_refused_before_it_is_there(desk: Desk) -> None:
    for payload in ({}, {"who": "x" * 257}, {"who": "a\nb"}):
        with pytest.raises(DefinitionInvalid, match=r"concurrency\.key"):
            await desk.start(BY_KEY, payload)
    assert await desk.store.views.executions("default") == []
