"""Server-sent events: format, resuming, and readers of every manner."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from prometheus_client import REGISTRY
from starlette.types import ASGIApp, Receive, Scope, Send

from mainspring.domain.errors import DefinitionInvalid
from mainspring.http import sse
from mainspring.http.sse import EventStream, resume_from
from mainspring.testing.asgi import reading


class Source:
    """Gives what a test puts in, and remembers that it was closed."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.taken = 0
        self.closed = asyncio.Event()

    async def __call__(self) -> AsyncGenerator[bytes]:
        try:
            while (piece := await self.pieces.get()) is not None:
                self.taken += 1
                yield piece
        finally:
            self.closed.set()


def app_of(source: Source, draining: asyncio.Event | None = None, **limits: float) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        stream = EventStream(source(), draining or asyncio.Event(), **limits)
        await stream(scope, receive, send)

    return app


def test_line_breaks_in_data_stay_inside_their_event() -> None:
    assert sse.event(b"a\nb\r\nc", name="x", id=7) == (
        b"event: x\nid: 7\ndata: a\ndata: b\ndata: c\n\n"
    )


def test_an_event_without_data_is_still_an_event() -> None:
    assert sse.event(b"") == b"data: \n\n"


def test_the_header_of_a_reconnecting_reader_goes_before_the_url() -> None:
    assert resume_from({"last-event-id": "9"}, {"after": "3"}) == 9
    assert resume_from({}, {"after": "3"}) == 3
    assert resume_from({}, {}) is None


@pytest.mark.parametrize("text", ["-1", "x", "1.5", "٣", "9" * 30, "0" * 5000 + "1"])
def test_what_is_no_position_is_refused_by_name(text: str) -> None:
    with pytest.raises(DefinitionInvalid, match="Last-Event-ID: must be a position"):
        resume_from({"last-event-id": text}, {})


async def test_events_reach_the_reader_one_by_one_and_the_end_ends_the_answer() -> None:
    source = Source()
    async with reading(app_of(source), "/") as reader:
        assert await reader.began() == 200
        assert reader.headers["content-type"].startswith("text/event-stream")
        assert "content-length" not in reader.headers
        source.pieces.put_nowait(sse.event(b"1", id=1))
        assert (await reader.next()).data == "1"
        source.pieces.put_nowait(None)
        await reader.ended.wait()
    assert reader.body.startswith(b"retry: 1000\n\n")


async def test_a_quiet_stream_is_kept_alive_by_comments() -> None:
    async with reading(app_of(Source(), heartbeat=0.01), "/") as reader:
        assert await reader.next_comment() == "still here"
        assert await reader.next_comment() == "still here"


async def test_a_reader_that_leaves_closes_its_source() -> None:
    source = Source()
    async with reading(app_of(source), "/") as reader:
        await reader.began()
        reader.leave()
        await source.closed.wait()


async def test_a_drain_ends_every_stream_whole() -> None:
    source, draining = Source(), asyncio.Event()
    async with reading(app_of(source, draining), "/") as reader:
        await reader.began()
        draining.set()
        await reader.ended.wait()
        await source.closed.wait()


async def test_a_reader_that_takes_nothing_is_dropped_and_nothing_is_kept_for_it() -> None:
    source = Source()
    before = REGISTRY.get_sample_value("mainspring_sse_slow_readers_total")
    async with reading(app_of(source, patience=0.02), "/") as reader:
        await reader.began()
        reader.pause()
        for _ in range(1000):
            source.pieces.put_nowait(sse.event(b"x" * 1000))
        await reader.ended.wait()
        assert source.taken == 1
    after = REGISTRY.get_sample_value("mainspring_sse_slow_readers_total")
    assert after == (before or 0) + 1
