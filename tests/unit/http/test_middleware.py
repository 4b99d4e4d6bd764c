"""What every request passes."""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from mainspring.http.middleware import MOST_LINGERING, Edge
from mainspring.http.problems import handlers
from mainspring.runtime.clock import SystemClock, SystemIds
from mainspring.telemetry import spans
from mainspring.telemetry.logs import JsonLines

LIMIT = 1000


async def echo(request: Request) -> Response:
    state = {"request_id": request.state.request_id, "traceparent": request.state.traceparent}
    return JSONResponse({**state, "size": len(await request.body())})


async def unread(_: Request) -> Response:
    return Response("unread")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    routes = [
        Route("/things/{id}", echo, methods=["GET", "POST", "PUT"]),
        Mount("/sub", routes=[Route("/{x}", unread, methods=["POST"])]),
    ]
    app = Starlette(routes=routes, exception_handlers=handlers(lambda _: "native"))
    edge = Edge(app, ids=SystemIds(), clock=SystemClock(), max_body=LIMIT)
    transport = httpx.ASGITransport(edge)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_request_id_is_taken_used_and_returned(http: httpx.AsyncClient) -> None:
    answer = await http.get("/things/1", headers={"x-request-id": "order-7/a"})
    assert answer.headers["x-request-id"] == "order-7/a" == answer.json()["request_id"]


@pytest.mark.parametrize("bad", ["", "a b", "x" * 129, 'a"b', "a\tb"])
async def test_a_malformed_request_id_is_replaced(http: httpx.AsyncClient, bad: str) -> None:
    answer = await http.get("/things/1", headers={"x-request-id": bad})
    assert answer.headers["x-request-id"] != bad
    assert len(answer.headers["x-request-id"]) == 36


async def test_a_trace_goes_on_and_a_broken_one_begins_anew(http: httpx.AsyncClient) -> None:
    there = spans.begin().header
    kept = await http.get("/things/1", headers={"traceparent": there})
    assert kept.json()["traceparent"] == there
    made = await http.get("/things/1", headers={"traceparent": "00-zz"})
    assert spans.parse(made.json()["traceparent"])


async def test_every_answer_forbids_the_guessing_of_its_type(http: httpx.AsyncClient) -> None:
    for answer in (await http.get("/things/1"), await http.get("/nowhere")):
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_body_of_just_the_limit_is_taken(http: httpx.AsyncClient) -> None:
    assert (await http.post("/things/1", content=b"x" * LIMIT)).json()["size"] == LIMIT


async def test_an_announced_body_above_the_limit_is_refused_unread(
    http: httpx.AsyncClient,
) -> None:
    answer = await http.post("/things/1", content=b"x" * (LIMIT + 1))
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"


async def test_a_body_without_end_is_refused_and_let_pass_by_only_so_far(
    http: httpx.AsyncClient,
) -> None:
    sent = 0

    async def chunks() -> AsyncGenerator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 16
            yield b"x" * (1 << 16)

    answer = await http.post("/things/1", content=chunks())
    assert answer.status_code == 413
    assert sent <= MOST_LINGERING + (1 << 18)


async def test_a_client_that_waits_for_leave_to_send_is_refused_at_once(
    http: httpx.AsyncClient,
) -> None:
    sent = 0

    async def chunks() -> AsyncGenerator[bytes]:
        nonlocal sent
        sent += 1
        yield b"x"

    headers = {"Content-Length": str(LIMIT + 1), "Expect": "100-continue"}
    answer = await http.post("/things/1", content=chunks(), headers=headers)
    assert answer.status_code == 413
    assert sent == 0


def value(name: str, labels: Mapping[str, str]) -> float:
    return REGISTRY.get_sample_value(name, dict(labels)) or 0.0


async def test_requests_are_counted_by_template_and_never_by_path(
    http: httpx.AsyncClient,
) -> None:
    labels = {"method": "PUT", "route": "/things/{id}", "status": "200"}
    unmatched = {"method": "other", "route": "unmatched", "status": "404"}
    before = value("mainspring_http_requests_total", labels)
    unmatched_before = value("mainspring_http_requests_total", unmatched)
    for number in range(3):
        await http.put(f"/things/{number}")
        await http.request("BREW", f"/pot/{number}")
    assert value("mainspring_http_requests_total", labels) == before + 3
    assert value("mainspring_http_requests_total", unmatched) == unmatched_before + 3


async def test_lines_logged_during_a_request_carry_its_id(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[dict[str, str]] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonLines("api").format(record)))

    logger = logging.getLogger("mainspring.http.middleware")
    collect = Collect()
    logger.addHandler(collect)
    try:
        with caplog.at_level(logging.DEBUG, logger.name):
            await http.get("/things/secret-id", headers={"x-request-id": "mine"})
    finally:
        logger.removeHandler(collect)
    assert lines[-1]["request_id"] == "mine"
    assert lines[-1]["trace_id"]
    assert "secret-id" not in json.dumps(lines)


async def test_an_application_without_any_handler_still_answers_with_an_id() -> None:
    async def broken(scope: object, receive: object, send: object) -> None:
        raise RuntimeError("bare")

    edge = Edge(broken, ids=SystemIds(), clock=SystemClock(), max_body=1)
    transport = httpx.ASGITransport(edge)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/", headers={"x-request-id": "rid"})
    assert answer.status_code == 500
    assert answer.json()["request_id"] == "rid"
