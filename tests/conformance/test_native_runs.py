"""Workflow runs over HTTP: the page's operations and what this server adds, status by status."""

from typing import Any

import httpx
import pytest
from tests.conformance.client import Service, reply
from tests.conformance.native import Native, calling, step, waiting

PAGE_KEYS = {
    *("id", "workflow_id", "project_id", "status", "triggered_by", "workflow_version"),
    *("max_parallel_steps", "payload", "error", "started_at", "finished_at", "expires_at"),
    *("retry_of_run_id", "parent_workflow_run_id", "parent_step_run_id", "tags"),
    *("workflow_version_id", "created_by", "created_at"),
}
STEP_KEYS = {
    *("id", "workflow_run_id", "workflow_step_id", "step_ref", "job_run_id", "attempt", "status"),
    *("deps_completed", "deps_required", "output", "error", "started_at", "finished_at"),
    "created_at",
}
NOBODY = "01920000-0000-7000-8000-000000000000"


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


async def post(native: Native, path: str, body: Any = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await native.http.post(f"/v1/workflow-runs/{path}", json=body, headers=named)


async def position_of(native: Native, path: str) -> str:
    """Return where in the log the state stands that a stream shows first."""
    async with native.http.stream("GET", path) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("id: "):
                return line.removeprefix("id: ")
    raise AssertionError(f"{path} showed nothing")


async def test_get_answers_with_the_run_of_the_page(native: Native, service: Service) -> None:
    made = await native.create(calling(service, "a"), tags={"team": "shop"}, timeout_secs=60)
    run = await native.trigger(made["id"], {"sku": "s-1"})
    ended = await native.end(run["id"])
    assert ended.keys() >= PAGE_KEYS
    assert ended["workflow_id"] == made["id"]
    assert ended["workflow_version_id"] == made["id"]
    assert (ended["status"], ended["workflow_version"]) == ("completed", 1)
    assert (ended["payload"], ended["output"]) == ({"sku": "s-1"}, {"ok": True})
    assert ended["expires_at"] > ended["created_at"]
    assert ended["finished_at"] >= ended["started_at"] >= ended["created_at"]
    assert ended["created_by"] == "anonymous"


async def test_unknown_runs_and_steps_are_404_everywhere(native: Native, service: Service) -> None:
    id = (await native.ran(calling(service, "a")))["id"]
    http = native.http
    for run in (NOBODY, "nonsense"):
        base = f"/v1/workflow-runs/{run}"
        answers = [await http.get(base), await http.delete(base), await http.get(f"{base}/steps")]
        answers += [await http.post(f"{base}/{verb}") for verb in ("pause", "resume", "retry")]
        for verb in ("skip", "force-complete", "fail", "retry", "replay-subtree"):
            answers.append(await http.post(f"{base}/steps/a/{verb}"))
        assert {answer.status_code for answer in answers} == {404}
    for verb in ("skip", "force-complete", "fail", "retry", "replay-subtree"):
        answer = await http.post(f"/v1/workflow-runs/{id}/steps/nobody/{verb}")
        assert answer.status_code == 404, verb
        assert "nobody" in answer.json()["error"]["message"]


async def test_steps_that_have_not_begun_are_listed_with_what_they_need(
    native: Native, service: Service
) -> None:
    id = await native.begin(waiting("w"), calling(service, "a"), calling(service, "z", "w", "a"))
    await native.until_step(id, "a", "completed")
    await native.until_step(id, "w", "waiting")
    steps = await native.steps(id)
    assert list(steps) == ["w", "a", "z"]
    assert steps["z"].keys() >= STEP_KEYS
    z = steps["z"]
    assert (z["status"], z["deps_completed"], z["deps_required"]) == ("pending", 1, 2)
    await native.send(f"w:{id}")
    await native.end(id)
    assert (await native.steps(id))["z"]["id"] == z["id"]


async def test_steps_page_in_the_order_of_the_definition(native: Native) -> None:
    id = await native.begin(*(waiting(f"w{n}") for n in range(5)))
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = await native.http.get(f"/v1/workflow-runs/{id}/steps", params=query)
        seen += [each["step_ref"] for each in page.json()]
        if "x-next-cursor" not in page.headers:
            break
        query["cursor"] = page.headers["x-next-cursor"]
    assert seen == [f"w{n}" for n in range(5)]


async def test_lists_are_bare_arrays_newest_first_and_filter(native: Native) -> None:
    made = await native.create(waiting("w"), slug="one")
    await native.create(waiting("w"), slug="two")
    ids = [(await native.trigger("one", tags={"n": str(n)}))["id"] for n in range(3)]
    other = (await native.trigger("two"))["id"]
    await native.http.delete(f"/v1/workflow-runs/{ids[0]}")
    await native.until(ids[0], "canceled")

    async def listed(**query: Any) -> list[str]:
        answer = await native.http.get("/v1/workflow-runs", params=query)
        assert answer.status_code == 200, answer.text
        return [run["id"] for run in answer.json()]

    assert await listed() == [other, *reversed(ids)]
    assert await listed(status="canceled") == [ids[0]]
    assert await listed(status="completed,canceled") == [ids[0]]
    assert await listed(status="compensated") == []
    assert await listed(workflow_id=made["id"]) == list(reversed(ids))
    assert await listed(workflow_id="two") == [other]
    assert await listed(workflow_id=NOBODY) == []
    assert await listed(tag_key="n", tag_value="1") == [ids[1]]
    assert await listed(tag_key="n") == list(reversed(ids))
    first = await native.http.get("/v1/workflow-runs", params={"limit": 3})
    rest = await listed(limit=3, cursor=first.headers["x-next-cursor"])
    assert [run["id"] for run in first.json()] + rest == [other, *reversed(ids)]
    assert 'rel="next"' in first.headers["link"]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({"status": "runnin"}, "status"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"tag_value": "x"}, "tag_value"),
        ({"project_id": "a b"}, "X-Project-Id"),
    ],
)
async def test_faults_of_a_list_have_their_places(
    native: Native, query: dict[str, Any], place: str
) -> None:
    answer = await native.http.get("/v1/workflow-runs", params=query)
    assert answer.status_code == 400
    assert any(fault.startswith(place) for fault in answer.json()["error"]["details"])


async def test_cancel_answers_204_and_ends_the_run_and_what_it_waits_for(native: Native) -> None:
    id = await native.begin(waiting("w"))
    await native.until_step(id, "w", "waiting")
    assert (await native.http.delete(f"/v1/workflow-runs/{id}")).status_code == 204
    assert (await native.end(id))["status"] == "canceled"
    assert (await native.http.get(f"/v1/events/w:{id}")).json()["status"] == "canceled"
    again = await native.http.delete(f"/v1/workflow-runs/{id}")
    assert again.status_code == 409
    assert "canceled" in again.json()["error"]["message"]


async def test_pause_holds_the_next_step_back_until_resume(
    native: Native, service: Service
) -> None:
    id = await native.begin(waiting("w"), calling(service, "z", "w"))
    await native.until_step(id, "w", "waiting")
    paused = await post(native, f"{id}/pause")
    assert (paused.status_code, paused.json()["status"]) == (200, "paused")
    assert (await post(native, f"{id}/pause")).status_code == 200
    assert (await native.send(f"w:{id}")).status_code == 200
    assert (await native.steps(id))["z"]["status"] == "pending"
    resumed = await post(native, f"{id}/resume")
    assert (resumed.status_code, resumed.json()["status"]) == (200, "running")
    assert (await native.end(id))["status"] == "completed"
    refused = await post(native, f"{id}/resume")
    assert refused.status_code == 409
    assert "completed" in refused.json()["error"]["message"]
    assert (await post(native, f"{id}/pause")).status_code == 409


async def test_retry_makes_a_new_run_that_keeps_what_was_done(
    native: Native, service: Service
) -> None:
    service.on("/b", reply(None, 500), reply({"b": 2}))
    made = await native.create(
        calling(service, "a"),
        calling(service, "b", "a", retry_max_attempts=1),
        tags={"of": "workflow"},
    )
    first = await native.trigger(made["id"], {"n": 1}, tags={"of": "run"})
    failed = await native.end(first["id"])
    assert failed["status"] == "failed"
    answer = await post(native, f"{first['id']}/retry")
    assert answer.status_code == 201
    new = answer.json()
    assert answer.headers["location"] == f"/v1/workflow-runs/{new['id']}"
    assert (new["retry_of_run_id"], new["triggered_by"]) == (first["id"], "retry")
    assert (new["tags"], new["payload"]) == (first["tags"], {"n": 1})
    assert new["workflow_version_id"] == first["workflow_version_id"]
    assert (await native.end(new["id"]))["status"] == "completed"
    assert (len(service.calls("/a")), len(service.calls("/b"))) == (1, 2)
    refused = await post(native, f"{new['id']}/retry")
    assert refused.status_code == 409
    assert "completed" in refused.json()["error"]["message"]


async def test_a_skipped_step_is_as_good_as_done(native: Native, service: Service) -> None:
    id = await native.begin(waiting("w"), calling(service, "z", "w"))
    await native.until_step(id, "w", "waiting")
    answer = await post(native, f"{id}/steps/w/skip", {"reason": "not today"})
    assert answer.status_code == 200
    told = answer.json()["step_run"]
    assert (told["status"], told["error"]) == ("skipped", "not today")
    assert (await native.end(id))["status"] == "completed"
    assert (await native.steps(id))["w"]["status"] == "skipped"
    assert (await native.http.get(f"/v1/events/w:{id}")).json()["status"] == "canceled"


async def test_a_step_completed_by_hand_gives_its_result(native: Native, service: Service) -> None:
    body = {"n": "{{steps.w.output.n}}"}
    id = await native.begin(waiting("w"), calling(service, "z", "w", request={"body": body}))
    await native.until_step(id, "w", "waiting")
    answer = await post(native, f"{id}/steps/w/force-complete", {"result": {"n": 7}})
    assert answer.status_code == 200
    told = answer.json()["step_run"]
    assert (told["status"], told["output"]) == ("completed", {"n": 7})
    assert (await native.end(id))["status"] == "completed"
    assert service.calls("/z")[0].body == b'{"n":7}'
    assert (await post(native, f"{id}/steps/w/force-complete", {})).status_code == 409


async def test_a_step_failed_by_hand_follows_its_policy(native: Native, service: Service) -> None:
    id = await native.begin(
        waiting("w", on_failure="continue"), calling(service, "z", "w"), slug="goes-on"
    )
    await native.until_step(id, "w", "waiting")
    answer = await post(native, f"{id}/steps/w/fail", {"reason": "closed"})
    assert (answer.status_code, answer.json()["step_run"]["status"]) == (200, "failed")
    assert (await native.end(id))["status"] == "completed"
    stops = await native.begin(waiting("w"), calling(service, "z", "w"), slug="stops")
    await native.until_step(stops, "w", "waiting")
    await post(native, f"{stops}/steps/w/fail", {"reason": "closed"})
    ended = await native.end(stops)
    assert (ended["status"], "closed" in ended["error"]) == ("failed", True)


async def test_a_step_is_retried_in_place_and_reopens_its_run(
    native: Native, service: Service
) -> None:
    service.on("/b", reply(None, 500), reply({"b": 2}))
    id = await native.begin(
        calling(service, "a"),
        calling(service, "b", "a", retry_max_attempts=1),
        calling(service, "c", "b"),
    )
    assert (await native.end(id))["status"] == "failed"
    answer = await post(native, f"{id}/steps/b/retry")
    assert answer.status_code == 200
    assert answer.json()["step_run"]["step_ref"] == "b"
    assert (await native.run(id))["status"] in ("running", "completed")
    assert (await native.until(id, "completed"))["error"] is None
    steps = await native.steps(id)
    assert (steps["b"]["status"], steps["b"]["attempt"]) == ("completed", 2)
    assert len(service.calls("/a")) == 1


async def test_a_subtree_is_run_again_and_counted(native: Native, service: Service) -> None:
    service.on("/d", reply(None, 500), reply({"d": 4}))
    id = await native.begin(
        calling(service, "a"),
        calling(service, "b", "a"),
        calling(service, "c", "b"),
        calling(service, "d", "c", retry_max_attempts=1),
    )
    assert (await native.end(id))["status"] == "failed"
    answer = await post(native, f"{id}/steps/b/replay-subtree")
    assert (answer.status_code, answer.json()) == (200, {"reset_steps": 3})
    await native.until(id, "completed")
    assert [len(service.calls(f"/{name}")) for name in "abcd"] == [1, 2, 2, 2]


async def test_bulk_cancel_answers_for_each_run(native: Native) -> None:
    made = await native.create(waiting("w"))
    ids = [(await native.trigger(made["id"]))["id"] for _ in range(3)]
    await native.http.delete(f"/v1/workflow-runs/{ids[2]}")
    await native.end(ids[2])
    asked = [*ids, NOBODY, "nonsense", ids[0]]
    answer = await post(native, "bulk-cancel", {"workflow_run_ids": asked})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["canceled"], told["failed"]) == (2, 3)
    results = {each["workflow_run_id"]: each for each in told["results"]}
    assert list(results) == [*ids, NOBODY, "nonsense"]
    assert "canceled" in results[ids[2]]["error"]
    assert "no workflow run" in results[NOBODY]["error"]
    for id in ids:
        assert (await native.end(id))["status"] == "canceled"


async def test_bulk_replay_starts_again_what_failed(native: Native, service: Service) -> None:
    service.on("/a", reply(None, 500), reply(None, 500), reply({"ok": True}))
    made = await native.create(calling(service, "a", retry_max_attempts=1))
    ids: list[str] = []
    for _ in range(2):
        ids.append((await native.trigger(made["id"]))["id"])
        assert (await native.end(ids[-1]))["status"] == "failed"
    body = {"workflow_run_ids": [*ids, NOBODY]}
    answer = await post(native, "bulk-replay", body, Idempotency_Key="r")
    told = answer.json()
    assert (told["replayed"], told["failed"]) == (2, 1)
    for each in told["results"][:2]:
        run = await native.end(each["new_workflow_run_id"])
        assert (run["status"], run["retry_of_run_id"]) == ("completed", each["workflow_run_id"])
    again = await post(native, "bulk-replay", body, Idempotency_Key="r")
    assert again.content == answer.content
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("body", [None, {}, {"workflow_run_ids": []}, {"ids": ["a"]}, [1]])
@pytest.mark.parametrize("verb", ["bulk-cancel", "bulk-replay"])
async def test_a_bulk_request_that_names_nothing_is_a_fault(
    native: Native, verb: str, body: Any
) -> None:
    assert (await post(native, verb, body)).status_code == 400


@pytest.mark.parametrize(
    ("verb", "body", "place"),
    [
        ("skip", {"reason": 7}, "reason"),
        ("skip", {"reason": "x" * 5000}, "reason"),
        ("fail", {"reason": "a\x00b"}, "reason"),
        ("fail", {"result": {}}, "result"),
        ("force-complete", {"reason": "a"}, "reason"),
    ],
)
async def test_faults_of_a_step_operation_have_their_places(
    native: Native, verb: str, body: Any, place: str
) -> None:
    id = await native.begin(waiting("w"))
    answer = await post(native, f"{id}/steps/w/{verb}", body)
    assert answer.status_code == 400
    assert [each.partition(":")[0] for each in answer.json()["error"]["details"]] == [place]


async def test_any_text_may_be_a_reason_and_any_json_a_result(native: Native) -> None:
    id = await native.begin(waiting("v", on_failure="continue"), waiting("w"))
    await native.until_step(id, "w", "waiting")
    why = "two lines:\n\tçà, \u4e2d\u6587, \U0001f389, \\u0000"
    odd = {"nul": "\0", "big": 2**63, "deep": [[[[1.5e300]]]], "": None}
    await post(native, f"{id}/steps/v/fail", {"reason": why})
    await post(native, f"{id}/steps/w/force-complete", {"result": odd})
    assert (await native.end(id))["status"] == "completed"
    steps = await native.steps(id)
    assert (steps["v"]["error"], steps["w"]["output"]) == (why, odd)


async def test_a_run_is_shown_as_it_was(native: Native, service: Service) -> None:
    id = await native.begin(waiting("w"), calling(service, "z", "w"))
    await native.until_step(id, "w", "waiting")
    then = await position_of(native, f"/v1/events/w:{id}/stream")
    await native.send(f"w:{id}")
    await native.end(id)
    was = await native.http.get(f"/v1/workflow-runs/{id}", params={"as_of": then})
    assert was.json()["status"] == "running"
    steps = await native.http.get(f"/v1/workflow-runs/{id}/steps", params={"as_of": then})
    assert [each["status"] for each in steps.json()] == ["waiting", "pending"]
    before = await native.http.get(f"/v1/workflow-runs/{id}", params={"as_of": "1"})
    assert before.status_code == 404
    wrong = await native.http.get(f"/v1/workflow-runs/{id}", params={"as_of": "x"})
    assert wrong.status_code == 400


async def test_the_same_request_with_a_key_is_answered_as_the_first(native: Native) -> None:
    id = await native.begin(waiting("w"), waiting("z", "w"))
    await native.until_step(id, "w", "waiting")
    first = await post(native, f"{id}/pause", Idempotency_Key="p")
    await post(native, f"{id}/resume")
    again = await post(native, f"{id}/pause", Idempotency_Key="p")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await native.run(id))["status"] == "running"
    skipped = await post(native, f"{id}/steps/w/skip", {"reason": "r"}, Idempotency_Key="s")
    assert (await post(native, f"{id}/steps/w/skip", {}, Idempotency_Key="s")).status_code == 422
    same = await post(native, f"{id}/steps/w/skip", {"reason": "r"}, Idempotency_Key="s")
    assert same.content == skipped.content


async def test_another_project_reaches_no_run(native: Native) -> None:
    id = await native.begin(waiting("w"))
    theirs = {"X-Project-Id": "somebody-else"}
    http = native.http
    base = f"/v1/workflow-runs/{id}"
    answers = [await http.get(path, headers=theirs) for path in (base, f"{base}/steps")]
    answers.append(await http.delete(base, headers=theirs))
    verbs = ("pause", "resume", "retry", "steps/w/skip", "steps/w/retry")
    answers += [await http.post(f"{base}/{verb}", headers=theirs) for verb in verbs]
    assert {answer.status_code for answer in answers} == {404}
    bulk = await http.post(
        "/v1/workflow-runs/bulk-cancel", json={"workflow_run_ids": [id]}, headers=theirs
    )
    assert bulk.json()["failed"] == 1
    assert (await http.get("/v1/workflow-runs", headers=theirs)).json() == []


async def test_what_was_done_is_compensated_and_the_run_says_so(
    native: Native, service: Service
) -> None:
    service.on("/b", reply(None, 500))
    undo = {"url": f"{service.url}/undo-a"}
    id = await native.begin(
        calling(service, "a", compensation=undo), calling(service, "b", "a", retry_max_attempts=1)
    )
    assert (await native.end(id))["status"] == "compensated"
    assert len(service.calls("/undo-a")) == 1
    listed = await native.http.get("/v1/workflow-runs", params={"status": "compensated"})
    assert [run["id"] for run in listed.json()] == [id]
    failed = await native.http.get("/v1/workflow-runs", params={"status": "failed"})
    assert failed.json() == []


async def test_a_compensation_that_fails_is_told_apart(native: Native, service: Service) -> None:
    service.on("/b", reply(None, 500))
    service.on("/undo-a", reply(None, 500))
    undo = {"url": f"{service.url}/undo-a"}
    steps = (
        calling(service, "a", compensation=undo, retry_max_attempts=1),
        calling(service, "b", "a", retry_max_attempts=1),
    )
    assert (await native.ran(*steps))["status"] == "compensation_failed"


async def test_child_runs_are_named_and_end_with_their_parent(native: Native) -> None:
    await native.create(waiting("inner"), slug="child")
    id = await native.begin(step("sub", "sub_workflow", sub_workflow_id="child"), slug="parent")
    child = (await native.until_step(id, "sub", "waiting", "running"))["child_workflow_run_id"]
    await native.until_step(child, "inner", "waiting")
    assert (await native.run(child))["parent_workflow_run_id"] == id
    steps = await native.steps(id)
    assert (await native.run(child))["parent_step_run_id"] == steps["sub"]["id"]
    await native.http.delete(f"/v1/workflow-runs/{id}")
    assert (await native.end(id))["status"] == "canceled"
    assert (await native.end(child))["status"] == "canceled"
    assert (await native.http.get(f"/v1/events/inner:{child}")).json()["status"] == "canceled"
