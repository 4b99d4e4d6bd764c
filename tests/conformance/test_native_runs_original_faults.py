"""Faults of the original in which runs stuck or lost their way, each as the law that it broke."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.conformance.client import Service, reply
from tests.conformance.native import Json, Native, calling, step, waiting

RUNS = "/v1/workflow-runs"
BAD = reply(status=500)


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


async def post(native: Native, path: str, body: Any = None) -> httpx.Response:
    return await native.http.post(f"{RUNS}/{path}", json=body)


async def ask(native: Native, path: str, body: Any = None) -> Json:
    answer = await post(native, path, body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def trigger_of(native: Native, key: str) -> str:
    return (await native.http.get(f"/v1/events/{key}")).json()["status"]


async def nap(native: Native, seconds: float) -> None:
    """Let the platform's own clock go on: a run that sleeps, and ends after it."""
    ended = await native.ran(step("nap", "sleep", sleep_duration_secs=seconds), slug="nap")
    assert ended["status"] == "completed"


async def test_two_waits_in_parallel_are_each_resolved_alone(
    native: Native, service: Service
) -> None:
    id = await native.begin(
        waiting("v"), waiting("w"), calling(service, "a", "v"), calling(service, "b", "w")
    )
    await native.until_step(id, "w", "waiting")
    before = (await native.http.get(f"/v1/events/w:{id}")).json()
    assert (await native.send(f"v:{id}", {"n": 1})).status_code == 200
    await native.until_step(id, "a", "completed")
    assert (await native.http.get(f"/v1/events/w:{id}")).json() == before
    assert (await native.steps(id))["b"]["status"] == "pending"
    assert (await native.send(f"w:{id}", {"n": 2})).status_code == 200
    assert (await native.end(id))["status"] == "completed"
    steps = await native.steps(id)
    assert [steps[ref]["output"] for ref in "vw"] == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("verb", ["retry", "replay-subtree"])
async def test_a_step_runs_again_in_a_run_that_goes_on(
    native: Native, service: Service, verb: str
) -> None:
    service.on("/a", BAD, reply({"a": 1}))
    id = await native.begin(
        calling(service, "a", on_failure="continue"), calling(service, "b", "a"), waiting("hold")
    )
    await native.until_step(id, "b", "completed")
    await ask(native, f"{id}/steps/a/{verb}")
    await native.until_step(id, "a", "completed")
    await native.send(f"hold:{id}")
    assert (await native.end(id))["status"] == "completed"
    assert len(service.calls("/b")) == (1 if verb == "retry" else 2)


@pytest.mark.parametrize("verb", ["retry", "replay-subtree"])
async def test_a_step_is_asked_to_run_again_while_its_run_is_paused_and_does_at_resume(
    native: Native, service: Service, verb: str
) -> None:
    service.on("/a", reply(status=500, delay=0.3), reply({"a": 1}))
    id = await native.begin(calling(service, "a"), calling(service, "b", "a"))
    await service.called("/a")
    await ask(native, f"{id}/pause")
    await native.until_step(id, "a", "failed")
    await ask(native, f"{id}/steps/a/{verb}")
    assert (await native.run(id))["status"] == "paused"
    await ask(native, f"{id}/resume")
    assert (await native.end(id))["status"] == "completed"
    assert (len(service.calls("/a")), len(service.calls("/b"))) == (2, 1)


@pytest.mark.parametrize("how", ["failed", "timed_out", "canceled"])
async def test_a_step_runs_again_in_a_run_that_has_ended_and_the_run_goes_on(
    native: Native, service: Service, how: str
) -> None:
    more: Json = {"timeout_secs": 2} if how == "timed_out" else {}
    id = await native.begin(
        calling(service, "a"), waiting("held", "a"), calling(service, "b", "held"), **more
    )
    await native.until_step(id, "held", "waiting")
    if how == "failed":
        await ask(native, f"{id}/steps/held/fail")
    elif how == "canceled":
        await native.http.delete(f"{RUNS}/{id}")
    await native.until(id, how)
    first = (await native.steps(id))["held"]
    told = await ask(native, f"{id}/steps/held/retry")
    assert told["step_run"]["id"] == first["id"]
    again = await native.until_step(id, "held", "waiting")
    assert (again["attempt"], again["error"]) == (2, None)
    assert (await native.send(f"held:{id}")).status_code == 200
    assert (await native.end(id))["status"] == "completed"
    assert (len(service.calls("/a")), len(service.calls("/b"))) == (1, 1)


async def test_a_step_is_tried_again_by_its_policy_within_its_run(
    native: Native, service: Service
) -> None:
    service.on("/a", BAD, BAD, reply({"a": 1}))
    policy = {"retry_max_attempts": 3, "retry_backoff": "fixed", "retry_initial_delay_secs": 0.05}
    id = await native.begin(calling(service, "a", **policy), calling(service, "b", "a"))
    assert (await native.end(id))["status"] == "completed"
    a = (await native.steps(id))["a"]
    assert (a["attempt"], a["status"], a["error"]) == (3, "completed", None)


async def test_a_step_whose_only_need_was_skipped_still_runs(
    native: Native, service: Service
) -> None:
    id = await native.begin(
        calling(service, "a", condition="false"),
        waiting("w"),
        calling(service, "b", "a"),
        calling(service, "c", "w"),
        calling(service, "d", "b", "c"),
    )
    await native.until_step(id, "b", "completed")
    await ask(native, f"{id}/steps/w/skip")
    assert (await native.end(id))["status"] == "completed"
    assert service.order() == ["/b", "/c", "/d"]


async def test_a_run_whose_steps_are_all_done_is_not_retried(
    native: Native, service: Service
) -> None:
    id = (await native.ran(calling(service, "a")))["id"]
    refused = await post(native, f"{id}/retry")
    assert refused.status_code == 409
    bulk = await ask(native, "bulk-replay", {"workflow_run_ids": [id]})
    assert (bulk["replayed"], bulk["failed"]) == (0, 1)
    assert "completed" in bulk["results"][0]["error"]
    assert [run["id"] for run in (await native.http.get(RUNS)).json()] == [id]


async def test_a_retry_of_a_run_that_failed_for_good_at_once_ends_too(
    native: Native, service: Service
) -> None:
    service.on("/a", BAD)
    id = (await native.ran(calling(service, "a"), calling(service, "b", "a")))["id"]
    new = await ask(native, f"{id}/retry")
    assert (await native.end(new["id"]))["status"] == "failed"
    newer = await ask(native, f"{new['id']}/retry")
    assert newer["retry_of_run_id"] == new["id"]
    assert (await native.end(newer["id"]))["status"] == "failed"


async def test_a_failure_while_paused_ends_the_run_at_resume(
    native: Native, service: Service
) -> None:
    service.on("/a", reply(status=500, delay=0.5))
    id = await native.begin(calling(service, "a"), waiting("w"), calling(service, "b", "a", "w"))
    await service.called("/a")
    await ask(native, f"{id}/pause")
    await native.until_step(id, "a", "failed")
    assert (await native.run(id))["status"] == "paused"
    await ask(native, f"{id}/resume")
    ended = await native.end(id)
    assert (ended["status"], ended["error"].startswith("a:")) == ("failed", True)
    assert await trigger_of(native, f"w:{id}") == "canceled"


async def test_the_last_step_may_end_while_its_run_is_paused(
    native: Native, service: Service
) -> None:
    service.on("/a", reply({"a": 1}, delay=0.5))
    id = await native.begin(calling(service, "a"))
    await service.called("/a")
    await ask(native, f"{id}/pause")
    await native.until_step(id, "a", "completed")
    assert (await native.run(id))["status"] == "paused"
    await ask(native, f"{id}/resume")
    assert (await native.end(id))["output"] == {"a": 1}


@pytest.mark.parametrize("policy", ["skip_dependents", "continue"])
@pytest.mark.parametrize("limit", ["max_parallel_steps", "concurrency_key"])
async def test_a_failure_lets_the_next_one_in(
    native: Native, service: Service, policy: str, limit: str
) -> None:
    service.on("/a", BAD)
    key: Json = {"concurrency_key": "one"} if limit == "concurrency_key" else {}
    more: Json = {"max_parallel_steps": 1} if limit == "max_parallel_steps" else {}
    ended = await native.ran(
        calling(service, "a", on_failure=policy, **key), calling(service, "b", **key), **more
    )
    assert ended["status"] == ("completed" if policy == "continue" else "failed")
    assert service.order() == ["/a", "/b"]


async def test_a_step_that_cannot_begin_fails_its_run_with_the_reason(
    native: Native, service: Service
) -> None:
    await native.begin(waiting("w", key="taken"), slug="first")
    second = await native.ran(waiting("w", key="taken"), calling(service, "z", "w"), slug="second")
    assert second["status"] == "failed"
    assert "taken" in second["error"]
    third = await native.ran(
        calling(service, "a", condition="payload.nothing.at.all > 1"), slug="third"
    )
    assert third["status"] == "failed"
    assert "condition" in third["error"]
    assert service.order() == []


@pytest.mark.parametrize("how", ["canceled", "timed_out"])
async def test_a_child_that_ends_early_fails_its_step_and_the_parent_goes_its_way(
    native: Native, service: Service, how: str
) -> None:
    more: Json = {"timeout_secs": 1} if how == "timed_out" else {}
    await native.create(waiting("inner"), slug="child", **more)
    sub = step("sub", "sub_workflow", sub_workflow_id="child", on_failure="continue")
    id = await native.begin(sub, calling(service, "z", "sub"), slug="parent")
    found = await native.until_step(id, "sub", "running")
    if how == "canceled":
        await native.http.delete(f"{RUNS}/{found['child_workflow_run_id']}")
    assert (await native.end(id))["status"] == "completed"
    steps = await native.steps(id)
    assert (steps["sub"]["status"], how in steps["sub"]["error"]) == ("failed", True)
    assert len(service.calls("/z")) == 1


@pytest.mark.parametrize("how", ["canceled", "timed_out", "failed"])
async def test_the_end_of_a_run_ends_its_children_and_all_they_wait_for(
    native: Native, how: str
) -> None:
    await native.create(waiting("inner"), slug="child")
    await native.create(step("sub", "sub_workflow", sub_workflow_id="child"), slug="middle")
    more: Json = {"timeout_secs": 2} if how == "timed_out" else {}
    top = step("sub", "sub_workflow", sub_workflow_id="middle")
    id = await native.begin(top, waiting("beside"), slug="top", **more)
    middle = (await native.until_step(id, "sub", "running"))["child_workflow_run_id"]
    child = (await native.until_step(middle, "sub", "running"))["child_workflow_run_id"]
    await native.until_step(child, "inner", "waiting")
    if how == "canceled":
        await native.http.delete(f"{RUNS}/{id}")
    elif how == "failed":
        await ask(native, f"{id}/steps/beside/fail")
    assert (await native.end(id))["status"] == how
    assert [(await native.end(each))["status"] for each in (middle, child)] == ["canceled"] * 2
    keys = (f"inner:{child}", f"beside:{id}")
    assert await trigger_of(native, keys[0]) == "canceled"
    assert await trigger_of(native, keys[1]) == "canceled"
    assert [(await native.send(key)).status_code for key in keys] == [409, 409]


async def test_a_failed_run_has_nothing_in_flight_and_nothing_that_waits(
    native: Native, service: Service
) -> None:
    service.on("/slow", reply(delay=0.5))
    id = await native.begin(calling(service, "slow"), waiting("w"), waiting("v"))
    await service.called("/slow")
    await native.until_step(id, "w", "waiting")
    await ask(native, f"{id}/steps/v/fail", {"reason": "enough"})
    ended = await native.end(id)
    assert (ended["status"], ended["error"]) == ("failed", "v: enough")
    steps = await native.steps(id)
    found = {ref: step["status"] for ref, step in steps.items()}
    # A call in flight is not torn: what it did may have to be undone.
    assert found == {"slow": "completed", "w": "canceled", "v": "failed"}
    assert steps["slow"]["finished_at"] <= ended["finished_at"]
    assert (await native.send(f"w:{id}")).status_code == 409


@pytest.mark.parametrize("how", ["canceled", "timed_out"])
async def test_a_run_that_is_stopped_stops_what_is_in_flight(
    native: Native, service: Service, how: str
) -> None:
    service.on("/slow", reply(delay=20.0))
    more: Json = {"timeout_secs": 1} if how == "timed_out" else {}
    id = await native.begin(calling(service, "slow", timeout_secs=25), waiting("w"), **more)
    await service.called("/slow")
    if how == "canceled":
        await native.http.delete(f"{RUNS}/{id}")
    async with asyncio.timeout(10):
        assert (await native.end(id))["status"] == how
    found = {ref: step["status"] for ref, step in (await native.steps(id)).items()}
    assert found == {"slow": "canceled", "w": "canceled"}


@pytest.mark.parametrize("verb", ["skip", "force-complete"])
async def test_a_step_that_was_settled_is_not_failed_by_the_end_of_its_wait(
    native: Native, verb: str
) -> None:
    id = await native.begin(waiting("w", event_timeout_secs=1), waiting("hold"))
    await native.until_step(id, "w", "waiting")
    body = {"result": {"by": "hand"}} if verb == "force-complete" else {}
    settled = (await ask(native, f"{id}/steps/w/{verb}", body))["step_run"]
    assert await trigger_of(native, f"w:{id}") == "canceled"
    assert (await native.send(f"w:{id}", {"late": True})).status_code == 409
    await nap(native, 1.2)
    w = (await native.steps(id))["w"]
    assert [w[key] for key in ("status", "output")] == [settled["status"], settled["output"]]
    assert (await native.run(id))["status"] == "running"


async def test_an_approval_that_was_skipped_is_closed_and_does_not_expire(native: Native) -> None:
    id = await native.begin(step("ok", "approval", approval_timeout_secs=1), waiting("hold"))
    await native.until_step(id, "ok", "waiting")
    await ask(native, f"{id}/steps/ok/skip")
    listed = await native.http.get("/v1/approvals", params={"workflow_run_id": id})
    assert [each["status"] for each in listed.json()] == ["canceled"]
    await nap(native, 1.2)
    assert (await native.steps(id))["ok"]["status"] == "skipped"
    assert (await native.run(id))["status"] == "running"


async def test_settlings_of_one_step_at_once_are_one(native: Native) -> None:
    id = await native.begin(waiting("w"), waiting("hold"))
    await native.until_step(id, "w", "waiting")
    verbs = ("skip", "force-complete", "fail") * 3
    asked = [post(native, f"{id}/steps/w/{verb}") for verb in verbs]
    answers = await asyncio.gather(*asked, native.send(f"w:{id}"), native.send(f"w:{id}"))
    assert {answer.status_code for answer in answers} == {200, 409}
    assert sum(answer.status_code == 200 for answer in answers[:-2]) <= 1
    events = (await native.http.get(f"{RUNS}/{id}/events", params={"limit": 500})).json()
    settled = ("SkipRequested", "CompleteRequested", "FailRequested", "TriggerReceived")
    assert sum(event["type"] in settled for event in events) == 1
