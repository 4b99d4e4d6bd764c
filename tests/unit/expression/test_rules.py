"""A rule has an answer or a reason; it is never silently false."""

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.expression import (
    ExpressionError,
    ExpressionFailed,
    ExpressionTooLarge,
    Value,
    check,
    evaluate,
    parse,
    truthy,
)

DATA: dict[str, Value] = {
    "a": {"b": 7, "zero": 0, "null": None, "empty": ""},
    "xs": [1, 2, 3, 4],
    "items": [{"n": 1, "ok": True}, {"n": 5, "ok": False}],
    "name": "apple",
}
XS = {"var": "xs"}


ANSWERS: list[tuple[Any, Any]] = [
    ("text", "text"),
    ([1, {"var": "a.b"}], [1, 7]),
    ({"var": "a.b"}, 7),
    ({"var": ["a.nope", "default"]}, "default"),
    ({"var": ["a.null", "default"]}, "default"),
    ({"var": ["a.zero", "default"]}, 0),
    ({"var": "xs.2"}, 3),
    ({"var": "xs.9"}, None),
    ({"var": {"cat": ["a", ".", "b"]}}, 7),
    ({"var": "name.0"}, None),
    ({"missing": ["a.b", "a.empty", "zip"]}, ["a.empty", "zip"]),
    ({"missing": [["a.b", "zip"]]}, ["zip"]),
    ({"missing": {"merge": ["a.b", "zip"]}}, ["zip"]),
    ({"missing_some": [1, ["a.b", "zip"]]}, []),
    ({"missing_some": [2, ["a.b", "zip"]]}, ["zip"]),
    ({"if": [False, 1]}, None),
    ({"if": [False, 1, 0, 2, 3]}, 3),
    ({"if": [[], 1, {"var": "a.b"}, 2, 3]}, 2),
    ({"?:": [True, 1, {"unknown": 1}]}, 1),
    ({"==": [1, "1"]}, True),
    ({"==": [1, True]}, True),
    ({"==": [None, 0]}, False),
    ({"==": [None, {"var": "zip"}]}, True),
    ({"==": ["a", 0]}, False),
    ({"==": ["", 0]}, True),
    ({"==": [[1, [2]], [1, [2]]]}, True),
    ({"===": [{"var": "items.0"}, {"var": "items.0"}]}, True),
    ({"==": [[1], 1]}, False),
    ({"!=": [1, 2]}, True),
    ({"===": [1, "1"]}, False),
    ({"===": [1, True]}, False),
    ({"===": [1, 1.0]}, True),
    ({"!==": [1, "1"]}, True),
    ({"!": [[]]}, True),
    ({"!": 0}, True),
    ({"!!": "0"}, True),
    ({"or": [0, "", "x", {"unknown": 1}]}, "x"),
    ({"or": [0, ""]}, ""),
    ({"and": [1, "", {"unknown": 1}]}, ""),
    ({"and": [1, 2]}, 2),
    ({">": [2, 1]}, True),
    ({">=": ["2", 2]}, True),
    ({"<": [1, 2, 3]}, True),
    ({"<": [1, 1, 3]}, False),
    ({"<=": [1, 1, 3]}, True),
    ({"<": ["2026-01-02", "2026-01-10"]}, True),
    ({">": [{"var": "zip"}, 1]}, False),
    ({"max": [1, 3, 2]}, 3),
    ({"min": [1, 3.5, "2"]}, 1),
    ({"+": [1, 2, 3]}, 6),
    ({"+": "3.5"}, 3.5),
    ({"-": 2}, -2),
    ({"-": [5, 2]}, 3),
    ({"*": [2, 3, 4]}, 24),
    ({"/": [4, 2]}, 2),
    ({"/": [1, 4]}, 0.25),
    ({"%": [101, 2]}, 1),
    ({"%": [-5, 3]}, -2),
    ({"%": [5.5, 2]}, 1.5),
    ({"+": [9007199254740993, 1]}, 9007199254740994),
    ({"map": [XS, {"*": [{"var": ""}, 2]}]}, [2, 4, 6, 8]),
    ({"filter": [XS, {"%": [{"var": ""}, 2]}]}, [1, 3]),
    ({"reduce": [XS, {"+": [{"var": "current"}, {"var": "accumulator"}]}, 0]}, 10),
    ({"reduce": [{"var": "zip"}, 1, 9]}, 9),
    ({"map": [{"var": "zip"}, 1]}, []),
    ({"all": [{"var": "items"}, {">": [{"var": "n"}, 0]}]}, True),
    ({"all": [[], True]}, False),
    ({"some": [{"var": "items"}, {"var": "ok"}]}, True),
    ({"none": [{"var": "items"}, {">": [{"var": "n"}, 9]}]}, True),
    ({"none": [[], True]}, True),
    ({"merge": [[1], 2, [[3]]]}, [1, 2, [3]]),
    ({"in": ["ppl", {"var": "name"}]}, True),
    ({"in": [3, XS]}, True),
    ({"in": ["3", XS]}, False),
    ({"in": ["x", {"var": "zip"}]}, False),
    ({"in": [{"var": "zip"}, "x"]}, False),
    ({"cat": ["I am ", 1, True, None]}, "I am 1true"),
    ({"substr": ["jsonlogic", 4]}, "logic"),
    ({"substr": ["jsonlogic", -5]}, "logic"),
    ({"substr": ["jsonlogic", 1, 3]}, "son"),
    ({"substr": ["jsonlogic", 4, -2]}, "log"),
    ({"substr": ["ab", -9]}, "ab"),
]


@pytest.mark.parametrize(
    ("rule", "expected"),
    ANSWERS,
)
def test_a_rule_has_its_answer(rule: Value, expected: Value) -> None:
    answer = evaluate(rule, DATA)
    assert answer == expected
    assert type(answer) is type(expected)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"foo": [1]}, 'unknown operator "foo"'),
        ({"log": "x"}, 'unknown operator "log"'),
        ({"method": ["x", "upper"]}, "unknown operator"),
        ({"a": 1, "b": 2}, "exactly one key, not 2"),
        ({}, "exactly one key, not 0"),
        ({"==": [1]}, "==: takes 2 values, got 1"),
        ({"if": []}, "if: takes 1 or more"),
        ({"<": [1, 2, 3, 4]}, "takes 2 to 3"),
        ({"var": [[1]]}, "a list is not a name"),
        ({"<": ["a", 1]}, "<: a text and a number have no order"),
        ({">": [{"var": "a"}, 1]}, "an object and a number"),
        ({"+": ["x", 1]}, "a text is not a number"),
        ({"+": [{"var": "zip"}, 1]}, "null is not a number"),
        ({"max": [XS]}, "a list is not a number"),
        ({"/": [1, 0]}, "division by zero"),
        ({"%": [1, 0]}, "division by zero"),
        ({"*": [1e300, 1e300]}, "out of range"),
        ({"+": "1e999"}, "out of range"),
        ({"map": [{"var": "name"}, 1]}, "a text is not a list"),
        ({"cat": [XS]}, "a list is not a text"),
        ({"substr": ["abc", 0.5]}, "whole number"),
        ({"in": [1, 2]}, "a number holds nothing"),
        ({"missing_some": [1, "a"]}, "not a list of names"),
    ],
)
def test_a_rule_without_an_answer_says_why(rule: Value, reason: str) -> None:
    with pytest.raises(ExpressionFailed, match=reason):
        evaluate(rule, DATA)


def test_a_reason_never_quotes_the_data() -> None:
    with pytest.raises(ExpressionFailed) as fault:
        evaluate({"<": [{"var": "token"}, 1]}, {"token": "s3cret"})
    assert "s3cret" not in str(fault.value)


def test_values_of_the_data_are_never_taken_for_rules() -> None:
    data: Value = {"x": [{"var": "secret"}, {"foo": 1}], "secret": "s"}
    assert evaluate({"merge": [{"var": "x"}]}, data) == [{"var": "secret"}, {"foo": 1}]
    with pytest.raises(ExpressionFailed, match="not a name"):
        evaluate({"missing_some": [1, {"var": "x"}]}, data)


def doubling(body: Value, start: Value) -> Value:
    return {"reduce": [list[Value](range(200)), body, start]}


ACCUMULATOR: Value = {"var": "accumulator"}


@pytest.mark.parametrize(
    "rule",
    [
        doubling({"cat": [ACCUMULATOR, ACCUMULATOR]}, "aaaaaaaaaa"),
        doubling({"merge": [ACCUMULATOR, ACCUMULATOR]}, [1, 2]),
        doubling([ACCUMULATOR, ACCUMULATOR], 1),
        {"==": [doubling([ACCUMULATOR, ACCUMULATOR], 1), doubling([ACCUMULATOR, ACCUMULATOR], 1)]},
        {"reduce": [list(range(3000)), [ACCUMULATOR], 1]},
        {"map": [list(range(1000)), {"map": [list(range(1000)), {"var": ""}]}]},
    ],
)
def test_a_rule_that_grows_is_stopped(rule: Value) -> None:
    with pytest.raises(ExpressionTooLarge):
        evaluate(rule, {})


def test_a_number_that_grows_is_stopped() -> None:
    with pytest.raises(ExpressionFailed, match="out of range"):
        evaluate(doubling({"*": [ACCUMULATOR, ACCUMULATOR]}, 3), {})


@pytest.mark.parametrize("levels", [65, 100_000])
def test_a_rule_nested_too_deeply_is_stopped(levels: int) -> None:
    rule: Value = True
    for _ in range(levels):
        rule = {"!": [rule]}
    with pytest.raises(ExpressionTooLarge):
        evaluate(rule, {})
    assert "nested" in check(rule)[0]


def test_deep_data_can_be_carried_but_not_compared_for_ever() -> None:
    deep: Value = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ExpressionTooLarge):
        evaluate({"==": [{"var": "x"}, {"var": "y"}]}, {"x": deep, "y": [deep]})


@pytest.mark.parametrize("name", ["__class__", "a.__class__", "name.upper", "xs.append", "xs.-1"])
def test_no_name_reaches_an_attribute_of_python(name: str) -> None:
    assert evaluate({"var": name}, DATA) is None


FAULTS: list[tuple[Any, Any]] = [
    ({"==": [{"var": "a"}, 1]}, []),
    (True, []),
    (
        {"if": [{"==": {"foo": 1}}]},
        ["if[0].==: takes 2 values, got 1", 'if[0].==: unknown operator "foo"'],
    ),
    ({"=": [1, 1]}, ['unknown operator "=" (did you mean "=="?)']),
    (
        {"and": [{"filtre": []}, {"a": 1, "b": 2}]},
        [
            'and[0]: unknown operator "filtre" (did you mean "filter"?)',
            "and[1]: an operation has exactly one key, not 2",
        ],
    ),
    ({"!": [[{"var": True}]]}, ["![0][0].var: a name is a text or a whole number"]),
    ({"missing": [["a", 1.5]]}, ["missing: a name is a text or a whole number"]),
]


@pytest.mark.parametrize(
    ("rule", "faults"),
    FAULTS,
)
def test_check_finds_every_fault_with_its_place(rule: Value, faults: list[str]) -> None:
    assert check(rule) == faults


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (True, True),
        (False, False),
        (None, False),
        (0, False),
        (0.0, False),
        (-1, True),
        ("", False),
        ("false", True),
        ([], True),
        ({}, True),
        ([0], True),
    ],
)
def test_a_branch_is_taken_by_the_rule_of_the_dialect(answer: Value, expected: bool) -> None:
    assert truthy(answer) is expected


def test_a_rule_may_come_as_json_text() -> None:
    assert parse('{"==":[1,1]}') == {"==": [1, 1]}
    assert parse({"==": [1, 1]}) == {"==": [1, 1]}
    for text in ("{", "[" * 100_000, "not json", "\ud800"):
        with pytest.raises(ExpressionError):
            parse(text)


OPERATORS = (
    "var missing missing_some if ?: == === != !== ! !! or and > >= < <= max min + - * / % "
    "map filter reduce all none some merge in cat substr nope"
)
LEAVES = st.sampled_from(
    [None, True, False, 0, -1, 2.5, 1e308, 10**300, "", "a", "1", "a.b", "1e5", " 7 "]
)
RULES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(st.sampled_from(OPERATORS.split()), st.lists(inner, max_size=3)).map(
            lambda p: {p[0]: p[1]}
        ),
    ),
    max_leaves=12,
)


def outcome(rule: Value, data: Value) -> Value | ExpressionError:
    try:
        return evaluate(rule, data)
    except ExpressionError as error:
        return error


@given(RULES)
def test_every_rule_answers_in_finite_json_or_fails_with_a_reason(rule: Value) -> None:
    answer = outcome(rule, {"a": {"b": [1, "x", None]}, "1": 2})
    assert not isinstance(answer, ExpressionError) or str(answer)
    assert not isinstance(answer, float) or math.isfinite(answer)


@given(RULES)
def test_a_rule_without_static_faults_fails_only_by_its_values(rule: Value) -> None:
    answer = outcome(rule, {})
    if not check(rule) and isinstance(answer, ExpressionError):
        assert not re.search("unknown operator|takes .* values|exactly one key", str(answer))
