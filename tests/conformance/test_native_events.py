"""Event triggers over HTTP: the page's eight operations, each with every status that it answers."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from tests.conformance.client import Service, sent
from tests.conformance.native import Native, calling, step, waiting

PAGE_KEYS = {
    *("id", "event_key", "project_id", "source_type", "workflow_run_id", "workflow_step_run_id"),
    *("job_run_id", "status", "request_payload", "response_payload", "timeout_secs"),
    *("requested_at", "received_at", "expires_at", "error"),
}
UNKNOWN_RUN = "01920000-0000-7000-8000-000000000000"


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


async def waits(native: Native, *keys: str, **more: Any) -> str:
    """Begin a run whose steps wait with these keys, and return its id when all do."""
    steps = [waiting(f"w{n}", key=key, **more) for n, key in enumerate(keys)]
    id = await native.begin(*steps, slug=f"s{len(keys)}-{abs(hash(keys)) % 10**8}")
    for each in steps:
        await native.until_step(id, each["step_ref"], "waiting")
    return id


async def test_get_answers_with_the_trigger_of_the_page(native: Native) -> None:
    id = await waits(native, "k", event_timeout_secs=60, payload={"what": "money"})
    answer = await native.http.get("/v1/events/k")
    assert answer.status_code == 200
    trigger = answer.json()
    assert trigger.keys() >= PAGE_KEYS
    assert trigger["status"] == "waiting"
    assert trigger["workflow_run_id"] == id
    assert trigger["workflow_step_run_id"] == (await native.steps(id))["w0"]["id"]
    assert trigger["request_payload"] == {"what": "money"}
    assert trigger["timeout_secs"] == 60
    assert trigger["expires_at"] > trigger["requested_at"]


async def test_an_unknown_key_is_404_for_every_operation(native: Native) -> None:
    http = native.http
    answers = [
        await http.get("/v1/events/nobody"),
        await http.delete("/v1/events/nobody"),
        await http.get("/v1/events/nobody/stream"),
        await http.post("/v1/events/nobody/send", json={}),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 404]
    assert answers[0].json()["error"]["code"] == "not_found"


async def test_a_sent_event_is_the_output_of_its_step(native: Native, service: Service) -> None:
    body = {"got": "{{steps.w.output.paid}}"}
    id = await native.begin(
        waiting("w", key="order:1"), calling(service, "a", "w", request={"body": body})
    )
    await native.until_step(id, "w", "waiting")
    answer = await native.http.post("/v1/events/order:1/send", json={"payload": {"paid": 12}})
    assert answer.status_code == 200
    trigger = answer.json()
    assert (trigger["status"], trigger["response_payload"]) == ("received", {"paid": 12})
    assert trigger["received_at"] is not None
    assert (await native.end(id))["status"] == "completed"
    assert sent(service.calls("/a")[0]) == {"got": 12}


async def test_the_same_event_again_is_no_error_and_another_is_409(native: Native) -> None:
    await waits(native, "k")
    first = await native.http.post("/v1/events/k/send", json={"payload": [1, {"a": None}]})
    again = await native.http.post("/v1/events/k/send", json={"payload": [1, {"a": None}]})
    other = await native.http.post("/v1/events/k/send", json={"payload": [2]})
    assert [first.status_code, again.status_code, other.status_code] == [200, 200, 409]
    assert again.json()["received_at"] == first.json()["received_at"]
    assert "received" in other.json()["error"]["message"]


async def test_large_integers_are_different_events_when_they_differ(native: Native) -> None:
    await waits(native, "k")
    await native.http.post("/v1/events/k/send", json={"payload": 9007199254740993})
    other = await native.http.post("/v1/events/k/send", json={"payload": 9007199254740992})
    assert other.status_code == 409


async def test_a_canceled_trigger_fails_its_step_and_takes_no_event(native: Native) -> None:
    id = await waits(native, "k")
    answer = await native.http.delete("/v1/events/k")
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert answer.json()["error"] == "canceled by user"
    assert (await native.http.delete("/v1/events/k")).status_code == 409
    assert (await native.http.post("/v1/events/k/send", json={})).status_code == 409
    assert (await native.end(id))["status"] == "failed"


async def test_a_wait_that_takes_too_long_times_out(native: Native) -> None:
    id = await native.begin(waiting("w", key="k", event_timeout_secs=1))
    assert (await native.end(id))["status"] == "failed"
    trigger = (await native.http.get("/v1/events/k")).json()
    assert trigger["status"] == "timed_out"
    assert (await native.http.post("/v1/events/k/send", json={})).status_code == 409


async def test_a_key_can_be_used_again_and_get_shows_the_newest(native: Native) -> None:
    made = await native.create(waiting("w0", key="k"))
    first = (await native.trigger(made["id"]))["id"]
    await native.until_step(first, "w0", "waiting")
    await native.http.post("/v1/events/k/send", json={"payload": 1})
    await native.end(first)
    second = (await native.trigger(made["id"]))["id"]
    await native.until_step(second, "w0", "waiting")
    trigger = (await native.http.get("/v1/events/k")).json()
    assert (trigger["workflow_run_id"], trigger["status"]) == (second, "waiting")
    assert (await native.http.post("/v1/events/k/send", json={"payload": 2})).status_code == 200


async def test_keys_travel_percent_encoded(native: Native) -> None:
    await waits(native, "aml:user-1/x y?&=%")
    path = "/v1/events/aml%3Auser-1%2Fx%20y%3F%26%3D%25"
    assert (await native.http.get(path)).json()["event_key"] == "aml:user-1/x y?&=%"
    assert (await native.http.post(f"{path}/send", json={})).status_code == 200


async def test_a_key_that_is_too_long_is_a_fault_with_its_place(native: Native) -> None:
    answer = await native.http.get("/v1/events/" + "k" * 513)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == ["key: must be at most 512 bytes long"]


async def test_lists_page_without_gap_and_filter(native: Native) -> None:
    id = await waits(native, *(f"k{n}" for n in range(5)))
    await native.http.post("/v1/events/k3/send", json={})
    http = native.http

    async def listed(**query: Any) -> dict[str, Any]:
        answer = await http.get("/v1/events", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    seen: list[str] = []
    page = await listed(limit=2)
    while True:
        seen += [each["event_key"] for each in page["data"]]
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            break
        page = await listed(limit=2, cursor=page["next_cursor"])
    assert sorted(seen) == [f"k{n}" for n in range(5)]
    assert {each["event_key"] for each in (await listed(status="received"))["data"]} == {"k3"}
    assert len((await listed(workflow_run_id=id))["data"]) == 5
    assert (await listed(workflow_run_id=UNKNOWN_RUN))["data"] == []
    assert (await listed(source_type="job_run"))["data"] == []
    assert (await listed(cursor="2019-08-24T14:15:22Z"))["data"] == []
    assert len((await listed(cursor="2119-08-24T14:15:22Z"))["data"]) == 5


async def test_every_fault_of_a_list_is_told_at_once(native: Native) -> None:
    query = {"status": "waitin", "source_type": "x", "limit": "0"}
    answer = await native.http.get("/v1/events", params=query)
    assert answer.status_code == 400
    assert [fault.split(":")[0] for fault in answer.json()["error"]["details"]] == [
        "status",
        "source_type",
        "limit",
    ]


@pytest.mark.parametrize(
    "cursor",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-14:00",
        "2019-08-24t14:15:22.123456789+02:00",
        "2019-08-24T14:15:22+02:00",
    ],
)
async def test_any_instant_may_be_a_cursor(native: Native, cursor: str) -> None:
    await waits(native, "k")
    answer = await native.http.get("/v1/events", params={"cursor": cursor})
    assert answer.status_code == 200
    assert len(answer.json()["data"]) == (cursor > "2100")


@pytest.mark.parametrize("cursor", ["2019-08-24", "2019-08-24T14:15:22", "yesterday", "x" * 500])
async def test_what_is_no_cursor_is_refused(native: Native, cursor: str) -> None:
    answer = await native.http.get("/v1/events", params={"cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0].startswith("cursor: ")


async def test_stats_count_by_status(native: Native) -> None:
    await waits(native, "a", "b", "c")
    await native.http.post("/v1/events/a/send", json={})
    await native.http.delete("/v1/events/b")
    stats = (await native.http.get("/v1/events/stats")).json()
    # The cancel fails the run, which gives up the third.
    assert (stats["total_count"], stats["received_count"]) == (3, 1)
    assert stats["waiting_count"] + stats["canceled_count"] == 2
    assert stats["avg_wait_duration_secs"] > 0


async def test_a_prefix_reaches_all_who_wait_with_it_and_nobody_else(native: Native) -> None:
    runs = [await waits(native, f"door:{n}") for n in range(3)]
    await waits(native, "doors:1")
    approving = await native.begin(step("ok", "approval"), slug="approving")
    await native.until_step(approving, "ok", "waiting")
    path = "/v1/events/prefix/door%3A/send"
    answer = await native.http.post(path, json={"payload": {"open": True}})
    assert answer.status_code == 200
    told = answer.json()
    assert told["resolved"] == 3
    assert {each["workflow_run_id"] for each in told["triggers"]} == set(runs)
    assert {each["status"] for each in told["triggers"]} == {"received"}
    for id in runs:
        assert (await native.end(id))["status"] == "completed"
    everything = await native.http.post("/v1/events/prefix/d/send", json={})
    assert everything.json()["resolved"] == 1
    assert (await native.steps(approving))["ok"]["status"] == "waiting"
    assert (await native.http.post(path, json={})).json() == {"resolved": 0, "triggers": []}


async def test_an_event_that_comes_early_is_kept_for_who_waits_first(native: Native) -> None:
    body = {"payload": {"early": True}, "buffer_secs": 60}
    answer = await native.http.post("/v1/events/k/send", json=body)
    assert (answer.status_code, answer.json()["status"]) == (202, "buffered")
    assert (await native.ran(waiting("w", key="k")))["status"] == "completed"
    assert (await native.http.get("/v1/events/k")).json()["response_payload"] == {"early": True}


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({"payload": 1, "buffer_secs": 0}, ["buffer_secs"]),
        ({"paylod": 1}, ["paylod"]),
        ({"buffer_secs": "x", "y": 1}, ["buffer_secs", "y"]),
    ],
)
async def test_faults_of_a_send_have_their_places(
    native: Native, body: dict[str, Any], places: list[str]
) -> None:
    answer = await native.http.post("/v1/events/k/send", json=body)
    assert answer.status_code == 400
    told = answer.json()["error"]["details"]
    assert sorted(fault.split(":")[0] for fault in told) == sorted(places)


async def test_purge_forgets_what_ended_long_ago_and_says_how_many(native: Native) -> None:
    await waits(native, "k")
    await native.http.post("/v1/events/k/send", json={})
    dry = await native.http.post("/v1/events/purge", json={"older_than_days": 1, "dry_run": True})
    wet = await native.http.post("/v1/events/purge", json={"older_than_days": 1})
    assert dry.json() == {"deleted": 0, "dry_run": True, "would_delete": 0}
    assert wet.json() == {"deleted": 0, "dry_run": False, "would_delete": 0}
    for days in (0, 36_501, None):
        answer = await native.http.post("/v1/events/purge", json={"older_than_days": days})
        assert answer.status_code == 400


async def test_the_same_request_with_a_key_has_one_effect_and_one_answer(native: Native) -> None:
    await waits(native, "k")
    headers = {"Idempotency-Key": "once"}
    first = await native.http.post("/v1/events/k/send", json={"payload": 1}, headers=headers)
    again = await native.http.post("/v1/events/k/send", json={"payload": 1}, headers=headers)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    other = await native.http.post("/v1/events/k/send", json={"payload": 2}, headers=headers)
    assert other.status_code == 422


async def test_another_project_neither_sees_nor_reaches_a_trigger(native: Native) -> None:
    await waits(native, "k")
    theirs = {"X-Project-Id": "somebody-else"}
    http = native.http
    assert (await http.get("/v1/events/k", headers=theirs)).status_code == 404
    assert (await http.post("/v1/events/k/send", json={}, headers=theirs)).status_code == 404
    assert (await http.delete("/v1/events/k", headers=theirs)).status_code == 404
    assert (await http.get("/v1/events", headers=theirs)).json()["data"] == []
    answer = await http.post("/v1/events/prefix/k/send", json={}, headers=theirs)
    assert answer.json()["resolved"] == 0
    assert (await http.get("/v1/events/k")).json()["status"] == "waiting"


async def changes_of(http: httpx.AsyncClient, key: str, **headers: str) -> AsyncGenerator[Any]:
    """Yield (id, trigger) of a trigger's stream until it ends."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with http.stream("GET", f"/v1/events/{key}/stream", headers=named) as stream:
        assert stream.status_code == 200
        fields: dict[str, str] = {}
        async for line in stream.aiter_lines():
            name, _, text = line.partition(": ")
            if line:
                fields[name] = text
            elif "data" in fields:
                assert fields["event"] == "status"
                yield int(fields["id"]), json.loads(fields["data"])
                fields = {}


async def seen(http: httpx.AsyncClient, key: str, act: Any, **headers: str) -> list[Any]:
    """Return what a stream shows when something is done after its first event."""
    found: list[Any] = []
    async with asyncio.timeout(30), aclosing(changes_of(http, key, **headers)) as changes:
        async for change in changes:
            found.append(change)
            if len(found) == 1:
                await act()
    return found


async def nothing() -> None:
    """Let things be."""


async def test_a_stream_shows_the_present_state_then_each_change_and_ends(native: Native) -> None:
    await waits(native, "k")
    found = await seen(
        native.http, "k", lambda: native.http.post("/v1/events/k/send", json={"payload": 5})
    )
    assert [trigger["status"] for _, trigger in found] == ["waiting", "received"]
    assert found[-1][1] == (await native.http.get("/v1/events/k")).json()
    assert found[0][0] < found[1][0]
    again = await seen(native.http, "k", nothing)
    assert again == found[-1:]
    resumed = await seen(native.http, "k", nothing, last_event_id=str(found[0][0]))
    assert resumed == found[-1:]
    headers = {"Last-Event-ID": str(found[-1][0])}
    assert (await native.http.get("/v1/events/k/stream", headers=headers)).status_code == 204


async def test_a_stream_shows_a_time_out(native: Native) -> None:
    await waits(native, "k", event_timeout_secs=2)
    found = await seen(native.http, "k", nothing)
    assert [trigger["status"] for _, trigger in found] == ["waiting", "timed_out"]


async def test_a_stream_shows_the_cancel_of_the_run(native: Native) -> None:
    id = await waits(native, "k")
    found = await seen(native.http, "k", lambda: native.http.delete(f"/v1/workflow-runs/{id}"))
    assert [trigger["status"] for _, trigger in found] == ["waiting", "canceled"]


async def test_a_stream_shows_what_a_skip_of_the_step_makes_of_it(native: Native) -> None:
    id = await waits(native, "k")
    path = f"/v1/workflow-runs/{id}/steps/w0/skip"
    found = await seen(native.http, "k", lambda: native.http.post(path, json={}))
    assert [trigger["status"] for _, trigger in found] == ["waiting", "canceled"]


async def test_two_waits_in_parallel_are_each_resolved_alone(native: Native) -> None:
    id = await waits(native, "a", "b")
    assert (await native.http.post("/v1/events/a/send", json={"payload": 1})).status_code == 200
    assert (await native.until_step(id, "w0", "completed"))["output"] == 1
    assert (await native.http.get("/v1/events/b")).json()["status"] == "waiting"
    assert (await native.http.post("/v1/events/b/send", json={"payload": 2})).status_code == 200
    assert (await native.end(id))["status"] == "completed"
