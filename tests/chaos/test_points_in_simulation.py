"""The simulation comes by the named points too: who dies between two calls dies at one of them."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from mainspring.runtime import crash
from mainspring.testing.simulation.campaign import loaded
from mainspring.testing.simulation.run import Kind, simulate

COMMON: Final = {
    "advance.decided",
    "engine.asked",
    "engine.started",
    "executor.answered",
    "executor.reported",
}
"""What every history of some length comes by; the others belong to some dialects alone."""


@pytest.fixture
def passed() -> Iterator[Counter[str]]:
    found: Counter[str] = Counter()
    crash.arm(lambda point: found.update([point]))
    yield found
    crash.arm(None)


@pytest.mark.parametrize("kind", ["sagas", "native"])
def test_histories_come_by_the_named_points(passed: Counter[str], kind: Kind) -> None:
    history = simulate(1, loaded(), kind)
    assert passed.keys() >= COMMON
    assert passed.keys() <= crash.POINTS.keys()
    crash.arm(None)
    assert simulate(1, loaded(), kind).digest() == history.digest(), "a point has changed a history"
