"""Faults of the original in what it answered about runs, each as the law that it broke."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.conformance.client import Service, reply
from tests.conformance.native import Json, Native, calling, step, waiting

RUNS = "/v1/workflow-runs"
NOBODY = "01920000-0000-7000-8000-000000000000"


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


async def post(native: Native, path: str, body: Any = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await native.http.post(f"{RUNS}/{path}", json=body, headers=named)


async def history(native: Native, id: str) -> list[Json]:
    answer = await native.http.get(f"{RUNS}/{id}/events", params={"limit": 500})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_answers_have_the_shapes_of_the_page(native: Native) -> None:
    id = await native.begin(waiting("w"), waiting("z", "w"))
    await native.until_step(id, "w", "waiting")
    for path in (RUNS, f"{RUNS}/{id}/steps"):
        assert isinstance((await native.http.get(path)).json(), list)
    for verb, done in (("bulk-cancel", "canceled"), ("bulk-replay", "replayed")):
        told = (await post(native, verb, {"workflow_run_ids": [NOBODY]})).json()
        assert (told[done], told["failed"]) == (0, 1)
    gone = await native.http.delete(f"{RUNS}/{id}")
    assert (gone.status_code, gone.content) == (204, b"")


async def test_a_conflict_says_so_and_an_unknown_step_is_not_found(
    native: Native, service: Service
) -> None:
    id = (await native.ran(calling(service, "a")))["id"]
    for path in ("pause", "resume", "retry", "steps/a/skip", "steps/a/force-complete"):
        answer = await post(native, f"{id}/{path}")
        assert answer.status_code == 409, path
        error = answer.json()["error"]
        assert (error["code"], "completed" in error["message"]) == ("conflict", True)
    unknown = await post(native, f"{id}/steps/b/approve")
    assert unknown.status_code == 404
    assert "no step" in unknown.json()["error"]["message"]


async def test_a_run_over_the_limit_of_its_workflow_waits_and_is_not_refused(
    native: Native, service: Service
) -> None:
    made = await native.create(waiting("w"), calling(service, "a", "w"), max_concurrent_runs=1)
    first, second = [(await native.trigger(made["id"]))["id"] for _ in range(2)]
    await native.until_step(first, "w", "waiting")
    assert (await native.run(second))["status"] == "pending"
    await native.http.delete(f"{RUNS}/{first}")
    await native.until_step(second, "w", "waiting")


async def test_what_is_refused_leaves_nothing_behind(native: Native) -> None:
    id = await native.begin(waiting("w"), waiting("z", "w"))
    await native.until_step(id, "w", "waiting")
    before = await history(native, id)
    refused = [
        await post(native, f"{id}/resume"),
        await post(native, f"{id}/retry", Idempotency_Key="one"),
        await post(native, f"{id}/steps/z/retry"),
        await post(native, f"{id}/steps/nobody/skip"),
        await post(native, f"{id}/steps/w/skip", {"reason": 1}),
        await post(native, f"{id}/steps/w/skip", {"why": "no such field"}),
        await post(native, f"{id}/steps/w/approve"),
    ]
    assert [answer.status_code for answer in refused] == [409, 409, 409, 404, 400, 400, 409]
    assert await history(native, id) == before
    assert len((await native.http.get(RUNS)).json()) == 1
    # The key of a refusal is free: the same request may be right later.
    await native.http.delete(f"{RUNS}/{id}")
    await native.end(id)
    assert (await post(native, f"{id}/retry", Idempotency_Key="one")).status_code == 201


async def test_steps_that_began_at_one_instant_are_paged_without_gap(native: Native) -> None:
    refs = [f"w{n}" for n in range(130)]
    id = await native.begin(*(waiting(ref) for ref in refs))
    await native.until_step(id, refs[-1], "waiting")
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 50}
    while True:
        page = await native.http.get(f"{RUNS}/{id}/steps", params=query)
        seen += [each["step_ref"] for each in page.json()]
        if "x-next-cursor" not in page.headers:
            break
        query["cursor"] = page.headers["x-next-cursor"]
    assert seen == refs


async def test_runs_that_began_at_one_instant_are_paged_without_gap(native: Native) -> None:
    await native.create(waiting("w"))
    begun = await asyncio.gather(*(native.trigger() for _ in range(40)))
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 7}
    while True:
        page = await native.http.get(RUNS, params=query)
        seen += [each["id"] for each in page.json()]
        if "x-next-cursor" not in page.headers:
            break
        query["cursor"] = page.headers["x-next-cursor"]
    assert len(seen) == 40
    assert set(seen) == {run["id"] for run in begun}


async def test_bulk_cancel_ends_children_and_waits_and_names_what_it_could_not(
    native: Native, http: httpx.AsyncClient
) -> None:
    await native.create(waiting("inner"), slug="child")
    await native.create(step("sub", "sub_workflow", sub_workflow_id="child"), slug="parent")
    ids = [(await native.trigger("parent"))["id"] for _ in range(3)]
    children = [
        (await native.until_step(id, "sub", "running"))["child_workflow_run_id"] for id in ids
    ]
    for child in children:
        await native.until_step(child, "inner", "waiting")
    asked = {"workflow_run_ids": [ids[0], NOBODY, *ids, "nonsense"]}
    theirs = await http.post(
        f"{RUNS}/bulk-cancel", json=asked, headers={"X-Project-Id": "somebody-else"}
    )
    assert (theirs.json()["canceled"], theirs.json()["failed"]) == (0, 5)
    told = (await post(native, "bulk-cancel", asked)).json()
    assert (told["canceled"], told["failed"]) == (3, 2)
    found = {each["workflow_run_id"]: each.get("error") for each in told["results"]}
    assert found == {
        **dict.fromkeys(ids),
        NOBODY: f"no workflow run {NOBODY}",
        "nonsense": "no workflow run nonsense",
    }
    for id in (*ids, *children):
        assert (await native.end(id))["status"] == "canceled"
    for child in children:
        assert (await native.http.get(f"/v1/events/inner:{child}")).json()["status"] == "canceled"


async def test_a_run_that_cannot_be_replayed_does_not_keep_many_others_from_it(
    native: Native, service: Service
) -> None:
    service.on("/a", reply(status=500))
    await native.create(calling(service, "a"))
    begun = await asyncio.gather(*(native.trigger() for _ in range(30)))
    ids = [run["id"] for run in begun]
    assert {(await native.end(id))["status"] for id in ids} == {"failed"}
    service.on("/a", reply())
    done = (await native.ran(calling(service, "b"), slug="b"))["id"]
    told = (await post(native, "bulk-replay", {"workflow_run_ids": [done, *ids, NOBODY]})).json()
    assert (told["replayed"], told["failed"]) == (30, 2)
    assert [each["workflow_run_id"] for each in told["results"]] == [done, *ids, NOBODY]
    for each in told["results"][1:-1]:
        run = await native.end(each["new_workflow_run_id"])
        assert (run["status"], run["retry_of_run_id"]) == ("completed", each["workflow_run_id"])


async def test_a_retry_keeps_tags_payload_and_version_and_names_who_asked(
    native: Native, service: Service
) -> None:
    service.on("/b", reply(status=500))
    made = await native.create(calling(service, "a"), calling(service, "b", "a"), tags={"t": "w"})
    body = {"payload": {"n": 1}, "tags": {"of": "run"}}
    begun = await native.http.post(
        "/v1/workflows/w/trigger", json=body, headers={"X-Actor-Id": "ann"}
    )
    old = await native.end(begun.json()["id"])
    changed = await native.http.patch(
        f"/v1/workflows/{made['id']}", json={"steps": [calling(service, "c")]}
    )
    assert changed.status_code == 200, changed.text
    service.on("/b", reply({"b": 2}))
    answer = await post(native, f"{old['id']}/retry", X_Actor_Id="bob")
    new = await native.run(answer.json()["id"])
    kept = ("tags", "payload", "workflow_id", "workflow_version", "workflow_version_id")
    assert [new[key] for key in kept] == [old[key] for key in kept]
    assert old["tags"] == {"t": "w", "of": "run"}
    assert (old["created_by"], new["created_by"]) == ("ann", "bob")
    assert (await native.end(new["id"]))["output"] == {"b": 2}
    steps = await native.steps(new["id"])
    assert steps["a"]["output"] == {"ok": True}
    assert (len(service.calls("/a")), len(service.calls("/c"))) == (1, 0)


async def test_the_change_that_ends_a_run_is_told_once(native: Native) -> None:
    id = await native.begin(waiting("w"))
    await native.until_step(id, "w", "waiting")
    await post(native, f"{id}/steps/w/skip")
    assert (await native.end(id))["status"] == "completed"
    assert [event["type"] for event in await history(native, id)].count("ExecutionSucceeded") == 1
    short = await native.begin(waiting("w"), slug="short", timeout_secs=1)
    async with native.http.stream("GET", f"{RUNS}/{short}/stream") as stream:
        async for _ in stream.aiter_lines():
            pass  # it ends with the run
    assert (await native.run(short))["status"] == "timed_out"
    types = [event["type"] for event in await history(native, short)]
    assert types.count("ExecutionTimedOut") == 1


async def test_a_cancel_under_a_key_is_answered_again(native: Native) -> None:
    id = await native.begin(waiting("w"))
    await native.until_step(id, "w", "waiting")
    key = {"Idempotency-Key": "gone"}
    first = await native.http.delete(f"{RUNS}/{id}", headers=key)
    await native.end(id)
    again = await native.http.delete(f"{RUNS}/{id}", headers=key)
    assert (first.status_code, again.status_code) == (204, 204)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await native.http.delete(f"{RUNS}/{id}")).status_code == 409


async def test_a_retry_under_a_key_makes_one_run(native: Native, service: Service) -> None:
    service.on("/a", reply(status=500))
    id = (await native.ran(calling(service, "a")))["id"]
    asked = [post(native, f"{id}/retry", Idempotency_Key="again") for _ in range(4)]
    answers = await asyncio.gather(*asked)
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(made) == 1
    listed = (await native.http.get(RUNS)).json()
    assert {run["id"] for run in listed} == {id, *made}
