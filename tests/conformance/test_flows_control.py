"""What flows can do besides one task after another: branches, waits, flows, endings."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.conformance.client import Service, reply
from tests.conformance.flows import (
    PATIENCE_S,
    Flows,
    outputs_of,
    statuses_of,
    task,
    tasks_of,
    text,
    values,
)

DONE, SKIPPED = "SUCCESS", "SKIPPED"


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)


def calling(service: Service, name: str, **more: Any) -> Any:
    """Return a task that calls `/<name>` of the test's service."""
    return task(name, "http.request", properties={"url": f"{service.url}/{name}"}, **more)


def branching(condition: str) -> Any:
    inner = {"then": [values("yes", n=1), values("sure", n=2)], "else": [values("no", n=3)]}
    return task("choose", "core.if", properties={"condition": condition, **inner})


# Order.


async def test_tasks_without_dependencies_run_in_the_order_of_the_list(
    flows: Flows, service: Service
) -> None:
    await flows.ran(*(calling(service, name) for name in ("c", "a", "b")))
    assert service.order() == ["/c", "/a", "/b"]


async def test_one_dependency_makes_the_list_a_graph(flows: Flows, service: Service) -> None:
    last = calling(service, "last", dependsOn=["left", "right"])
    found = await flows.ran(last, calling(service, "left"), calling(service, "right"))
    assert statuses_of(found) == dict.fromkeys(("last", "left", "right"), DONE)
    assert service.order()[-1] == "/last"


async def test_a_task_reads_what_is_upstream_with_its_type(flows: Flows) -> None:
    found = await flows.ran(
        values("a", n=3, list=[1, 2]),
        values("b", n="{{ outputs.a.n }}", text="n is {{ outputs['a']['n'] }}", of="{{ vars.v }}"),
        variables={"v": {"deep": True}},
    )
    assert outputs_of(found, "b") == {"n": 3, "text": "n is 3", "of": {"deep": True}}


async def test_a_task_knows_its_flow_its_execution_and_its_inputs(flows: Flows) -> None:
    seen = values(
        "seen",
        flow="{{ flow.name }}/{{ flow.namespace }}/{{ flow.revision }}",
        execution="{{ execution.id }}",
        n="{{ inputs.n }}",
        task="{{ task.step }}",
    )
    made = await flows.create(seen, name="knows", inputs={"n": {"type": "int", "default": 7}})
    id = await flows.execute(made["id"])
    namespace = flows.http.headers["X-Project-Id"]
    assert outputs_of(await flows.end(id), "seen") == {
        "flow": f"knows/{namespace}/1",
        "execution": id,
        "n": 7,
        "task": "seen",
    }


# Branches.


@pytest.mark.parametrize(("n", "taken"), [(5, {"yes", "sure"}), (1, {"no"})])
async def test_an_if_runs_one_branch_and_skips_the_other(
    flows: Flows, n: int, taken: set[str]
) -> None:
    after = values("after", branch="{{ outputs.choose.branch }}")
    inputs = {"n": {"type": "int"}}
    found = await _ran(flows, [branching("{{ inputs.n > 3 }}"), after], inputs, {"n": n})
    statuses = statuses_of(found)
    assert {name for name in ("yes", "sure", "no") if statuses[name] == DONE} == taken
    assert statuses["after"] == DONE
    assert outputs_of(found, "after") == {"branch": "then" if n == 5 else "else"}


async def _ran(flows: Flows, tasks: list[Any], declared: Any, given: Any) -> Any:
    made = await flows.create(*tasks, inputs=declared)
    return await flows.end(await flows.execute(made["id"], given))


@pytest.mark.parametrize(
    ("value", "taken"),
    [("eu", "europe"), ("us-3", "states"), ("us-7", "seven"), ("eur", "rest"), ("x", "rest")],
)
async def test_a_switch_runs_the_case_that_fits(flows: Flows, value: str, taken: str) -> None:
    cases = {
        "re:us-[0-9]": [values("states")],
        "eu": [values("europe")],
        "us-7": [values("seven")],
    }
    switch = task(
        "switch",
        "core.switch",
        properties={"value": value, "cases": cases, "default": [values("rest")]},
    )
    statuses = statuses_of(await flows.ran(switch))
    names = ("europe", "states", "seven", "rest")
    assert [name for name in names if statuses[name] == DONE] == [taken]


async def test_what_stands_in_a_skipped_branch_is_skipped_to_its_depth(flows: Flows) -> None:
    inner = task("inner", "core.if", properties={"condition": True, "then": [values("deep")]})
    outer = task("outer", "core.if", properties={"condition": False, "then": [inner]})
    found = await flows.ran(outer, values("after"))
    assert statuses_of(found) == {
        "outer": DONE,
        "inner": SKIPPED,
        "deep": SKIPPED,
        "after": DONE,
    }


async def test_branches_in_parallel_end_before_what_comes_after(
    flows: Flows, service: Service
) -> None:
    branches = {
        "left": [calling(service, "l1"), calling(service, "l2")],
        "right": [calling(service, "r1")],
    }
    both = task("both", "core.parallel", properties={"branches": branches})
    found = await flows.ran(both, calling(service, "after"))
    assert set(statuses_of(found).values()) == {DONE}
    order = service.order()
    assert order[-1] == "/after"
    assert order.index("/l1") < order.index("/l2")


async def test_a_branch_that_fails_lets_the_others_end_and_fails_the_execution(
    flows: Flows,
) -> None:
    branches = {
        "bad": [task("bad", "core.fail"), values("never")],
        "good": [task("nap", "core.sleep", properties={"duration": 0.05}), values("good")],
    }
    found = await flows.ran(
        task("both", "core.parallel", properties={"branches": branches}), values("after")
    )
    assert found["execution"]["status"] == "FAILED"
    statuses = statuses_of(found)
    assert (statuses["bad"], statuses["good"]) == ("FAILED", DONE)
    assert (statuses["never"], statuses["after"]) == (SKIPPED, SKIPPED)


async def test_a_branch_that_fails_fast_ends_the_execution_and_the_others_with_it(
    flows: Flows,
) -> None:
    branches = {
        "bad": [task("bad", "core.fail")],
        "good": [task("nap", "core.sleep", properties={"duration": "1h"}), values("good")],
    }
    given = {"branches": branches, "failFast": True}
    found = await flows.ran(task("both", "core.parallel", properties=given))
    assert found["execution"]["status"] == "FAILED"
    statuses = statuses_of(found)
    assert (statuses["bad"], statuses["nap"]) == ("FAILED", "CANCELLED")


async def test_a_branching_task_gives_what_its_branches_came_to(flows: Flows) -> None:
    branches = {
        "one": [values("a", n=1)],
        "two": [values("b", n=2), values("c", n="{{ outputs.b.n + 1 }}")],
        "none": [{**values("d"), "when": "false"}],
        "some": [values("e"), {**values("f"), "when": "false"}],
    }
    both = task("both", "core.parallel", properties={"branches": branches})
    seen = values("after", n="{{ outputs['both']['two']['c']['n'] + outputs.both.one.n }}")
    found = await flows.ran(both, seen)
    assert outputs_of(found, "both") == {
        "one": {"n": 1},
        "two": {"b": {"n": 2}, "c": {"n": 3}},
        "none": None,
        "some": {"e": {}},
    }
    assert outputs_of(found, "after") == {"n": 4}
    about = found["execution"]
    assert (about["status"], about["tasksTotal"], about["tasksExecuted"]) == (DONE, 8, 8)


async def test_a_branching_task_fails_with_its_branches_and_keeps_what_the_others_gave(
    flows: Flows,
) -> None:
    branches = {
        "bad": [values("first"), task("bad", "core.fail", properties={"message": "no stock"})],
        "good": [values("good", n=1)],
    }
    both = task("both", "core.parallel", properties={"branches": branches})
    told = values("told", seen="{{ steps.both }}")
    found = await flows.ran(both, values("after"), onError=[told])
    assert "both: 1 of 2 branches failed: bad: bad: " in found["execution"]["error"]
    statuses = statuses_of(found)
    assert (statuses["both"], statuses["first"], statuses["good"]) == ("FAILED", DONE, DONE)
    assert outputs_of(found, "both") == {"bad": None, "good": {"n": 1}}
    seen = outputs_of(found, "told")["seen"]
    assert (seen["status"], seen["output"]["good"]) == ("FAILED", {"n": 1})


async def test_failures_in_branches_are_tolerated_where_the_branching_task_says_so(
    flows: Flows,
) -> None:
    bad = task("bad", "core.fail")
    branches = {"bad": [bad], "mixed": [task("worse", "core.fail"), values("more", n=1)]}
    given = {"branches": branches}
    both = {**task("both", "core.parallel", properties=given), "continueOnError": True}
    found = await flows.ran(both, values("after", got="{{ outputs.both }}"))
    assert found["execution"]["status"] == DONE, found
    assert outputs_of(found, "after")["got"] == {"bad": None, "mixed": {"more": {"n": 1}}}


async def test_branches_whose_task_is_skipped_are_skipped_with_all_inside_of_them(
    flows: Flows,
) -> None:
    inner = task("inner", "core.parallel", properties={"branches": {"x": [values("deep")]}})
    given = {"branches": {"l": [inner], "r": [values("r")]}}
    both = {**task("both", "core.parallel", properties=given), "when": "false"}
    never = {**task("off", "core.parallel", properties={"branches": {"y": [values("y")]}})}
    found = await flows.ran(both, {**never, "disabled": True}, values("after"))
    statuses = statuses_of(found)
    assert statuses.pop("after") == DONE
    assert set(statuses.values()) == {SKIPPED}, statuses


async def test_a_branch_that_fails_keeps_no_later_one_from_running(flows: Flows) -> None:
    branches = {"a": [task("a", "core.fail"), values("never")], "b": [values("b", n=1)]}
    given = {"branches": branches, "concurrency": 1}
    found = await flows.ran(task("all", "core.parallel", properties=given))
    statuses = statuses_of(found)
    assert (statuses["a"], statuses["never"], statuses["b"]) == ("FAILED", SKIPPED, DONE)
    assert outputs_of(found, "all") == {"a": None, "b": {"n": 1}}


async def test_branches_in_a_loop_give_each_item_what_they_came_to(flows: Flows) -> None:
    fails = {**task("odd", "core.fail"), "when": "item == 2"}
    branches = {"l": [values("l", n="{{ item }}")], "r": [fails, values("r")]}
    both = task("both", "core.parallel", properties={"branches": branches})
    seen = values("seen", n="{{ outputs.both.l.n }}")
    properties = {"items": [1, 2], "tasks": [both, seen]}
    found = await flows.ran(task("all", "core.forEach", properties=properties))
    results = outputs_of(found, "all")["results"]
    assert results[0]["both"] == {"l": {"n": 1}, "r": {"r": {}}}
    assert results[0]["seen"] == {"n": 1}
    assert results[1] is None
    assert "all[1].both: 1 of 2 branches failed" in found["execution"]["error"]


async def test_a_failed_branch_is_done_again_by_a_retry_and_then_its_task_gives_all(
    flows: Flows, service: Service
) -> None:
    service.on("/t", reply(None, 503), reply({"ok": True}))
    branches = {"l": [calling(service, "t")], "r": [values("r", n=1)]}
    made = await flows.create(task("both", "core.parallel", properties={"branches": branches}))
    id = await flows.execute(made["id"])
    assert statuses_of(await flows.end(id))["both"] == "FAILED"
    again = await flows.http.post(f"/api/v1/executions/{id}/retry")
    assert again.status_code == 202, again.text
    found = await flows.end(again.json().get("executionId", id))
    assert found["execution"]["status"] == DONE, found
    assert outputs_of(found, "both")["r"] == {"n": 1}
    assert outputs_of(found, "both")["l"] == outputs_of(found, "t")


async def test_a_cancelled_execution_leaves_no_branching_task_open(flows: Flows) -> None:
    nap = task("nap", "core.sleep", properties={"duration": "1h"})
    branches = {"l": [nap], "r": [values("r")]}
    made = await flows.create(task("both", "core.parallel", properties={"branches": branches}))
    id = await flows.execute(made["id"])
    await flows.until_tasks(id, both="RUNNING", nap="RUNNING", r=DONE)
    assert (await flows.http.post(f"/api/v1/executions/{id}/cancel")).status_code == 200
    found = await flows.end(id)
    assert found["execution"]["status"] == "CANCELLED"
    assert statuses_of(found) == {"both": "CANCELLED", "nap": "CANCELLED", "r": DONE}


async def test_no_more_branches_are_under_way_than_the_task_allows(
    flows: Flows, service: Service
) -> None:
    lanes = ("a", "b", "c")
    branches = {lane: [calling(service, f"{lane}{n}") for n in (1, 2)] for lane in lanes}
    given = {"branches": branches, "concurrency": 1}
    found = await flows.ran(task("all", "core.parallel", properties=given))
    assert set(statuses_of(found).values()) == {DONE}
    assert service.order() == [f"/{lane}{n}" for lane in lanes for n in (1, 2)]


# Conditions and failures.


async def test_a_condition_that_is_false_skips_its_task_alone(flows: Flows) -> None:
    found = await flows.ran(
        values("a", n=1), {**values("b"), "when": "outputs.a.n > 1"}, values("c")
    )
    assert statuses_of(found) == {"a": DONE, "b": SKIPPED, "c": DONE}


async def test_what_a_failed_task_leaves_behind_is_shown(flows: Flows) -> None:
    fail = task("a", "core.fail", properties={"message": "no stock", "code": 7})
    found = await flows.ran(fail)
    assert outputs_of(found, "a") == {"failed": True, "message": "no stock", "code": 7}


async def test_a_disabled_task_is_skipped(flows: Flows) -> None:
    found = await flows.ran({**values("a"), "disabled": True}, values("b"))
    assert statuses_of(found) == {"a": SKIPPED, "b": DONE}


async def test_a_failure_ends_the_execution_unless_its_task_says_otherwise(flows: Flows) -> None:
    bad = task("bad", "core.fail", properties={"message": "no stock"})
    found = await flows.ran(bad, values("after"))
    assert found["execution"]["status"] == "FAILED"
    assert "no stock" in found["execution"]["error"]
    seen = values("after", how="{{ steps.bad.status }}")
    found = await flows.ran({**bad, "continueOnError": True}, seen, name="goes-on")
    assert found["execution"]["status"] == DONE
    assert outputs_of(found, "after") == {"how": "FAILED"}


async def test_a_task_is_tried_again_as_its_policy_says(flows: Flows, service: Service) -> None:
    service.on("/t", reply(None, 503), reply(None, 503), reply({"ok": True}))
    retry = {"maxAttempts": 3, "delay": "10ms", "backoff": "linear", "retryOn": ["5xx"]}
    found = await flows.ran(calling(service, "t", retry=retry))
    assert found["execution"]["status"] == DONE, found
    assert len(service.calls("/t")) == 3
    assert tasks_of(found)["t"]["attempt"] == 3


async def test_no_try_is_made_that_would_begin_too_long_after_the_first(
    flows: Flows, service: Service
) -> None:
    service.on("/t", reply(None, 503))
    retry = {"maxAttempts": 1000, "delay": "150ms", "maxDuration": "400ms"}
    found = await flows.ran(calling(service, "t", retry=retry))
    assert found["execution"]["status"] == "FAILED", found
    assert 1 <= len(service.calls("/t")) <= 3
    assert tasks_of(found)["t"]["attempt"] == len(service.calls("/t"))
    (said,) = await flows.faults(text(task("a", retry={"maxAttempts": 2, "maxDuration": "soon"})))
    assert said.startswith("tasks[0].retry.maxDuration: a span of time is wanted")


# Waits, other flows.


async def test_a_sleep_may_be_as_long_as_a_template_says(flows: Flows) -> None:
    nap = task("nap", "core.sleep", properties={"duration": "{{ outputs.a.s }}ms"})
    found = await flows.ran(values("a", s=5), nap)
    assert statuses_of(found)["nap"] == DONE


async def test_a_flow_executes_another_and_gets_its_outputs(flows: Flows) -> None:
    child = values("give", n="{{ inputs.n + 1 }}")
    await flows.create(child, name="child", inputs={"n": {"type": "int"}})
    call = task("call", "core.subflow", properties={"flow": "child", "inputs": {"n": "{{ 41 }}"}})
    found = await flows.ran(call, values("after", all="{{ outputs.call.outputs }}"), name="parent")
    assert found["execution"]["status"] == DONE, found
    assert "42" in str(outputs_of(found, "after"))


async def test_a_gate_waits_for_a_yes_and_gives_what_came_with_it(flows: Flows) -> None:
    schema = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
    asks = {"message": "Pay {{ outputs.a.n }}?", "inputsSchema": schema, "timeout": "1h"}
    gate = task("gate", "core.gate", properties=asks)
    made = await flows.create(values("a", n=7), gate, values("paid", n="{{ outputs.gate }}"))
    id = await flows.execute(made["id"])
    await flows.until(id, "PAUSED")
    query = {"status": "PENDING"}
    (approval,) = (await flows.http.get("/api/v1/approvals", params=query)).json()
    assert (approval["taskName"], approval["message"]) == ("gate", "Pay 7?")
    path = f"/api/v1/approvals/{approval['id']}/approve"
    assert (await flows.http.post(path, json={"inputs": {"sum": "x"}})).status_code == 400
    assert (await flows.http.post(path, json={"inputs": {"sum": 7}})).status_code == 200
    found = await flows.end(id)
    assert found["execution"]["status"] == DONE, found
    assert "7" in str(outputs_of(found, "paid"))


async def test_a_value_of_the_store_is_in_reach(flows: Flows) -> None:
    namespace = flows.http.headers["X-Project-Id"]
    await flows.http.put(f"/api/v1/kv/{namespace}/rate", json={"value": 3})
    found = await flows.ran(values("a", rate="{{ kv('rate') }}"))
    assert outputs_of(found, "a") == {"rate": 3}


# Endings.


@pytest.mark.parametrize(
    ("work", "ran"),
    [(values("w"), {"good", "always"}), (task("w", "core.fail"), {"bad", "always"})],
)
async def test_epilogues_run_by_how_the_work_ended(flows: Flows, work: Any, ran: set[str]) -> None:
    found = await flows.ran(
        work,
        onError=[values("bad", how="{{ execution.status }}")],
        onSuccess=[values("good", how="{{ execution.status }}")],
        always=[values("always", how="{{ execution.status }}")],
    )
    ended = "SUCCESS" if "good" in ran else "FAILED"
    assert found["execution"]["status"] == ended
    assert found["execution"]["tasksTotal"] == 1
    done = {name for name, status in statuses_of(found).items() if status == DONE}
    assert done - {"w"} == ran
    assert outputs_of(found, "always") == {"how": ended}


async def test_a_flow_gives_the_outputs_that_it_says(flows: Flows) -> None:
    found = await flows.ran(values("a", n=2), outputs={"twice": "{{ outputs.a.n * 2 }}"})
    assert found["outputs"] == {"twice": 4}
    assert found["execution"]["tasksTotal"] == found["execution"]["tasksExecuted"] == 1
    assert list(tasks_of(found)) == ["a"]


async def test_a_limit_with_a_key_counts_the_executions_that_share_it(flows: Flows) -> None:
    nap = task("nap", "core.sleep", properties={"duration": "1h"})
    inputs = {"who": {"type": "string", "required": True}}
    limit = {"limit": 1, "key": "{{ inputs.who }}"}
    made = await flows.create(nap, concurrency=limit, inputs=inputs)
    ann, bob, next_ann = [
        await flows.execute(made["id"], {"who": who}) for who in ("ann", "bob", "ann")
    ]
    await flows.until(ann, "RUNNING")
    await flows.until(bob, "RUNNING")
    assert (await flows.get(next_ann))["execution"]["status"] == "QUEUED"
    await flows.http.post(f"/api/v1/executions/{ann}/cancel")
    await flows.until(next_ann, "RUNNING")
    path = f"/api/v1/flows/{made['id']}/execute"
    refused = await flows.http.post(path, json={"inputs": {"who": "a" * 257}})
    assert refused.status_code == 400
    assert refused.json()["details"] == ["concurrency.key: comes to more than 256 characters"]


async def test_a_limit_with_a_key_refuses_only_those_that_share_it(flows: Flows) -> None:
    nap = task("nap", "core.sleep", properties={"duration": "1h"})
    limit = {"limit": 1, "key": "{{ inputs.who }}", "behavior": "FAIL"}
    made = await flows.create(nap, concurrency=limit, inputs={"who": {"type": "string"}})
    path = f"/api/v1/flows/{made['id']}/execute"
    answers = [
        await flows.http.post(path, json={"inputs": {"who": who}}) for who in ("ann", "bob", "ann")
    ]
    assert [each.status_code for each in answers] == [202, 202, 409]


async def test_a_limit_with_a_key_holds_too_where_the_flow_is_run_by_its_name(
    flows: Flows,
) -> None:
    nap = task("nap", "core.sleep", properties={"duration": "1h"})
    limit = {"limit": 1, "key": "{{ inputs.who }}", "behavior": "FAIL"}
    await flows.create(nap, name="named", concurrency=limit, inputs={"who": {"type": "string"}})
    answers = [
        await flows.http.post("/api/v1/run/named", json={"inputs": {"who": who}})
        for who in ("ann", "bob", "ann")
    ]
    assert [each.status_code for each in answers] == [202, 202, 429]
    bad = await flows.http.post("/api/v1/run/named", json={"inputs": {"who": "a" * 257}})
    assert bad.status_code == 400


async def test_executions_that_one_of_the_same_flow_has_started_count_for_no_limit(
    flows: Flows,
) -> None:
    again = task("again", "core.subflow", properties={"flow": "self", "inputs": {"n": 0}})
    again |= {"when": "inputs.n > 0"}
    nap = task("nap", "core.sleep", properties={"duration": "1h"}, when="inputs.n == 0")
    limit = {"limit": 2, "behavior": "FAIL"}
    made = await flows.create(
        again, nap, name="self", concurrency=limit, inputs={"n": {"type": "int"}}
    )
    first = await flows.execute(made["id"], {"n": 1})
    async with asyncio.timeout(PATIENCE_S):
        while len((await flows.http.get("/api/v1/executions")).json()["executions"]) < 2:
            assert (await flows.get(first))["execution"]["status"] != "FAILED"
    await flows.execute(made["id"], {"n": 0})
    refused = await flows.http.post(
        f"/api/v1/flows/{made['id']}/execute", json={"inputs": {"n": 0}}
    )
    assert refused.status_code == 409


async def test_one_more_than_the_limit_is_made_and_ends_cancelled_where_the_flow_says_so(
    flows: Flows,
) -> None:
    nap = task("nap", "core.sleep", properties={"duration": "1h"})
    made = await flows.create(nap, concurrency={"limit": 1, "behavior": "CANCEL"})
    await flows.until(await flows.execute(made["id"]), "RUNNING")
    found = await flows.end(await flows.execute(made["id"]))
    assert found["execution"]["status"] == "CANCELLED"
    assert found["execution"]["error"] == "at most 1 run of f goes on at once"


async def test_a_flow_at_its_limit_refuses_one_more_or_keeps_it_waiting(flows: Flows) -> None:
    nap = task("nap", "core.sleep", properties={"duration": "1h"})
    made = await flows.create(nap, concurrency={"limit": 1, "behavior": "FAIL"})
    await flows.execute(made["id"])
    path = f"/api/v1/flows/{made['id']}/execute"
    refused = await flows.http.post(path)
    assert refused.status_code == 409
    assert refused.json()["error"] == "cannot execute the flow: 1 execution goes on already"
    queued = await flows.create(nap, name="queued", concurrency={"limit": 1})
    first, second = [await flows.execute(queued["id"]) for _ in range(2)]
    await flows.until(first, "RUNNING")
    assert (await flows.get(second))["execution"]["status"] == "QUEUED"
    await flows.http.post(f"/api/v1/executions/{first}/cancel")
    await flows.until(second, "RUNNING")


async def test_a_flow_that_is_not_waited_for_goes_on_alone(flows: Flows) -> None:
    nap = task("nap", "core.sleep", properties={"duration": "1h"})
    await flows.create(nap, name="child", inputs={"n": {"type": "int"}})
    asked = {"flow": "child", "inputs": {"n": 1}, "wait": False}
    call = task("call", "core.subflow", properties=asked)
    found = await flows.ran(call, values("after", id="{{ outputs.call.executionId }}"))
    assert found["execution"]["status"] == DONE, found
    told = outputs_of(found, "call")
    assert told == {"executionId": told["executionId"], "status": "QUEUED", "outputs": {}}
    child = await flows.until(told["executionId"], "RUNNING")
    assert (child["parent"], child["inputs"]) == (found["id"], {"n": 1})
    await flows.http.post(f"/api/v1/executions/{child['id']}/cancel")
    await flows.until(child["id"], "CANCELLED")
    assert (await flows.get(found["id"]))["execution"]["status"] == DONE


async def test_each_item_lets_a_flow_of_its_own_go(flows: Flows) -> None:
    await flows.create(values("give", n="{{ inputs.n }}"), name="child", inputs={"n": {}})
    asked = {"flow": "child", "inputs": {"n": "{{ item }}"}, "wait": False}
    call = task("call", "core.subflow", properties=asked, forEach=[1, 2])
    found = await flows.ran(call)
    ids = [each["executionId"] for each in outputs_of(found, "call")["results"]]
    assert len(set(ids)) == 2
    given = [outputs_of(await flows.end(id), "give")["n"] for id in ids]
    assert given == [1, 2]


async def test_a_task_that_transmits_no_failure_tells_of_it_and_succeeds(flows: Flows) -> None:
    await flows.create(
        values("a", n=1), task("b", "core.fail", properties={"message": "no"}), name="child"
    )
    asked = {"flow": "child", "transmitFailed": False}
    call = task("call", "core.subflow", properties=asked)
    found = await flows.ran(call, values("after", how="{{ outputs.call.status }}"))
    assert found["execution"]["status"] == DONE, found
    told = outputs_of(found, "call")
    assert (told["status"], told["outputs"]) == ("FAILED", {"a": {"n": 1}})
    assert outputs_of(found, "after") == {"how": "FAILED"}
    missing = task("call", "core.subflow", properties={"flow": "none", "transmitFailed": False})
    assert (await flows.ran(missing, name="g"))["execution"]["status"] == "FAILED"
