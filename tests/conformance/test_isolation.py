"""Another project's things: not found by any route that the OpenAPI document has.

One test over all operations.  A new operation whose path has a parameter that stands for nothing
here, or whose answer shows what is not its project's, fails it; there is nothing to remember.
"""

import asyncio
import json
from typing import Any, Final

import httpx
import pytest
from tests.conformance.client import Sagas, Service, awaiting, reply
from tests.conformance.flows import Flows, task
from tests.conformance.native import Native, step, waiting
from tests.conformance.runs import Runs, saying, workflow

from mainspring.http.operations import Operation
from mainspring.testing.sagas import graph
from mainspring_api.app import DOCUMENTED
from mainspring_api.openapi import document

THEIRS: Final = {"X-Project-Id": "isolated-from-all"}
SIGNED: Final = {"/v1/approvals/link/{token}", "/api/v1/webhook/{key}"}
"""Who holds the token or the key is let in, whatever project is named: that is the right."""

STREAMS: Final = {"/v1/workflow-runs/{id}/stream", "/v1/log/stream"}
"""They have no end, so they are watched below, each by a test of its own."""

OF_NO_PROJECT: Final = {"/healthz", "/readyz", "/metrics"}

MAKES_ONE_OF_ITS_OWN: Final = {
    ("POST", "/sagas/definitions"),
    ("PUT", "/sagas/definitions/{id}"),
    ("POST", "/sagas/run"),
    ("POST", "/v1/workflows"),
    ("POST", "/v1/events/{key}/send"),
    ("PUT", "/api/v1/workflows/{name}"),
    ("POST", "/api/v1/workflows/{name}/plan"),
    ("PUT", "/api/v1/kv/{namespace}/{key}"),
    ("GET", "/api/v1/kv/{namespace}"),
    ("GET", "/api/v1/kv/{namespace}/{key}"),
    ("DELETE", "/api/v1/kv/{namespace}/{key}"),
}
"""What is asked for here has no other project's thing in it, or is tried below with one."""

Json = dict[str, Any]


@pytest.fixture
async def ours(http: httpx.AsyncClient, service: Service) -> Json:
    """A thing of every kind, in a project of its own."""
    native, sagas = Native(http), Sagas(http)
    made = await native.create(waiting("w", key="door:1"), step("ok", "approval"), slug="ours")
    run = (await native.trigger(made["id"]))["id"]
    await native.until_step(run, "w", "waiting")
    await native.until_step(run, "ok", "waiting")
    (approval,) = (await http.get("/v1/approvals")).json()
    nap = {"kind": "sleep", "id": "nap", "durationMillis": 3_600_000}
    definition = graph(nap, name="ours-saga")
    stored = (await http.post("/sagas/definitions", json=definition)).json()
    saga = await sagas.run(definition)
    await sagas.until(saga, "SLEEPING")
    flow = await Flows(http).create(task("a"), name="ours-flow")
    await Runs(http).apply(workflow(saying("a", "hi"), name="ours-yaml"), "ours-yaml")
    hook = {"flowId": "ours", "type": "webhook", "config": {"path": "ours/hook"}}
    trigger = (await http.post("/api/v1/triggers", json=hook)).json()
    return {
        "workflow": made["id"],
        "run": run,
        "approval": approval["id"],
        "stored": stored["id"],
        "name": stored["name"],
        "saga_version": stored["version"],
        "saga": saga,
        "flow": flow["id"],
        "yaml": "ours-yaml",
        "trigger": trigger["id"],
        "plugin": "no.plugin",  # plugins are nobody's: of this one there is nothing to be seen
    }


def path_of(operation: Operation, ours: Json) -> str:
    """Return the path of an operation about our things; raise LookupError for a new parameter."""
    kinds = {
        "/sagas/definitions/": {"id": "stored", "name": "name", "version": "saga_version"},
        "/sagas/": {"id": "saga"},
        "/v1/workflows/": {"id": "workflow"},
        "/v1/workflow-runs/": {"id": "run"},
        "/v1/approvals/": {"id": "approval"},
        "/api/v1/workflows/": {"name": "yaml"},
        "/api/v1/run/": {"workflow": "yaml"},
        "/api/v1/cancel/": {"execution": "run"},
        "/api/v1/retry/": {"execution": "run"},
        "/api/v1/flows/": {"id": "flow"},
        "/api/v1/plugins/": {"id": "plugin"},
        "/api/v1/triggers/": {"id": "trigger"},
        "/api/v1/approvals/": {"id": "approval"},
        "/api/v1/executions/": {"id": "run"},
    }
    plain = {"nodeId": "nap", "ref": "w", "key": "door%3A1", "prefix": "door%3A"}
    plain |= {"path:path": "ours/hook", "namespace": THEIRS["X-Project-Id"]}
    path, named = operation.path, {"version": "1", "rev": "1"} | plain
    for start, parameters in kinds.items():
        if path.startswith(start):
            named |= {name: ours[kind] for name, kind in parameters.items()}
            break
    parts = [named[part[1:-1]] if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts).replace("steps/w/approve", "steps/ok/approve")


def body_of(operation: Operation, ours: Json) -> Any:
    """Return a body that the operation would take."""
    bodies = {
        "/v1/workflow-runs/bulk-cancel": {"workflow_run_ids": [ours["run"]]},
        "/v1/workflow-runs/bulk-replay": {"workflow_run_ids": [ours["run"]]},
        "/v1/events/purge": {"older_than_days": 1},
        "/sagas/{id}/node/{nodeId}/callback": {"ok": True},
    }
    return bodies.get(operation.path, operation.example)


async def state_of(http: httpx.AsyncClient, ours: Json) -> list[Any]:
    """Return all that is ours, as we see it."""
    paths = (
        f"/v1/workflow-runs/{ours['run']}",
        f"/v1/workflow-runs/{ours['run']}/steps",
        f"/v1/workflows/{ours['workflow']}",
        f"/v1/approvals/{ours['approval']}",
        "/v1/events/door%3A1",
        f"/sagas/{ours['saga']}",
        f"/sagas/definitions/{ours['stored']}",
        f"/api/v1/flows/{ours['flow']}",
        f"/api/v1/workflows/{ours['yaml']}",
        f"/api/v1/triggers/{ours['trigger']}",
    )
    answers = [await http.get(path) for path in paths]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


async def asked(http: httpx.AsyncClient, operation: Operation, ours: Json) -> httpx.Response:
    """Ask for something of ours from another project."""
    body = body_of(operation, ours)
    return await http.request(
        operation.method,
        path_of(operation, ours),
        headers=THEIRS,
        **({} if body is None else {"json": body}),
    )


async def test_no_operation_shows_or_changes_what_is_another_projects(
    http: httpx.AsyncClient, ours: Json
) -> None:
    before = await state_of(http, ours)
    kinds = ("workflow", "run", "approval", "stored", "saga", "flow", "yaml", "trigger")
    secrets = [ours[kind] for kind in kinds]
    wrong: list[str] = []
    for operation in DOCUMENTED:
        named = f"{operation.method} {operation.path}"
        if operation.path in SIGNED:
            continue
        answer = await asked(http, operation, ours)
        of_one = "{" in operation.path and "prefix" not in operation.path
        if of_one and (operation.method, operation.path) not in MAKES_ONE_OF_ITS_OWN:
            # A callback without its token is refused before anything is looked for.
            if answer.status_code not in ((404,) if "callback" not in named else (400, 404)):
                wrong.append(f"{named}: {answer.status_code} {answer.text[:200]}")
        elif answer.status_code >= 500:
            wrong.append(f"{named}: {answer.status_code} {answer.text[:200]}")
        told = answer.text
        if "bulk" in operation.path:
            # What was asked about is repeated, with the refusal.
            told = told.replace(ours["run"], "")
            assert json.loads(answer.text)["failed"] == 1
        if operation.method == "GET" and answer.status_code == 200:
            wrong += [f"{named} shows {each}" for each in secrets if each in told]
    assert not wrong, "\n".join(wrong)
    assert await state_of(http, ours) == before


def test_every_route_of_the_document_is_asked():
    tried = {operation.path for operation in DOCUMENTED} | STREAMS | OF_NO_PROJECT
    assert {path.replace(":path", "") for path in tried} == set(document(DOCUMENTED)["paths"])


async def test_a_run_of_another_project_cannot_be_watched(
    http: httpx.AsyncClient, ours: Json
) -> None:
    for path in (f"/v1/workflow-runs/{ours['run']}/stream", "/v1/events/door%3A1/stream"):
        assert (await http.get(path, headers=THEIRS)).status_code == 404


async def test_the_log_of_a_project_has_nothing_of_another(
    http: httpx.AsyncClient, ours: Json
) -> None:
    theirs = {"X-Project-Id": "watches-its-log"}
    body = {"definition": graph({"kind": "sleep", "id": "nap", "durationMillis": 1})}
    last = (await http.post("/sagas/run", json=body, headers=theirs)).json()["id"]
    told: list[str] = []
    async with (
        asyncio.timeout(30),
        http.stream("GET", "/v1/log/stream", params={"after": 0}, headers=theirs) as stream,
    ):
        async for line in stream.aiter_lines():
            told.append(line)
            # What is ours was appended before this, so it would have come by now.
            if line.startswith("data: ") and last in line:
                break
    kinds = ("workflow", "run", "approval", "stored", "saga", "flow", "yaml", "trigger")
    assert not [ours[kind] for kind in kinds if any(ours[kind] in line for line in told)]


async def test_a_callback_is_let_in_by_its_token_alone(
    http: httpx.AsyncClient, service: Service
) -> None:
    """A peer knows no project: as with a link, the signature is the right, and for one call."""
    sagas = Sagas(http)
    service.on("/ask", reply({"accepted": True}, 202))
    id = await sagas.run(graph(awaiting(service)))
    (made,) = await service.called("/ask")
    forged = made.headers["x-callback-token"][:-4] + "AAAA"
    assert await sagas.answer(made, {"ok": True}, **{"X-Callback-Token": forged}) == 401
    assert await sagas.answer(made, {"ok": True}, **THEIRS) == 202
    assert (await sagas.end(id))["status"] == "SUCCEEDED"


async def test_a_send_to_a_key_of_another_project_reaches_nobody(
    http: httpx.AsyncClient, ours: Json
) -> None:
    path = "/v1/events/door%3A1/send"
    answer = await http.post(path, json={"payload": 1}, headers=THEIRS)
    assert answer.status_code == 404
    kept = {"payload": 1, "buffer_secs": 60}
    assert (await http.post(path, json=kept, headers=THEIRS)).status_code == 202
    prefix = await http.post("/v1/events/prefix/door/send", json={}, headers=THEIRS)
    assert prefix.json()["resolved"] == 0
    assert (await http.get("/v1/events/door%3A1")).json()["status"] == "waiting"


async def test_a_project_named_twice_differently_is_a_fault(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/workflow-runs", params={"project_id": "p-1"}, headers=THEIRS)
    assert answer.status_code == 400
    assert "project" in answer.text
