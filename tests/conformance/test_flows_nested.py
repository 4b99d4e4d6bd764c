"""Tasks inside of tasks: branches in loops, loops in branches, loops in loops."""

from typing import Any

import httpx
import pytest
from tests.conformance.flows import Flows, outputs_of, statuses_of, task, values


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)


def loop(name: str, items: Any, *tasks: Any, **more: Any) -> Any:
    return task(name, "core.forEach", properties={"items": items, "tasks": list(tasks), **more})


async def test_a_branch_in_a_loop_is_chosen_for_each_item(flows: Flows) -> None:
    choose = task(
        "choose",
        "core.if",
        properties={
            "condition": "{{ item > 1 }}",
            "then": [values("big", n="{{ item }}")],
            "else": [values("small", n="{{ item }}")],
        },
    )
    after = values("after", branch="{{ outputs.choose.branch }}")
    found = await flows.ran(loop("all", [1, 2], choose, after))
    assert found["execution"]["status"] == "SUCCESS", found
    results = outputs_of(found, "all")["results"]
    assert [each["after"]["branch"] for each in results] == ["else", "then"]
    assert [sorted(each) for each in results] == [
        ["after", "choose", "small"],
        ["after", "big", "choose"],
    ]


async def test_a_loop_in_a_branch_that_is_not_taken_is_skipped(flows: Flows) -> None:
    inner = loop("inner", [1], values("never"))
    choose = task("choose", "core.if", properties={"condition": False, "then": [inner]})
    found = await flows.ran(choose, values("after"))
    assert statuses_of(found)["inner"] == "SKIPPED"
    assert statuses_of(found)["after"] == "SUCCESS"


async def test_a_loop_in_a_loop_sees_its_own_item(flows: Flows) -> None:
    inner = loop("inner", "{{ item }}", values("say", n="{{ item * 10 }}"))
    found = await flows.ran(loop("outer", [[1, 2], [3]], inner))
    assert found["execution"]["status"] == "SUCCESS", found
    outer = outputs_of(found, "outer")["results"]
    said = [[one["n"] for one in each["results"]] for each in outer]
    assert said == [[10, 20], [30]]


async def test_a_failed_item_fails_its_loop_when_the_others_are_through(flows: Flows) -> None:
    bad = task("bad", "core.fail", properties={"condition": "{{ item == 1 }}"})
    found = await flows.ran(loop("all", [1, 2], bad, values("ok")))
    assert found["execution"]["status"] == "FAILED"
    tolerated = {**loop("all", [1, 2], bad, values("ok")), "continueOnError": True}
    found = await flows.ran(tolerated, values("after"), name="tolerated")
    assert found["execution"]["status"] == "SUCCESS", found
    assert statuses_of(found)["after"] == "SUCCESS"


async def test_a_loop_over_nothing_has_succeeded(flows: Flows) -> None:
    found = await flows.ran(loop("all", [], values("say")), values("after"))
    assert outputs_of(found, "all") == {"results": [], "count": 0, "failed": 0}


async def test_an_object_is_looped_over_by_its_entries(flows: Flows) -> None:
    found = await flows.ran(loop("all", {"a": 1, "b": 2}, values("say", of="{{ item }}")))
    said = [each["of"] for each in outputs_of(found, "all")["results"]]
    assert said == [{"key": "a", "value": 1}, {"key": "b", "value": 2}]
