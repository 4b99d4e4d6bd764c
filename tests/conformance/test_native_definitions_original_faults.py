"""Faults of the original that definitions had a part in, each as the law that it broke."""

from typing import Any

import httpx
import pytest
from tests.conformance.client import Service, reply
from tests.conformance.native import Native, calling, step, waiting


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


NEVER = {"type": "step_status", "step_ref": "a", "status": "failed"}


async def test_a_step_that_its_condition_skips_releases_those_that_need_it(
    native: Native, service: Service
) -> None:
    run = await native.ran(
        calling(service, "a"),
        calling(service, "b", "a", condition=NEVER),
        calling(service, "c", "b"),
    )
    assert run["status"] == "completed"
    assert service.order() == ["/a", "/c"]


@pytest.mark.parametrize("first", ["failed", "succeeded"])
async def test_a_failed_step_that_says_continue_counts_in_whatever_order(
    native: Native, service: Service, first: str
) -> None:
    slow, quick = reply(status=500, delay=0.2), reply(status=500)
    service.on("/a", slow if first == "succeeded" else quick)
    service.on("/b", reply(delay=0.2 if first == "failed" else 0.0))
    run = await native.ran(
        calling(service, "a", on_failure="continue"),
        calling(service, "b"),
        calling(service, "c", "a", "b"),
    )
    assert run["status"] == "completed"
    assert len(service.calls("/c")) == 1


async def test_a_need_that_is_named_twice_does_not_hold_up_the_run(
    native: Native, service: Service
) -> None:
    id = await native.begin(calling(service, "a"), calling(service, "b", "a", "a"))
    assert (await native.end(id))["status"] == "completed"
    found = (await native.steps(id))["b"]
    assert (found["deps_completed"], found["deps_required"]) == (1, 1)


@pytest.mark.parametrize("bound", ["max_parallel_steps", "concurrency_key"])
async def test_a_step_that_fails_lets_go_of_its_place(
    native: Native, service: Service, bound: str
) -> None:
    service.on("/a", reply(status=500))
    key: dict[str, str] = {"concurrency_key": "k"} if bound == "concurrency_key" else {}
    most: dict[str, Any] = {} if key else {"max_parallel_steps": 1}
    run = await native.ran(
        calling(service, "a", on_failure="skip_dependents", **key),
        calling(service, "b", **key),
        calling(service, "c", "a", **key),
        **most,
    )
    assert run["status"] == "failed"
    assert service.order() == ["/a", "/b"]


async def test_a_child_that_cannot_begin_fails_its_step_with_the_reason(native: Native) -> None:
    await native.create(waiting("w", key="taken"), slug="child")
    await native.create(step("sub", "sub_workflow", sub_workflow_id="child"), slug="parent")
    holder = await native.trigger("child")
    await native.until_step(holder["id"], "w", "waiting")
    run = await native.end((await native.trigger("parent"))["id"])
    assert run["status"] == "failed"
    assert "taken" in (await native.steps(run["id"]))["sub"]["error"]


async def test_an_event_key_is_made_of_the_run_so_that_a_second_run_may_wait_too(
    native: Native,
) -> None:
    await native.create(waiting("paid", key="paid:{{order}}:{{run.id}}"))
    for _ in range(2):
        run = await native.trigger(payload={"order": "7"})
        await native.until_step(run["id"], "paid", "waiting")


async def test_what_cannot_work_is_refused_when_it_is_stored(native: Native) -> None:
    bad = {
        "name": "W",
        "slug": "w",
        "steps": [
            step("a", "http", request={"url": "http://x"}, on_failure="ignore"),
            step("b", "http", request={"url": "http://x"}, retry_backoff="linear"),
            step("c", "sleep", sleep_duration_secs=1, condition={"type": "step_statu"}),
            step("d", "wait_for_event", event_key="k", event_timeout_secs=0),
        ],
    }
    answer = await native.http.post("/v1/workflows", json=bad)
    assert answer.status_code == 400
    assert [each.partition(": ")[0] for each in answer.json()["error"]["details"]] == [
        "steps[0].on_failure",
        "steps[1].retry_backoff",
        "steps[3].event_timeout_secs",
        "steps[2].condition.type",
    ]
    assert (await native.http.get("/v1/workflows/w")).status_code == 404


async def test_a_condition_of_a_step_that_needs_nothing_is_judged_too(
    native: Native, service: Service
) -> None:
    run = await native.ran(
        calling(service, "a", condition={"type": "exists", "operand": {"payload": "go"}}),
        calling(service, "b", condition="payload.n > 1"),
        payload={"n": 2},
    )
    assert run["status"] == "completed"
    assert service.order() == ["/b"]


async def test_who_began_a_run_is_kept(native: Native) -> None:
    await native.create(waiting("w"))
    named = {"X-Actor-Id": "alice"}
    begun = await native.http.post("/v1/workflows/w/trigger", json={}, headers=named)
    assert (await native.run(begun.json()["id"]))["created_by"] == "alice"
