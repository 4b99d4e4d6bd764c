"""Stored definitions: every route, and every status that it answers."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.conformance.client import Sagas, Service, reply

from mainspring.testing.sagas import call, graph, hello_world, task

ID = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
NOBODY = "00000000-0000-7000-8000-000000000000"


def named(name: str, version: str = "v1") -> dict[str, Any]:
    return hello_world() | {"name": name, "version": version}


async def test_create_answers_with_the_stored_definition(http: httpx.AsyncClient) -> None:
    answer = await http.post("/sagas/definitions", json=named("a"))
    assert answer.status_code == 201
    stored = answer.json()
    assert answer.headers["location"] == f"/sagas/definitions/{stored['id']}"
    assert stored["definition"] == named("a")
    assert stored["createdAt"] == stored["updatedAt"]
    assert stored["createdAt"].endswith("Z")
    assert (await http.get(answer.headers["location"])).json() == stored


async def test_a_definition_is_kept_as_it_was_sent(http: httpx.AsyncClient) -> None:
    sent = graph(task("a", action={"mode": "sync", "request": call(body={"value": "{{payload}}"})}))
    stored = (await http.post("/sagas/definitions", json=sent)).json()
    assert stored["definition"] == sent


async def test_faults_are_told_together(http: httpx.AsyncClient) -> None:
    broken = graph(task("reserve", "chargee"), task("charge"), nme="x")
    answer = await http.post("/sagas/definitions", json=broken)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        'nme: is not known here (did you mean "name"?)',
        'nodes[0].next: no node "chargee" (did you mean "charge"?)',
    ]


async def test_name_and_version_are_taken_once(http: httpx.AsyncClient) -> None:
    assert (await http.post("/sagas/definitions", json=named("a"))).status_code == 201
    again = await http.post("/sagas/definitions", json=named("a"))
    assert again.status_code == 409
    assert again.json() == {"errors": ["definition a v1 already exists"]}
    assert (await http.post("/sagas/definitions", json=named("a", "v2"))).status_code == 201


async def test_one_of_many_at_once_takes_the_name(http: httpx.AsyncClient) -> None:
    asked = [http.post("/sagas/definitions", json=named("race")) for _ in range(8)]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*asked))
    assert statuses == [201] + [409] * 7


async def test_another_project_has_names_of_its_own(http: httpx.AsyncClient) -> None:
    stored = (await http.post("/sagas/definitions", json=named("a"))).json()
    other = {"X-Project-Id": "somebody-else"}
    path = f"/sagas/definitions/{stored['id']}"
    assert (await http.get(path, headers=other)).status_code == 404
    assert (await http.delete(path, headers=other)).status_code == 404
    assert (await http.get("/sagas/definitions/a/v1", headers=other)).status_code == 404
    assert (await http.get(path)).status_code == 200


async def test_put_inserts_under_the_chosen_id(http: httpx.AsyncClient, service: Service) -> None:
    id = ID[:-4] + f"{int(http.headers['x-project-id'][1:]):04x}"
    answer = await http.put(f"/sagas/definitions/{id.upper()}", json=named("put"))
    assert answer.status_code == 201
    assert answer.json()["id"] == id
    assert (await http.put(f"/sagas/definitions/{id}", json=named("other"))).status_code == 409
    other = ID[:-5] + "f" + id[-4:]
    assert (await http.put(f"/sagas/definitions/{other}", json=named("put"))).status_code == 409


async def test_put_refuses_an_id_that_is_no_uuid(http: httpx.AsyncClient) -> None:
    answer = await http.put("/sagas/definitions/mine", json=named("a"))
    assert answer.status_code == 400
    assert answer.json() == {"errors": ["id: must be a UUID, is 'mine'"]}


async def test_get_by_name_and_version(http: httpx.AsyncClient) -> None:
    stored = (await http.post("/sagas/definitions", json=named("größe/1", "1 beta"))).json()
    found = await http.get("/sagas/definitions/gr%C3%B6%C3%9Fe%2F1/1%20beta")
    assert found.status_code == 200
    assert found.json() == stored


@pytest.mark.parametrize("path", [NOBODY, "not-an-id", "a/v9", "%00", "%ff", "a%0ab/v1"])
async def test_what_is_not_there_is_404(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(f"/sagas/definitions/{path}")
    assert answer.status_code == 404
    assert answer.json()["errors"]


async def test_delete_is_204_once_and_the_name_stays_taken(http: httpx.AsyncClient) -> None:
    stored = (await http.post("/sagas/definitions", json=named("gone"))).json()
    path = f"/sagas/definitions/{stored['id']}"
    deleted = await http.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await http.get(path)).status_code == 404
    assert (await http.delete(path)).status_code == 404
    assert (await http.get("/sagas/definitions/gone/v1")).status_code == 404
    run = await http.post("/sagas/definitions/gone/v1/run", json={})
    assert run.status_code == 404
    assert (await http.post("/sagas/definitions", json=named("gone"))).status_code == 409


async def test_the_list_is_a_bare_array_newest_first_in_pages(http: httpx.AsyncClient) -> None:
    ids: list[str] = []
    for n in range(5):
        answer = await http.post("/sagas/definitions", json=named("list", f"v{n}"))
        ids.insert(0, answer.json()["id"])
    seen: list[str] = []
    query: dict[str, str] | None = {"limit": "2"}
    while query:
        page = await http.get("/sagas/definitions", params=query)
        assert page.status_code == 200
        seen += [each["id"] for each in page.json()]
        cursor = page.headers.get("x-next-cursor")
        assert (cursor is None) == ("link" not in page.headers)
        query = {"limit": "2", "cursor": cursor} if cursor else None
    assert seen == ids


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "cursor=nonsense"])
async def test_a_page_that_cannot_be_is_400(http: httpx.AsyncClient, query: str) -> None:
    answer = await http.get(f"/sagas/definitions?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0].startswith(query.split("=", maxsplit=1)[0])


async def test_a_run_in_flight_outlives_its_definition(sagas: Sagas, service: Service) -> None:
    slow = service.on("/slow", reply({"done": 1}, delay=0.3))
    nodes = [task("a", "b", action={"mode": "sync", "request": call(slow)}), task("b")]
    nodes[1]["action"]["request"] = call(service.url + "/b")
    stored = (await sagas.http.post("/sagas/definitions", json=graph(*nodes))).json()
    run = await sagas.http.post("/sagas/definitions/n/v1/run", json={})
    await service.called("/slow")
    await sagas.http.delete(f"/sagas/definitions/{stored['id']}")
    assert (await sagas.end(run.json()["id"]))["status"] == "SUCCEEDED"
    assert len(service.calls("/b")) == 1


async def test_run_of_an_unknown_definition_is_404(http: httpx.AsyncClient) -> None:
    answer = await http.post("/sagas/definitions/nobody/v1/run", json={"payload": {}})
    assert answer.status_code == 404
    assert answer.json() == {"errors": ["no definition nobody v1"]}


async def test_run_needs_no_body(sagas: Sagas, service: Service) -> None:
    await sagas.http.post("/sagas/definitions", json=hello_world(service.url))
    answer = await sagas.http.post("/sagas/definitions/inline/v1/run")
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/sagas/{answer.json()['id']}"
    assert (await sagas.end(answer.json()["id"]))["payload"] == {}


async def test_run_refuses_a_payload_that_is_no_object(http: httpx.AsyncClient) -> None:
    await http.post("/sagas/definitions", json=named("a"))
    answer = await http.post("/sagas/definitions/a/v1/run", json={"payload": [1], "extra": 1})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        "payload: an object is wanted, not a list",
        "extra: is not known here",
    ]
