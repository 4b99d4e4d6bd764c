"""Loops through a scheduler: wide ones, ones that are read back, and what a child gives of them."""

from tests.unit.scheduler.conftest import Desk

from mainspring.domain.execution import commands as c
from mainspring.domain.execution.decide import MOST_AT_ONCE
from mainspring.domain.identity import child_id
from mainspring.testing.shapes import child, dag, each, finishing, needing, task

WIDE = MOST_AT_ONCE + 200


async def test_more_items_than_one_turn_decides_are_all_begun_and_gathered(desk: Desk) -> None:
    loop = each("all", "{{payload.items}}", task("do"), concurrency=None)
    id = await desk.start(dag(loop), {"items": list(range(WIDE))})
    assert len(await desk.store.views.steps(id)) == WIDE + 1
    await desk.answer(body="done")
    x = await desk.state(id)
    assert x.status == "succeeded"
    step = x.of("all")
    assert step is not None
    assert step.output == {"results": ["done"] * WIDE, "count": WIDE, "failed": 0}


async def test_a_loop_goes_on_from_its_snapshot_in_another_process(desk: Desk) -> None:
    loop = each("all", "{{payload.items}}", needing("x"), needing("y", "x"), concurrency=9)
    id = await desk.start(dag(loop), {"items": list(range(60))})
    for _ in range(8):
        await desk.answer(body=1)
        desk.engine.forget(id)
    assert await desk.status(id) == "running"
    while await desk.status(id) == "running":
        await desk.answer(body=1)
        desk.engine.forget(id)
    step = (await desk.state(id)).of("all")
    assert step is not None
    assert step.output == {"results": [{"x": 1, "y": 1}] * 60, "count": 60, "failed": 0}


async def test_a_child_gives_the_outputs_of_its_own_steps_and_not_those_of_items(
    desk: Desk,
) -> None:
    form = dag(each("all", [1, 2], task("do"), concurrency=2), finishing("tidy"), name="sub")
    await desk.store_definition("sub", form)
    parent = await desk.start(dag(child("sub", "sub")))
    await desk.answer(body="done")
    await desk.answer(body="tidy")
    step = (await desk.state(parent)).of("sub")
    assert step is not None
    assert step.output == {"all": {"results": ["done", "done"], "count": 2, "failed": 0}}


async def test_a_child_of_each_item_is_started_and_stopped_with_its_loop(desk: Desk) -> None:
    await desk.store_definition("sub", dag(needing("pay"), name="sub"))
    loop = each("all", [1, 2], child("kid", "sub"), concurrency=2)
    parent = await desk.start(dag(loop))
    kids = [child_id(parent, f"all[{n}].kid", 1, 1) for n in range(2)]
    assert [await desk.status(kid) for kid in kids] == ["running", "running"]
    await desk.ask(parent, c.RequestCancel(reason="enough"))
    await desk.answer()
    assert [await desk.status(kid) for kid in kids] == ["canceled", "canceled"]
    assert await desk.status(parent) == "canceled"
