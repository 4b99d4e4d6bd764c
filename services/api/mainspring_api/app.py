"""The api as a service: the dialects' routes, the documents, and the gateway to the events service.

Order of the floors, outermost first: `Edge` (identity, trace, limits, the net under all errors),
paths as they were sent, routing, handlers.
"""

from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import BaseRoute

from mainspring.http.contracts.events import OPERATIONS as EVENTS
from mainspring.http.crowd import Crowd
from mainspring.http.middleware import Edge
from mainspring.http.operations import AsSent, Operation, routes
from mainspring.http.problems import Dialect, handlers
from mainspring.http.sizes import largest
from mainspring.runtime.service import Service
from mainspring.runtime.world import World
from mainspring_api.context import Api, api_of
from mainspring_api.dialects.audit.routes import OPERATIONS as AUDIT
from mainspring_api.dialects.executions.routes import OPERATIONS as EXECUTIONS
from mainspring_api.dialects.executions.routes import sockets
from mainspring_api.dialects.flows.routes import OPERATIONS as FLOWS
from mainspring_api.dialects.gates.routes import OPERATIONS as GATES
from mainspring_api.dialects.kv.routes import OPERATIONS as KV
from mainspring_api.dialects.native.routes import OPERATIONS as NATIVE
from mainspring_api.dialects.runs.routes import OPERATIONS as RUNS
from mainspring_api.dialects.sagas.routes import OPERATIONS as SAGAS
from mainspring_api.dialects.starters.routes import OPERATIONS as STARTERS
from mainspring_api.documents import document_routes
from mainspring_api.gateway import Gateway

OPERATIONS: Final[tuple[Operation, ...]] = (
    *SAGAS,
    *NATIVE,
    *RUNS,
    *FLOWS,
    *EXECUTIONS,
    *GATES,
    *KV,
    *STARTERS,
    *AUDIT,
)
"""Everything that the api can do; each dialect adds its own."""

DOCUMENTED: Final[tuple[Operation, ...]] = (*OPERATIONS, *EVENTS)
"""Everything that can be reached through the api, also what the events service does."""

_DIALECTS: Final[tuple[tuple[str, Dialect], ...]] = (
    ("/sagas", "sagas"),
    ("/api/v1/run/", "runs"),
    ("/api/v1/cancel/", "runs"),
    ("/api/v1/retry/", "runs"),
    ("/api/v1/workflows", "runs"),
    ("/hooks/", "runs"),
    ("/api/v1/", "flows"),
    ("/auth/", "flows"),
)


async def build(world: World, transport: httpx.AsyncBaseTransport | None = None) -> Service:
    """Return the service; `transport` is the way to the events service where it is no socket."""
    api = api_of(world)
    gateway = Gateway(world.config.events_url, world.draining, transport)
    return Service([gateway, api.feed, api.admission], application(world, api, gateway))


def application(world: World, api: Api, gateway: Gateway) -> Edge:
    """Return the HTTP face."""
    listed: list[BaseRoute] = [
        *routes(api, OPERATIONS),
        *sockets(api),
        *gateway.routes(),
        *document_routes(DOCUMENTED),
    ]
    app = Starlette(routes=listed, exception_handlers=handlers(dialect_of))
    app.router.redirect_slashes = False
    limit = largest(world.config.max_body_bytes, world.config.max_payload_bytes)
    crowd = Crowd(AsSent(app), world.config.max_requests, dialect_of)
    return Edge(crowd, ids=world.ids, clock=world.clock, max_body=limit)


def dialect_of(request: Request) -> Dialect:
    """Return the dialect in which a path is answered."""
    path = request.url.path
    for start, dialect in _DIALECTS:
        if path.startswith(start):
            return dialect
    return "native"
