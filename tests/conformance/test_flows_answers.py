"""What flows, their executions, logs, documents and schedules answer, field by field."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.conformance.client import Service, reply
from tests.conformance.flows import FLOWS, Flows, task, tasks_of, text, values

EXECUTIONS = "/api/v1/executions"
NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)


async def hooked(flows: Flows, made: Any, **config: Any) -> Any:
    body = {"flowId": made["id"], "type": "webhook", "config": config}
    answer = await flows.http.post("/api/v1/triggers", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_an_execution_tells_its_trigger_its_inputs_its_revision_and_what_went_wrong(
    flows: Flows, service: Service
) -> None:
    retry = {"maxAttempts": 2, "delay": 0.01, "retryOn": ["5xx"]}
    url = service.on("/b", reply(None, 503))
    made = await flows.create(
        values("a", n="{{ inputs.n }}"),
        task("b", "http.request", properties={"url": url}, retry=retry),
        task("c"),
        inputs={"n": {"type": "int", "default": 3}},
    )
    hook = await hooked(flows, made)
    begun = await flows.http.post(hook["url"] + "?team=a", json={"customerId": 42})
    found = await flows.end(begun.json()["executionId"])
    execution, tasks = found["execution"], tasks_of(found)
    assert (execution["status"], execution["revision"]) == ("FAILED", 1)
    assert (execution["flowId"], execution["flowName"]) == (made["id"], "f")
    assert (execution["inputs"], execution["triggeredBy"]) == ({"n": 3}, "webhook")
    assert execution["trigger"]["body"] == {"customerId": 42}
    assert execution["trigger"]["query"] == {"team": "a"}
    assert "503" in execution["error"]
    assert (tasks["a"]["attempt"], tasks["a"]["error"]) == (1, None)
    assert tasks["b"]["attempt"] == 2
    assert "503" in tasks["b"]["error"]
    assert isinstance(tasks["b"]["durationMs"], int)
    assert (tasks["c"]["status"], tasks["c"]["durationMs"]) == ("SKIPPED", None)


async def test_what_cannot_be_steered_any_more_is_409_and_says_how_it_ended(flows: Flows) -> None:
    ended = await flows.ran(task("a"))
    path = f"{EXECUTIONS}/{ended['execution']['id']}"
    for verb in ("cancel", "pause", "resume", "retry", "retry?fromFailed=true"):
        answer = await flows.http.post(f"{path}/{verb}")
        assert answer.status_code == 409, verb
        assert "SUCCESS" in answer.json()["error"], verb
        assert (await flows.http.post(f"{EXECUTIONS}/{NOBODY}/{verb}")).status_code == 404
    wrong = await flows.http.post(f"{path}/retry?fromFailed=perhaps")
    assert wrong.status_code == 400


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED", "TIMED_OUT"])
async def test_whatever_ended_badly_can_be_run_again(flows: Flows, status: str) -> None:
    nap = task("nap", "core.sleep", properties={"duration": "1h"})
    if status == "FAILED":
        made = await flows.create(task("a", "core.fail", properties={"message": "no"}))
    else:
        more: Any = {"timeout": 0.2} if status == "TIMED_OUT" else {}
        made = await flows.create(nap, **more)
    id = await flows.execute(made["id"])
    if status == "CANCELLED":
        asked = await flows.http.post(f"{EXECUTIONS}/{id}/cancel")
        assert asked.json() == {"executionId": id, "status": "CANCELLED"}
    await flows.until(id, status)
    again = await flows.http.post(f"{EXECUTIONS}/{id}/retry")
    assert again.status_code == 202, again.text
    assert set(again.json()) == {"executionId", "status", "tasksTotal"}
    assert again.json()["executionId"] != id
    await flows.http.post(f"{EXECUTIONS}/{again.json()['executionId']}/cancel")


async def test_a_line_of_the_log_has_its_fields_and_no_others(flows: Flows) -> None:
    ended = await flows.ran(task("a", properties={"message": "one"}))
    (line,) = (await flows.http.get(f"{EXECUTIONS}/{ended['execution']['id']}/logs")).json()
    assert set(line) == {"type", "seq", "timestamp", "level", "taskName", "attempt", "message"}


async def test_a_document_has_its_fields_and_is_an_attachment(flows: Flows) -> None:
    made = await flows.create(task("a"))
    answer = await flows.http.get(f"{FLOWS}/{made['id']}/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="f.json"'
    document = answer.json()
    assert set(document) == {
        *("version", "kind", "exportedAt", "revision", "flow"),
        *("triggers", "credentials", "redacted"),
    }
    assert (document["version"], document["kind"]) == (1, "mainspring.flow")
    assert document["flow"] == {
        "name": "f",
        "namespace": made["namespace"],
        "yamlContent": made["yamlContent"],
    }
    bare = await flows.http.post(f"{FLOWS}/import?onConflict=rename", json=made)
    assert (bare.status_code, bare.json()["name"]) == (201, "f-2")


async def test_a_name_that_is_taken_is_409_in_its_namespace_alone(flows: Flows) -> None:
    await flows.create(task("a"))
    again = await flows.http.post(FLOWS, json={"yamlContent": text(task("b"))})
    assert again.status_code == 409
    assert "taken" in again.json()["error"]
    elsewhere = {"X-Project-Id": flows.http.headers["X-Project-Id"] + "-n"}
    other = await flows.http.post(FLOWS, json={"yamlContent": text(task("b"))}, headers=elsewhere)
    assert other.status_code == 201


async def test_an_instant_that_is_later_than_allowed_is_skipped_and_the_trigger_says_so(
    flows: Flows,
) -> None:
    made = await flows.create(task("a"))
    past = "2026-01-01T00:00:00Z"

    async def scheduled(**config: Any) -> Any:
        body = {"flowId": made["id"], "type": "schedule", "config": {"at": past, **config}}
        answer = await flows.http.post("/api/v1/triggers", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    late = await scheduled(catchup="all", maxLate="90s", jitter=1)
    fired = await scheduled(catchup="last")
    assert late["config"]["maxLate"] == 90.0
    await _recorded(flows, "StarterSkipped", "StarterFired")
    shown = (await flows.http.get(f"/api/v1/triggers/{late['id']}")).json()
    assert (shown["lastRun"], shown["nextRun"]) == (None, None)
    assert "not caught up with" in shown["note"]
    shown = (await flows.http.get(f"/api/v1/triggers/{fired['id']}")).json()
    assert (shown["lastRun"], shown["nextRun"]) == ("2026-01-01T00:00:00.000Z", None)
    listed = (await flows.http.get(EXECUTIONS)).json()["executions"]
    assert [each["id"] for each in listed] == [shown["lastExecutionId"]]


async def _recorded(flows: Flows, *types: str) -> None:
    """Follow the namespace's log until there is an event of each type."""
    rest = set(types)
    path = f"/v1/log/stream?types={','.join(types)}"
    async with asyncio.timeout(20), flows.http.stream("GET", path) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                rest -= {each for each in rest if each in line}
            if not rest:
                return
