"""How many requests that write are served at once: one more is refused without its body.

Each takes places by the size that it announces, so what bodies take of the memory is bounded too.
Of the places a project has as many as are still free, so the crowd of one project turns away that
project, and others find a place.  Reads are not counted: they hold no body, and streams are many
and idle.  uvicorn's own bound lost: it counts connections, and answers without saying when to come
again.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mainspring.domain.shares import Shares
from mainspring.http.problems import Dialect, Problem, answer
from mainspring.telemetry.metrics import ADMISSION_REFUSED

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
PLACE: Final = 64 << 10
"""Bytes of a body for each place."""

UNTOLD: Final = 1 << 20
"""What a body counts as whose size is not announced."""

PASSING_S: Final = 1.0
"""Seconds in which the body of a refused request goes by; a connection cut off eats the answer."""

_REFUSED = ADMISSION_REFUSED.labels("crowded")


class Crowd:
    """Wraps an application inside the `Edge`."""

    def __init__(self, app: ASGIApp, most: int, dialect_of: Callable[[Request], Dialect]) -> None:
        self._app = app
        self._dialect_of = dialect_of
        self._shares: Shares[bytes] = Shares(most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in READS:
            await self._app(scope, receive, send)
            return
        project, places = _told(scope)
        shares = self._shares
        if not shares.has_room(project):
            await self._refuse(scope, receive, send)
            return
        shares.take(project, places)
        try:
            await self._app(scope, receive, send)
        finally:
            shares.give_back(project, places)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        _REFUSED.inc()
        said = f"{self._shares.total} requests are being served; try again"
        headers = {"Retry-After": "1"}
        if not await _passed(receive):
            headers["Connection"] = "close"
        problem = Problem(503, said, headers=headers)
        request = Request(scope)
        refusal = answer(problem, self._dialect_of(request), scope["state"]["request_id"])
        await refusal(scope, receive, send)


async def _passed(receive: Receive) -> bool:
    """Let a body go by without keeping it, so that the connection lives on; False if it is long."""
    with suppress(TimeoutError, HTTPException):
        async with asyncio.timeout(PASSING_S):
            while (await receive()).get("more_body"):
                pass
            return True
    return False


def _told(scope: Scope) -> tuple[bytes, int]:
    """Return the project that a request names, and how many places it takes."""
    project, places = b"", 1
    for name, value in scope["headers"]:
        if name == b"x-project-id":
            project = value
        elif name == b"content-length" and value.isdigit():
            places += int(value) // PLACE
        elif name == b"transfer-encoding":
            places += UNTOLD // PLACE
    return project, places
