"""A typed condition says yes or no, or why it cannot; never no for want of a meaning."""

from typing import Any

import pytest

from mainspring.domain.expression import (
    ExpressionFailed,
    Path,
    condition_check,
    condition_evaluate,
    condition_references,
)

DATA: dict[str, Any] = {
    "payload": {
        "order": {"total": 120, "tags": ["new", 1]},
        "big": 9007199254740993,
        "null": None,
        "name": "apple pie",
        "pattern": "^ap+",
    },
    "steps": {
        "pay": {"status": "completed", "output": {"id": "p-1", "lines": [{"n": 1}, {"n": 2}]}},
        "ship": {"status": "failed", "output": None},
    },
}
YES: Any = {"type": "all_of", "conditions": []}
NO: Any = {"type": "any_of", "conditions": []}


def step_is(ref: str, status: str) -> dict[str, Any]:
    return {"type": "step_status", "step_ref": ref, "status": status}


def compare(name: str, left: object, right: object) -> dict[str, Any]:
    return {"type": name, "left": left, "right": right}


TOTAL = {"payload": "order.total"}
TAGS = {"payload": "order.tags"}
NAME = {"payload": "name"}

ANSWERS: list[tuple[Any, bool]] = [
    (YES, True),
    (NO, False),
    ({"type": "not", "condition": NO}, True),
    ({"type": "all_of", "conditions": [YES, NO]}, False),
    ({"type": "any_of", "conditions": [NO, YES]}, True),
    ({"type": "any_of", "conditions": [YES, compare("gt", "a", 1)]}, True),
    (step_is("pay", "completed"), True),
    (step_is("ship", "completed"), False),
    ({"type": "step_status_in", "step_ref": "ship", "statuses": ["failed", "skipped"]}, True),
    ({"type": "step_status_in", "step_ref": "ship", "statuses": []}, False),
    (compare("eq", {"step_ref": "pay"}, "completed"), True),
    (compare("eq", TOTAL, 120), True),
    (compare("eq", TOTAL, 120.0), True),
    (compare("eq", TOTAL, "120"), False),
    (compare("eq", 1, True), False),
    (compare("eq", {"payload": "big"}, 9007199254740992), False),
    (compare("eq", {"payload": "big"}, 9007199254740992.0), False),
    (compare("gt", {"payload": "big"}, 9007199254740992.0), True),
    (compare("eq", {"payload": "nope"}, None), True),
    (compare("eq", {"value": {"payload": "x"}}, {"value": {"payload": "x"}}), True),
    (compare("eq", {"output": "pay.lines.1"}, {"value": {"n": 2}}), True),
    (compare("ne", TOTAL, 1), True),
    (compare("gt", TOTAL, 120), False),
    (compare("gte", TOTAL, 120), True),
    (compare("lt", 1, 1.5), True),
    (compare("lte", 2, 1), False),
    (compare("contains", NAME, "pie"), True),
    (compare("contains", TAGS, 1.0), True),
    (compare("contains", TAGS, "1"), False),
    (compare("in", "new", TAGS), True),
    (compare("in", {"step_ref": "pay"}, ["completed", "skipped"]), True),
    (compare("regex", NAME, "p{2}le"), True),
    (compare("regex", NAME, "^pie"), False),
    (compare("regex", NAME, {"payload": "pattern"}), True),
    ({"type": "exists", "operand": TOTAL}, True),
    ({"type": "exists", "operand": {"payload": "order.nope"}}, False),
    ({"type": "exists", "operand": {"payload": "null"}}, False),
    ({"type": "exists", "operand": {"payload": ""}}, True),
    ({"type": "exists", "operand": {"output": "pay"}}, True),
    ({"type": "exists", "operand": {"output": "pay.lines.1.n"}}, True),
    ({"type": "exists", "operand": {"output": "ship.id"}}, False),
    ({"type": "exists", "operand": {"step_ref": "ship"}}, True),
]


@pytest.mark.parametrize(("condition", "expected"), ANSWERS)
def test_a_sound_condition_says_yes_or_no(condition: Any, expected: bool) -> None:
    assert condition_check(condition, DATA["steps"]) == []
    assert condition_evaluate(condition, DATA) is expected


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (compare("gt", NAME, 1), "gt: a text is not a number"),
        (compare("lt", 1, "2"), "lt: a text is not a number"),
        (compare("gte", True, 1), "gte: a boolean is not a number"),
        (compare("lte", {"payload": "nope"}, 1), "lte: null is not a number"),
        (compare("in", 1, TOTAL), "in: a number is not a list"),
        (compare("in", "a", "abc"), "in: a text is not a list"),
        (compare("contains", {"payload": "nope"}, 1), "contains: null cannot contain a number"),
        (compare("contains", NAME, 1), "contains: a text cannot contain a number"),
        (compare("regex", TOTAL, "1"), "regex: a number and a text are not a text and a pattern"),
        (compare("regex", NAME, {"value": 1}), "are not a text and a pattern"),
        (compare("regex", "a" * 10_001, "a"), "regex: the text has more than 10000 characters"),
        (compare("regex", "a", "a" * 1001), "a pattern has more than 1000 characters"),
    ],
)
def test_a_comparison_without_a_meaning_fails(condition: Any, reason: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        condition_evaluate(condition, DATA)
    assert reason in str(caught.value)


FAULTS: list[tuple[Any, str]] = [
    ("yes", "a condition is an object with a type, not a text"),
    ({}, "type: a type is a text, not null"),
    ({"type": "step_stats"}, 'type: unknown type "step_stats" (did you mean "step_status"?)'),
    (step_is("payy", "x"), 'step_ref: unknown step "payy" (did you mean "pay"?)'),
    ({"type": "step_status", "step_ref": "pay"}, 'step_status needs "status"'),
    (step_is("pay", "x") | {"satus": 1}, 'unknown field "satus" (did you mean "status"?)'),
    (step_is("pay", "x") | {"status": 1}, "status: expected a text, found a number"),
    (
        {"type": "step_status_in", "step_ref": "pay", "statuses": "failed"},
        "statuses: expected a list of texts, found a text",
    ),
    (
        {"type": "step_status_in", "step_ref": "pay", "statuses": ["a", 1]},
        "statuses[1]: expected a text, found a number",
    ),
    (
        {"type": "any_of", "conditions": [YES, {"type": "not", "condition": {"type": "eqq"}}]},
        'conditions[1].condition.type: unknown type "eqq" (did you mean "eq"?)',
    ),
    ({"type": "all_of", "conditions": {}}, "expected a list of conditions, found an object"),
    (compare("eq", {"step_ref": "shop"}, 1), 'left.step_ref: unknown step "shop"'),
    (compare("eq", 1, {"output": "shp.id"}), 'right.output: unknown step "shp"'),
    (compare("eq", 1, {"output": 1}), "right.output: expected a path of names, found a number"),
    (compare("eq", {"paylod": "x"}, 1), "left: an operand is a literal or has one key of value,"),
    (compare("eq", {}, 1), "left: an operand is a literal or has one key of value,"),
    (compare("regex", NAME, "("), "right: not a regular expression: missing )"),
    (compare("regex", NAME, r"(a)\1"), "right: not a regular expression: invalid escape sequence"),
    ({"type": "eq", "left": 1}, 'eq needs "right"'),
]


@pytest.mark.parametrize(("condition", "fault"), FAULTS)
def test_a_fault_is_found_beforehand_and_fails_a_run(condition: Any, fault: str) -> None:
    found = condition_check(condition, DATA["steps"])
    assert any(fault in line for line in found), found
    with pytest.raises(ExpressionFailed) as caught:
        condition_evaluate(condition, DATA)
    assert str(caught.value) == found[0]


def test_all_faults_are_named_each_in_its_place() -> None:
    faults = condition_check(
        {"type": "all_of", "conditions": [step_is("nope", "x"), compare("eq", {"a": 1}, {"b": 2})]},
        ["pay"],
    )
    assert [line.partition(":")[0] for line in faults] == [
        "conditions[0].step_ref",
        "conditions[1].left",
        "conditions[1].right",
    ]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (YES, set[Path]()),
        (step_is("pay", "x"), {("steps", "pay", "status")}),
        (compare("eq", {"step_ref": "pay"}, TOTAL),
         {("steps", "pay", "status"), ("payload", "order", "total")}),
        ({"type": "not", "condition": {"type": "exists", "operand": {"output": "pay.a.0"}}},
         {("steps", "pay", "status"), ("steps", "pay", "output", "a", "0")}),
        (compare("regex", {"value": {"payload": "x"}}, {"payload": ""}), {("payload",)}),
        ({"type": "nope", "conditions": 1}, set[Path]()),
    ],
)  # fmt: skip
def test_a_condition_names_what_it_reads(condition: Any, expected: set[Path]) -> None:
    assert condition_references(condition) == expected
