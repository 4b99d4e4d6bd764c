"""Sorts items into groups that share a value.

The names of groups are texts, as names in JSON are; `keys` holds the values themselves.  Two values
that would share a name (1 and "1") are a fault, since their items would be mixed without a word.
"""

from collections.abc import Hashable

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.picks import asks, pick
from mainspring_plugins.support.schema import BY, ITEMS, closed, gives, named, several
from mainspring_plugins.support.shapes import shown, token
from mainspring_plugins.support.texts import written
from mainspring_plugins.support.working import in_place

MANIFEST = Manifest(
    id="flow.group",
    name="Group",
    category="Flow Control",
    description="Sorts the items of a list into groups by a value that they share.",
    input=closed({"items": ITEMS, "by": BY}, "items", "by"),
    output=gives(
        {
            "groups": named(
                "The items of each group, by the key written as a text.", {"type": "array"}
            ),
            "keys": several("The keys in the order in which they turn up."),
        }
    ),
    examples=(
        {
            "input": {"items": [{"c": "x", "n": 1}, {"c": "y"}, {"c": "x", "n": 2}], "by": "c"},
            "output": {
                "groups": {"x": [{"c": "x", "n": 1}, {"c": "x", "n": 2}], "y": [{"c": "y"}]},
                "keys": ["x", "y"],
            },
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the groups and their keys."""
    value = pick(given["by"], "by")
    groups: dict[str, list[Json]] = {}
    names: dict[Hashable, str] = {}
    keys: dict[str, Json] = {}
    for index, item in enumerate(given["items"]):
        key = value(item, index)
        name = names.setdefault(token(key), written(key))
        if token(keys.setdefault(name, key)) != token(key):
            both = f"{shown(keys[name])} and {shown(key)}"
            raise refuse(f"items[{index}]: the keys {both} would share a group")
        groups.setdefault(name, []).append(item)
    return {"groups": groups, "keys": list(keys.values())}


run = in_place(work, apart_when=asks("by"))
