"""transform.filter, sort, aggregate: orders are asked only where there is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, refused, unfit

ITEMS: Json = [
    {"n": 1, "s": "apple", "t": ["x"]},
    {"n": 5, "s": "bean", "t": []},
    {"n": None, "s": "Apricot", "o": {"k": 1}},
]


async def kept(**call: Json) -> list[int]:
    found = await done("transform.filter", items=ITEMS, **call)
    assert len(found["items"]) + found["dropped"] == 3
    return [ITEMS.index(each) for each in found["items"]]


@pytest.mark.parametrize(
    ("condition", "numbers"),
    [
        ("item.n == 5", [1]),
        ("{{ index > 0 }}", [1, 2]),
        ("t", [0]),
        ({"field": "n", "value": 1.0}, [0]),
        ({"field": "n", "op": "ne", "value": 1}, [1, 2]),
        ({"field": "n", "op": "gt", "value": 1}, [1]),
        ({"field": "n", "op": "ge", "value": 1}, [0, 1]),
        ({"field": "n", "op": "lt", "value": 5}, [0]),
        ({"field": "s", "op": "le", "value": "b"}, [0, 2]),
        ({"field": "n", "op": "in", "value": [5, 9]}, [1]),
        ({"field": "n", "op": "notIn", "value": [5, 9]}, [0, 2]),
        ({"field": "s", "op": "contains", "value": "an"}, [1]),
        ({"field": "t", "op": "contains", "value": "x"}, [0]),
        ({"field": "o", "op": "contains", "value": "k"}, [2]),
        ({"field": "s", "op": "startsWith", "value": "ap"}, [0]),
        ({"field": "s", "op": "endsWith", "value": "t"}, [2]),
        ({"field": "s", "op": "matches", "value": "(?i)^ap"}, [0, 2]),
        ({"field": "o.k", "op": "exists"}, [2]),
        ({"field": "n", "op": "missing"}, [2]),
        ({"field": "t", "op": "empty"}, [1, 2]),
        ({"field": "t", "op": "notEmpty"}, [0]),
        ({"field": "item.s | length", "op": "gt", "value": 5}, [2]),
    ],
)
async def test_filter_keeps_what_a_condition_holds_for(condition: Json, numbers: list[int]) -> None:
    assert await kept(condition=condition) == numbers
    left = [at for at in range(3) if at not in numbers]
    assert await kept(condition=condition, mode="exclude") == left


async def test_filter_takes_all_conditions_or_any() -> None:
    conditions: Json = [
        {"field": "s", "op": "startsWith", "value": "a"},
        {"field": "n", "value": 5},
    ]
    assert await kept(conditions=conditions) == []
    assert await kept(conditions=conditions, match="any") == [0, 1]
    assert await kept(conditions=conditions, match="any", condition="o") == [0, 1, 2]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({}, "condition or conditions: one of them is needed"),
        ({"condition": "item.nope > 1"}, "items[0]: condition: "),
        ({"conditions": ["t", "item >"]}, "conditions[1]: line 1"),
        (
            {"condition": {"field": "s", "op": "gt", "value": 1}},
            "items[0].s: a text cannot be compared with a number",
        ),
        ({"condition": {"field": "n", "op": "in", "value": 1}}, "condition.value: in needs a list"),
        (
            {"condition": {"field": "s", "op": "matches", "value": "("}},
            "condition.value: missing )",
        ),
        (
            {"condition": {"field": "n", "op": "startsWith", "value": "a"}},
            "items[0].n: a number is",
        ),
    ],
)
async def test_filter_tells_what_has_no_answer(call: Json, said: str) -> None:
    assert (await refused("transform.filter", items=ITEMS, **call)).startswith(said)


def test_filter_knows_its_operators() -> None:
    assert unfit("transform.filter", {"items": [], "condition": {"field": "a", "op": "like"}})


@given(
    items=st.lists(
        st.fixed_dictionaries({"a": st.integers(0, 3) | st.none(), "b": st.text("xyz", max_size=1)})
    ),
    order=st.sampled_from(["asc", "desc"]),
    nulls=st.sampled_from(["first", "last"]),
)
async def test_sort_is_stable_and_nulls_have_their_side(
    items: Json, order: str, nulls: str
) -> None:
    placed = [{**each, "at": at} for at, each in enumerate(items)]
    by: Json = ["a", {"by": "b", "order": "desc"}]
    found = (await done("transform.sort", items=placed, by=by, order=order, nulls=nulls))["items"]
    sign = -1 if order == "desc" else 1
    beside = 1 if nulls == "last" else -1

    def key(each: Json) -> Json:
        a = (beside, 0) if each["a"] is None else (0, sign * each["a"])
        return a, [-ord(each["b"])] if each["b"] else [0], each["at"]

    assert found == sorted(placed, key=key)


async def test_sort_by_themselves_by_numbers_in_texts_and_by_expressions() -> None:
    assert (await done("transform.sort", items=["b", None, "a"]))["items"] == ["a", "b", None]
    texts = ["10", "9.5", " -1e1", None, 3]
    found = await done("transform.sort", items=texts, numeric=True, order="desc", nulls="first")
    assert found["items"] == [None, "10", "9.5", 3, " -1e1"]
    found = await done("transform.sort", items=["ccc", "a", "bb"], by="item | length")
    assert found["items"] == ["a", "bb", "ccc"]
    assert (await done("transform.sort", items=[True, False]))["items"] == [False, True]


@pytest.mark.parametrize(
    ("items", "call", "said"),
    [
        (
            [{"a": 1}, {}, {"a": "x"}],
            {"by": "a"},
            "items[2] (a): a text, and items[0] has a number",
        ),
        ([None, 1, True], {}, "items[2]: a boolean, and items[1] has a number"),
        ([[1]], {}, "items[0]: a list has no order"),
        (["1", "x"], {"numeric": True}, 'items[1]: "x" is no number'),
        ([1], {"by": "item."}, "by: line 1"),
    ],
)
async def test_sort_tells_kinds_that_have_no_common_order(
    items: Json, call: Json, said: str
) -> None:
    assert (await refused("transform.sort", items=items, **call)).startswith(said)


SALES = [
    {"c": {"n": "x"}, "p": 3, "who": "A"},
    {"c": {"n": "y"}, "p": 5, "who": "B"},
    {"c": {"n": "x"}, "p": None, "who": "A"},
    {"c": {"n": "x"}, "p": 4, "who": "C"},
]


async def test_aggregate_sums_up_each_group() -> None:
    ops = ("sum", "avg", "min", "max", "count", "first", "last")
    aggregations: Json = {
        **{op: {"op": op, "field": "p"} for op in ops},
        "items": {"op": "count"},
        "people": {"op": "countDistinct", "field": "who"},
        "names": {"op": "concat", "field": "who", "separator": "/"},
    }
    call: Json = {"items": SALES, "aggregations": aggregations}
    found = await done("transform.aggregate", groupBy="c.n", **call)
    one = {
        "c.n": "x",
        "sum": 7,
        "avg": 3.5,
        "min": 3,
        "max": 4,
        "count": 2,
        "first": 3,
        "last": 4,
        "items": 3,
        "people": 2,
        "names": "A/A/C",
    }
    assert found["rows"][0] == one
    assert [row["sum"] for row in found["rows"]] == [7, 5]
    named = await done("transform.aggregate", groupBy={"kind": "item.c.n | upper"}, **call)
    assert [row["kind"] for row in named["rows"]] == ["X", "Y"]
    several = await done("transform.aggregate", groupBy=["c.n", "who"], **call)
    assert [(row["c.n"], row["who"]) for row in several["rows"]] == [
        ("x", "A"),
        ("y", "B"),
        ("x", "C"),
    ]


async def test_aggregate_of_nothing_is_one_row_and_of_no_group_none() -> None:
    aggregations: Json = {"n": {"op": "count"}, "s": {"op": "sum", "field": "p"}}
    whole = await done("transform.aggregate", items=[], aggregations=aggregations)
    assert whole["rows"] == [{"n": 0, "s": 0}]
    grouped = await done("transform.aggregate", items=[], aggregations=aggregations, groupBy="c")
    assert grouped["rows"] == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"aggregations": {"s": {"op": "sum"}}}, "aggregations.s: sum needs a field"),
        (
            {"aggregations": {"s": {"op": "sum", "field": "who"}}},
            "items[0] (who): a text is no number",
        ),
        (
            {"groupBy": "p", "aggregations": {"p": {"op": "count"}}},
            "aggregations.p: a field of groupBy has this name",
        ),
        ({"groupBy": "item.(", "aggregations": {"n": {"op": "count"}}}, "groupBy.item.(: line 1"),
    ],
)
async def test_aggregate_tells_what_is_wrong(call: Json, said: str) -> None:
    assert (await refused("transform.aggregate", items=SALES, **call)).startswith(said)
