"""JSON Schemas of what is stored, written out from the structs: one per event type and version.

Only the newest version of a type can be written from the code; the files of older ones stay in
`proto/events` as they were when they were the newest.  Objects are open: a reader must pass over
fields that it does not know, since a field with a default is no new version.
"""

from typing import Final, cast

import msgspec

from mainspring.domain.envelope import schema_version
from mainspring.domain.message import Json, Message
from mainspring.domain.upcast import TYPES

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def event_schemas() -> dict[str, Json]:
    """Return the schema of each event's newest version by the name of its file."""
    return {
        name_of(category, each.__name__, schema_version(each)): _schema(category, each)
        for category, types in TYPES.items()
        for each in types.values()
    }


def name_of(category: str, type: str, version: int) -> str:
    """Return the name of the file that holds a schema."""
    return f"{category}.{type}.v{version}.schema.json"


def documents() -> dict[str, bytes]:
    """Return the schemas as files, by their path below `proto/`."""
    return {f"events/{name}": pretty(schema) for name, schema in event_schemas().items()}


def pretty(document: Json) -> bytes:
    """Return a document as JSON for people and for diffs."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def tidied(value: Json) -> Json:
    """Return a schema whose descriptions are flowing text, without the indent of the code."""
    if isinstance(value, dict):
        pairs = cast("dict[str, Json]", value).items()
        return {key: _tidied(key, each) for key, each in pairs}
    if isinstance(value, list):
        return [tidied(each) for each in cast("list[Json]", value)]
    return value


def _tidied(key: str, value: Json) -> Json:
    if key == "description" and isinstance(value, str):
        return " ".join(value.split())
    return tidied(value)


def _schema(category: str, event: type[Message]) -> Json:
    schema = tidied(msgspec.json.schema(event))
    name, version = event.__name__, schema_version(event)
    return {
        "$schema": DRAFT,
        "$id": name_of(category, name, version),
        "title": f"{name} v{version}, in a stream of category {category}",
        **schema,
    }
