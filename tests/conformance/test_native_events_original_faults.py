"""What the original got wrong about event triggers: each fault a law that it must not happen here.

Job runs that wait for events do not exist here, so neither do the faults that need them.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest
from tests.conformance.client import Service, reply, sent
from tests.conformance.native import Native, calling, step, waiting

from mainspring.runtime.clock import SystemClock
from mainspring.testing.peer import Call
from mainspring.testing.stack import Platform

SECRET: Final = bytes.fromhex("5a" * 32)
CROWD: Final = 120


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


@contextmanager
def without(stack: Platform, name: str) -> Generator[None]:
    """Take a service away, as `kill -9` does, for as long as the block lasts."""
    (process,) = stack.services[name]
    process.kill()
    try:
        yield
    finally:
        process.start()
        process.wait_ready()


async def waits(native: Native, key: str, *more: Any, slug: str = "w", **fields: Any) -> str:
    """Begin a run that waits with a key, and return its id when it does."""
    id = await native.begin(waiting("w", key=key, **fields), *more, slug=slug)
    await native.until_step(id, "w", "waiting")
    return id


async def trigger(native: Native, key: str = "k") -> dict[str, Any]:
    answer = await native.http.get(f"/v1/events/{key}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def streamed(http: httpx.AsyncClient, key: str) -> list[dict[str, Any]]:
    """Return what a trigger's stream shows until it ends."""
    async with asyncio.timeout(30):
        text = (await http.get(f"/v1/events/{key}/stream")).text
    assert text.count("event: status") == text.count("\nid: ")
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


# What follows from an event.


async def test_what_a_received_event_leads_to_is_not_lost_with_the_scheduler(
    native: Native, service: Service, stack: Platform
) -> None:
    id = await waits(native, "k", calling(service, "a", "w"))
    with without(stack, "scheduler"):
        assert (await native.http.post("/v1/events/k/send", json={})).status_code == 200
        assert service.calls("/a") == []
    assert (await native.end(id))["status"] == "completed"
    assert len(service.calls("/a")) == 1


async def test_of_two_waits_that_a_step_needs_neither_event_starts_it_alone_nor_twice(
    native: Native, service: Service
) -> None:
    both = [waiting("x", key="x"), waiting("y", key="y")]
    id = await native.begin(*both, calling(service, "a", "x", "y"))
    for ref in ("x", "y"):
        await native.until_step(id, ref, "waiting")
    answers = await asyncio.gather(
        *(native.http.post(f"/v1/events/{key}/send", json={}) for key in ("x", "y", "x", "y"))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert (await native.end(id))["status"] == "completed"
    assert len(service.calls("/a")) == 1


# Approvals.


async def test_an_approval_is_no_event_trigger(native: Native) -> None:
    id = await native.begin(step("ok", "approval", approval_approvers=["alice"]))
    await native.until_step(id, "ok", "waiting")
    http = native.http
    for key in (f"approval:{id}:ok", f"approval%3A{id}%3Aok", "ok", id):
        assert (await http.post(f"/v1/events/{key}/send", json={})).status_code == 404
        assert (await http.delete(f"/v1/events/{key}")).status_code == 404
    for prefix in ("approval", "approval%3A", "evt", "a", "o"):
        answer = await http.post(f"/v1/events/prefix/{prefix}/send", json={})
        assert answer.json()["resolved"] == 0
    assert (await http.get("/v1/events")).json()["data"] == []
    assert (await http.get("/v1/events/stats")).json()["total_count"] == 0
    assert (await native.steps(id))["ok"]["status"] == "waiting"


async def test_a_sleep_is_no_event_trigger(native: Native) -> None:
    id = await native.begin(step("nap", "sleep", sleep_duration_secs=600))
    await native.until_step(id, "nap", "waiting")
    assert (await native.http.post("/v1/events/prefix/s/send", json={})).json()["resolved"] == 0
    assert (await native.http.get("/v1/events/stats")).json()["total_count"] == 0
    assert (await native.steps(id))["nap"]["status"] == "waiting"


async def test_a_wait_without_a_time_out_never_times_out(native: Native) -> None:
    await waits(native, "k")
    assert (await trigger(native))["expires_at"] is None
    assert (await trigger(native))["timeout_secs"] == 0


# Ends of a wait.


@pytest.mark.parametrize(
    ("how", "body", "output"),
    [("skip", {}, None), ("force-complete", {"result": {"by": "hand"}}, {"by": "hand"})],
)
async def test_a_step_that_is_taken_out_of_its_wait_closes_its_trigger(
    native: Native, service: Service, how: str, body: Any, output: Any
) -> None:
    id = await waits(native, "k", calling(service, "a", "w"), event_timeout_secs=2)
    answer = await native.http.post(f"/v1/workflow-runs/{id}/steps/w/{how}", json=body)
    assert answer.status_code == 200, answer.text
    assert (await streamed(native.http, "k"))[-1]["status"] == "canceled"
    late = await native.http.post("/v1/events/k/send", json={"payload": "late"})
    assert (late.status_code, "canceled" in late.text) == (409, True)
    assert (await native.end(id))["status"] == "completed"
    assert (await native.steps(id))["w"]["output"] == output


async def test_a_failing_run_closes_the_waits_of_its_other_steps(
    native: Native, service: Service
) -> None:
    service.on("/a", reply(status=500))
    id = await native.begin(
        waiting("w", key="k"), waiting("x", key="x"), calling(service, "a", "x")
    )
    for ref in ("w", "x"):
        await native.until_step(id, ref, "waiting")
    await native.http.post("/v1/events/x/send", json={})
    assert (await native.end(id))["status"] == "failed"
    assert (await streamed(native.http, "k"))[-1]["status"] == "canceled"
    assert (await native.http.post("/v1/events/k/send", json={})).status_code == 409


async def test_a_run_that_times_out_closes_its_triggers(native: Native) -> None:
    id = await native.begin(waiting("w", key="k"), timeout_secs=1)
    assert (await native.end(id))["status"] == "timed_out"
    assert (await streamed(native.http, "k"))[-1]["status"] != "waiting"
    assert (await native.http.post("/v1/events/k/send", json={})).status_code == 409


async def test_many_time_outs_at_once_come_in_time(native: Native) -> None:
    made = await native.create(waiting("w", key="t:{{payload.n}}", event_timeout_secs=1))
    began = time.monotonic()
    await asyncio.gather(*(native.trigger(made["id"], {"n": str(n)}) for n in range(CROWD)))
    started = time.monotonic() - began
    async with asyncio.timeout(30):
        counts: dict[str, int] = {}
        while counts.get("timed_out_count") != CROWD:
            counts = (await native.http.get("/v1/events/stats")).json()
    assert time.monotonic() - began < started + 8


# Many at once.


async def test_what_a_prefix_send_says_it_has_resolved_it_has_resolved(native: Native) -> None:
    made = await native.create(waiting("w", key="p:{{payload.n}}"))
    runs = [(await native.trigger(made["id"], {"n": str(n)}))["id"] for n in range(20)]
    for id in runs:
        await native.until_step(id, "w", "waiting")
    await native.http.delete("/v1/events/p%3A7")
    answer = await native.http.post("/v1/events/prefix/p%3A/send", json={"payload": {"n": 1}})
    told = answer.json()
    assert told["resolved"] == len(told["triggers"]) == 19
    for each in told["triggers"]:
        assert each == (await trigger(native, each["event_key"]))
        assert each["status"] == "received"
    ended = [(await native.end(id))["status"] for id in runs]
    assert (ended.count("completed"), ended.count("failed")) == (19, 1)


@pytest.mark.parametrize("prefix", ["%25", "_", "%5C", "a%25", "%2A"])
async def test_a_prefix_means_itself(native: Native, prefix: str) -> None:
    await waits(native, "abc")
    answer = await native.http.post(f"/v1/events/prefix/{prefix}/send", json={})
    assert answer.json() == {"resolved": 0, "triggers": []}
    assert (await trigger(native, "abc"))["status"] == "waiting"


async def test_a_crowd_of_senders_is_not_turned_away(native: Native) -> None:
    await waits(native, "k")
    answers = await asyncio.gather(
        *(native.http.post("/v1/events/k/send", json={"payload": 1}) for _ in range(40))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["received_at"] for answer in answers}) == 1


# Keys.


async def test_a_retry_of_a_run_waits_again_with_the_same_key(native: Native) -> None:
    first = await waits(native, "order:7")
    await native.http.delete("/v1/events/order%3A7")
    assert (await native.end(first))["status"] == "failed"
    again = await native.http.post(f"/v1/workflow-runs/{first}/retry")
    assert again.status_code == 201, again.text
    second = again.json()["id"]
    await native.until_step(second, "w", "waiting")
    answer = await native.http.post("/v1/events/order%3A7/send", json={"payload": 1})
    assert (answer.status_code, answer.json()["workflow_run_id"]) == (200, second)
    assert (await native.end(second))["status"] == "completed"
    listed = await native.http.get("/v1/events", params={"workflow_run_id": first})
    assert [each["status"] for each in listed.json()["data"]] == ["canceled"]


async def test_a_retry_of_a_step_waits_again_with_a_fresh_trigger(native: Native) -> None:
    id = await waits(native, "k")
    old = await trigger(native)
    await native.http.delete("/v1/events/k")
    assert (await native.end(id))["status"] == "failed"
    answer = await native.http.post(f"/v1/workflow-runs/{id}/steps/w/retry")
    assert answer.status_code == 200, answer.text
    await native.until_step(id, "w", "waiting")
    fresh = await trigger(native)
    assert (fresh["status"], fresh["id"] == old["id"]) == ("waiting", False)
    assert (await native.http.post("/v1/events/k/send", json={"payload": 2})).status_code == 200
    assert (await native.end(id))["status"] == "completed"


async def test_a_key_that_is_waited_for_fails_who_comes_second_with_the_reason(
    native: Native,
) -> None:
    await waits(native, "k", slug="first")
    second = await native.ran(waiting("w", key="k"), slug="second")
    assert second["status"] == "failed"
    assert "in use" in second["error"]
    assert (await native.http.post("/v1/events/k/send", json={})).status_code == 200


async def test_an_event_before_the_wait_is_not_lost_when_it_is_to_be_kept(native: Native) -> None:
    http = native.http
    assert (await http.post("/v1/events/k/send", json={"payload": 1})).status_code == 404
    kept = await http.post("/v1/events/k/send", json={"payload": 2, "buffer_secs": 600})
    assert kept.json()["status"] == "buffered"
    done = await native.begin(waiting("w", key="k"), slug="first")
    assert (await native.end(done))["status"] == "completed"
    assert (await native.steps(done))["w"]["output"] == 2
    await waits(native, "k", slug="second")
    assert (await trigger(native))["status"] == "waiting"


# Streams.


async def test_a_stream_shows_an_event_that_another_run_sent(
    native: Native, service: Service
) -> None:
    service.on("/a", reply({"from": "a"}))
    await waits(native, "k", slug="waits")
    following = asyncio.create_task(streamed(native.http, "k"))
    sender = await native.ran(calling(service, "a", event_emit_key="k"), slug="sends")
    assert sender["status"] == "completed"
    shown = await following
    assert shown[-1]["status"] == "received"
    assert shown[-1]["response_payload"] == {"from": "a"}
    assert sender["id"] in shown[-1]["sent_by"]


async def test_a_stream_of_a_prefix_send_shows_the_whole_trigger(native: Native) -> None:
    await waits(native, "k1")
    following = asyncio.create_task(streamed(native.http, "k1"))
    answer = await native.http.post("/v1/events/prefix/k/send", json={"payload": {"a": 1}})
    assert (await following)[-1] == answer.json()["triggers"][0]


# Notices.


def is_signed(made: Call) -> bool:
    """Say whether a call carries the signature of just this body."""
    signed = dict(part.split("=", 1) for part in made.headers["x-mainspring-signature"].split(","))
    wanted = hmac.digest(SECRET, signed["t"].encode() + b"." + made.body, hashlib.sha256)
    fresh = abs(SystemClock().now() - int(signed["t"])) < 60
    return signed["kid"] == "test" and signed["v1"] == wanted.hex() and fresh


async def test_a_notice_is_signed_and_sent_again_until_it_is_taken(
    native: Native, service: Service
) -> None:
    url = service.on("/notice", reply(None, 503), reply(None, 204))
    id = await waits(native, "a/b", event_notify_url=url, event_timeout_secs=600)
    refused, taken = await service.called("/notice", 2)
    assert is_signed(refused)
    assert is_signed(taken)
    told = sent(taken)
    assert (told["event_key"], told["callback_url"]) == ("a/b", "/v1/events/a%2Fb/send")
    assert told["expires_at"] == (await trigger(native, "a%2Fb"))["expires_at"]
    async with asyncio.timeout(10):
        while (await trigger(native, "a%2Fb"))["notify_status"] != "sent":
            pass
    answer = await native.http.post(told["callback_url"], json={"payload": 1})
    assert answer.status_code == 200
    assert (await native.end(id))["status"] == "completed"


async def test_a_notice_that_nobody_takes_holds_nobody_up(native: Native, service: Service) -> None:
    url = service.on("/notice", reply(None, 500))
    id = await waits(native, "k", event_notify_url=url)
    await service.called("/notice")
    assert (await native.http.post("/v1/events/k/send", json={})).status_code == 200
    assert (await native.end(id))["status"] == "completed"


async def test_what_a_wait_asks_stands_in_its_trigger(native: Native) -> None:
    id = await native.begin(
        waiting("w", key="k", payload={"for": "{{payload.who}}"}), payload={"who": "ann"}
    )
    await native.until_step(id, "w", "waiting")
    assert (await trigger(native))["request_payload"] == {"for": "ann"}
