"""Loops of flows: a task, or several, done once for each item, in view of their item."""

from itertools import pairwise
from typing import Any

import httpx
import pytest
from tests.conformance.client import Service
from tests.conformance.flows import Flows, outputs_of, statuses_of, task, values


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
    assert statuses_of(found)["loop"] == "TIMED_OUT"
    assert statuses_of(found)["loop[1].nap"] == "CANCELLED"
    each = task("each", "core.sleep", properties={"duration": "{{ item }}"})
    each |= {"forEach": {"items": ["1h"], "timeout": "100ms"}, "continueOnError": True}
    found = await flows.ran(each, values("after", how="{{ steps.each.error }}"), name="tolerant")
    assert found["execution"]["status"] == "SUCCESS"
    assert outputs_of(found, "after") == {"how": "it took longer than 0.1 s"}


async def test_items_come_in_batches_of_the_size_that_the_loop_names(flows: Flows) -> None:
    several = values("several", n="{{ item }}")
    given = {"items": [1, 2, 3, 4, 5], "batchSize": 2, "concurrency": 0, "tasks": [several]}
    output = outputs_of(await flows.ran(task("loop", "core.forEach", properties=given)), "loop")
    assert [each["n"] for each in output["results"]] == [[1, 2], [3, 4], [5]]
    assert (output["count"], output["failed"]) == (3, 0)


@pytest.mark.parametrize(("fast", "begun"), [(True, ["/1"]), (False, ["/1", "/2", "/3"])])
async def test_a_loop_that_fails_fast_begins_no_item_after_the_one_that_failed(
    flows: Flows, service: Service, fast: bool, begun: list[str]
) -> None:
    call = task("call", "http.request", properties={"url": f"{service.url}/{{{{ item }}}}"})
    fail = task("fail", "core.fail", properties={"condition": "{{ item == 1 }}"})
    given = {"items": [1, 2, 3], "failFast": fast, "tasks": [call, fail]}
    found = await flows.ran(task("loop", "core.forEach", properties=given))
    assert found["execution"]["status"] == "FAILED"
    output = outputs_of(found, "loop")
    assert (output["count"], output["failed"]) == (3, 1)
    assert service.order() == begun


async def test_no_more_items_are_under_way_than_the_loop_allows(flows: Flows) -> None:
    nap = task("nap", "core.sleep", properties={"duration": 0.05})
    for width, least in ((1, 150), (3, 50)):
        given = {"items": [1, 2, 3], "concurrency": width, "tasks": [nap]}
        loop = task("loop", "core.forEach", properties=given)
        found = await flows.ran(loop, name=f"at-{width}")
        results = outputs_of(found, "loop")["results"]
        ends = sorted(each["wokenAt"] for each in results)
        apart = [b - a for a, b in pairwise(ends)]
        assert found["execution"]["durationMs"] >= least
        assert width > 1 or min(apart) >= 0.05
