"""Runs that are started by other runs: once each, whatever is lost, and stopped with them."""

from tests.unit.scheduler.conftest import Desk

from mainspring.domain.definition import Child
from mainspring.domain.execution import commands as c
from mainspring.domain.identity import child_id
from mainspring.domain.message import replace
from mainspring.testing.shapes import child, dag, needing, wait

SUB = dag(needing("pay"), needing("ship", "pay"), name="sub")
PARENT = dag(child("sub", "sub"), needing("after", "sub"))


async def test_a_child_runs_and_its_outputs_go_on_in_the_parent(desk: Desk) -> None:
    await desk.store_definition("sub", SUB)
    parent = await desk.start(PARENT, {"n": 1})
    sub = child_id(parent, "sub", 1, 1)
    row = await desk.store.views.execution(sub)
    assert row is not None
    assert (row.row.parent, row.row.parent_step, row.payload) == (parent, "sub", {"n": 1})
    assert (row.row.triggered_by, row.row.dialect) == ("workflow", "native")
    assert [each.id for each in await desk.store.views.children(parent)] == [sub]

    await desk.answer(body="paid")
    await desk.answer(body="shipped")
    x = await desk.state(parent)
    step = x.of("sub")
    assert step is not None
    assert step.output == {"pay": "paid", "ship": "shipped"}
    await desk.answer()
    assert await desk.status(parent) == "succeeded"


async def test_a_child_is_found_by_id_by_name_and_by_the_hash_of_its_form(desk: Desk) -> None:
    id = await desk.store_definition("sub", SUB)
    for named in (Child(id), Child("sub"), Child("gone", hash=SUB.hash)):
        parent = await desk.start(dag(replace(child("sub"), child=named)))
        assert await desk.status(child_id(parent, "sub", 1, 1)) == "running"


async def test_a_pinned_child_is_a_run_of_its_own_version(desk: Desk) -> None:
    id = await desk.store_definition("sub", SUB)
    newer = replace(SUB, version="2")
    await desk.start(newer)
    pinned = replace(child("sub"), child=Child(id, hash=newer.hash))
    parent = await desk.start(dag(pinned))
    found = await desk.store.views.execution(child_id(parent, "sub", 1, 1))
    assert found is not None
    assert (found.row.catalog_id, found.row.name, found.row.version) == (id, "sub", "2")


async def test_a_workflow_that_is_not_there_fails_the_step(desk: Desk) -> None:
    for named in (Child("sub"), Child("sub", hash="f" * 64)):
        parent = await desk.start(dag(replace(child("sub"), child=named)))
        x = await desk.state(parent)
        assert x.status == "failed"
        assert "'sub'" in (x.reason or "")


async def test_a_failed_child_fails_its_step(desk: Desk) -> None:
    await desk.store_definition("sub", SUB)
    parent = await desk.start(PARENT)
    await desk.answer(500)
    x = await desk.state(parent)
    assert x.status == "failed"
    assert x.reason == "sub: sub-workflow: pay: node=pay status=500"


async def test_a_child_that_was_owed_when_its_scheduler_died_is_started_once(desk: Desk) -> None:
    await desk.store_definition("sub", SUB)
    desk.wire.lost = True
    parent = await desk.start(PARENT)
    desk.inbox.poke(parent)
    await desk.advancer.tick()
    desk.restart()
    desk.wire.lost = False
    assert await desk.store.views.children(parent) == []

    await desk.pass_time(61.0, parent)
    assert len(await desk.store.views.children(parent)) == 1
    await desk.pass_time(130.0, parent)
    assert len(await desk.store.views.children(parent)) == 1


async def test_an_end_that_nobody_heard_of_is_asked_for(desk: Desk) -> None:
    await desk.store_definition("sub", SUB)
    parent = await desk.start(PARENT)
    await desk.answer()
    sub = child_id(parent, "sub", 1, 1)
    await _end_unheard(desk, sub)
    assert await desk.status(parent) == "running"
    await desk.pass_time(61.0, parent)
    x = await desk.state(parent)
    step = x.of("sub")
    assert step is not None
    assert step.status == "succeeded"


async def _end_unheard(desk: Desk, sub: str) -> None:
    """Let the child end while everything that is published gets lost."""
    desk.wire.lost = True
    await desk.answer()
    assert await desk.status(sub) == "succeeded"
    desk.restart()
    desk.wire.lost = False


async def test_a_canceled_parent_cancels_its_child_and_waits_for_it(desk: Desk) -> None:
    await desk.store_definition("sub", dag(wait("w", "k", timeout=None), name="sub"))
    parent = await desk.start(PARENT)
    await desk.ask(parent, c.RequestCancel(reason="enough"))
    sub = await desk.state(child_id(parent, "sub", 1, 1))
    assert (sub.status, sub.reason) == ("canceled", "enough")
    assert await desk.status(parent) == "canceled"
    trigger = await desk.store.views.trigger(project="default", key="k")
    assert trigger is not None
    assert trigger.row.status == "canceled"


async def test_a_child_that_was_never_started_cannot_come_to_life_after_the_cancel(
    desk: Desk,
) -> None:
    await desk.store_definition("sub", SUB)
    desk.wire.lost = True
    parent = await desk.start(PARENT)
    desk.inbox.poke(parent)
    await desk.advancer.tick()
    desk.restart()
    desk.wire.lost = False
    await desk.ask(parent, c.RequestCancel())
    assert await desk.status(parent) == "canceled"
    assert await desk.status(child_id(parent, "sub", 1, 1)) == "canceled"
    assert desk.wire.take("tasks.") == []


async def test_children_of_children_are_stopped_too(desk: Desk) -> None:
    await desk.store_definition("leaf", dag(wait("w", "k"), name="leaf"))
    await desk.store_definition("middle", dag(child("sub", "leaf"), name="middle"))
    top = await desk.start(dag(child("sub", "middle")))
    middle = child_id(top, "sub", 1, 1)
    leaf = child_id(middle, "sub", 1, 1)
    assert (await desk.state(leaf)).status == "running"
    await desk.ask(top, c.RequestCancel())
    assert [await desk.status(id) for id in (top, middle, leaf)] == ["canceled"] * 3


LET_GO = Child("sub", names=("id", "status", "outputs"), begun="queued")


async def test_a_child_that_is_let_go_outlives_the_cancel_of_its_parent(desk: Desk) -> None:
    await desk.store_definition("sub", dag(wait("w", "k", timeout=None), name="sub"))
    parent = await desk.start(dag(child("go", child=LET_GO), wait("w2", "k2", timeout=None)))
    sub = child_id(parent, "go", 1, 0)
    x = await desk.state(parent)
    step = x.of("go")
    assert step is not None
    assert (step.status, step.output) == (
        "succeeded",
        {"id": sub, "status": "queued", "outputs": {}},
    )
    await desk.ask(parent, c.RequestCancel(reason="enough"))
    assert await desk.status(parent) == "canceled"
    assert await desk.status(sub) == "running"
    assert [each.id for each in await desk.store.views.children(parent)] == [sub]


async def test_a_parent_ends_before_the_child_that_it_lets_go(desk: Desk) -> None:
    await desk.store_definition("sub", SUB)
    parent = await desk.start(dag(child("go", child=LET_GO)))
    assert await desk.status(parent) == "succeeded"
    sub = child_id(parent, "go", 1, 0)
    assert await desk.status(sub) == "running"
    await desk.answer(500)
    assert (await desk.status(sub), await desk.status(parent)) == ("failed", "succeeded")


async def test_a_child_that_is_let_go_is_started_once_whatever_was_lost(desk: Desk) -> None:
    await desk.store_definition("sub", SUB)
    desk.wire.lost = True
    parent = await desk.start(dag(child("go", child=LET_GO)))
    desk.inbox.poke(parent)
    await desk.advancer.tick()
    desk.restart()
    desk.wire.lost = False
    assert await desk.store.views.children(parent) == []
    await desk.ask(parent, c.RequestCancel())
    # It was owed before the cancel, so it is there, and the parent says so.
    sub = child_id(parent, "go", 1, 0)
    assert [each.id for each in await desk.store.views.children(parent)] == [sub]
    assert (await desk.status(parent), await desk.status(sub)) == ("canceled", "running")
    x = await desk.state(parent)
    step = x.of("go")
    assert step is not None
    assert step.status == "succeeded"
    await desk.pass_time(130.0, parent)
    assert len(await desk.store.views.children(parent)) == 1
