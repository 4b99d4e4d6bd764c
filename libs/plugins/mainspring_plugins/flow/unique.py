"""Keeps one item of each value; equal means equal as JSON, so 1 is 1.0 and neither is true."""

from collections.abc import Hashable

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.picks import asks, pick
from mainspring_plugins.support.schema import BY, ITEMS, choice, closed, gives, several, whole
from mainspring_plugins.support.shapes import token
from mainspring_plugins.support.working import in_place

MANIFEST = Manifest(
    id="flow.unique",
    name="Unique",
    category="Flow Control",
    description="Removes the items of a list that are there already, as a whole or by one value.",
    input=closed(
        {
            "items": ITEMS,
            "by": BY,
            "keep": choice("Which one of equal items stays.", "first", "last", default="first"),
        },
        "items",
    ),
    output=gives(
        {"items": several("The items that stay, in order."), "removed": whole("How many went.")}
    ),
    examples=(
        {"input": {"items": [1, 2, 1.0]}, "output": {"items": [1, 2], "removed": 1}},
        {
            "input": {"items": [{"a": 1, "n": 1}, {"a": 1, "n": 2}], "by": "a", "keep": "last"},
            "output": {"items": [{"a": 1, "n": 2}], "removed": 1},
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the items that stay, and how many went."""
    items: list[Json] = given["items"]
    value = pick(given["by"], "by") if "by" in given else None
    stays: dict[Hashable, int] = {}
    for index, item in enumerate(items):
        key = token(item if value is None else value(item, index))
        if given.get("keep") == "last":
            stays[key] = index
        else:
            stays.setdefault(key, index)
    return {
        "items": [items[index] for index in sorted(stays.values())],
        "removed": len(items) - len(stays),
    }


run = in_place(work, apart_when=asks("by"))
