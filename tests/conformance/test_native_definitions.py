"""Workflows over HTTP: what is stored, what comes of it, and every status that is answered."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.conformance.client import Service, reply, sent
from tests.conformance.native import Native, calling, step, waiting, workflow

from mainspring.testing.sagas import hello_world

NOBODY = "00000000-0000-7000-8000-000000000000"
SLEEP = step("nap", "sleep", sleep_duration_secs=0.01)


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


async def pages(native: Native, path: str, limit: int) -> list[Any]:
    """Return all that a list has, page by page."""
    found: list[Any] = []
    query: dict[str, Any] | None = {"limit": limit}
    while query:
        page = await native.http.get(httpx.URL(path).copy_merge_params(query))
        assert page.status_code == 200, page.text
        assert len(page.json()) <= limit
        found += page.json()
        cursor = page.headers.get("x-next-cursor")
        query = {"limit": limit, "cursor": cursor} if cursor else None
    return found


# Storing.


async def test_create_answers_with_the_stored_workflow(native: Native, service: Service) -> None:
    asked = workflow(calling(service, "a"), slug="order", tags={"team": "shop"})
    answer = await native.http.post("/v1/workflows", json=asked)
    assert answer.status_code == 201
    stored = answer.json()
    assert answer.headers["location"] == f"/v1/workflows/{stored['id']}"
    assert (stored["version"], stored["version_id"]) == (1, stored["id"])
    assert stored["project_id"] == native.http.headers["x-project-id"]
    assert stored["created_at"] == stored["updated_at"]
    assert {name: stored[name] for name in asked} == asked
    assert (await native.http.get(answer.headers["location"])).json() == stored
    assert (await native.http.get("/v1/workflows/order")).json() == stored


async def test_all_faults_are_told_together(native: Native) -> None:
    broken = workflow(
        step("charge", "approval", on_failure="compensate"),
        step("ship", "sleep", "chargee", sleep_duration_secs=1),
        slug="w",
        nme="x",
    )
    answer = await native.http.post("/v1/workflows", json=broken)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "validation_error"
    assert error["details"] == [
        'nme: is not known here (did you mean "name"?)',
        'steps[1].depends_on[0]: no step "chargee" (did you mean "charge"?)',
        'steps[0].on_failure: "compensate" is not one of continue, fail_workflow, skip_dependents',
    ]
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'{"slug": "\\u0000", "sub": 1}', "application/json", 400),
        (b'{"project_id": 7}', "application/json", 400),
        (b'{"name": "' + b"x" * (1 << 20) + b'"}', "application/json", 413),
    ],
)
async def test_a_body_that_is_no_workflow_is_refused(
    native: Native, body: bytes, kind: str, status: int
) -> None:
    for verb, path in (("POST", "/v1/workflows"), ("PATCH", "/v1/workflows/w")):
        answer = await native.http.request(verb, path, content=body, headers={"Content-Type": kind})
        assert answer.status_code in ({status, 404} if verb == "PATCH" else {status})
        assert answer.json()["error"]["message"]


async def test_a_slug_is_taken_once(native: Native) -> None:
    asked = [native.http.post("/v1/workflows", json=workflow(SLEEP)) for _ in range(8)]
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["error"]["message"] == "the slug w is taken"


async def test_another_project_sees_nothing_of_it(native: Native) -> None:
    made = await native.create(SLEEP)
    other = {"X-Project-Id": "somebody-else"}
    for named in (made["id"], "w"):
        path = f"/v1/workflows/{named}"
        assert (await native.http.get(path, headers=other)).status_code == 404
        assert (await native.http.patch(path, json={}, headers=other)).status_code == 404
        assert (await native.http.delete(path, headers=other)).status_code == 404
        trigger = await native.http.post(f"{path}/trigger", json={}, headers=other)
        assert trigger.status_code == 404
    assert (await native.http.get("/v1/workflows/w")).json() == made


async def test_the_project_may_stand_in_the_query_or_in_the_body(native: Native) -> None:
    project = native.http.headers["x-project-id"] + "-b"
    async with httpx.AsyncClient(base_url=native.http.base_url) as bare:
        body = {**workflow(SLEEP), "project_id": project}
        made = (await bare.post("/v1/workflows", json=body)).json()
        assert made["project_id"] == project
        assert "project_id" not in made["steps"][0]
        query = {"project_id": project}
        assert (await bare.get("/v1/workflows/w", params=query)).json() == made
        run = await bare.post("/v1/workflows/w/trigger", json={"project_id": project})
        assert (run.status_code, run.json()["project_id"]) == (202, project)
        other = await bare.post("/v1/workflows", json=body, params={"project_id": "x"})
        assert other.status_code == 400


@pytest.mark.parametrize("named", [NOBODY, "nobody", "%00", "%ff", "a%2Fb", "%F0%9F%92%A9"])
async def test_what_is_not_there_is_404(native: Native, named: str) -> None:
    path = f"/v1/workflows/{named}"
    answers = [
        await native.http.get(path),
        await native.http.get(f"{path}/versions"),
        await native.http.get(f"{path}/versions/1"),
        await native.http.patch(path, json={"name": "x"}),
        await native.http.delete(path),
        await native.http.post(f"{path}/trigger", json={}),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["error"]["code"] for answer in answers} == {"not_found"}


# Versions.


async def test_a_change_is_a_new_version_beside_the_old_one(native: Native) -> None:
    made = await native.create(SLEEP, tags={"a": "1"}, description="first")
    change = {"name": "Other", "description": None, "max_parallel_steps": 3}
    answer = await native.http.patch("/v1/workflows/w", json=change)
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["id"], changed["version"], changed["slug"]) == (made["id"], 2, "w")
    assert (changed["name"], changed["description"], changed["tags"]) == ("Other", None, {"a": "1"})
    assert changed["max_parallel_steps"] == 3
    assert changed["version_id"] != made["version_id"]
    assert changed["created_at"] == made["created_at"] < changed["updated_at"]
    path = f"/v1/workflows/{made['id']}"
    assert (await native.http.get(path)).json() == changed
    assert (await native.http.get(f"{path}/versions/1")).json() == made
    assert (await native.http.get(f"{path}/versions")).json() == [changed, made]


async def test_the_same_content_makes_no_version(native: Native) -> None:
    made = await native.create(SLEEP)
    for change in ({}, {"name": "W"}, {"steps": [SLEEP]}, {"description": None}, {"slug": "w"}):
        answer = await native.http.patch("/v1/workflows/w", json=change)
        assert (answer.status_code, answer.json()) == (200, made)


async def test_a_slug_cannot_be_changed_and_a_changed_workflow_is_judged_whole(
    native: Native,
) -> None:
    await native.create(SLEEP)
    change = {"slug": "v", "steps": [step("a", "sleep", "b", sleep_duration_secs=1)]}
    answer = await native.http.patch("/v1/workflows/w", json=change)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == [
        "slug: cannot be changed",
        'steps[0].depends_on[0]: no step "b"',
    ]
    assert len((await native.http.get("/v1/workflows/w/versions")).json()) == 1


async def test_changes_at_once_are_versions_one_after_the_other(native: Native) -> None:
    await native.create(SLEEP)
    asked = [
        native.http.patch("/v1/workflows/w", json={"max_parallel_steps": n}) for n in range(1, 7)
    ]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {200}
    versions = await pages(native, "/v1/workflows/w/versions", 4)
    assert [each["version"] for each in versions] == [7, 6, 5, 4, 3, 2, 1]
    assert {each["max_parallel_steps"] for each in versions} == set(range(7))


async def test_a_version_that_another_dialect_has_is_passed_over(
    native: Native, service: Service
) -> None:
    saga = hello_world(service.url) | {"name": "w", "version": "2"}
    assert (await native.http.post("/sagas/definitions", json=saga)).status_code == 201
    await native.create(SLEEP)
    changed = await native.http.patch("/v1/workflows/w", json={"name": "Other"})
    assert (changed.status_code, changed.json()["version"]) == (200, 3)
    versions = (await native.http.get("/v1/workflows/w/versions")).json()
    assert [each["version"] for each in versions] == [3, 1]


@pytest.mark.parametrize("version", ["0", "2", "01", "x", "-1", "99999999999999999999"])
async def test_a_version_that_is_not_there_is_404(native: Native, version: str) -> None:
    await native.create(SLEEP)
    answer = await native.http.get(f"/v1/workflows/w/versions/{version}")
    assert answer.status_code == 404


async def test_workflows_are_listed_newest_first_in_their_newest_versions(native: Native) -> None:
    made = [await native.create(SLEEP, slug=f"w{n}") for n in range(5)]
    await native.http.patch("/v1/workflows/w1", json={"name": "Changed"})
    await native.http.delete("/v1/workflows/w3")
    listed = await pages(native, "/v1/workflows", 2)
    assert [each["slug"] for each in listed] == ["w4", "w2", "w1", "w0"]
    assert [each["version"] for each in listed] == [1, 1, 2, 1]
    assert listed[-1] == made[0]


async def test_a_list_may_be_narrowed_to_a_tag(native: Native) -> None:
    tags: list[dict[str, str]] = [{"team": "a"}, {}, {"team": "b"}, {"team": "a", "x": "1"}]
    for n, each in enumerate(tags):
        await native.create(SLEEP, slug=f"w{n}", tags=each)
    for query, slugs in {
        "tag_key=team": ["w3", "w2", "w0"],
        "tag_key=team&tag_value=a": ["w3", "w0"],
        "tag_key=team&tag_value=c": [],
        "tag_key=x": ["w3"],
    }.items():
        listed = await pages(native, f"/v1/workflows?{query}", 1)
        assert [each["slug"] for each in listed] == slugs
    refused = await native.http.get("/v1/workflows?tag_value=a")
    assert refused.json()["error"]["details"] == ["tag_value: needs a tag_key"]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "cursor=nonsense"])
async def test_a_page_that_cannot_be_is_400(native: Native, query: str) -> None:
    await native.create(SLEEP)
    for path in ("/v1/workflows", "/v1/workflows/w/versions"):
        answer = await native.http.get(f"{path}?{query}")
        assert answer.status_code == 400


# Deleting.


async def test_delete_takes_all_versions_and_runs_go_on(native: Native, service: Service) -> None:
    service.on("/a", reply(delay=0.3))
    id = await native.begin(calling(service, "a"), calling(service, "b", "a"))
    await native.http.patch("/v1/workflows/w", json={"name": "Changed"})
    await service.called("/a")
    deleted = await native.http.delete("/v1/workflows/w")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await native.http.delete("/v1/workflows/w")).status_code == 404
    assert (await native.http.get("/v1/workflows/w/versions/1")).status_code == 404
    assert (await native.http.get("/v1/workflows")).json() == []
    assert (await native.end(id))["status"] == "completed"
    assert len(service.calls("/b")) == 1


async def test_a_slug_that_is_created_again_goes_on_counting(native: Native) -> None:
    first = await native.create(SLEEP)
    await native.http.patch("/v1/workflows/w", json={"name": "Changed"})
    await native.http.delete("/v1/workflows/w")
    again = await native.create(SLEEP)
    assert (again["id"], again["version"]) == (first["id"], 3)
    assert again["created_at"] > first["created_at"]
    assert (await native.http.get(f"/v1/workflows/{first['id']}")).json() == again
    assert (await native.http.get("/v1/workflows")).json() == [again]
    assert (await native.http.get("/v1/workflows/w/versions")).json() == [again]
    run = await native.trigger()
    assert (run["workflow_version"], run["workflow_version_id"]) == (3, again["version_id"])


# Once for a key.


async def test_a_request_with_a_key_is_answered_again_with_its_first_answer(
    native: Native,
) -> None:
    key = {"Idempotency-Key": "k1"}
    requests = [
        ("POST", "/v1/workflows", workflow(SLEEP)),
        ("PATCH", "/v1/workflows/w", {"name": "Changed"}),
        ("POST", "/v1/workflows/w/trigger", {"payload": {"n": 1}}),
    ]
    firsts = [
        await native.http.request(verb, path, json=body, headers=key)
        for verb, path, body in requests
    ]
    await native.end(firsts[2].json()["id"])
    await native.http.patch("/v1/workflows/w", json={"name": "Changed again"})
    await native.http.delete("/v1/workflows/w")
    for (verb, path, body), first in zip(requests, firsts, strict=True):
        again = await native.http.request(verb, path, json=body, headers=key)
        assert again.headers["idempotency-replayed"] == "true"
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert again.headers.get("location") == first.headers.get("location")
        other = await native.http.request(verb, path, json={**body, "tags": {}}, headers=key)
        assert other.status_code == 422
    assert len((await native.http.get("/v1/workflow-runs")).json()) == 1


# Beginning runs.


async def test_a_trigger_answers_with_the_run_which_is_there_at_once(native: Native) -> None:
    made = await native.create(waiting("w"), tags={"team": "shop", "tier": "1"}, timeout_secs=60)
    body = {"payload": {"n": 1}, "tags": {"tier": "2"}}
    answer = await native.http.post(
        "/v1/workflows/w/trigger", json=body, headers={"X-Actor-Id": "alice"}
    )
    assert answer.status_code == 202
    run = answer.json()
    assert answer.headers["location"] == f"/v1/workflow-runs/{run['id']}"
    assert (run["workflow_id"], run["workflow_version"]) == (made["id"], 1)
    assert (run["status"], run["payload"], run["created_by"]) == ("pending", {"n": 1}, "alice")
    assert run["tags"] == {"team": "shop", "tier": "2"}
    found = await native.run(run["id"])
    same = (
        "id",
        "payload",
        "tags",
        "created_by",
        "created_at",
        "expires_at",
        "workflow_version_id",
    )
    assert {name: found[name] for name in same} == {name: run[name] for name in same}


async def test_a_trigger_needs_no_body(native: Native) -> None:
    made = await native.create(SLEEP)
    for body in (b"", b" \n"):
        answer = await native.http.post(f"/v1/workflows/{made['id']}/trigger", content=body)
        assert (answer.status_code, answer.json()["payload"]) == (202, {})


async def test_a_trigger_may_say_what_began_the_run(native: Native) -> None:
    await native.create(SLEEP)
    assert (await native.trigger())["triggered_by"] == "api"
    run = await native.trigger(triggered_by="nightly import")
    assert run["triggered_by"] == "nightly import"
    assert (await native.run(run["id"]))["triggered_by"] == "nightly import"


@pytest.mark.parametrize("version", ["0", "01", "²", "\u0661", "v1", "9999999999"])
async def test_a_version_of_a_workflow_is_a_plain_number(native: Native, version: str) -> None:
    await native.create(SLEEP)
    lost = await native.http.post("/v1/workflows/w/trigger", json={"version": version})
    assert lost.status_code == 404
    assert lost.json()["error"]["message"] == f"workflow w has no version {version}"


async def test_a_trigger_may_name_a_version(native: Native, service: Service) -> None:
    await native.create(calling(service, "old"))
    await native.http.patch("/v1/workflows/w", json={"steps": [calling(service, "new")]})
    old = await native.trigger(version=1)
    new = await native.trigger()
    assert (old["workflow_version"], new["workflow_version"]) == (1, 2)
    for run in (old, new):
        assert (await native.end(run["id"]))["status"] == "completed"
    assert (len(service.calls("/old")), len(service.calls("/new"))) == (1, 1)
    lost = await native.http.post("/v1/workflows/w/trigger", json={"version": 3})
    assert lost.status_code == 404
    assert lost.json()["error"]["message"] == "workflow w has no version 3"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"payload": [1]}, "payload: an object is wanted, not a list"),
        ({"version": 0}, "version: must be 1 or more"),
        ({"version": [1]}, "version: cannot be a list"),
        ({"tags": {"a": 1}}, "tags.a: a text is wanted, not a number"),
        (
            {"triggered_by": " "},
            "triggered_by: must not be blank nor have control characters in it",
        ),
        ({"paylod": {}}, 'paylod: is not known here (did you mean "payload"?)'),
    ],
)
async def test_a_trigger_that_cannot_be_is_400(native: Native, body: Any, fault: str) -> None:
    await native.create(SLEEP)
    answer = await native.http.post("/v1/workflows/w/trigger", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == [fault]


async def test_a_definition_of_another_dialect_is_triggered_by_its_name(
    native: Native, service: Service
) -> None:
    made: list[Any] = []
    for version in ("v1", "v2"):
        saga = hello_world(f"{service.url}/{version}") | {"name": "my saga", "version": version}
        made.append((await native.http.post("/sagas/definitions", json=saga)).json())
    path = "/v1/workflows/my%20saga/trigger"
    newest = await native.http.post(path, json={"payload": {"n": 1}})
    older = await native.http.post(path, json={"version": "v1"})
    by_id = await native.http.post(f"/v1/workflows/{made[1]['id']}/trigger")
    for answer, saga in ((newest, made[1]), (older, made[0]), (by_id, made[1])):
        assert answer.status_code == 202
        run = await native.end(answer.json()["id"])
        assert (run["status"], run["workflow_id"]) == ("completed", saga["id"])
    assert sorted(service.order()) == ["/v1/run", "/v2/run", "/v2/run"]
    assert (await native.http.get("/v1/workflows")).json() == []
    lost = await native.http.post(path, json={"version": "v3"})
    assert lost.status_code == 404


async def test_workflows_are_no_definitions_of_another_dialect(native: Native) -> None:
    made = await native.create(SLEEP)
    path = f"/sagas/definitions/{made['id']}"
    assert (await native.http.get("/sagas/definitions")).json() == []
    assert (await native.http.get(path)).status_code == 404
    assert (await native.http.get("/sagas/definitions/w/1")).status_code == 404
    assert (await native.http.delete(path)).status_code == 404
    assert (await native.http.get("/v1/workflows/w")).json() == made


async def test_a_payload_may_have_four_megabytes_and_not_more(native: Native) -> None:
    await native.create(SLEEP)
    large = {"x": "y" * ((4 << 20) - 100)}
    run = await native.trigger(payload=large)
    assert (await native.end(run["id"]))["payload"] == large
    for size in ((4 << 20) + 1, 5 << 20):
        body = {"payload": {"x": "y" * size}}
        answer = await native.http.post("/v1/workflows/w/trigger", json=body)
        assert answer.status_code == 413


# Steps.


async def test_every_kind_of_step_comes_to_its_end(native: Native, service: Service) -> None:
    service.on("/a", reply({"n": 7}))
    child = await native.create(calling(service, "inner"), slug="child")
    id = await native.begin(
        calling(service, "a", request={"body": {"sku": "{{sku}}"}}),
        step("nap", "sleep", "a", sleep_duration_secs=0.01),
        step("sub", "sub_workflow", "nap", sub_workflow_id="child"),
        calling(service, "z", "sub", "a", request={"body": {"n": "{{steps.a.output.n}}"}}),
        payload={"sku": "s-1"},
        slug="parent",
    )
    run = await native.end(id)
    assert run["status"] == "completed"
    assert sent(service.calls("/a")[0]) == {"sku": "s-1"}
    assert sent(service.calls("/z")[0]) == {"n": 7}
    steps = await native.steps(id)
    assert {each["status"] for each in steps.values()} == {"completed"}
    inner = await native.run(steps["sub"]["child_workflow_run_id"])
    assert (inner["workflow_id"], inner["workflow_version"]) == (child["id"], 1)
    assert inner["parent_workflow_run_id"] == id
    assert inner["payload"] == {"sku": "s-1"}


async def test_a_step_may_run_a_definition_of_another_dialect(
    native: Native, service: Service
) -> None:
    saga = hello_world(f"{service.url}/saga") | {"name": "my saga", "version": "v1"}
    assert (await native.http.post("/sagas/definitions", json=saga)).status_code == 201
    run = await native.ran(step("sub", "sub_workflow", sub_workflow_id="my saga"))
    assert run["status"] == "completed"
    assert service.order() == ["/saga/run"]


async def test_waits_and_approvals_wait(native: Native) -> None:
    id = await native.begin(waiting("paid"), step("ok", "approval"))
    await native.until_step(id, "paid", "waiting")
    await native.until_step(id, "ok", "waiting")


async def test_templates_read_what_came_before(native: Native, service: Service) -> None:
    service.on("/a", reply({"y": {"z": [1, 2]}}, 201))
    body = {
        "status": "{{steps.a.response.status}}",
        "whole": "{{steps.a.output.y}}",
        "text": "run {{run.id}} of {{customer.name}} is {{steps.a.status}}",
        "payload": "{{payload.customer}}",
    }
    id = await native.begin(
        calling(service, "a"),
        calling(service, "b", "a", request={"body": body, "headers": {"X-Run": "{{run.id}}"}}),
        payload={"customer": {"name": "Ada"}},
    )
    assert (await native.end(id))["status"] == "completed"
    call = service.calls("/b")[0]
    assert sent(call) == {
        "status": 201,
        "whole": {"z": [1, 2]},
        "text": f"run {id} of Ada is completed",
        "payload": {"name": "Ada"},
    }
    assert call.headers["x-run"] == id


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"type": "step_status", "step_ref": "a", "status": "completed"}, "completed"),
        ({"type": "step_status", "step_ref": "a", "status": "failed"}, "skipped"),
        ({"type": "eq", "left": {"step_ref": "a"}, "right": "completed"}, "completed"),
        ({"type": "gt", "left": {"output": "a.n"}, "right": {"payload": "least"}}, "completed"),
        ('steps.a.status == "completed" && steps.a.output.n > payload.least', "completed"),
        ("steps.a.output.n < payload.least", "skipped"),
    ],
)
async def test_a_condition_decides_with_the_dialects_words(
    native: Native, service: Service, condition: Any, status: str
) -> None:
    service.on("/a", reply({"n": 7}))
    id = await native.begin(
        calling(service, "a"),
        calling(service, "b", "a", condition=condition),
        calling(service, "c", "b"),
        payload={"least": 5},
    )
    assert (await native.end(id))["status"] == "completed"
    steps = await native.steps(id)
    assert (steps["b"]["status"], steps["c"]["status"]) == (status, "completed")


async def test_a_failed_step_is_tried_again_and_then_undoes_what_was_done(
    native: Native, service: Service
) -> None:
    service.on("/b", reply(status=500))
    undo = {"url": f"{service.url}/undo/{{{{steps.a.output.id}}}}", "verb": "DELETE"}
    service.on("/a", reply({"id": 5}))
    retry = {"retry_max_attempts": 3, "retry_backoff": "fixed", "retry_initial_delay_secs": 0.01}
    run = await native.ran(
        calling(service, "a", compensation=undo), calling(service, "b", "a", **retry)
    )
    assert run["status"] == "compensated"
    assert service.order() == ["/a", "/b", "/b", "/b", "/undo/5"]


async def test_a_parent_is_pinned_to_the_version_of_its_child(
    native: Native, service: Service
) -> None:
    await native.create(calling(service, "old"), slug="child")
    await native.create(step("sub", "sub_workflow", sub_workflow_id="child"), slug="parent")
    await native.http.patch("/v1/workflows/child", json={"steps": [calling(service, "new")]})
    assert (await native.end((await native.trigger("parent"))["id"]))["status"] == "completed"
    assert (len(service.calls("/old")), len(service.calls("/new"))) == (1, 0)
    # Storing the parent again takes its child as it is now.
    again = await native.http.patch("/v1/workflows/parent", json={})
    assert again.json()["version"] == 2
    run = await native.end((await native.trigger("parent"))["id"])
    assert run["status"] == "completed"
    assert (len(service.calls("/old")), len(service.calls("/new"))) == (1, 1)
    sub = (await native.steps(run["id"]))["sub"]
    child = await native.run(sub["child_workflow_run_id"])
    assert (child["workflow_name"], child["workflow_version"]) == ("child", 2)


@pytest.mark.parametrize("named", ["slug", "id"])
async def test_a_workflow_may_run_itself_in_the_version_of_the_run(
    native: Native, service: Service, named: str
) -> None:
    def steps(path: str, id: str) -> list[Any]:
        deeper = step("again", "sub_workflow", path, sub_workflow_id=id)
        more: dict[str, Any] = {"condition": f"steps.{path}.output.more", "payload": {}}
        return [calling(service, path), {**deeper, **more}]

    made = await native.create(*steps("first", "w"))
    id = "w" if named == "slug" else made["id"].upper()
    changed = await native.http.patch("/v1/workflows/w", json={"steps": steps("second", id)})
    assert changed.json()["version"] == 2
    service.on("/second", reply({"more": True}), reply({"more": True}), reply({"more": False}))
    run = await native.end((await native.trigger())["id"])
    assert run["status"] == "completed"
    assert (len(service.calls("/first")), len(service.calls("/second"))) == (0, 3)
    inner = (await native.steps(run["id"]))["again"]
    child = await native.run(inner["child_workflow_run_id"])
    assert (child["workflow_id"], child["workflow_version"]) == (made["id"], 2)
    assert (await native.steps(child["id"]))["again"]["status"] == "completed"


async def test_a_workflow_that_runs_itself_for_ever_ends_with_a_reason(native: Native) -> None:
    run = await native.ran(step("again", "sub_workflow", sub_workflow_id="w"))
    assert run["status"] == "failed"
    assert "nested deeper than" in run["error"]


async def test_a_child_that_was_deleted_still_runs_in_its_parents(
    native: Native, service: Service
) -> None:
    await native.create(calling(service, "inner"), slug="child")
    await native.create(step("sub", "sub_workflow", sub_workflow_id="child"), slug="parent")
    await native.http.delete("/v1/workflows/child")
    assert (await native.end((await native.trigger("parent"))["id"]))["status"] == "completed"
    answer = await native.http.patch("/v1/workflows/parent", json={"name": "Other"})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == ['steps[0].sub_workflow_id: no workflow "child"']
