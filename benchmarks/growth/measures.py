"""The measures by their names, in the order in which they are taken."""

from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple

from benchmarks.growth import steps
from benchmarks.growth.series import Row, Shape


class Measure(NamedTuple):
    shape: Shape
    take: Callable[[], Coroutine[Any, Any, list[Row]]]


MEASURES: Final[dict[str, Measure]] = {
    "steps": Measure(steps.SHAPE, steps.measure),
}
