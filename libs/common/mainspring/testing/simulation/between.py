"""The way from one service to another: a transport that ends at whichever replica is up.

What is asked goes on at the other side when the asker is dead, and what is answered may be cut off
at any piece: as on a real connection, neither end knows what the other one has seen.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Protocol

import httpx
from starlette.types import Message, Receive, Scope, Send

from mainspring.testing.simulation.gate import Gate

PATIENCE_S: Final = 30.0
MOST_PIECES: Final = 40
"""Pieces of an answer after the last of which a connection that is to be cut is cut."""


class Server(Protocol):
    """Who answers requests; False when it did not get to the end of one."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> bool: ...


class Between(httpx.AsyncBaseTransport):
    """Connections of one life to another service."""

    def __init__(self, gate: Gate, alive: Callable[[], Sequence[Server]]) -> None:
        self._gate = gate
        self._alive = alive

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the head of an answer, with its body to come; raise as a broken connection."""
        gate = self._gate
        gate.point()
        await gate.lag()
        servers = self._alive()
        if not servers:
            raise httpx.ConnectError("simulated: nobody listens")
        is_cut = gate.happens("wire_cuts")
        last = gate.chance.whole(0, MOST_PIECES) if is_cut else None
        connection = _Connection(gate.chance.pick(servers), request, last)
        try:
            async with asyncio.timeout(PATIENCE_S):
                answer = await connection.head
        except TimeoutError:
            await connection.aclose()
            raise httpx.ReadTimeout("simulated: no answer") from None
        gate.point()
        return answer


class _Connection(httpx.AsyncByteStream):
    """One request, and its answer as it comes; cut off after `last` pieces if that is given."""

    def __init__(self, server: Server, request: httpx.Request, last: int | None) -> None:
        self.head: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()
        self._request = request
        self._left: int | None = last
        self._asked = False
        self._whole = False
        self._gone = asyncio.Event()
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._serving = asyncio.ensure_future(self._serve(server))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            if self._left == 0:
                break
            self._left = None if self._left is None else self._left - 1
            yield piece
        if not self._whole or self._left == 0:
            raise httpx.ReadError("simulated: the connection broke")

    async def aclose(self) -> None:
        """Leave; the other side notices."""
        self._gone.set()
        self._serving.cancel()

    async def _serve(self, server: Server) -> None:
        try:
            await server.serve(_scope_of(self._request), self._receive, self._send)
        finally:
            self._gone.set()
            self._pieces.put_nowait(None)
            if not self.head.done():
                self.head.set_exception(httpx.ReadError("simulated: the connection broke"))

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._request.content, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if not self.head.done():
                status, headers = int(message["status"]), message["headers"]
                self.head.set_result(httpx.Response(status, headers=headers, stream=self))
            return
        self._pieces.put_nowait(message.get("body", b""))
        self._whole = self._whole or not message.get("more_body")


def _scope_of(request: httpx.Request) -> Scope:
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": url.path,
        "raw_path": url.raw_path.partition(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 50001),
        "server": ("events.test", 80),
        "state": {},
    }
