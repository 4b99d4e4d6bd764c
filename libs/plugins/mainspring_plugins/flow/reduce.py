"""Makes one value of a list: by a known operation, or by an expression applied item by item."""

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.folds import fold
from mainspring_plugins.support.picks import asks, gathered, pick
from mainspring_plugins.support.schema import BY, ITEMS, anything, choice, closed, gives, text
from mainspring_plugins.support.working import in_place

MANIFEST = Manifest(
    id="flow.reduce",
    name="Reduce",
    category="Flow Control",
    description="Makes one value of a list, such as a sum, or what an expression gathers.",
    input=closed(
        {
            "items": ITEMS,
            "op": choice("What to make.", "sum", "avg", "min", "max", "count", "concat"),
            "by": BY,
            "separator": text("concat: what stands between the texts.", default=""),
            "expression": text(
                "The next value of acc, from acc, item and index: acc + item.n.", minLength=1
            ),
            "initial": anything("The first value of acc.", default=None),
        },
        "items",
    ),
    output=gives({"result": anything("The one value.")}),
    examples=(
        {
            "input": {"items": [{"n": 1}, {"n": 2}], "op": "sum", "by": "n"},
            "output": {"result": 3},
        },
        {
            "input": {"items": [2, 3], "expression": "acc * item", "initial": 1},
            "output": {"result": 6},
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the one value."""
    if ("op" in given) == ("expression" in given):
        raise refuse("op or expression: one of them is needed")
    if "op" in given:
        return {"result": _folded(given)}
    made = gathered(given["expression"], "expression", given["items"], given.get("initial"))
    return {"result": made}


def _folded(given: dict[str, Json]) -> Json:
    items: list[Json] = given["items"]
    if "by" in given:
        value = pick(given["by"], "by")
        items = [value(item, index) for index, item in enumerate(items)]
    elif given["op"] == "count":
        return len(items)
    placed = [(f"items[{index}]", item) for index, item in enumerate(items)]
    return fold(given["op"], placed, given.get("separator", ""))


def _needs_time(given: dict[str, Json]) -> bool:
    return "expression" in given or asks("by")(given)


run = in_place(work, apart_when=_needs_time)
