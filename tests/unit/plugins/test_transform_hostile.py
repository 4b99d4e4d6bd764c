"""Whatever fits a manifest is answered or refused, and what runs away is ended by its time."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.plugin import PluginFailed, installed
from mainspring.testing.plugin_calls import done, plugin, refused
from mainspring.testing.plugins import TestContext
from mainspring_executor.helpers import Helpers

T = TypeVar("T")
MOST = 20
OURS = [id for id in installed().ids if id.startswith(("flow.", "transform."))]
WORDS: list[str] = [
    *("", "a", "a.b", "item", "item.a", "{{ item }}", "{{", "{% for", "acc ~ item", "item.a * 2"),
    *("[item] * 9", "(", "(a)|(b)", r"\1", r"\g<a>", "<a b='c'>d</a>", "<!DOCTYPE a>", "a: [1, 2]"),
    *("&a [*a]", "a,b\n1,2", '"', "a,a\n", ".[]", "p > a", "data", "../a", "1", "-1e5", "é", "\0"),
    *("aGk=", base64.b64encode(b"PK\5\6" + b"\0" * 18).decode(), "٣", "\ud7ff\U0010ffff"),
]
TEXTS: st.SearchStrategy[str] = st.sampled_from(WORDS) | st.text(max_size=6)
NUMBERS = (
    st.integers(-3, 12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**70), 2**70)
)
ANYTHING: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


def fitting(schema: dict[str, Any]) -> st.SearchStrategy[Json]:
    """Return values that mostly fit a schema; what does not is asked for again."""
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return st.one_of([fitting(each) for each in schema["anyOf"]])
    match schema.get("type"):
        case "string":
            return texts(schema)
        case "integer" | "number":
            return st.integers(schema.get("minimum", 1), min(schema.get("maximum", 9), 50))
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(fitting(schema.get("items", {})), max_size=4)
        case "object":
            return objects(schema)
        case _:
            return ANYTHING


def texts(schema: dict[str, Any]) -> st.SearchStrategy[Json]:
    pattern: str | None = schema.get("pattern")
    return TEXTS if pattern is None else st.from_regex(pattern, fullmatch=True)


def objects(schema: dict[str, Any]) -> st.SearchStrategy[Json]:
    if "properties" not in schema:
        values = schema.get("additionalProperties", {})
        return st.dictionaries(TEXTS, fitting(values), max_size=3)
    known = {name: fitting(each) for name, each in schema["properties"].items()}
    needed = set(schema["required"])
    return st.fixed_dictionaries(
        {name: each for name, each in known.items() if name in needed},
        optional={name: each for name, each in known.items() if name not in needed},
    )


def test_all_of_them_are_here() -> None:
    assert len([id for id in OURS if id.startswith("flow.")]) == 9
    assert len([id for id in OURS if id.startswith("transform.")]) == 13


@pytest.mark.parametrize("id", OURS)
@settings(
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    deadline=None,
    max_examples=MOST,
)
@given(data=st.data())
async def test_what_fits_the_manifest_is_answered_or_refused(id: str, data: st.DataObject) -> None:
    found = plugin(id)
    assert found.run is not None
    call = data.draw(fitting(dict(found.manifest.input)).filter(lambda each: not faults(id, each)))
    before = msgspec.json.encode(call)
    with suppress(PluginFailed):
        output = await found.run(call, TestContext())
        assert found.output_faults(output) == []
        msgspec.json.encode(output)
    assert msgspec.json.encode(call) == before, "the input belongs to the caller"


def faults(id: str, call: Json) -> list[str]:
    return plugin(id).input_faults(call)


class Apart(TestContext):
    """A context whose helper processes are real."""

    def __init__(self, helpers: Helpers) -> None:
        super().__init__()
        self._helpers = helpers

    async def bounded(
        self, function: Callable[..., T], *args: object, seconds: float | None = None
    ) -> T:
        return await self._helpers.run(function, *args, seconds=seconds or self.timeout)


@pytest.fixture
async def apart() -> AsyncIterator[Apart]:
    helpers = Helpers(memory_mb=128, most=1)
    yield Apart(helpers)
    await helpers.close()


async def test_a_filter_without_an_end_ends_within_its_time(apart: Apart) -> None:
    with pytest.raises(PluginFailed, match=r"longer than 0.5 s") as failed:
        await done("transform.jq", apart, filter="def f: f; f", data=1, timeout=0.5)
    assert failed.value.fault == "timeout"
    assert (await done("transform.jq", apart, filter=". + 1", data=1))["results"] == [2]


async def test_a_filter_that_fills_the_memory_ends_alone(apart: Apart) -> None:
    with pytest.raises(PluginFailed):
        await done("transform.jq", apart, filter='reduce range(60) as $i ("x"; . + .)', data=1)
    assert (await done("transform.jq", apart, filter=".", data="é"))["results"] == ["é"]


async def test_expressions_patterns_and_archives_work_in_the_helper(apart: Apart) -> None:
    mapped = await done("flow.map", apart, items=[1, 2], expression="item * 2")
    assert mapped["items"] == [2, 4]
    found = await done("transform.regex", apart, op="findAll", pattern="[a-z]", text="a-b")
    assert found["result"] == ["a", "b"]
    packed = await done("transform.compress", apart, op="create", files=[{"name": "a", "data": ""}])
    back = await done("transform.compress", apart, op="list", data=packed["data"])
    assert back["files"] == [{"name": "a", "size": 0}]
    values = await done("transform.html", apart, data="<p>x", css="p")
    assert values["values"] == ["x"]


async def test_what_is_refused_in_the_helper_is_refused_for_good(apart: Apart) -> None:
    said = await refused("flow.map", apart, items=[{"a": 1}, {}], expression="item.a + 1")
    assert said.startswith("items[1]: expression: ")


async def test_bulky_data_are_worked_on_apart(apart: Apart) -> None:
    rows = "a,b\n" + "1,2\n" * 51_000
    found = await done("transform.csv", apart, op="parse", data=rows)
    assert len(found["rows"]) == 51_000
