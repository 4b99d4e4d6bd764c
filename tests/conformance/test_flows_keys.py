"""The keys of flows and of their tasks, and the names of templates: each does what it says."""

from typing import Any

import httpx
import msgspec
import pytest
from tests.conformance.client import Service, reply
from tests.conformance.flows import Flows, outputs_of, statuses_of, task, tasks_of, text, values

DONE, SKIPPED = "SUCCESS", "SKIPPED"


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)


# Keys of a flow.


async def test_the_environment_of_a_flow_is_apart_from_its_variables(flows: Flows) -> None:
    seen = values("seen", env="{{ env.REGION }}-{{ env.N }}", vars="{{ vars.REGION }}")
    found = await flows.ran(seen, env={"REGION": "eu", "N": 3}, variables={"REGION": ["us"]})
    assert outputs_of(found, "seen") == {"env": "eu-3", "vars": ["us"]}


async def test_a_name_that_the_environment_does_not_have_fails_its_task(flows: Flows) -> None:
    found = await flows.ran(values("seen", x="{{ env.NOBODY_SETS_THIS }}"))
    assert found["execution"]["status"] == "FAILED"
    assert "NOBODY_SETS_THIS" in found["execution"]["error"]
    found = await flows.ran(values("seen", x="{{ env.NONE | default('x') }}"), name="g")
    assert outputs_of(found, "seen") == {"x": "x"}


async def test_an_environment_is_text_by_names_and_no_template(flows: Flows) -> None:
    told = await flows.faults(text(values("a"), env={"a-b": "x", "C": "{{ inputs.x }}"}))
    assert told == [
        "env.a-b: must be letters, digits and _ and not begin with a digit",
        "env.C: is no template here: variables are values",
    ]
    (said,) = await flows.faults(text(values("a"), env={"D": []}))
    assert said.startswith("env.D: ")


@pytest.mark.parametrize("key", ["variables", "vars"])
async def test_variables_have_two_spellings(flows: Flows, key: str) -> None:
    more: Any = {key: {"x": {"y": [1]}}}
    found = await flows.ran(values("seen", x="{{ vars.x.y }}"), **more)
    assert outputs_of(found, "seen") == {"x": [1]}


async def test_labels_find_the_flow_and_go_with_its_executions(flows: Flows) -> None:
    labels = {"team": "shop", "tier": 1}
    found = await flows.ran(values("seen", of="{{ execution.tags }}"), labels=labels)
    assert outputs_of(found, "seen") == {"of": {"team": "shop", "tier": "1"}}
    for asked, count in (("team=shop,tier=1", 1), ("team=other", 0)):
        listed = await flows.http.get("/api/v1/flows", params={"labels": asked})
        assert len(listed.json()) == count


async def test_what_a_flow_is_for_stands_in_its_text(flows: Flows) -> None:
    made = await flows.create(task("a", description="says a"), description="says hello")
    assert made["description"] == "says hello"


async def test_a_flow_that_is_disabled_in_its_text_is_not_executed(flows: Flows) -> None:
    made = await flows.create(values("a"), disabled=True)
    refused = await flows.http.post(f"/api/v1/flows/{made['id']}/execute")
    assert refused.status_code == 409
    assert "disabled" in refused.json()["error"]


async def test_what_comes_after_success_comes_after_success_alone(flows: Flows) -> None:
    after = [values("after", how="{{ execution.status }}", a="{{ outputs.a.n }}")]
    found = await flows.ran(values("a", n=1), onSuccess=after)
    assert outputs_of(found, "after") == {"how": DONE, "a": 1}
    bad = task("a", "core.fail", properties={"message": "no"})
    found = await flows.ran(bad, name="bad", onSuccess=[values("after")])
    assert found["execution"]["status"] == "FAILED"
    assert statuses_of(found)["after"] != DONE


async def test_the_outputs_of_a_flow_are_templates_over_all_tasks(flows: Flows) -> None:
    outputs = {"all": "{{ outputs }}", "n": "{{ outputs.a.n }}", "v": "{{ vars.v }}"}
    found = await flows.ran(values("a", n=2), outputs=outputs, vars={"v": None})
    assert found["outputs"] == {"all": {"a": {"n": 2}}, "n": 2, "v": None}


# Keys of a task.


@pytest.mark.parametrize("key", ["when", "condition", "if", "runIf"])
async def test_a_condition_has_four_spellings(flows: Flows, key: str) -> None:
    found = await flows.ran(values("a", n=1), {**values("b"), key: "{{ outputs.a.n > 1 }}"})
    assert statuses_of(found) == {"a": DONE, "b": SKIPPED}


@pytest.mark.parametrize("key", ["continueOnError", "allowFailure"])
async def test_a_failure_that_is_allowed_has_two_spellings(flows: Flows, key: str) -> None:
    bad = task("bad", "core.fail", properties={"message": "no"}, **{key: True})
    found = await flows.ran(bad, values("after"))
    assert found["execution"]["status"] == DONE


async def test_a_disabled_task_gives_nothing_and_holds_nobody_up(flows: Flows) -> None:
    off = task("off", "core.fail", properties={"message": "no"}, disabled=True, description="off")
    found = await flows.ran(off, values("after", how="{{ steps.off.status }}"))
    assert found["execution"]["status"] == DONE
    assert outputs_of(found, "after") == {"how": SKIPPED}


# Names of templates.


async def test_an_execution_tells_its_id_its_beginning_and_which_attempt_it_is(
    flows: Flows, service: Service
) -> None:
    service.on("/t", reply(None, 500), reply({"ok": True}))
    told = {"id": "{{ execution.id }}", "at": "{{ execution.startedAt }}"}
    seen = values("seen", **told, attempt="{{ execution.attempt }}")
    call = task("t", "http.request", properties={"url": f"{service.url}/t"})
    found = await flows.ran(seen, call)
    first = outputs_of(found, "seen")
    assert first == {"id": found["id"], "at": found["execution"]["startedAt"], "attempt": 1}
    again = await flows.http.post(f"/api/v1/executions/{found['id']}/retry")
    found = await flows.end(again.json()["executionId"])
    assert found["execution"]["status"] == DONE
    assert outputs_of(found, "seen")["attempt"] == 2


async def test_a_task_tells_its_name_its_type_and_which_try_it_is(
    flows: Flows, service: Service
) -> None:
    service.on("/t", reply(None, 503), reply({"ok": True}))
    told = "{{ task.name }}/{{ task.type }}/{{ task.attempt }}/{{ taskrun.attempt }}"
    body = {"told": told, "id": "{{ taskrun.id }}"}
    asked = {"url": f"{service.url}/t", "method": "POST", "json": body}
    retry = {"maxAttempts": 2, "delay": "1ms"}
    found = await flows.ran(task("call", "http.request", properties=asked, retry=retry))
    assert found["execution"]["status"] == DONE, found
    first, second = [msgspec.json.decode(each.body) for each in service.calls("/t")]
    assert [first["told"], second["told"]] == [f"call/http.request/{n}/{n}" for n in ("1", "2")]
    assert first["id"] == second["id"]
    each = values("each", told="{{ task.name }}:{{ task.step }}:{{ index }}:{{ item }}")
    found = await flows.ran({**each, "forEach": ["x"]}, name="loop")
    assert outputs_of(found, "each")["results"] == [{"told": "each:each[0].each:0:x"}]


async def test_a_webhook_brings_its_body_headers_query_and_method(flows: Flows) -> None:
    key = f"roots-{flows.http.headers['X-Project-Id']}"
    seen = values(
        "seen",
        body="{{ trigger.body }}",
        header='{{ trigger.headers["x-shop"] }}',
        query="{{ trigger.query.tier }}",
        method="{{ trigger.method }}",
    )
    await flows.create(seen, triggers=[{"type": "webhook", "key": key}])
    answer = await flows.http.post(
        f"/api/v1/webhook/{key}?tier=gold", json={"id": [1]}, headers={"X-Shop": "eu"}
    )
    found = await flows.end(answer.json()["executionId"])
    wanted: Any = {"body": {"id": [1]}, "header": "eu", "query": "gold", "method": "POST"}
    assert outputs_of(found, "seen") == wanted


async def test_a_flow_tells_who_it_is(flows: Flows) -> None:
    made = await flows.create(values("a"), name="who")
    seen = values("seen", of="{{ flow }}")
    await flows.put(made["id"], text(seen, name="who"))
    found = await flows.end(await flows.execute(made["id"]))
    wanted = {"id": made["id"], "name": "who", "namespace": made["namespace"], "revision": 2}
    assert outputs_of(found, "seen") == {"of": wanted}
    assert list(tasks_of(found)) == ["seen"]


async def test_an_object_is_looped_over_with_its_keys(flows: Flows) -> None:
    each = values("each", told="{{ key }}={{ item.value }}@{{ index }}")
    found = await flows.ran({**each, "forEach": {"items": {"a": 1, "b": 2}}})
    results = outputs_of(found, "each")["results"]
    assert [one["told"] for one in results] == ["a=1@0", "b=2@1"]


async def test_a_value_of_the_store_keeps_its_type(flows: Flows) -> None:
    namespace = flows.http.headers["X-Project-Id"]
    await flows.http.put(f"/api/v1/kv/{namespace}/limits", json={"value": {"a": [1]}})
    found = await flows.ran(values("seen", x='{{ kv("limits").a }}'))
    assert outputs_of(found, "seen") == {"x": [1]}


# What is kept for equal tasks.


async def test_a_task_equal_to_one_that_succeeded_is_not_done_again(
    flows: Flows, service: Service
) -> None:
    service.on("/t", reply({"n": 1}), reply({"n": 2}))
    asked = {"url": f"{service.url}/t", "query": {"who": "{{ inputs.who }}"}}
    call = task("call", "http.request", properties=asked, cache="10m")
    made = await flows.create(call, inputs={"who": {"type": "string"}})
    told: list[Any] = []
    for who in ("ann", "ann", "bob"):
        found = await flows.end(await flows.execute(made["id"], {"who": who}))
        assert found["execution"]["status"] == DONE, found
        told.append((outputs_of(found, "call")["body"], tasks_of(found)["call"].get("cached")))
    assert told == [({"n": 1}, None), ({"n": 1}, True), ({"n": 2}, None)]


async def test_a_key_says_which_tasks_are_equal_and_a_time_how_long(
    flows: Flows, service: Service
) -> None:
    service.on("/t", *[reply({"n": n}) for n in range(1, 9)])
    asked = {"url": f"{service.url}/t", "query": {"at": "{{ execution.id }}"}}
    for name, cache, counts in (
        ("keyed", {"key": "{{ flow.name }}", "ttl": "1h"}, [1, 1]),
        ("short", {"key": "{{ flow.name }}", "ttl": "1ms"}, [2, 3]),
        ("never", False, [4, 5]),
    ):
        call = task("call", "http.request", properties=asked, cache=cache)
        made = await flows.create(call, name=name)
        for count in counts:
            found = await flows.end(await flows.execute(made["id"]))
            assert outputs_of(found, "call")["body"] == {"n": count}, name


async def test_a_cache_that_is_none_is_a_fault(flows: Flows) -> None:
    nap = task("nap", "core.sleep", properties={"duration": 1}, cache=True)
    told = await flows.faults(
        text(
            nap,
            task("a", cache="soon"),
            task("b", cache={"ttl": "1m", "key": "{{ outputs.c }}"}),
            task("c", cache=[1]),
            task("d", cache={"tll": "1m"}),
        )
    )
    assert [each.partition(": ")[0] for each in told] == [
        "tasks[0].cache",
        "tasks[1].cache",
        "tasks[2].cache.key",
        "tasks[3].cache",
        "tasks[4].cache.tll",
    ]


async def test_what_is_kept_is_a_value_that_can_be_taken_away(
    flows: Flows, service: Service
) -> None:
    service.on("/t", reply({"n": 1}), reply({"n": 2}))
    call = task("call", "http.request", properties={"url": f"{service.url}/t"}, cache=True)
    made = await flows.create(call)
    await flows.end(await flows.execute(made["id"]))
    values = f"/api/v1/kv/{flows.http.headers['X-Project-Id']}"
    (key,) = (await flows.http.get(values, params={"prefix": "$cache:"})).json()
    name = key if isinstance(key, str) else key["key"]
    assert (await flows.http.delete(f"{values}/{name}")).status_code == 204
    found = await flows.end(await flows.execute(made["id"]))
    assert outputs_of(found, "call")["body"] == {"n": 2}
