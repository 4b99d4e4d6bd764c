"""Requests about event triggers: keys of every kind, who asked, and what is done only once."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.conformance.native import Native, waiting

from mainspring.testing.stack import Platform

KEYS = (
    "..",
    "a/../b//c",
    "100%",
    "%2F",
    'q?x=1&y#z;"<>[]|\\^`{}',
    "ключ ☃",
    "stats",
    "purge",
    "prefix/x/send",
)


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


async def waits(native: Native, *keys: str, **more: Any) -> str:
    """Begin a run whose steps wait with these keys, and return its id when all do."""
    steps = [waiting(f"w{n}", key=f"{{{{payload.k{n}}}}}", **more) for n in range(len(keys))]
    payload = {f"k{n}": key for n, key in enumerate(keys)}
    id = await native.begin(*steps, payload=payload)
    for each in steps:
        await native.until_step(id, each["step_ref"], "waiting")
    return id


def path_of(key: str, what: str = "") -> str:
    """Return a path with every byte of the key encoded, so that none can mean anything."""
    return "/v1/events/" + "".join(f"%{byte:02x}" for byte in key.encode()) + what


async def raw(origin: str, target: str) -> bytes:
    """GET a target exactly as it is written and return the head of the answer."""
    url = urlsplit(origin)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def test_any_key_can_be_named_in_a_path(native: Native) -> None:
    await waits(native, *KEYS)
    for key in KEYS:
        got = await native.http.get(path_of(key))
        assert (got.status_code, got.json()["event_key"]) == (200, key)
        sent = await native.http.post(path_of(key, "/send"), json={"payload": key})
        assert (sent.status_code, sent.json()["response_payload"]) == (200, key)


async def test_a_fixed_path_is_never_taken_for_a_key(native: Native) -> None:
    http = native.http
    assert "total_count" in (await http.get("/v1/events/stats")).json()
    answers = [
        await http.delete("/v1/events/stats"),
        await http.get("/v1/events/purge"),
        await http.put("/v1/events/k", json={}),
        await http.get("/v1/events/prefix/k/send"),
    ]
    assert [answer.status_code for answer in answers] == [405] * 4
    assert answers[1].headers["allow"] == "POST"


async def test_dots_in_a_path_lead_nowhere_else(http: httpx.AsyncClient, stack: Platform) -> None:
    for target in ("/v1/events/../../metrics", "/v1/events/k/../../../readyz"):
        assert (await raw(stack.api, target)).startswith(b"HTTP/1.1 404 ")


async def test_a_key_that_none_can_be_is_a_fault_with_its_place(native: Native) -> None:
    http = native.http
    for bad in ("a%00b", "%0a", "a%7f", "%ff"):
        answers = [
            await http.get(f"/v1/events/{bad}"),
            await http.get(f"/v1/events/{bad}/stream"),
            await http.delete(f"/v1/events/{bad}"),
            await http.post(f"/v1/events/{bad}/send", json={}),
            await http.post(f"/v1/events/prefix/{bad}/send", json={}),
        ]
        assert [answer.status_code for answer in answers] == [400] * 5
        told = answers[4].json()["error"]
        assert told["code"] == "validation_error"
        assert told["details"] == ["prefix: must be UTF-8 without control characters"]


async def test_the_longest_key_is_512_bytes_long_not_letters(native: Native) -> None:
    longest = "ф" * 256
    await waits(native, longest)
    assert (await native.http.get(path_of(longest))).status_code == 200
    for what in (path_of(longest + "f"), path_of(longest + "f", "/stream")):
        answer = await native.http.get(what)
        assert answer.json()["error"]["details"] == ["key: must be at most 512 bytes long"]
    answer = await native.http.post(f"/v1/events/prefix/{'k' * 513}/send", json={})
    assert answer.json()["error"]["details"] == ["prefix: must be at most 512 bytes long"]


async def test_the_project_may_stand_in_the_query_or_in_the_header(native: Native) -> None:
    await waits(native, "k")
    project = native.http.headers["X-Project-Id"]
    async with httpx.AsyncClient(base_url=native.http.base_url) as nobody:
        assert (await nobody.get("/v1/events/k")).status_code == 404
        query = {"project_id": project}
        assert (await nobody.get("/v1/events/k", params=query)).status_code == 200
        assert len((await nobody.get("/v1/events", params=query)).json()["data"]) == 1
        sent = await nobody.post("/v1/events/k/send", params=query, json={"payload": 1})
        assert sent.json()["project_id"] == project
        header = {"X-Project-Id": "another"}
        both = await nobody.get("/v1/events/k", params=query, headers=header)
        assert both.status_code == 400


async def test_who_sent_an_event_stands_in_its_trigger(native: Native) -> None:
    await waits(native, "a", "b", "c")
    http, ann = native.http, {"X-Actor-Id": "ann"}
    one = await http.post("/v1/events/a/send", json={}, headers=ann)
    many = await http.post("/v1/events/prefix/b/send", json={}, headers=ann)
    nobody = await http.post("/v1/events/c/send", json={})
    assert one.json()["sent_by"] == many.json()["triggers"][0]["sent_by"] == "ann"
    assert nobody.json()["sent_by"] == "anonymous"
    assert (await http.get("/v1/events/b")).json()["sent_by"] == "ann"


async def test_nothing_sent_is_an_event_too(native: Native) -> None:
    await waits(native, "a", "b", "c")
    http = native.http
    answers = [
        await http.post("/v1/events/a/send"),
        await http.post("/v1/events/b/send", json={}),
        await http.post("/v1/events/c/send", json={"payload": None}),
    ]
    assert [answer.json()["response_payload"] for answer in answers] == [None] * 3
    again = await http.post("/v1/events/a/send", json={"payload": None})
    assert again.status_code == 200


@pytest.mark.parametrize("payload", [None, True, 0, -0.5, "text", [], {}, [[{"a": [None]}]]])
async def test_a_payload_is_any_json(native: Native, payload: Any) -> None:
    await waits(native, "k")
    sent = await native.http.post("/v1/events/k/send", json={"payload": payload})
    assert sent.json()["response_payload"] == payload
    assert (await native.http.get("/v1/events/k")).json()["response_payload"] == payload


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"payload": 1}{"payload": 2}', "application/json", 400),
        (b'{"payload": 1}', "text/plain", 415),
        (b'{"payload": 1}', "", 415),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_and_changes_nothing(
    native: Native, content: bytes, kind: str, status: int
) -> None:
    await waits(native, "k")
    headers = {"Content-Type": kind} if kind else {}
    for path in ("/v1/events/k/send", "/v1/events/prefix/k/send", "/v1/events/purge"):
        answer = await native.http.post(path, content=content, headers=headers)
        assert answer.status_code == status
    assert (await native.http.get("/v1/events/k")).json()["status"] == "waiting"


async def test_faults_of_a_purge_have_their_places(native: Native) -> None:
    body = {"older_than_days": "x", "dry_run": 1, "older": 3}
    answer = await native.http.post("/v1/events/purge", json=body)
    assert answer.status_code == 400
    places = sorted(fault.split(":")[0] for fault in answer.json()["error"]["details"])
    assert places == ["dry_run", "older", "older_than_days"]
    missing = await native.http.post("/v1/events/purge")
    assert missing.json()["error"]["details"] == ["older_than_days: is missing"]


async def test_an_answer_repeats_a_large_payload_a_few_times_only(native: Native) -> None:
    await waits(native, *(f"k{n:02}" for n in range(12)), payload={"ask": 1})
    body = {"payload": "x" * 500_000}
    answer = await native.http.post("/v1/events/prefix/k/send", json=body)
    told = answer.json()
    assert told["resolved"] == 12
    assert len(told["triggers"]) == 8
    assert all(each["request_payload"] == {"ask": 1} for each in told["triggers"])
    received = await native.http.get("/v1/events", params={"status": "received"})
    assert len(received.json()["data"]) == 12


# Once and only once.


async def twice(native: Native, method: str, path: str, body: Any, other: Any) -> httpx.Response:
    """Ask twice under one key, and for another thing; return the one answer."""
    headers = {"Idempotency-Key": f"once {path}"}
    first, again = [
        await native.http.request(method, path, json=body, headers=headers) for _ in range(2)
    ]
    assert first.status_code == 200, first.text
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    refused = await native.http.request(method, path, json=other, headers=headers)
    assert refused.status_code == 422
    return first


async def test_a_cancel_with_a_key_is_told_again_as_it_was(native: Native) -> None:
    await waits(native, "k")
    answer = await twice(native, "DELETE", "/v1/events/k", None, {})
    assert answer.json()["status"] == "canceled"
    assert (await native.http.delete("/v1/events/k")).status_code == 409


async def test_a_prefix_send_with_a_key_reaches_nobody_who_waits_later(native: Native) -> None:
    await waits(native, "k1")
    headers = {"Idempotency-Key": "e"}
    path, body = "/v1/events/prefix/k/send", {"payload": 1}
    first = await native.http.post(path, json=body, headers=headers)
    assert first.json()["resolved"] == 1
    made = await native.create(waiting("w", key="k2"), slug="later")
    await native.until_step((await native.trigger(made["id"]))["id"], "w", "waiting")
    again = await native.http.post(path, json=body, headers=headers)
    assert again.content == first.content
    assert (await native.http.get("/v1/events/k2")).json()["status"] == "waiting"
    await twice(native, "POST", path, body, {"payload": 2})


async def test_a_purge_and_a_buffered_send_with_a_key_are_told_again(native: Native) -> None:
    await twice(native, "POST", "/v1/events/purge", {"older_than_days": 1}, {"older_than_days": 2})
    headers, body = {"Idempotency-Key": "b"}, {"payload": 1, "buffer_secs": 60}
    answers = [
        await native.http.post("/v1/events/early/send", json=body, headers=headers)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    for slug, status in (("first", "completed"), ("second", "waiting")):
        made = await native.create(waiting("w", key="early"), slug=slug)
        id = (await native.trigger(made["id"]))["id"]
        await native.until_step(id, "w", status)


async def test_a_send_and_a_cancel_at_once_are_answered_200_and_409(native: Native) -> None:
    for n in range(6):
        made = await native.create(waiting("w", key=f"k{n}"), slug=f"r{n}")
        await native.until_step((await native.trigger(made["id"]))["id"], "w", "waiting")
        both = [
            native.http.post(f"/v1/events/k{n}/send", json={}),
            native.http.delete(f"/v1/events/k{n}"),
        ]
        answers = await asyncio.gather(*(both if n % 2 else reversed(both)))
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert (won.status_code, lost.status_code) == (200, 409)
        word = won.json()["status"]
        assert (await native.http.get(f"/v1/events/k{n}")).json()["status"] == word
        assert word in lost.json()["error"]["message"]


# Streams.


async def test_the_head_of_a_stream_can_be_asked_for_alone(native: Native) -> None:
    id = await waits(native, "k")
    paths = ("/v1/events/k/stream", f"/v1/workflow-runs/{id}/stream", "/v1/log/stream")
    for path in paths:
        async with asyncio.timeout(5):
            answer = await native.http.head(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    "query",
    [
        {"project_id": "\0"},
        {"project_id": ""},
        {"project_id": "a b"},
        {"types": "\0"},
        {"types": "StepFailed,Not a type"},
        {"types": ","},
        {"after": "x"},
    ],
)
async def test_what_cannot_be_streamed_is_refused(
    http: httpx.AsyncClient, query: dict[str, str]
) -> None:
    del http.headers["X-Project-Id"]
    answer = await http.get("/v1/log/stream", params=query)
    assert answer.status_code == 400
    (place,) = query
    assert place.replace("project_id", "roject") in answer.json()["error"]["details"][0]


@pytest.mark.parametrize("place", ["x", "-1", "1.5", "9" * 20])
async def test_a_position_that_is_none_is_refused(native: Native, place: str) -> None:
    await waits(native, "k")
    headers = {"Last-Event-ID": place}
    answer = await native.http.get("/v1/events/k/stream", headers=headers)
    assert answer.status_code == 400
    answer = await native.http.get("/v1/events/k/stream", params={"after": place})
    assert answer.status_code == 400
