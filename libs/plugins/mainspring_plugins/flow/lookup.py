"""Finds in a table what belongs to each item, or to one value.

The table is a list of rows, found by `key`, or an object, found by name.  Of rows with one key the
first is found; null is the key of nothing.
"""

from collections.abc import Callable
from typing import TypeAlias

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.picks import asks, pick
from mainspring_plugins.support.schema import (
    BY,
    ITEMS,
    anything,
    choice,
    closed,
    either,
    gives,
    several,
    text,
    whole,
)
from mainspring_plugins.support.shapes import is_object, kind, shown, token
from mainspring_plugins.support.texts import written
from mainspring_plugins.support.working import in_place

Find: TypeAlias = Callable[[Json], tuple[Json] | None]
MANIFEST = Manifest(
    id="flow.lookup",
    name="Lookup",
    category="Flow Control",
    description="Adds to each item what a table holds for it, or looks one value up.",
    input=closed(
        {
            "items": ITEMS,
            "value": anything("One value to look up, in place of items."),
            "table": either(
                "Rows, or values by name.",
                {"type": "array"},
                {"type": "object"},
            ),
            "key": BY | {"description": "The key of a row: a path, or an expression over item."},
            "foreignKey": BY
            | {"description": "The key that an item asks for; without it, as key, or the item."},
            "as": text("The field of an item that takes what was found.", default="match"),
            "default": anything("What is found where nothing is.", default=None),
            "missing": choice(
                "What becomes of items for which nothing is found.",
                *("default", "drop", "fail"),
                default="default",
            ),
        },
        "table",
    ),
    output=gives(
        {
            "items": several("The items with what was found."),
            "value": anything("What was found for the one value."),
            "missing": whole("For how many nothing was found."),
        },
        sometimes=(
            "items",
            "value",
        ),
    ),
    examples=(
        {
            "input": {
                "items": [{"n": 1, "of": "b"}, {"n": 2, "of": "z"}],
                "table": [{"id": "a"}, {"id": "b", "price": 3}],
                "key": "id",
                "foreignKey": "of",
            },
            "output": {
                "items": [
                    {"n": 1, "of": "b", "match": {"id": "b", "price": 3}},
                    {"n": 2, "of": "z", "match": None},
                ],
                "missing": 1,
            },
        },
        {
            "input": {"value": "de", "table": {"de": "Germany"}},
            "output": {"value": "Germany", "missing": 0},
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return what was found."""
    if ("items" in given) == ("value" in given):
        raise refuse("items or value: one of them is needed")
    find = _finder(given["table"], given.get("key"))
    if "items" in given:
        return _items(given, find)
    found = find(given["value"])
    if found is None and given.get("missing") == "fail":
        raise refuse(f"value: the table has nothing for {shown(given['value'])}")
    value = found[0] if found else given.get("default")
    return {"value": value, "missing": 0 if found else 1}


def _finder(table: Json, key: str | None) -> Find:
    """Return the function that finds; the table is gone through once."""
    if is_object(table):
        return lambda value: (table[name],) if (name := _name(value)) in table else None
    if key is None:
        raise refuse("key: a table of rows needs the key of a row")
    value_of = pick(key, "key")
    rows: dict[object, Json] = {}
    for index, row in enumerate(table):
        rows.setdefault(token(value_of(row, index)), row)
    rows.pop(token(None), None)
    return lambda value: (rows[at],) if (at := token(value)) in rows else None


def _name(value: Json) -> str | None:
    return None if value is None else written(value)


def _items(given: dict[str, Json], find: Find) -> dict[str, Json]:
    items: list[Json] = []
    missing = 0
    key_of = _foreign(given)
    for index, item in enumerate(given["items"]):
        found = find(key_of(item, index))
        missing += found is None
        if found is None and given.get("missing") == "fail":
            raise refuse(f"items[{index}]: the table has nothing for it")
        if found is not None or given.get("missing") != "drop":
            items.append(_with(item, given, found[0] if found else given.get("default"), index))
    return {"items": items, "missing": missing}


def _foreign(given: dict[str, Json]) -> Callable[[Json, int], Json]:
    name = given.get("foreignKey", given.get("key"))
    value_of = None if name is None else pick(name, "foreignKey")
    has_own = "foreignKey" in given
    return lambda item, index: (
        item if value_of is None or not (has_own or is_object(item)) else value_of(item, index)
    )


def _with(item: Json, given: dict[str, Json], found: Json, index: int) -> Json:
    """Return an item with what was found; what is no object stands in one, as `item`."""
    name = given.get("as", "match")
    if not is_object(item):
        return {"item": item, name: found}
    if name in item:
        raise refuse(f"items[{index}]: {kind(item)} that has a field {name!r} already")
    return {**item, name: found}


run = in_place(work, apart_when=asks("key", "foreignKey"))
