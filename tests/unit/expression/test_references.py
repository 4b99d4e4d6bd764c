"""What a template or a rule says it reads is all that it reads."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.expression import (
    ROOT,
    ExpressionError,
    Path,
    TemplateInvalid,
    Value,
    compile_body,
    compile_text,
    evaluate,
    references,
    rule_references,
    select,
)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", set[Path]()),
        ("{{a.b}} {{{c}}} {{&d.0}}", {("a", "b"), ("c",), ("d", "0")}),
        ("{{#a.b}}{{c.d}}{{.}}{{/a.b}}", {("a", "b"), ("c", "d")}),
        ("{{^a}}{{b}}{{.}}{{/a}}", {("a",), ("b",), ROOT}),
        ("{{.}}", {ROOT}),
        ({"x": ["{{a}}", {"y": "{{b}}"}], "{{no}}": 1}, {("a",), ("b",)}),
        ('{"x":{{a}}}', {("a",)}),
    ],
)
def test_a_template_names_what_it_reads(template: Value, expected: set[Path]) -> None:
    assert references(template) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (True, set[Path]()),
        ({"==": [{"var": "a.b"}, 1]}, {("a", "b")}),
        ({"var": ["a", {"var": "b"}]}, {("a",), ("b",)}),
        ({"var": ""}, {ROOT}),
        ({"var": {"cat": ["a.", {"var": "b"}]}}, {ROOT, ("b",)}),
        ({"missing": ["a", "b.c"]}, {("a",), ("b", "c")}),
        ({"missing_some": [1, ["a", "b"]]}, {("a",), ("b",)}),
        ({"filter": [{"var": "xs"}, {">": [{"var": "n"}, 1]}]}, {("xs",)}),
        ({"reduce": [{"var": "xs"}, {"var": "current"}, {"var": "z"}]}, {("xs",), ("z",)}),
    ],
)
def test_a_rule_names_what_it_reads(rule: Value, expected: set[Path]) -> None:
    assert rule_references(rule) == expected


def test_select_carries_what_is_named_and_no_more() -> None:
    context: dict[str, Value] = {"a": {"b": 1, "c": 2}, "d": [{"e": 3}, {"e": 4}], "f": None}
    assert select(context, [("a", "b"), ("a", "x"), ("f",)]) == {"a": {"b": 1}, "f": None}
    assert select(context, [("d", "1", "e")]) == {"d": {"1": {"e": 4}}}
    assert select(context, [("a",), ("a", "b")]) == {"a": {"b": 1, "c": 2}}
    assert select(context, [ROOT, ("a",)]) == context
    assert select(context, []) == {}


NAMES = st.sampled_from(["a", "b", "c", "0", "1"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2.5, "", "t", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
CONTEXTS = st.dictionaries(NAMES, VALUES, max_size=4)
PATHS = st.one_of(st.just("."), st.lists(NAMES, min_size=1, max_size=3).map(".".join))


def section(parts: tuple[str, str, str]) -> str:
    sigil, path, body = parts
    return f"{{{{{sigil}{path}}}}}{body}{{{{/{path}}}}}"


TEMPLATES = st.recursive(
    st.one_of(PATHS.map("({{%s}})".__mod__), PATHS.map("({{{%s}}})".__mod__), st.just("text")),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("#^"), PATHS, inner).map(section),
        st.lists(inner, min_size=1, max_size=3).map("".join),
    ),
    max_leaves=6,
)


@given(TEMPLATES, CONTEXTS)
def test_a_text_over_the_selected_values_is_the_same_text(
    template: str, context: dict[str, Value]
) -> None:
    text = compile_text(template)
    assert text.render(select(context, text.references)) == text.render(context)


@given(st.lists(TEMPLATES, max_size=3), CONTEXTS)
def test_a_body_over_the_selected_values_is_the_same_body(
    templates: list[str], context: dict[str, Value]
) -> None:
    forms: list[Any] = [{"a": templates}, "[" + ",".join(templates) + "]"]
    for template in forms:
        try:
            body = compile_body(template)
        except TemplateInvalid:
            continue
        assert body.encode(select(context, body.references)) == body.encode(context)


def op(name: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(*args).map(lambda values: {name: list(values)})


RULES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.sampled_from([None, True, 0, 1, "a", "a.b", ""]),
        op("var", PATHS),
        op("var", st.sampled_from([0, "", "current", "accumulator"])),
        op("missing", PATHS, PATHS),
    ),
    lambda inner: st.one_of(
        *(op(name, inner, inner) for name in ("==", "===", "<", "and", "or", "+", "in", "cat")),
        *(op(name, inner, inner) for name in ("map", "filter", "all", "some", "none", "merge")),
        op("reduce", inner, inner, inner),
        op("if", inner, inner, inner),
        op("var", inner),
        op("missing_some", st.just(1), inner),
        st.lists(inner, max_size=2),
    ),
    max_leaves=8,
)


def outcome(rule: Value, data: Value) -> Value:
    try:
        return ["answer", evaluate(rule, data)]
    except ExpressionError as error:
        return ["error", str(error)]


@given(RULES, CONTEXTS)
def test_a_rule_over_the_selected_values_has_the_same_answer(
    rule: Value, context: dict[str, Value]
) -> None:
    assert outcome(rule, select(context, rule_references(rule))) == outcome(rule, context)
