"""Makes a list of lists one list, as deep as it is asked."""

from collections.abc import Iterator

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.schema import closed, gives, several, whole
from mainspring_plugins.support.shapes import is_list
from mainspring_plugins.support.working import in_place

MANIFEST = Manifest(
    id="flow.flatten",
    name="Flatten",
    category="Flow Control",
    description="Takes the lists within a list apart, to the depth that is asked.",
    input=closed(
        {
            "items": several("The list whose lists are taken apart."),
            "depth": whole("How many levels are taken apart.", minimum=0, maximum=100, default=1),
        },
        "items",
    ),
    output=gives({"items": several("All elements in order.")}),
    examples=(
        {"input": {"items": [1, [2, [3]], []]}, "output": {"items": [1, 2, [3]]}},
        {"input": {"items": [1, [2, [3]]], "depth": 2}, "output": {"items": [1, 2, 3]}},
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the flat list."""
    return {"items": list(_flat(given["items"], given.get("depth", 1)))}


def _flat(items: list[Json], depth: int) -> Iterator[Json]:
    for item in items:
        if depth > 0 and is_list(item):
            yield from _flat(item, depth - 1)
        else:
            yield item


run = in_place(work)
