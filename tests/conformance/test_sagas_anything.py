"""No input gives a 500, and every answer is one that the document names."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.http.operations import Operation
from mainspring.testing.sagas import hello_world
from mainspring.testing.stack import Platform
from mainspring_api.dialects.sagas.routes import OPERATIONS

COMMON = {400, 404, 413, 415}
TEXTS = st.text(max_size=12) | st.sampled_from(["default", "v1", "\x00", "..", "a/b", "%", "ü", ""])
HEADERS = st.dictionaries(
    st.sampled_from(["X-Project-Id", "X-Actor-Id", "Idempotency-Key", "X-Callback-Token"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
    max_size=3,
)
QUERIES = st.dictionaries(
    st.sampled_from(["limit", "cursor", "status", "name", "as_of"]), TEXTS, max_size=3
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["definition", "payload", "nodes", "name", "version", "steps", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def inline(payload: Any) -> Any:
    return {"definition": hello_world("http://127.0.0.1:9"), "payload": payload}


BODIES = (
    st.binary(max_size=20)
    | VALUES.map(msgspec.json.encode)
    | st.dictionaries(st.text(max_size=4), VALUES, max_size=3).map(inline).map(msgspec.json.encode)
)


@pytest.fixture(scope="session")
def open_http(stack: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.api, timeout=30) as client:
        yield client


@st.composite
def requests(draw: st.DrawFn) -> tuple[Operation, dict[str, Any]]:
    """Draw a request to one of the routes, whose every part may be nonsense."""
    operation = draw(st.sampled_from(OPERATIONS))
    parts = [
        quote(draw(TEXTS), safe="") if part.startswith("{") else part
        for part in operation.path.split("/")
    ]
    kind = draw(st.sampled_from(["application/json", "text/plain", None]))
    asked = {
        "method": operation.method,
        "url": "/".join(parts),
        "params": draw(QUERIES),
        "headers": draw(HEADERS) | ({"Content-Type": kind} if kind else {}),
        "content": draw(BODIES) if operation.body is not None else b"",
    }
    return operation, asked


@settings(max_examples=300, deadline=None)
@given(requests())
def test_no_input_gives_a_500(
    open_http: httpx.Client, request_of: tuple[Operation, dict[str, Any]]
) -> None:
    operation, asked = request_of
    answer = open_http.request(**asked)
    assert answer.status_code < 500, answer.text
    if all(part not in ("", ".", "..") for part in asked["url"].split("/")[1:]):
        assert answer.status_code in {*operation.answers, *COMMON}, answer.text
        if answer.status_code >= 400 and answer.content:
            assert all(isinstance(text, str) for text in answer.json()["errors"])
