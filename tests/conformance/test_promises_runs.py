"""What the runs dialect promises beside its page, each as a stranger would ask for it."""

from typing import Any

import httpx
import pytest
from tests.conformance.flows import Flows, outputs_of, task, values
from tests.conformance.native import Native, step
from tests.conformance.runs import Runs, saying, workflow

from mainspring.testing.sagas import graph, sleep

Json = dict[str, Any]


@pytest.fixture
def runs(http: httpx.AsyncClient) -> Runs:
    return Runs(http)


@pytest.fixture
async def all_four(runs: Runs) -> Runs:
    """A definition of each dialect: `of-runs` and `of-flows` take an input, the others anything."""
    inputs = "{n: {type: number, required: true}}"
    await runs.apply(
        workflow(saying("a", "{{ inputs.n }}"), name="of-runs", inputs=inputs), "of-runs"
    )
    await Flows(runs.http).create(
        values("a", n="{{ inputs.n }}"),
        name="of-flows",
        inputs={"n": {"type": "number", "required": True}},
        outputs={"said": "{{ outputs.a.n }}"},
    )
    await Native(runs.http).create(step("a", "sleep", sleep_duration_secs=0.01), slug="of-native")
    made = await runs.http.post("/sagas/definitions", json=graph(sleep("a", 10), name="of-sagas"))
    assert made.status_code == 201, made.text
    return runs


NAMES = ("of-runs", "of-flows", "of-native", "of-sagas")


async def test_only_what_has_failed_is_done_again_by_a_retry(runs: Runs) -> None:
    done = await runs.ran(saying("a", "done"))
    answer = await runs.http.post(f"/api/v1/retry/{done['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "completed" in answer.json()["error"]
    going = await runs.start("{name: a, action: core.sleep, params: {duration: 1h}}", name="nap")
    answer = await runs.http.post(f"/api/v1/retry/{going}")
    assert answer.status_code == 409
    failed = await runs.ran("{name: a, action: core.fail}", name="bad")
    answer = await runs.http.post(f"/api/v1/retry/{failed['id']}", json={"from_step": "nope"})
    assert 400 <= answer.status_code < 500
    assert "nope" in answer.text


@pytest.mark.parametrize("name", NAMES)
async def test_whatever_dialect_stored_it_a_definition_is_run_by_its_name_from_both_sides(
    all_four: Runs, name: str
) -> None:
    http = all_four.http
    given = {"n": 3}
    ways = (
        (f"/api/v1/run/{name}", {"inputs": given}, "execution_id"),
        (f"/v1/workflows/{name}/trigger", {"payload": given}, "id"),
    )
    for path, body, key in ways:
        answer = await http.post(path, json=body)
        assert answer.status_code == 202, answer.text
        found = await all_four.end(answer.json()[key])
        assert (found["status"], found["inputs"]) == ("completed", given), found


@pytest.mark.parametrize("name", ["of-runs", "of-flows"])
async def test_inputs_that_do_not_fit_are_refused_on_both_sides_with_all_faults(
    all_four: Runs, name: str
) -> None:
    faults = {"inputs.k: there is no such input", "inputs.n: is required"}
    answer = await all_four.http.post(f"/api/v1/run/{name}", json={"inputs": {"k": 1}})
    assert (answer.status_code, set(answer.json()["details"])) == (400, faults)
    body = {"payload": {"k": 1}}
    answer = await all_four.http.post(f"/v1/workflows/{name}/trigger", json=body)
    assert (answer.status_code, set(answer.json()["error"]["details"])) == (400, faults)


async def test_a_child_may_be_of_any_dialect_and_gives_what_it_says_and_no_more(
    all_four: Runs,
) -> None:
    """A flow says its outputs; of the others they are those of the steps, under their names."""
    kids = [
        f"{{name: k{i}, action: workflow/run, params: {{workflow: {name}, inputs: {{n: 3}}}}}}"
        for i, name in enumerate(NAMES)
    ]
    found = await all_four.ran(*kids, name="parent")
    assert found["status"] == "completed", found
    given = [found["steps"][f"k{i}"]["output"]["steps"] for i in range(4)]
    assert given[:2] == [{"a": {"message": 3}}, {"said": 3}]
    assert [set(each) for each in given[2:]] == [{"a"}, {"a"}]


async def test_a_flow_runs_definitions_of_any_dialect_and_gets_their_outputs(
    all_four: Runs,
) -> None:
    tasks = [
        task(f"k{i}", "core.subflow", properties={"flow": name, "inputs": {"n": 3}})
        for i, name in enumerate(NAMES)
    ]
    found = await Flows(all_four.http).ran(*tasks, name="parent-flow")
    assert found["execution"]["status"] == "SUCCESS", found
    given = [outputs_of(found, f"k{i}")["outputs"] for i in range(4)]
    assert given[:2] == [{"a": {"message": 3}}, {"said": 3}]
    assert [set(each) for each in given[2:]] == [{"a"}, {"a"}]


async def test_a_native_workflow_runs_definitions_of_any_dialect(all_four: Runs) -> None:
    native = Native(all_four.http)
    kids = [
        step(f"k{i}", "sub_workflow", sub_workflow_id=name, payload={"n": 3})
        for i, name in enumerate(NAMES)
    ]
    run = await native.ran(*kids, slug="parent-native")
    assert run["status"] == "completed", run
    steps = await native.steps(run["id"])
    assert steps["k1"]["output"] == {"said": 3}
