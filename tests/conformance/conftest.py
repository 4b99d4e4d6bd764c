"""The four services as processes, a peer that they call, and a client of the sagas dialect.

The platform and the peer are started once.  Each test has a corner of the peer and a project for
itself; nothing is emptied between them, as nothing is in production.
"""

from collections.abc import AsyncIterator, Iterator
from itertools import count

import httpx
import pytest
from tests.conformance.client import Sagas, Service
from tests.conformance.fits import misfit

from mainspring.testing.peer import Call, Peer, Reply, serve
from mainspring.testing.stack import Platform, platform

_numbers = count(1)


@pytest.fixture(scope="session")
def stack() -> Iterator[Platform]:
    """The platform, for the whole run."""
    with platform() as whole:
        yield whole


@pytest.fixture(scope="session")
def corners() -> Iterator[tuple[Peer, dict[str, Service]]]:
    """The peer, and the corners that tests have of it."""
    known: dict[str, Service] = {}

    def respond(call: Call) -> Reply:
        corner, _, rest = call.path.split("?")[0][1:].partition("/")
        service = known.get(f"/{corner}")
        return service.answer(call, f"/{rest}") if service else Reply(404)

    with serve(respond) as peer:
        yield peer, known


@pytest.fixture
def service(corners: tuple[Peer, dict[str, Service]]) -> Iterator[Service]:
    """A corner of the peer."""
    peer, known = corners
    corner = f"/t{next(_numbers)}"
    known[corner] = found = Service(peer, corner)
    yield found
    del known[corner]


@pytest.fixture
async def http(stack: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the gateway, in a project of its own."""
    headers = {"X-Project-Id": f"p{next(_numbers)}"}
    hooks = {"response": [_documented]}
    async with httpx.AsyncClient(
        base_url=stack.api, headers=headers, timeout=30, event_hooks=hooks
    ) as client:
        yield client


async def _documented(answer: httpx.Response) -> None:
    """Hold every answer that a test sees to what the OpenAPI document tells of it."""
    request = answer.request
    kind = answer.headers.get("content-type", "")
    body = None if kind.startswith("text/event-stream") else await answer.aread()
    path = request.url.raw_path.decode().partition("?")[0]
    wrong = misfit(request.method, path, answer.status_code, kind, body)
    assert not wrong, f"{request.method} {path}: {wrong}"


@pytest.fixture
def sagas(http: httpx.AsyncClient) -> Sagas:
    return Sagas(http)
