"""A peer over real HTTP that writes down every call before it answers.

It runs in a thread with a loop of its own, so tests of any kind can use it.  What it answers is a
function of the call; what it was asked is the truth that effects are counted by.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NamedTuple, cast

import httptools


class Call(NamedTuple):
    """One request as it arrived; header names are in lower case."""

    verb: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return self.headers.get("idempotency-key", "")


class Reply(NamedTuple):
    """What to answer, after `delay` seconds."""

    status: int = 200
    body: bytes = b"{}"
    delay: float = 0.0
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Peer:
    """Where the peer listens, and what it was asked so far."""

    def __init__(self, respond: Callable[[Call], Reply]) -> None:
        self.respond = respond
        self.calls: list[Call] = []
        self.url = ""
        self.open: set[asyncio.Transport] = set()

    def to(self, path: str) -> list[Call]:
        """Return the calls to a path, in order."""
        return [call for call in self.calls if call.path.split("?")[0] == path]


class _Connection(asyncio.Protocol):
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._path = ""
        self._headers: dict[str, str] = {}
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._peer.open.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._peer.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._headers, self._body = {}, b""

    def on_url(self, url: bytes) -> None:
        self._path = url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        verb = self._parser.get_method().decode()
        call = Call(verb, self._path, self._headers, self._body, time.time())
        self._peer.calls.append(call)
        reply = self._peer.respond(call)
        asyncio.get_running_loop().call_later(reply.delay, self._answer, verb, reply)

    def _answer(self, verb: str, reply: Reply) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        head = [
            f"HTTP/1.1 {reply.status} X",
            f"Content-Type: {reply.content_type}",
            f"Content-Length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in reply.headers),
        ]
        body = b"" if verb == "HEAD" else reply.body
        self._transport.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)


@contextmanager
def serve(respond: Callable[[Call], Reply]) -> Generator[Peer]:
    """Yield a peer that is reachable at `peer.url`; it stops on exit."""
    peer = Peer(respond)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: _Connection(peer), "127.0.0.1", 0))
    peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for transport in tuple(peer.open):
            transport.abort()
        loop.run_until_complete(server.wait_closed())
        loop.close()
