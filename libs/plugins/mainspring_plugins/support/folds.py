"""Many values made one: sums, averages, the least, the most, counts, joined texts.

Nulls are passed over, as in SQL; of no values the sum is 0 and the average, the least and the most
are null.  Whole numbers stay whole.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from mainspring.domain.message import Json
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.shapes import is_list, is_number, kind, token
from mainspring_plugins.support.texts import written

Placed: TypeAlias = tuple[str, Json]  # where it was found, and what


def fold(op: str, values: Sequence[Placed], separator: str = "") -> Json:
    """Return one value; raise `PluginFailed` with the place of the first that does not fit."""
    there = [(place, value) for place, value in values if value is not None]
    if op == "concat":
        return _joined(there, separator)
    try:
        return _finite(op, FOLDS[op](there))
    except OverflowError:
        raise refuse(f"{op}: the numbers are too large") from None


def _finite(op: str, value: Json) -> Json:
    if isinstance(value, float) and not math.isfinite(value):
        raise refuse(f"{op}: the numbers are too large")
    return value


def _numbers(values: Sequence[Placed]) -> list[int | float]:
    found: list[int | float] = []
    for place, value in values:
        if not is_number(value):
            raise refuse(f"{place}: {kind(value)} is no number")
        found.append(value)
    return found


def _average(values: Sequence[Placed]) -> Json:
    numbers = _numbers(values)
    return sum(numbers) / len(numbers) if numbers else None


def _extreme(choose: Callable[[list[Json]], Json]) -> Callable[[Sequence[Placed]], Json]:
    """Return a fold that chooses among numbers, or among texts."""

    def folded(values: Sequence[Placed]) -> Json:
        if not values:
            return None
        first = kind(values[0][1])
        for place, value in values:
            if not (is_number(value) or isinstance(value, str)):
                raise refuse(f"{place}: {kind(value)} has no order")
            if kind(value) != first:
                raise refuse(f"{place}: {kind(value)} cannot be compared with {first}")
        return choose([value for _, value in values])

    return folded


def _joined(values: Sequence[Placed], separator: str) -> Json:
    """Return lists as one list, and all else as one text."""
    if values and all(is_list(value) for _, value in values):
        return [each for _, value in values for each in value]
    return separator.join(written(value) for _, value in values)


FOLDS: Final[dict[str, Callable[[Sequence[Placed]], Json]]] = {
    "sum": lambda values: sum(_numbers(values)),
    "avg": _average,
    "min": _extreme(min),
    "max": _extreme(max),
    "count": len,
    "countDistinct": lambda values: len({token(value) for _, value in values}),
    "first": lambda values: values[0][1] if values else None,
    "last": lambda values: values[-1][1] if values else None,
}
