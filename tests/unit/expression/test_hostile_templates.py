"""A hostile template ends soon, in an error that says why, in whatever language it is written.

Time is what the processor spent, so that a busy machine makes none of these red; on an idle one
the slowest takes half a second, and most take a hundredth.
"""

import gc
import time
import tracemalloc
from typing import Any

import pytest

from mainspring.domain.expression import (
    ExpressionError,
    Guard,
    TemplateLanguage,
    Value,
    compile_template,
    guard_holds,
    template_faults,
)

SECONDS = 2.0  # one, and room for a slow processor
MOST_MEMORY = 96 * 1024 * 1024
DATA: dict[str, Any] = {
    "inputs": {
        "xs": list(range(3000)),
        "a": "a" * 10_000,
        "bad": "a" * 9_999 + "!",
        "wide": "é" * 100_000,
        "big": "b" * 3_000_000,
        "texts": ["t" * 1000] * 1000,
        "dicts": [{"k": str(n % 7), "n": n} for n in range(3000)],
        "many": {str(n): n for n in range(1_000_000)},
    }
}
LOOP = "{% for x in inputs.xs %}"
END = "{% endfor %}"


def each(body: str) -> str:
    return f"{LOOP}{body}{END}"


def doubled(body: str, start: str) -> str:
    return "{% set a = " + start + " %}" + ("{% set a = " + body + " %}") * 40


ATTRIBUTES = [
    "''.__class__",
    "''['__class__']",
    "''.__class__.__mro__[1].__subclasses__()",
    "''|attr('__class__')",
    "''|attr('__cla' ~ 'ss__')",
    "inputs|map(attribute='__class__')|list",
    "inputs|map('attr', '__class__')|list",
    "cycler.__init__.__globals__.os.popen('id').read()",
    "self.__init__.__globals__",
    "lipsum.__globals__",
    "namespace.__init__.__globals__",
    "joiner.__init__",
    "range.__class__",
    "dict.__base__",
    "config.items()",
    "request.application",
    "'{0.__class__}'.format(1)",
    "'{0.__class__.__init__}'|format(1)",
    "'%(a.__class__)s'|format(a=1)",
    "'%s'.__mod__(1)",
    "(1).__class__",
    "[].append(1)",
    "[].__class__.__base__",
    "inputs.update({'a': 1})",
    "inputs.pop('xs')",
    "inputs.xs.clear()",
    "loop.__class__",
    "kv.__class__",
    "kv('a').__class__.__mro__",
    "inputs['keys']()",
    "inputs.items.__self__",
    "get_flashed_messages.__globals__",
    "url_for.__globals__",
    "caller()",
    "super()",
    "varargs",
    "_context",
    "environment.from_string('{{ 1 }}')",
    "inputs.xs|map('map', 'attr')|list",
    "inputs.xs|select('callable')|list",
    "'a'.encode('idna')",
    "'a'.translate({97: 'b'})",
    "'a'.format_map({})",
    "'a'.maketrans('a', 'b')",
    "0|filesizeformat.__class__",
    "().__class__.__bases__[0]",
    "\"\"['\\x5f\\x5fclass\\x5f\\x5f']",
    "''['__cla' + 'ss__']",
]

JINJA = {
    "repeated text": "{{ 'a' * 10**9 }}",
    "repeated list": "{{ [0] * 10**9 }}",
    "range": "{{ range(10**9) | list }}",
    "range in a loop": "{% for x in range(10**12, 0, -1) %}{% endfor %}",
    "cubic": each(each(each("{{ x }}"))),
    "quadratic": each(each("")),
    "24 loops": LOOP * 24 + END * 24,
    "25 loops": LOOP * 25 + END * 25,
    "ten megabytes": each("{{ inputs.wide }}"),
    "ten megabytes of one": "{{ inputs.big }}{{ inputs.big }}{{ inputs.big }}",
    "joined megabytes": each("{{ inputs.texts | join }}"),
    "power": "{{ 2**10**9 }}",
    "power of powers": "{{ 9**9**9**9 }}",
    "powers of the data": "{{ inputs.xs[2999] ** inputs.xs[2999] }}",
    "product of large numbers": "{{ " + " * ".join(["999999999"] * 9) + " }}",
    "digits": "{{ 1" + "0" * 5000 + " }}",
    "hexadecimal digits": "{{ 0x" + "f" * 100_000 + " }}",
    "exponent": "{{ 1e999 }}",
    "parentheses": "{{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}",
    "brackets": "{{ " + "[" * 100_000 + " }}",
    "braces": "{" * 200_000,
    "filters in a row": "{{ 1" + "|abs" * 5000 + " }}",
    "sum of thousands": "{{ 1" + "+1" * 4000 + " }}",
    "attributes in a row": "{{ a" + ".a" * 4900 + " }}",
    "calls in each other": "{{ " + "range(" * 5000 + ")" * 5000 + " }}",
    "not": "{{ " + "not " * 5000 + "1 }}",
    "minus": "{{ " + "-" * 5000 + "1 }}",
    "choices": "{{ " + "1 if 1 else " * 3000 + "1 }}",
    "conditions in each other": "{% if 1 %}" * 3000,
    "words": "{{1}}" * 200_000,
    "comments": "{#" * 100_000,
    "blanks": "{%" + " " * 900_000 + "raw",
    "one megabyte and more": "{{ a }}" + " " * (1 << 20),
    "format": "{{ '%099999999d' | format(1) }}",
    "format of many": "{{ ('%s' * 10000) | format(1) }}",
    "text doubled": doubled("a ~ a", "'aaaaaaaa'"),
    "text added": doubled("a + a", "'aaaaaaaa'"),
    "list doubled": doubled("a + a", "[1, 2, 3]"),
    "tree of one list": doubled("[a, a, a]", "[1]") + "{{ a }}",
    "printed tree": doubled("[a, a, a]", "[1]") + "<{{ a }}>",
    "tree as JSON": doubled("{'a': a, 'b': a}", "{}") + "{{ a | toJson }}",
    "tree as YAML": doubled("[a, a, a]", "[1]") + "{{ a | yaml }}",
    "tree compared": doubled("[a, a, a]", "[1]") + "{{ a == a }}",
    "tree searched": doubled("[a, a, a]", "[1]") + "{{ a in [a] }}",
    "tree flattened": doubled("[a, a, a]", "[1]") + "{{ a | flatten }}",
    "tree made unique": doubled("[a, a, a]", "[1]") + "{{ [a] | unique }}",
    "tree sorted": doubled("[a, a, a]", "[1]") + "{{ [a, a] | sort }}",
    "tree hashed": doubled("[a, a, a]", "[1]") + "{{ a | sha256 }}",
    "replace of nothing": "{{ inputs.a | replace('', inputs.a) }}",
    "replace of all": "{{ inputs.a.replace('a', inputs.a) }}",
    "long separator": "{{ inputs.xs | join(inputs.wide) }}",
    "center": "{{ 'a' | center(10**9) }}",
    "ljust": "{{ 'a'.ljust(10**9) }}",
    "zfill": "{{ 'a'.zfill(10**9) }}",
    "indent": "{{ inputs.a | indent(10**9) }}",
    "indented lines": "{{ ('\n' * 100000) | indent(1000) }}",
    "batch": "{{ [1] | batch(10**6, 0) }}",
    "slice": "{{ inputs.xs | slice(10**9) }}",
    "many sorts": each("{{ inputs.xs | sort | length }}"),
    "many maxima": each("{{ inputs.xs | max }}"),
    "many members": each("{% if -1 in inputs.xs %}{% endif %}"),
    "many maps": each("{{ inputs.xs | map('string') | join | length }}"),
    "many hashes": each("{{ inputs.big | sha512 }}"),
    "many titles": each("{{ inputs.big | title | length }}"),
    "many slugs": each("{{ inputs.wide | slugify | length }}"),
    "many searches": each("{{ inputs.big.find('bbbbbbbbbbbba') }}"),
    "many strips": each("{{ inputs.big | trim('b') }}"),
    "many dates": each("{{ 0 | date }}" * 30),
    "many long literals": each("{% set q = [" + "1," * 4900 + "] %}"),
    "unclosed tags": "{{ ('<!--' * 100000) | striptags }}",
    "million keys": "{{ inputs.many }}",
    "million keys printed": "<{{ inputs.many }}>",
    "million keys as JSON": "{{ inputs.many | toJson }}",
    "million keys in a loop": "{% for k, v in inputs.many.items() %}{{ k }}{% endfor %}",
    "million keys sorted": "{{ inputs.many | dictsort }}",
    "million keys merged": each("{{ inputs.many | merge(inputs.many) | length }}"),
    "brackets of JSON": "{{ ('[' * 100000) | fromJson }}",
    "megabytes of JSON": "{{ ('[' ~ '0,' * 1000000 ~ '0]') | fromJson }}",
    "exponential pattern": each("{{ inputs.bad | matches('((a|b|c|d|e){1,20}){1,40}$') }}"),
    "huge pattern": "{{ 'a' | matches('(a{1000}){1000}') }}",
    "template in itself": "{{ render('{{ 1 }}') }}",
    "recursive loop": "{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}",
    "macro of itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    **{f"escape: {text}": f"{{{{ {text} }}}}" for text in ATTRIBUTES},
}

CEL = {
    "nested map": "{{ inputs.xs.map(a, inputs.xs.map(b, inputs.xs.map(c, a + b + c))) }}",
    "nested exists": "{{ inputs.xs.exists(a, inputs.xs.exists(b, a + b == -1)) }}",
    "text doubled": "{{ ['aaaaaaaa']"
    + "".join(f".map(a{n}, a{n}+a{n})" for n in range(40))
    + " }}",
    "tree of one list": "{{ [1]" + "".join(f".map(a{n}, [a{n}, a{n}])" for n in range(22)) + " }}",
    "tree as JSON": "{{ jsonEncode([1]"
    + "".join(f".map(a{n}, [a{n}, a{n}])" for n in range(22))
    + ") }}",
    "many patterns": "{{ inputs.xs.all(a, !inputs.bad.matches('((a|b|c|d|e){1,20}){1,40}$')) }}",
    "ten megabytes": "{{ inputs.xs.map(a, inputs.wide) }}",
    "ten megabytes of text": "{{ inputs.big }}" * 4,
    "parentheses": "{{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}",
    "unclosed": "{{ " * 60_000,
    "many small": "{{ inputs.a }}" * 100_000,
    "many lists": "{{ inputs.xs.map(x, x).size() }}" * 400,
    "many quotes": "{{ '" * 60_000,
    "digits": "{{ 1" + "1" * 19_000 + " }}",
    "overflow": "{{ 9223372036854775807 + 1 }}",
    "million keys": "{{ inputs.many }}",
    "million keys printed": "<{{ inputs.many }}>",
    "million keys in a loop": "{{ inputs.many.map(k, k).size() }}",
    "replace of nothing": "{{ inputs.a.replace('', inputs.a) }}",
    "many parts": "{{ inputs.big.split('b') }}",
    "brackets of JSON": "{{ jsonDecode('" + "[" * 15_000 + "') }}",
    "attribute": "{{ ''.__class__ }}",
    "method": "{{ inputs.keys() }}",
    "clock": "{{ now() }}",
}

MUSTACHE = {
    "cubic": "{{#inputs.xs}}{{#inputs.xs}}{{#inputs.xs}}{{.}}{{/inputs.xs}}{{/inputs.xs}}"
    "{{/inputs.xs}}",
    "quadratic": "{{#inputs.xs}}{{#inputs.xs}}{{/inputs.xs}}{{/inputs.xs}}",
    "ten megabytes": "{{#inputs.xs}}{{inputs.wide}}{{/inputs.xs}}",
    "ten megabytes of one": "{{inputs.big}}" * 4,
    "sections in each other": "{{#a}}" * 100_000,
    "unclosed": "{{" * 100_000,
    "names": "{{a}}" * 100_000,
    "million keys": "{{inputs.many}}",
    "partial": "{{> self}}",
    "lambda": "{{#lambda}}{{x}}",
}

HOSTILE: list[tuple[TemplateLanguage, str, str]] = [
    *(("jinja", name, text) for name, text in JINJA.items()),
    *(("cel", name, text) for name, text in CEL.items()),
    *(("mustache", name, text) for name, text in MUSTACHE.items()),
]


@pytest.mark.parametrize(
    ("language", "text"),
    [(language, text) for language, _, text in HOSTILE],
    ids=[f"{language}: {name}" for language, name, _ in HOSTILE],
)
def test_a_hostile_template_ends_in_an_error_within_a_second(
    language: TemplateLanguage, text: str
) -> None:
    before = time.process_time()
    with pytest.raises(ExpressionError):
        compile_template({"value": text}, language).render(DATA)
    assert time.process_time() - before < SECONDS


@pytest.mark.parametrize("text", ["inputs.bad.matches('(a+)+$')", "inputs.bad | matches('(a+)+$')"])
def test_an_exponential_pattern_is_answered_in_linear_time(text: str) -> None:
    language: TemplateLanguage = "jinja" if "|" in text else "cel"
    before = time.process_time()
    assert compile_template(f"{{{{ {text} }}}}", language).render(DATA) is False
    assert time.process_time() - before < SECONDS


@pytest.mark.parametrize("text", ATTRIBUTES)
def test_a_guard_reaches_no_attribute_either(text: str) -> None:
    before = repr(DATA["inputs"]["dicts"])
    with pytest.raises(ExpressionError):
        guard_holds(Guard("jinja", text), DATA)
    assert repr(DATA["inputs"]["dicts"]) == before


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("jinja", "{{ " + "1~" * 4000 + "1 }}"),
        ("jinja", "{{ a b }}" + "{{1}}" * 3000),
        ("cel", "{{ " + "1+" * 2000 + "1 }}"),
        ("cel", "{{ 'a }}"),
        ("mustache", "{{a}}" * 3000),
        ("mustache", "{{#a}}" * 31),
    ],
)
def test_a_value_of_many_templates_is_compiled_or_refused_within_a_second(
    language: TemplateLanguage, text: str
) -> None:
    # A change in each keeps the cache from doing the work once.
    value: Value = [f"{text}{number}" for number in range(200)]
    before = time.process_time()
    assert template_faults(value, language)
    assert time.process_time() - before < SECONDS


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("jinja", "{% for x in inputs.xs %}{% endfor %}"),
        ("cel", "{{ inputs.xs.all(x, x >= 0) }}"),
        ("mustache", "{{#inputs.xs}}{{^.}}{{/.}}{{/inputs.xs}}"),
    ],
)
def test_the_loops_of_many_strings_are_counted_together(
    language: TemplateLanguage, text: str
) -> None:
    compiled = compile_template([f"{text}{number}" for number in range(500)], language)
    before = time.process_time()
    with pytest.raises(ExpressionError):
        compiled.render(DATA)
    assert time.process_time() - before < SECONDS


MEMORY = ["text doubled", "list doubled", "ten megabytes", "megabytes of JSON"]


@pytest.mark.parametrize(
    ("language", "text"),
    [(language, text) for language, name, text in HOSTILE if name in MEMORY],
    ids=[f"{language}: {name}" for language, name, _ in HOSTILE if name in MEMORY],
)
def test_what_is_stopped_held_little_memory(language: TemplateLanguage, text: str) -> None:
    compiled = compile_template(text, language)
    gc.collect()
    tracemalloc.start()
    try:
        with pytest.raises(ExpressionError):
            compiled.render(DATA)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
