"""YAML of strangers: plain values, every place, every fault, and never slow."""

import re
from time import process_time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.http.faults import Faults
from mainspring_api.dialects.yamls import Document, DocumentInvalid, read_yaml

WITHIN_S = 1.0
"""Of this process: what others do meanwhile is not its cost."""


def reading(text: str) -> tuple[Document, list[str]]:
    faults = Faults()
    document = read_yaml(text, faults)
    return document, [each.told for each in document.located(faults)]


def data(text: str) -> Json:
    document, faults = reading(text)
    assert faults == []
    return document.data


def faults_of(text: str) -> list[str]:
    return reading(text)[1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: -0.5e3", {"a": -500.0}),
        ("a: 0x1F", {"a": 31}),
        ("a: 0o17", {"a": 15}),
        ("a: [true, False, null, ~]", {"a": [True, False, None, None]}),
        ("a:", {"a": None}),
        ("on: push", {"on": "push"}),
        ("a: [yes, no, off]", {"a": ["yes", "no", "off"]}),
        ("a: 2026-11-24", {"a": "2026-11-24"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: '1'", {"a": "1"}),
        ('a: "\\u00e9"', {"a": "é"}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("a: 30s", {"a": "30s"}),
        ("a: =", {"a": "="}),
        ("", None),
        ("# nothing", None),
        ("--- {a: 1}\n...", {"a": 1}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
    ],
)
def test_only_what_json_has_comes_out(text: str, value: Json) -> None:
    assert data(text) == value


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: 2\na: 3", "3:1: a: is given twice, first in line 1"),
        ("s:\n- {x: 1, x: 2}", "2:10: s[0].x: is given twice, first in line 2"),
        ("1: a", "1:1: a key is a text, not a number: put it in quotes"),
        ("x:\n  true: a", "2:3: x: a key is a text, not a boolean: put it in quotes"),
        ("? [a]\n: b", "1:3: a key is a text, not a list: put it in quotes"),
        ("a: !!python/object:os.system x", "1:4: a: tags are not known here (!!python/object"),
        ("a: !secret x", "1:4: a: tags are not known here (!secret)"),
        ("a: !!binary aGk=", "1:4: a: tags are not known here (!!binary)"),
        ("a: !!set {x: null}", "1:4: a: tags are not known here (!!set)"),
        ("b: &b {x: 1}\na:\n  <<: *b", "3:3: a: merge keys are not known here"),
        ("a: *x", '1:4: a: no anchor "x" before this'),
        ("a: &x [*x]", '1:8: a[0]: "x" has itself inside'),
        ("a: 010", "1:4: a: 010 is no number of JSON: put it in quotes"),
        ("a: .inf", "1:4: a: .inf is no number of JSON"),
        ("a: 18446744073709551616", "1:4: a: the number 18446744073709551616 is out of range"),
        ("a: 1\n---\nb: 2", "2:1: one document is wanted, and here is another"),
        ("a: [1,\nb", "3:1: a[2]: is not YAML: "),
        ("a:\n\t- b", "2:1: a: is not YAML: "),
        ("a: b: c", "1:5: is not YAML: "),
        ("a: x\x07", "1:5: a character that YAML cannot have"),
        ("a: \ud800", "1:4: a character that YAML cannot have"),
        ('a: "\\0"', "1:4: a: a text cannot have a NUL character"),
        ("é: 1\nü: 𝄞: x", "2:5: is not YAML: "),
    ],
)
def test_what_json_has_not_is_a_fault_with_its_place(text: str, fault: str) -> None:
    assert faults_of(text)[0].startswith(fault)


def test_all_faults_are_told_in_the_order_of_the_text() -> None:
    document, _ = reading(text := "b: 010\na: {}\nb: 1\n")
    faults = Faults()
    document = read_yaml(text, faults)
    faults.add("a.x", "is missing")
    faults.add("", "nothing is right")
    with pytest.raises(DocumentInvalid) as refused:
        document.check(faults)
    assert refused.value.faults == (
        "1:1: nothing is right",
        "1:4: b: 010 is no number of JSON: put it in quotes",
        "2:1: a.x: is missing",
        "3:1: b: is given twice, first in line 1",
    )
    assert msgspec.to_builtins(refused.value.details[2]) == {
        "line": 2,
        "column": 1,
        "path": "a.x",
        "message": "is missing",
    }


TEXT = """\
name: x
steps:
  - name: a
    params: {url: u, "odd key": [1, 2, {deep: 3}]}
  - name: b
"""


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ("name", (1, 1)),
        ("steps", (2, 1)),
        ("steps[0]", (3, 5)),
        ("steps[0].name", (3, 5)),
        ("steps[1].name", (5, 5)),
        ("steps[0].params", (4, 5)),
        ('steps[0].params["odd key"]', (4, 22)),
        ('steps[0].params["odd key"][2].deep', (4, 41)),
        ("steps[1].action", (5, 5)),
        ("steps[7]", (2, 1)),
        ("steps[0].params.nothing.here", (4, 5)),
        ("nothing", (1, 1)),
        ("", (1, 1)),
        ("steps[99999999999999999999999]", (2, 1)),
    ],
)
def test_every_place_has_its_line_and_column(place: str, where: tuple[int, int]) -> None:
    document, faults = reading(TEXT)
    assert faults == []
    assert document.mark(place) == where
    assert document.where(place) == f"line {where[0]}, column {where[1]}"


def test_a_place_below_an_alias_is_that_of_what_it_stands_for() -> None:
    document, _ = reading("a: &x\n  b: 1\nc: *x\n")
    assert document.mark("c") == (3, 1)
    assert document.mark("c.b") == (2, 3)


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
LONG = "x" * 200_000
HOSTILE = {
    "laughs": (LAUGHS, "the document has more than 50000 values"),
    "long laughs": (f"a: &a {LONG}\nb: [{'*a,' * 40_000}]", "more than 4194304 characters"),
    "deep flow": ("[" * (1 << 20), "nest"),
    "deep objects": ("{a: " * (1 << 18), "is nested more than 64 deep"),
    "deep block": ("- " * (1 << 19), "is nested more than 64 deep"),
    "deep keys": ("? " * (1 << 19), "is nested more than 64 deep"),
    "deep aliases": (
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 100)),
        "is nested more than 64 deep",
    ),
    "many values": ("[" + "a," * (1 << 19), "the document is larger than"),
    "many values that fit": ("[" + "a," * ((1 << 19) - 10), "more than 50000 values"),
    "many anchors": ("".join(f"- &a{n} x\n" for n in range(49_000)), None),
    "many equal keys": ("a: 1\n" * 40_000, "and 24900 more"),
    "many numbers": ("- 010\n" * 45_000, "is no number"),
    "a long number": ("a: " + "9" * 1_000_000, None),
    "a long comment": ("#" + "x" * 1_000_000, None),
    "many blanks": (" " * 1_000_000 + "a", None),
    "many lines": ("\n" * 1_000_000, None),
    "a long key": ("x" * 1_000_000 + ": 1", "is not YAML"),
    "an open quote": ('a: "' + "x\n " * 300_000, "is not YAML"),
    "many questions": ("{" + "?," * 500_000, "a key is a text"),
    "many colons": (":" * 1_000_000, "is not YAML"),
    "many tags": ("[" + "!a ," * 40_000 + "]", "tags are not known"),
    "too large": ("a: " + "é" * (1 << 19), "larger than 1048576 bytes"),
    "documents": ("---\n" * 200_000, "one document is wanted"),
    "directives": ("%A b\n" * 200_000, "is not YAML"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_costs_less_than_a_second(name: str) -> None:
    text, fault = HOSTILE[name]
    began = process_time()
    faults = faults_of(text)
    assert process_time() - began < WITHIN_S
    if fault is None:
        assert faults == []
    else:
        assert any(fault in each for each in faults), faults[:3]


def test_a_largest_document_of_many_texts_costs_less_than_a_second() -> None:
    line = (
        "- {name: step, action: http/request, params: {url: 'http://a/b', body: "
        + "x" * 150
        + "}}\n"
    )
    began = process_time()
    assert faults_of(line * 4_000) == []
    assert process_time() - began < WITHIN_S


@given(st.text(max_size=200))
def test_no_text_is_more_than_refused(text: str) -> None:
    document, faults = reading(text)
    assert not document.is_broken or faults
    assert all(re.match(r"\d+:\d+: ", each) for each in faults)


WORDS = st.text("abc xyz-:#'\"{}[]&*!|>%@`\n0é", max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_json_is_read_as_what_it_is(value: Json) -> None:
    import json  # noqa: PLC0415 - the other reader of the same text

    if _has_merge_key(value):
        return
    assert data(json.dumps(value)) == value


def _has_merge_key(value: Json) -> bool:
    return "<<" in str(value)
