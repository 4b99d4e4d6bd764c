"""Errors as answers, in each dialect."""

from typing import get_args

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.domain import errors
from mainspring.http.middleware import Edge
from mainspring.http.problems import CODES, Dialect, body_of, handlers, problem_of, require_json
from mainspring.runtime.clock import SystemClock, SystemIds

EXAMPLES: dict[type[errors.MainspringError], tuple[errors.MainspringError, int]] = {
    errors.IllegalTransition: (errors.IllegalTransition("wake", "running"), 409),
    errors.DefinitionInvalid: (errors.DefinitionInvalid(["a: b", "c: d"]), 400),
    errors.NotFound: (errors.NotFound("no saga 7"), 404),
    errors.AlreadyExists: (errors.AlreadyExists("taken"), 409),
    errors.Unauthorized: (errors.Unauthorized("bad signature"), 401),
    errors.Forbidden: (errors.Forbidden("not an approver"), 403),
    errors.Expired: (errors.Expired("too late"), 410),
    errors.NotPresent: (errors.NotPresent("it is version 3"), 412),
    errors.KeyReused: (errors.KeyReused("another request"), 422),
    errors.VersionConflict: (errors.VersionConflict(), 503),
    errors.LogUnavailable: (errors.LogUnavailable(delay=2.0), 503),
    errors.BusUnavailable: (errors.BusUnavailable(), 503),
    errors.StillRunning: (errors.StillRunning(), 409),
    errors.Limited: (errors.Limited("the project may have 3 runs"), 429),
    errors.Overloaded: (errors.Overloaded(), 503),
    errors.Corrupt: (errors.Corrupt("event 7 of execution-1 does not fit"), 500),
    errors.Rejected: (errors.Rejected("no"), 400),
    errors.Transient: (errors.Transient(), 503),
    errors.MainspringError: (errors.MainspringError("secret of the house"), 500),
}


def client(error: Exception, dialect: Dialect = "native") -> httpx.AsyncClient:
    async def fail(_: Request) -> Response:
        raise error

    async def take(request: Request) -> Response:
        require_json(request)
        return Response(await request.body())

    routes = [Route("/fail", fail), Route("/take", take, methods=["POST"])]
    app = Starlette(routes=routes, exception_handlers=handlers(lambda _: dialect))
    edge = Edge(app, ids=SystemIds(), clock=SystemClock(), max_body=100)
    return httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://test")


def test_every_error_of_the_domain_has_an_example_here() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.MainspringError)
    }
    assert kinds == EXAMPLES.keys()


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
async def test_an_error_is_answered_with_its_status_and_a_code(
    kind: type[errors.MainspringError],
) -> None:
    error, status = EXAMPLES[kind]
    async with client(error) as http:
        answer = await http.get("/fail")
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == CODES[status]
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert ("retry-after" in answer.headers) == isinstance(error, errors.Transient)


async def test_the_wait_that_an_error_names_is_passed_on() -> None:
    async with client(errors.LogUnavailable(delay=7.2)) as http:
        assert (await http.get("/fail")).headers["retry-after"] == "7"


async def test_a_bad_credential_is_told_how_to_come_again() -> None:
    async with client(errors.Unauthorized("bad")) as http:
        assert (await http.get("/fail")).headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("dialect", get_args(Dialect))
@pytest.mark.parametrize("error", [ValueError("the password is x"), errors.Corrupt("row 7")])
async def test_an_internal_error_tells_only_the_request_id(
    dialect: Dialect, error: Exception
) -> None:
    async with client(error, dialect) as http:
        answer = await http.get("/fail", headers={"x-request-id": "abc"})
    assert answer.status_code == 500
    assert "abc" in answer.text
    assert str(error) not in answer.text


def test_all_faults_stand_in_the_body_of_every_dialect() -> None:
    problem = problem_of(errors.DefinitionInvalid(["a: one", "b: two"]))
    assert body_of(problem, "sagas", "r") == {"errors": ["a: one", "b: two"]}
    assert body_of(problem, "native", "r") == {
        "error": {
            "code": "validation_error",
            "message": "the request has faults",
            "details": ["a: one", "b: two"],
        },
        "request_id": "r",
    }
    for dialect in ("flows", "runs"):
        assert body_of(problem, dialect, "r") == {
            "error": "the request has faults",
            "code": "validation_error",
            "details": ["a: one", "b: two"],
        }


@pytest.mark.parametrize("dialect", get_args(Dialect))
async def test_what_the_router_refuses_speaks_the_dialect_too(dialect: Dialect) -> None:
    async with client(ValueError(), dialect) as http:
        unknown = await http.get("/nowhere")
        wrong = await http.get("/take")
        alien = await http.post("/take", content="<x/>", headers={"content-type": "text/xml"})
        large = await http.post("/take", json="x" * 200)
    for answer, status in ((unknown, 404), (wrong, 405), (alien, 415), (large, 413)):
        assert answer.status_code == status
        assert answer.json().keys() & {"error", "errors"}
    assert wrong.headers["allow"] == "POST"
