"""What holds for every template in every language, whatever it says and whatever it is given."""

from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mainspring.domain.expression import (
    CompiledTemplate,
    ExpressionError,
    Guard,
    TemplateInvalid,
    TemplateLanguage,
    Value,
    compile_template,
    guard_check,
    guard_holds,
    guard_references,
    select,
    template_faults,
)
from mainspring.domain.expression.jinja.judges import TESTS as ALL_TESTS
from mainspring.domain.expression.jinja.library import FILTERS as ALL_FILTERS
from mainspring.domain.expression.jinja.library import FUNCTIONS as ALL_FUNCTIONS
from mainspring.domain.expression.jinja.library import METHODS as ALL_METHODS

Json = st.SearchStrategy[Any]
LANGUAGES: st.SearchStrategy[TemplateLanguage] = st.sampled_from(("mustache", "cel", "jinja"))
NOISE = st.text(max_size=40) | st.text(
    "ab.[](){}'\"\\!-&|?:,=<>+*/%0159 xeiforsndkv_~#\n", max_size=40
)
TAGGED = st.builds(
    "{}{}{}{}".format, NOISE, st.sampled_from(["{{", "{%", "{#", ""]), NOISE,
    st.sampled_from(["}}", "%}", "#}", ""]),
)  # fmt: skip

KEYS = st.sampled_from(["a", "b", "0", "kv", "items", "x y"])
VALUES: Json = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**65) | st.floats(allow_nan=False, width=32)
    | st.text("ab{}1% é", max_size=8) | st.sampled_from(["2026-03-01T00:00:00Z", "{{ a }}", "7"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
CONTEXTS: Json = st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, max_size=3).flatmap(
    lambda context: (
        st.just(context)
        | st.dictionaries(KEYS, VALUES, max_size=3).map(lambda kv: context | {"kv": kv})
    )
)

LINKS = [".a", ".b", ".items", "['0']", "[0]", "[-1]", "[a]", "[b.a]", "['x y']"]


def paths(links: list[str]) -> st.SearchStrategy[str]:
    followed = st.lists(st.sampled_from(links), max_size=3)
    return st.tuples(st.sampled_from("abcx"), followed).map(lambda p: p[0] + "".join(p[1]))


PATHS = paths([*LINKS, "[1:]"])
CEL_PATHS = paths(LINKS)
FILTERS = [
    "length", "first", "last", "sort", "unique", "join", "upper", "int", "float", "string", "list",
    "toJson", "fromJson", "default(1)", "default(b.a, true)", "reverse", "keys", "items", "sum",
    "map(attribute='a')", "map(attribute='0', default=2)", "map('string')", "groupby('a')",
    "select", "reject('none')", "selectattr('a', 'defined')", "batch(2)", "slice(2)", "flatten",
    "replace('a', 'bb')", "split('a')", "yaml", "slugify", "sha256", "b64encode", "urlencode",
    "date", "date('%Y')", "dateAdd(1, 'DAYS')", "timestamp", "round(1)", "abs", "min", "max",
    "dictsort", "indent", "truncate(3, true, '')", "format(1)", "number", "merge(a)", "trim", "e",
]  # fmt: skip
TESTS = ["defined", "undefined", "none", "string", "odd", "in [1, 'a']", "eq 1", "divisibleby(2)"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", "and", "or", "in"]
JINJA: st.SearchStrategy[str] = st.recursive(
    st.one_of(
        PATHS,
        PATHS,
        st.sampled_from(["1", "2.5", "'a'", "true", "none", "[]", "[1, a]", "{'a': b}"]),
        st.sampled_from(
            ["kv('a')", "kv('x y')", "range(3)", "dict(a=1)", "a.items()", "b.get('a')"]
        ),
    ),
    lambda inner: st.one_of(
        st.builds("({} | {})".format, inner, st.sampled_from(FILTERS)),
        st.builds("({} is {})".format, inner, st.sampled_from(TESTS)),
        st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS), inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({} if {})".format, inner, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({}).a".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{'a': {}}}".format, inner),
        st.builds("(not {})".format, inner),
        st.builds("(-{})".format, inner),
    ),
    max_leaves=5,
)
STATEMENTS: st.SearchStrategy[str] = st.recursive(
    st.builds("{{{{ {} }}}}".format, JINJA) | st.sampled_from(["-", "{{ x }}", "{{ loop.index }}"]),
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, JINJA, inner, inner),
        st.builds("{{% if {} %}}{{% set x = {} %}}{{% endif %}}{}".format, JINJA, JINJA, inner),
        st.builds("{{% for x in {} %}}{}{{% endfor %}}".format, JINJA, inner),
        st.builds("{{% for x, y in {} if y %}}{}{{% endfor %}}".format, JINJA, inner),
        st.builds("{{% set x = {} %}}{}".format, JINJA, inner),
    ),
    max_leaves=4,
)
CEL = st.builds(
    "{}{{{{ {} }}}}{}".format,
    st.sampled_from(["", "a "]),
    st.one_of(
        CEL_PATHS,
        st.builds("default({}, {})".format, st.sampled_from(["a.b", "b[0]", "c.a.b"]), CEL_PATHS),
        st.sampled_from(
            ["a.a-1", "jsonEncode(a)", "toString(b)", "flatten(a)", "a.map(x, x.a)", "has(a.b.a)",
             "a.items.exists(a, a == b)", "split(a, b)", "obj('a', a.b)", "formatTimestamp(a)"]
        ),
    ),
    st.sampled_from(["", "\n", " b"]),
)  # fmt: skip
MUSTACHE = st.sampled_from(
    [
        "{{a}}",
        "{{a.b}}",
        "{{a.0}}{{b}}",
        "{{#a}}{{b}}{{.}}{{/a}}",
        "{{^a.b}}{{c}}{{/a.b}}",
        "{{&a}}",
    ]
)
TEMPLATES: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.just("jinja"), STATEMENTS),
    st.tuples(st.just("jinja"), st.builds("{{{{ {} }}}}".format, JINJA)),
    st.tuples(st.just("cel"), CEL),
    st.tuples(st.just("mustache"), MUSTACHE),
)


@settings(deadline=None)
@given(LANGUAGES, NOISE | TAGGED)
@example("jinja", "{{ '\\N{x' }}")
@example("jinja", "{{ \x00 }}")
@example("jinja", "{{ a.b if }}")
@example("jinja", "{%set%}")
@example("jinja", "{{ 1__0 }}")
@example("jinja", "{%- raw -%}")
@example("cel", "{{ b'' }}")
def test_any_text_is_compiled_or_is_a_fault_with_a_place(
    language: TemplateLanguage, text: str
) -> None:
    faults = template_faults([text], language)
    assert [place for place, _ in faults] == ["[0]"] * len(faults)
    try:
        compiled = compile_template([text], language)
    except ExpressionError:
        assert faults
        return
    assert not faults
    outcome(compiled, {})


@settings(deadline=None)
@given(NOISE)
def test_any_text_is_a_rule_of_jinja_or_a_fault(text: str) -> None:
    guard = Guard("jinja", text)
    if not guard_check(guard, ()):
        assert isinstance(guard_references(guard), frozenset)


def outcome(compiled: CompiledTemplate, context: dict[str, Value]) -> tuple[str, bytes]:
    try:
        return "value", msgspec.json.encode(compiled.render(context))
    except ExpressionError as error:
        return "error", str(error).encode()


@settings(deadline=None)
@given(TEMPLATES, CONTEXTS)
def test_rendering_over_what_is_read_equals_rendering_over_everything(
    template: tuple[TemplateLanguage, str], context: dict[str, Value]
) -> None:
    language, text = template
    compiled = compile_template({"v": text}, language)
    whole = outcome(compiled, context)
    assert outcome(compiled, select(context, compiled.references)) == whole


@settings(deadline=None)
@given(TEMPLATES, CONTEXTS)
def test_rendering_changes_nothing_of_what_it_is_given(
    template: tuple[TemplateLanguage, str], context: dict[str, Value]
) -> None:
    language, text = template
    before = msgspec.json.encode(context)
    compiled = compile_template({"v": text}, language)
    first = outcome(compiled, context)
    assert msgspec.json.encode(context) == before
    assert outcome(compiled, context) == first


ARGUMENTS = st.lists(
    st.sampled_from(
        ["p", "q", "r", "'a'", "'upper'", "'eq'", "'a.0'", "0", "-1", "2.5", "none", "'%d'", "[]"]
    ),
    max_size=3,
)
NAMED = st.dictionaries(
    st.sampled_from(
        ["run", "value", "_run", "filter_", "self", "attribute", "default", "reverse", "count",
         "case_sensitive", "d", "by", "width", "length", "format", "indent", "a"]
    ),
    st.sampled_from(["p", "'a'", "1", "true"]),
    max_size=1,
)  # fmt: skip
WORDS = sorted(name for name in ALL_TESTS if name.isidentifier())
CALLS: st.SearchStrategy[tuple[str, str]] = st.one_of(
    st.tuples(st.just("{{{{ v | {}({}) }}}}"), st.sampled_from(sorted(ALL_FILTERS))),
    st.tuples(st.just("{{{{ v is {}({}) }}}}"), st.sampled_from(WORDS)),
    st.tuples(st.just("{{{{ v.{}({}) }}}}"), st.sampled_from(sorted(ALL_METHODS))),
    st.tuples(st.just("{{{{ {}({}) }}}}"), st.sampled_from(sorted(ALL_FUNCTIONS))),
)


@settings(deadline=None)
@given(CALLS, ARGUMENTS, NAMED, st.lists(VALUES, min_size=4, max_size=4))
def test_whatever_a_template_calls_answers_or_fails_with_a_reason(
    call: tuple[str, str], plain: list[str], named: dict[str, str], values: list[Value]
) -> None:
    form, name = call
    arguments = ", ".join([*plain, *(f"{key}={value}" for key, value in named.items())])
    text = form.format(name, arguments)
    try:
        compiled = compile_template(text, "jinja")
    except TemplateInvalid:
        return
    outcome(compiled, dict(zip("vpqr", values, strict=True)))


@settings(deadline=None)
@given(st.text("{}%# a.b'", max_size=20), LANGUAGES)
def test_a_text_of_the_data_comes_out_as_it_went_in(text: str, language: TemplateLanguage) -> None:
    compiled = compile_template(["{{ a.b }}", "<{{ a.b }}>"], language)
    assert compiled.render({"a": {"b": text}}) == [text, f"<{text}>"]


@settings(deadline=None)
@given(JINJA, CONTEXTS)
def test_a_guard_in_jinja_answers_with_a_boolean_or_an_error(
    rule: str, context: dict[str, Value]
) -> None:
    guard = Guard("jinja", rule)

    def verdict(data: dict[str, Value]) -> bool | str:
        try:
            return guard_holds(guard, data)
        except ExpressionError as error:
            return str(error)

    assert verdict(select(context, guard_references(guard))) == verdict(context)
