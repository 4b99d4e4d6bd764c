"""The dialect's words for states, and what the views are asked for to find them."""

from itertools import product
from typing import get_args

import pytest

from mainspring.domain.execution.outlook import Reason
from mainspring.domain.execution.state import Status
from mainspring.domain.rows import ExecutionRow
from mainspring.http.instants import shown
from mainspring_api.dialects.sagas import present, wire

STATES = [status for status in get_args(Status) if status != "absent"]


def row(status: str, waiting_for: str | None) -> ExecutionRow:
    return ExecutionRow(
        id="id",
        project="p",
        partition=0,
        definition="d",
        dialect="sagas",
        name="n",
        version="v",
        status=status,
        stream_version=1,
        handled_version=1,
        created_at=1.0,
        updated_at=1.0,
        waiting_for=waiting_for,
    )


def test_every_word_is_one_of_the_dialects_and_can_be_asked_for() -> None:
    assert set(present.FILTERS) == set(get_args(wire.StatusWord))


@pytest.mark.parametrize(
    ("status", "reason"), [*product(STATES, get_args(Reason)), *((s, None) for s in STATES)]
)
def test_a_list_by_status_finds_what_shows_that_status(status: str, reason: str | None) -> None:
    if status == "running" and reason is None:
        return  # a running execution always waits for something
    word = present.status(row(status, reason))
    found = {
        each
        for each, asked in present.FILTERS.items()
        if status in asked or f"{status}:{reason}" in asked
    }
    assert found == {word}


def test_instants_have_milliseconds_and_a_zone() -> None:
    assert shown(0.0) == "1970-01-01T00:00:00.000Z"
    assert shown(1893456000.1239) == "2030-01-01T00:00:00.123Z"
    assert shown(None) is None
