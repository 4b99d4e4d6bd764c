"""What a service can do, as one table: routing and the OpenAPI document both follow it.

Paths are matched as they were sent, still percent-encoded, and their parameters decoded after: an
id with a slash in it is one parameter.  A fixed path is never taken for a parameter, whatever the
order of the table.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mainspring.http.query import CONTROL

Handler: TypeAlias = Callable[[Any, Request], Awaitable[Response]]
"""Answers a request; what it works with is its service's own."""


class Query(NamedTuple):
    """A parameter in the query."""

    name: str
    meaning: str
    schema: Mapping[str, Any] = {"type": "string"}


class Operation(NamedTuple):
    """One route: what it does, what it takes, and every answer that it gives.

    `answers` has for each status what it means and the type of its body: None for none, the name of
    a media type for text that is not JSON; `mentions` are types that others refer to by their names
    alone.  `texts` are the media types under which the body may be sent as a text instead of in
    JSON, `also` those in which a 200 comes where it is asked for.  `name` is for generators of
    code, where the handler's own would not do.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answers: Mapping[int, tuple[str, Any]]
    body: Any = None
    query: Sequence[Query] = ()
    headers: Sequence[Query] = ()
    example: Any = None
    idempotent: bool = False
    detail: str = ""
    tag: str = "sagas"
    mentions: Sequence[type] = ()
    name: str = ""
    texts: Sequence[str] = ()
    also: Sequence[str] = ()


Unfit: TypeAlias = Callable[[str], Exception]
"""Makes the error of a parameter, by its name, that no name could be."""


def nowhere(_: str) -> Exception:
    """Return the error of a path under which nothing can be."""
    return HTTPException(404, "there is nothing under this path")


def routes(api: object, operations: Iterable[Operation], *, unfit: Unfit = nowhere) -> list[Route]:
    """Return one route for each path, the fixed paths first.

    `unfit` says what is wrong with a parameter that is no text, or has control characters in it.
    """
    by_path: dict[str, dict[str, Handler]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation.handler
    ordered = sorted(by_path, key=lambda path: [part.startswith("{") for part in path.split("/")])
    return [Route(path, Resource(api, by_path[path], unfit)) for path in ordered]


class Resource:
    """What can be done with one path."""

    def __init__(
        self, api: object, handlers: Mapping[str, Handler], unfit: Unfit = nowhere
    ) -> None:
        self._api = api
        self._unfit = unfit
        self._handlers = dict(handlers)
        if "GET" in handlers:
            self._handlers["HEAD"] = handlers["GET"]
        self._allowed = ", ".join(sorted(self._handlers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handlers.get(scope["method"])
        if handler is None:
            text = f"{scope['method'][:16]} is not allowed here, but {self._allowed}"
            raise HTTPException(405, text, {"Allow": self._allowed})
        parameters = scope["path_params"]
        scope["path_params"] = {
            name: self._decoded(name, text) for name, text in parameters.items()
        }
        response = await handler(self._api, Request(scope, receive, send))
        await response(scope, receive, send)

    def _decoded(self, name: str, text: str) -> str:
        """Return a parameter; raise for one that no name could be."""
        try:
            decoded = unquote_to_bytes(text).decode()
        except UnicodeDecodeError:
            raise self._unfit(name) from None
        if CONTROL.search(decoded):
            raise self._unfit(name)
        return decoded


class AsSent:
    """Matches paths as they were sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            raw = scope.get("raw_path") or scope["path"].encode()
            scope["path"] = raw.decode("latin-1")
        await self._app(scope, receive, send)
