"""Changes of JSON values: setting at a path, and the difference of two as an RFC 6902 patch.

Lists are compared item by item, so an item put in front is told as every item changed: the shortest
patch of two lists takes time that grows with their product.
"""

from collections.abc import Iterator
from typing import Any, Final, cast

from mainspring.domain.expression.values import Path
from mainspring.domain.message import Json
from mainspring_plugins.support.failures import bad, refuse
from mainspring_plugins.support.paths import pointer

MOST_CHANGES: Final = 10_000
MOST_NESTED: Final = 200
END: Final = "-"
"""The index behind a list's last item."""


def with_value(data: Json, path: Path, value: Json) -> Json:
    """Return a copy of `data` with `value` at `path`; objects that are missing are made.

    Raises a final `PluginFailed` that names the place where the path leads nowhere.
    """
    return _set(data, path, 0, value) if path else value


def _set(data: Json, path: Path, at: int, value: Json) -> Json:
    if at == len(path):
        return value
    if at == MOST_NESTED:
        raise bad("path", f"has more than {MOST_NESTED} names")
    name, place = path[at], pointer(path[:at]) or "the data"
    if data is None:
        return {name: _set(None, path, at + 1, value)}
    if isinstance(data, dict):
        names = cast("dict[str, Any]", data)
        return {**names, name: _set(names.get(name), path, at + 1, value)}
    if not isinstance(data, list):
        raise bad("path", f"{place} is neither an object nor a list")
    items = list(cast("list[Any]", data))
    index = _index(name, len(items), place)
    if index == len(items):
        items.append(None)
    items[index] = _set(items[index], path, at + 1, value)
    return items


def _index(name: str, length: int, place: str) -> int:
    if name == END:
        return length
    if not (name.isascii() and name.isdecimal() and len(name) < 10 and int(name) <= length):
        raise bad("path", f"{place} is a list of {length} and has no place {name[:20]}")
    return int(name)


def difference(old: Json, new: Json) -> list[dict[str, Json]]:
    """Return the patch that makes `new` of `old`; raise a final `PluginFailed` when it is long."""
    changes: list[dict[str, Json]] = []
    for change in _changes(old, new, ()):
        if len(changes) == MOST_CHANGES:
            raise refuse(f"there are more than {MOST_CHANGES} changes")
        changes.append(change)
    return changes


def _changes(old: Json, new: Json, path: Path) -> Iterator[dict[str, Json]]:
    if len(path) > MOST_NESTED:
        raise refuse(f"the data are nested deeper than {MOST_NESTED}")
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_objects(cast("dict[str, Any]", old), cast("dict[str, Any]", new), path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(cast("list[Any]", old), cast("list[Any]", new), path)
    elif isinstance(old, bool) != isinstance(new, bool) or old != new:
        yield {"op": "replace", "path": pointer(path), "value": new}


def _of_objects(
    old: dict[str, Json], new: dict[str, Json], path: Path
) -> Iterator[dict[str, Json]]:
    for name, value in old.items():
        if name in new:
            yield from _changes(value, new[name], (*path, name))
        else:
            yield {"op": "remove", "path": pointer((*path, name))}
    for name, value in new.items():
        if name not in old:
            yield {"op": "add", "path": pointer((*path, name)), "value": value}


def _of_lists(old: list[Json], new: list[Json], path: Path) -> Iterator[dict[str, Json]]:
    for at, (left, right) in enumerate(zip(old, new, strict=False)):
        yield from _changes(left, right, (*path, str(at)))
    for at in range(len(old) - 1, len(new) - 1, -1):  # from the end: indices in front stay true
        yield {"op": "remove", "path": pointer((*path, str(at)))}
    for at in range(len(old), len(new)):
        yield {"op": "add", "path": pointer((*path, str(at))), "value": new[at]}
