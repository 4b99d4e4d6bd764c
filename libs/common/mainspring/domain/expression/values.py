"""Plain JSON values: how a path is followed, how a value is printed, what a caller must carry.

A path is a tuple of names; an index into a list is a name of digits.  Nothing here, nor
above, ever reads an attribute of a Python object: a step that is no key and no index leads
nowhere.  A list of which only some items are selected becomes an object keyed by index,
which every path then reads just the same.
"""

from collections.abc import Iterable
from functools import lru_cache
from math import isfinite
from typing import Final, TypeAlias, Union

import msgspec

from mainspring.domain.expression.errors import ExpressionFailed, ExpressionTooLarge

# Not one quoted text: that could not be joined with `|` when this module is imported.
Value: TypeAlias = Union[dict[str, "Value"], list["Value"], str, int, float, bool, None]  # noqa: UP007
Path: TypeAlias = tuple[str, ...]

ROOT: Final[Path] = ()
"""The path of the whole data: whoever references it needs everything."""

MAX_OUTPUT: Final = 4 * 1024 * 1024


class Missing:
    """The one answer of `child` and `follow` where there is nothing; not even null."""

    __slots__ = ()


MISSING: Final = Missing()


def child(value: Value | Missing, name: str) -> Value | Missing:
    """Return what stands under `name`, or `MISSING`."""
    if isinstance(value, dict):
        return value.get(name, MISSING)
    if isinstance(value, list) and _is_index(name):
        index = int(name)
        return value[index] if index < len(value) else MISSING
    return MISSING


def _is_index(name: str) -> bool:
    # Canonical digits only: "01" would name the same item under a second key.
    return (
        name.isdecimal() and name.isascii() and len(name) < 10 and (name == "0" or name[0] != "0")
    )


def follow(value: Value | Missing, path: Path) -> Value | Missing:
    """Return what stands at the end of `path`, or `MISSING`."""
    for name in path:
        value = child(value, name)
    return value


def printed(value: Value | Missing) -> str:
    """Return `value` as text: a string as it is, null and nothing as empty, the rest as JSON."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Missing):
        return ""
    return as_json(value).decode()


def as_json(value: Value) -> bytes:
    """Return `value` as compact JSON; raise `ExpressionFailed` for what is no JSON value."""
    if isinstance(value, float) and not isfinite(value):
        raise ExpressionFailed("a number is not finite")
    try:
        return msgspec.json.encode(value)
    except RecursionError:
        raise ExpressionTooLarge("a value is nested too deeply") from None
    except (TypeError, ValueError, OverflowError):
        raise ExpressionFailed("not a JSON value") from None


def kind(value: object) -> str:
    """Return the word for a value's type that messages use in place of the value."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "no JSON value"


def select(context: dict[str, Value], paths: Iterable[Path]) -> dict[str, Value]:
    """Return the smallest object in which each of `paths` reads as it does in `context`.

    The values are shared with `context`, not copied.
    """
    chosen: dict[str, Value] = {}
    for path in _outermost(frozenset(paths)):
        if path == ROOT:
            return dict(context)
        value = follow(context, path)
        if not isinstance(value, Missing):
            _plant(chosen, path, value)
    return chosen


def _plant(tree: dict[str, Value], path: Path, value: Value) -> None:
    for name in path[:-1]:
        below = tree.setdefault(name, {})
        # Every node on the way was made here: `_outermost` lets no path run through a whole value.
        assert isinstance(below, dict)  # noqa: S101
        tree = below
    tree[path[-1]] = value


@lru_cache(maxsize=4096)
def _outermost(paths: frozenset[Path]) -> tuple[Path, ...]:
    kept: set[Path] = set()
    for path in sorted(paths, key=len):
        if not any(path[:length] in kept for length in range(len(path))):
            kept.add(path)
    return tuple(sorted(kept))
