"""Renames, picks and omits the fields of each object of a list.

Names are the old ones throughout: what is picked or omitted is said before anything is renamed, and
`regex` is for the names that `mapping` does not hold.  Two fields of one name are a fault: one of
the values would be lost without a word.
"""

from collections.abc import Callable
from typing import Any

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.patterns import FLAGS, Found, compiled, filled, template
from mainspring_plugins.support.schema import ITEMS, closed, gives, named, several, text
from mainspring_plugins.support.shapes import is_object, kind
from mainspring_plugins.support.working import in_place

NAMES = {"type": "string"}
MANIFEST = Manifest(
    id="transform.rename",
    name="Rename fields",
    category="Transforms",
    description="Renames, picks or omits the fields of each object in a list.",
    input=closed(
        {
            "items": ITEMS,
            "mapping": named("New names by the old ones.", {"type": "string", "minLength": 1}),
            "regex": closed(
                {
                    "pattern": text("What to replace in the names (RE2 syntax)."),
                    "replacement": text(r"What to put in; \1 is a group."),
                    "flags": text("i: case does not count.", pattern=FLAGS, default=""),
                },
                "pattern",
                "replacement",
            )
            | {"description": "Renames all fields that the mapping does not hold."},
            "pick": several("The only fields to keep, by their old names.", NAMES),
            "omit": several("Fields to leave out, by their old names.", NAMES),
        },
        "items",
    ),
    output=gives({"items": several("The objects with their new names.")}),
    examples=(
        {
            "input": {"items": [{"a": 1, "b": 2, "c": 3}], "mapping": {"a": "x"}, "omit": ["c"]},
            "output": {"items": [{"x": 1, "b": 2}]},
        },
        {
            "input": {
                "items": [{"user_id": 1, "user_name": "A"}],
                "regex": {"pattern": "^user_", "replacement": ""},
            },
            "output": {"items": [{"id": 1, "name": "A"}]},
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the objects with their new names."""
    new_name = _namer(given.get("mapping", {}), given.get("regex"))
    picked: list[str] | None = given.get("pick")
    omitted = set(given.get("omit", ()))
    items: list[Json] = []
    for at, item in enumerate(given["items"]):
        if not is_object(item):
            raise refuse(f"items[{at}] is {kind(item)}, not an object")
        order = item if picked is None else [name for name in dict.fromkeys(picked) if name in item]
        kept = {name: item[name] for name in order if name not in omitted}
        items.append(_renamed(kept, new_name, f"items[{at}]"))
    return {"items": items}


def _namer(mapping: dict[str, str], regex: dict[str, str] | None) -> Callable[[str], str]:
    if regex is None:
        return lambda name: mapping.get(name, name)
    pattern: Any = compiled(regex["pattern"], regex.get("flags", ""), "regex.pattern")
    parts = template(regex["replacement"], pattern)

    def fill(match: Found) -> str:
        return filled(parts, match)

    def renamed(name: str) -> str:
        return pattern.sub(fill, name)

    return lambda name: mapping[name] if name in mapping else renamed(name)


def _renamed(item: dict[str, Json], new_name: Callable[[str], str], place: str) -> dict[str, Json]:
    found: dict[str, Json] = {}
    origin: dict[str, str] = {}
    for name, value in item.items():
        new = new_name(name)
        if new in found:
            raise refuse(f"{place}: {origin[new]!r} and {name!r} would both be named {new!r}")
        found[new], origin[new] = value, name
    return found


run = in_place(work)
