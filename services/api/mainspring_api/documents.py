"""The api's description of itself: the OpenAPI document, and a page that shows it."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.http.operations import Operation
from mainspring_api.openapi import document

# Everything is in the page, so a browser needs to be allowed nothing else.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
)


def written(operations: Sequence[Operation]) -> bytes:
    """Return the document as `proto/openapi.json` has it."""
    return msgspec.json.format(msgspec.json.encode(document(operations)), indent=2) + b"\n"


def document_routes(operations: Sequence[Operation]) -> list[Route]:
    """Return the routes of the document and of the page."""

    @cache
    def described() -> bytes:
        # Made when it is asked for: an api that starts has better things to do.
        return msgspec.json.encode(document(operations))

    page = files("mainspring_api").joinpath("docs.html").read_bytes()

    async def openapi(_: Request) -> Response:
        return Response(described(), media_type="application/json")

    async def docs(_: Request) -> Response:
        headers = {"Content-Security-Policy": _POLICY}
        return Response(page, 200, headers, "text/html")

    return [Route("/openapi.json", openapi), Route("/docs", docs)]
