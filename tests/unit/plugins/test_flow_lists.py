"""flow.map, reduce, group, unique: paths forgive, expressions do not, faults name their item."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, refused, unfit

ORDERS: Json = [
    {"id": 1, "customer": {"name": "Ann"}, "price": 10, "rows": [1]},
    {"id": 2, "customer": {"name": "Bob"}, "price": 2.5, "rows": []},
    {"id": 3, "customer": None, "price": 4, "rows": [7, 8]},
]


@pytest.mark.parametrize(
    ("expression", "items"),
    [
        ("customer.name", ["Ann", "Bob", None]),
        ("rows.0", [1, None, 7]),
        ("rows[0]", [1, None, 7]),
        ("/rows/0", [1, None, 7]),
        ("/customer/name", ["Ann", "Bob", None]),
        ("nothing.at.all", [None, None, None]),
        ("item.price * 2", [20, 5.0, 8]),
        ("{{ item.price * 2 }}", [20, 5.0, 8]),
        ("no {{ item.id }}", ["no 1", "no 2", "no 3"]),
        ("item.rows", [[1], [], [7, 8]]),
        ("index", [0, 1, 2]),
        ("{'a': {'b': item.id}}", [{"a": {"b": 1}}, {"a": {"b": 2}}, {"a": {"b": 3}}]),
    ],
)
async def test_map_takes_a_path_or_an_expression_bare_or_in_braces(
    expression: str, items: Json
) -> None:
    found = await done("flow.map", items=ORDERS, expression=expression)
    assert found["items"] == items


async def test_map_fills_a_template_of_any_shape() -> None:
    template: Json = {
        "key": "id",
        "fixed": "'x'",
        "list": ["index", 5, None],
        "in": {"n": "item.price"},
    }
    found = await done("flow.map", items=ORDERS[:1], template=template)
    assert found["items"] == [{"key": 1, "fixed": "x", "list": [0, 5, None], "in": {"n": 10}}]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({}, "expression or template: one of them is needed"),
        ({"expression": "a", "template": "a"}, "expression or template: one of them is needed"),
        ({"expression": "item.("}, "expression: line 1"),
        ({"template": {"a": ["id", "item ++"]}}, "template.a[1]: line 1"),
        ({"expression": "item.customer.name ~ ''"}, "items[2]: expression: "),
        ({"expression": "item.nope"}, "items[0]: expression: "),
        ({"expression": "'x' * 99999999"}, "items[0]: expression: "),
    ],
)
async def test_map_names_the_place_of_a_fault(call: Json, said: str) -> None:
    assert (await refused("flow.map", items=ORDERS, **call)).startswith(said)


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ({"op": "sum", "by": "price"}, 16.5),
        ({"op": "avg", "by": "price"}, 5.5),
        ({"op": "min", "by": "price"}, 2.5),
        ({"op": "max", "by": "customer.name"}, "Bob"),
        ({"op": "count", "by": "customer.name"}, 2),
        ({"op": "count"}, 3),
        ({"op": "concat", "by": "customer.name", "separator": ", "}, "Ann, Bob"),
        ({"op": "concat", "by": "rows"}, [1, 7, 8]),
        ({"op": "sum", "by": "item.price * index"}, 10.5),
        ({"expression": "acc + item.price", "initial": 1}, 17.5),
        ({"expression": "acc + [item.id]", "initial": []}, [1, 2, 3]),
        ({"expression": "{{ acc ~ item.id }}", "initial": ""}, "123"),
    ],
)
async def test_reduce_makes_one_value(call: Json, result: Json) -> None:
    assert (await done("flow.reduce", items=ORDERS, **call))["result"] == result


async def test_reduce_of_nothing_has_an_answer() -> None:
    results = [
        (await done("flow.reduce", items=[], op=op))["result"]
        for op in ("sum", "avg", "min", "max", "count", "concat")
    ]
    assert results == [0, None, None, None, 0, ""]
    assert (await done("flow.reduce", items=[], expression="acc"))["result"] is None


NOT_FOLDED: Json = [
    ([1, "2"], {"op": "sum"}, "items[1]: a text is no number"),
    ([True], {"op": "sum"}, "items[0]: a boolean is no number"),
    ([1, "2"], {"op": "max"}, "items[1]: a text cannot be compared with a number"),
    ([{}], {"op": "min"}, "items[0]: an object has no order"),
    ([1e308, 1e308], {"op": "sum"}, "sum: the numbers are too large"),
    ([10**400, 1.5], {"op": "avg"}, "avg: the numbers are too large"),
    ([1], {}, "op or expression: one of them is needed"),
    ([1, 2, "x"], {"expression": "acc + item", "initial": 0}, "items[2]: expression: "),
]


@pytest.mark.parametrize(("items", "call", "said"), NOT_FOLDED)
async def test_reduce_names_the_place_of_a_fault(items: Json, call: Json, said: str) -> None:
    assert (await refused("flow.reduce", items=items, **call)).startswith(said)


async def test_reduce_cannot_grow_without_bound() -> None:
    call: Json = {"expression": "acc ~ acc", "initial": "x" * 100}
    said = await refused("flow.reduce", items=[0] * 100, **call)
    assert said.startswith("items[")


async def test_group_keeps_the_keys_themselves() -> None:
    items: Json = [{"k": 1}, {"k": None}, {"k": 1.0}, {"k": [1]}, {}]
    found = await done("flow.group", items=items, by="k")
    assert found["keys"] == [1, None, [1]]
    assert found["groups"] == {
        "1": [{"k": 1}, {"k": 1.0}],
        "null": [{"k": None}, {}],
        "[1]": [{"k": [1]}],
    }
    by_expression = await done("flow.group", items=[1, 2, 3], by="item % 2")
    assert by_expression["groups"] == {"1": [1, 3], "0": [2]}


async def test_group_does_not_mix_keys_that_are_written_alike() -> None:
    said = await refused("flow.group", items=[{"k": 1}, {"k": "1"}], by="k")
    assert said == 'items[1]: the keys 1 and "1" would share a group'


@given(items=st.lists(st.integers(0, 5) | st.booleans() | st.none() | st.text("ab", max_size=1)))
async def test_unique_keeps_the_first_or_the_last_of_each(items: Json) -> None:
    first = await done("flow.unique", items=items)
    last = await done("flow.unique", items=items[::-1], keep="last")
    assert first["items"] == last["items"][::-1]
    assert len(first["items"]) + first["removed"] == len(items)
    assert len(first["items"]) == len({repr(each) for each in items})


async def test_unique_compares_as_json_does() -> None:
    items: Json = [1, True, 1.0, "1", None, False, 0, {"a": 1, "b": [2]}, {"b": [2.0], "a": 1}]
    found = await done("flow.unique", items=items)
    assert found == {"items": [1, True, "1", None, False, 0, {"a": 1, "b": [2]}], "removed": 2}
    by_path = await done("flow.unique", items=[{"a": {"b": 1}, "n": 1}, {"a": {"b": 1}}], by="a.b")
    assert by_path["items"] == [{"a": {"b": 1}, "n": 1}]


def test_lists_are_lists() -> None:
    assert unfit("flow.map", {"items": "abc", "expression": "item"}) == [
        'items: "abc" is not of type "array"'
    ]
