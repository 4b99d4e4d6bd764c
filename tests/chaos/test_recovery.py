"""How soon work is back, computed from when runs ended."""

import pytest

from mainspring.testing.chaos.faults import Struck
from mainspring.testing.chaos.recovery import Pace, Recovery, table

STEADY = 10.0


def ends(*spans: tuple[float, float]) -> list[float]:
    """Ten ends a second within each of the spans."""
    return [
        since + n / STEADY for since, until in spans for n in range(round((until - since) * STEADY))
    ]


def recovery(pace: Pace, began: float, over: float, *, ended: float = 60.0) -> Recovery:
    return pace.recovery(Struck("x", began, over), began=0.0, steady=STEADY, ended=ended)


def test_work_that_never_stood_still_was_back_at_once() -> None:
    found = recovery(Pace(ends((0, 60))), 20.0, 20.0)
    assert (found.least, found.back_s, found.is_late) == (pytest.approx(1.0, abs=0.11), 0.0, False)


def test_work_is_back_when_nine_tenths_of_it_are() -> None:
    found = recovery(Pace(ends((0, 20), (25, 60))), 20.0, 20.0)
    assert found.least == 0.0
    assert found.back_s == pytest.approx(4.8, abs=0.4)
    assert not found.is_late


def test_what_takes_longer_than_it_may_is_late() -> None:
    assert recovery(Pace(ends((0, 20), (35, 60))), 20.0, 20.0).is_late


def test_recovery_is_counted_from_when_the_fault_was_over() -> None:
    found = recovery(Pace(ends((0, 20), (40, 60))), 20.0, 38.0)
    assert found.lasted_s == 18.0
    assert found.back_s == pytest.approx(1.8, abs=0.4)


def test_work_that_does_not_come_back_is_late_for_ever() -> None:
    found = recovery(Pace(ends((0, 20))), 20.0, 20.0)
    assert (found.back_s, found.is_late) == (None, True)
    assert "never" in table([found])


def test_a_backlog_that_is_worked_off_counts_as_work() -> None:
    burst = [30.0 + n / 1000 for n in range(100)]
    found = recovery(Pace([*ends((0, 20)), *burst, *ends((31, 60))]), 20.0, 25.0)
    assert found.back_s == pytest.approx(3.1, abs=0.3)
