"""When schedules fall due: patterns, both changes of clocks, and what was missed."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.calendar import (
    NICKNAMES,
    cron_fault,
    cron_faults,
    newest,
    next_cron,
    zone_fault,
)

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def shown(pattern: str, zone: str, after: str, most: int) -> list[str]:
    """Return the first instants after one, as a clock in the zone shows them."""
    at, found = datetime.fromisoformat(after).timestamp(), list[str]()
    for _ in range(most):
        following = next_cron(pattern, zone, at)
        assert following is not None
        at = following
        found.append(datetime.fromtimestamp(at, ZoneInfo(zone)).strftime("%d %H:%M %z"))
    return found


@pytest.mark.parametrize(
    ("zone", "before", "pattern", "first"),
    [
        (BERLIN, "2026-03-28T12:00+01:00", "30 2 * * *", "29 03:00 +0200"),
        (BERLIN, "2026-03-28T12:00+01:00", "0 3 * * *", "29 03:00 +0200"),
        (NEW_YORK, "2026-03-07T12:00-05:00", "30 2 * * *", "08 03:00 -0400"),
        (LORD_HOWE, "2026-10-03T12:00+10:30", "15 2 * * *", "04 02:30 +1100"),
    ],
)
def test_a_time_that_does_not_exist_fires_at_the_first_instant_after_the_gap(
    zone: str, before: str, pattern: str, first: str
) -> None:
    found = shown(pattern, zone, before, 2)
    assert found[0] == first
    assert found[1][:2] == f"{int(first[:2]) + 1:02}"


@pytest.mark.parametrize(
    ("zone", "before", "pattern", "found"),
    [
        (
            BERLIN,
            "2026-10-24T12:00+02:00",
            "30 2 * * *",
            ["25 02:30 +0200", "26 02:30 +0100"],
        ),
        (
            NEW_YORK,
            "2026-10-31T12:00-04:00",
            "30 1 * * *",
            ["01 01:30 -0400", "02 01:30 -0500"],
        ),
        (
            LORD_HOWE,
            "2026-04-04T12:00+11:00",
            "45 1 * * *",
            ["05 01:45 +1100", "06 01:45 +1030"],
        ),
    ],
)
def test_a_time_that_exists_twice_fires_the_first_time_alone(
    zone: str, before: str, pattern: str, found: list[str]
) -> None:
    assert shown(pattern, zone, before, 2) == found


def test_who_looks_between_the_two_times_waits_for_the_next_day() -> None:
    assert shown("30 2 * * *", BERLIN, "2026-10-25T02:10+01:00", 1) == ["26 02:30 +0100"]


def test_hourly_patterns_follow_elapsed_time_when_the_clock_goes_forward() -> None:
    found = shown("0 * * * *", BERLIN, "2026-03-29T00:30+01:00", 3)
    assert found == ["29 01:00 +0100", "29 03:00 +0200", "29 04:00 +0200"]


def test_hourly_patterns_follow_elapsed_time_when_the_clock_goes_back() -> None:
    found = shown("*/30 * * * *", BERLIN, "2026-10-25T01:45+02:00", 5)
    assert found == [
        "25 02:00 +0200",
        "25 02:30 +0200",
        "25 02:00 +0100",
        "25 02:30 +0100",
        "25 03:00 +0100",
    ]


def test_half_an_hour_is_repeated_where_the_clock_goes_back_by_it() -> None:
    found = shown("*/15 * * * *", LORD_HOWE, "2026-04-05T01:20+11:00", 5)
    assert found == [
        "05 01:30 +1100",
        "05 01:45 +1100",
        "05 01:30 +1030",
        "05 01:45 +1030",
        "05 02:00 +1030",
    ]
    assert shown("*/10 2 * * *", LORD_HOWE, "2026-04-05T01:20+11:00", 2) == [
        "05 02:00 +1030",
        "05 02:10 +1030",
    ]


def test_several_times_in_one_gap_fire_once() -> None:
    found = shown("0,30 2,3 * * *", BERLIN, "2026-03-28T12:00+01:00", 3)
    assert found == ["29 03:00 +0200", "29 03:30 +0200", "30 02:00 +0200"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("0 12 L * *", ["31 12:00 +0000", "28 12:00 +0000"]),
        ("0 12 * * 5L", ["30 12:00 +0000", "27 12:00 +0000"]),
        ("0 12 * * FRI#2", ["09 12:00 +0000", "13 12:00 +0000"]),
        ("15/20 9 1 jan-mar *", ["01 09:15 +0000", "01 09:35 +0000"]),
        ("0 0 1,15 * MON", ["05 00:00 +0000", "12 00:00 +0000"]),
        ("@monthly", ["01 00:00 +0000", "01 00:00 +0000"]),
    ],
)
def test_the_words_of_a_pattern(pattern: str, found: list[str]) -> None:
    assert shown(pattern, "UTC", "2026-01-01T01:00+00:00", 2) == found


def test_every_nickname_is_a_pattern() -> None:
    for name, pattern in NICKNAMES.items():
        assert cron_fault(name) is None
        assert next_cron(name.upper(), BERLIN, 1.8e9) == next_cron(pattern, BERLIN, 1.8e9)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "@soon",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "0 0 30 2 *",
        "\u0663 * * * *",
        "* * * * \u0663L",
        "0 0 31 2,4 *",
        "* * * * *" + " " * 300,
        "1,,2 * * * *",
        "a b c d e",
    ],
)
def test_what_is_no_pattern_is_told(pattern: str) -> None:
    assert cron_fault(pattern)


def test_all_that_is_wrong_with_a_pattern_is_told() -> None:
    assert cron_faults("60,5 25 L,32 foo MON-XX") == [
        '"60" is no minute from 0 to 59',
        '"25" is no hour from 0 to 23',
        '"32" is no day of month from 1 to 31',
        '"foo" is no month from 1 to 12',
        '"MON-XX" is no day of week from 0 to 7',
    ]


@pytest.mark.parametrize("name", ["", "Mars/Base", "../../etc/passwd", "/etc", "UTC\0", "a" * 999])
def test_what_is_no_zone_is_told(name: str) -> None:
    assert zone_fault(name)
    assert zone_fault(BERLIN) is None


FIELDS = st.tuples(
    st.sampled_from(["*", "*/7", "0", "0,30", "15-45/10", "59"]),
    st.sampled_from(["*", "*/2", "1-3", "2", "0", "23"]),
    st.sampled_from(["*", "1", "25-31", "L"]),
    st.sampled_from(["*", "3,4,10,11"]),
    st.sampled_from(["*", "SUN", "SUN#1", "7L"]),
)
AROUND = [
    datetime(2026, 3, 29, tzinfo=UTC).timestamp(),
    datetime(2026, 10, 25, tzinfo=UTC).timestamp(),
    datetime(2026, 3, 8, 6, tzinfo=UTC).timestamp(),
    datetime(2026, 11, 1, 5, tzinfo=UTC).timestamp(),
    datetime(2026, 4, 4, 14, tzinfo=UTC).timestamp(),
    datetime(2026, 10, 3, 15, tzinfo=UTC).timestamp(),
]


@given(
    FIELDS.map(" ".join),
    st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE]),
    st.sampled_from(AROUND),
    st.integers(-7200, 7200),
)
def test_instants_strictly_increase_and_none_is_found_only_by_some(
    pattern: str, zone: str, around: float, off: int
) -> None:
    at: float | None = around + off
    found = list[float]()
    for _ in range(12):
        at = next_cron(pattern, zone, at) if at is not None else None
        if at is not None:
            found.append(at)
    assert found == sorted(set(found))
    for instant, following in pairwise(found):
        # Whoever looks from anywhere between the two finds the same one.
        assert next_cron(pattern, zone, (instant + following) / 2) == following
        assert next_cron(pattern, zone, following - 0.001) == following


@given(st.integers(1, 5000), st.integers(1, 40), st.integers(0, 100_000))
def test_the_newest_of_a_span_are_those_that_all_of_it_ends_with(
    step: int, most: int, length: int
) -> None:
    def following(after: float) -> float:
        return (after // step + 1) * step

    every = [float(at) for at in range(step, 7 + length + 1, step) if at > 7]
    found = newest(following, 7.0, 7.0 + length, most=most, span=60.0)
    assert list(found.instants) == every[-most:]
    assert found.left_out == (len(every) > most)
