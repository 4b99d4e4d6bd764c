"""What the flows dialect promises beside its page, each as a stranger would ask for it."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.conformance.client import Service, reply
from tests.conformance.flows import FLOWS, Flows, outputs_of, task, tasks_of, text, values

from mainspring.testing.patience import moment
from mainspring.testing.player import Player
from mainspring.testing.stack import Platform
from mainspring_api.dialects.flows.definitions.compile import compile_flow, read_text

LONGEST_S = 1.0
Json = dict[str, Any]


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)


# An id is enough, wherever it was made.


async def test_who_follows_the_page_needs_to_name_a_namespace_only_once(
    stack: Platform, flows: Flows
) -> None:
    """The page makes a flow in a namespace, and names none in any request about it."""
    namespace = flows.http.headers["X-Project-Id"]
    gated = await flows.create(task("gate", "core.gate"), name="gated")
    async with httpx.AsyncClient(base_url=stack.api, timeout=30) as bare:
        told: Json = {"flowId": gated["id"], "type": "webhook", "config": {}}
        made = await bare.post("/api/v1/triggers", json=told)
        assert made.status_code == 201, made.text
        assert made.json()["namespace"] == namespace
        path = f"/api/v1/triggers/{made.json()['id']}"
        assert (await bare.get(path)).json() == made.json()
        assert (await bare.get(f"/api/v1/triggers?flowId={gated['id']}")).json() == [made.json()]
        fired = (await bare.post(made.json()["url"], json={"customerId": 42})).json()
        id = fired["executionId"]
        await Flows(bare).until(id, "PAUSED")
        listed = (await bare.get(f"/api/v1/executions?flowId={gated['id']}")).json()["executions"]
        assert [each["id"] for each in listed] == [id]
        query = {"executionId": id, "status": "PENDING"}
        (approval,) = (await bare.get("/api/v1/approvals", params=query)).json()
        answer = await bare.post(f"/api/v1/approvals/{approval['id']}/approve")
        assert answer.status_code == 200, answer.text
        assert (await Flows(bare).end(id))["execution"]["status"] == "SUCCESS"
        assert (await bare.put(path, json={"enabled": False})).json()["enabled"] is False
        assert (await bare.post(f"{path}/resume")).json()["enabled"] is True
        assert (await bare.get(f"{path}?namespace=stranger")).status_code == 404
        assert (await bare.get(path, headers={"X-Project-Id": "stranger"})).status_code == 404
        assert (await bare.delete(path)).status_code == 204


async def test_executions_of_a_flow_are_listed_by_its_id_also_when_it_is_deleted(
    flows: Flows,
) -> None:
    made = await flows.create(task("a"))
    ended = await flows.end(await flows.execute(made["id"]))
    for _ in range(2):
        listed = (await flows.http.get(f"/api/v1/executions?flowId={made['id']}")).json()
        assert [each["id"] for each in listed["executions"]] == [ended["id"]]
        assert (await flows.http.delete(f"{FLOWS}/{made['id']}")).status_code in (204, 404)
    for query in (f"flowId={made['id']}&workflow=g", f"flowId={ended['id']}", "flowId=x"):
        listed = (await flows.http.get(f"/api/v1/executions?{query}")).json()
        assert listed["executions"] == [], query
    other = {"X-Project-Id": "stranger"}
    listed = await flows.http.get(f"/api/v1/executions?flowId={made['id']}", headers=other)
    assert listed.json()["executions"] == []


# Sizes, retry, metrics.


async def test_inputs_of_a_flow_may_be_as_large_as_a_payload_and_no_larger(flows: Flows) -> None:
    measure = values("a", n="{{ inputs.s | length }}")
    made = await flows.create(measure, inputs={"s": {"type": "string"}})
    ended = await flows.end(await flows.execute(made["id"], {"s": "x" * (2 << 20)}))
    assert outputs_of(ended, "a") == {"n": 2 << 20}
    path = f"{FLOWS}/{made['id']}/execute"
    for size in (4 << 20, 5 << 20):
        answer = await flows.http.post(path, json={"inputs": {"s": "x" * size}})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_failed_execution_of_a_flow_runs_again_and_keeps_what_had_succeeded(
    flows: Flows, service: Service
) -> None:
    service.on("/b", reply(status=500), reply({"ok": 1}))
    first = task("a", "http.request", properties={"url": f"{service.url}/a"})
    second = task("b", "http.request", properties={"url": f"{service.url}/b"})
    failed = await flows.ran(first, second)
    assert failed["execution"]["status"] == "FAILED"
    path = f"/api/v1/executions/{failed['execution']['id']}/retry?fromFailed=true"
    again = await flows.http.post(path)
    assert again.status_code == 202, again.text
    ended = await flows.end(again.json()["executionId"])
    assert ended["execution"]["status"] == "SUCCESS"
    assert (len(service.calls("/a")), len(service.calls("/b"))) == (1, 2)


async def test_metrics_are_in_the_format_of_prometheus(http: httpx.AsyncClient) -> None:
    answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {name for name in families if name.startswith("mainspring_")}


# A task carries what it names.


def test_the_task_of_a_flow_carries_what_it_names_and_nothing_else() -> None:
    yaml = text(
        values("a", big="x" * 1000, small=1),
        values("b", n="{{ outputs.a.small }} of {{ inputs.who }}"),
        name="f",
        inputs={"who": {"type": "string"}, "secret": {"type": "string"}},
    )
    definition = compile_flow(read_text(yaml), None, "default", {}).definition
    player = Player(definition, payload={"inputs": {"who": "me", "secret": "s3cret"}})
    player.advance()
    (first,) = player.in_flight()
    assert not first.values
    player.works(first.call, {"big": "x" * 1000, "small": 1})
    player.advance()
    (second,) = player.in_flight()
    assert second.values == {
        "inputs": {"who": "me"},
        "outputs": {"a": {"small": 1}},
    }


# Hostile texts harm nobody.

JINJA = (
    "{{ 'a' * 10**9 }}",
    "{{ range(10**9) | list }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
    "{{ 9**9**9 }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "1+" * 50_000 + "1 }}",
    "{{ 'x'|replace('x','xx'*100000)|replace('x','xx'*100000) }}",
    "{{ ('a'*100000)|matches('(a+)+b') }}{{ 1/0 }}",
    "{{ 'a'|center(999999999) }}",
)
CEL = (
    "{{ " + "[" * 5000 + "]" * 5000 + " }}",
    "{{ " + "1+" * 50_000 + "1 }}",
    "{{ [1,2,3,4,5,6,7,8,9]" + ".map(x,[x,x,x,x,x,x,x,x,x])" * 20 + " }}",
    "{{ ('a'+'a')" + ".replace('a','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')" * 10 + " }}",
    "{{ 9223372036854775807+1 }}",
)
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
)
TEXTS = (BOMB, "name: " + "[" * 20_000, "- " * 50_000, "a: " + "9" * 300_000, "a: &a [*a]\n")


async def test_hostile_texts_and_templates_end_in_errors_while_others_are_served(
    flows: Flows,
) -> None:
    """All the while a normal flow succeeds, and no probe of the service takes a second."""
    watched = asyncio.create_task(_watch(flows))
    for number, template in enumerate(JINJA):
        said = text(task("a", properties={"message": template}), name=f"h{number}")
        answer = await _quick(flows.http, "POST", FLOWS, json={"yamlContent": said})
        if answer.status_code == 201:
            ended = await flows.end(await flows.execute(answer.json()["id"]))
            assert ended["execution"]["status"] == "FAILED", template[:60]
            assert ended["execution"]["error"]
        else:
            assert answer.status_code == 400, template[:60]
    for number, template in enumerate(CEL):
        step = {"name": "a", "action": "util.log", "params": {"message": template}}
        path = f"/api/v1/workflows/c{number}"
        body = {"name": f"c{number}", "steps": [step]}
        answer = await _quick(flows.http, "PUT", path, json={"content": _yaml(body)})
        if answer.status_code == 201:
            begun = await flows.http.post(f"/api/v1/run/c{number}")
            ended = await flows.end(begun.json()["execution_id"])
            assert ended["execution"]["status"] == "FAILED", template[:60]
        else:
            assert answer.status_code == 400, template[:60]
    for bad in TEXTS:
        for path in (f"{FLOWS}/validate", "/api/v1/workflows/validate"):
            headers = {"Content-Type": "application/yaml"}
            answer = await _quick(flows.http, "POST", path, content=bad, headers=headers)
            assert answer.json()["valid"] is False
    watched.cancel()
    slowest, served = await watched
    assert served
    assert slowest < LONGEST_S


def _yaml(value: Json) -> str:
    return httpx.Request("POST", "http://x", json=value).content.decode()


async def _quick(http: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:
    began = time.monotonic()
    answer = await http.request(method, path, **more)
    assert answer.status_code < 500
    # The machine of the test is shared: the service's own bound is a second of work.
    assert time.monotonic() - began < 5 * LONGEST_S
    return answer


async def _watch(flows: Flows) -> tuple[float, int]:
    """Run normal flows and ask for the probe until canceled; return the slowest, and how many."""
    made = await flows.create(values("fine", n="{{ 1 + 1 }}"), name="fine")
    slowest, served = 0.0, 0
    try:
        while True:
            began = time.monotonic()
            assert (await flows.http.get("/healthz")).status_code == 200
            slowest = max(slowest, time.monotonic() - began)
            ended = await flows.end(await flows.execute(made["id"]))
            assert outputs_of(ended, "fine") == {"n": 2}
            served += 1
            await moment()
    except asyncio.CancelledError:
        return slowest, served


# Words.


async def test_tasks_of_a_flow_are_told_with_the_words_of_the_page(flows: Flows) -> None:
    found = await flows.ran(task("a"), task("b", when="{{ false }}"), task("c"))
    assert {name: each["taskType"] for name, each in tasks_of(found).items()} == dict.fromkeys(
        "abc", "util.log"
    )
    assert [each["status"] for each in found["tasks"]] == ["SUCCESS", "SKIPPED", "SUCCESS"]
    assert found["execution"]["tasksExecuted"] == found["execution"]["tasksTotal"] == 3
