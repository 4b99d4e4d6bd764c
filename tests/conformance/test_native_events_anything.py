"""No request about event triggers gives a 500, and every answer is one that the document names."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.http.contracts.events import OPERATIONS
from mainspring.http.operations import Operation
from mainspring.testing.stack import Platform

NUMBERS = st.sampled_from([0, 1, -1, 36_500, 36_501, 10**30, 2**63, 1.5, 1e308, -0.0])
WORDS = ["k", "k" * 513, "waiting", "job_run", "stats", "purge", "prefix"]
TEXTS = st.text(max_size=12) | st.sampled_from([*WORDS, "\x00", "\x7f", "..", "a/b", "%", "ü"])
HEADERS = st.dictionaries(
    st.sampled_from(["X-Project-Id", "X-Actor-Id", "Idempotency-Key", "Last-Event-ID"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
    max_size=3,
)
NAMES = ["limit", "cursor", "status", "source_type", "workflow_run_id", "project_id", "after"]
QUERIES = st.dictionaries(st.sampled_from(NAMES), TEXTS | NUMBERS.map(str), max_size=3)
SCALARS = st.none() | st.booleans() | st.integers() | NUMBERS | st.text(max_size=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(["payload", "buffer_secs", "older_than_days", "dry_run", "x"])
BODIES = st.binary(max_size=20) | (
    VALUES | st.dictionaries(FIELDS, VALUES | NUMBERS, max_size=3)
).map(msgspec.json.encode)


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
    kind = draw(st.sampled_from(["application/json", "application/json", "text/plain", None]))
    asked = {
        "method": operation.method,
        "url": "/".join(parts),
        "params": draw(QUERIES),
        "headers": draw(HEADERS) | ({"Content-Type": kind} if kind else {}),
        "content": draw(BODIES) if operation.body is not None else b"",
    }
    return operation, asked


def is_elsewhere(operation: Operation, path: str) -> bool:
    """Say whether a path leads to another route than that which it was drawn for."""
    parts = path.split("/")[1:]
    fixed = operation.path.startswith("/v1/events/{key}") and {"stats", "purge", "prefix"}
    return any(part in ("", ".", "..") for part in parts) or bool(fixed and parts[2] in fixed)


@settings(max_examples=400, deadline=None)
@given(requests())
def test_no_input_gives_a_500(
    open_http: httpx.Client, request_of: tuple[Operation, dict[str, Any]]
) -> None:
    operation, asked = request_of
    with open_http.stream(**asked) as answer:
        assert answer.status_code < 500
        if is_elsewhere(operation, asked["url"]):
            return
        assert answer.status_code in operation.answers
        if answer.status_code >= 400:
            told = msgspec.json.decode(answer.read())
            assert told["error"].keys() >= {"code", "message"}
            assert told["request_id"] == answer.headers["x-request-id"]
