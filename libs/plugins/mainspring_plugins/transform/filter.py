"""Keeps the items for which conditions hold, or those for which they do not."""

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.conditions import CONDITION, holds
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.picks import asks
from mainspring_plugins.support.schema import ITEMS, choice, closed, gives, several, whole
from mainspring_plugins.support.working import in_place

MANIFEST = Manifest(
    id="transform.filter",
    name="Filter",
    category="Transforms",
    description="Keeps or drops the items of a list for which conditions hold.",
    input=closed(
        {
            "items": ITEMS,
            "condition": CONDITION,
            "conditions": several("Several conditions.", CONDITION, minItems=1),
            "match": choice("Whether all must hold or one.", "all", "any", default="all"),
            "mode": choice("What becomes of these items.", "include", "exclude", default="include"),
        },
        "items",
    ),
    output=gives(
        {
            "items": several("The items that stay, in order."),
            "dropped": whole("How many were dropped."),
        }
    ),
    examples=(
        {
            "input": {"items": [{"n": 1}, {"n": 5}], "condition": "item.n > 3"},
            "output": {"items": [{"n": 5}], "dropped": 1},
        },
        {
            "input": {
                "items": [{"n": 1, "s": "a"}, {"n": 5, "s": "b"}, {"n": 2, "s": "b"}],
                "conditions": [
                    {"field": "n", "op": "lt", "value": 4},
                    {"field": "s", "value": "b"},
                ],
            },
            "output": {"items": [{"n": 2, "s": "b"}], "dropped": 2},
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the items that stay, and how many went."""
    conditions = [holds(given["condition"], "condition")] if "condition" in given else []
    for at, each in enumerate(given.get("conditions", ())):
        conditions.append(holds(each, f"conditions[{at}]"))
    if not conditions:
        raise refuse("condition or conditions: one of them is needed")
    together = any if given.get("match") == "any" else all
    wanted = given.get("mode") != "exclude"
    items: list[Json] = given["items"]
    kept = [
        item
        for index, item in enumerate(items)
        if together(each(item, index) for each in conditions) is wanted
    ]
    return {"items": kept, "dropped": len(items) - len(kept)}


def _needs_time(given: dict[str, Json]) -> bool:
    return any(
        asks("condition")({"condition": each["field"] if isinstance(each, dict) else each})
        for each in [given.get("condition"), *given.get("conditions", ())]
    )


run = in_place(work, apart_when=_needs_time)
