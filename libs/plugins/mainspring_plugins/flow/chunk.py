"""Cuts a list into pieces of one size; the last may be smaller."""

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.schema import closed, gives, several, whole
from mainspring_plugins.support.working import in_place

MANIFEST = Manifest(
    id="flow.chunk",
    name="Chunk",
    category="Flow Control",
    description="Cuts a list into lists of a given size, for work in batches.",
    input=closed(
        {
            "items": several("The list to cut."),
            "size": whole("How many elements a chunk has.", minimum=1),
        },
        "items",
        "size",
    ),
    output=gives(
        {"chunks": several("The chunks in order; the last may be smaller.", {"type": "array"})}
    ),
    examples=(
        {
            "input": {"items": [1, 2, 3, 4, 5], "size": 2},
            "output": {"chunks": [[1, 2], [3, 4], [5]]},
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the chunks."""
    items, size = given["items"], int(given["size"])
    return {"chunks": [items[at : at + size] for at in range(0, len(items), size)]}


run = in_place(work)
