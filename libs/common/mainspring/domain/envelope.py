"""What surrounds an event in the log: its stream, its place, who caused it, and the hash chain.

An event's id and hash are derived from what it records and from the event before it, so that
sealing the same decision twice gives the same bytes: an append repeated after a doubtful commit
is recognised instead of recorded again.  The rival, a random id per event, needs a second index
and a read before every retry.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from mainspring.domain.message import Message

GENESIS = bytes(32)
"""The hash before the first event of a stream."""


class StreamId(NamedTuple):
    """A stream's category and the id of the entity in it."""

    category: str
    id: str

    def __str__(self) -> str:
        return f"{self.category}-{self.id}"


class Idempotency(msgspec.Struct, frozen=True, omit_defaults=True):
    """An `Idempotency-Key` and the answer to give again; it lives in the first event's metadata."""

    actor: str
    route: str
    key: str
    request_hash: str
    status: int
    response: str
    location: str = ""


class Meta(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who and what caused an event: kept beside the body and covered by the hash."""

    actor: str = "system"
    causation: str = ""
    correlation: str = ""
    traceparent: str = ""
    request_id: str = ""
    idempotency: Idempotency | None = None


class Envelope(msgspec.Struct, frozen=True):
    """One event as it stands in the log.  `position` is 0 until it has been appended."""

    stream: StreamId
    version: int
    id: str
    type: str
    schema_version: int
    body: bytes
    meta: Meta
    project: str
    recorded_at: float
    hash: bytes
    position: int = 0


def content_hash(previous: bytes, event: Envelope) -> bytes:
    """Return the SHA-256 that binds `event` to the event before it in its stream."""
    head = (
        f"{event.stream.category}\n{event.stream.id}\n{event.version}\n{event.type}\n"
        f"{event.schema_version}\n{event.project}\n{to_micros(event.recorded_at)}\n"
    )
    digest = hashlib.sha256(previous)
    digest.update(head.encode())
    digest.update(msgspec.json.encode(event.meta))
    digest.update(b"\n")
    digest.update(event.body)
    return digest.digest()


def event_id(recorded_at: float, digest: bytes) -> str:
    """Return the UUIDv7 of an event: its millisecond, then bits of its own hash."""
    millis = int(recorded_at * 1000) & 0xFFFFFFFFFFFF
    tail = int.from_bytes(digest[:10], "big")
    number = (
        (millis << 80)
        | (0x7 << 76)
        | ((tail >> 62 & 0xFFF) << 64)
        | (0b10 << 62)
        | (tail & (2**62 - 1))
    )
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def to_micros(at: float) -> int:
    """Return an instant in whole microseconds since the epoch: the log's resolution."""
    return round(at * 1_000_000)


class Head(NamedTuple):
    """Where a stream ends: its version (0 when it is new) and the hash of its last event."""

    version: int
    hash: bytes


EMPTY = Head(0, GENESIS)


def seal(
    stream: StreamId,
    head: Head,
    events: Sequence[Message],
    *,
    meta: Meta,
    project: str,
    now: float,
) -> tuple[Envelope, ...]:
    """Put events into envelopes behind `head`, each bound to the one before it.

    The idempotency record, if any, stays on the first event alone.
    """
    now = to_micros(now) / 1_000_000
    rest = msgspec.structs.replace(meta, idempotency=None) if meta.idempotency else meta
    sealed: list[Envelope] = []
    version, previous = head
    for event in events:
        version += 1
        bare = Envelope(
            stream=stream,
            version=version,
            id="",
            type=type(event).__name__,
            schema_version=schema_version(type(event)),
            body=msgspec.json.encode(event),
            meta=rest if sealed else meta,
            project=project,
            recorded_at=now,
            hash=b"",
        )
        previous = content_hash(previous, bare)
        sealed.append(msgspec.structs.replace(bare, id=event_id(now, previous), hash=previous))
    return tuple(sealed)


def schema_version(event: type[Message]) -> int:
    """Return the newest schema version of an event type: 1 unless the class says otherwise."""
    return getattr(event, "SCHEMA_VERSION", 1)


def head_of(envelope: Envelope) -> Head:
    """Return the head of a stream that ends with `envelope`."""
    return Head(envelope.version, envelope.hash)
