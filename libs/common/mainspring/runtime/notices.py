"""What is said of an append after its commit: that a stream has grown, and how a run began.

A notice may be lost, doubled or late, and whoever hears one asks the log.  The first event of a run
travels whole, since a scheduler that hears of a new run would read just that: at one run at a time
the read is a tenth of what a one-step run takes.  It is believed only when its own hash fits, and
what is decided on it names that hash, so the log refuses whatever did not begin so.  All events of
every append, the rival, would fill the broker's stream with what hardly anybody reads there.
"""

from typing import Final

import msgspec

from mainspring.bus import subjects
from mainspring.domain.envelope import GENESIS, Envelope, Meta, StreamId, content_hash
from mainspring.domain.execution.react import StopAttempts
from mainspring.domain.task import partition_of
from mainspring.ports import Append, Outgoing

LARGEST: Final = 8 * 1024
"""Bytes of a first event beyond which the scheduler reads it from the log."""


class First(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first event of a stream, without what the notice says already."""

    id: str
    type: str
    body: msgspec.Raw
    meta: Meta
    at: float
    hash: bytes
    schema: int = 1


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stream's version after an append, its project, and whether the run has ended."""

    v: int = 0
    x: str = ""
    e: bool = False
    first: First | None = None

    def beginning(self, stream: StreamId) -> Envelope | None:
        """Return the first event of the stream, None when it is not told or does not fit."""
        told = self.first
        if told is None:
            return None
        envelope = Envelope(
            stream=stream,
            version=1,
            id=told.id,
            type=told.type,
            schema_version=told.schema,
            body=bytes(told.body),
            meta=told.meta,
            project=self.x,
            recorded_at=told.at,
            hash=told.hash,
        )
        return envelope if content_hash(GENESIS, envelope) == told.hash else None


read: Final = msgspec.json.Decoder(Notice).decode
_encode: Final = msgspec.json.Encoder().encode


def of_run(append: Append, *, ended: bool, settled: bool) -> Outgoing:
    """Return the message that a run's stream has grown; `settled`: nothing is left to decide."""
    last, id = append.events[-1], append.stream.id
    subject = subjects.event("execution", partition_of(id), id, settled=settled)
    first = None if settled else _first(append)
    body = _encode(Notice(last.version, last.project, ended, first))
    return Outgoing(subject, body, f"{append.stream}:{last.version}")


def of_stop(action: StopAttempts) -> Outgoing:
    """Return the notice that attempts should stop: all of an execution, or those of one loop."""
    if action.within:
        return Outgoing(subjects.cancel_within(action.execution), action.within.encode())
    return Outgoing(subjects.cancel(action.execution), b"")


def of_other(last: Envelope) -> Outgoing:
    """Return the message that another stream has grown, which nobody has to decide about."""
    category, id = last.stream
    # A project's name may hold what a subject may not.
    token = id.encode().hex() if category == "project" else id
    subject = subjects.event(category, 0, token, settled=True)
    body = _encode(Notice(last.version, last.project))
    return Outgoing(subject, body, f"{last.stream}:{last.version}")


def _first(append: Append) -> First | None:
    event = append.events[0]
    if event.version > 1 or len(event.body) > LARGEST:
        return None
    return First(
        id=event.id,
        type=event.type,
        body=msgspec.Raw(event.body),
        meta=event.meta,
        at=event.recorded_at,
        hash=event.hash,
        schema=event.schema_version,
    )
