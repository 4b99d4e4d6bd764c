"""A project's key-value store: values that outlive runs, one stream a key.

A value's version is that of its stream, so it only ever rises, also over a removal: whoever holds a
version can be told that it is not the present one any more.
"""

import hashlib
from typing import TypeAlias

from mainspring.domain.envelope import StreamId
from mainspring.domain.message import Json, Message

LONGEST_KEY = 512
"""Bytes of a key."""


class ValueSet(Message, frozen=True, kw_only=True):
    """The key has this value, until `expires_at` if that is given.

    `fresh`: it had none before, or one that had expired.  `nonce` tells two writers apart that set
    the same at one instant, where the log would take the second for the first one repeated.
    """

    key: str
    value: Json = None
    fresh: bool = False
    nonce: str = ""
    expires_at: float | None = None
    at: float


class ValueRemoved(Message, frozen=True, kw_only=True):
    """The key has no value any more."""

    key: str
    at: float


Event: TypeAlias = ValueSet | ValueRemoved


def key_stream(project: str, key: str) -> StreamId:
    """Return the stream of a key."""
    return StreamId("kv", hashlib.sha256(f"{project}\n{key}".encode()).hexdigest())
