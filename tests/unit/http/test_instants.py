"""Instants on the wire: whatever could be asked for can be shown."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.http.instants import shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.000Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00.000Z"),
        ("2026-03-29T02:30:00.250+01:00", "2026-03-29T01:30:00.250Z"),
    ],
)
def test_what_a_zone_leads_out_of_the_calendar_is_shown_as_its_end(text: str, said: str) -> None:
    assert shown(datetime.fromisoformat(text).timestamp()) == said


@given(st.floats(allow_nan=False))
def test_every_number_can_be_shown(at: float) -> None:
    said = shown(at)
    assert said.endswith("Z")
    assert len(said) == len("2026-03-29T01:30:00.250Z")
