"""A template prints what is named, where it is named, and nothing of Python."""

import json
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.expression import (
    Escape,
    ExpressionFailed,
    ExpressionTooLarge,
    TemplateInvalid,
    Value,
    compile_text,
    render_text,
)

CONTEXT: dict[str, Value] = {
    "payload": {
        "sku": "A-1",
        "qty": 3,
        "price": 1.5,
        "gift": True,
        "note": None,
        "tags": ["x", "y"],
    },
    "nodes": {"check": {"response": {"body": {"ok": False, "lines": [{"id": 1}, {"id": 2}]}}}},
    "sagaId": "s-1",
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("no tags { } at all", "no tags { } at all"),
        ("", ""),
        ("{{sagaId}}", "s-1"),
        ("{{ sagaId }}|{{\tsagaId\n}}", "s-1|s-1"),
        ("{{payload.qty}} {{payload.price}} {{payload.gift}}", "3 1.5 true"),
        ("[{{payload.note}}]", "[]"),
        ("[{{payload.nothing.at.all}}]", "[]"),
        ("{{payload.tags}}", '["x","y"]'),
        ("{{payload.tags.1}}{{payload.tags.7}}{{payload.tags.01}}{{payload.tags.-1}}", "y"),
        ("{{nodes.check.response.body.lines.0}}", '{"id":1}'),
        ("{{nodes.check.response.body.ok}}", "false"),
        ("{{sagaId.0}}{{payload.qty.real}}", ""),
        ("a{{! not printed }}b", "ab"),
        ("{{{sagaId}}}{{&sagaId}}{{& sagaId }}", "s-1s-1s-1"),
        ("{{sagaId}}}}", "s-1}}"),
    ],
)
def test_variables_print_as_json_prints_them_and_nothing_prints_nothing(
    template: str, expected: str
) -> None:
    assert render_text(template, CONTEXT) == expected


@pytest.mark.parametrize(
    ("template", "context", "expected"),
    [
        ("{{#a}}yes{{/a}}{{^a}}no{{/a}}", {"a": True}, "yes"),
        ("{{#a}}yes{{/a}}{{^a}}no{{/a}}", {"a": False}, "no"),
        ("{{#a}}yes{{/a}}{{^a}}no{{/a}}", {"a": None}, "no"),
        ("{{#a}}yes{{/a}}{{^a}}no{{/a}}", {}, "no"),
        ("{{#a}}yes{{/a}}{{^a}}no{{/a}}", {"a": ""}, "no"),
        ("{{#a}}yes{{/a}}{{^a}}no{{/a}}", {"a": []}, "no"),
        ("{{#a}}yes{{/a}}{{^a}}no{{/a}}", {"a": {}}, "yes"),
        ("{{#a}}yes{{/a}}{{^a}}no{{/a}}", {"a": 0}, "yes"),
        ("{{#a}}{{b}}{{/a}}", {"a": {"b": "in"}, "b": "out"}, "in"),
        ("{{#a}}{{c}}{{/a}}", {"a": {"b": "in"}, "c": "out"}, "out"),
        ("{{#a}}{{b.c}}{{/a}}", {"a": {"b": {}}, "b": {"c": "shadowed"}}, ""),
        ("{{#a}}({{.}}){{/a}}", {"a": [1, "b", True]}, "(1)(b)(true)"),
        ("{{#a}}({{#.}}{{.}},{{/.}}){{/a}}", {"a": [[1, 2], [3]]}, "(1,2,)(3,)"),
        ("{{#a}}{{0}}-{{1}};{{/a}}", {"a": [[1, 2], [3, 4]]}, "1-2;3-4;"),
        ("{{#a.b}}{{n}}{{/a.b}}", {"a": {"b": [{"n": 1}, {"n": 2}]}}, "12"),
        ("{{#a}}{{#b}}{{x}}{{y}}{{/b}}{{/a}}", {"a": [{"x": 1, "b": [{"y": 2}]}]}, "12"),
        ("{{#a}}\n{{.}}\n{{/a}}\n.", {"a": [1, 2]}, "1\n2\n."),
        ("x\n  {{! alone }}\ny", {}, "x\ny"),
        ("x {{! beside }} y", {}, "x  y"),
        ("{{.}}", {"a": 1}, '{"a":1}'),
    ],
)
def test_sections_run_over_what_is_there(
    template: str, context: dict[str, Value], expected: str
) -> None:
    assert render_text(template, context) == expected


@pytest.mark.parametrize(
    ("template", "line", "column", "reason"),
    [
        ("ab{{c", 1, 3, "never closed"),
        ("x\ny {{{c}}", 2, 3, "never closed"),
        ("{{#a}}x", 1, 1, '"a" is never closed'),
        ("{{/a}}", 1, 1, "never opened"),
        ("{{#a}}\n {{#b}}{{/a}}{{/b}}", 2, 8, '"a" is closed while "b" is open'),
        ("{{> part}}", 1, 1, "partials"),
        ("{{=<% %>=}}", 1, 1, "delimiters"),
        ("{{<base}}{{/base}}", 1, 1, "inheritance"),
        ("{{}}", 1, 1, "no name"),
        ("{{#}}{{/}}", 1, 1, "no name"),
        ("{{a..b}}", 1, 1, "empty part"),
        ("{{#if x}}{{/if}}", 1, 1, "blank"),
        ("{{a{{b}}", 1, 1, "brace"),
        ("{{{#a}}}", 1, 1, "cannot be followed"),
        ("{{#a}}" * 40 + "{{/a}}" * 40, 1, 193, "deep"),
    ],
)
def test_a_fault_has_its_place(template: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(TemplateInvalid, match=reason) as fault:
        compile_text(template)
    assert (fault.value.line, fault.value.column) == (line, column)


@pytest.mark.parametrize(
    "path",
    [
        "s.__class__",
        "s.__class__.__mro__",
        "s.upper",
        "s.format.__globals__",
        "d.keys",
        "d.__init__",
        "l.append",
        "l.__len__",
        "n.real",
        "__class__",
    ],
)
def test_no_name_reaches_an_attribute_of_python(path: str) -> None:
    context: dict[str, Value] = {"s": "{0.__class__}", "d": {"a": 1}, "l": [1], "n": 1}
    assert render_text(f"[{{{{{path}}}}}]", context) == "[]"
    assert render_text(f"{{{{#{path}}}}}x{{{{/{path}}}}}", context) == ""


def test_what_was_rendered_is_never_rendered_again() -> None:
    assert render_text("{{a}}", {"a": "{{b}}", "b": "secret"}) == "{{b}}"


@pytest.mark.parametrize(
    ("escape", "expected"),
    [
        (Escape.TEXT, 'a"b\\c\r\nd/é&'),
        (Escape.JSON, r"a\"b\\c\r\nd/é&"),
        (Escape.URL, "a%22b%5Cc%0D%0Ad%2F%C3%A9%26"),
        (Escape.HEADER, 'a"b\\cd/é&'),
    ],
)
def test_a_value_is_escaped_for_where_it_stands(escape: Escape, expected: str) -> None:
    assert render_text("/{{x}}", {"x": 'a"b\\c\r\nd/é&'}, escape) == "/" + expected


def test_unreserved_characters_stay_themselves_in_a_url() -> None:
    assert render_text("/{{x}}", {"x": "aZ09-._~"}, Escape.URL) == "/aZ09-._~"


def test_raw_is_not_escaped_but_starts_no_header_either() -> None:
    context: dict[str, Value] = {"x": 'a/"b\r\nSet-Cookie: c'}
    assert render_text("{{{x}}}", context, Escape.URL) == context["x"]
    assert render_text("{{&x}}", context, Escape.JSON) == context["x"]
    assert render_text("{{{x}}}", context, Escape.HEADER) == 'a/"bSet-Cookie: c'


ANY_TEXT = st.text()


@given(ANY_TEXT)
def test_an_escaped_value_decodes_to_itself(text: str) -> None:
    context: dict[str, Value] = {"x": text}
    assert json.loads('"' + render_text("-{{x}}-", context, Escape.JSON) + '"') == f"-{text}-"
    assert unquote(render_text("{{x}}", context, Escape.URL)) == text


@given(ANY_TEXT)
def test_no_header_holds_a_control_character(text: str) -> None:
    rendered = render_text("v\n{{x}}{{{x}}}", {"x": text}, Escape.HEADER)
    assert not any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in rendered)


@given(st.text('{}#^/!&>=.ab \n"', max_size=40), st.sampled_from(Escape))
def test_any_text_is_a_template_or_has_a_fault(source: str, escape: Escape) -> None:
    context: dict[str, Value] = {"a": {"b": ["a"]}, "b": True}
    with suppress(TemplateInvalid):
        render_text(source, context, escape)


@pytest.mark.parametrize("depth", [1, 5])
def test_sections_that_multiply_are_stopped(depth: int) -> None:
    context: dict[str, Any] = {"a": [1] * 200_000}
    inner = "x"
    for _ in range(depth):
        inner = "{{#a}}" + inner + "{{/a}}"
    with pytest.raises(ExpressionTooLarge):
        render_text(inner, context)


def test_an_output_over_its_bound_is_stopped() -> None:
    context: dict[str, Any] = {"a": [1] * 1000, "b": "x" * 100_000}
    with pytest.raises(ExpressionTooLarge):
        render_text("{{#a}}{{b}}{{/a}}", context)
    with pytest.raises(ExpressionTooLarge):
        render_text("{{b}}" * 50, context)
    with pytest.raises(ExpressionTooLarge):
        compile_text("{{b}}").render({"b": "xxxx"}, max_output=3)


def test_a_line_full_of_tags_is_parsed_in_linear_time() -> None:
    source = "{{!x}} " * 50_000
    assert len(render_text(source, {})) == 50_000


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def test_a_value_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ExpressionTooLarge):
        render_text("{{x}}", {"x": nested(100_000)})


NO_JSON = {
    "nan": float("nan"),
    "infinity": float("inf"),
    "endless digits": 10**5000,
    "half a pair": "\ud800",
    "object": object(),
    "complex": 1j,
}


@pytest.mark.parametrize("value", NO_JSON.values(), ids=NO_JSON.keys())
def test_what_is_no_json_value_is_refused(value: Any) -> None:
    with pytest.raises(ExpressionFailed):
        render_text("a{{x}}", {"x": value})


def test_a_template_without_tags_is_static() -> None:
    assert compile_text("plain").is_static
    assert compile_text("").is_static
    assert not compile_text("{{a}}").is_static


def test_one_source_is_compiled_once() -> None:
    assert compile_text("{{once}}") is compile_text("{{once}}")


@pytest.mark.parametrize("source", ["{{%s x}}", "{{%s..a}}", "{{#%s}}", "{{/%s}}", "{{#a}}{{/%s}}"])
def test_a_fault_does_not_repeat_a_long_name(source: str) -> None:
    with pytest.raises(TemplateInvalid) as fault:
        compile_text(source % ("n" * 10_000))
    assert len(str(fault.value)) < 200
