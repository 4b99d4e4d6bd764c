"""What every request passes: identity, trace, limits, measures, and a net under all errors.

Pure ASGI, one object, so that streams pass through untouched: a middleware that wraps requests and
responses would hold an event stream's every chunk in a queue of its own.  A body above the limit is
refused while it is read, by its announced length or by counting, before it can fill the memory.
"""

import asyncio
import logging
import re
from contextlib import suppress
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mainspring.http.problems import Dialect, Problem, answer
from mainspring.http.sizes import Largest
from mainspring.ports import Clock, Ids
from mainspring.telemetry import logs, spans
from mainspring.telemetry.metrics import HTTP_REQUESTS, HTTP_SECONDS

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_VERBS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LINGER_S: Final = 2.0
MOST_LINGERING: Final = 16 << 20  # bytes of a refused body that are let pass by
_log = logging.getLogger(__name__)


class Edge:
    """Wraps an application; `scope["state"]` then has `request_id` and `traceparent`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        ids: Ids,
        clock: Clock,
        max_body: int | Largest,
        dialect: Dialect = "native",
    ) -> None:
        self._app = app
        self._ids = ids
        self._clock = clock
        self._max_body = max_body
        self._dialect: Dialect = dialect

    def _most(self, scope: Scope) -> int:
        if isinstance(self._max_body, int):
            return self._max_body
        return self._max_body((scope.get("raw_path") or scope["path"].encode()).decode("latin-1"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = self._identify(scope)
        trace = scope["state"]["traceparent"][3:35]
        with logs.bound(request_id=request_id, trace_id=trace):
            if scope["type"] == "http":
                await self._http(scope, receive, send)
            else:
                await self._app(scope, receive, send)

    def _identify(self, scope: Scope) -> str:
        """Take the request's id and trace if they are well formed, and make them otherwise."""
        given = header(scope, b"x-request-id")
        request_id = given if _REQUEST_ID.fullmatch(given) else self._ids.uuid7()
        trace = spans.parse(header(scope, b"traceparent")) or spans.begin()
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["traceparent"] = trace.header
        return request_id

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, receive, send, self._clock, self._most(scope))
        try:
            with spans.span(spans.HTTP_SERVER, scope["state"]["traceparent"]) as inside:
                scope["state"]["traceparent"] = inside
                await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except Exception:  # noqa: BLE001 - the net under every handler
            _log.exception("a request failed")
            if not exchange.status:
                nothing = answer(
                    Problem(500, "internal error"), self._dialect, scope["state"]["request_id"]
                )
                await nothing(scope, exchange.receive, exchange.send)
        finally:
            exchange.measure()


class _Exchange:
    """One request and its answer: the body counted, the headers added, the time taken."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, clock: Clock, max_body: int
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._clock = clock
        self._began = clock.monotonic()
        self._took = 0.0
        self._read = 0
        self._max_body = max_body
        self._is_refused = False
        self.status = 0

    async def receive(self) -> Message:
        """Return the next part of the body; raise 413 before more than the limit is held."""
        announced = header(self._scope, b"content-length")
        if announced.isdecimal() and int(announced) > self._max_body:
            raise self._too_large()
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > self._max_body:
            raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on; its head gets the id and the security headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._took = self._clock.monotonic() - self._began
            request_id = self._scope["state"]["request_id"]
            added = [
                (b"x-request-id", request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        elif self._is_refused and not message.get("more_body"):
            await self._linger()
        await self._send(message)

    async def _linger(self) -> None:
        """Let what is still coming pass by, a while: closing upon it would cut off the answer."""
        if header(self._scope, b"expect") and not self._read:
            return  # it waits for our leave to send, and has none
        passed = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while passed < MOST_LINGERING:
                    message = await self._receive()
                    passed += len(message.get("body", b""))
                    if not message.get("more_body"):
                        return

    def measure(self) -> None:
        """Count the exchange; one that was never answered counts with status 499."""
        status = self.status or 499
        method = self._scope["method"] if self._scope["method"] in _VERBS else "other"
        route = getattr(self._scope.get("route"), "path", "unmatched")
        HTTP_REQUESTS.labels(method, route, status).inc()
        HTTP_SECONDS.labels(route).observe(self._took)
        _log.debug("%s %s %d", method, route, status, extra={"seconds": round(self._took, 6)})

    def _too_large(self) -> HTTPException:
        # The rest of the body is still on its way, so the connection cannot be used again.
        self._is_refused = True
        limit = f"the body is larger than {self._max_body} bytes"
        return HTTPException(413, limit, {"Connection": "close"})


def header(scope: Scope, name: bytes) -> str:
    """Return the first header of that (lower-case) name, or nothing."""
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return ""
