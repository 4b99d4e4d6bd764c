"""Routes of a run, and what every route of the dialect has in common."""

import json
from typing import Any

import httpx
import pytest
from tests.conformance.client import Sagas, Service, reply

from mainspring.testing.sagas import call, graph, hello_world, sleep, switch, task

NOBODY = "00000000-0000-7000-8000-000000000000"
JSON = {"Content-Type": "application/json"}


def failing(service: Service) -> dict[str, Any]:
    service.on("/run", reply(status=500))
    return hello_world(service.url) | {"failureHandling": None}


# Starting.


async def test_run_answers_202_with_a_location_that_can_be_read_at_once(
    sagas: Sagas, service: Service
) -> None:
    body = {"definition": hello_world(service.url), "payload": {"a": 1}}
    answer = await sagas.http.post("/sagas/run", json=body)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/sagas/{answer.json()['id']}"
    assert answer.json()["id"][14] == "7"
    read = await sagas.http.get(answer.headers["location"])
    assert read.status_code == 200
    assert read.json()["payload"] == {"a": 1}


async def test_run_tells_all_faults_of_an_inline_definition(http: httpx.AsyncClient) -> None:
    broken = hello_world() | {"entrypoint": "nptify", "version": ""}
    answer = await http.post("/sagas/run", json={"definition": broken})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        "version: must not be blank nor have control characters in it",
        'entrypoint: no node "nptify" (did you mean "notify"?)',
    ]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "the body is not JSON: line 1, column 1: it ends too early"),
        ('{\n  "definition": {x}\n}', "the body is not JSON: line 2, column 18: expected '\"'"),
        ("[]", "the body must be an object of definition, payload"),
        ("{}", "definition: is missing"),
        ('{"definition": 5}', "a definition is an object, not a number"),
        ('{"definition": {}, "payload": {"x": 1e999}}', "the body has a number that is out of r"),
        ("[" * 100_000, "the body must be an object"),
        ('{"definition": ' + "[" * 100_000, "the body is nested more than 128 deep"),
        (
            '{"definition": {}, "payload": {"x": ' + "[" * 200 + "]" * 200 + "}}",
            "the body is nested more than 128 deep",
        ),
        (b'{"definition": {}, "payload": {"x": "\xff"}}', "the body is not UTF-8: line 1"),
        ('{"definition": {}, "payload": {"x": "\\ud800"}}', "the body is not JSON: "),
    ],
)
async def test_a_body_that_cannot_be_read_is_400_with_its_place(
    http: httpx.AsyncClient, body: str | bytes, error: str
) -> None:
    answer = await http.post("/sagas/run", content=body, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert any(text.startswith(error) for text in answer.json()["errors"]), answer.text


async def test_faults_of_definition_and_payload_are_told_together(http: httpx.AsyncClient) -> None:
    answer = await http.post("/sagas/run", json={"definition": 5, "payload": "x", "playload": 1})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        "a definition is an object, not a number",
        "payload: an object is wanted, not a text",
        'playload: is not known here (did you mean "payload"?)',
    ]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_another_content_type_is_415(http: httpx.AsyncClient, kind: str) -> None:
    answer = await http.post("/sagas/run", content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert answer.json() == {"errors": ["the content type must be application/json"]}


async def test_a_json_type_of_another_name_is_json(sagas: Sagas, service: Service) -> None:
    body = json.dumps({"definition": hello_world(service.url)})
    kind = {"Content-Type": "application/vnd.saga+json; charset=utf-8"}
    assert (await sagas.http.post("/sagas/run", content=body, headers=kind)).status_code == 202


async def test_a_body_above_the_limit_is_413(http: httpx.AsyncClient) -> None:
    large = b'{"payload": {"x": "' + b"x" * (1 << 20) + b'"}}'
    answer = await http.post("/sagas/run", content=large, headers=JSON)
    assert answer.status_code == 413
    assert answer.json() == {"errors": ["the body is larger than 1048576 bytes"]}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/sagas/run", "POST"),
        ("POST", f"/sagas/{NOBODY}", "GET, HEAD"),
        ("GET", f"/sagas/{NOBODY}/retry", "POST"),
        ("PATCH", f"/sagas/definitions/{NOBODY}", "DELETE, GET, HEAD, PUT"),
    ],
)
async def test_another_method_is_405_and_says_which_are_allowed(
    http: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await http.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.json()["errors"][0].startswith(f"{method} is not allowed here")


async def test_a_path_that_is_none_is_404_in_the_dialects_form(http: httpx.AsyncClient) -> None:
    answer = await http.get("/sagas/a/b/c/d/e")
    assert answer.status_code == 404
    assert list(answer.json()) == ["errors"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Project-Id": "has space"},
        {"X-Project-Id": "x" * 129},
        {"X-Actor-Id": ""},
        {"X-Actor-Id": "x" * 257},
        {"Idempotency-Key": ""},
        {"Idempotency-Key": "x" * 257},
    ],
)
async def test_a_header_that_cannot_be_used_is_400(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    body = {"definition": hello_world()}
    answer = await http.post("/sagas/run", json=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"][0].startswith(next(iter(headers)))


async def test_a_request_id_is_returned_or_made(http: httpx.AsyncClient) -> None:
    given = await http.get("/sagas", headers={"X-Request-Id": "mine-1"})
    assert given.headers["x-request-id"] == "mine-1"
    assert (await http.get("/sagas")).headers["x-request-id"]


# Reading.


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/steps"),
        ("GET", "/steps/calls"),
        ("GET", "?as_of=1"),
        ("POST", "/retry"),
        ("POST", "/wake"),
        ("POST", "/cancel"),
    ],
)
@pytest.mark.parametrize("id", [NOBODY, "not-an-id", "%00", "x" * 2000])
async def test_an_unknown_saga_is_404(
    http: httpx.AsyncClient, method: str, path: str, id: str
) -> None:
    answer = await http.request(method, f"/sagas/{id}{path}")
    assert answer.status_code == 404
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/steps"),
        ("GET", "/steps/calls"),
        ("GET", "?as_of=999999999"),
        ("POST", "/retry"),
        ("POST", "/wake"),
        ("POST", "/cancel"),
    ],
)
async def test_a_saga_of_another_project_is_404(
    sagas: Sagas, service: Service, method: str, path: str
) -> None:
    id = await sagas.run(hello_world(service.url))
    other = {"X-Project-Id": "somebody-else"}
    answer = await sagas.http.request(method, f"/sagas/{id}{path}", headers=other)
    assert answer.status_code == 404


async def test_an_ended_saga_has_all_its_fields(sagas: Sagas, service: Service) -> None:
    ended = await sagas.ran(hello_world(service.url))
    assert set(ended) == {
        *("id", "name", "version", "status", "startedAt", "updatedAt", "completedAt"),
        *("payload", "currentNodes", "output"),
    }
    assert ended["output"] == {"ok": True}
    assert ended["startedAt"] <= ended["completedAt"]


async def test_a_failed_saga_says_why(sagas: Sagas, service: Service) -> None:
    ended = await sagas.ran(failing(service))
    assert ended["status"] == "FAILED"
    assert ended["failureDescription"] == "node=notify status=500"


async def test_an_id_in_capitals_is_the_same_id(sagas: Sagas, service: Service) -> None:
    id = await sagas.run(hello_world(service.url))
    assert (await sagas.get(id.upper()))["id"] == id


async def test_the_past_can_be_read_by_position_and_by_instant(
    sagas: Sagas, service: Service
) -> None:
    id = await sagas.run(graph(sleep("nap", 60_000)))
    await sagas.until(id, "SLEEPING")
    await sagas.http.post(f"/sagas/{id}/wake")
    await sagas.end(id)
    positions: list[int] = []
    async with sagas.http.stream("GET", f"/v1/workflow-runs/{id}/stream?after=0") as stream:
        positions.extend(
            [int(line[3:]) async for line in stream.aiter_lines() if line.startswith("id:")]
        )
    states = [
        (await sagas.http.get(f"/sagas/{id}?as_of={position}")).json()["status"]
        for position in positions
    ]
    assert states[0] == "IN_PROGRESS"
    assert "SLEEPING" in states
    assert states[-1] == "SUCCEEDED"
    assert (await sagas.http.get(f"/sagas/{id}?as_of={positions[0] - 1}")).status_code == 404
    now = await sagas.http.get(f"/sagas/{id}", params={"as_of": "2100-01-01T00:00:00Z"})
    assert now.json()["status"] == "SUCCEEDED"


async def test_as_of_an_instant_that_was_shown_it_is_as_it_was_shown(
    sagas: Sagas, service: Service
) -> None:
    ended = await sagas.ran(hello_world(service.url))
    past = await sagas.http.get(f"/sagas/{ended['id']}", params={"as_of": ended["updatedAt"]})
    assert past.json() == ended


@pytest.mark.parametrize("as_of", ["yesterday", "-1", "1.5", "2026-01-01T00:00:00", "9" * 30])
async def test_an_as_of_that_is_no_time_is_400(sagas: Sagas, service: Service, as_of: str) -> None:
    id = await sagas.run(hello_world(service.url))
    answer = await sagas.http.get(f"/sagas/{id}", params={"as_of": as_of})
    assert answer.status_code == 400
    assert answer.json()["errors"][0].startswith("as_of: ")


async def test_the_list_pages_and_filters(sagas: Sagas, service: Service) -> None:
    done = await sagas.run(hello_world(service.url))
    await sagas.end(done)
    nap = await sagas.run(graph(sleep("nap", 60_000), name="napping"))
    await sagas.until(nap, "SLEEPING")

    async def listed(**query: str) -> list[str]:
        answer = await sagas.http.get("/sagas", params=query)
        assert answer.status_code == 200
        return [each["id"] for each in answer.json()]

    assert await listed() == [nap, done]
    assert await listed(status="SLEEPING") == [nap]
    assert await listed(status="SUCCEEDED,SLEEPING") == [nap, done]
    assert await listed(status="IN_PROGRESS") == []
    assert await listed(name="napping") == [nap]
    assert await listed(name="nobody's") == []
    first = await sagas.http.get("/sagas?limit=1")
    assert [each["id"] for each in first.json()] == [nap]
    assert await listed(limit="1", cursor=first.headers["x-next-cursor"]) == [done]
    assert "payload" not in first.json()[0]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("status=sleeping", 'status: "sleeping" is no status of a saga (did you mean "SLEEPING"?)'),
        ("name=%00", "name: has control characters in it"),
        ("limit=0", "limit: must be"),
        ("cursor=WzEuMCwieCJd", "cursor: is not one"),
    ],
)
async def test_a_list_that_cannot_be_is_400(
    http: httpx.AsyncClient, query: str, error: str
) -> None:
    answer = await http.get(f"/sagas?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0].startswith(error)


# Asking.


async def test_retry_of_what_has_not_failed_is_409_and_names_the_state(
    sagas: Sagas, service: Service
) -> None:
    id = (await sagas.ran(hello_world(service.url)))["id"]
    answer = await sagas.http.post(f"/sagas/{id}/retry")
    assert answer.status_code == 409
    assert answer.json() == {"errors": ["cannot retry: the saga is SUCCEEDED"]}


async def test_retry_of_a_failed_saga_is_202_and_requeued(sagas: Sagas, service: Service) -> None:
    id = (await sagas.ran(failing(service)))["id"]
    service.on("/run", reply({"at": "last"}))
    answer = await sagas.http.post(f"/sagas/{id}/retry")
    assert answer.status_code == 202
    assert answer.json() == {"id": id, "status": "REQUEUED"}
    assert (await sagas.end(id))["output"] == {"at": "last"}


async def test_wake_is_202_then_200_and_409_where_nothing_sleeps(
    sagas: Sagas, service: Service
) -> None:
    service.on("/after", reply(delay=1.0))
    after = task("after", action={"mode": "sync", "request": call(service.url + "/after")})
    id = await sagas.run(graph(sleep("nap", 60_000, "after"), after))
    await sagas.until(id, "SLEEPING")
    woken = await sagas.http.post(f"/sagas/{id}/wake")
    assert (woken.status_code, woken.content) == (202, b"")
    again = await sagas.http.post(f"/sagas/{id}/wake")
    assert (again.status_code, again.content) == (200, b"")
    assert (await sagas.end(id))["status"] == "SUCCEEDED"
    ended = await sagas.http.post(f"/sagas/{id}/wake")
    assert ended.status_code == 409
    assert ended.json() == {"errors": ["cannot wake: the saga is SUCCEEDED"]}


async def test_cancel_is_202_undoes_and_ends_canceled(sagas: Sagas, service: Service) -> None:
    undo = call(service.url + "/undo", body={"for": "{{sagaId}}"})
    done = task("done", "nap", compensation=undo)
    done["action"]["request"] = call(service.url + "/done")
    id = await sagas.run(graph(done, sleep("nap", 60_000)))
    await sagas.until(id, "SLEEPING")
    answer = await sagas.http.post(f"/sagas/{id}/cancel")
    assert answer.status_code == 202
    assert answer.json() == {"id": id, "status": "CANCELING"}
    assert (await sagas.end(id))["status"] == "CANCELED"
    assert json.loads(service.calls("/undo")[0].body) == {"for": id}
    again = await sagas.http.post(f"/sagas/{id}/cancel")
    assert again.status_code == 409
    assert again.json() == {"errors": ["cannot cancel: the saga is CANCELED"]}


# A definition that is asked in every way.


async def test_a_switch_leaves_a_row_of_where_it_went(sagas: Sagas, service: Service) -> None:
    big = {">": [{"var": "input.amount"}, 100]}
    one, other = task("large"), task("small")
    one["action"]["request"] = call(service.url + "/large")
    other["action"]["request"] = call(service.url + "/small")
    definition = graph(switch("size", "small", (big, "large")), one, other)
    ended = await sagas.ran(definition, {"amount": 101})
    assert service.order() == ["/large"]
    first, second = await sagas.steps(ended["id"])
    assert first["phase"] == "SWITCH"
    assert first["responseBody"] == {"target": "large", "matchedCase": 0, "usedDefault": False}
    assert second["stepIndex"] == 0
    assert (await sagas.ran(definition, {"amount": 1}))["status"] == "SUCCEEDED"
    assert service.order() == ["/large", "/small"]
