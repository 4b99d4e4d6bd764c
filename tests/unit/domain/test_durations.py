"""Spans of time are read in every form that people write, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.durations import LONGEST_S, duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (0, 0.0),
        (2.5, 2.5),
        ("30", 30.0),
        ("300ms", 0.3),
        ("90s", 90.0),
        ("1h30m", 5400.0),
        ("7d", 604800.0),
        ("1.5h", 5400.0),
        (" 5m ", 300.0),
        ("PT1H30M", 5400.0),
        ("P1DT0.5S", 86400.5),
        ("P2W", 1209600.0),
    ],
)
def test_a_span_is_read_as_it_is_written(text: object, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [None, True, -1, float("nan"), float("inf"), "", "-5s", "P", "PT", "P1M", "1 h", "h", []],
)
def test_what_is_no_span_is_none(text: object) -> None:
    assert duration(text) is None


def test_no_span_is_longer_than_a_hundred_years() -> None:
    assert duration(LONGEST_S) == LONGEST_S
    assert duration("36501d") is None


@given(st.text() | st.floats() | st.integers())
def test_whatever_is_read_is_a_span_or_none(value: object) -> None:
    found = duration(value)
    assert found is None or 0 <= found <= LONGEST_S
