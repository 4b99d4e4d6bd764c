"""Errors as answers: one table from error to status, and one body for each dialect.

The domain knows no HTTP; this is the edge where a status is chosen.  A refusal says what is wrong
in the words of the error; anything unforeseen says nothing but a request id, under which the log
has the rest.  RFC 9457 lost as the common form: each dialect's clients read their own.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from mainspring.domain.errors import (
    AlreadyExists,
    BusUnavailable,
    DefinitionInvalid,
    Expired,
    Forbidden,
    IllegalTransition,
    KeyReused,
    Limited,
    LogUnavailable,
    MainspringError,
    NotFound,
    NotPresent,
    Rejected,
    StillRunning,
    Transient,
    Unauthorized,
    VersionConflict,
)

Dialect: TypeAlias = Literal["native", "sagas", "flows", "runs"]
DialectOf: TypeAlias = Callable[[Request], Dialect]
Handler: TypeAlias = Callable[[Request, Exception], Awaitable[Response]]

STATUS: Final[Mapping[type[Exception], int]] = {
    DefinitionInvalid: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    IllegalTransition: 409,
    AlreadyExists: 409,
    StillRunning: 409,
    Expired: 410,
    NotPresent: 412,
    KeyReused: 422,
    Rejected: 400,
    Limited: 429,
    # Ours to sort out, not the client's: it may send the same again.
    VersionConflict: 503,
    LogUnavailable: 503,
    BusUnavailable: 503,
    Transient: 503,
}
"""The status of an error is that of its nearest class in here; of any other it is 500."""

CODES: Final[Mapping[int, str]] = {
    400: "validation_error",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    410: "expired",
    412: "precondition_failed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "key_reused",
    429: "rate_limited",
    500: "internal_error",
    502: "bad_gateway",
    503: "unavailable",
    504: "timeout",
}
LEFT: Final = 499
"""The status of what was never answered, for whoever asked had gone."""

_log = logging.getLogger(__name__)


class Problem(NamedTuple):
    """What went wrong, before a dialect puts it into its own shape."""

    status: int
    message: str
    details: tuple[object, ...] = ()
    headers: Mapping[str, str] = {}

    @property
    def code(self) -> str:
        return CODES.get(self.status, "error")


def problem_of(error: Exception) -> Problem:
    """Return what a client may know of an error."""
    if isinstance(error, HTTPException):
        return Problem(error.status_code, error.detail, headers=error.headers or {})
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    if status == 500:
        return Problem(500, "internal error")
    if isinstance(error, DefinitionInvalid):
        return Problem(status, "the request has faults", error.details)
    return Problem(status, str(error) or error.__doc__ or "", headers=_headers(error, status))


def body_of(problem: Problem, dialect: Dialect, request_id: str) -> dict[str, Any]:
    """Return the error body as the dialect's clients expect it."""
    message, details = problem.message, list(problem.details)
    if problem.status == 500:
        # The id is all that leads from here to the log, so every dialect gets it.
        message = f"internal error, request {request_id}"
    match dialect:
        case "sagas":
            return {"errors": details or [message]}
        case "native":
            error: dict[str, Any] = {"code": problem.code, "message": message}
            if details:
                error["details"] = details
            return {"error": error, "request_id": request_id}
        case "flows" | "runs":
            return {"error": message, "code": problem.code, "details": details}


def answer(problem: Problem, dialect: Dialect, request_id: str) -> Response:
    """Return the answer to a request that failed."""
    return Response(
        msgspec.json.encode(body_of(problem, dialect, request_id)),
        problem.status,
        dict(problem.headers),
        "application/json",
    )


def handlers(dialect_of: DialectOf) -> dict[Any, Handler]:
    """Return the exception handlers of an application that speaks several dialects."""

    async def refuse(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        if problem.status == 500 and isinstance(error, MainspringError):
            _log.error("a request failed", exc_info=error)  # it is foreseen, so nobody else tells
        return answer(problem, dialect_of(request), request_id_of(request))

    async def left(_: Request, _error: Exception) -> Response:
        # Nobody reads it; it keeps the net from counting who has left among our own faults.
        return Response(status_code=LEFT)

    return {
        HTTPException: refuse,
        MainspringError: refuse,
        ClientDisconnect: left,
        Exception: refuse,
    }


def request_id_of(request: Request) -> str:
    """Return the id that the middleware gave the request."""
    return getattr(request.state, "request_id", "")


def require_json(request: Request) -> None:
    """Raise 415 unless the request says that its body is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json"
        )


def _headers(error: Exception, status: int) -> dict[str, str]:
    if isinstance(error, Transient):
        return {"Retry-After": str(max(1, round(error.delay)))}
    return {"WWW-Authenticate": "Bearer"} if status == 401 else {}
