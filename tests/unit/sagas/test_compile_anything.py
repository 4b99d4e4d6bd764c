"""Whatever is sent compiles or is refused; nothing else happens."""

from copy import deepcopy
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.definition import Definition
from mainspring.domain.errors import DefinitionInvalid
from mainspring.testing.sagas import (
    Json,
    call,
    graph,
    hello_world,
    join,
    sleep,
    split,
    switch,
    task,
)
from mainspring_api.dialects.sagas.compile import compile_definition

HELLO = hello_world()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = [
    "name",
    "version",
    "entrypoint",
    "nodes",
    "steps",
    "kind",
    "id",
    "action",
    "request",
    "url",
    "verb",
    "body",
    "headers",
    "next",
    "mode",
    "cases",
    "when",
    "target",
    "default",
    "durationMillis",
    "until",
    "branches",
    "join",
    "failureHandling",
    "type",
    "callback",
    "timeoutMillis",
    "retryOn",
    "compensation",
    "up",
    "down",
    "maxAttempts",
    "delayMillis",
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: dict[Any, Any] = {}
    if isinstance(value, dict):
        inner = cast("dict[Any, Any]", value)
    elif isinstance(value, list):
        inner = dict(enumerate(cast("list[Any]", value)))
    found = [path] if path else []
    for key, each in inner.items():
        found += places(each, (*path, key))
    return found


RICH = graph(
    split("s", "j", "a", "b"),
    task("a", compensation=call(), retryOn=["5xx"], failureHandling=HELLO["failureHandling"]),
    switch("b", "c", ({"var": "payload.x"}, "c")),
    sleep("c", 5),
    join("j", "d"),
    task(
        "d",
        action={
            "mode": "async",
            "request": call(headers={"X": "{{payload.x}}"}, body={"a": ["{{nodes.a.response}}"]}),
            "callback": {"timeoutMillis": 5, "successWhen": {"var": "callback.body"}},
        },
    ),
)


@given(st.sampled_from(places(RICH)), JSON)
def test_any_value_in_any_place_compiles_or_is_refused(path: tuple[Any, ...], value: Any) -> None:
    source = deepcopy(RICH)
    here: Any = source
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = value
    try:
        compiled = compile_definition(source)
    except DefinitionInvalid as refused:
        assert all(refused.faults)  # noqa: PT017 - what it says matters too
    else:
        assert msgspec.json.decode(msgspec.json.encode(compiled), type=Definition) == compiled
        assert compiled.names is not None


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6))
def test_any_object_is_refused_and_nothing_worse(source: Json) -> None:
    with pytest.raises(DefinitionInvalid):
        compile_definition(source)
