"""CEL answers as its specification says, over plain JSON; or it says why it does not."""

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
    "payload": {
        "n": 3,
        "price": 2.5,
        "big": 9007199254740993,
        "name": "Ünïcode",
        "null": None,
        "xs": [1, 2, 3],
        "items": [{"id": "a", "n": 1}, {"id": "b", "n": 5}],
        "odd-key": {"0": "zero", "x y": 1},
        "at": "2026-02-28T23:30:00.5+01:00",
    },
    "steps": {"pay": {"status": "completed", "output": {"ok": True}}},
}

ANSWERS: list[tuple[str, Value]] = [
    # literals
    ("null", None),
    ("0x1F", 31),
    ("-0xA", -10),
    ("1e3", 1000.0),
    (".5", 0.5),
    ("-9223372036854775808", -(2**63)),
    (r"'a\'\"\n\x41\u00e9\U0001F600\101\`'", "a'\"\nA\u00e9\U0001f600A`"),
    (r"r'a\n'", r"a\n"),
    ("'''it's\n\"two\"'''", 'it\'s\n"two"'),
    ('r"""\\d"q"""', '\\d"q'),
    ("[1, 'a', null,]", [1, "a", None]),
    ("{'a': 1, 'b': [2],}", {"a": 1, "b": [2]}),
    ("1 // a comment\n + 1", 2),
    # arithmetic
    ("1 + 2 * 3 - 4", 3),
    ("(1 + 2) * 3", 9),
    ("10 - 2 - 3", 5),
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("-7 % 3", -1),
    ("7 % -3", 1),
    ("7.0 / 2.0", 3.5),
    ("--3", 3),
    ("---3", -3),
    ("-payload.n", -3),
    ("'a' + 'b'", "ab"),
    ("[1] + [2]", [1, 2]),
    ("payload.n * payload.price", 7.5),
    ("payload.big + 1", 9007199254740994),
    ("1.0 / 0.0 > 1e308 && -1.0 / 0.0 < -1e308", True),
    ("0.0 / 0.0 == 0.0 / 0.0", False),
    # equality and order
    ("1 == 1.0", True),
    ("1 == '1'", False),
    ("1 == true", False),
    ("null == false", False),
    ("null == null", True),
    ("payload.null == null", True),
    ("[1, [2]] == [1.0, [2]]", True),
    ("{'a': 1} == {'a': 1.0}", True),
    ("{'a': 1} != {'b': 1}", True),
    ("payload.big == 9007199254740992.0", False),
    ("payload.big > 9007199254740992.0", True),
    ("1 < 1.5", True),
    ("'a' < 'b' && 'Z' < 'a'", True),
    ("false < true", True),
    ("1 < 2 == true", True),
    # logic
    ("true && !false || false", True),
    ("!!true", True),
    ("false && payload.nope", False),
    ("payload.nope && false", False),
    ("payload.nope || true", True),
    ("1 / 0 == 1 || true", True),
    ("true ? 1 : 1 / 0", 1),
    ("false ? 1 : payload.n > 2 ? 'big' : 'small'", "big"),
    ("true ? false ? 1 : 2 : 3", 2),
    # reading
    ("payload.xs[1]", 2),
    ("payload.xs[1.0]", 2),
    ("payload['odd-key']['x y']", 1),
    ("payload.`odd-key`['0']", "zero"),
    ("steps.pay.output.ok", True),
    ("{'in': {'true': 1}}.in.true", 1),
    ("{404: 'gone', 500: 'bad'}[404.0]", "gone"),
    # has and in
    ("has(payload.n)", True),
    ("has(payload.null)", True),
    ("has(payload.nope)", False),
    ("has(payload.nope) && payload.nope > 1", False),
    ("has(payload.items[0].id)", True),
    ("2 in payload.xs", True),
    ("2.0 in payload.xs", True),
    ("true in [1]", False),
    ("'n' in payload", True),
    ("1 in {1: 'a'}", True),
    ("true in {1: 'a'}", False),
    ("!('z' in payload)", True),
    # functions
    ("size(payload.name)", 7),
    ("payload.xs.size() + size({'a': 1})", 4),
    ("payload.name.startsWith('Ün') && payload.name.endsWith('code')", True),
    ("payload.name.contains('ïc')", True),
    ("payload.name.matches('^.nïc[a-z]+$')", True),
    ("matches('abc', 'b')", True),
    ("'abc'.matches('b' + 'd')", False),
    ("int('42') + int(2.9) + int(-2.9)", 42),
    ("double('1.5') + double(1)", 2.5),
    ("string(1) + string(true) + string(2.0) + string(0.1)", "1true20.1"),
    ("bool('true') && !bool('0')", True),
    ("type(1) == int && type('') == string && type(null) == null_type", True),
    ("type(1) == type(1.0)", False),
    ("type(type(1)) == type", True),
    ("dyn([1])[0]", 1),
    # macros
    ("payload.xs.all(x, x > 0)", True),
    ("[].all(x, 1 / 0 == 1)", True),
    ("[].exists(x, true)", False),
    ("payload.xs.exists(x, x == 2)", True),
    ("[0, 2].exists(x, 2 / x == 1)", True),
    ("[0, 2].all(x, 2 / x == 3)", False),
    ("payload.xs.exists_one(x, x > 2)", True),
    ("payload.xs.exists_one(x, x > 1)", False),
    ("payload.xs.filter(x, x % 2 == 1)", [1, 3]),
    ("payload.xs.map(x, x * x)", [1, 4, 9]),
    ("payload.xs.map(x, x > 1, x * x)", [4, 9]),
    ("{'a': 1, 'b': 2}.map(k, k)", ["a", "b"]),
    ("payload.xs.map(x, payload.xs.filter(y, y < x).size())", [0, 1, 2]),
    ("payload.items.filter(payload, payload.n > 1).map(i, i.id)", ["b"]),
    ("payload.items.map(i, i.n).exists(n, n == 5)", True),
    # time
    ("timestamp(payload.at)", "2026-02-28T22:30:00.5Z"),
    ("timestamp(payload.at) + duration('90m')", "2026-03-01T00:00:00.5Z"),
    ("timestamp('2026-01-02T00:00:00Z') - timestamp('2026-01-01T00:00:00Z')", "86400s"),
    ("timestamp('2026-01-02T00:00:00Z') < timestamp('2026-01-01T23:00:00-05:00')", True),
    ("timestamp(0) == timestamp('1970-01-01T00:00:00Z')", True),
    ("int(timestamp('1969-12-31T23:59:59.5Z'))", -1),
    ("duration('1h1.5s') > duration('1h')", True),
    ("-duration('1.5s')", "-1.5s"),
    ("duration('90m').getHours() + duration('90m').getMinutes()", 91),
    ("timestamp('2026-02-28T23:30:00Z').getMonth()", 1),
    ("timestamp('2026-02-28T23:30:00Z').getDayOfWeek()", 6),
    ("timestamp('2026-02-28T23:30:00Z').getDayOfYear()", 58),
    ("timestamp('2026-02-28T23:30:00Z').getDate('+01:00')", 1),
    ("timestamp('2026-02-28T23:30:00Z').getDayOfMonth()", 27),
    ("timestamp('2026-02-28T23:30:00.25Z').getMilliseconds()", 250),
    ("string(duration('100ms'))", "0.1s"),
]


@pytest.mark.parametrize(("text", "expected"), ANSWERS)
def test_an_expression_has_the_answer_of_the_specification(text: str, expected: Value) -> None:
    answer = compile_cel(text).evaluate(DATA)
    assert answer == expected
    assert type(answer) is type(expected)


FAILURES: list[tuple[str, str]] = [
    ("payload.nope", "payload.nope is not there"),
    ("payload.nope.deeper > 1", "payload.nope.deeper is not there"),
    ("payload.n.deeper", "payload.n.deeper is not there"),
    ("nowhere", "nowhere is not there"),
    ("nowhere.a.b", "nowhere.a.b is not there"),
    ("payload.xs.map(x, x.y)", "x.y is not there"),
    ("payload.items[0].nope", 'there is no field "nope"'),
    ("payload.xs[3]", "no item at that place"),
    ("payload.xs[-1]", "no item at that place"),
    ("payload.xs[0.5]", "not the place of an item"),
    ("payload.xs[true]", "not the place of an item"),
    ("{'a': 1}['b' + '']", "no such key"),
    ("{1: 1}[true]", "no such key"),
    ("payload.n[0]", "has no items"),
    ("has(payload.nope.deeper)", "payload.nope is not there"),
    ("has(payload.n.x)", "has: a whole number has no fields"),
    ("1 / 0", "division by zero"),
    ("1 % 0", "modulus by zero"),
    ("1.5 % 1.0", "only whole numbers"),
    ("9223372036854775807 + 1", "out of range"),
    ("-(-9223372036854775808)", "out of range"),
    ("1 + '1'", "a whole number and a text do not go together"),
    ("'a' * 2", "do not go together"),
    ("true + true", "do not go together"),
    ("1 < '1'", "do not go together"),
    ("1 < true", "do not go together"),
    ("null < 1", "do not go together"),
    ("[1] < [2]", "do not go together"),
    ("-'a'", "not a number"),
    ("!1", "a whole number is not true or false"),
    ("1 && true", "not true or false"),
    ("payload.nope && true", "not there"),
    ("payload.nope || false", "not there"),
    ("null ? 1 : 2", "not true or false"),
    ("1 in 'a'", "no list and no object"),
    ("size(1)", "has no size"),
    ("'a'.contains(1)", "not two texts"),
    ("1.startsWith('a')", "not two texts"),
    ("1.0.matches('a')", "not a text"),
    ("'a'.matches('(' + '')", "not a regular expression"),
    ("int('1.5')", "cannot be read as one"),
    ("int(1e19)", "out of range"),
    ("int(true)", "cannot be read as one"),
    ("int(9223372036854775807 > 0 ? '9223372036854775808' : '')", "cannot be read as one"),
    ("double('x')", "cannot be read as one"),
    ("bool('yes')", "cannot be read as one"),
    ("string([1])", "cannot be read as one"),
    ("timestamp('2026-02-30T00:00:00Z')", "no such day"),
    ("timestamp('yesterday')", "not an instant"),
    ("timestamp(9999999999999)", "out of range"),
    ("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "out of range"),
    ("duration('1 hour')", "not a duration"),
    ("duration('')", "not a duration"),
    ("duration('999999999h') + duration('999999999h')", "out of range"),
    ("timestamp(0).getHours('Europe/Berlin')", "a time zone is"),
    ("duration('1s').getMonth()", "no such part"),
    ("payload.n.all(x, true)", "not a list to go through"),
    ("[1].all(x, x)", "not true or false"),
    ("[1].exists_one(x, 1 / 0 == 1)", "division by zero"),
    ("[1].filter(x, null)", "not true or false"),
    ("{1.5: 1}", "not a key"),
    ("{true: 1}", "not a key"),
    ("{'a': 1, 'a': 2}", "one key twice"),
    ("{1: 1}", "a number as a key"),
    ("1.0 / 0.0", "not a finite number"),
]


@pytest.mark.parametrize(("text", "reason"), FAILURES)
def test_what_has_no_answer_fails_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        compile_cel(text).evaluate(DATA)
    assert reason in str(caught.value)


FAULTS: list[tuple[str, int, int, str]] = [
    ("", 1, 1, "expected a value, found the end"),
    ("1 +", 1, 4, "expected a value, found the end"),
    ("1 +\n  * 2", 2, 3, 'expected a value, found "*"'),
    ("a b", 1, 3, 'expected an operator or the end, found "b"'),
    ("(1", 1, 3, 'expected ")", found the end'),
    ("[1 2]", 1, 4, 'expected "]"'),
    ("f(1,)", 1, 5, "expected a value"),
    ("{'a' 1}", 1, 6, 'expected ":"'),
    ("true ? 1", 1, 9, 'expected ":"'),
    ("a.", 1, 3, "expected a name"),
    ("a.1", 1, 2, "expected an operator or the end"),
    ("a.[1]", 1, 3, "expected a name"),
    ("!-1", 1, 2, "expected a value"),
    ("a = 1", 1, 3, "equality is =="),
    ("a & b", 1, 3, "and is &&"),
    ("a | b", 1, 3, "or is ||"),
    ("a # b", 1, 3, 'unexpected character "#"'),
    ("a\x00", 1, 2, "unexpected control character"),
    ("'abc", 1, 1, "no ' to end it"),
    ("'a\nb'", 1, 1, "no ' to end it"),
    (r"'a\qb'", 1, 3, "no known escape"),
    (r"'\ud800'", 1, 2, "no known escape"),
    ("b'a'", 1, 1, "bytes are not supported"),
    ("1u", 1, 1, "unsigned numbers are not supported"),
    ("uint(1)", 1, 1, "unsigned numbers are not supported"),
    ("9223372036854775808", 1, 20, "out of range"),
    ("99999999999999999999999", 1, 1, "out of range"),
    ("for", 1, 1, "a word of the language"),
    ("siez(a)", 1, 1, 'unknown function "siez" (did you mean "size"?)'),
    ("a.startswith('b')", 1, 3, '(did you mean "startsWith"?)'),
    ("contains(a, 'b')", 1, 1, "contains is written x.contains(...)"),
    ("map(x, 1)", 1, 1, "map is written x.map(...)"),
    ("a.int()", 1, 3, "int is written int(x)"),
    ("size()", 1, 1, "size takes 1 values, got 0"),
    ("a.map(x)", 1, 3, "map takes 2 or 3 values"),
    ("a.all(1, true)", 1, 3, "the first value of all is a name"),
    ("has(a)", 1, 1, "has takes one field"),
    ("has(a['b'])", 1, 1, "key in a"),
    ("a.matches('(')", 1, 3, "not a regular expression: missing )"),
    (r"matches(a, r'\1')", 1, 1, "not a regular expression: invalid escape sequence"),
    ("a.matches(r'(?=b)')", 1, 3, "not a regular expression"),
    ("(" * 24 + "1" + ")" * 24, 1, 25, "nested more than 24 deep"),
    ("1" * 20_001, 1, 1, "more than 20000 characters"),
    ("||".join(f"a.matches('{n}')" for n in range(11)), 1, 163, "at most 10 patterns"),
]


@pytest.mark.parametrize(("text", "line", "column", "reason"), FAULTS)
def test_a_fault_of_the_text_has_a_place_and_a_reason(
    text: str, line: int, column: int, reason: str
) -> None:
    with pytest.raises(CelInvalid) as caught:
        compile_cel(text)
    assert reason in caught.value.reason
    assert (caught.value.line, caught.value.column) == (line, column)


def test_no_message_quotes_the_data() -> None:
    secret: dict[str, Value] = {"payload": {"s": "hunter2", "p": "hunter2("}}
    for text in (
        "payload.s + 1",
        "payload.s < 1",
        "{}[payload.s]",
        "int(payload.s)",
        "'a'.matches(payload.p)",
        "timestamp(payload.s)",
        "payload.s ? 1 : 2",
    ):
        with pytest.raises(ExpressionFailed) as caught:
            compile_cel(text).evaluate(secret)
        assert "hunter2" not in str(caught.value)


def test_an_expression_is_parsed_once() -> None:
    assert compile_cel("payload.n + 1") is compile_cel("payload.n + 1")


def test_steps_are_counted() -> None:
    double = compile_cel("payload.xs.map(x, x * 2)")
    assert double.evaluate(DATA, max_steps=30) == [2, 4, 6]
    with pytest.raises(ExpressionTooLarge):
        double.evaluate(DATA, max_steps=10)


def test_a_long_expression_is_no_deep_one() -> None:
    assert compile_cel("+".join(["1"] * 5000)).evaluate({}) == 5000
    assert compile_cel("&&".join(["true"] * 2000)).evaluate({}) is True
    assert compile_cel("false?1:" * 2000 + "2").evaluate({}) == 2
    assert compile_cel("!" * 10_000 + "true").evaluate({}) is True
    brackets = "(" * 23 + "1" + ")" * 23
    assert compile_cel(brackets).evaluate({}) == 1
    nested: Value = 7
    for _ in range(200):
        nested = {"a": nested}
    assert compile_cel("payload" + ".a" * 200).evaluate({"payload": nested}) == 7
