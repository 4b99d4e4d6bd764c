"""A guard holds or it does not, in any language, and over what it reads it says the same."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.expression import (
    CelInvalid,
    ExpressionError,
    ExpressionFailed,
    Guard,
    Path,
    Value,
    compile_cel,
    condition_evaluate,
    condition_references,
    guard_check,
    guard_holds,
    guard_references,
    select,
)

DATA: dict[str, Any] = {
    "payload": {"n": 3},
    "steps": {"pay": {"status": "completed", "output": {"ok": True}}},
}
GUARDS = [
    Guard("jsonlogic", {"==": [{"var": "steps.pay.status"}, "completed"]}),
    Guard("condition", {"type": "step_status", "step_ref": "pay", "status": "completed"}),
    Guard("cel", "steps.pay.status == 'completed'"),
]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.language)
def test_every_language_guards_by_the_same_face(guard: Guard) -> None:
    assert guard_check(guard, ["pay"]) == []
    assert guard_references(guard) == {("steps", "pay", "status")}
    assert guard_holds(guard, DATA)
    other: dict[str, Any] = {"steps": {"pay": {"status": "failed"}}}
    assert not guard_holds(guard, other)
    assert msgspec.json.decode(msgspec.json.encode(guard), type=Guard) == guard


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.language)
def test_a_step_that_is_not_there_is_named_with_a_hint(guard: Guard) -> None:
    (fault,) = guard_check(guard, ["payy"])
    assert 'unknown step "pay" (did you mean "payy"?)' in fault


def test_the_truth_of_json_logic_is_the_truth_of_the_dialect() -> None:
    assert guard_holds(Guard("jsonlogic", {"var": "payload.n"}), DATA)
    assert guard_holds(Guard("jsonlogic", {"filter": [[], True]}), DATA)
    assert not guard_holds(Guard("jsonlogic", {"var": "payload.nope"}), DATA)


@pytest.mark.parametrize("text", ["payload.n", "'true'", "null", "[true]"])
def test_a_cel_guard_is_true_or_false_and_nothing_else(text: str) -> None:
    with pytest.raises(ExpressionFailed, match="true or false"):
        guard_holds(Guard("cel", text), DATA)


def test_a_guard_without_an_answer_is_an_error() -> None:
    with pytest.raises(ExpressionFailed, match=r"payload\.nope is not there"):
        guard_holds(Guard("cel", "payload.nope > 1"), DATA)
    with pytest.raises(CelInvalid):
        guard_holds(Guard("cel", "payload."), DATA)
    with pytest.raises(ExpressionFailed, match="a CEL expression is a text"):
        guard_holds(Guard("cel", {"type": "exists"}), DATA)


def test_faults_are_found_beforehand() -> None:
    assert guard_check(Guard("cel", "payload. > 1"), []) == [
        'line 1, column 10: expected a name, found ">"'
    ]
    assert guard_check(Guard("cel", 1), []) == ["a CEL expression is a text, not a number"]
    assert guard_check(Guard("jsonlogic", {"equals": [1, 1]}), []) != []
    assert guard_check(Guard("cel", "paylod.n > 1"), [], roots=["payload", "steps"]) == [
        'unknown name "paylod" (did you mean "payload"?)'
    ]
    assert guard_check(Guard("cel", "x > 1"), []) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 1", set[Path]()),
        ("steps.a.output.x", {("steps", "a", "output", "x")}),
        ("steps['a-b'].output", {("steps", "a-b", "output")}),
        ("steps.`a-b`.output", {("steps", "a-b", "output")}),
        ("payload.x", {("payload", "x")}),
        ("payload", {("payload",)}),
        ("steps[payload.x].output", {("steps",), ("payload", "x")}),
        ("payload.xs[0].n", {("payload", "xs")}),
        ("payload.xs['0'].n", {("payload", "xs")}),
        ("payload.xs.map(x, x.y + payload.z)", {("payload", "xs"), ("payload", "z")}),
        ("[1].map(payload, payload.x)", set[Path]()),
        ("[1].map(x, true, [2].map(y, x + y + z))", {("z",)}),
        ("[payload.a].map(payload, payload.x) + payload.b", {("payload", "a"), ("payload", "b")}),
        ("payload.s.contains(payload.t)", {("payload", "s"), ("payload", "t")}),
        ("has(payload.a.b)", {("payload", "a")}),
        ("has(payload.a)", {("payload",)}),
        ("size(payload.a) + {'k': payload.b, payload.c: 1}.k",
         {("payload", "a"), ("payload", "b"), ("payload", "c")}),
        ("a ? b : !c && -d < [e][f]", {("a",), ("b",), ("c",), ("d",), ("e",), ("f",)}),
        ("type(a.b) == string", {("a", "b")}),
    ],
)  # fmt: skip
def test_an_expression_names_what_it_reads(text: str, expected: set[Path]) -> None:
    assert compile_cel(text).references == expected


NAMES = st.sampled_from(["a", "b", "c", "0", "1"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2.5, "", "t", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
CONTEXTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, max_size=3)

LINKS = st.sampled_from(
    [".a", ".b", "['c']", "['0']", "[0]", "[1]", "[a]", "[b.c]", ".size()", ".contains('t')"]
)
PATHS = st.tuples(st.sampled_from("abcx"), st.lists(LINKS, max_size=3)).map(
    lambda parts: parts[0] + "".join(parts[1])
)
MACROS = st.sampled_from(["all", "exists", "exists_one", "filter", "map"])
CELS: st.SearchStrategy[str] = st.recursive(
    st.one_of(
        PATHS,
        PATHS,
        st.builds("has({}.{})".format, PATHS, st.sampled_from("abc")),
        st.sampled_from(["1", "'t'", "true", "null", "[]", "{'a': 1}"]),
    ),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(
            ["+", "==", "!=", "<", "&&", "||", "in"]), inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("({}).{}({}, {})".format, inner, MACROS, st.sampled_from("axy"), inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({}).a".format, inner),
        st.builds("{{'k': {}, 'a': [{}]}}".format, inner, inner),
        st.builds("size({})".format, inner),
        # Not by a filter: one that gives up prints its strategy, and warns when that is long.
        inner.map(lambda text: f"!({text})" if text[0] in "!-" else f"!{text}"),
    ),
    max_leaves=8,
)  # fmt: skip


def outcome(text: str, data: dict[str, Value]) -> Value:
    try:
        return ["answer", compile_cel(text).evaluate(data)]
    except ExpressionError as error:
        return ["error", str(error)]


@given(CELS, CONTEXTS)
def test_an_expression_over_the_selected_values_has_the_same_answer(
    text: str, context: dict[str, Value]
) -> None:
    chosen = select(context, compile_cel(text).references)
    assert outcome(text, chosen) == outcome(text, context)


Json = st.SearchStrategy[Any]
OPERANDS: Json = st.one_of(
    st.sampled_from([None, True, 0, 1, 2.5, "t", ["t", 1], {"value": {"a": 1}}]),
    st.sampled_from(["p", "q"]).map(lambda ref: {"step_ref": ref}),
    st.sampled_from(["", "a", "a.b", "a.0", "b.1.a"]).map(lambda path: {"payload": path}),
    st.sampled_from(["p", "p.a", "q.0", "p.a.b", "r.a"]).map(lambda path: {"output": path}),
)
TYPES = st.sampled_from(["eq", "ne", "gt", "lte", "contains", "in", "regex"])
REFS = st.sampled_from(["p", "q", "r"])


def form(name: str | st.SearchStrategy[str], **fields: Json) -> Json:
    named = st.just(name) if isinstance(name, str) else name
    return st.fixed_dictionaries({"type": named, **fields})


CONDITIONS: Json = st.recursive(
    form(TYPES, left=OPERANDS, right=OPERANDS)
    | form("exists", operand=OPERANDS)
    | form("step_status", step_ref=REFS, status=st.just("done")),
    lambda inner: (
        form("not", condition=inner)
        | form(st.sampled_from(["all_of", "any_of"]), conditions=st.lists(inner, max_size=3))
    ),
    max_leaves=5,
)
STATUSES: Json = st.sampled_from(["done", "failed"])
STATES: Json = st.fixed_dictionaries({"status": STATUSES}, optional={"output": VALUES})
STEPS: Json = st.dictionaries(REFS, STATES)


def verdict(condition: Value, data: dict[str, Value]) -> Value:
    try:
        return ["answer", condition_evaluate(condition, data)]
    except ExpressionError as error:
        return ["error", str(error).partition(" (did you mean")[0]]


@given(CONDITIONS, VALUES, STEPS)
def test_a_condition_over_the_selected_values_says_the_same(
    condition: Value, payload: Value, steps: dict[str, Any]
) -> None:
    data: dict[str, Value] = {"payload": payload, "steps": steps}
    chosen = select(data, condition_references(condition))
    assert verdict(condition, chosen) == verdict(condition, data)


@given(CELS.map(lambda text: Guard("cel", text)), CONTEXTS)
def test_a_guard_answers_with_a_boolean_or_an_error(guard: Guard, context: dict[str, Any]) -> None:
    with suppress(ExpressionError):
        assert guard_holds(guard, context) in (True, False)


def fault_of(text: str) -> CelInvalid | None:
    try:
        compile_cel(text)
    except CelInvalid as fault:
        return fault
    return None


@given(st.text(max_size=60) | st.text("ab.[](){}'\"\\!-&|?:,=<>+*/%0159 xeruU`\n", max_size=60))
def test_any_text_is_an_expression_or_a_fault_with_a_place(text: str) -> None:
    fault = fault_of(text)
    if fault is not None:
        lines = text.split("\n")
        assert 1 <= fault.line <= len(lines)
        assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
        assert fault.reason
