"""A body keeps the shape that its author gave it, and the types of what it names."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.expression import (
    ExpressionTooLarge,
    TemplateInvalid,
    Value,
    compile_body,
    render_body,
    render_json,
)

CONTEXT: dict[str, Value] = {
    "payload": {"sku": 'A"1', "qty": 3, "items": [{"id": 1}], "gift": True, "none": None},
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{payload.qty}}", 3),
        ("{{{payload.qty}}}", 3),
        ("{{payload.items}}", [{"id": 1}]),
        ("{{payload.gift}}", True),
        ("{{payload.none}}", None),
        ("{{payload.missing}}", ""),
        ("{{payload}}", CONTEXT["payload"]),
        ("n={{payload.qty}}", "n=3"),
        (" {{payload.qty}}", " 3"),
        ('say {{payload.sku}} "', 'say A"1 "'),
        ("{{#payload.items}}{{id}}{{/payload.items}}", "1"),
        ("x{{! silent }}", "x"),
    ],
)
def test_a_whole_placeholder_keeps_its_type_and_any_other_string_is_text(
    template: str, expected: Value
) -> None:
    assert render_json({"a": [template, 1]}, CONTEXT) == {"a": [expected, 1]}


def test_names_of_fields_are_no_templates() -> None:
    assert render_json({"{{payload.qty}}": "{{payload.qty}}"}, CONTEXT) == {"{{payload.qty}}": 3}


def test_a_body_without_tags_comes_back_as_it_is() -> None:
    template: Value = {"a": [1, {"b": "c"}], "d": None}
    body = compile_body(template)
    assert body.is_static
    assert body.render(CONTEXT) is template
    assert body.references == frozenset()


def test_rendering_changes_neither_template_nor_context() -> None:
    template: Value = {"a": ["{{payload.qty}}"], "b": {"c": "{{payload.sku}}"}}
    before = json.dumps([template, CONTEXT])
    body = compile_body(template)
    assert body.render(CONTEXT) == {"a": [3], "b": {"c": 'A"1'}}
    assert json.dumps([template, CONTEXT]) == before


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"s":"{{payload.sku}}","q":{{payload.qty}}}', {"s": 'A"1', "q": 3}),
        ('{"s":{{payload.sku}}}', {"s": 'A"1'}),
        ('{"s":"{{payload.qty}}"}', {"s": "3"}),
        ('{"s":"{{payload.items}}"}', {"s": '[{"id":1}]'}),
        (
            '  [{{payload.items}}, {{payload.missing}}, "{{payload.missing}}"]',
            [[{"id": 1}], None, ""],
        ),
        ('[{{#payload.items}}{"n":{{id}}, "t":"{{id}}"}{{/payload.items}}]', [{"n": 1, "t": "1"}]),
        (r'{"a\"{{payload.qty}}":{{payload.gift}}}', {'a"3': True}),
        ('{"raw":{{{payload.items}}}}', {"raw": [{"id": 1}]}),
        ('{"static":1}', {"static": 1}),
    ],
)
def test_json_text_prints_each_value_for_where_it_stands(template: str, expected: Value) -> None:
    encoded, is_json = compile_body(template).encode(CONTEXT)
    assert json.loads(encoded) == expected
    assert is_json


def test_json_text_is_sent_as_it_was_laid_out() -> None:
    template = '{ "b" : 1.0,\n  "a":{{payload.qty}} }'
    assert render_body(template, CONTEXT) == '{ "b" : 1.0,\n  "a":3 }'


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("hello {{payload.qty}}", (b"hello 3", False)),
        ("{{payload.items}}", (b'[{"id":1}]', True)),
        ("{{payload.sku}}", (b'A"1', False)),
        ("{{payload.qty}}, {{payload.qty}}", (b"3, 3", False)),
        ({"value": "{{payload.qty}}"}, (b'{"value":3}', True)),
        (None, (b"null", True)),
    ],
)
def test_a_body_says_whether_it_is_json(template: Value, expected: tuple[bytes, bool]) -> None:
    assert compile_body(template).encode(CONTEXT) == expected


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ({"a": [1, {"b": "x{{"}]}, r"a\[1\]\.b: line 1, column 2"),
        ("[\n{{#a}}]", "line 2, column 1"),
        ('["{{#a}}"{{/a}}]', "quotation mark"),
        ('{"a":"\\{{a}}"}', "backslash"),
    ],
)
def test_a_fault_in_a_body_has_its_place(template: Value, place: str) -> None:
    with pytest.raises(TemplateInvalid, match=place):
        compile_body(template)


TEXT = st.text()
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_no_value_can_break_out_of_json_text(value: Value) -> None:
    encoded, _ = compile_body('{"in":"<{{x}}>","out":{{x}},"z":1}').encode({"x": value})
    decoded = json.loads(encoded)
    assert decoded == {"in": decoded["in"], "out": value, "z": 1}
    assert decoded["in"] == render_body("<{{x}}>", {"x": value})


@given(JSON_VALUES)
def test_a_value_goes_through_a_whole_placeholder_unchanged(value: Value) -> None:
    assert json.loads(compile_body({"a": "{{x}}"}).encode({"x": value})[0]) == {"a": value}


def test_one_value_named_often_counts_as_often_as_it_is_sent() -> None:
    template: list[Any] = ["{{x}}"] * 100
    body = compile_body(template)
    with pytest.raises(ExpressionTooLarge):
        body.render({"x": ["y" * 100_000]})


def test_many_texts_share_one_bound() -> None:
    template: list[Any] = ["-{{x}}"] * 100
    with pytest.raises(ExpressionTooLarge):
        compile_body(template).render({"x": "y" * 100_000})


def test_a_body_nested_too_deeply_is_refused() -> None:
    template: Value = "{{x}}"
    for _ in range(10_000):
        template = [template]
    with pytest.raises(ExpressionTooLarge):
        compile_body(template)
