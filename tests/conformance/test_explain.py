"""Why a run is where it is, over HTTP: each kind of waiting, read through each dialect.

Every kind is lived by a run of the dialect that has it, and asked for under the paths of all.
What an explanation names as the request that would move something is then sent as it stands.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import httpx
import pytest
from tests.conformance.client import Sagas, Service, awaiting, reply
from tests.conformance.client import calling as task_calling
from tests.conformance.flows import Flows
from tests.conformance.flows import task as flow_task
from tests.conformance.native import PATIENCE_S, Json, Native, calling, step, waiting
from tests.conformance.runs import Runs
from tests.conformance.runs import calling as yaml_calling

from mainspring.testing.sagas import graph, join, sleep, split

HOUR_MS: Final = 3_600_000
NOBODY: Final = "01920000-0000-7000-8000-000000000000"
SLOW: Final = reply(delay=3.0)
PATHS: Final = {
    "sagas": "/sagas/{id}",
    "executions": "/api/v1/executions/{id}",
    "native": "/v1/workflow-runs/{id}",
}


class Part(NamedTuple):
    """A part of a run, as each dialect explains it: by node, by step, by task, by step again."""

    node: Json
    step: Json
    task: Json
    native: Json


class World(NamedTuple):
    """The clients of all dialects, and the service that runs call."""

    http: httpx.AsyncClient
    native: Native
    sagas: Sagas
    flows: Flows
    runs: Runs
    service: Service

    async def why(self, id: str, dialect: str, **query: Any) -> Json:
        answer = await self.http.get(f"{PATHS[dialect].format(id=id)}/explain", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def part(self, id: str, ref: str, **query: Any) -> Part:
        """Return what all dialects say of a part of a run."""
        saga, document, run = [await self.why(id, dialect, **query) for dialect in PATHS]
        return Part(
            _named(saga["nodes"], "nodeId", ref),
            _named(document["steps"], "name", ref),
            _named(document["tasks"], "taskName", ref),
            _named(run["steps"], "step_ref", ref),
        )

    async def until(self, id: str, ref: str, because: str) -> Part:
        """Follow a run until a part of it waits for something."""
        async with asyncio.timeout(PATIENCE_S):
            async with self.http.stream("GET", f"/v1/workflow-runs/{id}/stream") as stream:
                async for line in stream.aiter_lines():
                    if not line.startswith("data:"):
                        continue
                    steps = (await self.why(id, "executions"))["steps"]
                    if any((s["name"], s["waiting_for"]) == (ref, because) for s in steps):
                        return await self.part(id, ref)
        raise AssertionError(f"{ref} never waited for {because}")

    async def follow(self, part: Json, body: Any = None) -> int:
        """Send the request that a part names; return the status."""
        movers = part.get("movedBy") or part["moved_by"]
        verb, path = next(each["request"] for each in movers if "request" in each).split()
        answer = await self.http.request(verb, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.status_code


def _named(parts: list[Json], member: str, ref: str) -> Json:
    [found] = [each for each in parts if each[member] == ref]
    return found


@pytest.fixture
def world(http: httpx.AsyncClient, service: Service) -> World:
    return World(http, Native(http), Sagas(http), Flows(http), Runs(http), service)


async def task(world: World) -> str:
    world.service.on("/s", SLOW)
    return await world.native.begin(calling(world.service, "s"))


async def child(world: World) -> str:
    other = await world.native.create(waiting("inner"), slug="child")
    return await world.native.begin(step("s", "sub_workflow", sub_workflow_id=other["id"]))


async def retry(world: World) -> str:
    world.service.on("/s", reply(status=500))
    again = {"retry_max_attempts": 3, "retry_initial_delay_secs": 600}
    return await world.native.begin(calling(world.service, "s", **again))


async def callback(world: World) -> str:
    node = {**awaiting(world.service), "id": "s"}
    world.service.on("/ask", reply(status=202))
    return await world.sagas.run(graph(node))


async def asleep(world: World) -> str:
    return await world.sagas.run(graph(sleep("s", HOUR_MS)))


async def event(world: World) -> str:
    return await world.native.begin(waiting("s", key="order/{{run.id}}", event_timeout_secs=600))


async def approval(world: World) -> str:
    return await world.native.begin(step("s", "approval", approval_approvers=["ann"]))


async def joined(world: World) -> str:
    branches = (sleep("a", HOUR_MS, "s"), sleep("b", HOUR_MS, "s"))
    return await world.sagas.run(graph(split("f", "s", "a", "b"), *branches, join("s")))


async def resume(world: World) -> str:
    id = await world.native.begin(step("s", "sleep", sleep_duration_secs=3600), slug="paused")
    await world.native.until_step(id, "s", "waiting")
    await world.http.post(f"/v1/workflow-runs/{id}/pause")
    return id


async def slot(world: World) -> str:
    await world.native.begin(waiting("s"), max_concurrent_runs=1)
    return (await world.native.trigger())["id"]


async def needs(world: World) -> str:
    return await world.native.begin(waiting("w"), calling(world.service, "s", "w"))


async def room(world: World) -> str:
    return await world.native.begin(waiting("w"), waiting("s"), max_parallel_steps=1)


async def key(world: World) -> str:
    one = {"concurrency_key": "printer"}
    return await world.native.begin(waiting("w", **one), waiting("s", **one))


async def reach(world: World) -> str:
    return await world.sagas.run(graph(sleep("a", HOUR_MS, "s"), task_calling(world.service, "s")))


async def unwinding(world: World) -> str:
    undo = {"compensation": {"url": world.service.on("/undo", SLOW)}}
    id = await world.native.begin(
        calling(world.service, "done", **undo),
        waiting("held"),
        calling(world.service, "s", "done", "held"),
    )
    await world.native.until_step(id, "done", "completed")
    await world.http.post(f"/v1/workflow-runs/{id}/steps/held/fail")
    return id


class Kind(NamedTuple):
    """What a run is that has a part `s` that waits so, and how the dialects call that."""

    begin: Callable[[World], Awaitable[str]]
    words: tuple[str, str, str]
    """Of sagas, of executions, of the native dialect."""
    statuses: tuple[str, ...]
    """Of the node, the step, the task, the native step; none where they are a matter of time."""
    movers: tuple[str, ...]


PENDING: Final = ("PENDING", "pending", "WAITING", "pending")
READY: Final = ("PENDING", "pending", "PENDING", "pending")
BEGUN: Final = ("IN_PROGRESS", "running", "RUNNING", "running")
OPEN: Final = ("IN_PROGRESS", "pending", "WAITING", "waiting")
KINDS: Final = {
    "callback": Kind(
        callback,
        ("CALLBACK", "callback", "callback"),
        ("WAITING_CALLBACK", "running", "RUNNING", "waiting"),
        ("service", "clock"),
    ),
    "sleep": Kind(
        asleep,
        ("SLEEP", "sleep", "sleep"),
        ("SLEEPING", "running", "RUNNING", "waiting"),
        ("operator", "clock"),
    ),
    "retry": Kind(retry, ("RETRY", "retry", "retry"), BEGUN, ("clock",)),
    "child": Kind(child, ("SAGA", "child", "child_run"), (), ("run", "clock")),
    "event": Kind(event, ("EVENT", "event", "event"), OPEN, ("sender", "clock")),
    "approval": Kind(approval, ("APPROVAL", "approval", "approval"), OPEN, ("approver",)),
    "join": Kind(joined, ("JOIN", "join", "join"), READY, ("node", "node")),
    "needs": Kind(needs, ("NODES", "needs", "needs"), PENDING, ("node",)),
    "room": Kind(room, ("ROOM", "room", "max_parallel"), READY, ("node",)),
    "key": Kind(key, ("KEY", "key", "concurrency_key"), READY, ("node",)),
    "reach": Kind(reach, ("PATH", "reach", "walker"), READY, ("node",)),
    "slot": Kind(slot, ("PLACE", "slot", "run_slot"), READY, ("run",)),
    "resume": Kind(
        resume,
        ("RESUME", "resume", "resume"),
        ("IN_PROGRESS", "running", "RUNNING", "waiting"),
        ("operator",),
    ),
    "unwinding": Kind(unwinding, ("NOTHING", "unwinding", "unwinding"), PENDING, ()),
    "task": Kind(task, ("CALL", "task", "executor"), (), ("executor", "clock")),
}


@pytest.mark.parametrize("name", KINDS)
async def test_each_kind_of_waiting_is_told_in_the_words_of_each_dialect(
    world: World, name: str
) -> None:
    kind = KINDS[name]
    id = await kind.begin(world)
    part = await world.until(id, "s", name)
    told = [*part[:2], part.native]
    words = tuple(each.get("waitingFor", each.get("waiting_for")) for each in told)
    assert words == kind.words
    assert part.task["waitingFor"] == kind.words[1]
    if (
        kind.statuses
    ):  # of a call, whether the executor has said that it has begun is a matter of time
        assert tuple(each["status"] for each in part) == kind.statuses
    for each, role in zip(part, ("node", "step", "task", "step"), strict=True):
        moved = each.get("movedBy", each.get("moved_by", []))
        wanted = tuple(role if who == "node" else who for who in kind.movers)
        assert tuple(mover["role"] for mover in moved) == wanted
        assert each["text"]
        assert each["since"]
    if "clock" in kind.movers:
        assert part.node["nextWakeUp"] == part.step["next_wake_up"] == part.task["nextWakeUp"]
        assert part.node["nextWakeUp"] == part.native["next_wake_up"] > part.node["since"]
    await _agree(world, id)


async def _agree(world: World, id: str) -> None:
    """Hold what is explained of a run to what the dialects say of it elsewhere."""
    saga, document = await world.why(id, "sagas"), await world.why(id, "executions")
    assert saga["status"] == (await world.sagas.get(id))["status"]
    run = await world.flows.get(id)
    assert document["status"] == run["status"]
    assert document["execution"]["status"] == run["execution"]["status"]
    assert document["execution"]["waitingFor"] == run["execution"]["waitingFor"]
    assert document["workflow"] == document["execution"]["flowName"] == run["workflow"]
    told = {each["taskName"]: each["status"] for each in run["tasks"]}
    for each in document["tasks"]:
        assert each["phase"] != "up" or each["status"] == told[each["taskName"]]
    for each in (saga, document["execution"]):
        assert each["movedBy"] or each.get("nextWakeUp")


async def test_a_run_that_was_just_asked_for_is_with_the_scheduler(world: World) -> None:
    id = await approval(world)
    await world.until(id, "s", "approval")
    history = await world.http.get(f"/v1/workflow-runs/{id}/events", params={"limit": 1})
    part = await world.part(id, "s", as_of=history.json()[0]["position"])
    assert part.node["waitingFor"] == "DECISION"
    assert [each["waiting_for"] for each in (part.step, part.native)] == ["decision"] * 2
    assert part.task["movedBy"] == part.node["movedBy"] == part.step["moved_by"]
    assert [each["role"] for each in part.node["movedBy"]] == ["scheduler"]


async def test_a_run_that_has_ended_waits_for_nothing_in_any_dialect(world: World) -> None:
    id = await asleep(world)
    part = await world.until(id, "s", "sleep")
    await world.follow(part.node)
    await world.sagas.end(id)
    saga, document = await world.why(id, "sagas"), await world.why(id, "executions")
    assert saga == {"id": id, "status": "SUCCEEDED", "text": "it has ended"}
    assert (document["status"], document["waiting_for"]) == ("completed", None)
    assert (document["steps"], document["tasks"], document["moved_by"]) == ([], [], [])


async def test_the_request_that_an_explanation_names_moves_what_waits(world: World) -> None:
    part = await world.until(id := await asleep(world), "s", "sleep")
    assert await world.follow(part.node) == 202
    await world.sagas.end(id)
    part = await world.until(id := await event(world), "s", "event")
    await world.follow(part.step, {"payload": {}})
    await world.native.until(id, "completed")
    part = await world.until(id := await resume(world), "s", "resume")
    await world.follow(part.task)
    part = await world.until(id, "s", "sleep")
    await world.follow(part.native)
    await world.native.until(id, "completed")


async def test_a_gate_of_a_flow_names_who_may_open_it_and_how(world: World) -> None:
    gate = flow_task("ask", "core.gate", properties={"message": "go on?"})
    made = await world.flows.create(gate, flow_task("then"))
    id = await world.flows.execute(made["id"])
    part = await world.until(id, "ask", "approval")
    told = await world.why(id, "executions")
    assert (told["execution"]["status"], told["execution"]["waitingFor"]) == ("PAUSED", "approval")
    then = _named(told["tasks"], "taskName", "then")
    assert (then["status"], then["waitingFor"], then["waitsFor"]) == ("WAITING", "needs", ["ask"])
    assert then["movedBy"] == [{"role": "task", "name": "ask", "text": "the task ask ends"}]
    assert part.task["movedBy"][0]["request"].startswith("POST /api/v1/approvals/")
    await world.follow(part.task, {})
    assert (await world.flows.end(id))["execution"]["status"] == "SUCCESS"


async def test_a_flow_waits_for_the_flow_that_it_has_begun(world: World) -> None:
    await world.flows.create(flow_task("ask", "core.gate", properties={"message": "m"}), name="in")
    outer = flow_task("sub", "core.subflow", properties={"flow": "in"})
    made = await world.flows.create(outer, name="out")
    id = await world.flows.execute(made["id"])
    part = await world.until(id, "sub", "child")
    [run, _] = part.task["movedBy"]
    answer = await world.http.get(run["request"].removeprefix("GET "))
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == run["name"]


async def test_an_execution_of_yaml_waits_for_its_turn_its_retry_and_its_sleep(
    world: World,
) -> None:
    world.service.on("/a", reply(status=500))
    a = yaml_calling(world.service, "a", "retry: {max_attempts: 3, delay: 10m}")
    nap = "{name: nap, action: core.sleep, params: {duration: 1h}}"
    b = "{name: b, action: util.log, params: {message: hi}, depends_on: [a, nap]}"
    first = await world.runs.start(a, nap, b, max_parallel_executions="1", on_limit="queue")
    part = await world.until(first, "a", "retry")
    assert (part.step["status"], part.step["until"]) == ("running", part.step["next_wake_up"])
    part = await world.until(first, "nap", "sleep")
    part = await world.until(first, "b", "needs")
    assert part.step["waits_for"] == ["a", "nap"]
    assert [each["role"] for each in part.step["moved_by"]] == ["step", "step"]
    second = await world.runs.begin()
    await world.until(second, "a", "slot")
    told = await world.why(second, "executions")
    assert (told["status"], told["waiting_for"]) == ("queued", "slot")
    assert told["moved_by"] == [
        {"role": "run", "name": "w", "text": "another execution of w that ends"}
    ]


@pytest.mark.parametrize("dialect", PATHS)
async def test_what_is_another_projects_or_not_there_is_not_explained(
    world: World, dialect: str
) -> None:
    id = await asleep(world)
    path = PATHS[dialect]
    for run, headers in ((NOBODY, {}), ("nonsense", {}), (id, {"X-Project-Id": "another"})):
        answer = await world.http.get(f"{path.format(id=run)}/explain", headers=headers)
        assert answer.status_code == 404, answer.text
    answer = await world.http.get(f"{path.format(id=id)}/explain", params={"as_of": "yesterday"})
    assert answer.status_code == 400, answer.text
    answer = await world.http.get(f"{path.format(id=id)}/explain", params={"as_of": "1"})
    assert answer.status_code == 404, answer.text
