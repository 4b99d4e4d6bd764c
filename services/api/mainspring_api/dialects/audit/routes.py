"""The audit log of a namespace: who asked for what, newest first."""

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.envelope import Envelope
from mainspring.domain.errors import DefinitionInvalid
from mainspring.http.answers import listed
from mainspring.http.caller import caller_of
from mainspring.http.contracts.answers import PAGE
from mainspring.http.contracts.plain import AWAY, INVALID
from mainspring.http.faults import Faults, shown
from mainspring.http.instants import shown as at
from mainspring.http.operations import Operation, Query
from mainspring.http.paging import cursor, page_query
from mainspring.http.query import query_of
from mainspring_api.context import Api
from mainspring_api.dialects.audit.actions import ACTIONS, TYPES
from mainspring_api.dialects.executions.parts import named
from mainspring_api.dialects.executions.routes import NAMESPACE


class Entry(msgspec.Struct, kw_only=True, rename="camel"):
    """Something that was asked for.  `position` is where it stands in the log, `type` its event."""

    id: str
    timestamp: str
    actor: str
    action: str
    resource_type: str
    resource_id: str
    namespace: str
    request_id: str
    result: str
    position: int
    type: str


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of the audit log, newest first."""
    project, query = caller_of(request, project=named(request)).project, query_of(request)
    page = page_query(query)
    before = _position(page.before.at) if page.before is not None else None
    found = await api.engine.log.read_newest(
        project,
        types=_types(query.get("action", "")),
        before=before,
        actor=query.get("actor"),
        limit=page.limit + 1,
    )
    entries = [_entry(envelope) for envelope in found[: page.limit]]
    after = cursor(float(entries[-1].position), "") if len(found) > page.limit else None
    return listed(request, entries, after)


def _position(number: float) -> int:
    if not number.is_integer():
        raise DefinitionInvalid(["cursor: is not one that a list of this service gave"])
    return int(number)


def _types(text: str) -> list[str]:
    faults = Faults()
    words = frozenset(filter(None, (part.strip() for part in text.split(","))))
    for word in sorted(words - TYPES.keys()):
        faults.add("action", f'"{shown(word)}" is no action{faults.hint(word, TYPES)}')
    faults.check()
    return [name for word in sorted(words) for name in TYPES[word]] or list(ACTIONS)


def _entry(envelope: Envelope) -> Entry:
    category = envelope.stream.category
    return Entry(
        id=envelope.id,
        timestamp=at(envelope.recorded_at),
        actor=envelope.meta.actor,
        action=ACTIONS.get(envelope.type, envelope.type),
        resource_type=category,
        resource_id=envelope.stream.id,
        namespace=envelope.project,
        request_id=envelope.meta.request_id,
        result="success",
        position=envelope.position,
        type=envelope.type,
    )


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
            *PAGE,
        ),
        detail="What is refused changes nothing, and is in the service's own log.",
        tag="audit",
        name="readAudit",
    ),
)
