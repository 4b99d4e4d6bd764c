"""A workflow that bounds its runs, through the front door of real services."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from tests.conformance.native import Json, Native, step, waiting

from mainspring.testing.stack import Platform, platform

QUEUED = {("pending", "slot"), ("pending", "decision")}
"""What a run shows that waits for a place, or is about to ask for one."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Platform]:
    """A platform with two schedulers."""
    with platform(schedulers=2) as whole:
        yield whole


@pytest.fixture
async def native(stack: Platform) -> AsyncIterator[Native]:
    async with httpx.AsyncClient(base_url=stack.api, timeout=30) as client:
        yield Native(client)


async def many(native: Native, made: Json, count: int) -> list[str]:
    """Begin so many runs, one after the other."""
    return [(await native.trigger(made["id"]))["id"] for _ in range(count)]


async def received(native: Native, id: str) -> None:
    """Let a run have its event, and end."""
    assert (await native.send(f"w:{id}")).status_code == 200
    assert (await native.end(id))["status"] == "completed"


async def test_no_more_runs_than_the_bound_go_on_and_all_have_their_turn(native: Native) -> None:
    made = await native.create(waiting("w"), slug="bounded", max_concurrent_runs=3)
    ids = await many(native, made, 12)
    for n, id in enumerate(ids):
        await native.until_step(id, "w", "waiting")
        shown = [await native.run(each) for each in ids]
        assert sum(run["status"] == "running" for run in shown) <= 3
        assert {(run["status"], run["waiting_for"]) for run in shown[n + 3 :]} <= QUEUED
        await received(native, id)


async def test_every_end_of_a_run_makes_room_for_the_next(native: Native) -> None:
    made = await native.create(waiting("w"), slug="ends", max_concurrent_runs=1, timeout_secs=5)
    first, second, third = await many(native, made, 3)
    await native.until_step(first, "w", "waiting")
    # Paused, it keeps its place, and its clock stands still.
    assert (await native.http.post(f"/v1/workflow-runs/{first}/pause")).status_code == 200
    assert (await native.http.delete(f"/v1/workflow-runs/{second}")).status_code == 204
    assert (await native.end(second))["status"] == "canceled"
    ended = await native.end(third)
    assert (ended["status"], ended["started_at"]) == ("timed_out", None)
    (fourth,) = await many(native, made, 1)
    assert (await native.http.post(f"/v1/workflow-runs/{first}/resume")).status_code == 200
    assert (await native.end(first))["status"] == "timed_out"
    await native.until_step(fourth, "w", "waiting")
    await received(native, fourth)


async def test_a_run_that_starts_its_own_workflow_does_not_wait_for_itself(native: Native) -> None:
    inner = await native.create(waiting("w"), slug="self", max_concurrent_runs=1)
    steps = [waiting("w"), step("again", "sub_workflow", "w", sub_workflow_id="self")]
    answer = await native.http.patch(f"/v1/workflows/{inner['id']}", json={"steps": steps})
    assert answer.status_code == 200, answer.text
    (outer,) = await many(native, inner, 1)
    await native.until_step(outer, "w", "waiting")
    assert (await native.send(f"w:{outer}")).status_code == 200
    await native.until_step(outer, "again", "running")
    runs = (await native.http.get("/v1/workflow-runs", params={"limit": 2})).json()
    child = next(run["id"] for run in runs if run["id"] != outer)
    await native.until_step(child, "w", "waiting")
    assert (await native.run(outer))["status"] == "running"
    assert (await native.http.delete(f"/v1/workflow-runs/{outer}")).status_code == 204
    assert (await native.end(outer))["status"] == "canceled"
    assert (await native.end(child))["status"] == "canceled"
