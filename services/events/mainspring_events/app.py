"""The events service: its routes, and the parts behind them."""

import re
from collections.abc import Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.domain.envelope import StreamId
from mainspring.domain.errors import DefinitionInvalid, NotFound
from mainspring.http.caller import native_caller_of
from mainspring.http.contracts.events import served
from mainspring.http.crowd import Crowd
from mainspring.http.middleware import Edge
from mainspring.http.operations import AsSent, Handler, routes
from mainspring.http.problems import Dialect, handlers
from mainspring.http.sizes import largest
from mainspring.http.sse import EventStream, resume_from
from mainspring.runtime.feed import Feed
from mainspring.runtime.service import Service
from mainspring.runtime.world import World
from mainspring_events import changes, reads, watch
from mainspring_events.context import events_of
from mainspring_events.stream import ENDED, EXECUTION, NO_MORE, execution_stream, project_stream

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")


async def build(world: World) -> Service:
    """Return the service: one feed for all streams, and the routes that open them."""
    feed = Feed(world.bus, world.log, world.clock, world.health.heart("feed"))
    return Service([feed], application(world, feed))


def application(world: World, feed: Feed) -> Edge:
    """Return the HTTP face."""
    streams = Streams(world, feed)
    listed: list[BaseRoute] = [
        *routes(events_of(world, feed), served(HANDLERS), unfit=_no_key),
        Route("/v1/workflow-runs/{id}/stream", streams.execution),
        Route("/v1/log/stream", streams.project),
    ]
    app = Starlette(routes=listed, exception_handlers=handlers(_native))
    app.router.redirect_slashes = False
    limit = largest(world.config.max_body_bytes, world.config.max_payload_bytes)
    crowd = Crowd(AsSent(app), world.config.max_requests, _native)
    return Edge(crowd, ids=world.ids, clock=world.clock, max_body=limit)


HANDLERS: Final[Mapping[str, Handler]] = {
    "events_list": reads.get_all,
    "events_stats": reads.get_stats,
    "events_get": reads.get,
    "events_cancel": changes.cancel,
    "events_stream": watch.stream,
    "events_send": changes.send,
    "events_send_by_prefix": changes.send_by_prefix,
    "events_purge": changes.purge,
}
"""Who serves each route of event triggers."""


class Streams:
    """Opens streams for those who ask."""

    def __init__(self, world: World, feed: Feed) -> None:
        self._world = world
        self._feed = feed

    async def execution(self, request: Request) -> Response:
        """Stream one execution, of whichever dialect; raise `NotFound`."""
        world, id = self._world, request.path_params["id"]
        after = resume_from(request.headers, request.query_params)
        detail = await world.views.execution(id, project=native_caller_of(request).project)
        if detail is None:
            raise NotFound(f"there is no run {id}")
        if after is not None and detail.row.status in ENDED and not await self._follows(id, after):
            return Response(status_code=NO_MORE)
        source = execution_stream(world.log, self._feed, detail.row, after)
        return EventStream(source, world.draining)

    async def project(self, request: Request) -> Response:
        """Stream the log of a project; without a position, from its beginning."""
        after = resume_from(request.headers, request.query_params) or 0
        types = _types(request.query_params.get("types", ""))
        world, project = self._world, native_caller_of(request).project
        source = project_stream(world.log, self._feed, project, after=after, types=types)
        return EventStream(source, world.draining)

    async def _follows(self, id: str, after: int) -> bool:
        """Say whether the log has anything of an execution behind a position."""
        stream = StreamId(EXECUTION, id)
        return bool(await self._world.log.read_all(after=after, limit=1, stream=stream))


def _native(_: Request) -> Dialect:
    return "native"


def _no_key(name: str) -> Exception:
    return DefinitionInvalid([f"{name}: must be UTF-8 without control characters"])


def _types(text: str) -> tuple[str, ...]:
    types = tuple(part.strip() for part in text.split(",")) if text else ()
    faults = [f"types: {t[:64]!r} is no event type" for t in types if not _TYPE.fullmatch(t)]
    if faults:
        raise DefinitionInvalid(faults)
    return types
