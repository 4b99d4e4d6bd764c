"""Approvals over HTTP: who is asked, who may decide, that it is decided once, and what shows it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.conformance.client import Service
from tests.conformance.native import Json, Native, calling, step, waiting

KEYS = {
    *("id", "workflow_run_id", "step_ref", "status", "approvers", "payload", "requested_at"),
    *("expires_at", "decided_at", "decided_by", "reason", "link"),
}
NOBODY = "01920000-0000-7000-8000-000000000000"
Verb = Callable[..., Awaitable[httpx.Response]]


def approval(ref: str = "ok", *needs: str, by: tuple[str, ...] = (), **more: Any) -> Json:
    return step(ref, "approval", *needs, approval_approvers=list(by), **more)


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


async def decide(
    native: Native, id: str, verb: str, *, ref: str = "ok", body: Any = None, **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/v1/workflow-runs/{id}/steps/{ref}/{verb}"
    return await native.http.post(path, json=body, headers=named)


async def listed(native: Native, **query: Any) -> list[Json]:
    answer = await native.http.get("/v1/approvals", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def asking(native: Native, *steps: Json, **more: Any) -> tuple[str, Json]:
    """Begin a run that asks for an approval; return the run's id and the approval."""
    id = await native.begin(*steps, **more)
    await native.until_step(id, "ok", "waiting")
    (found,) = await listed(native, workflow_run_id=id, status="pending")
    return id, found


async def test_an_approval_shows_what_is_asked_of_whom_and_has_no_end_unless_one_is_given(
    native: Native,
) -> None:
    one = approval(by=("ann", "bob"), payload={"pay": "{{payload.amount}}"})
    id, found = await asking(native, one, payload={"amount": 12})
    assert found.keys() >= KEYS
    assert (found["workflow_run_id"], found["step_ref"], found["status"]) == (id, "ok", "pending")
    assert (found["approvers"], found["payload"]) == (["ann", "bob"], {"pay": 12})
    gone = [found[key] for key in ("expires_at", "decided_at", "decided_by", "reason")]
    assert gone == [None] * 4
    again = await native.http.get(f"/v1/approvals/{found['id']}")
    assert again.json() == found
    _, other = await asking(native, approval(approval_timeout_secs=60), slug="w2")
    assert other["expires_at"] > other["requested_at"]


async def test_an_approver_lets_the_run_go_on(native: Native, service: Service) -> None:
    id, found = await asking(native, approval(by=("ann",)), calling(service, "a", "ok"))
    answer = await decide(native, id, "approve", body={"comment": "fine"}, x_actor_id="ann")
    assert answer.status_code == 200, answer.text
    assert answer.json()["step_run"]["status"] == "completed"
    await native.until(id, "completed")
    output = (await native.steps(id))["ok"]["output"]
    (decision,) = output.pop("decisions")
    assert (decision["actor"], decision["decision"]) == ("ann", "approved")
    assert output == {
        "approved": True,
        "approved_by": "ann",
        "decided_by": "ann",
        "decidedBy": "ann",
        "comment": "fine",
        "inputs": None,
    }
    (after,) = await listed(native, workflow_run_id=id)
    assert after == found | {
        "status": "approved",
        "decided_by": "ann",
        "decided_at": after["decided_at"],
        "reason": "fine",
        "link": None,
    }
    assert after["decided_at"] >= found["requested_at"]


async def test_a_rejection_fails_the_step_with_its_reason(native: Native) -> None:
    id, _ = await asking(native, approval(), waiting("w"))
    answer = await decide(native, id, "reject", body={"reason": "no money"}, x_actor_id="bob")
    assert answer.status_code == 200
    assert answer.json()["step_run"]["status"] == "failed"
    ended = await native.until(id, "failed")
    assert "rejected by bob: no money" in ended["error"]
    assert (await native.steps(id))["w"]["status"] == "canceled"
    (after,) = await listed(native, workflow_run_id=id)
    assert (after["status"], after["decided_by"]) == ("rejected", "bob")
    assert after["reason"] == "no money"


@pytest.mark.parametrize("verb", ["approve", "reject"])
async def test_who_is_no_approver_is_refused_and_nothing_changes(native: Native, verb: str) -> None:
    id, found = await asking(native, approval(by=("ann",)))
    for headers in ({"x_actor_id": "eve"}, {}):
        answer = await decide(native, id, verb, **headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert await listed(native, workflow_run_id=id) == [found]


@pytest.mark.parametrize(("first", "other"), [("approve", "reject"), ("reject", "approve")])
async def test_the_same_decision_again_is_one_and_any_other_is_a_conflict(
    native: Native, first: str, other: str
) -> None:
    id, _ = await asking(native, approval(by=("ann", "bob"), on_failure="continue"), waiting("w"))
    answer = await decide(native, id, first, x_actor_id="ann")
    (decided,) = await listed(native, workflow_run_id=id)
    again = await decide(native, id, first, x_actor_id="ann")
    assert (again.status_code, answer.status_code) == (200, 200)
    assert again.json()["step_run"]["status"] == answer.json()["step_run"]["status"]
    for verb, actor in ((other, "ann"), (first, "bob"), (other, "bob")):
        refused = await decide(native, id, verb, x_actor_id=actor)
        assert refused.status_code == 409
        assert decided["status"] in refused.json()["error"]["message"]
    await native.until_step(id, "ok", "completed", "failed")
    assert (await decide(native, id, first, x_actor_id="ann")).status_code == 200
    assert await listed(native, workflow_run_id=id) == [decided]


async def test_of_many_who_decide_at_once_one_wins(native: Native) -> None:
    names = [f"p{n}" for n in range(8)]
    id, _ = await asking(native, approval(by=tuple(names), on_failure="continue"))
    verbs = ["approve", "reject"] * 4
    pairs = zip(verbs, names, strict=True)
    answers = await asyncio.gather(*(decide(native, id, v, x_actor_id=n) for v, n in pairs))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    won = next(n for n, a in zip(names, answers, strict=True) if a.status_code == 200)
    (after,) = await listed(native, workflow_run_id=id)
    assert after["decided_by"] == won


async def test_only_a_pending_approval_can_be_decided(native: Native) -> None:
    id = await native.begin(waiting("w"), approval("ok", "w"))
    await native.until_step(id, "w", "waiting")
    for verb in ("approve", "reject"):
        for ref, status, said in (("w", 409, "no approval"), ("ok", 409, "not yet begun")):
            answer = await decide(native, id, verb, ref=ref)
            assert (answer.status_code, said in answer.text) == (status, True), answer.text
        assert (await decide(native, id, verb, ref="nobody")).status_code == 404
        for run in (NOBODY, "nonsense"):
            assert (await decide(native, run, verb)).status_code == 404
        assert (await decide(native, id, verb, x_project_id="another")).status_code == 404


async def test_an_approval_is_no_event(native: Native) -> None:
    id, found = await asking(native, approval(by=("ann",)))
    for key in (f"approval:{id}:ok", found["id"], "ok", f"evt:approval:{found['step_run_id']}"):
        assert (await native.send(key)).status_code == 404
    triggers = (await native.http.get("/v1/events", params={"limit": 500})).json()
    assert triggers["data"] == []
    prefix = await native.http.post("/v1/events/prefix/approval:/send", json={"payload": {}})
    assert prefix.status_code < 500
    assert (await listed(native, workflow_run_id=id)) == [found]


async def test_skipping_and_forcing_close_the_approval(native: Native) -> None:
    for verb in ("skip", "force-complete", "fail"):
        id, _ = await asking(native, approval(), slug=verb)
        assert (await decide(native, id, verb)).status_code == 200
        (after,) = await listed(native, workflow_run_id=id)
        assert (after["status"], after["decided_by"]) == ("canceled", "anonymous")
        refused = await decide(native, id, "approve")
        assert (refused.status_code, "canceled" in refused.text) == (409, True)
        await native.end(id)


async def test_a_failure_elsewhere_and_a_cancel_close_the_approval(native: Native) -> None:
    id, _ = await asking(native, approval(), waiting("w"))
    assert (await decide(native, id, "fail", ref="w")).status_code == 200
    await native.until(id, "failed")
    other, _ = await asking(native, approval(), slug="w2")
    assert (await native.http.delete(f"/v1/workflow-runs/{other}")).status_code == 204
    await native.until(other, "canceled")
    for run in (id, other):
        (after,) = await listed(native, workflow_run_id=run)
        assert (after["status"], after["decided_at"] is not None) == ("canceled", True)
        assert (await decide(native, run, "approve")).status_code == 409


async def test_an_approval_that_is_not_decided_in_time_times_out_and_fails_its_step(
    native: Native,
) -> None:
    id = await native.begin(approval(approval_timeout_secs=0.2))
    ended = await native.until(id, "failed")
    assert "approval timed out" in ended["error"]
    (after,) = await listed(native, workflow_run_id=id)
    assert (after["status"], after["decided_by"]) == ("timed_out", None)
    refused = await decide(native, id, "approve")
    assert (refused.status_code, "timed_out" in refused.text) == (409, True)


async def test_a_decision_in_time_is_not_taken_back_when_its_time_is_over(native: Native) -> None:
    id, _ = await asking(
        native, approval(approval_timeout_secs=1.5), step("z", "sleep", sleep_duration_secs=2)
    )
    assert (await decide(native, id, "approve")).status_code == 200
    await native.until(id, "completed")
    (after,) = await listed(native, workflow_run_id=id)
    assert after["status"] == "approved"


async def test_a_decision_during_a_pause_is_taken_and_works_at_resume(native: Native) -> None:
    id, _ = await asking(native, approval())
    await native.http.post(f"/v1/workflow-runs/{id}/pause")
    answer = await decide(native, id, "approve")
    assert answer.status_code == 200
    (after,) = await listed(native, workflow_run_id=id)
    assert after["status"] == "approved"
    await native.http.post(f"/v1/workflow-runs/{id}/resume")
    await native.until(id, "completed")


async def test_a_reset_step_asks_anew(native: Native) -> None:
    id, first = await asking(native, approval())
    await decide(native, id, "reject")
    await native.until(id, "failed")
    assert (await decide(native, id, "retry")).status_code == 200
    await native.until_step(id, "ok", "waiting")
    newest, oldest = await listed(native, workflow_run_id=id)
    assert (newest["status"], oldest["status"]) == ("pending", "rejected")
    assert (oldest["id"], newest["id"] != first["id"]) == (first["id"], True)
    assert (await decide(native, id, "approve")).status_code == 200
    await native.until(id, "completed")


async def test_lists_are_newest_first_filter_and_page(native: Native) -> None:
    runs = [(await asking(native, approval(), slug=f"w{n}"))[0] for n in range(4)]
    await decide(native, runs[0], "approve")
    found = await listed(native)
    assert [each["workflow_run_id"] for each in found] == list(reversed(runs))
    assert [each["workflow_run_id"] for each in await listed(native, status="approved")] == runs[:1]
    assert len(await listed(native, status="pending,approved")) == 4
    assert await listed(native, workflow_run_id=NOBODY) == []
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3, "status": "pending,approved"}
    while True:
        page = await native.http.get("/v1/approvals", params=query)
        seen += [each["workflow_run_id"] for each in page.json()]
        if "x-next-cursor" not in page.headers:
            break
        query["cursor"] = page.headers["x-next-cursor"]
    assert seen == list(reversed(runs))


async def test_all_faults_of_a_request_are_told_with_their_places(native: Native) -> None:
    query = {"status": "pendin", "limit": "0", "cursor": "x", "workflow_run_id": "7"}
    answer = await native.http.get("/v1/approvals", params=query)
    assert answer.status_code == 400
    places = [fault.partition(":")[0] for fault in answer.json()["error"]["details"]]
    assert sorted(places) == ["cursor", "limit", "status", "workflow_run_id"]
    id, _ = await asking(native, approval())
    answer = await decide(native, id, "approve", body={"comment": 1, "approver": "ann"})
    places = [fault.partition(":")[0] for fault in answer.json()["error"]["details"]]
    assert (answer.status_code, sorted(places)) == (400, ["approver", "comment"])
    wrong = await native.http.post(
        f"/v1/workflow-runs/{id}/steps/ok/reject", content="x", headers={"content-type": "text/x"}
    )
    assert wrong.status_code == 415
    for path in (NOBODY, "nonsense"):
        assert (await native.http.get(f"/v1/approvals/{path}")).status_code == 404


async def test_a_decision_under_a_key_has_one_effect_and_one_answer(native: Native) -> None:
    id, _ = await asking(native, approval())
    first = await decide(native, id, "approve", body={"comment": "a"}, idempotency_key="k")
    again = await decide(native, id, "approve", body={"comment": "a"}, idempotency_key="k")
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = await decide(native, id, "approve", body={"comment": "b"}, idempotency_key="k")
    assert other.status_code == 422


async def test_the_stream_of_a_run_shows_what_is_asked_and_what_was_decided(
    native: Native,
) -> None:
    id = await native.begin(step("ok", "approval"))
    await native.until_step(id, "ok", "waiting")
    seen: list[str] = []
    path = f"/v1/workflow-runs/{id}/stream"
    async with asyncio.timeout(30), native.http.stream("GET", path, params={"after": 0}) as stream:
        async for line in stream.aiter_lines():
            name = line.removeprefix("event: ")
            if name == line:
                continue
            seen.append(name)
            if name == "StepWaiting":
                answer = await native.http.post(f"/v1/workflow-runs/{id}/steps/ok/approve")
                assert answer.status_code == 200
    assert [name for name in seen if name in ("StepWaiting", "StepApproved", "StepSucceeded")] == [
        "StepWaiting",
        "StepApproved",
        "StepSucceeded",
    ]
