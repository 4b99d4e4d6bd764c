"""`util.math`: arithmetic, and nothing that could be more."""

import math

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.plugin import PluginFailed
from mainspring.testing.plugin_calls import done, failure, unfit
from mainspring.testing.plugins import TestContext
from mainspring_plugins.util.math import calculate


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1 + 2 * 3", 7),
        ("-2 ** 2", -4),
        ("7 // 2 + 7 % 2", 4),
        ("7 / 2", 3.5),
        ("2 ** 0.5", math.sqrt(2)),
        ("2 ** -1", 0.5),
        ("round(2.345, 2)", 2.35),
        ("max(1, 2, 3) - min(4, 5)", -1),
        ("sum(xs) / avg(xs)", 2.0),
        ("x if x > 2 else 0", 3),
        ("1 < x <= 3 and not x == 2", True),
        ("x < 1 or x != 3", False),
        ("floor(pi) + ceil(e)", 6),
        ("hypot(3, 4)", 5.0),
        (" x ", 3),
    ],
)
def test_expression_has_its_value(expression: str, result: Json) -> None:
    assert calculate(expression, {"x": 3, "xs": [1, 3]}) == pytest.approx(result)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("9 ** 9 ** 9", "a number becomes too large"),
        ("9 ** 9999999", "a number becomes too large"),
        ("2.0 ** 99999", "a number becomes too large"),
        ("1 / 0", "divides by zero"),
        ("(-1) ** 0.5", "a power that is no real number"),
        ("sqrt(-1)", "math domain error"),
        ("x.real", "column 1: this is no arithmetic"),
        ("().__class__", "column 1: this is no arithmetic"),
        ("[1 for a in xs]", "column 1: this is no arithmetic"),
        ("lambda: 1", "column 1: this is no arithmetic"),
        ("'a' * 3", "column 1: this is no arithmetic"),
        ("1 << 9999", "column 1: this is no arithmetic"),
        ("max(*xs)", "column 5: this is no arithmetic"),
        ("1 in xs", "column 1: this is no comparison"),
        ("nothing + 1", "there is no variable nothing"),
        ("eval(1)", "there is no function eval"),
        ("__import__(1)", "there is no function __import__"),
        ("xs + 1", "a list of numbers"),
        ("max(empty)", "max() has no numbers"),
        ("round(1.5, 999999999)", "round() keeps at most 20 digits"),
        ("1 +", "column"),
        ("", "column"),
        ("1\n2", "column"),
        ("+".join(["1"] * 400), "has more than 500 parts"),
        ("(" * 900 + "1" + ")" * 900, "expression:"),
        ("-" * 1900 + "1", "expression:"),
    ],
)
def test_what_is_no_arithmetic_is_refused_with_its_place(expression: str, told: str) -> None:
    with pytest.raises(PluginFailed) as failed:
        calculate(expression, {"x": 3, "xs": [1, 3], "empty": []})
    assert failed.value.final
    assert str(failed.value).startswith("expression: ")
    assert told in str(failed.value)


@forall(st.text(alphabet="0123456789.+-*/%()<>=,xabmin ", max_size=40))
def test_any_text_has_a_number_or_a_plain_failure(text: str) -> None:
    try:
        value = calculate(text, {"x": 2})
    except PluginFailed:
        return
    assert isinstance(value, int | float)


async def test_result_is_one_that_json_can_hold(context: TestContext) -> None:
    assert (await done("util.math", context, expression="2 / 3", round=2))["result"] == 0.67
    assert (await done("util.math", context, expression="-(2 ** 62)"))["result"] == -(2**62)
    failed = await failure("util.math", context, expression="2 ** 100")
    assert str(failed) == "expression: the result has more than 63 bits"
    failed = await failure("util.math", context, expression="1e308 * 10")
    assert str(failed) == "expression: the result is no finite number"


def test_variables_are_numbers() -> None:
    assert unfit("util.math", {"expression": "a", "variables": {"a": "1"}})
