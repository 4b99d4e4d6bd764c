"""What the events service owns, under this origin: passed through byte by byte, as it comes.

Streams pass because nothing is collected: each piece goes out before the next one is read.  A
reader that leaves is noticed at once and the other side is left too.  While the events service is
away the answer is 503, and everything else of the api works.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import httpx
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

PATHS: Final = (
    "/v1/events",
    "/v1/events/{rest:path}",
    "/v1/workflow-runs/{id}/stream",
    "/v1/log/stream",
)
CONNECT_S: Final = 2.0
ANSWER_S: Final = 60.0
"""Seconds without a byte after which the other side counts as dead; a stream has heartbeats."""

MOST_CONNECTIONS: Final = 10_000
_HOP_BY_HOP: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"host"),
        *(b"content-length", b"expect", b"x-request-id", b"traceparent"),
    }
)
_TIMEOUT: Final = {"connect": CONNECT_S, "read": ANSWER_S, "write": ANSWER_S, "pool": CONNECT_S}
_OWN_ANSWER: Final = frozenset({b"date", b"server", b"x-request-id", b"x-content-type-options"})
Headers = list[tuple[bytes, bytes]]


class Gateway:
    """A part of the api: it has connections to keep and to close."""

    name = "gateway"

    def __init__(
        self,
        upstream: str,
        draining: asyncio.Event,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        url = httpx.URL(upstream)
        self._origin, self._base = str(url.copy_with(raw_path=b"")), url.path.rstrip("/")
        self._draining = draining
        limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=64)
        # Loading the authorities takes 50 ms: only where there is a certificate to verify.
        self._transport = transport or httpx.AsyncHTTPTransport(
            verify=url.scheme == "https", limits=limits, trust_env=False
        )
        self._drained = asyncio.Event()

    def routes(self) -> list[Route]:
        """Return what is passed on."""
        return [Route(path, self) for path in PATHS]

    async def start(self) -> None:
        """Connect to nobody before somebody asks."""

    async def run(self) -> None:
        """Wait for the end, and close what is open."""
        try:
            await self._drained.wait()
        finally:
            await self._transport.aclose()

    async def drain(self) -> None:
        """Streams end by themselves while the service drains."""
        self._drained.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        answer = await self._asked(request, await request.body())
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": answer.status_code,
                    "headers": _kept(answer.headers.raw, _OWN_ANSWER),
                }
            )
            await self._pass(answer, receive, send)
        finally:
            await answer.aclose()

    async def _asked(self, request: Request, body: bytes) -> httpx.Response:
        """Return the other side's answer as soon as its head is there."""
        target = self._base + _target(request.scope)
        try:
            onward = httpx.Request(
                request.method,
                f"{self._origin}{target}",
                headers=_onward(request),
                content=body,
                # As it was sent: the URL would have its dots resolved, and lead elsewhere.
                extensions={"timeout": _TIMEOUT, "target": target.encode("latin-1")},
            )
        except httpx.InvalidURL:
            raise HTTPException(404, "there is nothing under this path") from None
        try:
            return await self._transport.handle_async_request(onward)
        except httpx.TimeoutException:
            raise _away("did not answer in time") from None
        except httpx.HTTPError:
            raise _away("does not answer") from None

    async def _pass(self, answer: httpx.Response, receive: Receive, send: Send) -> None:
        """Hand on what comes until it ends, the reader leaves, or, for a stream, we drain."""
        pump = asyncio.create_task(_pump(answer, send))
        watched: list[asyncio.Task[Any]] = [pump, asyncio.create_task(_left(receive))]
        is_stream = answer.headers.get("content-type", "").startswith("text/event-stream")
        if is_stream:
            watched.append(asyncio.create_task(self._draining.wait()))
        try:
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in watched:
                task.cancel()
            await asyncio.gather(*watched, return_exceptions=True)
        if pump.done() and not pump.cancelled() and not pump.result() and not is_stream:
            return  # cut off on the other side: the server cuts off the reader, who must not
            # take the half for the whole; a stream's reader comes back by itself
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _pump(answer: httpx.Response, send: Send) -> bool:
    """Hand on each piece as it comes; False when the other side was cut off."""
    try:
        async for piece in answer.aiter_raw():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except httpx.HTTPError:
        return False
    return True


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _target(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return scope["path"] + (f"?{query}" if query else "")


def _onward(request: Request) -> Headers:
    state = request.state
    own = [
        (b"x-request-id", getattr(state, "request_id", "").encode()),
        (b"traceparent", getattr(state, "traceparent", "").encode()),
    ]
    return [*_kept(request.headers.raw, _HOP_BY_HOP), *(pair for pair in own if pair[1])]


def _kept(headers: Iterable[tuple[bytes, bytes]], without: frozenset[bytes]) -> Headers:
    dropped = without | {b"connection", b"keep-alive", b"transfer-encoding"}
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def _away(why: str) -> HTTPException:
    return HTTPException(503, f"the events service {why}", {"Retry-After": "1"})
