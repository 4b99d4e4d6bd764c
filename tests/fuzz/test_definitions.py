"""Definitions of all dialects: whatever is sent compiles or is refused, soon and in few bytes."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz import documents as valid
from tests.fuzz.law import examples, frugal, soon
from tests.fuzz.mutants import ODD, Raw, Tree, mutants, plain, texts, written

from mainspring.domain.definition import Definition
from mainspring.domain.errors import DefinitionInvalid
from mainspring.http import bodies
from mainspring.http.faults import Faults
from mainspring.plugin import installed
from mainspring_api.dialects.flows.definitions import compile as flows
from mainspring_api.dialects.flows.definitions.controls import Asked
from mainspring_api.dialects.flows.definitions.controls import Pin as FlowPin
from mainspring_api.dialects.native.definitions.compile import children_of
from mainspring_api.dialects.native.definitions.compile import compile_workflow as native
from mainspring_api.dialects.native.definitions.steps import Pin
from mainspring_api.dialects.runs import compile as runs
from mainspring_api.dialects.runs.actions import Known
from mainspring_api.dialects.runs.actions import Pin as RunPin
from mainspring_api.dialects.sagas.compile import compile_definition
from mainspring_api.dialects.starters.reading import config_of, spec_of
from mainspring_api.dialects.yamls import read_yaml

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
PLUGINS = installed()
REFUSED = (DefinitionInvalid,)
PINS = {"child": Pin("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "c" * 64)}
OTHERS: dict[tuple[str, int | None], RunPin] = {
    ("other", 2): RunPin("o1", "h2"),
    ("other", None): RunPin("o1", None),
}


def is_kept(definition: Definition) -> None:
    """What compiles is stored, and read again as what it was."""
    assert msgspec.json.decode(msgspec.json.encode(definition), type=Definition) == definition


def told(refused: DefinitionInvalid) -> DefinitionInvalid:
    """What is refused is told, in JSON, and at no great length."""
    assert all(refused.faults)
    assert len(msgspec.json.encode((refused.faults, refused.details))) < 1 << 17
    return refused


def compile_flow(text: str) -> None:
    read = flows.read_text(text)
    pins: Mapping[Asked, FlowPin] = {
        asked: FlowPin("other-id", "other", None) for asked in read.subflows("default")
    }
    read.name("name")
    try:
        flow = flows.compile_flow(read, None, "default", pins)
    except DefinitionInvalid as refused:
        raise told(refused) from None
    is_kept(flow.definition)
    msgspec.json.encode((flow.labels, flow.order, flow.triggers, flow.warnings))


def compile_run(text: str) -> None:
    faults = Faults()
    document = read_yaml(text, faults)
    runs.children_of(document.data)
    runs.name_of(document.data)
    try:
        found = runs.compile_workflow(document, Known(PLUGINS, OTHERS, "fetch-and-tell"), faults)
    except DefinitionInvalid as refused:
        raise told(refused) from None
    is_kept(found.definition)
    msgspec.json.encode(found.starts)


def compile_native(body: bytes) -> None:
    try:
        source = bodies.value(body)
        children_of(source)
        definition = native(source, "1", PINS)
    except DefinitionInvalid as refused:
        raise told(refused) from None
    is_kept(definition)


def answered(act: Any, text: str) -> None:
    with suppress(DefinitionInvalid):
        act(text)


def compile_saga(body: bytes) -> None:
    try:
        definition = compile_definition(bodies.value(body))
    except DefinitionInvalid as refused:
        raise told(refused) from None
    is_kept(definition)


def test_what_mutants_are_made_from_is_valid() -> None:
    compile_flow(written(valid.FLOW))
    compile_flow(valid.BLOCKS)
    compile_run(written(valid.WORKFLOW))
    compile_native(written(valid.NATIVE).encode())
    compile_saga(written(valid.SAGA).encode())


@examples(250)
@given(texts([valid.FLOW], [valid.BLOCKS]))
def test_a_flow_compiles_or_is_refused(text: str) -> None:
    soon(compile_flow, text, refusals=REFUSED)


@examples(200)
@given(texts([valid.WORKFLOW], [valid.BLOCKS]))
def test_a_workflow_of_yaml_compiles_or_is_refused(text: str) -> None:
    soon(compile_run, text, refusals=REFUSED)


@examples(150)
@given(texts([valid.NATIVE]))
def test_a_workflow_of_json_compiles_or_is_refused(text: str) -> None:
    soon(compile_native, text.encode(errors="surrogatepass"), refusals=REFUSED)


@examples(150)
@given(texts([valid.SAGA]))
def test_a_saga_compiles_or_is_refused(text: str) -> None:
    soon(compile_saga, text.encode(errors="surrogatepass"), refusals=REFUSED)


@examples(150)
@given(st.sampled_from(sorted(valid.CONFIGS)), st.data())
def test_what_starts_a_workflow_is_read_or_noted(kind: str, data: st.DataObject) -> None:
    config = plain(data.draw(mutants(valid.CONFIGS[kind])))

    def read() -> None:
        faults = Faults()
        spec = spec_of(kind, config, faults)
        faults.check()
        assert spec is not None
        msgspec.json.encode(config_of(spec))

    soon(read, refusals=REFUSED)


@examples(150)
@given(st.text(max_size=40) | st.lists(st.sampled_from(ODD), max_size=8).map(" ".join))
def test_any_text_is_yaml_or_is_refused(text: str) -> None:
    def read() -> None:
        faults = Faults()
        document = read_yaml(text, faults)
        if not document.is_broken:
            msgspec.json.encode(document.data)
        document.check(faults)

    soon(read, refusals=REFUSED)


BOMBS: dict[str, Tree] = {
    "aliases": Raw("a: &a [x, x]\n" + "".join(f"a{n}: &a [*a, *a, *a]\n" for n in range(40))),
    "long texts, again and again": Raw(f"a: &a {'x' * 500_000}\nb: [{'*a, ' * 1000}*a ]\n"),
    "anchors": Raw("- &a" + " x\n- &a".join(map(str, range(60_000)))),
    "flow sequences": Raw("[" * 500_000),
    "flow mappings": Raw("{" * 500_000),
    "indicators": Raw("- " * 500_000),
    "questions": Raw("? " * 500_000),
    "keys": Raw("".join(f"k{n}: 1\n" for n in range(100_000))),
    "equal keys": Raw("k: 1\n" * 100_000),
    "quotes": Raw('"' * 1_000_000),
    "a comment": Raw("#" * 1_000_000),
    "documents": Raw("---\n" * 250_000),
    "directives": Raw("%TAG ! tag:x,2000:\n" * 50_000),
    "tabs": Raw("\t" * 1_000_000),
    "escapes": Raw('"' + "\\x41" * 250_000 + '"'),
    "tasks": {"name": "f", "tasks": [{"name": f"t{n}", "type": "x"} for n in range(9000)]},
    "needs": {
        "name": "f",
        "tasks": [
            {
                "name": f"t{n}",
                "type": "util.log",
                "properties": {"message": "m"},
                "dependsOn": [f"t{m}" for m in range(n)],
            }
            for n in range(250)
        ],
    },
    "templates": {
        "name": "f",
        "tasks": [
            {"name": "t", "type": "util.log", "properties": {"message": "{{ outputs.t }}" * 40_000}}
        ],
    },
}


@pytest.mark.parametrize("tree", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("act", [compile_flow, compile_run])
def test_a_text_that_would_grow_is_refused_soon(act: Any, tree: Tree) -> None:
    soon(act, written(tree), refusals=REFUSED)


@pytest.mark.parametrize("name", ["aliases", "long texts, again and again", "indicators", "needs"])
@pytest.mark.parametrize("act", [compile_flow, compile_run])
def test_a_text_that_would_grow_is_refused_in_little_memory(act: Any, name: str) -> None:
    text = written(BOMBS[name])
    frugal(lambda: answered(act, text))
