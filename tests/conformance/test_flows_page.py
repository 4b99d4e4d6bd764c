"""The page of flows: its requests as they stand there, byte for byte, and what it promises."""

import re
from typing import Any

import httpx
import msgspec
import pytest
from tests.conformance.client import Service, reply
from tests.conformance.flows import FLOWS, Flows, task, tasks_of, text, values

from mainspring.testing.stack import Platform

CREATE = """{
    "name": "my-workflow",
    "namespace": "production",
    "yamlContent": "name: my-workflow\\ntasks:\\n  - name: hello\\n    type: util.log\\n\
    properties:\\n      message: Hello world\\n"
  }"""
KEYS = {"id", "name", "namespace", "yamlContent", "createdAt", "updatedAt"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ROOT = ("/healthz", "/readyz", "/metrics")


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)


@pytest.fixture
async def hello(stack: Platform) -> Any:
    """The page's own flow, made as the page makes it, with a client that names no namespace."""
    async with httpx.AsyncClient(base_url=stack.api, timeout=30) as bare:
        headers = {"Content-Type": "application/json"}
        answer = await bare.post(FLOWS, content=CREATE, headers=headers)
        assert answer.status_code == 201, answer.text
        yield Flows(bare), answer.json()
        await bare.delete(f"{FLOWS}/{answer.json()['id']}")


async def test_the_base_is_api_v1_and_the_probes_are_at_the_root(http: httpx.AsyncClient) -> None:
    for path in ROOT:
        assert (await http.get(path)).status_code == 200
        assert (await http.get(f"/api/v1{path}")).status_code == 404
    assert (await http.get(FLOWS)).status_code == 200


async def test_create_answers_201_with_the_keys_of_the_page(hello: tuple[Flows, Any]) -> None:
    _, made = hello
    asked = msgspec.json.decode(CREATE)
    assert set(made) >= KEYS
    assert {key: made[key] for key in asked} == asked
    assert set(made) - KEYS == {"revision", "labels", "disabled", "tasksTotal"}


async def test_a_new_flow_was_updated_when_it_was_created(hello: tuple[Flows, Any]) -> None:
    _, made = hello
    assert made["createdAt"] == made["updatedAt"]
    assert INSTANT.fullmatch(made["createdAt"])


async def test_execute_works_without_a_body(hello: tuple[Flows, Any]) -> None:
    flows, made = hello
    answer = await flows.http.post(f"{FLOWS}/{made['id']}/execute")
    assert answer.status_code == 202
    begun = answer.json()
    assert begun == {"executionId": begun["executionId"], "status": "QUEUED", "tasksTotal": 1}
    assert answer.headers["location"] == f"/api/v1/executions/{begun['executionId']}"
    found = await flows.end(begun["executionId"])
    assert found["execution"]["status"] == "SUCCESS"
    assert found["execution"]["flowId"] == made["id"]
    assert found["tasks"][0]["taskName"] == "hello"
    assert found["tasks"][0]["taskType"] == "util.log"


async def test_an_id_finds_its_flow_without_a_namespace_and_not_in_another_one(
    hello: tuple[Flows, Any],
) -> None:
    flows, made = hello
    path = f"{FLOWS}/{made['id']}"
    assert (await flows.http.get(path)).json() == made
    for namespace, status in (("production", 200), ("other", 404)):
        by_query = await flows.http.get(path, params={"namespace": namespace})
        by_header = await flows.http.get(path, headers={"X-Project-Id": namespace})
        assert (by_query.status_code, by_header.status_code) == (status, status)
    listed = (await flows.http.get(FLOWS)).json()
    assert made in listed


async def test_an_execution_has_execution_and_tasks(flows: Flows) -> None:
    found = await flows.ran(task("hello"))
    assert {"execution", "tasks"} <= set(found)
    assert {"id", "flowId", "status", "tasksTotal", "tasksExecuted"} <= set(found["execution"])


async def test_all_tasks_are_executed_at_success_and_the_span_is_whole_milliseconds(
    flows: Flows,
) -> None:
    made = await flows.create(task("a"), task("b"), task("c"))
    assert made["tasksTotal"] == 3
    execution = (await flows.end(await flows.execute(made["id"])))["execution"]
    assert execution["status"] == "SUCCESS"
    assert execution["tasksExecuted"] == execution["tasksTotal"] == 3
    assert isinstance(execution["durationMs"], int)


async def test_outputs_of_an_http_task_are_json_text_with_status_code_and_body(
    flows: Flows, service: Service
) -> None:
    url = service.on("/fetch", reply({"customer": 42}))
    found = await flows.ran(task("fetch", "http.request", properties={"url": url}))
    assert found["execution"]["status"] == "SUCCESS", found
    fetched = tasks_of(found)["fetch"]
    assert fetched["taskType"] == "http.request"
    outputs = msgspec.json.decode(fetched["outputs"])
    assert (outputs["status_code"], outputs["body"]) == (200, {"customer": 42})


async def test_the_words_of_ends_are_those_of_the_page(flows: Flows) -> None:
    good = await flows.ran(task("a"))
    bad = await flows.ran(task("a", "core.fail"), name="bad")
    napping = task("nap", "core.sleep", properties={"duration": "1h"})
    late = await flows.ran(napping, name="late", timeout=0.05)
    made = await flows.create(napping, name="stopped")
    id = await flows.execute(made["id"])
    answer = await flows.http.post(f"/api/v1/executions/{id}/cancel")
    assert answer.status_code == 200, answer.text
    stopped = await flows.end(id)
    words = [each["execution"]["status"] for each in (good, bad, late, stopped)]
    assert words == ["SUCCESS", "FAILED", "TIMED_OUT", "CANCELLED"]


async def test_plugins_are_a_bare_array_with_the_pages_keys(http: httpx.AsyncClient) -> None:
    listed = (await http.get("/api/v1/plugins")).json()
    keys = {"id", "name", "category", "description", "inputSchema", "outputSchema"}
    assert all(keys <= set(each) for each in listed)
    assert {"util.log", "http.request"} <= {each["id"] for each in listed}
    assert len(listed) >= 45
    assert (await http.get("/api/v1/plugins/util.log")).json()["id"] == "util.log"
    counted = (await http.get("/api/v1/plugins/categories")).json()
    assert sum(each["count"] for each in counted) == len(listed)


async def test_validate_and_import_are_captured_by_no_id(flows: Flows) -> None:
    answer = await flows.http.post(f"{FLOWS}/validate", json={"yamlContent": text(task("a"))})
    assert (answer.status_code, answer.json()["valid"]) == (200, True)
    flow = {"name": "brought", "yamlContent": text(task("a"), name="brought")}
    answer = await flows.http.post(f"{FLOWS}/import", json=flow)
    assert answer.status_code == 201, answer.text
    assert (await flows.http.get(f"{FLOWS}/validate")).status_code == 405


async def test_a_change_of_the_text_adds_a_revision_and_restoring_brings_the_old_one_back(
    flows: Flows,
) -> None:
    first, second = text(values("a", n=1)), text(values("a", n=2))
    made = await flows.store(first)
    changed = await flows.put(made["id"], second)
    assert (changed["revision"], changed["yamlContent"]) == (2, second)
    listed = (await flows.http.get(f"{FLOWS}/{made['id']}/revisions")).json()
    assert [each["revision"] for each in listed] == [2, 1]
    assert [each["yamlContent"] for each in listed] == [second, first]
    answer = await flows.http.post(f"{FLOWS}/{made['id']}/revisions/1/restore")
    assert answer.status_code == 200
    assert (answer.json()["revision"], answer.json()["yamlContent"]) == (3, first)
    assert (await flows.http.get(f"{FLOWS}/{made['id']}")).json() == answer.json()


async def test_a_webhook_starts_its_flow_with_the_body_in_reach(flows: Flows) -> None:
    key = f"my-webhook-key-{flows.http.headers['X-Project-Id']}"
    seen = values("seen", id="{{ trigger.body.customerId }}", kind="{{ trigger.type }}")
    await flows.create(seen, triggers=[{"type": "webhook", "key": key}])
    async with httpx.AsyncClient(base_url=flows.http.base_url) as stranger:
        answer = await stranger.post(f"/api/v1/webhook/{key}", json={"customerId": 42})
    assert answer.status_code == 202, answer.text
    found = await flows.end(answer.json()["executionId"])
    outputs = msgspec.json.decode(tasks_of(found)["seen"]["outputs"])
    assert outputs == {"id": 42, "kind": "webhook"}
