"""Executions of every dialect under one path: a document that strict clients of both pages read."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest
import websockets
from tests.conformance.client import Sagas, Service, calling, reply
from tests.conformance.native import Native, waiting
from tests.conformance.native import calling as http_step

from mainspring.testing.patience import until
from mainspring.testing.stack import Platform

Json = dict[str, Any]


class RunsStep(msgspec.Struct):
    """A step as the one page shows it."""

    name: str
    status: str
    started_at: str | None
    completed_at: str | None


class RunsItem(msgspec.Struct):
    """An execution in the one page's list."""

    id: str
    workflow: str
    version: int | str
    status: str
    started_at: str | None
    completed_at: str | None


class RunsList(msgspec.Struct):
    executions: list[RunsItem]


class RunsDetail(RunsItem):
    steps: list[RunsStep]


class FlowsExecution(msgspec.Struct, rename="camel"):
    """An execution as the other page shows it."""

    id: str
    flow_id: str | None
    status: str
    tasks_total: int
    tasks_executed: int
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None


class FlowsTask(msgspec.Struct, rename="camel"):
    task_name: str
    task_type: str
    status: str
    outputs: str | None
    started_at: str | None
    finished_at: str | None


class FlowsDetail(msgspec.Struct):
    execution: FlowsExecution
    tasks: list[FlowsTask]


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


async def get(http: httpx.AsyncClient, id: str, **query: Any) -> Json:
    answer = await http.get(f"/api/v1/executions/{id}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def all_of(http: httpx.AsyncClient, **query: Any) -> list[Json]:
    answer = await http.get("/api/v1/executions", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["executions"]


async def test_one_document_is_read_by_a_strict_client_of_each_page(
    http: httpx.AsyncClient, native: Native, service: Service
) -> None:
    service.on("/a", reply({"n": 1}))
    run = await native.ran(http_step(service, "a"), http_step(service, "b", "a"))
    raw = (await http.get(f"/api/v1/executions/{run['id']}")).content
    of_runs = msgspec.json.decode(raw, type=RunsDetail)
    assert (of_runs.id, of_runs.status, of_runs.version) == (run["id"], "completed", 1)
    assert [(step.name, step.status) for step in of_runs.steps] == [
        ("a", "completed"),
        ("b", "completed"),
    ]
    of_flows = msgspec.json.decode(raw, type=FlowsDetail)
    assert of_flows.execution.status == "SUCCESS"
    assert of_flows.execution.flow_id == run["workflow_id"]
    assert (of_flows.execution.tasks_total, of_flows.execution.tasks_executed) == (2, 2)
    assert isinstance(of_flows.execution.duration_ms, int)
    assert of_flows.tasks[0].outputs is not None
    assert msgspec.json.decode(of_flows.tasks[0].outputs) == {"n": 1}
    listed = (await http.get("/api/v1/executions")).content
    assert [each.id for each in msgspec.json.decode(listed, type=RunsList).executions] == [
        run["id"]
    ]


async def test_outputs_of_tasks_are_texts_or_where_that_is_asked_for_values(
    http: httpx.AsyncClient, native: Native, service: Service
) -> None:
    service.on("/a", reply({"n": [1, None]}))
    service.on("/b", reply({}, status=400))
    run = await native.ran(http_step(service, "a"), http_step(service, "b", "a"))
    path = f"/api/v1/executions/{run['id']}"
    texts, values, same = [
        [each["outputs"] for each in (await http.get(path + query)).json()["tasks"]]
        for query in ("", "?parse=true", "?parse=false")
    ]
    assert texts == same == ['{"n":[1,null]}', None]
    assert values == [{"n": [1, None]}, None]
    wrong = await http.get(f"{path}?parse=yes")
    assert wrong.status_code == 400
    assert wrong.json()["details"] == ["parse: must be true or false"]


async def test_a_saga_is_an_execution_too(
    http: httpx.AsyncClient, sagas: Sagas, service: Service
) -> None:
    definition = {
        "name": "s",
        "version": "1.0",
        "entrypoint": "a",
        "nodes": [calling(service, "a")],
    }
    saga = await sagas.ran(definition)
    found = await get(http, saga["id"])
    assert (found["workflow"], found["version"], found["status"]) == ("s", "1.0", "completed")
    assert found["dialect"] == "sagas"


async def test_tasks_that_have_not_begun_are_told(
    http: httpx.AsyncClient, native: Native, service: Service
) -> None:
    id = await native.begin(waiting("w"), http_step(service, "a", "w"))
    await native.until_step(id, "w", "waiting")
    found = await get(http, id)
    assert [task["status"] for task in found["tasks"]] == ["WAITING", "WAITING"]
    assert [step["status"] for step in found["steps"]] == ["pending", "pending"]
    assert found["execution"]["tasksExecuted"] == 0
    assert found["execution"]["durationMs"] is None
    canceled = await http.post(f"/api/v1/executions/{id}/cancel")
    assert canceled.json() == {"executionId": id, "status": "CANCELLED"}
    ended = await native.end(id)
    assert ended["status"] == "canceled"
    found = await get(http, id)
    assert found["execution"]["status"] == "CANCELLED"
    assert [task["status"] for task in found["tasks"]] == ["CANCELLED", "CANCELLED"]
    again = await http.post(f"/api/v1/executions/{id}/cancel")
    assert again.status_code == 409
    assert "CANCELLED" in again.json()["error"]


async def test_an_execution_is_paused_and_goes_on(
    http: httpx.AsyncClient, native: Native, service: Service
) -> None:
    id = await native.begin(waiting("w"), http_step(service, "a", "w"))
    await native.until_step(id, "w", "waiting")
    paused = await http.post(f"/api/v1/executions/{id}/pause")
    assert paused.json() == {"executionId": id, "status": "PAUSED"}
    assert [each["id"] for each in await all_of(http, status="PAUSED")] == [id]
    resumed = await http.post(f"/api/v1/executions/{id}/resume")
    assert resumed.json()["status"] == "RUNNING"
    assert (await http.post(f"/api/v1/executions/{id}/resume")).status_code == 409
    await native.send(f"w:{id}")
    await native.end(id)


async def test_a_failed_execution_runs_again_whole_or_from_where_it_failed(
    http: httpx.AsyncClient, native: Native, service: Service
) -> None:
    service.on("/b", reply(status=500), reply({"ok": 1}))
    steps = (http_step(service, "a"), http_step(service, "b", "a", retry_max_attempts=1))
    run = await native.ran(*steps)
    assert run["status"] == "failed"
    answer = await http.post(f"/api/v1/executions/{run['id']}/retry?fromFailed=true")
    assert answer.status_code == 202, answer.text
    begun = answer.json()
    assert (begun["status"], begun["tasksTotal"]) == ("QUEUED", 2)
    assert answer.headers["Location"] == f"/api/v1/executions/{begun['executionId']}"
    assert (await native.end(begun["executionId"]))["status"] == "completed"
    assert len(service.calls("/a")) == 1
    whole = (await http.post(f"/api/v1/executions/{run['id']}/retry")).json()["executionId"]
    await native.end(whole)
    assert len(service.calls("/a")) == 2
    assert (await get(http, whole))["retry_of"] == run["id"]
    refused = await http.post(f"/api/v1/executions/{whole}/retry")
    assert refused.status_code == 409
    assert "SUCCESS" in refused.json()["error"]


async def test_executions_are_listed_by_every_status_of_either_page(
    http: httpx.AsyncClient, native: Native, service: Service
) -> None:
    service.on("/bad", reply(status=500))
    good = await native.ran(http_step(service, "a"), slug="good")
    bad = await native.ran(http_step(service, "bad", retry_max_attempts=1), slug="bad")
    open_one = await native.begin(waiting("w"), slug="open")
    await native.until_step(open_one, "w", "waiting")
    for words, id in (
        (("completed", "SUCCESS"), good["id"]),
        (("failed", "FAILED"), bad["id"]),
        (("running", "RUNNING"), open_one),
    ):
        for word in words:
            assert [each["id"] for each in await all_of(http, status=word)] == [id], word
    for word in ("pending", "queued", "cancelled", "timed_out", "QUEUED", "CANCELLED", "TIMED_OUT"):
        assert await all_of(http, status=word) == []
    assert len(await all_of(http, status="completed,failed")) == 2
    assert [each["id"] for each in await all_of(http, workflow="bad")] == [bad["id"]]
    assert [each["id"] for each in await all_of(http, flowId=good["workflow_id"])] == [good["id"]]
    wrong = await http.get("/api/v1/executions?status=done&since=never&limit=0")
    assert wrong.status_code == 400
    places = [each.partition(":")[0] for each in wrong.json()["details"]]
    assert places == ["limit", "status", "since"]


async def test_a_list_goes_back_as_far_as_since_and_in_pages(
    http: httpx.AsyncClient, native: Native, service: Service
) -> None:
    made = await native.create(http_step(service, "a"))
    ids = [(await native.trigger(made["id"]))["id"] for _ in range(3)]
    assert [each["id"] for each in await all_of(http, since="1h30m")] == ids[::-1]
    later = (await get(http, ids[2]))["created_at"]
    assert ids[0] not in [each["id"] for each in await all_of(http, since=later)]
    seen: list[str] = []
    url = "/api/v1/executions?limit=2"
    while url:
        page = await http.get(url)
        seen += [each["id"] for each in page.json()["executions"]]
        url = page.links.get("next", {}).get("url", "")
    assert seen == ids[::-1]


async def test_the_past_of_an_execution_can_be_read(
    http: httpx.AsyncClient, native: Native, service: Service
) -> None:
    run = await native.ran(http_step(service, "a"))
    found = await get(http, run["id"], as_of=run["created_at"])
    assert found["status"] in ("pending", "running")
    assert found["execution"]["status"] in ("QUEUED", "RUNNING")


async def test_an_execution_of_another_namespace_is_not_there(
    http: httpx.AsyncClient, native: Native, service: Service
) -> None:
    run = await native.ran(http_step(service, "a"))
    path = f"/api/v1/executions/{run['id']}"
    for headers in ({"X-Project-Id": "stranger"}, {"X-Project-Id": ""}):
        answer = await http.get(path, headers=headers)
        assert answer.status_code == (404 if headers["X-Project-Id"] else 400)
    async with httpx.AsyncClient(base_url=http.base_url) as nobody:
        assert (await nobody.get(path)).json()["namespace"] == run["project_id"]
        assert (await nobody.get(f"{path}?namespace=stranger")).status_code == 404
    assert (await http.get("/api/v1/executions/not-an-id")).status_code == 404
    assert (await http.post("/api/v1/executions/not-an-id/cancel")).status_code == 404


async def frames(http: httpx.AsyncClient, id: str, **headers: str) -> list[Json]:
    """Return all frames of an execution's stream of server-sent events."""
    named = {"Accept": "text/event-stream", **headers}
    async with asyncio.timeout(30):
        async with http.stream("GET", f"/api/v1/executions/{id}/logs", headers=named) as stream:
            assert stream.status_code == 200
            lines = [line async for line in stream.aiter_lines() if line.startswith("data:")]
    return [msgspec.json.decode(line[5:]) for line in lines]


async def test_a_stream_of_frames_ends_with_the_execution_and_resumes_behind_a_frame(
    http: httpx.AsyncClient, native: Native, service: Service
) -> None:
    id = await native.begin(waiting("w"), http_step(service, "a", "w"))
    await native.until_step(id, "w", "waiting")
    reading = asyncio.create_task(frames(http, id))
    await until(lambda: not reading.done())
    await native.send(f"w:{id}")
    live = await reading
    assert live[-1]["type"] == "end"
    assert live[-1]["status"] == "SUCCESS"
    numbers = [frame["seq"] for frame in live]
    assert numbers == sorted(set(numbers))
    assert await frames(http, id) == live
    middle = live[len(live) // 2]
    rest = await frames(http, id, **{"Last-Event-ID": str(middle["seq"])})
    assert rest == live[len(live) // 2 + 1 :]
    words = [f["status"] for f in live if f.get("taskName") == "a"]
    assert words == ["PENDING", "RUNNING", "SUCCESS"]


async def test_the_same_frames_come_over_a_websocket(
    http: httpx.AsyncClient, native: Native, service: Service, stack: Platform
) -> None:
    run = await native.ran(http_step(service, "a"))
    url = stack.api.replace("http://", "ws://") + f"/api/v1/executions/{run['id']}/logs"
    project = {"X-Project-Id": http.headers["X-Project-Id"]}
    async with websockets.connect(url, additional_headers=project) as socket:
        seen = [msgspec.json.decode(message) async for message in socket]
        assert socket.close_code == 1000
    assert seen == await frames(http, run["id"])
    async with websockets.connect(f"{url}?since={seen[-2]['seq']}") as socket:
        assert [msgspec.json.decode(each) async for each in socket] == seen[-1:]
    for wrong, status in ((url, 404), (f"{url}?since=x", 400)):
        named = {"X-Project-Id": "stranger"} if status == 404 else project
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(wrong, additional_headers=named)
        assert refused.value.response.status_code == status


async def test_a_plain_get_of_the_log_answers_json(
    http: httpx.AsyncClient, native: Native, service: Service
) -> None:
    run = await native.ran(http_step(service, "a"))
    assert (await http.get(f"/api/v1/executions/{run['id']}/logs")).json() == []
    url = f"/api/v1/executions/{run['id']}/logs?types=status,end&limit=2"
    seen: list[Json] = []
    while url:
        page = await http.get(url)
        assert page.status_code == 200, page.text
        seen += page.json()
        url = page.links.get("next", {}).get("url", "")
    assert seen == await frames(http, run["id"])
    query = "limit=0&since=-3&level=LOUD&types=x"
    wrong = await http.get(f"/api/v1/executions/{run['id']}/logs?{query}")
    places = [each.partition(":")[0] for each in wrong.json()["details"]]
    assert places == ["limit", "since", "level", "types"]
