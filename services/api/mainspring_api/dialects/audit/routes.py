"""The audit log of a namespace: who asked for what, newest first."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import DefinitionInvalid
from mainspring.http.answers import listed
from mainspring.http.caller import caller_of
from mainspring.http.contracts.answers import PAGE
from mainspring.http.contracts.plain import AWAY, INVALID
from mainspring.http.operations import Operation, Query
from mainspring.http.paging import cursor, page_query
from mainspring.http.query import query_of
from mainspring_api.context import Api
from mainspring_api.dialects.audit.actions import TYPES
from mainspring_api.dialects.audit.entries import Entry, entry
from mainspring_api.dialects.audit.wanted import RESOURCES, page_of, wanted_in
from mainspring_api.dialects.executions.parts import named
from mainspring_api.dialects.executions.routes import NAMESPACE


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of the audit log, newest first."""
    project, query = caller_of(request, project=named(request)).project, query_of(request)
    page = page_query(query)
    before = _position(page.before.at) if page.before is not None else None
    wanted = wanted_in(query)
    found = await page_of(api.engine.log, project, wanted, before=before, limit=page.limit)
    after = None if found.after is None else cursor(float(found.after), "")
    return listed(request, [entry(each) for each in found.events], after)


def _position(number: float) -> int:
    if not number.is_integer():
        raise DefinitionInvalid(["cursor: is not one that a list of this service gave"])
    return int(number)


_ANSWERS: Final[dict[int, tuple[str, Any]]] = {
    200: ("Entries, newest first.", tuple[Entry, ...]),
    **INVALID,
    **AWAY,
}

OPERATIONS: Final = (
    Operation(
        "GET",
        "/api/v1/audit",
        get_all,
        "Read the audit log",
        _ANSWERS,
        query=(
            NAMESPACE,
            Query(
                "action",
                "Only these actions (with commas between them).",
                {"type": "string", "examples": sorted(TYPES)},
            ),
            Query("actor", "Only what this one asked for."),
            Query("resourceType", "Only what was done to these.", {"enum": list(RESOURCES)}),
            Query("resourceId", "Only what was done to this one."),
            Query("requestId", "Only what this request came to."),
            Query("from", "Only what was asked for at this instant or later."),
            Query("to", "Only what was asked for at this instant or earlier."),
            *PAGE,
        ),
        detail="What is refused changes nothing, and is in the service's own log. A page may be "
        "short, also of nothing, where much had to be looked at: its cursor goes on.",
        tag="audit",
        name="readAudit",
    ),
)
