"""Loops of flows: a task, or several, done once for each item, in view of their item."""

from typing import Any

import httpx
import pytest
from tests.conformance.flows import Flows, outputs_of, task, values


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)


async def _ran(flows: Flows, tasks: list[Any], declared: Any, given: Any) -> Any:
    made = await flows.create(*tasks, inputs=declared)
    return await flows.end(await flows.execute(made["id"], given))


async def test_a_task_is_done_for_each_item(flows: Flows) -> None:
    each = task(
        "say", forEach="{{ inputs.names }}", properties={"message": "{{ index }}:{{ item }}"}
    )
    found = await _ran(flows, [each], {"names": {"type": "list"}}, {"names": ["a", "b"]})
    assert found["execution"]["tasksTotal"] == 1
    results = outputs_of(found, "say")
    assert results["count"] == 2
    assert "0:a" in str(results["results"][0])
    assert "1:b" in str(results["results"][1])


async def test_the_condition_of_a_loop_may_look_at_its_item(flows: Flows) -> None:
    each = task("odd", forEach=[1, 2, 3], when="item != 2", properties={"message": "{{ item }}"})
    found = await flows.ran(each, values("after", n="{{ outputs.odd.count }}"))
    assert outputs_of(found, "after") == {"n": 3}


async def test_tasks_in_a_loop_see_their_item_and_each_other(flows: Flows) -> None:
    inner = [values("twice", n="{{ item * 2 }}"), values("more", n="{{ outputs.twice.n + 1 }}")]
    loop = task("loop", "core.forEach", properties={"items": [1, 2, 3], "tasks": inner})
    found = await flows.ran(loop)
    results = outputs_of(found, "loop")["results"]
    assert [each["more"]["n"] for each in results] == [3, 5, 7]


async def test_a_loop_that_takes_too_long_fails_with_what_it_has(flows: Flows) -> None:
    nap = task("nap", "core.sleep", properties={"duration": "{{ item }}"})
    loop = task("loop", "core.forEach", properties={"items": ["1ms", "1h", "1h"], "tasks": [nap]})
    found = await flows.ran({**loop, "timeout": "500ms"})
    assert found["execution"]["status"] == "FAILED"
    assert found["execution"]["error"] == "loop: it took longer than 0.5 s"
    each = task("each", "core.sleep", properties={"duration": "{{ item }}"})
    each |= {"forEach": {"items": ["1h"], "timeout": "100ms"}, "continueOnError": True}
    found = await flows.ran(each, values("after", how="{{ steps.each.error }}"), name="tolerant")
    assert found["execution"]["status"] == "SUCCESS"
    assert outputs_of(found, "after") == {"how": "it took longer than 0.1 s"}
