"""The page's own examples, as they stand there but for the host of the service."""

from copy import deepcopy
from typing import Any

import httpx
import pytest
from tests.conformance.client import Sagas, Service, reply

from mainspring.testing.sagas import hello_world
from mainspring_api.dialects.sagas.examples import HELLO_WORLD

ENDPOINTS = [
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/sagas/definitions"),
    ("GET", "/sagas/definitions"),
    ("GET", "/sagas/definitions/{id}"),
    ("PUT", "/sagas/definitions/{id}"),
    ("DELETE", "/sagas/definitions/{id}"),
    ("POST", "/sagas/definitions/{name}/{version}/run"),
    ("POST", "/sagas/run"),
    ("GET", "/sagas/{id}"),
    ("POST", "/sagas/{id}/retry"),
    ("POST", "/sagas/{id}/wake"),
    ("POST", "/sagas/{id}/node/{nodeId}/callback"),
    ("GET", "/metrics"),
]


def example(service: Service) -> dict[str, Any]:
    body = deepcopy(HELLO_WORLD)
    body["definition"]["nodes"][0]["action"]["request"]["url"] = f"{service.url}/run"
    return body


async def test_hello_world_runs(sagas: Sagas, service: Service) -> None:
    answer = await sagas.http.post("/sagas/run", json=example(service))
    assert answer.status_code == 202
    assert list(answer.json()) == ["id"]
    ended = await sagas.end(answer.json()["id"])
    assert ended["status"] == "SUCCEEDED"
    assert ended["payload"] == {"orderId": "123"}
    (call,) = service.calls("/run")
    assert call.verb == "POST"


async def test_hello_world_runs_when_it_was_stored(sagas: Sagas, service: Service) -> None:
    definition = example(service)["definition"]
    stored = await sagas.http.post("/sagas/definitions", json=definition)
    assert stored.status_code == 201
    answer = await sagas.http.post(
        "/sagas/definitions/inline/v1/run", json={"payload": {"orderId": "123"}}
    )
    assert answer.status_code == 202
    assert (await sagas.end(answer.json()["id"]))["status"] == "SUCCEEDED"


async def test_hello_world_fails_after_its_one_retry(sagas: Sagas, service: Service) -> None:
    service.on("/run", reply(status=500))
    ended = await sagas.ran(hello_world(service.url), {"orderId": "123"})
    assert ended["status"] == "FAILED"
    assert ended["failureDescription"] == "node=notify status=500"
    assert len(service.calls("/run")) == 2


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_every_endpoint_of_the_page_is_there(
    http: httpx.AsyncClient, method: str, path: str
) -> None:
    nobody = "00000000-0000-7000-8000-000000000000"
    answer = await http.request(
        method, path.format(id=nobody, name="n", version="v", nodeId="n"), json={}
    )
    assert answer.status_code != 405
    assert answer.status_code < 500
    if answer.status_code == 404:
        assert answer.json()["errors"][0].startswith("no ")


async def test_the_probes_answer_in_words(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).text == "ok"
    assert (await http.get("/readyz")).text == "ready"
    metrics = await http.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "mainspring_http_requests_total" in metrics.text


async def test_the_error_model_is_a_list_of_errors(http: httpx.AsyncClient) -> None:
    answer = await http.post("/sagas/run", json={"definition": {}})
    assert answer.status_code == 400
    assert list(answer.json()) == ["errors"]
    assert all(isinstance(text, str) for text in answer.json()["errors"])
