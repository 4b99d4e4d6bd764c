"""From the stored bytes of an event to its newest shape.

The code knows only the newest struct of each event.  A body of an older schema version passes
through pure functions, one from each version to the next, before it becomes a struct; none is ever
skipped, and none is removed while a log may hold what it reads.  Plain tables, no registration: all
that can be read is on this page.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, get_args

import msgspec

from mainspring.domain import catalog, gate, kv, requests, starters, triggers
from mainspring.domain.envelope import Envelope, schema_version
from mainspring.domain.errors import Corrupt
from mainspring.domain.execution import events as execution
from mainspring.domain.message import Message

Body: TypeAlias = dict[str, Any]
Upcaster: TypeAlias = Callable[[Body], Body]
Types: TypeAlias = Mapping[str, type[Message]]
Upcasters: TypeAlias = Mapping[tuple[str, str, int], Upcaster]


def _by_name(*types: type[Message]) -> dict[str, type[Message]]:
    return {each.__name__: each for each in types}


TYPES: Final[Mapping[str, Types]] = {
    "execution": _by_name(*get_args(execution.Event)),
    "definition": _by_name(catalog.DefinitionStored, catalog.DefinitionDeleted),
    "compiled": _by_name(catalog.DefinitionCompiled),
    "buffer": _by_name(*get_args(triggers.Buffering)),
    "project": _by_name(triggers.TriggersPurged),
    "gate": _by_name(gate.SlotsChanged),
    "request": _by_name(requests.RequestAnswered),
    "starter": _by_name(*get_args(starters.Event)),
    "kv": _by_name(*get_args(kv.Event)),
}
"""The newest struct of each event, by category and type."""


def _name_languages(body: Body) -> Body:
    """DefinitionCompiled 1 to 2: every condition was JSON Logic, and now says so."""
    definition = body["definition"]
    steps = [
        step
        if step.get("when") is None
        else step | {"when": {"language": "jsonlogic", "rule": step["when"]}}
        for step in definition["steps"]
    ]
    return body | {"definition": definition | {"steps": steps}}


UPCASTERS: Final[Upcasters] = {("compiled", "DefinitionCompiled", 1): _name_languages}
"""(category, type, schema version) to the function that makes the next version of such a body."""

_DECODERS: Final[dict[type[Message], msgspec.json.Decoder[Message]]] = {
    newest: msgspec.json.Decoder(newest) for types in TYPES.values() for newest in types.values()
}


def decode(
    category: str,
    type: str,
    schema: int,
    body: bytes,
    *,
    types: Mapping[str, Types] = TYPES,
    upcasters: Upcasters = UPCASTERS,
) -> Message:
    """Return the event in its newest shape; raise `Corrupt` when this code cannot read it."""
    newest = types.get(category, {}).get(type)
    if newest is None:
        raise Corrupt(f"no event {type!r} is known in category {category!r}")
    try:
        if schema == schema_version(newest) and newest in _DECODERS:
            return _DECODERS[newest].decode(body)
        return msgspec.convert(_lift(category, newest, schema, body, upcasters), newest)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"{category} event {type} v{schema} cannot be read: {error}") from error


def event_in(envelope: Envelope) -> Message:
    """Return the event that an envelope holds, in its newest shape; raise `Corrupt`."""
    kind = envelope.stream.category
    return decode(kind, envelope.type, envelope.schema_version, envelope.body)


def _lift(
    category: str, newest: type[Message], schema: int, body: bytes, upcasters: Upcasters
) -> Body:
    """Take a body from its schema version to the newest, one step at a time."""
    name, goal = newest.__name__, schema_version(newest)
    if not 1 <= schema <= goal:
        raise Corrupt(f"{name} v{schema} was written by a later version; this one reads v{goal}")
    lifted = msgspec.json.decode(body, type=Body)
    for version in range(schema, goal):
        upcaster = upcasters.get((category, name, version))
        if upcaster is None:
            raise Corrupt(f"nothing leads from {name} v{version} to v{version + 1}")
        lifted = upcaster(lifted)
    return lifted
