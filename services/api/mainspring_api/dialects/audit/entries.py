"""One entry of the audit log, from the event that it is.

`details` are those members of the event that name what was done, and none that holds what somebody
sent: a payload, a value, an answer.  No address of a client is in it: the log forgets nothing, and
a proxy's own log has the request's id beside the address.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from mainspring.domain.envelope import Envelope
from mainspring.domain.errors import Corrupt
from mainspring.domain.message import Json
from mainspring.domain.upcast import event_in
from mainspring.http.instants import shown
from mainspring_api.dialects.audit.actions import ACTIONS

SCALARS: Final = {
    "name": "name",
    "version": "version",
    "dialect": "dialect",
    "key": "key",
    "ref": "task",
    "workflow": "flowId",
    "triggered_by": "triggeredBy",
    "retry_of": "retryOf",
    "origin": "origin",
    "enabled": "enabled",
    "instants": "instants",
    "count": "count",
}
"""Members of events by what they are called in an entry."""

INSTANTS: Final = {"expires_at": "expiresAt", "since": "from", "until": "to"}


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
    details: dict[str, Any]
    position: int
    type: str


def entry(envelope: Envelope) -> Entry:
    """Return the entry of an event."""
    return Entry(
        id=envelope.id,
        timestamp=shown(envelope.recorded_at),
        actor=envelope.meta.actor,
        action=ACTIONS.get(envelope.type, envelope.type),
        resource_type=envelope.stream.category,
        resource_id=envelope.stream.id,
        namespace=envelope.project,
        request_id=envelope.meta.request_id,
        result="success",
        details=details_of(envelope),
        position=envelope.position,
        type=envelope.type,
    )


def details_of(envelope: Envelope) -> dict[str, Json]:
    """Return what an event says of what was done; nothing of one that this code cannot read."""
    try:
        event = event_in(envelope)
    except Corrupt:
        return {}
    found: dict[str, Json] = {}
    for names, form in _FORMS:
        for name, called in names.items():
            value = getattr(event, name, None)
            if isinstance(value, str | bool | int | float) and value != "":
                found[called] = form(value)
    return found


_FORMS: Final[tuple[tuple[dict[str, str], Callable[[Any], Json]], ...]] = (
    (SCALARS, lambda value: value),
    (INSTANTS, shown),
)
