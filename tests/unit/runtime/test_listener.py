"""The listening socket against clients of every manner, over the loopback."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mainspring.http.health import Health
from mainspring.http.middleware import Edge
from mainspring.http.problems import handlers
from mainspring.http.sse import EventStream, event
from mainspring.runtime import protocol
from mainspring.runtime.clock import SystemClock, SystemIds
from mainspring.runtime.listener import Listener, PortTaken

MAX_BODY = 1 << 20


class Scene(NamedTuple):
    listener: Listener
    closed: asyncio.Event

    async def talk(self, *pieces: bytes) -> bytes:
        """Send all, in order, and return the answer up to the end of the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        try:
            async with asyncio.timeout(10):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                return await reader.read()
        except ConnectionError:
            return b""  # it closed while we were still talking
        finally:
            writer.close()


@pytest.fixture
async def scene() -> AsyncGenerator[Scene]:
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield event(b"x" * 100_000)
        finally:
            closed.set()

    async def stream(_: Request) -> Response:
        return EventStream(endless(), asyncio.Event(), patience=0.1)

    async def size(request: Request) -> Response:
        return PlainTextResponse(f"size {len(await request.body())}")

    routes = [Route("/stream", stream), Route("/size", size, methods=["GET", "POST"])]
    app = Starlette(routes=routes, exception_handlers=handlers(lambda _: "native"))
    listener = Listener("127.0.0.1", 0, Health(SystemClock()))
    await listener.open()
    listener.serve(Edge(app, ids=SystemIds(), clock=SystemClock(), max_body=MAX_BODY))
    yield Scene(listener, closed)
    await listener.close()


def request(head: str, body: bytes = b"") -> bytes:
    return f"{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode() + body


async def test_a_request_is_answered(scene: Scene) -> None:
    answer = await scene.talk(request("GET /size", b"\r\n"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"size 0")


async def test_a_small_head_with_a_large_body_in_one_piece_is_taken(scene: Scene) -> None:
    head = request("POST /size", b"Content-Length: %d\r\n\r\n" % MAX_BODY)
    assert (await scene.talk(head + b"x" * MAX_BODY)).endswith(b"size %d" % MAX_BODY)


@pytest.mark.parametrize(
    "flood",
    [
        [b"X-%d: " % n + b"z" * 1000 + b"\r\n" for n in range(2000)],
        [b"X: ", *[b"z" * 10_000] * 200],
    ],
    ids=["many headers", "one header"],
)
async def test_an_endless_head_is_refused(scene: Scene, flood: list[bytes]) -> None:
    answer = await scene.talk(request("GET /size"), *flood)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431")


async def test_a_head_that_does_not_come_to_its_end_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 0.05)
    assert (await scene.talk(b"GET /size HT")).startswith(b"HTTP/1.1 408")
    assert (await scene.talk()).startswith(b"HTTP/1.1 408")


async def test_an_answer_may_take_longer_than_a_head(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 0.02)
    head = request("POST /size", b"Content-Length: 2\r\n\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.listener.port)
    writer.write(head + b"x")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.06):
            await reader.read(1)
    writer.write(b"x")
    assert (await reader.read()).endswith(b"size 2")
    writer.close()


async def test_a_chunked_body_above_the_limit_ends_the_connection(scene: Scene) -> None:
    head = request("POST /size", b"Transfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = await scene.talk(head, *[chunk] * 20)
    assert answer == b"" or b" 413 " in answer


async def test_an_announced_body_above_the_limit_is_refused_before_it_comes(
    scene: Scene,
) -> None:
    head = request("POST /size", b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1))
    answer = await scene.talk(head)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"too_large" in answer


async def test_a_stream_that_nobody_reads_lets_go_of_its_source(scene: Scene) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", scene.listener.port, limit=1)
    writer.write(request("GET /stream", b"\r\n"))
    async with asyncio.timeout(10):
        await scene.closed.wait()
    writer.close()


async def test_a_port_that_is_taken_is_told(scene: Scene) -> None:
    second = Listener("127.0.0.1", scene.listener.port, Health(SystemClock()))
    with pytest.raises(PortTaken, match="cannot listen on 127"):
        await second.open()


async def test_without_an_application_everything_but_the_probes_waits(scene: Scene) -> None:
    scene.listener.serve(None)
    answer: Any = await scene.talk(request("GET /size", b"\r\n"))
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in answer
    assert (await scene.talk(request("GET /healthz", b"\r\n"))).endswith(b"ok")
