"""Kinds of JSON values, how a failure names them, and when two of them are the same.

JSON knows one kind of number, and its true is no 1: Python's own `==` says otherwise.
"""

from collections.abc import Hashable
from typing import TypeGuard

import msgspec

from mainspring.domain.message import Json

MOST_SHOWN = 60


def is_object(value: Json) -> TypeGuard[dict[str, Json]]:
    """Tell whether a value is an object."""
    return isinstance(value, dict)


def is_list(value: Json) -> TypeGuard[list[Json]]:
    """Tell whether a value is a list."""
    return isinstance(value, list)


def is_number(value: Json) -> TypeGuard[int | float]:
    """Tell whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def kind(value: Json) -> str:
    """Return the word for a value's kind."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "a boolean"
    if is_number(value):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if is_list(value) else "an object"


def shown(value: Json) -> str:
    """Return a value as a failure quotes it: as JSON, and short."""
    if is_list(value) or is_object(value):
        return kind(value)
    text = msgspec.json.encode(value if not isinstance(value, str) else value[:MOST_SHOWN]).decode()
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def token(value: Json) -> Hashable:
    """Return what two values share if, and only if, they are equal as JSON."""
    if isinstance(value, bool) or value is None:
        return ("is", value)
    if is_list(value):
        return ("list", tuple(token(each) for each in value))
    if is_object(value):
        return ("object", frozenset((name, token(each)) for name, each in value.items()))
    return value
