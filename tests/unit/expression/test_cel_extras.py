"""The functions of the runs dialect, and its names with hyphens."""

from typing import Any

import pytest

from mainspring.domain.expression import (
    CelInvalid,
    ExpressionFailed,
    ExpressionTooLarge,
    Value,
    compile_cel,
)

DATA: dict[str, Any] = {
    "steps": {"fetch-data": {"output": {"n": 3, "t": " Ab,c "}}, "a": {"output": {"n": 5}}},
    "inputs": {"none": None, "xs": [1, [2, [3]]], "at": "2026-03-01T09:05:03.25Z"},
    "payload": {"steps": {"a": 9}},
}

ANSWERS: list[tuple[str, Value]] = [
    ("toLower('Ab') + 'Ab'.toUpper()", "abAB"),
    ("trim(steps.fetch-data.output.t)", "Ab,c"),
    ("'a-b-c'.replace('-', '+')", "a+b+c"),
    ("replace('ab', '', '.')", ".a.b."),
    ("'a,b'.split(',') == split('a,b', ',') && 'ab'.split('') == ['a', 'b']", True),
    ("['a', 'b'].join('-') + join(['c'])", "a-bc"),
    ("parseInt(' 42 ') + parseInt(2.0) + '-1'.parseInt()", 43),
    ("parseFloat('1.5e1') + parseFloat(1)", 16.0),
    ("toString(1) + toString(1.0) + toString(true) + toString(null)", "11truenull"),
    ("toString([1, {'a': 'b'}])", '[1,{"a":"b"}]'),
    ("default(inputs.q.r, 1) + default(inputs.none, 2) + default(3, 9)", 6),
    ("default(inputs.xs[9], 'd') + default({'a': 'x'}[inputs.at], 'e')", "de"),
    ("flatten(inputs.xs)", [1, 2, [3]]),
    ("inputs.xs.flatten(9)", [1, 2, 3]),
    ("obj('a', 1, 'b', [2])", {"a": 1, "b": [2]}),
    ("jsonEncode({'a': [1.5, null], 'at': timestamp(0)})",
     '{"a":[1.5,null],"at":"1970-01-01T00:00:00Z"}'),
    ("jsonDecode('{\"a\": [1]}').a[0] + jsonDecode('2')", 3),
    ("parseTimestamp('2026-03-01') < parseTimestamp('2026-03-01 00:00:01')", True),
    ("formatTimestamp(inputs.at)", "2026-03-01T09:05:03Z"),
    ("formatTimestamp(parseTimestamp(inputs.at), 'Mon Jan _2 15:04:05.000 2006')",
     "Sun Mar  1 09:05:03.250 2026"),
    ("formatTimestamp(inputs.at, '2/1/06 3:04pm MST', '+02:00')", "1/3/26 11:05am +02:00"),
    ("formatTimestamp(0, '2006-01-02T15:04:05.999Z07:00')", "1970-01-01T00:00:00Z"),
    # names with hyphens
    ("steps.fetch-data.output.n", 3),
    ("steps.a.output.n-1", 4),
    ("steps.fetch-data.output.n-steps.a.output.n", -2),
    ("steps['fetch-data'].output.n", 3),
    ("payload.steps.a-1", 8),
    ("has(steps.fetch-data.output)", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), ANSWERS)
def test_an_expression_says(text: str, value: Value) -> None:
    answer = compile_cel(text).evaluate(DATA)
    assert answer == value
    assert type(answer) is type(value)


FAILURES: list[tuple[str, str]] = [
    ("toLower(1)", "toLower: a whole number is not a text"),
    ("parseInt('x')", "parseInt: a text cannot be read as a whole number"),
    ("parseInt('99999999999999999999')", "parseInt: a text cannot be read"),
    ("parseFloat('1e999')", "parseFloat: a text cannot be read"),
    ("jsonDecode('{')", "jsonDecode: the text is not JSON"),
    ("jsonEncode({1: 2})", "a number as a key"),
    ("obj('a', 1, 'b')", "obj: a key has no value"),
    ("obj('a', 1, 'a', 2)", "one key twice"),
    ("flatten(1)", "flatten: a whole number is not a list"),
    ("join([1])", "join: a whole number is not a text"),
    ("parseTimestamp('soon')", "not an instant of RFC 3339"),
    ("default(1 / 0, 1)", "division by zero"),
    ("default(steps.nope.output, steps.none-such.output)", "steps.none-such.output is not there"),
]


@pytest.mark.parametrize(("text", "reason"), FAILURES)
def test_an_expression_that_has_no_answer_says_why(text: str, reason: str) -> None:
    with pytest.raises(ExpressionFailed) as failure:
        compile_cel(text).evaluate(DATA)
    assert reason in str(failure.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("default(1)", "default takes 2 values, got 1"),
        ("obj('a')", "obj takes 2 to 10 values, got 1"),
        ("toLowr('a')", 'unknown function "toLowr" (did you mean "toLower"?)'),
        ("now()", 'unknown function "now"'),
    ],
)
def test_a_faulty_call_is_told_when_it_is_parsed(text: str, reason: str) -> None:
    with pytest.raises(CelInvalid) as fault:
        compile_cel(text)
    assert reason in str(fault.value)


@pytest.mark.parametrize(
    "text",
    [
        "replace(inputs.a, '', inputs.a)",
        "split(inputs.a, 'a')",
        "inputs.xs.map(x, inputs.a.toUpper()).join(inputs.a)",
        "flatten([inputs.xs, inputs.xs, inputs.xs].map(x, inputs.xs.map(y, inputs.xs)), 9)",
        "jsonDecode(inputs.a + inputs.a)",
        "[1].map(a, [a, a, a]).map(b, [b, b, b, b, b, b, b, b]).map(c, inputs.xs.map(x, c))"
        ".map(d, jsonEncode([d, d, d, d, d, d, d, d]))",
        "inputs.xs.map(x, jsonEncode(inputs.xs))",
        "inputs.xs.map(x, formatTimestamp(0, inputs.layout))",
    ],
)
def test_what_would_grow_or_run_long_is_stopped(text: str) -> None:
    data: dict[str, Any] = {
        "inputs": {"a": "a" * 600_000, "xs": list(range(3000)), "layout": "2006" * 50}
    }
    with pytest.raises((ExpressionTooLarge, ExpressionFailed)):
        compile_cel(text).evaluate(data)


def test_what_default_may_fall_back_on_is_read_too() -> None:
    compiled = compile_cel("default(steps.a-b.output, inputs.c)")
    assert compiled.references == {("steps", "a-b", "output"), ("inputs", "c")}
