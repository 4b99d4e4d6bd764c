"""Spans as a collector gets them: one saga is one trace across all services, without a gap."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from tests.conformance.client import Sagas

from mainspring.testing.peer import Call, Peer, Reply, serve
from mainspring.testing.sagas import call, graph, task
from mainspring.testing.stack import Platform, platform

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


class Seen(NamedTuple):
    """A span as it was exported."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, str]


def respond(made: Call) -> Reply:
    if made.path == "/v1/traces":
        return Reply(200, b"", content_type="application/x-protobuf")
    return Reply(200, b'{"ok":true}')


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with serve(respond) as other:
        yield other


@pytest.fixture(scope="module")
def stack(peer: Peer) -> Iterator[Platform]:
    with platform(env={"OTEL_EXPORTER_OTLP_ENDPOINT": peer.url}) as whole:
        yield whole


def exported(peer: Peer) -> list[Seen]:
    found: list[Seen] = []
    for made in peer.to("/v1/traces"):
        request = ExportTraceServiceRequest.FromString(made.body)
        for resource in request.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            found.extend(
                Seen(
                    named["service.name"],
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    {each.key: each.value.string_value for each in span.attributes},
                )
                for scope in resource.scope_spans
                for span in scope.spans
            )
    return found


async def test_one_saga_is_one_trace_across_all_services(stack: Platform, peer: Peer) -> None:
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    nodes = [
        task(id, then, action={"mode": "sync", "request": call(f"{peer.url}/{id}")})
        for id, then in (("a", "b"), ("b", None))
    ]
    async with httpx.AsyncClient(
        base_url=stack.api, headers=headers, timeout=30, trust_env=False
    ) as http:
        sagas = Sagas(http)
        ended = await sagas.ran(graph(*nodes))
        assert ended["status"] == "SUCCEEDED"
    for process in stack.processes:
        assert process.stop() == 0

    seen = [span for span in exported(peer) if span.trace == TRACE]
    services = {span.service for span in seen}
    assert services == {f"mainspring-{name}" for name in ("api", "scheduler", "executor", "events")}
    ids = {span.id for span in seen}
    assert {span.parent for span in seen} <= ids | {CALLER}
    assert len(ids) == len(seen)

    attempts = [span for span in seen if span.name == "attempt step"]
    assert [span.attributes["mainspring.step.ref"] for span in attempts] == ["a", "b"]
    assert {span.attributes["mainspring.execution.id"] for span in attempts} == {ended["id"]}
    sent = [made.headers["traceparent"].split("-") for made in [*peer.to("/a"), *peer.to("/b")]]
    assert [trace for _, trace, _, _ in sent] == [TRACE] * 2
    assert [parent for _, _, parent, _ in sent] == [span.id for span in attempts]


async def test_names_of_spans_hold_no_ids(peer: Peer) -> None:
    names = {span.name for span in exported(peer)}
    assert names
    assert not any(character.isdigit() for character in json.dumps(sorted(names)))
