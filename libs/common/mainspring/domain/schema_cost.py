"""How much work a JSON Schema makes of a value, counted before the validator does it.

Both come from strangers, and a schema that refers to itself twice doubles the work with every level
of the value: twelve levels are minutes.  Forbidding references lost: trees are described by them.
So the visits are counted, as the validator would make them, up to what is too many.
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias, cast

from mainspring.domain.message import Json

_SAME_LISTS: Final = ("allOf", "anyOf", "oneOf")
_SAME: Final = ("not", "if", "then", "else")
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
_OF_MEMBERS: Final = ("additionalProperties", "unevaluatedProperties")
_OF_ITEMS: Final = ("items", "contains", "unevaluatedItems", "additionalItems")
_Object: TypeAlias = dict[str, Json]
_Visit: TypeAlias = tuple[Json, Json]
"""A schema, and the value that it judges."""


def visits(schema: Json, value: Json, most: int) -> int:
    """Return how often a part of `schema` judges a part of `value`, at most `most` + 1."""
    anchors = dict(_anchors(schema))
    waiting: list[_Visit] = [(schema, value)]
    count = 0
    while waiting and count <= most:
        part, judged = waiting.pop()
        count += 1
        if isinstance(part, dict):
            waiting += _below(cast("_Object", part), judged, schema, anchors)
    return min(count, most + 1)


def _below(part: _Object, value: Json, root: Json, anchors: _Object) -> Iterator[_Visit]:
    for name in _SAME_LISTS:
        yield from ((each, value) for each in _items(part.get(name)))
    for name in _SAME:
        if name in part:
            yield part[name], value
    for name in _REFERENCES:
        if isinstance(to := part.get(name), str):
            yield _referred(to, root, anchors), value
    yield from ((each, value) for each in _members(part.get("dependentSchemas")).values())
    if isinstance(value, dict):
        yield from _of_object(part, cast("_Object", value))
    elif isinstance(value, list):
        yield from _of_list(part, cast("list[Json]", value))


def _of_object(part: _Object, value: _Object) -> Iterator[_Visit]:
    for name, each in _members(part.get("properties")).items():
        if name in value:
            yield each, value[name]
    of_all = [*_members(part.get("patternProperties")).values()]
    of_all += [part[name] for name in _OF_MEMBERS if name in part]
    yield from ((each, inner) for each in of_all for inner in value.values())
    if "propertyNames" in part:
        yield from ((part["propertyNames"], name) for name in value)


def _of_list(part: _Object, value: list[Json]) -> Iterator[_Visit]:
    for name in ("prefixItems", "items"):
        yield from zip(_items(part.get(name)), value, strict=False)
    of_all = [part[name] for name in _OF_ITEMS if isinstance(part.get(name), dict)]
    yield from ((each, inner) for each in of_all for inner in value)


def _referred(to: str, root: Json, anchors: _Object) -> Json:
    """Return what a reference leads to; the whole, the dearest, where that cannot be told."""
    if to in anchors:
        return anchors[to]
    found = root
    for step in to.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            items = cast("list[Json]", found)
            found = items[int(name)] if name.isdecimal() and int(name) < len(items) else root
        else:
            found = _members(found).get(name, root)
    return found


def _anchors(schema: Json) -> Iterator[tuple[str, Json]]:
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            members = cast("_Object", part)
            for name in ("$anchor", "$dynamicAnchor"):
                if isinstance(members.get(name), str):
                    yield f"#{members[name]}", part
            waiting += members.values()
        else:
            waiting += _items(part)


def _members(value: Json) -> _Object:
    return cast("_Object", value) if isinstance(value, dict) else {}


def _items(value: Json) -> Iterable[Json]:
    return cast("list[Json]", value) if isinstance(value, list) else ()
