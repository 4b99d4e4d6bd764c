"""Faults of the original that approvals had a part in, each as the law that it broke."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.conformance.client import Service, reply
from tests.conformance.native import Json, Native, calling, step


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


def approval(ref: str = "ok", *needs: str, by: tuple[str, ...] = (), **more: Any) -> Json:
    return step(ref, "approval", *needs, approval_approvers=list(by), **more)


async def approve(native: Native, id: str, ref: str = "ok", *, actor: str = "ann") -> int:
    path = f"/v1/workflow-runs/{id}/steps/{ref}/approve"
    return (await native.http.post(path, headers={"X-Actor-Id": actor})).status_code


async def approvals(native: Native, id: str) -> dict[str, Json]:
    query = {"workflow_run_id": id, "limit": 500}
    answer = await native.http.get("/v1/approvals", params=query)
    return {each["step_ref"]: each for each in answer.json()}


@pytest.mark.parametrize("name", ["a b", "~", "x" * 255, "ann@shop.test"])
async def test_who_a_step_names_can_decide_whatever_the_name_is(native: Native, name: str) -> None:
    id = await native.begin(approval(by=(name,)))
    await native.until_step(id, "ok", "waiting")
    assert await approve(native, id, actor="ann") == 403
    assert await approve(native, id, actor=name) == 200
    assert (await native.end(id))["status"] == "completed"


async def test_approving_does_not_stand_for_the_work_behind_it(
    native: Native, service: Service
) -> None:
    service.on("/pay", reply({"paid": 7}))
    id = await native.begin(approval(), calling(service, "pay", "ok"))
    await native.until_step(id, "ok", "waiting")
    assert service.calls("/pay") == []
    assert await approve(native, id) == 200
    assert (await native.end(id))["status"] == "completed"
    assert len(service.calls("/pay")) == 1
    assert (await native.steps(id))["pay"]["output"] == {"paid": 7}


async def test_a_decision_that_meets_the_end_of_its_time_is_taken_wholly_or_not_at_all(
    native: Native,
) -> None:
    refs = [f"a{n}" for n in range(24)]
    soon = [
        approval(ref, on_failure="continue", approval_timeout_secs=0.1 + n / 80)
        for n, ref in enumerate(refs)
    ]
    id = await native.begin(*soon)
    await native.until_step(id, refs[-1], "waiting", "failed")
    answers = await asyncio.gather(*(approve(native, id, ref) for ref in refs))
    await native.end(id)
    found, steps = await approvals(native, id), await native.steps(id)
    for ref, status in zip(refs, answers, strict=True):
        how = (found[ref]["status"], found[ref]["decided_by"], steps[ref]["status"])
        if status == 200:
            assert how == ("approved", "ann", "completed")
        else:
            assert (status, *how) == (409, "timed_out", None, "failed")


async def test_a_retried_run_does_not_ask_again_for_what_was_approved(
    native: Native, service: Service
) -> None:
    service.on("/pay", reply(status=500), reply())
    id = await native.begin(approval(by=("ann",)), calling(service, "pay", "ok"))
    await native.until_step(id, "ok", "waiting")
    assert await approve(native, id) == 200
    await native.until(id, "failed")
    again = (await native.http.post(f"/v1/workflow-runs/{id}/retry")).json()["id"]
    await native.until(again, "completed")
    assert await approvals(native, again) == {}
    output = (await native.steps(again))["ok"]["output"]
    assert output == (await native.steps(id))["ok"]["output"]


async def test_a_child_run_asks_in_its_own_name_and_ends_with_its_parent(native: Native) -> None:
    child = await native.create(approval(by=("ann",)), slug="child")
    id = await native.begin(step("c", "sub_workflow", sub_workflow_id=child["id"]), slug="parent")
    begun = await native.until_it(id, "c", lambda found: bool(found["child_workflow_run_id"]))
    inner = begun["child_workflow_run_id"]
    async with asyncio.timeout(30):
        while not (await approvals(native, inner)):
            pass
    assert (await native.http.delete(f"/v1/workflow-runs/{id}")).status_code == 204
    await native.until(inner, "canceled")
    assert (await approvals(native, inner))["ok"]["status"] == "canceled"
    assert await approve(native, inner) == 409
