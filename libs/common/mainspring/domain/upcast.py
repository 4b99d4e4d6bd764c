"""Old bodies to new: the code knows only the newest shape of an event.

A stored body passes through one pure function for each step of its schema version, then becomes
the newest struct.  Events are never removed from here while one may be stored.
"""

import builtins
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, get_args

import msgspec

from mainspring.domain import catalog
from mainspring.domain.envelope import schema_version
from mainspring.domain.errors import Corrupt
from mainspring.domain.execution import events as execution
from mainspring.domain.message import Message

Body: TypeAlias = dict[str, Any]

UPCASTERS: Final[Mapping[tuple[str, int], Callable[[Body], Body]]] = {}
"""By event type and the version that a body has: what makes it a body of the next version."""


def _decoders(union: object) -> dict[str, "msgspec.json.Decoder[Message]"]:
    return {kind.__name__: msgspec.json.Decoder(kind) for kind in get_args(union)}


_CATALOG = _decoders(catalog.Event)
DECODERS: Final[Mapping[str, Mapping[str, "msgspec.json.Decoder[Message]"]]] = {
    "execution": _decoders(execution.Event),
    "definition": _CATALOG,
    "compiled": _CATALOG,
}
"""By category and event type: the decoder of the newest shape."""


def decode(category: str, type: str, version: int, body: bytes) -> Message:
    """Return an event in its newest shape.  Raises `Corrupt` when it cannot be read."""
    decoder = DECODERS.get(category, {}).get(type)
    if decoder is None:
        raise Corrupt(f"unknown event {type} in category {category}")
    try:
        if version == schema_version(decoder.type):
            return decoder.decode(body)
        return msgspec.convert(_upcast(type, version, decoder.type, body), decoder.type)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"event {type} of version {version} cannot be read: {error}") from error


def _upcast(type: str, version: int, newest: builtins.type[Message], body: bytes) -> Body:
    found: Body = msgspec.json.decode(body)
    while version < schema_version(newest):
        step = UPCASTERS.get((type, version))
        if step is None:
            raise Corrupt(f"no way from version {version} of {type} to the next")
        found, version = step(found), version + 1
    return found
