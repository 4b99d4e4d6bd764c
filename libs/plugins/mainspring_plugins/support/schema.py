"""The words in which manifests write their schemas: short to read, and the same everywhere.

An input is closed, so a mistyped name is told; an output is open, so a plugin may say more later.
A generator from structs lost: the schema is what people read, so it is written where they read it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]


def closed(properties: Mapping[str, Schema], *required: str, **more: Any) -> Schema:  # noqa: ANN401 - keywords of JSON Schema
    """Return the schema of an object that has these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def gives(properties: Mapping[str, Schema], *, sometimes: Iterable[str] = ()) -> Schema:
    """Return the schema of an output that has all these properties, but for some `sometimes`."""
    rare = frozenset(sometimes)
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in rare],
    }


def of(type: str | list[str], description: str, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of one value of a type, or of one of several."""
    return {"type": type, "description": description, **more}


def anything(description: str, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of any JSON value."""
    return {"description": description, **more}


def text(description: str, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of a text."""
    return of("string", description, **more)


def whole(description: str, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of a whole number."""
    return of("integer", description, **more)


def number(description: str, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of a number."""
    return of("number", description, **more)


def flag(description: str, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of a yes or no."""
    return of("boolean", description, **more)


def choice(description: str, *values: str | int, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of one of these values."""
    return {"enum": list(values), "description": description, **more}


def several(description: str, items: Schema | None = None, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of a list."""
    found = of("array", description, **more)
    return found if items is None else {**found, "items": items}


def named(description: str, values: Schema | None = None, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of an object whose names are the caller's own."""
    found = of("object", description, **more)
    return found if values is None else {**found, "additionalProperties": values}


def either(description: str, *schemas: Schema) -> Schema:
    """Return the schema of a value that is one of these kinds."""
    return {"description": description, "anyOf": list(schemas)}


def tasks(description: str, **more: Any) -> Schema:  # noqa: ANN401
    """Return the schema of nested tasks: the dialect checks each as it checks those outside."""
    return several(description, {"type": "object"}, **more)


ITEMS = several("The list to work on.")
BY = text(
    "A path in an item (customer.id, /rows/0), or an expression over item and index (item.n * 2).",
    minLength=1,
)
