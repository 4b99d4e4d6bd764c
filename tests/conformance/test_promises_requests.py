"""What holds for every request to flows, workflows of YAML and what belongs to them."""

from typing import Any, Final

import httpx
import pytest
from tests.conformance.flows import FLOWS, Flows, task, text
from tests.conformance.runs import Runs, workflow

from mainspring_api.app import OPERATIONS

Json = dict[str, Any]
PURE: Final = {
    "/api/v1/flows/validate",
    "/api/v1/workflows/validate",
    "/api/v1/workflows/{name}/plan",
}
DELIVERIES: Final = {"/api/v1/webhook/{key}", "/hooks/{path:path}"}
"""Their senders name deliveries in other headers too."""


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)


def test_every_post_that_creates_or_changes_takes_an_idempotency_key() -> None:
    posts = {o.path for o in OPERATIONS if o.method == "POST" and o.path.startswith("/api/v1/")}
    keyed = {o.path for o in OPERATIONS if o.method == "POST" and o.idempotent}
    assert posts - keyed - DELIVERIES == PURE


async def twice(http: httpx.AsyncClient, path: str, body: Json | None, status: int) -> Json:
    """Send a request twice under one key, and another one under the same; return the answer."""
    headers = {"Idempotency-Key": f"key of {path}"}
    first = await http.post(path, json=body, headers=headers)
    again = await http.post(path, json=body, headers=headers)
    assert (first.status_code, again.status_code) == (status, status), (path, first.text)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true", path
    assert again.headers.get("Location") == first.headers.get("Location")
    assert again.json() == first.json(), path
    other = await http.post(path, json={**(body or {}), "comment": "other"}, headers=headers)
    assert other.status_code in (400, 422), (path, other.text)
    return first.json()


async def test_a_repeated_post_has_one_effect_and_the_first_answer(flows: Flows) -> None:
    http = flows.http
    yaml = text(task("gate", "core.gate"), name="f")
    id = (await twice(http, FLOWS, {"yamlContent": yaml}, 201))["id"]
    execution = (await twice(http, f"{FLOWS}/{id}/execute", {}, 202))["executionId"]
    await flows.until(execution, "PAUSED")
    await twice(http, f"/api/v1/executions/{execution}/pause", None, 200)
    await twice(http, f"/api/v1/executions/{execution}/resume", None, 200)
    (gate,) = (await http.get(f"/api/v1/approvals?executionId={execution}")).json()
    await twice(http, f"/api/v1/approvals/{gate['id']}/reject", {"reason": "no"}, 200)
    assert (await flows.end(execution))["execution"]["status"] == "FAILED"
    retried = await twice(http, f"/api/v1/executions/{execution}/retry", None, 202)
    await twice(http, f"/api/v1/executions/{retried['executionId']}/cancel", None, 200)
    await twice(http, f"{FLOWS}/{id}/revisions/1/restore", None, 200)
    brought = {"name": "g", "yamlContent": text(task("a"), name="g")}
    await twice(http, f"{FLOWS}/import", brought, 201)
    daily = {"flowId": id, "type": "schedule", "config": {"cron": "@daily"}}
    trigger = (await twice(http, "/api/v1/triggers", daily, 201))["id"]
    await twice(http, f"/api/v1/triggers/{trigger}/pause", None, 200)
    await twice(http, f"/api/v1/triggers/{trigger}/resume", None, 200)
    span = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    filled = await twice(http, f"/api/v1/triggers/{trigger}/backfill", span, 202)
    assert filled["started"] == 2
    begun = (await http.get(f"/api/v1/executions?flowId={id}&limit=100")).json()["executions"]
    assert len(begun) == 4


async def test_a_repeated_post_of_a_workflow_has_one_effect_and_the_first_answer(
    http: httpx.AsyncClient,
) -> None:
    runs = Runs(http)
    await runs.apply(workflow("{name: a, action: core.fail}"))
    failed = (await twice(http, "/api/v1/run/w", {}, 202))["execution_id"]
    await runs.end(failed)
    await twice(http, f"/api/v1/retry/{failed}", {}, 202)
    await runs.apply(workflow("{name: a, action: core.sleep, params: {duration: 1h}}"))
    await twice(http, "/api/v1/workflows/w/rollback", {"version": 1}, 200)
    nap = await http.post("/api/v1/run/w", json={"version": 2})
    await twice(http, f"/api/v1/cancel/{nap.json()['execution_id']}", None, 200)


async def test_a_request_id_is_returned_and_stands_in_the_audit_log(flows: Flows) -> None:
    made = await flows.create(task("a"))
    headers = {"X-Request-Id": "asked-by-hand"}
    answer = await flows.http.post(f"{FLOWS}/{made['id']}/execute", headers=headers)
    assert answer.headers["X-Request-Id"] == "asked-by-hand"
    told = (await flows.http.get("/api/v1/audit?action=execution.start")).json()
    (entry,) = [each for each in told if each["requestId"] == "asked-by-hand"]
    assert entry["resourceId"] == answer.json()["executionId"]
    assert (await flows.http.get(f"{FLOWS}/none")).headers["X-Request-Id"]


async def test_every_list_is_read_in_pages_without_gap(flows: Flows) -> None:
    http, runs = flows.http, Runs(flows.http)
    for name in ("f1", "f2", "f3"):
        made = await flows.create(task("gate", "core.gate"), name=name)
        await flows.until(await flows.execute(made["id"]), "PAUSED")
        told: Json = {"flowId": made["id"], "type": "webhook", "config": {}}
        assert (await http.post("/api/v1/triggers", json=told)).status_code == 201
        await http.put(f"/api/v1/kv/{http.headers['X-Project-Id']}/{name}", json=name)
        await runs.apply(workflow("{name: a, action: core.fail}", name=f"w{name}"), f"w{name}")
    lists = {
        FLOWS: 3,
        "/api/v1/workflows": 3,
        "/api/v1/executions": 3,
        "/api/v1/triggers": 3,
        "/api/v1/approvals": 3,
        f"/api/v1/kv/{http.headers['X-Project-Id']}": 3,
    }
    for path, count in lists.items():
        whole, url = await rows(http, path), f"{path}?limit=2"
        seen: list[Any] = []
        while url:
            page = await http.get(url)
            found = await rows(http, url)
            assert len(found) <= 2
            seen += found
            url = page.links.get("next", {}).get("url", "")
            assert bool(url) == ("X-Next-Cursor" in page.headers), path
        assert seen == whole, path
        assert len(seen) == count, path
        for wrong in ("limit=0", "limit=501", "limit=x", "cursor=x"):
            assert (await http.get(f"{path}?{wrong}")).status_code == 400, (path, wrong)


async def rows(http: httpx.AsyncClient, url: str) -> list[Any]:
    """Return what a list holds, bare or under one name."""
    answer = await http.get(url)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return next(iter(found.values())) if answer.text.startswith("{") else found


async def test_an_execution_is_read_as_it_was_at_every_position_of_the_log(flows: Flows) -> None:
    made = await flows.create(task("a"))
    ended = await flows.end(await flows.execute(made["id"]))
    (entry,) = (await flows.http.get("/api/v1/audit?action=execution.start")).json()
    path = f"/api/v1/executions/{ended['id']}"
    then = (await flows.http.get(f"{path}?as_of={entry['position']}")).json()
    assert (then["status"], then["execution"]["status"]) == ("pending", "QUEUED")
    assert then["tasks"][0]["status"] == "PENDING"
    now = (await flows.http.get(f"{path}?as_of={entry['position'] + 1000}")).json()
    assert now["execution"]["status"] == "SUCCESS"
    assert (await flows.http.get(f"{path}?as_of=1")).status_code in (200, 404)
