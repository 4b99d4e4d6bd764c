"""One face over the template languages: places, types, bounds and references are alike."""

from typing import Any

import pytest

from mainspring.domain.expression import (
    ExpressionError,
    ExpressionFailed,
    ExpressionTooLarge,
    Guard,
    TemplateLanguage,
    Value,
    compile_template,
    guard_check,
    guard_holds,
    guard_references,
    template_faults,
)

LANGUAGES: tuple[TemplateLanguage, ...] = ("mustache", "cel", "jinja")
DATA: dict[str, Any] = {"a": {"list": [1, {"b": None}], "text": "{{ a.n }}", "n": 3}}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_string_that_is_one_expression_keeps_the_type_of_its_value(
    language: TemplateLanguage,
) -> None:
    template: Value = {"x": ["{{ a.list }}", "{{ a.n }}", "n={{ a.n }}"], "k": 1, "e": [{}, []]}
    compiled = compile_template(template, language)
    values = [DATA["a"]["list"], 3, "n=3"]
    assert compiled.render(DATA) == {"x": values, "k": 1, "e": [{}, []]}
    assert compiled.references == {("a", "list"), ("a", "n")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_rendered_is_never_rendered_again(language: TemplateLanguage) -> None:
    compiled = compile_template(["{{ a.text }}", "<{{ a.text }}>"], language)
    assert compiled.render(DATA) == ["{{ a.n }}", "<{{ a.n }}>"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", ["plain", "", 1, None, [], {"a": [True, 1.5]}, "a } }} b"])
def test_what_holds_no_tag_is_itself(language: TemplateLanguage, template: Value) -> None:
    compiled = compile_template(template, language)
    assert compiled.render({}) == template
    assert compiled.references == frozenset()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", [{"a": [{"b": [1]}]}, {"a": [{"b": [1]}], "c": "{{ a.n }}"}])
def test_what_was_rendered_may_be_changed_and_the_next_is_as_the_first(
    language: TemplateLanguage, template: Value
) -> None:
    first: Any = compile_template(template, language).render(DATA)
    first["a"][0]["b"].append("changed")
    first["a"].append("changed")
    again: Any = compile_template(template, language).render(DATA)
    assert again["a"] == [{"b": [1]}]


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_fields_are_no_templates(language: TemplateLanguage) -> None:
    assert compile_template({"{{ a }}": 1}, language).render(DATA) == {"{{ a }}": 1}


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_faults_of_a_value_are_told_with_their_places(language: TemplateLanguage) -> None:
    value: Value = {"ok": "{{ a }}", "body": {"items": ["x", 2, "{{ a"]}, "to": ["{{ }}"]}
    places = [place for place, _ in template_faults(value, language)]
    assert places == ["body.items[2]", "to[0]"]
    with pytest.raises(ExpressionError, match=r"^body\.items\[2\]: line 1, column "):
        compile_template(value, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_value_nested_too_deeply_is_a_fault(language: TemplateLanguage) -> None:
    deep: Any = "{{ a }}"
    for _ in range(70):
        deep = [deep]
    assert "nested more than 64 deep" in template_faults(deep, language)[0][1]
    with pytest.raises(ExpressionTooLarge):
        compile_template(deep, language)


@pytest.mark.parametrize("language", ["cel", "jinja"])
def test_a_missing_name_is_told_with_its_place_and_its_whole_path(
    language: TemplateLanguage,
) -> None:
    compiled = compile_template({"body": ["{{ a.n }}", "x {{ a.list.b.c }}"]}, language)
    with pytest.raises(ExpressionFailed) as failure:
        compiled.render({"a": {"n": 1}})
    told = str(failure.value)
    assert told.startswith("body[1]: ")
    assert "{{ a.list.b.c }}: a.list.b.c is not there" in told


def test_a_missing_name_prints_nothing_in_mustache() -> None:
    assert compile_template(["{{ a.q }}", "<{{ a.q }}>"], "mustache").render(DATA) == ["", "<>"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_strings_of_a_value_share_one_room(language: TemplateLanguage) -> None:
    data: dict[str, Any] = {"a": {"wide": "w" * 300_000, "list": []}}
    compiled = compile_template([*["{{ a.wide }}"] * 20], language)
    with pytest.raises(ExpressionTooLarge):
        compiled.render(data)
    assert compile_template("{{ a.wide }}", language).render(data) == data["a"]["wide"]


def test_a_block_of_yaml_may_end_with_a_line_break() -> None:
    for language in ("cel", "jinja"):
        assert compile_template("{{ a.n }}\n", language).render(DATA) == 3
        assert compile_template("{{ a.n }}\n\n", language).render(DATA) == "3\n\n"


CEL_TEXTS: list[tuple[str, Value]] = [
    ("{{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
    ("{{ '}}' + \"{{\" }}", "}}{{"),
    ("{{ {'a': 1}.a }}{{ [1, 2.0, null, true] }}", "1[1,2.0,null,true]"),
    ("{{ 2.0 * 2.0 }} {{ 1000000.5 }} {{ null }} {{ true }}", "4 1000000.5 null true"),
    ("{{ timestamp('2026-03-01T00:00:00Z') + duration('1h') }}", "2026-03-01T01:00:00Z"),
    ("{{ a.list.size() }}", 2),
]


@pytest.mark.parametrize(("text", "value"), CEL_TEXTS)
def test_a_text_with_cel_says(text: str, value: Value) -> None:
    assert compile_template(text, "cel").render(DATA) == value


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a\n  {{ 1 + }}", "line 2, column 10: expected a value, found the end"),
        ("a\n{{ 1\n + foo() }}", 'line 3, column 4: unknown function "foo"'),
        ("x {{ 'a }}", "line 1, column 6: a text begins"),
        ("{{ {'a': 1 }", 'line 1, column 1: an expression is never closed by "}}"'),
        ("{{ a }} {{", 'line 1, column 9: an expression is never closed by "}}"'),
    ],
)
def test_a_fault_of_cel_has_its_place_in_the_text(text: str, fault: str) -> None:
    ((_, told),) = template_faults(text, "cel")
    assert told.startswith(fault)


RULES: list[tuple[str, bool]] = [
    ("a.n > 2", True),
    ("{{ a.n > 3 }}", False),
    ("  {{ a.list }}\n", True),
    ("a.q | default([])", False),
    ("a.text == '}}' or '{{' in a.text", True),
]


@pytest.mark.parametrize(("rule", "holds"), RULES)
def test_a_guard_in_jinja_holds_by_the_truth_of_its_value(rule: str, holds: bool) -> None:
    guard = Guard("jinja", rule)
    assert guard_check(guard, ()) == []
    assert guard_holds(guard, DATA) is holds
    assert {path[0] for path in guard_references(guard)} == {"a"}


@pytest.mark.parametrize(
    "rule", ["", "a b", "{{ a }} {{ a }}", "x{{ a }}", "{% if a %}{% endif %}", "a }} {{ a", 3]
)
def test_a_guard_in_jinja_is_one_expression(rule: Value) -> None:
    assert guard_check(Guard("jinja", rule), ())
    with pytest.raises(ExpressionError):
        guard_holds(Guard("jinja", rule), DATA)


def test_a_guard_in_jinja_names_what_is_missing() -> None:
    with pytest.raises(ExpressionFailed, match=r"a\.b\.c is not there"):
        guard_holds(Guard("jinja", "a.b.c == 1"), DATA)
