"""flow.lookup and flow.merge: partners are found as JSON is equal, and null is nobody's key."""

import pytest

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, refused

TABLE: Json = [
    {"id": 1, "n": "a"},
    {"id": 1, "n": "second"},
    {"id": "1", "n": "text"},
    {"id": None},
]


async def test_lookup_finds_the_first_row_of_a_key() -> None:
    items: Json = [{"of": 1}, {"of": "1"}, {"of": None}, {"of": 9}, {}]
    call: Json = {"items": items, "table": TABLE, "key": "id", "foreignKey": "of", "as": "row"}
    found = await done("flow.lookup", default="none", **call)
    assert [each["row"] for each in found["items"]] == [TABLE[0], TABLE[2], "none", "none", "none"]
    assert found["missing"] == 3
    dropped = await done("flow.lookup", missing="drop", **call)
    assert [each["of"] for each in dropped["items"]] == [1, "1"]
    said = await refused("flow.lookup", missing="fail", **call)
    assert said == "items[2]: the table has nothing for it"


async def test_lookup_takes_objects_by_name_and_items_that_are_keys() -> None:
    found = await done("flow.lookup", items=["a", 7, "z"], table={"a": 1, "7": 2})
    assert found["items"] == [
        {"item": "a", "match": 1},
        {"item": 7, "match": 2},
        {"item": "z", "match": None},
    ]
    one = await done("flow.lookup", value=1.0, table=TABLE, key="id")
    assert one == {"value": TABLE[0], "missing": 0}
    by_expression = await done("flow.lookup", value="A", table=TABLE[:1], key="item.n | upper")
    assert by_expression["value"] == TABLE[0]


NOT_FOUND: Json = [
    ({"table": []}, "items or value: one of them is needed"),
    ({"table": [], "value": 1}, "key: a table of rows needs the key of a row"),
    ({"table": {}, "value": "x", "missing": "fail"}, 'value: the table has nothing for "x"'),
    (
        {"table": {}, "items": [{"match": 1}]},
        "items[0]: an object that has a field 'match' already",
    ),
    ({"table": [{}], "value": 1, "key": "item.("}, "key: line 1"),
]


@pytest.mark.parametrize(("call", "said"), NOT_FOUND)
async def test_lookup_tells_what_is_wrong(call: Json, said: str) -> None:
    assert (await refused("flow.lookup", **call)).startswith(said)


async def test_merge_appends_and_pairs() -> None:
    lists: Json = {"left": [{"a": 1}, 2, 3], "right": [{"b": 2}, 5]}
    assert (await done("flow.merge", **lists))["items"] == [{"a": 1}, 2, 3, {"b": 2}, 5]
    zipped = await done("flow.merge", mode="zip", **lists)
    assert zipped["items"] == [{"a": 1, "b": 2}, [2, 5]]
    rest = await done("flow.merge", mode="zip", unpaired=True, **lists)
    assert rest["items"] == [{"a": 1, "b": 2}, [2, 5], 3]


LEFT: Json = [{"id": 1, "a": 1}, {"id": None, "a": 2}, {"id": 3, "a": 3}]
RIGHT: Json = [{"key": 3, "b": 1}, {"key": 3, "a": 9}, {"key": None, "b": 3}]


@pytest.mark.parametrize(
    ("join", "items"),
    [
        ("inner", []),
        ("left", LEFT[:2]),
        ("full", LEFT[:2]),
    ],
)
async def test_merge_joins_as_sql_does(join: Json, items: Json) -> None:
    on = {"left": "id", "right": "key"}
    found = await done("flow.merge", left=LEFT, right=RIGHT, mode="join", join=join, on=on)
    pairs = [{"id": 3, "a": 3, "key": 3, "b": 1}, {"id": 3, "a": 9, "key": 3}]
    lonely = [RIGHT[2]] if join == "full" else []
    assert found["items"] == [*items, *pairs, *lonely]


async def test_a_join_that_explodes_is_refused() -> None:
    same = [{"k": 1}] * 400
    said = await refused("flow.merge", left=same, right=same, mode="join", on="k")
    assert said == "the join gives more than 100000 items"


async def test_merge_tells_what_is_wrong() -> None:
    assert await refused("flow.merge", left=[], right=[], mode="join") == "on: join needs the key"
    said = await refused("flow.merge", left=[{}], right=[{}, 1], mode="join", on="k")
    assert said == "right[1] is a number, not an object"
