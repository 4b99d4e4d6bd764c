"""A server that is away for long: what still works, what says 503, and that all is well after it.

One platform of real processes is taken through both outages, one after the other.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import httpx
import pytest
from tests.conformance.client import Sagas

from mainspring.http.operations import Operation
from mainspring.testing.peer import Call, Peer, Reply, serve
from mainspring.testing.sagas import graph, hello_world, sleep, task
from mainspring.testing.stack import Platform, platform
from mainspring_api.app import OPERATIONS
from mainspring_api.dialects.sagas.routes import OPERATIONS as SAGAS

LONGEST_S = 20.0
"""Seconds within which every request is answered while the log is away."""

NOBODY = "00000000-0000-7000-8000-000000000000"


WITHOUT_THE_LOG = {
    "GET /api/v1/plugins",
    "GET /api/v1/plugins/categories",
    "POST /api/v1/flows/validate",
    "POST /api/v1/workflows/validate",
}


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    def respond(call: Call) -> Reply:
        return Reply(200, b'{"ok":true}')

    with serve(respond) as other:
        yield other


@pytest.fixture(scope="module")
def stack() -> Iterator[Platform]:
    with platform() as whole:
        yield whole


@pytest.fixture
async def sagas(stack: Platform) -> AsyncGenerator[Sagas]:
    async with httpx.AsyncClient(base_url=stack.api, timeout=60, trust_env=False) as http:
        yield Sagas(http)


def asynchronous(peer: Peer) -> dict[str, Any]:
    request = {"url": f"{peer.url}/ask", "verb": "POST"}
    callback = {"timeoutMillis": 600_000}
    return task("ask", action={"mode": "async", "request": request, "callback": callback})


async def waiting(sagas: Sagas, peer: Peer) -> tuple[str, Call]:
    """Begin a run that waits for a callback; return it and the call that carried its token."""
    id = await sagas.run(graph(asynchronous(peer)))
    await sagas.until(id, "WAITING_CALLBACK")
    [made] = [each for each in peer.to("/ask") if id in each.headers["x-callback-url"]]
    return id, made


def asked(operation: Operation, id: str, token: str) -> dict[str, Any]:
    """Return a request that an operation has no fault to find with."""
    parts = {"id": id, "nodeId": "ask", "name": "n", "version": "v"}
    if operation.path == "/sagas/definitions/{id}":
        parts["id"] = NOBODY
    request: dict[str, Any] = {
        "method": operation.method,
        "url": operation.path.format_map(parts),
        "headers": {"X-Callback-Token": token},
    }
    if operation.body is not None:
        request["json"] = operation.example or {}
    return request


async def answered(http: httpx.AsyncClient, request: dict[str, Any]) -> httpx.Response:
    since = time.monotonic()
    answer = await http.request(**request)
    assert time.monotonic() - since < LONGEST_S, request
    return answer


async def test_without_the_log_every_route_says_503_and_afterwards_all_goes_on(
    stack: Platform, sagas: Sagas, peer: Peer
) -> None:
    id, made = await waiting(sagas, peer)
    asleep = await sagas.run(graph(sleep("nap", 3_600_000)))
    await sagas.until(asleep, "SLEEPING")
    token = made.headers["x-callback-token"]
    http = sagas.http
    requests = [asked(operation, id, token) for operation in SAGAS]
    run = {"definition": hello_world(peer.url)}
    keyed = {"json": run, "headers": {"Idempotency-Key": "k"}}
    requests.append({"method": "POST", "url": "/sagas/run", **keyed})
    requests.append({"method": "GET", "url": f"/v1/workflow-runs/{id}/stream"})

    stack.postgres.stop()
    answers = await asyncio.gather(*(answered(http, request) for request in requests))
    told = {f"{each.request.method} {each.request.url}": each.status_code for each in answers}
    assert {what: status for what, status in told.items() if status != 503} == {}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
    assert (await http.get("/healthz")).status_code == 200
    assert (await http.get("/readyz")).status_code == 503

    stack.postgres.start()
    for process in stack.processes:
        await asyncio.to_thread(process.wait_ready)
    assert (await http.request(**requests[-2])).status_code == 202
    assert await sagas.answer(made, {"n": 1}) == 202
    assert (await sagas.end(id))["status"] == "SUCCEEDED"
    assert (await http.post(f"/sagas/{asleep}/wake")).status_code == 202
    assert (await sagas.end(asleep))["status"] == "SUCCEEDED"
    assert (await sagas.ran(hello_world(peer.url)))["status"] == "SUCCEEDED"


async def test_without_the_log_no_route_of_any_dialect_fails_with_500(
    stack: Platform, sagas: Sagas
) -> None:
    requests = [_anybody(operation) for operation in OPERATIONS]
    stack.postgres.stop()
    answers = await asyncio.gather(*(answered(sagas.http, request) for request in requests))
    stack.postgres.start()
    told = {
        f"{answer.request.method} {answer.request.url.path}": answer.status_code
        for answer in answers
        if answer.status_code != 503 and not 400 <= answer.status_code < 500
    }
    # What the code alone knows is told without the log.
    assert set(told) <= WITHOUT_THE_LOG, told
    assert set(told.values()) <= {200}
    for process in stack.processes:
        await asyncio.to_thread(process.wait_ready)


async def test_without_the_broker_runs_are_begun_read_and_changed_and_go_on_afterwards(
    stack: Platform, sagas: Sagas, peer: Peer
) -> None:
    id, made = await waiting(sagas, peer)
    asleep = await sagas.run(graph(sleep("nap", 3_600_000)))
    await sagas.until(asleep, "SLEEPING")
    http = sagas.http

    stack.nats.stop()
    since = time.monotonic()
    begun = await sagas.run(hello_world(peer.url), {"n": 1})
    assert (await sagas.get(begun))["payload"] == {"n": 1}
    stored = await http.post("/sagas/definitions", json=graph(sleep("s", 1), name="without"))
    assert stored.status_code == 201
    run = await http.post("/sagas/definitions/without/v1/run", json={"payload": {}})
    assert run.status_code == 202
    for url in (
        "/sagas",
        f"/sagas/{id}",
        f"/sagas/{id}?as_of=1",
        f"/sagas/{id}/steps",
        f"/sagas/{id}/steps/calls",
        "/sagas/definitions",
        "/sagas/definitions/without/v1",
    ):
        answer = await http.get(url)
        assert answer.status_code == (404 if "as_of" in url else 200), url
    assert await sagas.answer(made, {"n": 1}) == 202
    assert (await http.post(f"/sagas/{asleep}/wake")).status_code == 202
    assert time.monotonic() - since < LONGEST_S

    stack.nats.start()
    for each in (begun, run.json()["id"], id, asleep):
        assert (await sagas.end(each))["status"] == "SUCCEEDED"


def _anybody(operation: Operation) -> dict[str, Any]:
    """Return a request about things that are not there."""
    parts = operation.path.split("/")
    url = "/".join(NOBODY if part.startswith("{") else part for part in parts)
    request: dict[str, Any] = {"method": operation.method, "url": url}
    return request if operation.body is None else request | {"json": operation.example or {}}
