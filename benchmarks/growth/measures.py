"""The measures by their names, in the order in which they are taken."""

from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple

from benchmarks.growth import (
    log,
    logs,
    partitions,
    recovery,
    replicas,
    sleepers,
    standby,
    steps,
)
from benchmarks.growth.series import Row, Shape


class Measure(NamedTuple):
    shape: Shape
    take: Callable[[], Coroutine[Any, Any, list[Row]]]


MEASURES: Final[dict[str, Measure]] = {
    "replicas": Measure(replicas.SHAPE, replicas.measure),
    "log": Measure(log.SHAPE, log.measure),
    "steps": Measure(steps.SHAPE, steps.measure),
    "sleepers": Measure(sleepers.SHAPE, sleepers.measure),
    "recovery": Measure(recovery.SHAPE, recovery.measure),
    "partitions": Measure(partitions.SHAPE, partitions.measure),
    "logs": Measure(logs.SHAPE, logs.measure),
    "standby": Measure(standby.SHAPE, standby.measure),
}
