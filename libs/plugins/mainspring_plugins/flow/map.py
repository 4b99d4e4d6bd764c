"""Makes a new list of an old one: each item becomes what an expression or a template says."""

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.picks import asks, pick, shaped
from mainspring_plugins.support.schema import ITEMS, anything, closed, gives, several, text
from mainspring_plugins.support.working import in_place

MANIFEST = Manifest(
    id="flow.map",
    name="Map",
    category="Flow Control",
    description="Makes a new value of each item of a list, by an expression or by a template.",
    input=closed(
        {
            "items": ITEMS,
            "expression": text(
                "A path within the item, or an expression over item and index: item.price * 2.",
                minLength=1,
            ),
            "template": anything(
                "A value of any shape, each of whose texts is a path or an expression; "
                "a fixed text stands in quotes: \"'new'\"."
            ),
        },
        "items",
    ),
    output=gives({"items": several("The new values in order.")}),
    examples=(
        {
            "input": {"items": [{"price": 3}, {"price": 4}], "expression": "item.price * 2"},
            "output": {"items": [6, 8]},
        },
        {
            "input": {
                "items": [{"id": 7, "name": "A"}],
                "template": {"key": "id", "label": "item.name ~ '!'", "at": "index"},
            },
            "output": {"items": [{"key": 7, "label": "A!", "at": 0}]},
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the new list."""
    if ("expression" in given) == ("template" in given):
        raise refuse("expression or template: one of them is needed")
    if "expression" in given:
        value = pick(given["expression"], "expression")
    else:
        value = shaped(given["template"], "template")
    return {"items": [value(item, index) for index, item in enumerate(given["items"])]}


run = in_place(work, apart_when=asks("expression", "template"))
