"""Keeps so many elements of a list, counted from its start or from its end."""

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.schema import choice, closed, gives, several, whole
from mainspring_plugins.support.working import in_place

MANIFEST = Manifest(
    id="flow.limit",
    name="Limit",
    category="Flow Control",
    description="Keeps the first or the last elements of a list, after passing over some.",
    input=closed(
        {
            "items": several("The list to shorten."),
            "count": whole("How many elements are kept at most.", minimum=0),
            "offset": whole("How many are passed over first.", minimum=0, default=0),
            "from": choice("The side to count from.", "start", "end", default="start"),
        },
        "items",
        "count",
    ),
    output=gives({"items": several("The elements kept, in their order.")}),
    examples=(
        {"input": {"items": [1, 2, 3, 4], "count": 2}, "output": {"items": [1, 2]}},
        {
            "input": {"items": [1, 2, 3, 4], "count": 2, "offset": 1, "from": "end"},
            "output": {"items": [2, 3]},
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the elements that are kept."""
    items, count, offset = given["items"], int(given["count"]), int(given.get("offset", 0))
    if given.get("from") == "end":
        end = max(len(items) - offset, 0)
        return {"items": items[max(end - count, 0) : end]}
    return {"items": items[offset : offset + count]}


run = in_place(work)
