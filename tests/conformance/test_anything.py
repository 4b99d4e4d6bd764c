"""No input gives a 500, whichever operation of the OpenAPI document it is for.

The names in paths are now and then those of real things, so that nonsense comes past the door.
Streams are read up to their head: what follows it is no answer to the input.
"""

import json
from collections.abc import Iterator
from typing import Any, Final, cast
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conformance.fits import misfit
from tests.conformance.flows import task, text
from tests.conformance.runs import saying
from tests.conformance.runs import workflow as workflow_text

from mainspring.http.operations import Operation
from mainspring.testing.sagas import graph
from mainspring.testing.stack import Platform
from mainspring_api.app import DOCUMENTED

PROJECT: Final = "anything"
REAL: Final = {"X-Project-Id": PROJECT}
ELSEWHERE: Final = {"", ".", "..", "run", "calls", "stats", "purge", "prefix", "link"}
"""Parts of a path that lead to another operation than that which it was drawn for."""

NUMBERS = st.sampled_from([0, 1, -1, 2**31, 2**63, 2**64, 10**30, 1.5, 1e308, -0.0])
HOSTILE = [
    "\x00",
    "\x7f",
    "\n",
    "a/b",
    "%",
    "%00",
    "ü",
    "\U0001f600",
    "' or 1=1",
    "k" * 600,
    "{{x}}",
]
TEXTS = st.text(max_size=12) | st.sampled_from(HOSTILE)
DEEP = ["[" * 5000 + "]" * 5000, '{"a":' * 3000 + "1" + "}" * 3000, "1" * 5000, "-", '"\\ud800"']
FIELDS = sorted(
    {"reason", "result", "actor", "comment", "error", "subtree", "x", "\x00"}
    | {"workflow_run_ids", "payload", "definition", "nodes", "steps", "tags", "name", "slug"}
    | {"version", "buffer_secs", "older_than_days", "dry_run", "output", "idempotency_key"}
)
SCALARS = st.none() | st.booleans() | st.integers() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | TEXTS, inner, max_size=4)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3)
NONSENSE = (
    (VALUES | OBJECTS).map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=20)
    | st.sampled_from(DEEP).map(str.encode)
)
HEADERS = st.dictionaries(
    st.sampled_from(["X-Actor-Id", "Idempotency-Key", "X-Callback-Token", "Last-Event-ID"])
    | st.sampled_from(["X-Signature-256", "X-Timestamp", "X-Delivery-Id"])
    | st.sampled_from(["Accept", "Content-Encoding", "X-Request-Id", "traceparent"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20).map(str.strip),
    max_size=3,
)
KINDS = st.sampled_from(["application/json"] * 4 + ["text/plain", "application/xml", ";;", None])


@pytest.fixture(scope="module")
def open_http(stack: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.api, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def things(open_http: httpx.Client) -> dict[str, list[str]]:
    """The names of real things, by the parameters of paths which they are for."""
    steps = [
        {"step_ref": "w", "step_type": "wait_for_event", "event_key": "anything:{{run.id}}"},
        {"step_ref": "ok", "step_type": "approval"},
    ]
    made = {"name": "Anything", "slug": "anything", "steps": steps}
    workflow = open_http.post("/v1/workflows", json=made, headers=REAL).json()["id"]
    begun = open_http.post(f"/v1/workflows/{workflow}/trigger", json={}, headers=REAL)
    nap = {"kind": "sleep", "id": "nap", "durationMillis": 3_600_000}
    definition = graph(nap, name="anything")
    saga = open_http.post("/sagas/run", json={"definition": definition}, headers=REAL)
    stored = open_http.post("/sagas/definitions", json=definition, headers=REAL).json()
    flow = {"yamlContent": text(task("a"), name="anything-flow")}
    flow_id = open_http.post("/api/v1/flows", json=flow, headers=REAL).json()["id"]
    yaml = {"content": workflow_text(saying("a", "hi"), name="anything-yaml")}
    put = open_http.put("/api/v1/workflows/anything-yaml", json=yaml, headers=REAL)
    assert put.status_code in (200, 201), put.text
    hooks = [
        {"flowId": workflow, "type": "webhook", "config": config}
        for config in ({"secret": "s"}, {"path": "any/hook"}, {"key": "anything", "mode": "wait"})
    ]
    triggers = [
        open_http.post("/api/v1/triggers", json=hook, headers=REAL).json() for hook in hooks
    ]
    timed = {"flowId": workflow, "type": "schedule", "config": {"cron": "0 0 1 1 *"}}
    triggers.append(open_http.post("/api/v1/triggers", json=timed, headers=REAL).json())
    keys = [each["config"]["key"] for each in triggers if "key" in each["config"]]
    return {
        "id": [begun.json()["id"], saga.json()["id"], workflow, stored["id"], flow_id]
        + [each["id"] for each in triggers],
        "rev": ["1", "2"],
        "ref": ["w", "ok"],
        "nodeId": ["nap"],
        "key": [f"anything:{begun.json()['id']}", *keys],
        "path:path": ["any/hook"],
        "prefix": ["anything:"],
        "name": [stored["name"], "anything-yaml"],
        "workflow": [stored["name"], "anything", "anything-yaml"],
        "execution": [begun.json()["id"], saga.json()["id"]],
        "version": ["1", stored["version"]],
    }


def path_of(operation: Operation, things: dict[str, list[str]], data: st.DataObject) -> str:
    """Draw a path of an operation: real names and nonsense."""

    def part(text: str) -> str:
        if not text.startswith("{"):
            return text
        real = things.get(text[1:-1], [])
        return quote(data.draw(st.sampled_from(real) | TEXTS if real else TEXTS), safe="")

    return "/".join(map(part, operation.path.split("/")))


def query_of(operation: Operation, data: st.DataObject) -> dict[str, str]:
    """Draw values for parameters that an operation has, and for some that it has not."""
    named = [each.name for each in operation.query] + ["project_id", "x"]
    values = TEXTS | NUMBERS.map(str) | st.just(PROJECT)
    return data.draw(st.dictionaries(st.sampled_from(named), values, max_size=3))


def body_of(operation: Operation, data: st.DataObject) -> bytes:
    """Draw a body: nonsense, or the operation's example with a part that is nonsense."""
    example: Any = operation.example
    if operation.body is None or not isinstance(example, dict) or not example:
        return data.draw(NONSENSE)
    if data.draw(st.booleans()):
        return data.draw(NONSENSE)
    whole = cast("dict[str, Any]", example)
    part = data.draw(st.sampled_from(sorted(whole)))
    return json.dumps(whole | {part: data.draw(VALUES)}).encode()


def request_of(
    operation: Operation, things: dict[str, list[str]], data: st.DataObject
) -> dict[str, Any]:
    kind = data.draw(KINDS)
    headers = {**REAL, **data.draw(HEADERS), **({"Content-Type": kind} if kind else {})}
    return {
        "method": operation.method,
        "url": path_of(operation, things, data),
        "params": query_of(operation, data),
        "headers": [(name.encode(), text.encode("latin-1")) for name, text in headers.items()],
        "content": body_of(operation, data),
    }


def is_no_http(asked: dict[str, Any]) -> bool:
    """Say whether a header is none: the server of HTTP refuses that in plain text, before us."""
    return any(b"\x7f" in text for _, text in asked["headers"])


@settings(max_examples=600, deadline=None)
@given(operation=st.sampled_from(DOCUMENTED), data=st.data())
def test_no_input_to_any_operation_gives_a_500(
    open_http: httpx.Client,
    things: dict[str, list[str]],
    operation: Operation,
    data: st.DataObject,
) -> None:
    asked = request_of(operation, things, data)
    with open_http.stream(**asked) as answer:
        assert answer.status_code < 500, answer.read()
        if not ELSEWHERE.isdisjoint(asked["url"].split("/")[1:]) or is_no_http(asked):
            return
        kind = answer.headers.get("content-type", "")
        body = None if kind.startswith("text/event-stream") else answer.read()
        path = answer.request.url.raw_path.decode().partition("?")[0]
        wrong = misfit(operation.method, path, answer.status_code, kind, body)
        assert not wrong, f"{operation.method} {path}: {wrong} {body!r:.1000}"
