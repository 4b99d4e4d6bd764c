"""A schema of a stranger does not hold the process, whatever it is held against."""

from time import process_time
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.definition import Approval
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.execution.approvals import demand_fit
from mainspring.domain.schema_cost import visits

TREE = {
    "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "n": {"type": "integer"}},
    "additionalProperties": False,
}
DOUBLED = {
    "properties": {"b": False},
    "anyOf": [{"properties": {"a": {"$ref": "#"}}, "minProperties": n} for n in range(1, 4)],
}


def nested(depth: int, last: Any) -> Any:
    value = last
    for _ in range(depth):
        value = {"a": value}
    return value


def test_a_schema_that_doubles_with_every_level_is_refused_soon() -> None:
    before = process_time()
    for depth in (6, 8, 12, 60, 120):
        with pytest.raises(DefinitionInvalid):
            demand_fit(Approval(answer=DOUBLED), nested(depth, {"b": 1}))
    assert process_time() - before < 2.0


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#"}, {"allOf": [{"$ref": "#"}] * 9}, {"$dynamicRef": "#x", "$dynamicAnchor": "x"}],
)
def test_a_schema_that_is_its_own_part_is_counted_to_the_bound(schema: Any) -> None:
    assert visits(schema, 1, 1000) == 1001


def test_a_tree_is_described_by_a_schema_that_refers_to_itself() -> None:
    tree: Any = {"n": 1}
    for _ in range(8):
        tree = {"left": tree, "right": tree}
    demand_fit(Approval(answer=TREE), tree)
    with pytest.raises(DefinitionInvalid, match=r"left\.n"):
        demand_fit(Approval(answer=TREE), {"left": {"n": "one"}})


def test_a_large_answer_is_held_to_a_plain_schema() -> None:
    rows = [{"n": n} for n in range(10_000)]
    answer = {"items": {"properties": {"n": {"type": "integer"}}}}
    demand_fit(Approval(answer=answer), rows)
    with pytest.raises(DefinitionInvalid, match="do not fit"):
        demand_fit(Approval(answer=answer), [*rows, {"n": "one"}])


PARTS = st.recursive(
    st.booleans() | st.sampled_from([{"$ref": "#"}, {"$ref": "#/$defs/d"}, {"type": "integer"}]),
    lambda part: (
        st.dictionaries(
            st.sampled_from(
                ["not", "if", "then", "items", "additionalProperties", "propertyNames"]
            ),
            part,
            max_size=2,
        )
        | st.dictionaries(
            st.sampled_from(["allOf", "anyOf", "prefixItems"]),
            st.lists(part, min_size=1, max_size=3),
            max_size=1,
        )
        | st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from("ab"), part)})
    ),
    max_leaves=8,
)
VALUES = st.recursive(
    st.integers(0, 1),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from("ab"), one),
)


@given(PARTS, PARTS, VALUES)
def test_what_is_counted_within_the_bound_is_judged_soon(part: Any, other: Any, value: Any) -> None:
    schema = {"allOf": [part], "$defs": {"d": other}}
    if visits(schema, value, 2000) <= 2000:
        before = process_time()
        list(jsonschema_rs.Draft202012Validator(schema).iter_errors(value))
        assert process_time() - before < 2.0
