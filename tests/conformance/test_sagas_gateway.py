"""What the events service owns, seen through the gateway."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from tests.conformance.client import PATIENCE_S, Sagas, Service

from mainspring.testing.sagas import graph, hello_world, sleep
from mainspring.testing.stack import Platform


@pytest.fixture
def without_events(stack: Platform) -> Iterator[None]:
    """The platform while its events service is down."""
    (events,) = stack.services["events"]
    events.stop()
    yield
    events.start()
    events.wait_ready()


async def test_a_stream_passes_event_by_event(sagas: Sagas) -> None:
    id = await sagas.run(graph(sleep("nap", 60_000)))
    seen: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        async with sagas.http.stream("GET", f"/v1/workflow-runs/{id}/stream") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.headers["cache-control"].startswith("no-cache")
            async for line in stream.aiter_lines():
                if line.startswith("event:"):
                    seen.append(line.removeprefix("event: "))
                if (await sagas.get(id))["status"] == "SLEEPING" and "WakeRequested" not in seen:
                    await sagas.http.post(f"/sagas/{id}/wake")
    assert seen[0] == "state"
    assert seen[-1] == "ExecutionSucceeded"


async def test_a_reader_that_comes_back_goes_on_where_it_was(
    sagas: Sagas, service: Service
) -> None:
    id = (await sagas.ran(hello_world(service.url)))["id"]
    path = f"/v1/workflow-runs/{id}/stream"
    whole = (await sagas.http.get(f"{path}?after=0")).text
    ids = [line[4:] for line in whole.splitlines() if line.startswith("id: ")]
    rest = await sagas.http.get(path, headers={"Last-Event-ID": ids[1]})
    assert [line[4:] for line in rest.text.splitlines() if line.startswith("id: ")] == ids[2:]
    assert (await sagas.http.get(path, headers={"Last-Event-ID": ids[-1]})).status_code == 204


async def test_answers_of_the_other_side_pass_as_they_are(http: httpx.AsyncClient) -> None:
    nobody = "00000000-0000-7000-8000-000000000000"
    answer = await http.get(
        f"/v1/workflow-runs/{nobody}/stream", headers={"X-Request-Id": "through"}
    )
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert answer.json()["request_id"] == "through"
    assert answer.headers.get_list("x-request-id") == ["through"]
    refused = await http.get("/v1/log/stream?after=never")
    assert refused.status_code == 400


async def test_a_reader_that_leaves_is_let_go_on_both_sides(sagas: Sagas, stack: Platform) -> None:
    async def open_streams() -> float:
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"{stack.events}/metrics")).text
        lines = [
            line for line in text.splitlines() if line.startswith("mainspring_sse_streams_open{")
        ]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    before = await open_streams()
    async with sagas.http.stream("GET", "/v1/log/stream"):
        assert await open_streams() == before + 1
    async with asyncio.timeout(PATIENCE_S):
        while await open_streams() > before:
            pass


@pytest.mark.usefixtures("without_events")
async def test_while_the_events_service_is_away_the_rest_works(
    sagas: Sagas, service: Service
) -> None:
    for path in ("/v1/events/some-key", "/v1/log/stream"):
        answer = await sagas.http.get(path)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["error"]["code"] == "unavailable"
    id = await sagas.run(hello_world(service.url))
    await service.called("/run")
    async with asyncio.timeout(PATIENCE_S):
        while (await sagas.get(id))["status"] == "IN_PROGRESS":
            pass
    assert (await sagas.get(id))["status"] == "SUCCEEDED"
