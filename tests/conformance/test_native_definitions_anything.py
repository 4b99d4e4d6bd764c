"""No input about workflows gives a 500, and every answer is one that the document names."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.native.test_definition_anything import JSON, RICH, places

from mainspring.http.operations import Operation
from mainspring.testing.stack import Platform
from mainspring_api.dialects.native.definitions.routes import OPERATIONS

COMMON = {400, 404, 413, 415}
HEAR_NOTHING = "http://127.0.0.1:9"
NAMES = st.text(max_size=12) | st.sampled_from(["w", "w", "rich", "1", "\x00", "..", "a/b", "ü"])

HEADERS = st.dictionaries(
    st.sampled_from(["X-Project-Id", "X-Actor-Id", "Idempotency-Key"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
    max_size=2,
)
QUERIES = st.dictionaries(
    st.sampled_from(["limit", "cursor", "tag_key", "tag_value", "project_id"]), NAMES, max_size=2
)


@st.composite
def workflows(draw: st.DrawFn) -> bytes:
    """Draw a workflow with all that one can have, of which one part is anything."""
    source = deepcopy(RICH)
    source["slug"] = draw(st.sampled_from(["w", "rich"]))
    path = draw(st.sampled_from(list(places(RICH))))
    here: Any = source
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = draw(JSON)
    return msgspec.json.encode(source).replace(b"http://peer", HEAR_NOTHING.encode())


BODIES = (
    workflows()
    | st.binary(max_size=20)
    | JSON.map(msgspec.json.encode)
    | st.dictionaries(
        st.sampled_from(["payload", "tags", "version", "triggered_by", "project_id", "name"]),
        JSON,
        max_size=3,
    ).map(msgspec.json.encode)
)


@pytest.fixture(scope="module")
def open_http(stack: Platform) -> Iterator[httpx.Client]:
    nap = {"step_ref": "a", "step_type": "sleep", "sleep_duration_secs": 60}
    with httpx.Client(base_url=stack.api, timeout=30) as client:
        for slug in ("w", "child"):
            made = {"name": slug, "slug": slug, "steps": [nap]}
            assert client.post("/v1/workflows", json=made).status_code in (201, 409)
        yield client


@st.composite
def requests(draw: st.DrawFn) -> tuple[Operation, dict[str, Any]]:
    """Draw a request to one of the routes, whose every part may be nonsense."""
    operation = draw(st.sampled_from(OPERATIONS))
    parts = [
        quote(draw(NAMES), safe="") if part.startswith("{") else part
        for part in operation.path.split("/")
    ]
    kind = draw(st.sampled_from(["application/json"] * 4 + ["text/plain", None]))
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
        if answer.status_code >= 400:
            error = answer.json()["error"]
            assert error["message"]
            assert all(isinstance(text, str) for text in error.get("details", ()))
