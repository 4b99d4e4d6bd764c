"""The page of event triggers: every request that it shows, as it shows it."""

from typing import Any

import httpx
import jsonschema
import pytest
from tests.conformance.native import Native, waiting

from mainspring_api.app import DOCUMENTED
from mainspring_api.openapi import document

DOCUMENT: dict[str, Any] = document(DOCUMENTED)
INSTANT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
OPTIONAL = {"type": ["string", "null"]}
TRIGGER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event_key": {"type": "string"},
        "project_id": {"type": "string"},
        "source_type": {"enum": ["workflow_step", "job_run"]},
        "workflow_run_id": {"type": "string"},
        "workflow_step_run_id": {"type": "string"},
        "job_run_id": OPTIONAL,
        "status": {"enum": ["waiting", "received", "timed_out", "canceled"]},
        "timeout_secs": {"type": "integer"},
        "requested_at": {"type": "string", "pattern": INSTANT},
        "received_at": {"type": ["string", "null"], "pattern": INSTANT},
        "expires_at": {"type": ["string", "null"], "pattern": INSTANT},
        "error": OPTIONAL,
    },
}
TRIGGER["required"] = [*TRIGGER["properties"], "request_payload", "response_payload"]


def listed(of: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"properties": more | of, "required": [*more, *of]}


COUNTS = ("total_count", "waiting_count", "received_count", "timed_out_count", "canceled_count")
EXAMPLES: list[tuple[str, str, str, dict[str, Any]]] = [
    (
        *("GET", "/v1/events", ""),
        listed({"data": {"type": "array", "items": TRIGGER}}, has_more={"type": "boolean"}),
    ),
    (
        *("GET", "/v1/events/stats", ""),
        listed(
            {name: {"type": "integer"} for name in COUNTS},
            avg_wait_duration_secs={"type": "number"},
        ),
    ),
    ("GET", "/v1/events/{key}", "", TRIGGER),
    ("DELETE", "/v1/events/{key}", "", TRIGGER),
    ("POST", "/v1/events/{key}/send", "{}", TRIGGER),
    (
        *("POST", "/v1/events/prefix/{prefix}/send", "{}"),
        listed({"triggers": {"type": "array", "items": TRIGGER}}, resolved={"type": "integer"}),
    ),
    (
        *("POST", "/v1/events/purge", '{    "older_than_days": 1  }'),
        listed(
            {"deleted": {"type": "integer"}, "would_delete": {"type": "integer"}},
            dry_run={"type": "boolean"},
        ),
    ),
]


@pytest.fixture
async def native(http: httpx.AsyncClient) -> Native:
    native = Native(http)
    id = await native.begin(waiting("w", key="string", event_timeout_secs=60))
    await native.until_step(id, "w", "waiting")
    return native


@pytest.mark.parametrize(("method", "path", "body", "shape"), EXAMPLES)
async def test_an_example_of_the_page_works_as_it_stands_there(
    native: Native, method: str, path: str, body: str, shape: dict[str, Any]
) -> None:
    headers = {"Content-Type": "application/json"} if body else {}
    url = path.replace("{key}", "string").replace("{prefix}", "string")
    project = native.http.headers.pop("X-Project-Id")
    answer = await native.http.request(
        method, url, params={"project_id": project}, content=body, headers=headers
    )
    assert answer.status_code == 200, answer.text
    jsonschema.validate(answer.json(), shape)
    described = DOCUMENT["paths"][path][method.lower()]["responses"]["200"]
    schema = described["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": DOCUMENT["components"]})


async def test_the_stream_of_the_page_begins_with_the_trigger(native: Native) -> None:
    async with native.http.stream("GET", "/v1/events/string/stream") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        seen = [await anext(lines) for _ in range(5)]
    assert seen[2] == "event: status"
    assert seen[4].startswith('data: {"id":')
