"""One HTTP/1.1 connection: a request goes out, an answer comes back, again and again.

The parser is llhttp (by httptools), in its strict mode: an answer that could be read in two ways
ends the connection.  Everything a peer can make long is bounded: header lines and their sum,
interim answers, the body, and bytes that amount to nothing.  A connection goes back to the
pool only after an answer that ended exactly where its bytes did.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from mainspring.ports import HttpAnswer, HttpFault
from mainspring_executor.decoding import Sink, sink

MOST_HEADERS: Final = 128
LONGEST_HEADERS: Final = 65_536
MOST_INTERIM: Final = 16
IDLE: Final = 4.0
"""Seconds that an unused connection is kept: just under the five of many servers."""

_LARGE: Final = 65_536
_KEEP_FOR: Final = re.compile(r"timeout=(\d{1,6})", re.IGNORECASE)


class Connection(asyncio.Protocol):
    """A connection to one checked address, which serves one request at a time.

    `answered` becomes true with the first byte of an answer: before it, a request on a
    connection that was used before may have met a peer that had just hung up.
    """

    __slots__ = (
        "_answer",
        "_complete",
        "_forget",
        "_framed",
        "_headers",
        "_interim",
        "_is_head",
        "_keep",
        "_limit",
        "_loop",
        "_moved",
        "_parser",
        "_quiet",
        "_release",
        "_room",
        "_sink",
        "_timer",
        "_transport",
        "answered",
        "idle_until",
        "key",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        key: tuple[str, str, int, str],
        release: Callable[["Connection"], None],
        forget: Callable[["Connection"], None],
    ) -> None:
        self.key = key
        self.idle_until = 0.0
        self.answered = False
        self._loop = loop
        self._release = release
        self._forget = forget
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reset(limit=0, is_head=False)

    def _reset(self, *, limit: int, is_head: bool) -> None:
        self._headers: dict[str, str] = {}
        self._sink: Sink | None = None
        self._limit = limit
        self._room = LONGEST_HEADERS
        self._is_head = is_head
        self._interim = 0
        self._quiet = 0
        self._complete = self._framed = self._keep = self.answered = False

    def send(
        self, head: bytes, body: bytes | None, *, limit: int, is_head: bool, deadline: float
    ) -> "asyncio.Future[HttpAnswer]":
        """Write a request and return the future of its answer, which fails with `HttpFault`."""
        assert self._transport is not None  # noqa: S101 - connected before it was handed out
        self._reset(limit=limit, is_head=is_head)
        self._answer = answer = self._loop.create_future()
        self._timer = self._loop.call_at(deadline, self._expire)
        if not body:
            self._transport.write(head)
        elif len(body) < _LARGE:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        return answer

    def is_usable(self, now: float) -> bool:
        """Say whether another request may be tried on it."""
        return (
            self._transport is not None
            and now < self.idle_until
            and not self._transport.is_closing()
        )

    def abort(self) -> None:
        """Drop the connection at once; an answer that is awaited fails."""
        if self._transport is not None:
            self._transport.abort()
        self._fail(HttpFault("connection", "the connection was closed from this side"))

    def close(self) -> None:
        """Close the connection in order."""
        if self._transport is not None:
            self._transport.close()

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if self._answer is None or parser is None:
            self.abort()  # nobody asked
            return
        self.answered = True
        self._moved = False
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:
            self._fail(HttpFault("connection", "the peer wants to change the protocol"))
        except HttpParserError as error:
            self._keep = False
            if not self._complete:
                self._fail(_fault_of(error))
        if self._complete:
            self._finish()
            return
        self._quiet = 0 if self._moved else self._quiet + len(data)
        if self._quiet > LONGEST_HEADERS:
            self._fail(HttpFault("too_large", "the answer's framing does not end"))

    def eof_received(self) -> None:
        if self._answer is not None and self._sink is not None and not self._framed:
            self._keep = False
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self.eof_received()
        self._transport = None
        where = "in the middle of its answer" if self.answered else "before it answered"
        self._fail(HttpFault("connection", f"the peer closed the connection {where}"))
        self._forget(self)
        self._parser = None  # it holds our methods: a circle

    # What the parser says.

    def on_message_begin(self) -> None:
        if self._complete:
            self._keep = False  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        self._moved = True
        self._room -= len(name) + len(value) + 4
        if self._room < 0:
            raise HttpFault("too_large", "the answer's headers are too large")
        if self._sink is not None or self._complete:
            return  # a trailer
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers = self._headers
        if key in headers:
            text = f"{headers[key]}, {text}"
        elif len(headers) >= MOST_HEADERS:
            raise HttpFault("too_large", "the answer has too many headers")
        headers[key] = text

    def on_headers_complete(self) -> None:
        assert self._parser is not None  # noqa: S101 - it is what calls
        self._moved = True
        if self._complete:
            return
        status = self._parser.get_status_code()
        headers = self._headers
        if status < 200:
            self._interim += 1
            if self._interim > MOST_INTERIM:
                raise HttpFault("connection", "the peer sends interim answers without end")
            return
        self._framed = "content-length" in headers or "transfer-encoding" in headers
        self._sink = sink(headers.get("content-encoding", ""), self._limit)
        if self._is_head:
            # The parser does not know what was asked and waits for a body; we do not.
            self._complete = True
            self._keep = False

    def on_body(self, data: bytes) -> None:
        self._moved = True
        if self._sink is not None and not self._complete:
            self._sink.feed(data)

    def on_message_complete(self) -> None:
        if self._complete:
            return
        if self._sink is None:  # an interim answer: the real one is still to come
            self._headers = {}
            return
        assert self._parser is not None  # noqa: S101 - it is what calls
        self._complete = True
        self._keep = self._parser.should_keep_alive()

    # How it ends.

    def _expire(self) -> None:
        self._fail(HttpFault("timeout", "the answer did not come in time"))

    def _fail(self, fault: HttpFault) -> None:
        answer = self._settle()
        if answer is not None and not answer.done():
            answer.set_exception(fault)
        if self._transport is not None:
            self._transport.abort()

    def _finish(self) -> None:
        assert self._sink is not None  # noqa: S101 - there were headers
        assert self._parser is not None  # noqa: S101 - and they came from it
        try:
            body = b"" if self._is_head else self._sink.finish()
        except HttpFault as fault:
            self._fail(fault)
            return
        status, headers = self._parser.get_status_code(), self._headers
        answer = self._settle()
        if answer is not None and not answer.done():
            answer.set_result(HttpAnswer(status, headers, body))
        self._hand_back(headers)

    def _settle(self) -> "asyncio.Future[HttpAnswer] | None":
        answer, self._answer = self._answer, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return answer

    def _hand_back(self, headers: dict[str, str]) -> None:
        transport = self._transport
        if transport is None:
            return
        # A peer that answered before it had read everything reads the rest as the next request.
        if not self._keep or transport.is_closing() or transport.get_write_buffer_size():
            transport.close()
            return
        self.idle_until = self._loop.time() + _idle(headers)
        self._release(self)


def _idle(headers: dict[str, str]) -> float:
    found = _KEEP_FOR.search(headers["keep-alive"]) if "keep-alive" in headers else None
    return min(IDLE, int(found[1]) - 1.0) if found else IDLE


def _fault_of(error: HttpParserError) -> HttpFault:
    cause = error.__context__
    if isinstance(cause, HttpFault):
        return cause
    return HttpFault("connection", f"the answer is not HTTP: {error}")
