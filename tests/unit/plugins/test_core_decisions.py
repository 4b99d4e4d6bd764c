"""`core.if`, `core.switch`, `core.set`, `core.fail` and `util.log`."""

from collections.abc import Callable
from typing import Any

import pytest

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, failure, kept, unfit
from mainspring.testing.plugins import TestContext


@pytest.mark.parametrize("no", [False, None, 0, 0.0, "", [], {}, "false", "0", "No", " off "])
async def test_what_says_no_takes_else(context: TestContext, no: Json) -> None:
    output = await done("core.if", context, condition=no)
    assert output == {"result": False, "branch": "else"}


@pytest.mark.parametrize("yes", [True, 1, -1, "true", "null", "00", [0], {"a": 0}])
async def test_all_else_takes_then(context: TestContext, yes: Json) -> None:
    output = await done("core.if", context, condition=yes, then=[{"name": "a"}])
    assert output == {"result": True, "branch": "then"}


@pytest.mark.parametrize(
    ("value", "matched"),
    [
        ("eu", "eu"),
        ("re:.*", "re:.*"),
        ("v12", "re:v[0-9]+"),
        ("v12x", "re:.*x"),
        ("line\nx", "default"),
        (12, "12"),
        (True, "true"),
        (None, "default"),
    ],
)
async def test_exact_case_goes_before_patterns_which_fit_the_whole(
    context: TestContext, value: Json, matched: str
) -> None:
    names = ("re:.*x", "re:v[0-9]+", "eu", "12", "true", "re:.*")
    cases = {name: list[Json]() for name in names if name != "re:.*" or value == name}
    assert (await done("core.switch", context, value=value, cases=cases))["matched"] == matched


@pytest.mark.parametrize("pattern", ["re:(", r"re:(a)\1", "re:" + "a" * 2000])
async def test_pattern_that_is_none_is_told_with_its_case(
    context: TestContext, pattern: str
) -> None:
    failed = await failure("core.switch", context, value="x", cases={pattern: []})
    assert failed.final
    assert str(failed).startswith("cases.re:")


async def test_set_puts_values_over_a_base(context: TestContext) -> None:
    base, values = {"a": {"x": 1}, "b": 1}, {"a": {"y": [2]}}
    replaced = await done("core.set", context, values=values, base=base)
    assert replaced == {"a": {"y": [2]}, "b": 1}
    merged = await done("core.set", context, values=values, base=base, mode="merge")
    assert merged == {"a": {"x": 1, "y": [2]}, "b": 1}
    assert base == {"a": {"x": 1}, "b": 1}
    only = await done("core.set", context, values=values, base=base, keepOnly=["b", "none"])
    assert only == {"b": 1}


async def test_objects_that_are_nested_without_end_are_not_merged(context: TestContext) -> None:
    deep: Json = {}
    for _ in range(300):
        deep = {"a": deep}
    failed = await failure("core.set", context, values=deep, base=deep, mode="merge")
    assert str(failed) == "values: objects are nested deeper than 200"


async def test_fail_is_final_and_keeps_its_code(context: TestContext) -> None:
    failed = await failure("core.fail", context, message="no stock", code=7)
    assert (str(failed), failed.final) == ("no stock", True)
    assert kept(failed) == {"failed": True, "message": "no stock", "code": 7}
    assert str(await failure("core.fail", context)) == "failed on purpose"
    assert await done("core.fail", context, condition="off") == {"failed": False}


async def test_log_prints_texts_plainly_and_the_rest_as_json(context: TestContext) -> None:
    assert await done("util.log", context, message="hi") == {"message": "hi"}
    await done("util.log", context, message={"a": [1, None]}, level="ERROR")
    assert context.logged == [("INFO", "hi"), ("ERROR", '{"a":[1,null]}')]
    assert unfit("util.log", {"message": 1, "level": "LOUD"})[0].startswith("level")


FAULTY: list[tuple[str, Json, str]] = [
    ("core.forEach", {"items": [1], "tasks": []}, "tasks"),
    ("core.forEach", {"items": [1], "tasks": [{}], "concurrency": -1}, "concurrency"),
    ("core.subflow", {"flow": "a", "revision": 0}, "revision"),
    ("core.gate", {"onTimeout": "shrug"}, "onTimeout"),
    ("core.gate", {"approvers": {"groups": []}}, "approvers"),
    ("core.sleep", {"duration": []}, "duration"),
    ("core.parallel", {"branches": {"a": [1]}}, "branches.a.0"),
]


@pytest.mark.parametrize(("id", "given", "place"), FAULTY)
def test_control_tasks_tell_the_place_of_a_fault(id: str, given: Json, place: str) -> None:
    assert [fault.partition(":")[0] for fault in unfit(id, given)] == [place]


async def test_large_value_is_looked_for_apart(
    context: TestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    bounded = context.bounded

    async def counted(function: Callable[..., Any], *args: object, **more: float) -> Any:
        asked.append(function.__name__)
        return await bounded(function, *args, **more)

    monkeypatch.setattr(context, "bounded", counted)
    await done("core.switch", context, value="x" * 200_001, cases={"re:x+": []})
    await done("core.switch", context, value="x", cases={"re:x+": []})
    assert asked == ["matched"]
