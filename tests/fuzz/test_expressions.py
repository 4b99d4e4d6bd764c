"""Templates and rules of every language over any JSON: an answer or an error, within the bounds."""

from typing import Any, Final, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz import documents as valid
from tests.fuzz.law import examples, soon
from tests.fuzz.mutants import NUMBERS, TEXTS, VALUES, mutants, plain

from mainspring.domain.expression import (
    ExpressionError,
    Guard,
    TemplateLanguage,
    compile_template,
    guard_check,
    guard_holds,
    guard_references,
    template_faults,
)
from mainspring.domain.expression.pattern import compile_pattern

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
REFUSED = (ExpressionError,)
LANGUAGES: Final = get_args(TemplateLanguage)
MOST: Final = 4 << 20
NAMES: Final = (
    "inputs",
    "payload",
    "outputs",
    "steps",
    "vars",
    "item",
    "a",
    "b",
    "kv",
    "loop",
    "_",
)
NUMBERED: Final = [*map(repr, NUMBERS), "1u", "0x1f", "1e400", "1." + "9" * 400, "9" * 30, "1_0"]
QUOTED: Final = ["''", '"a"', "'é\\n'", r"'\ud800'", r"b'\xff'", "r'\\'", "'''", '"', "'(a+)+$'"]
WORDS: Final = (
    *("(", ")", "[", "]", "{", "}", "{{", "}}", "{%", "%}", "{#", "#}", ".", "..", ",", ":"),
    *("?", "|", "+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "&&", "||"),
    *("!", "=", "and", "or", "not", "in", "is", "if", "else", "elif", "for", "endfor", "endif"),
    *("set", "raw", "true", "false", "null", "none", "has", "size", "map", "filter", "exists"),
    *("all", "matches", "duration", "timestamp", "int", "double", "string", "type", "dyn"),
    *("default", "join", "split", "range", "dict", "list", "length", "replace", "format"),
    *("batch", "groupby", "sort", "select", "toJson", "fromJson", "date", "now", "upper"),
    *("truncate", "center", "indent", "wordwrap", "round", "abs", "sum", "unique", "first"),
    *("slice", "tojson", "urlencode", "regexReplace", "#", "/", "^", "&", "!", "#a", "/a"),
    *("^b", ".a", "[0]", "[-1]", "['k']", "[1:2]", "namespace"),
)
SOUP: Final = st.lists(
    st.sampled_from([*WORDS, *NAMES, *NUMBERED, *QUOTED]) | st.text(max_size=3), max_size=14
)
FRAMES: Final = ("%s", "{{%s}}", "a {{ %s }}", "{%% if %s %%}a{%% endif %%}")
SEEDS: Final = (
    *("{{ inputs.a | default('x') | upper }}", "{{ inputs.xs[0].k ~ 1 }}"),
    *("{{ 1 if inputs.a else 2 }}"),
    *("{% for x in inputs.xs %}{{ loop.index }}:{{ x }},{% endfor %}"),
    *("{% set a = 1 %}{{ a + 1 }}", "{{ inputs.xs | map(attribute='k') | join(',') }}"),
    *("{{ range(3) | list | sum }}", "{{ {'a': [1]} }}"),
    *("{{#inputs}}{{a}}{{^b}}-{{/b}}{{/inputs}}", "{{{inputs.a}}} {{& inputs.b }}"),
    *("{{! c }}{{ . }}", "{{ inputs.xs.filter(x, x.k > 1).map(x, x.k) }}"),
    *("{{ size(inputs.a) > 1 ? 'a' : \"b\" }}"),
    *("{{ timestamp('2026-01-01T00:00:00Z') + duration('1h') }}"),
    *("{{ has(inputs.a) && inputs.a == 1 }}", "{{ inputs.a.matches('^(a+)+$') }}"),
    *("{{ string(inputs.n) + '!' }}", "{{ dyn([1, 'a']) }}"),
)
DATA: Final[dict[str, Any]] = {
    "inputs": {"a": "text", "b": None, "n": 2**63 - 1, "f": 1e308, "xs": [{"k": 1}, {"k": "2"}]},
    "payload": {"a": [1, 2.5, True, None], "deep": {"a": {"b": {"c": []}}}},
    "outputs": {"a": "a" * 5000, "é": "\U0001f600"},
    "steps": {"a": {"status": "succeeded", "output": {"x": 1}, "response": None, "error": None}},
    "vars": {},
    "item": [],
}
RULES: Final[dict[str, Any]] = {
    "jsonlogic": {
        "and": [
            {">": [{"var": "inputs.n"}, 1]},
            {"in": ["a", {"map": [{"var": "inputs.xs"}, {"cat": [{"var": "k"}, "b"]}]}]},
            {
                "if": [
                    {"missing": ["inputs.a"]},
                    {"reduce": [[1, 2], {"+": [1, 2]}, 0]},
                    {"!!": [1]},
                ]
            },
        ]
    },
    "condition": {
        "type": "any_of",
        "conditions": [
            {"type": "step_status_in", "step_ref": "a", "statuses": ["completed"]},
            {"type": "regex", "left": {"output": "a.x"}, "right": "^x"},
            {"type": "not", "condition": {"type": "in", "left": 1, "right": {"payload": "a"}}},
            {"type": "all_of", "conditions": [{"type": "exists", "operand": {"payload": "a"}}]},
        ],
    },
}


@st.composite
def sources(draw: st.DrawFn) -> str:
    """Draw a template: words of all languages, or one that is valid with pieces put in."""
    soup = " ".join(draw(SOUP)) if draw(st.booleans()) else "".join(draw(SOUP))
    if draw(st.booleans()):
        return (
            draw(st.sampled_from(["%s", "{{%s}}", "{%% if %s %%}a{%% endif %%}", "a {{ %s }}"]))
            % soup
        )
    seed = draw(st.sampled_from(SEEDS))
    start = draw(st.integers(0, len(seed)))
    end = draw(st.integers(start, min(len(seed), start + 6)))
    return seed[:start] + soup + seed[end:]


CONTEXTS: Final = mutants(DATA).map(plain) | st.dictionaries(st.sampled_from(NAMES), VALUES)


def rendered(value: Any, language: TemplateLanguage, context: dict[str, Any]) -> None:
    faults = template_faults(value, language)
    compiled = compile_template(value, language)
    assert faults == [], "what has a fault does not compile"
    assert all(isinstance(part, str) for path in compiled.references for part in path)
    found = compiled.render(context)
    assert len(msgspec.json.encode(found)) <= 7 * MOST  # a control character takes six bytes


@examples(600)
@given(sources(), st.sampled_from(LANGUAGES), CONTEXTS)
def test_any_template_over_any_data_has_an_answer_or_an_error(
    source: str, language: TemplateLanguage, context: dict[str, Any]
) -> None:
    soon(rendered, source, language, context, refusals=REFUSED)


@examples(150)
@given(mutants(valid.FLOW["tasks"], list(SEEDS)).map(plain), st.sampled_from(LANGUAGES))
def test_any_value_full_of_templates_has_an_answer_or_an_error(
    value: Any, language: TemplateLanguage
) -> None:
    soon(rendered, value, language, DATA, refusals=REFUSED)


def judged(guard: Guard, context: dict[str, Any]) -> None:
    faults = guard_check(guard, ["a", "b"], ["payload", "inputs", "steps"])
    msgspec.json.encode(faults)
    assert len("".join(faults)) < 1 << 17
    guard_references(guard)
    guard_holds(guard, context)


@examples(300)
@given(st.sampled_from(["cel", "jinja"]), sources(), CONTEXTS)
def test_any_rule_of_text_holds_or_does_not_or_says_why(
    language: Any, source: str, context: dict[str, Any]
) -> None:
    soon(judged, Guard(language, source), context, refusals=REFUSED)


@examples(300)
@given(st.sampled_from(sorted(RULES)), st.data(), CONTEXTS)
def test_any_rule_of_json_holds_or_does_not_or_says_why(
    language: Any, data: st.DataObject, context: dict[str, Any]
) -> None:
    rule = plain(data.draw(mutants(RULES[language]) | VALUES))
    soon(judged, Guard(language, rule), context, refusals=REFUSED)


@examples(200)
@given(st.text(max_size=20) | st.sampled_from(TEXTS) | SOUP.map("".join), st.text(max_size=20))
def test_any_pattern_is_one_or_is_refused(pattern: str, text: str) -> None:
    soon(lambda: compile_pattern(pattern).found(text), refusals=REFUSED)
