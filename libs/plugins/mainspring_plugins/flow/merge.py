"""Makes one list of two: one behind the other, pair by pair, or joined by a key.

In a join null is the key of nothing, rows stay in the order of the left list, and where both sides
have a field the right one's value stands.
"""

from collections.abc import Hashable, Iterator
from itertools import zip_longest
from typing import Any, Final, TypeAlias

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.failures import refuse, too_large
from mainspring_plugins.support.picks import asks, pick
from mainspring_plugins.support.schema import BY, choice, closed, either, flag, gives, several
from mainspring_plugins.support.shapes import is_object, kind, token
from mainspring_plugins.support.working import in_place

Rows: TypeAlias = dict[Hashable, list[int]]
MOST_ROWS: Final = 100_000
MANIFEST = Manifest(
    id="flow.merge",
    name="Merge",
    category="Flow Control",
    description="Makes one list of two: appended, paired by position, or joined by a key.",
    input=closed(
        {
            "left": several("The first list."),
            "right": several("The second list."),
            "mode": choice("How the two are made one.", "append", "zip", "join", default="append"),
            "join": choice(
                "join: which items without a partner stay.",
                *("inner", "left", "full"),
                default="inner",
            ),
            "on": either(
                "join: the key in both lists, or in each.",
                BY,
                closed({"left": BY, "right": BY}, "left", "right"),
            ),
            "unpaired": flag("zip: keep the rest of the longer list.", default=False),
        },
        "left",
        "right",
    ),
    output=gives({"items": several("The one list.")}),
    examples=(
        {"input": {"left": [1], "right": [2, 3]}, "output": {"items": [1, 2, 3]}},
        {
            "input": {
                "left": [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}],
                "right": [{"id": 2, "b": "z"}],
                "mode": "join",
                "join": "left",
                "on": "id",
            },
            "output": {"items": [{"id": 1, "a": "x"}, {"id": 2, "a": "y", "b": "z"}]},
        },
    ),
)
NOTHING: Final[Any] = object()


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the one list."""
    left, right, mode = given["left"], given["right"], given.get("mode", "append")
    if mode == "append":
        return {"items": [*left, *right]}
    if mode == "zip":
        pairs = zip_longest(left, right, fillvalue=NOTHING)
        found = [_pair(one, other) for one, other in pairs]
        return {"items": found if given.get("unpaired") else found[: min(len(left), len(right))]}
    if "on" not in given:
        raise refuse("on: join needs the key")
    items: list[Json] = []
    for row in _joined(left, right, given["on"], given.get("join", "inner")):
        items.append(row)
        if len(items) > MOST_ROWS:
            raise too_large(f"the join gives more than {MOST_ROWS} items")
    return {"items": items}


def _pair(one: Json, other: Json) -> Json:
    """Return two objects as one, and all else as a list of two; one alone stays as it is."""
    if one is NOTHING or other is NOTHING:
        return other if one is NOTHING else one
    return {**one, **other} if is_object(one) and is_object(other) else [one, other]


def _joined(left: list[Json], right: list[Json], on: Json, join: str) -> Iterator[Json]:
    left_on, right_on = (on["left"], on["right"]) if is_object(on) else (on, on)
    partners: Rows = {}
    for index, key in enumerate(_keys(right, right_on, "right")):
        if key is not None:
            partners.setdefault(key, []).append(index)
    met: set[int] = set()
    for one, key in zip(left, _keys(left, left_on, "left"), strict=True):
        found = partners.get(key, []) if key is not None else []
        met.update(found)
        for index in found:
            yield {**one, **right[index]}
        if not found and join != "inner":
            yield one
    if join == "full":
        yield from (row for index, row in enumerate(right) if index not in met)


def _keys(rows: list[Json], on: str, side: str) -> Iterator[Hashable]:
    """Yield each row's key; None for null, which is the key of nothing."""
    value_of = pick(on, "on")
    for index, row in enumerate(rows):
        if not is_object(row):
            raise refuse(f"{side}[{index}] is {kind(row)}, not an object")
        value = value_of(row, index)
        yield None if value is None else token(value)


run = in_place(work, apart_when=asks("on"))
