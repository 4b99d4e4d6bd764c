"""Sorts a list by one or several keys, stably; kinds that have no common order are told."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.formats.csv_types import INTEGER, NUMBER
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.picks import asks, pick
from mainspring_plugins.support.schema import (
    BY,
    ITEMS,
    choice,
    closed,
    either,
    flag,
    gives,
    several,
)
from mainspring_plugins.support.shapes import is_list, is_number, kind, shown
from mainspring_plugins.support.working import in_place

ORDER: Final = choice("The least first, or the most.", "asc", "desc", default="asc")
NUMERIC: Final = flag(
    "Take texts for the numbers that they write, so that 10 is behind 9.", default=False
)
NULLS: Final = choice("Where items stand that have no value.", "first", "last", default="last")
KEY: Final = either(
    "A key: a path, an expression, or one with an order of its own.",
    BY,
    closed({"by": BY, "order": ORDER, "numeric": NUMERIC, "nulls": NULLS}, "by"),
)
MANIFEST = Manifest(
    id="transform.sort",
    name="Sort",
    category="Transforms",
    description="Sorts the items of a list, by themselves or by one or several keys.",
    input=closed(
        {
            "items": ITEMS,
            "by": either(
                "The keys, the first before the second; without them the items themselves.",
                KEY,
                several("Keys.", KEY),
            ),
            "order": ORDER,
            "numeric": NUMERIC,
            "nulls": NULLS,
        },
        "items",
    ),
    output=gives({"items": several("The items in order.")}),
    examples=(
        {
            "input": {"items": [{"n": 2}, {"n": None}, {"n": 10}], "by": "n", "order": "desc"},
            "output": {"items": [{"n": 10}, {"n": 2}, {"n": None}]},
        },
        {
            "input": {"items": ["10", "9", "1"], "numeric": True},
            "output": {"items": ["1", "9", "10"]},
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the items in order."""
    positions = list(range(len(given["items"])))
    by = given.get("by", [])
    keys: list[Json] = by if is_list(by) else [by]
    # The last key first: sorting is stable, so the first key has the last word.
    for key in reversed(keys or [{}]):
        own: dict[str, Any] = {"by": key} if isinstance(key, str) else key
        positions = _sorted(positions, given["items"], {**given, "by": None, **own})
    return {"items": [given["items"][at] for at in positions]}


def _sorted(positions: list[int], items: Sequence[Json], how: Mapping[str, Any]) -> list[int]:
    by: str | None = how["by"]
    values = list(items)
    if by is not None:
        value_of = pick(by, "by")
        values = [value_of(item, index) for index, item in enumerate(items)]
    comparable = _comparable(values, "" if by is None else f" ({by})", how)
    nulls = [at for at in positions if comparable[at] is None]
    others = [at for at in positions if comparable[at] is not None]
    others.sort(key=comparable.__getitem__, reverse=how.get("order") == "desc")
    return nulls + others if how.get("nulls") == "first" else others + nulls


def _comparable(values: Sequence[Json], name: str, how: Mapping[str, Any]) -> list[Any]:
    """Return the values to compare; raise `PluginFailed` for the first of another kind."""
    found: list[Any] = []
    first: tuple[str, int] | None = None
    for index, value in enumerate(values):
        place = f"items[{index}]{name}"
        each = _number(value, place) if how.get("numeric") else value
        found.append(each)
        if each is None:
            continue
        if not (is_number(each) or isinstance(each, str | bool)):
            raise refuse(f"{place}: {kind(each)} has no order")
        first = first or (kind(each), index)
        if kind(each) != first[0]:
            raise refuse(f"{place}: {kind(each)}, and items[{first[1]}] has {first[0]}")
    return found


def _number(value: Json, place: str) -> Json:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if INTEGER.fullmatch(text):
        return int(text)
    number = float(text) if NUMBER.fullmatch(text) else math.nan
    if math.isnan(number):
        raise refuse(f"{place}: {shown(value)} is no number")
    return number


run = in_place(work, apart_when=asks("by"))
