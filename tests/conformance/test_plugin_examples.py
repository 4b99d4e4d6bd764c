"""The examples of manifests, by the front door: what each says is what comes out.

Those that call a peer or a container engine are held by their unit tests, with what they find
around them.  An example is written into the flow where the engine does the task or runs others
inside of it; else it comes as an input, for what looks like a template in it is the plugin's own.
"""

from collections.abc import Mapping
from typing import Any, Final

import httpx
import pytest
from tests.conformance.flows import Flows, outputs_of, task, tasks_of, values

from mainspring.testing.plugin_calls import REGISTRY

Json = dict[str, Any]
ELSEWHERE: Final = frozenset({"http.request", "container.run"})
ATTENDED: Final = frozenset({"core.gate", "core.subflow"})
HOLDERS: Final = frozenset({"core.if", "core.switch", "core.forEach", "core.parallel"})
IDS: Final = [id for id in REGISTRY.ids if "." in id and id not in ELSEWHERE | ATTENDED]


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)


def examples(id: str) -> tuple[Mapping[str, Any], ...]:
    found = REGISTRY.get(id)
    assert found is not None
    return found.manifest.examples


def is_written_out(id: str) -> bool:
    found = REGISTRY.get(id)
    assert found is not None
    return found.manifest.is_control or id in HOLDERS


def without(names: set[str], output: Json) -> Json:
    return {name: each for name, each in output.items() if name not in names}


@pytest.mark.parametrize("id", IDS)
async def test_what_an_example_says_is_what_comes_out(flows: Flows, id: str) -> None:
    told = examples(id)
    inputs = {f"e{n}": each["input"] for n, each in enumerate(told)}
    tasks = [
        task(f"t{n}", id, properties=each["input"] if is_written_out(id) else passed(n, each))
        for n, each in enumerate(told)
    ]
    made = await flows.create(*tasks, inputs={name: {"type": "any"} for name in inputs})
    ended = await flows.end(await flows.execute(made["id"], inputs))
    assert ended["execution"]["status"] == "SUCCESS", tasks_of(ended)
    for n, each in enumerate(told):
        varies = set(each.get("varies", ()))
        output = outputs_of(ended, f"t{n}")
        assert without(varies, output) == without(varies, each["output"]), f"t{n}"
        assert set(output) == set(each["output"]), f"t{n}"


def passed(number: int, example: Mapping[str, Any]) -> Json:
    """Return properties that take an example's from the flow's inputs."""
    return {name: f'{{{{ inputs.e{number}["{name}"] }}}}' for name in example["input"]}


async def test_the_example_of_a_gate_is_what_a_yes_gives(flows: Flows) -> None:
    (told,) = examples("core.gate")
    made = await flows.create(task("gate", "core.gate", properties=told["input"]))
    id = await flows.execute(made["id"])
    await flows.until(id, "PAUSED")
    (approval,) = (await flows.http.get("/api/v1/approvals")).json()
    said = {"comment": told["output"]["comment"]}
    who = {"X-Actor-Id": told["output"]["decidedBy"]}
    path = f"/api/v1/approvals/{approval['id']}/approve"
    assert (await flows.http.post(path, json=said, headers=who)).status_code == 200
    output = outputs_of(await flows.end(id), "gate")
    assert {name: output[name] for name in told["output"]} == told["output"]


async def test_the_example_of_a_subflow_is_what_the_other_flow_gives(flows: Flows) -> None:
    (told,) = examples("core.subflow")
    namespace, _, name = told["input"]["flow"].partition("/")
    flows.http.headers["X-Project-Id"] = namespace
    gives = told["output"]["outputs"]
    declared = {key: {"type": "any"} for key in told["input"]["inputs"]}
    inner = [values(ref, **output) for ref, output in gives.items()]
    await flows.create(*inner, name=name, inputs=declared)
    outer = task("outer", "core.subflow", properties=told["input"])
    output = outputs_of(await flows.ran(outer, name="outer"), "outer")
    assert without({"executionId"}, output) == without({"executionId"}, told["output"])
