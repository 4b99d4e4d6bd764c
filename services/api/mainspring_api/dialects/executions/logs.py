"""The log of an execution under one path: as JSON, as server-sent events, over a WebSocket.

A reader that is too slow is left, so that it holds nothing; it comes back with the number of the
last frame that it has, and misses nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from mainspring.domain.errors import DefinitionInvalid, MainspringError, NotFound
from mainspring.http import sse
from mainspring.http.answers import encode, identity, json
from mainspring.http.bodies import together
from mainspring.http.faults import Faults, shown
from mainspring.http.paging import page_query
from mainspring.http.problems import answer, problem_of
from mainspring.http.query import query_of
from mainspring_api.context import Api
from mainspring_api.dialects.executions.frames import LEVELS, Wanted, follow, recorded
from mainspring_api.dialects.executions.parts import known, named

LIMIT: Final = 500
PATIENCE_S: Final = 20.0
GOING_AWAY: Final = 1001
TRY_AGAIN: Final = 1013
KINDS: Final = frozenset({"log", "status", "end"})
LINES: Final = frozenset({"log"})


async def get(api: Api, request: Request) -> Response:
    """Return the log's lines, or stream all frames where the client takes server-sent events."""
    one = await known(api, request)
    query = query_of(request)
    if "text/event-stream" in request.headers.get("accept", ""):
        since = _since(query, request.headers.get("last-event-id"))
        source = _events(api, one.id, since, _wanted(query, KINDS))
        return sse.EventStream(source, api.draining)
    limit, since, _ = together(
        lambda: page_query({**query, "cursor": ""}, default=LIMIT).limit,
        lambda: _since(query, None),
        lambda: len(_wanted(query, LINES)),
    )
    wanted = _wanted(query, LINES)
    frames, has_more = await recorded(api.engine.log, one.id, since, wanted, limit)
    headers = _next(request, query, frames[-1].seq) if has_more else None
    return json(frames, headers=headers)


async def _events(api: Api, id: str, since: int, wanted: Wanted) -> AsyncGenerator[bytes]:
    source = follow(api.engine.log, api.feed, id, since, wanted)
    async with aclosing(source) as frames:
        async for some in frames:
            yield b"".join(sse.event(encode(each), name=each.type, id=each.seq) for each in some)


class Socket:
    """The same frames over a WebSocket, one text message each."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def __call__(self, websocket: WebSocket) -> None:
        """Send frames until the execution has ended, the reader leaves, or the service does."""
        try:
            id, since, wanted = await self._asked(websocket)
        except MainspringError as refused:
            id = getattr(websocket.state, "request_id", "")
            await websocket.send_denial_response(answer(problem_of(refused), "flows", id))
            return
        await websocket.accept()
        sending = asyncio.create_task(self._send(websocket, id, since, wanted))
        left = asyncio.create_task(_left(websocket))
        draining = asyncio.create_task(self._api.draining.wait())
        tasks = (sending, left, draining)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not left.done() or left.cancelled():
            await websocket.close(_code(sending))

    async def _asked(self, websocket: WebSocket) -> tuple[str, int, Wanted]:
        id = identity(websocket.path_params["id"], "execution")
        query = dict(websocket.query_params)
        found = await self._api.views.execution(id, project=named(websocket))
        if found is None:
            raise NotFound(f"no execution {id}")
        return id, _since(query, None), _wanted(query, KINDS)

    async def _send(self, websocket: WebSocket, id: str, since: int, wanted: Wanted) -> None:
        source = follow(self._api.engine.log, self._api.feed, id, since, wanted)
        async with aclosing(source) as frames:
            async for some in frames:
                for frame in some:
                    async with asyncio.timeout(PATIENCE_S):
                        await websocket.send_text(encode(frame).decode())


def _code(sending: "asyncio.Task[None]") -> int:
    """Return the code of the close: the end, a reader that was too slow, or ours to leave."""
    if sending.cancelled():
        return GOING_AWAY
    return 1000 if sending.exception() is None else TRY_AGAIN


async def _left(websocket: WebSocket) -> None:
    """Return when the reader has left; what it says is not for us."""
    try:
        while True:
            await websocket.receive_text()
    except (WebSocketDisconnect, KeyError, RuntimeError):
        return


def _since(query: Mapping[str, str], resumed: str | None) -> int:
    text = resumed if resumed is not None else query.get("since", "0")
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise DefinitionInvalid(["since: must be the number of a frame"])
    return int(text)


def _wanted(query: Mapping[str, str], kinds: frozenset[str]) -> Wanted:
    """Return which frames are asked for; raise `DefinitionInvalid` with all faults."""
    faults = Faults()
    level = query.get("level", "TRACE").upper()
    if level not in LEVELS:
        faults.add("level", f'"{shown(level)}" is no level{faults.hint(level, LEVELS)}')
    asked = frozenset(filter(None, query.get("types", "").split(",")))
    for word in sorted(asked - KINDS):
        faults.add("types", f'"{shown(word)}" is no kind of frame{faults.hint(word, KINDS)}')
    faults.check()
    return Wanted(asked or kinds, level, query.get("task"))


def _next(request: Request, query: Mapping[str, str], seq: int) -> dict[str, str]:
    there = request.url.include_query_params(since=seq)
    return {"Link": f'<{there.path}?{there.query}>; rel="next"', "X-Next-Cursor": str(seq)}
