"""Sums up a list by groups, as GROUP BY does in SQL.

Without `groupBy` there is one row over all items, of no items too.  Nulls are passed over; `count`
without a field counts items.
"""

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.folds import FOLDS, fold
from mainspring_plugins.support.picks import Pick, asks, pick
from mainspring_plugins.support.schema import (
    BY,
    ITEMS,
    choice,
    closed,
    either,
    gives,
    named,
    several,
    text,
)
from mainspring_plugins.support.shapes import is_list, token
from mainspring_plugins.support.working import in_place

Members: TypeAlias = list[tuple[int, Json]]
AGGREGATION = closed(
    {
        "op": choice("What to make of the values.", *FOLDS, "concat"),
        "field": BY,
        "separator": text("concat: what stands between the texts.", default=", "),
    },
    "op",
)
MANIFEST = Manifest(
    id="transform.aggregate",
    name="Aggregate",
    category="Transforms",
    description="Sums up a list: counts, sums and more, for all items or for each group.",
    input=closed(
        {
            "items": ITEMS,
            "groupBy": either(
                "What the items of a group share: paths, or expressions by name.",
                BY,
                several("Paths.", BY),
                named("Paths or expressions.", BY),
            ),
            "aggregations": named("What to compute, by name.", AGGREGATION, minProperties=1),
        },
        "items",
        "aggregations",
    ),
    output=gives(
        {
            "rows": several(
                "A row for each group, in the order in which they turn up.", {"type": "object"}
            )
        }
    ),
    examples=(
        {
            "input": {
                "items": [{"c": "x", "n": 1}, {"c": "y", "n": 5}, {"c": "x", "n": 2}],
                "groupBy": "c",
                "aggregations": {"sum": {"op": "sum", "field": "n"}, "count": {"op": "count"}},
            },
            "output": {
                "rows": [{"c": "x", "sum": 3, "count": 2}, {"c": "y", "sum": 5, "count": 1}]
            },
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the rows."""
    aggregations: dict[str, Any] = given["aggregations"]
    keys = _keys(given.get("groupBy", []))
    for name in aggregations:
        if name in keys:
            raise refuse(f"aggregations.{name}: a field of groupBy has this name")
    fields = {
        name: pick(each["field"], f"aggregations.{name}.field") if "field" in each else None
        for name, each in aggregations.items()
    }
    rows: list[Json] = []
    for key, members in _groups(given["items"], keys):
        values = {
            name: _value(each, fields[name], members, name) for name, each in aggregations.items()
        }
        rows.append({**key, **values})
    return {"rows": rows}


def _keys(by: Json) -> dict[str, Pick]:
    if isinstance(by, str):
        by = [by]
    names: dict[str, str] = {name: name for name in by} if is_list(by) else by
    return {name: pick(each, f"groupBy.{name}") for name, each in names.items()}


def _groups(
    items: Sequence[Json], keys: dict[str, Pick]
) -> Sequence[tuple[dict[str, Json], Members]]:
    if not keys:
        return [({}, list(enumerate(items)))]
    groups: dict[Hashable, tuple[dict[str, Json], Members]] = {}
    for index, item in enumerate(items):
        key = {name: value(item, index) for name, value in keys.items()}
        groups.setdefault(token(key), (key, []))[1].append((index, item))
    return list(groups.values())


def _value(aggregation: dict[str, Any], field: Pick | None, members: Members, name: str) -> Json:
    op: str = aggregation["op"]
    if field is None:
        if op != "count":
            raise refuse(f"aggregations.{name}: {op} needs a field")
        return len(members)
    shown: str = aggregation["field"]
    values = [(f"items[{index}] ({shown})", field(item, index)) for index, item in members]
    return fold(op, values, aggregation.get("separator", ", "))


run = in_place(work, apart_when=asks("groupBy", "aggregations"))
