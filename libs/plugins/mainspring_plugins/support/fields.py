"""The words in which manifests write their schemas: short to read, and the same everywhere.

Inputs are closed (an unknown name is a fault, told with its name) and so are outputs.  A generator
from structs lost: the schema is what people read, so it is written where they read it.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]


def closed(properties: Mapping[str, Schema], *required: str) -> Schema:
    """Return the schema of an object that has these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def anything(description: str, **more: Any) -> Schema:  # noqa: ANN401 - keywords of JSON Schema
    """Return the schema of any JSON value."""
    return {"description": description, **more}


def text(description: str, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of a text."""
    return {"type": "string", "description": description, **more}


def choice(description: str, *values: str, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of one of these words."""
    return {"type": "string", "enum": list(values), "description": description, **more}


def whole(description: str, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of a whole number."""
    return {"type": "integer", "description": description, **more}


def flag(description: str, *, default: bool = False) -> Schema:
    """Return the schema of a yes or no."""
    return {"type": "boolean", "description": description, "default": default}


def several(description: str, items: Schema | None = None, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of a list."""
    found: Schema = {"type": "array", "description": description, **more}
    return found if items is None else {**found, "items": items}


def named(description: str, values: Schema | None = None, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of an object whose names are the caller's own."""
    found: Schema = {"type": "object", "description": description, **more}
    return found if values is None else {**found, "additionalProperties": values}


def either(description: str, *schemas: Schema) -> Schema:
    """Return the schema of a value that is one of these kinds."""
    return {"description": description, "anyOf": list(schemas)}


ITEMS = several("The list to work on.")
BY = text(
    "A path within an item (customer.id), or an expression over item and index (item.price * 2).",
    minLength=1,
)
