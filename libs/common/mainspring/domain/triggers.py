"""What happens to event triggers outside any execution: events kept for later, and old rows purged.

An event that nobody waits for yet may be kept, in a stream of its key (`buffer`).  It is offered to
a trigger by name before it is sent there: whoever finds the offer after a crash looks whether that
trigger took it, so it is never given to two.  A purge is an event of the project (`project`), so
that views built anew forget the same triggers.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from mainspring.domain.envelope import StreamId
from mainspring.domain.message import Json, Message


class EventBuffered(Message, frozen=True, kw_only=True):
    """An event is kept until `expires_at` for the first trigger with its key."""

    key: str
    payload: Json = None
    sent_by: str = ""
    expires_at: float
    at: float


class EventOffered(Message, frozen=True, kw_only=True):
    """The event that this version of the stream keeps is being sent to a trigger.

    `trigger` None takes it back: the one that it was offered to has ended without it.
    """

    kept: int
    trigger: str | None
    at: float


class EventConsumed(Message, frozen=True, kw_only=True):
    """The trigger that it was offered to has received it."""

    kept: int
    at: float


class TriggersPurged(Message, frozen=True, kw_only=True):
    """Triggers of the project that ended before an instant are forgotten by the views."""

    ended_before: float
    at: float


Buffering: TypeAlias = EventBuffered | EventOffered | EventConsumed


class KeptEvent(NamedTuple):
    """An event that is kept: the version that keeps it, who it is offered to, and its bytes."""

    version: int
    event: EventBuffered
    trigger: str | None
    size: int


def kept_events(
    history: Iterable[tuple[int, Message, int]], before: Iterable[KeptEvent] = ()
) -> tuple[KeptEvent, ...]:
    """Return what a buffer still keeps after these (version, event, bytes), oldest first."""
    kept = {each.version: each for each in before}
    for version, event, size in history:
        match event:
            case EventBuffered():
                kept[version] = KeptEvent(version, event, None, size)
            case EventOffered() if event.kept in kept:
                kept[event.kept] = kept[event.kept]._replace(trigger=event.trigger)
            case EventConsumed():
                kept.pop(event.kept, None)
            case _:
                pass
    return tuple(kept.values())


def buffer_stream(project: str, key: str) -> StreamId:
    """Return the stream of the events that are kept for a key."""
    return StreamId("buffer", hashlib.sha256(f"{project}\n{key}".encode()).hexdigest())


def project_stream(project: str) -> StreamId:
    """Return the stream of what happens to a project as a whole."""
    return StreamId("project", project)
