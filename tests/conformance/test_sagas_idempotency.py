"""One key, one effect, one answer: on every route that creates or changes."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.conformance.client import Sagas, Service, awaiting, reply

from mainspring.testing.sagas import graph, hello_world, sleep

KEY = {"Idempotency-Key": "key-1"}


async def twice(
    http: httpx.AsyncClient, method: str, path: str, **more: Any
) -> tuple[httpx.Response, httpx.Response]:
    """Ask twice in the same way; the second answer is the first one again."""
    headers = {**more.pop("headers", {}), **KEY}
    first = await http.request(method, path, headers=headers, **more)
    second = await http.request(method, path, headers=headers, **more)
    assert first.status_code == second.status_code, second.text
    assert first.content == second.content
    assert first.headers.get("location") == second.headers.get("location")
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    return first, second


async def test_run(sagas: Sagas, service: Service) -> None:
    body = {"definition": hello_world(service.url)}
    first, _ = await twice(sagas.http, "POST", "/sagas/run", json=body)
    await sagas.end(first.json()["id"])
    assert len(service.calls("/run")) == 1


async def test_run_of_a_stored_definition_even_when_it_was_deleted_since(
    sagas: Sagas, service: Service
) -> None:
    stored = await sagas.http.post("/sagas/definitions", json=hello_world(service.url))
    path = "/sagas/definitions/inline/v1/run"
    first, _ = await twice(sagas.http, "POST", path, json={"payload": {}})
    await sagas.http.delete(stored.headers["location"])
    again = await sagas.http.post(path, json={"payload": {}}, headers=KEY)
    assert again.json() == first.json()


async def test_create(http: httpx.AsyncClient) -> None:
    first, _ = await twice(http, "POST", "/sagas/definitions", json=hello_world())
    await http.delete(first.headers["location"])
    again = await http.post("/sagas/definitions", json=hello_world(), headers=KEY)
    assert again.status_code == 201
    assert again.json() == first.json()


async def test_put(http: httpx.AsyncClient) -> None:
    number = int(http.headers["x-project-id"][1:])
    path = f"/sagas/definitions/0190a1b2-c3d4-7e5f-8a9b-00000000{number:04x}"
    await twice(http, "PUT", path, json=hello_world())


async def test_retry(sagas: Sagas, service: Service) -> None:
    service.on("/run", reply(status=500))
    id = (await sagas.ran(hello_world(service.url) | {"failureHandling": None}))["id"]
    service.on("/run", reply(delay=0.2))
    await twice(sagas.http, "POST", f"/sagas/{id}/retry")
    assert (await sagas.end(id))["status"] == "SUCCEEDED"
    again = await sagas.http.post(f"/sagas/{id}/retry", headers=KEY)
    assert again.status_code == 202
    assert len(service.calls("/run")) == 2


async def test_wake_and_cancel(sagas: Sagas) -> None:
    id = await sagas.run(graph(sleep("a", 60_000, "b"), sleep("b", 60_000)))
    await sagas.until(id, "SLEEPING")
    await twice(sagas.http, "POST", f"/sagas/{id}/wake")
    await twice(sagas.http, "POST", f"/sagas/{id}/cancel")
    assert (await sagas.end(id))["status"] == "CANCELED"


async def test_callback(sagas: Sagas, service: Service) -> None:
    id = await sagas.run(graph(awaiting(service)))
    await sagas.until(id, "WAITING_CALLBACK")
    made = service.calls("/ask")[0]
    told = {"X-Callback-Token": made.headers["x-callback-token"]}
    url = made.headers["x-callback-url"]
    await twice(sagas.http, "POST", url, json={"n": 1}, headers=told)
    assert (await sagas.end(id))["output"] == {"n": 1}


async def test_another_request_under_the_key_is_422(sagas: Sagas, service: Service) -> None:
    body = {"definition": hello_world(service.url)}
    await sagas.http.post("/sagas/run", json=body, headers=KEY)
    other = await sagas.http.post("/sagas/run", json=body | {"payload": {"x": 1}}, headers=KEY)
    assert other.status_code == 422
    assert other.json() == {"errors": ["the idempotency key was used for another request"]}


async def test_a_key_belongs_to_project_actor_and_route(sagas: Sagas, service: Service) -> None:
    body = {"definition": hello_world(service.url)}

    async def start(**headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await sagas.http.post("/sagas/run", json=body, headers=KEY | named)
        assert answer.status_code == 202
        return answer.json()["id"]

    ids = [await start(), await start(X_Actor_Id="ann"), await start(X_Project_Id="another")]
    assert len(set(ids)) == 3
    assert await start(X_Actor_Id="ann") == ids[1]


async def test_a_quoted_key_is_the_same_as_a_bare_one(sagas: Sagas, service: Service) -> None:
    body = {"definition": hello_world(service.url)}
    bare = await sagas.http.post("/sagas/run", json=body, headers={"Idempotency-Key": "k"})
    quoted = await sagas.http.post("/sagas/run", json=body, headers={"Idempotency-Key": '"k"'})
    assert bare.json() == quoted.json()


async def test_of_many_at_once_one_has_the_effect(sagas: Sagas, service: Service) -> None:
    body = {"definition": hello_world(service.url)}
    asked = [sagas.http.post("/sagas/run", json=body, headers=KEY) for _ in range(8)]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} <= {202, 409}
    ids = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert len(ids) == 1
    await sagas.end(ids.pop())
    assert len(service.calls("/run")) == 1


@pytest.mark.parametrize("body", [{"definition": 5}, {"definition": hello_world(), "x": 1}])
async def test_what_was_refused_is_not_kept(
    sagas: Sagas, service: Service, body: dict[str, Any]
) -> None:
    assert (await sagas.http.post("/sagas/run", json=body, headers=KEY)).status_code == 400
    right = {"definition": hello_world(service.url)}
    assert (await sagas.http.post("/sagas/run", json=right, headers=KEY)).status_code == 202
