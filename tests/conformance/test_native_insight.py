"""What a run tells of itself over HTTP: history, graph, timeline, and why it is where it is."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.conformance.client import Sagas, Service, reply
from tests.conformance.client import calling as task_calling
from tests.conformance.native import PATIENCE_S, Json, Native, calling, step, waiting

from mainspring.testing.sagas import graph, sleep

NOBODY = "01920000-0000-7000-8000-000000000000"
PARTS = ("events", "graph", "timeline", "explain")


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


async def told(native: Native, id: str, part: str, **query: Any) -> Any:
    answer = await native.http.get(f"/v1/workflow-runs/{id}/{part}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def reasons(native: Native, id: str) -> dict[str, Json]:
    return {each["step_ref"]: each for each in (await told(native, id, "explain"))["steps"]}


async def until(native: Native, id: str, ref: str, because: str) -> dict[str, Json]:
    """Follow a run until a step waits for something; return the reasons of all its steps."""
    async with asyncio.timeout(PATIENCE_S):
        async with native.http.stream("GET", f"/v1/workflow-runs/{id}/stream") as stream:
            async for line in stream.aiter_lines():
                found = await reasons(native, id) if line.startswith("data:") else {}
                if found.get(ref, {}).get("waiting_for") == because:
                    return found
    raise AssertionError(f"{ref} never waited for {because}")


async def test_the_history_is_every_event_in_order_and_pages(
    native: Native, service: Service
) -> None:
    id = (await native.ran(calling(service, "a"), calling(service, "b", "a")))["id"]
    found = await told(native, id, "events", limit=500)
    assert [each["version"] for each in found] == list(range(1, len(found) + 1))
    positions = [each["position"] for each in found]
    assert positions == sorted(positions)
    assert (found[0]["type"], found[-1]["type"]) == ("ExecutionRequested", "ExecutionSucceeded")
    assert (found[0]["actor"], found[0]["data"]["name"]) == ("anonymous", "w")
    assert all(each["recorded_at"].endswith("Z") and each["id"] for each in found)
    for name in ("after", "cursor"):
        seen: list[int] = []
        query: dict[str, Any] = {"limit": 2}
        while True:
            page = await native.http.get(f"/v1/workflow-runs/{id}/events", params=query)
            seen += [each["position"] for each in page.json()]
            if "x-next-cursor" not in page.headers:
                break
            assert f"after={seen[-1]}" in page.headers["link"]
            query[name] = page.headers["x-next-cursor"]
        assert seen == positions


async def test_the_graph_shows_steps_needs_and_how_they_stand(
    native: Native, service: Service
) -> None:
    id = await native.begin(
        calling(service, "a"), waiting("w", "a"), step("ok", "approval", "a"), slug="g"
    )
    await native.until_step(id, "w", "waiting")
    drawn = await told(native, id, "graph")
    nodes = {each["step_ref"]: each for each in drawn["nodes"]}
    assert list(nodes) == ["a", "w", "ok"]
    assert {ref: node["status"] for ref, node in nodes.items()} == {
        "a": "completed",
        "w": "waiting",
        "ok": "waiting",
    }
    assert (nodes["w"]["step_type"], nodes["w"]["depends_on"]) == ("wait_for_event", ["a"])
    pairs = [(edge["source"], edge["target"]) for edge in drawn["edges"]]
    assert pairs == [("a", "w"), ("a", "ok")]
    first = (await told(native, id, "events", limit=1))[0]["position"]
    before = await told(native, id, "graph", as_of=first)
    assert {each["status"] for each in before["nodes"]} == {"pending"}


async def test_a_graph_is_drawn_when_the_query_or_the_accept_header_asks_for_it(
    native: Native,
) -> None:
    id = await native.begin(waiting("w"), step("ok", "approval", "w"))
    path = f"/v1/workflow-runs/{id}/graph"
    for query, accept, kind in (
        ({"format": "mermaid"}, "application/json", "text/vnd.mermaid; charset=utf-8"),
        ({}, "text/vnd.mermaid", "text/vnd.mermaid; charset=utf-8"),
        ({"format": "json"}, "text/vnd.mermaid", "application/json"),
        ({}, "text/html,*/*;q=0.8", "application/json"),
    ):
        answer = await native.http.get(path, params=query, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.headers["vary"] == "Accept"
        if "mermaid" in kind:
            assert answer.text.startswith("flowchart TD\n")
            assert "s0 --> s1" in answer.text


async def test_the_timeline_has_every_attempt(native: Native, service: Service) -> None:
    service.on("/a", reply(status=500), reply({"ok": True}))
    again = {"retry_max_attempts": 2, "retry_initial_delay_secs": 0.05}
    ended = await native.ran(calling(service, "a", **again), calling(service, "b", "a"))
    assert ended["status"] == "completed"
    found = await told(native, ended["id"], "timeline")
    lines = [(one["step_ref"], one["attempt"], one["status"]) for one in found["attempts"]]
    assert lines == [("a", 1, "failed"), ("a", 2, "completed"), ("b", 1, "completed")]
    for one in found["attempts"]:
        assert one["scheduled_at"] <= one["finished_at"]
        assert one["total_ms"] >= 0
    first = found["attempts"][0]
    assert first["retry_at"] > first["scheduled_at"]
    assert "status=500" in first["error"]
    assert (found["status"], found["total_ms"] >= 0) == ("completed", True)


async def test_an_explanation_names_what_each_step_waits_for(
    native: Native, service: Service
) -> None:
    one_at_a_time = {"concurrency_key": "printer"}
    id = await native.begin(
        waiting("w", event_timeout_secs=3600, **one_at_a_time),
        step("ok", "approval", approval_approvers=["ann"]),
        step("nap", "sleep", sleep_duration_secs=3600),
        waiting("p", **one_at_a_time),
        calling(service, "z", "w", "ok"),
    )
    await native.until_step(id, "nap", "waiting")
    found = await reasons(native, id)
    assert {ref: each["waiting_for"] for ref, each in found.items()} == {
        "w": "event",
        "ok": "approval",
        "nap": "sleep",
        "p": "concurrency_key",
        "z": "needs",
    }
    assert found["w"]["event_key"] == f"w:{id}"
    assert found["w"]["next_wake_up"] == found["w"]["until"] > found["w"]["since"]
    assert found["ok"]["approvers"] == ["ann"]
    assert found["ok"]["next_wake_up"] is None
    assert found["p"]["needs"] == ["w"]
    assert (found["z"]["needs"], found["z"]["status"]) == (["w", "ok"], "pending")
    whole = await told(native, id, "explain")
    names = {(each["role"], each["name"]) for each in whole["depends_on"]}
    assert names == {("sender", f"w:{id}"), ("approver", "ann")}
    assert whole["next_wake_up"] == min(found["w"]["until"], found["nap"]["until"])
    approvals = (await native.http.get("/v1/approvals")).json()
    assert found["ok"]["approval_id"] == approvals[0]["id"]


async def test_an_explanation_tells_of_places_retries_and_child_runs(
    native: Native, service: Service
) -> None:
    service.on("/a", *[reply(status=500)] * 3)
    slow = {"retry_max_attempts": 3, "retry_initial_delay_secs": 600}
    child = await native.create(waiting("inner"), slug="child")
    id = await native.begin(
        calling(service, "a", **slow),
        step("c", "sub_workflow", sub_workflow_id=child["id"]),
        calling(service, "b"),
        slug="parent",
        max_parallel_steps=2,
    )
    found = await until(native, id, "a", "retry")
    assert found["a"]["until"] == found["a"]["next_wake_up"]
    assert (found["b"]["waiting_for"], found["b"]["max_parallel_steps"]) == ("max_parallel", 2)
    assert sorted(found["b"]["needs"]) == ["a", "c"]
    assert found["c"]["waiting_for"] == "child_run"
    run = await native.run(found["c"]["child_workflow_run_id"])
    assert run["parent_workflow_run_id"] == id


async def test_an_explanation_of_the_past_and_of_a_pause(native: Native) -> None:
    id = await native.begin(waiting("w"), step("nap", "sleep", sleep_duration_secs=3600))
    await native.until_step(id, "nap", "waiting")
    await native.http.post(f"/v1/workflow-runs/{id}/pause")
    now = await told(native, id, "explain")
    assert (now["waiting_for"], now["next_wake_up"]) == ("resume", None)
    assert {each["role"] for each in now["depends_on"]} == {"operator", "sender"}
    found = {each["step_ref"]: each["waiting_for"] for each in now["steps"]}
    assert found == {"w": "event", "nap": "resume"}
    first = (await told(native, id, "events", limit=1))[0]["position"]
    then = await told(native, id, "explain", as_of=first)
    assert (then["status"], then["waiting_for"]) == ("pending", "decision")
    assert {each["waiting_for"] for each in then["steps"]} == {"decision"}
    await native.http.delete(f"/v1/workflow-runs/{id}")
    await native.until(id, "canceled")
    ended = await told(native, id, "explain")
    assert (ended["waiting_for"], ended["steps"], ended["depends_on"]) == (None, [], [])


async def test_runs_of_another_dialect_tell_of_themselves_too(
    native: Native, sagas: Sagas, service: Service
) -> None:
    nap = sleep("a", 3_600_000, "b")
    id = await sagas.run(graph(nap, task_calling(service, "b")))
    found = await until(native, id, "a", "sleep")
    assert found["b"]["waiting_for"] == "walker"
    assert found["b"]["needs"] == ["a"]
    drawn = await told(native, id, "graph")
    assert [(edge["source"], edge["target"]) for edge in drawn["edges"]] == [("a", "b")]
    assert [one["step_ref"] for one in (await told(native, id, "timeline"))["attempts"]] == ["a"]
    assert (await told(native, id, "events"))[0]["type"] == "ExecutionRequested"


@pytest.mark.parametrize("part", PARTS)
async def test_unknown_runs_and_those_of_others_are_404(native: Native, part: str) -> None:
    id = await native.begin(waiting("w"))
    for run, headers in ((NOBODY, {}), ("nonsense", {}), (id, {"X-Project-Id": "another"})):
        answer = await native.http.get(f"/v1/workflow-runs/{run}/{part}", headers=headers)
        assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(
    ("part", "query", "places"),
    [
        ("events", {"limit": "0", "after": "x"}, ["after", "limit"]),
        ("events", {"cursor": "-1"}, ["cursor"]),
        ("events", {"limit": "501"}, ["limit"]),
        ("graph", {"format": "svg"}, ["format"]),
        ("graph", {"as_of": "yesterday"}, ["as_of"]),
        ("explain", {"as_of": "2026" * 9}, ["as_of"]),
    ],
)
async def test_faults_of_a_query_have_their_places(
    native: Native, part: str, query: dict[str, str], places: list[str]
) -> None:
    id = await native.begin(waiting("w"))
    answer = await native.http.get(f"/v1/workflow-runs/{id}/{part}", params=query)
    found = [fault.partition(":")[0] for fault in answer.json()["error"]["details"]]
    assert (answer.status_code, sorted(found)) == (400, places)
