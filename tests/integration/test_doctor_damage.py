"""Every kind of damage that could be left behind: how it shows, and that it is mended.

`docs/operations.md` has the same as a table.  Where a turn is all that is missing, the sweeps of a
scheduler mend it as well; where a row is wrong, only the doctor does.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
from tests.integration.clinic import HOUR, ME, House

from mainspring.domain.definition import Definition
from mainspring.domain.envelope import StreamId
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import snapshot
from mainspring.domain.message import replace
from mainspring.runtime.engine import NewDefinition
from mainspring.testing.shapes import approval, child, dag, needing, path, sleep, task, wait

CALLS = path(task("a"), task("b"))
NAPS = path(task("a"), sleep("nap", 9 * HOUR), task("b"))
BOUNDED = dag(needing("a"), max_runs=1)


class Damage(NamedTuple):
    """What was done to a run, as which kinds it shows, and how the run ends after all."""

    run: str
    shows: set[tuple[str, str]]
    end: str = "succeeded"


Plant = Callable[[House], Awaitable[Damage]]


# Lost messages.


async def a_request(house: House) -> Damage:
    id = await house.begin(CALLS)
    return Damage(id, {("unhandled", id)})


async def a_task(house: House) -> Damage:
    id = await house.begin(CALLS)
    await house.turn(id)
    house.wire.tasks.clear()
    return Damage(id, {("overdue", id)})


async def a_result(house: House) -> Damage:
    """The executor has done it, and its report is gone: nothing tells that from a lost task."""
    return await a_task(house)


async def a_command(house: House) -> Damage:
    id = await house.begin(path(approval("ok"), task("b")))
    await house.settle(id)
    approve = c.Approve(ref="ok", actor="ann", now=house.clock.now())
    await house.engine.ask(id, approve, project="p", meta=ME)
    return Damage(id, {("unhandled", id)})


async def stored(house: House, form: Definition) -> str:
    """Store a workflow and return its id."""
    id = house.engine.ids.uuid7()
    entry = NewDefinition(
        id=id, project="p", name="other", version="1", dialect="native", source={}, compiled=form
    )
    await house.engine.store_definition(entry, ME)
    return id


async def a_start_of_a_child(house: House) -> Damage:
    other = await stored(house, dag(needing("x")))
    id = await house.begin(path(child("c", other), task("b")))
    await house.turn(id)
    assert len(await house.store.views.executions("p")) == 1
    return Damage(id, {("overdue", id)})


async def an_end_of_a_child(house: House) -> Damage:
    other = await stored(house, dag(needing("x")))
    id = await house.begin(path(child("c", other), task("b")))
    await house.settle(id)
    [begun] = [each for each in await house.store.views.executions("p") if each.parent == id]
    await house.settle(begun.id)
    await house.answer()
    house.die()
    assert (await house.row(begun.id)).status == "succeeded"
    assert (await house.row(id)).waiting_for == "child"
    return Damage(id, {("overdue", id)})


async def a_place(house: House) -> Damage:
    id = await house.begin(BOUNDED)
    await house.turn(id)
    assert (await house.row(id)).waiting_for == "slot"
    return Damage(id, {("place_held", id)})


# Rows that were written by hand, or are gone.


async def a_step(house: House) -> Damage:
    id = await asleep(house)
    await house.hand.execute("delete from steps where status = 'sleeping'")
    return Damage(id, {("step_lost", id)})


async def a_step_with_its_timer(house: House) -> Damage:
    id = await asleep(house)
    await house.hand.execute("delete from timers")
    return Damage(id, {("lost_timer", id)})


async def a_step_of_a_parent(house: House) -> Damage:
    other = await stored(house, path(sleep("nap", 9 * HOUR)))
    id = await house.begin(path(child("c", other), task("b")))
    await house.settle(id)
    [begun] = [each for each in await house.store.views.executions("p") if each.parent == id]
    await house.settle(begun.id)
    await house.hand.execute("delete from steps where execution = $1", id)
    await house.hand.execute("update executions set wake_at = now() where id = $1", id)
    return Damage(id, {("step_lost", id)})


async def a_trigger(house: House) -> Damage:
    id = await house.begin(path(wait("w", "k", timeout=9 * HOUR)))
    await house.settle(id)
    await house.hand.execute("delete from triggers")
    return Damage(id, {("trigger_lost", f"{id}/w")}, "failed")


async def an_approval(house: House) -> Damage:
    id = await house.begin(path(approval("ok", timeout=9 * HOUR)))
    await house.settle(id)
    await house.hand.execute("delete from approvals")
    return Damage(id, {("approval_lost", f"{id}/ok")}, "failed")


async def half_a_row(house: House) -> Damage:
    id = await asleep(house)
    await house.hand.execute("update executions set waiting_for = null")
    return Damage(id, {("without_wakeup", id)})


async def an_older_row(house: House) -> Damage:
    id = await asleep(house)
    await house.hand.execute("update executions set stream_version = 1, handled_version = 1")
    return Damage(id, {("behind", id)})


async def a_run(house: House) -> Damage:
    id = await asleep(house)
    await house.hand.execute("delete from executions")
    return Damage(id, {("stray_timer", f"{id}/nap")})


async def a_place_of_a_run_whose_row_is_gone(house: House) -> Damage:
    first = await house.begin(BOUNDED)
    await house.settle(first)
    await house.settle(first)
    second = await house.begin(BOUNDED)
    await house.settle(second)
    house.report()
    await house.turn(first)
    assert (await house.row(first)).status == "succeeded"
    await house.hand.execute("delete from executions where id = $1", first)
    return Damage(second, {("place_held", second)})


async def asleep(house: House) -> str:
    """Return a run that sleeps and is well."""
    id = await house.begin(NAPS)
    await house.settle(id)
    await house.answer()
    assert (await house.row(id)).waiting_for == "sleep"
    assert await house.found() == set()
    return id


# What stands beside the log.


async def a_value(house: House) -> Damage:
    """A value that was too large for a message is gone before its task was done."""
    form = path(task("a"), task("b"))
    id = await house.begin(replace(form), {"text": "x" * 300_000})
    await house.turn(id)
    house.wire.tasks.clear()
    await house.hand.execute("delete from blobs")
    return Damage(id, {("overdue", id)})


async def a_snapshot(house: House) -> Damage:
    """A snapshot of a history that never was: no turn that is taken on it can be written."""
    id = await house.begin(CALLS)
    await house.turn(id)
    x = await house.engine.load(id)
    assert x is not None
    wrong = replace(x, version=x.version + 7, hash=bytes(32), status="succeeded")
    stream = StreamId("execution", id)
    await house.engine.snapshots.save(stream, wrong.head, snapshot.freeze(wrong))
    house.wire.tasks.clear()
    house.die()
    return Damage(id, {("overdue", id)})


MENDED_BY_SWEEPS: dict[str, Plant] = {
    "lost: a request": a_request,
    "lost: a task": a_task,
    "lost: a result": a_result,
    "lost: a command": a_command,
    "lost: the start of a child": a_start_of_a_child,
    "lost: the end of a child": an_end_of_a_child,
    "lost: a place that is free": a_place,
    "gone: a value": a_value,
    "wrong: a snapshot": a_snapshot,
}
MENDED_BY_THE_DOCTOR: dict[str, Plant] = {
    "gone: a step": a_step,
    "gone: a timer": a_step_with_its_timer,
    "gone: the step of a parent": a_step_of_a_parent,
    "gone: a trigger": a_trigger,
    "gone: an approval": an_approval,
    "gone: a run": a_run,
    "gone: who had a place": a_place_of_a_run_whose_row_is_gone,
    "wrong: half a row": half_a_row,
    "wrong: a row of an earlier version": an_older_row,
}
DAMAGES = MENDED_BY_SWEEPS | MENDED_BY_THE_DOCTOR


async def end(house: House, id: str) -> str:
    await house.go_on()
    return (await house.row(id)).status


@pytest.mark.parametrize("name", DAMAGES)
async def test_damage_is_found_and_mended_and_the_run_comes_to_its_end(
    house: House, name: str
) -> None:
    damage = await DAMAGES[name](house)
    assert await house.found() == damage.shows
    await house.mended()
    assert await end(house, damage.run) == damage.end


@pytest.mark.parametrize("name", MENDED_BY_SWEEPS)
async def test_what_only_lacks_a_turn_is_moved_by_the_sweeps_alone(house: House, name: str) -> None:
    damage = await MENDED_BY_SWEEPS[name](house)
    assert await end(house, damage.run) == damage.end
    assert await house.found() == set()


async def test_what_is_written_anew_leaves_no_snapshot(house: House) -> None:
    damage = await a_snapshot(house)
    assert await house.hand.fetchval("select count(*) from snapshots") == 1
    await house.mended()
    assert await house.hand.fetchval("select count(*) from snapshots") == 0
    assert await end(house, damage.run) == damage.end
