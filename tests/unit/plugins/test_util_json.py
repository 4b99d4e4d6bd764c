"""`util.json`: values, paths, changes, schemas."""

from typing import Any, cast

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mainspring.domain.expression.values import MISSING
from mainspring.domain.message import Json
from mainspring.plugin import PluginFailed
from mainspring.testing.plugin_calls import done, failure
from mainspring.testing.plugins import TestContext
from mainspring_plugins.support.json_changes import difference, with_value
from mainspring_plugins.support.paths import parts, pointer, read

ID = "util.json"
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("a/~", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a/~", max_size=2), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("", ()),
        ("a.b[0].c", ("a", "b", "0", "c")),
        ("[1][2]", ("1", "2")),
        ("a.0", ("a", "0")),
        ("/a.b/0", ("a.b", "0")),
        ("/a~1b/~0", ("a/b", "~")),
        ("/", ("",)),
    ],
)
def test_path_is_a_pointer_or_dots(path: str, names: tuple[str, ...]) -> None:
    assert parts(path) == names
    assert parts(pointer(names)) == names


@pytest.mark.parametrize(("path", "at"), [("a..b", 2), ("a[x]", 2), ("a]", 2)])
def test_path_that_is_none_is_told_where(path: str, at: int) -> None:
    with pytest.raises(PluginFailed, match=f"path: is no path at character {at}"):
        parts(path)


@forall(VALUES, VALUES)
def test_difference_makes_the_one_of_the_other(old: Json, new: Json) -> None:
    value = old
    for change in difference(old, new):
        value = patched(value, change)
    assert same(value, new)


def patched(value: Json, change: dict[str, Json]) -> Json:
    path = list(parts(change["path"]))
    if not path:
        return change["value"]
    if isinstance(value, dict):
        copy = dict(cast("dict[str, Any]", value))
        if len(path) > 1:
            rest = {**change, "path": pointer(tuple(path[1:]))}
            return copy | {path[0]: patched(copy[path[0]], rest)}
        copy.pop(path[0], None)
        return copy if change["op"] == "remove" else copy | {path[0]: change["value"]}
    items, at = list(cast("list[Any]", value)), int(path[0])
    if len(path) > 1:
        items[at] = patched(items[at], {**change, "path": pointer(tuple(path[1:]))})
    elif change["op"] == "remove":
        del items[at]
    else:
        items[at : at + (change["op"] == "replace")] = [change["value"]]
    return items


def same(left: Json, right: Json) -> bool:
    return repr(left) == repr(right) or (left == right and difference(left, right) == [])


@forall(VALUES, VALUES)
def test_value_that_was_set_is_read_again(data: Json, value: Json) -> None:
    try:
        changed = with_value(data, ("a", "0"), value)
    except PluginFailed:
        return
    assert read(changed, "/a/0") == value
    assert read(None, "/a/0") is MISSING


@pytest.mark.parametrize(
    ("data", "path", "result"),
    [
        (None, "a.b", {"a": {"b": 1}}),
        ({"a": [1, 2]}, "a[1]", {"a": [1, 1]}),
        ({"a": [5]}, "/a/-", {"a": [5, 1]}),
        ({"a": [5]}, "a[1].b", {"a": [5, {"b": 1}]}),
        ({"x": 1}, "", 1),
    ],
)
async def test_set_makes_what_is_missing(
    context: TestContext, data: Json, path: str, result: Json
) -> None:
    output = await done(ID, context, op="set", data=data, path=path, value=1)
    assert output["result"] == result


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"op": "parse", "data": "{"}, "data: is no JSON: Input data was truncated"),
        ({"op": "parse", "data": {}}, "data: is not a text"),
        ({"op": "parse", "data": "[" * 100_000}, "data: is no JSON"),
        ({"op": "set", "data": {}, "path": "a"}, "value: is needed for the operation set"),
        ({"op": "set", "data": {"a": 1}, "path": "a.b", "value": 1}, "path: /a is neither"),
        ({"op": "set", "data": [1], "path": "3", "value": 1}, "path: the data is a list of 1"),
        ({"op": "merge", "data": {}}, "other: is needed"),
        ({"op": "validate", "data": 1}, "schema: is needed"),
        ({"op": "validate", "data": 1, "schema": {"type": "whole"}}, "schema: "),
        ({"op": "validate", "data": "", "schema": {"$ref": "http://a.test/s"}}, "schema: "),
        ({"op": "validate", "data": "", "schema": {"$ref": "file:///etc/passwd"}}, "schema: "),
        ({"op": "validate", "data": "", "schema": {"pattern": "("}}, "schema: "),
    ],
)
async def test_bad_input_is_told_with_its_place(
    context: TestContext, given: dict[str, Json], told: str
) -> None:
    failed = await failure(ID, context, **given)
    assert failed.final
    assert str(failed).startswith(told)


async def test_reading_tells_what_is_missing_from_null(context: TestContext) -> None:
    data: Json = {"a": None}
    there = await done(ID, context, op="get", data=data, path="a", default=1)
    assert there == {"result": None, "found": True}
    gone = await done(ID, context, op="get", data=data, path="b.c", default=1)
    assert gone == {"result": 1, "found": False}


async def test_validation_tells_each_fault_by_its_place(context: TestContext) -> None:
    schema = {"properties": {"a": {"type": "integer"}, "b": {"pattern": "^(a+)+$"}}}
    data = {"a": "x", "b": "a" * 5000 + "!"}
    output = await done(ID, context, op="validate", data=data, schema=schema)
    assert not output["valid"]
    assert [error.partition(":")[0] for error in output["errors"]] == ["a", "b"]
    output = await done(ID, context, op="validate", data={"a": 1}, schema=schema)
    assert (output["valid"], output["errors"]) == (True, [])


async def test_writing_is_compact_or_indented(context: TestContext) -> None:
    data = {"a": [1, "é"]}
    assert (await done(ID, context, op="stringify", data=data))["result"] == '{"a":[1,"é"]}'
    text = (await done(ID, context, op="stringify", data={"a": 1}, indent=2))["result"]
    assert text == '{\n  "a": 1\n}'


async def test_merge_goes_into_objects(context: TestContext) -> None:
    output = await done(ID, context, op="merge", data={"a": {"b": 1}}, other={"a": {"c": 2}})
    assert output["result"] == {"a": {"b": 1, "c": 2}}


def test_true_is_not_one() -> None:
    assert difference([1], [True]) == [{"op": "replace", "path": "/0", "value": True}]
    assert difference(1, 1.0) == []
