"""Schemas of inputs and outputs, said shortly: what JSON Schema repeats is written here once.

An input is closed, so a mistyped name is told; an output is open, so a plugin may say more later.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]


def takes(properties: Mapping[str, Schema], *, required: Iterable[str] = ()) -> Schema:
    """Return the schema of an input that has these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def gives(properties: Mapping[str, Schema], *, sometimes: Iterable[str] = ()) -> Schema:
    """Return the schema of an output that has all these properties, but for some `sometimes`."""
    rare = frozenset(sometimes)
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in rare],
    }


def of(type: str | list[str], description: str, **more: Any) -> Schema:  # noqa: ANN401 - JSON
    """Return the schema of one value."""
    return {"type": type, "description": description, **more}


def one_of(values: Iterable[Any], description: str, **more: Any) -> Schema:  # noqa: ANN401 - JSON
    """Return the schema of a value that is one of these."""
    return {"enum": list(values), "description": description, **more}


def anything(description: str, **more: Any) -> Schema:  # noqa: ANN401 - JSON
    """Return the schema of any value."""
    return {"description": description, **more}


def items_of(item: Schema, description: str, **more: Any) -> Schema:  # noqa: ANN401 - JSON
    """Return the schema of a list of such values."""
    return {"type": "array", "items": item, "description": description, **more}


TASKS: Schema = {"type": "array", "items": {"type": "object"}}
"""Nested tasks: the dialect checks each as it checks those outside."""
