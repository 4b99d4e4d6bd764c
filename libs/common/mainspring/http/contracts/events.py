"""The contract of event triggers: their shapes, and every route with all that it answers.

The events service serves them, the api hands them on and describes them; neither imports the other,
so the table stands here, without handlers.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mainspring.http.contracts.answers import AWAY, INVALID, JSON, KEYED, PAGE, PROJECT, UNKNOWN
from mainspring.http.contracts.answers import conflict as _conflict
from mainspring.http.operations import Handler, Operation, Query

Status: TypeAlias = Literal["waiting", "received", "timed_out", "canceled"]
SourceType: TypeAlias = Literal["workflow_step", "job_run"]
LONGEST_KEY: Final = 512
"""Bytes of an event key."""

MOST_SHOWN: Final = 1000
"""Triggers that the answer to a prefix send shows; it counts all of them."""

MOST_SHOWN_BYTES: Final = 4 << 20
"""Bytes of payloads that such an answer repeats, where that is more than one."""

LONGEST_BUFFER_S: Final = 30 * 86_400


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """An event trigger.  What does not apply is null; `timeout_secs` 0 is for ever."""

    id: str
    event_key: str
    project_id: str
    source_type: SourceType
    workflow_run_id: str
    workflow_step_run_id: str
    job_run_id: str | None
    status: Status
    request_payload: Any
    response_payload: Any
    timeout_secs: int | float
    requested_at: str
    received_at: str | None
    expires_at: str | None
    error: str | None
    step_ref: str
    notify_url: str | None
    notify_status: str | None
    sent_by: str | None


class Triggers(msgspec.Struct, frozen=True):
    """A page of triggers, newest first."""

    data: tuple[Trigger, ...]
    has_more: bool
    next_cursor: str | None


class Stats(msgspec.Struct, frozen=True):
    """How many triggers there are; the average is over those that were received."""

    total_count: int
    waiting_count: int
    received_count: int
    timed_out_count: int
    canceled_count: int
    avg_wait_duration_secs: float


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event to send.  With `buffer_secs` it is kept so long for who waits for it first."""

    payload: Any = None
    buffer_secs: Annotated[int, Meta(ge=1, le=LONGEST_BUFFER_S)] | None = None


class PrefixEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event to send to all who wait with such keys."""

    payload: Any = None


class Buffered(msgspec.Struct, frozen=True):
    """An event that nobody waits for yet, and until when it is kept."""

    event_key: str
    status: Literal["buffered"]
    expires_at: str


class Resolved(msgspec.Struct, frozen=True):
    """How many triggers received the event, and the first of them: a thousand, or 4 MiB."""

    resolved: int
    triggers: tuple[Trigger, ...]


class Purge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which triggers are to be forgotten: those that ended so many days ago."""

    older_than_days: Annotated[int, Meta(ge=1, le=36_500)]
    dry_run: bool = False


class Purged(msgspec.Struct, frozen=True):
    """How many triggers were forgotten, or would be."""

    deleted: int
    dry_run: bool
    would_delete: int


async def _elsewhere(_service: object, _request: Request) -> Response:
    """Stand where a service that only describes a route has no handler."""
    raise HTTPException(502, "this service does not serve this route")


_TAG: Final = "event triggers"
_STATUS: Final = {"type": "string", "enum": ["waiting", "received", "timed_out", "canceled"]}
_SOURCE: Final = {"type": "string", "enum": ["workflow_step", "job_run"]}
_BUSY: Final = _conflict("A request with this idempotency key is being served.")

OPERATIONS: Final = (
    Operation(
        "GET",
        "/v1/events",
        _elsewhere,
        "List event triggers for a project",
        {200: ("Triggers, newest first.", Triggers), **INVALID, **AWAY},
        query=(
            PROJECT,
            Query("status", "Only triggers in this state.", _STATUS),
            Query("workflow_run_id", "Only triggers of this run."),
            Query("source_type", "Only triggers of this source.", _SOURCE),
            *PAGE,
        ),
        tag=_TAG,
        name="events_list",
    ),
    Operation(
        "GET",
        "/v1/events/stats",
        _elsewhere,
        "Get event trigger statistics",
        {200: ("How many there are.", Stats), **INVALID, **AWAY},
        query=(PROJECT,),
        tag=_TAG,
        name="events_stats",
    ),
    Operation(
        "GET",
        "/v1/events/{key}",
        _elsewhere,
        "Get event trigger by key",
        {200: ("The newest trigger with this key.", Trigger), **INVALID, **UNKNOWN, **AWAY},
        query=(PROJECT,),
        tag=_TAG,
        name="events_get",
    ),
    Operation(
        "DELETE",
        "/v1/events/{key}",
        _elsewhere,
        "Cancel a waiting event trigger",
        {
            200: ("The canceled trigger; its step fails.", Trigger),
            **INVALID,
            **UNKNOWN,
            **_conflict("It waits no more."),
            **KEYED,
            **AWAY,
        },
        query=(PROJECT,),
        idempotent=True,
        tag=_TAG,
        name="events_cancel",
    ),
    Operation(
        "GET",
        "/v1/events/{key}/stream",
        _elsewhere,
        "Stream event trigger status updates via SSE",
        {
            200: ("Its present state, then each change, until it has ended.", "text/event-stream"),
            204: ("It has ended and all of it was seen.", None),
            **INVALID,
            **UNKNOWN,
            **AWAY,
        },
        query=(PROJECT, Query("after", "As Last-Event-ID, which goes before it.")),
        headers=(Query("Last-Event-ID", "The position of the log that was seen last."),),
        tag=_TAG,
        name="events_stream",
    ),
    Operation(
        "POST",
        "/v1/events/{key}/send",
        _elsewhere,
        "Send an event to a waiting trigger",
        {
            200: ("The trigger that received it.", Trigger),
            202: ("Nobody waits for it yet: it is kept.", Buffered),
            **INVALID,
            **UNKNOWN,
            **_conflict("It has ended, or has received something else."),
            **JSON,
            **KEYED,
            **AWAY,
        },
        body=Event,
        example={"payload": {"paid": True}},
        query=(PROJECT,),
        idempotent=True,
        tag=_TAG,
        name="events_send",
    ),
    Operation(
        "POST",
        "/v1/events/prefix/{prefix}/send",
        _elsewhere,
        "Send an event to all waiting triggers matching a prefix",
        {
            200: ("All that were waiting have received it.", Resolved),
            **INVALID,
            **_BUSY,
            **JSON,
            **KEYED,
            **AWAY,
        },
        body=PrefixEvent,
        example={"payload": {"open": True}},
        query=(PROJECT,),
        idempotent=True,
        tag=_TAG,
        name="events_send_by_prefix",
    ),
    Operation(
        "POST",
        "/v1/events/purge",
        _elsewhere,
        "Purge terminal event triggers",
        {
            200: ("How many are forgotten.", Purged),
            **INVALID,
            **_BUSY,
            **JSON,
            **KEYED,
            **AWAY,
        },
        body=Purge,
        query=(PROJECT,),
        idempotent=True,
        tag=_TAG,
        name="events_purge",
    ),
)
"""All routes of event triggers; `served` gives them handlers."""


def served(handlers: Mapping[str, Handler]) -> tuple[Operation, ...]:
    """Return the routes with their handlers, by name; raise KeyError when one is missing."""
    return tuple(each._replace(handler=handlers[each.name]) for each in OPERATIONS)
