"""The page about the state machine is what the decider does, and no life leaves its drawings."""

from pathlib import Path
from typing import get_args

from hypothesis import given

from mainspring.domain.execution import commands as c
from mainspring.domain.execution.state import OPEN, TERMINAL
from mainspring.testing.state_machine import (
    REQUESTS,
    RUNS,
    STEP_REQUESTS,
    STEPS,
    edges,
    page,
    toured,
)
from mainspring.testing.strategies import Life, lives, play

DOCS = Path(__file__).parents[3] / "docs"
RUN_EDGES, STEP_EDGES = toured()


def test_the_page_is_what_the_decider_does():
    assert (DOCS / "state_machine.md").read_text() == page(), (
        "run `python -m mainspring.testing.state_machine docs/state_machine.md`"
    )


def test_every_row_of_the_tables_is_in_the_status_that_it_names():
    assert {name: make().state.status for name, make in RUNS.items()} == {
        name: name.split()[0] for name in RUNS
    }
    found = {name: make().state.of("s") for name, make in STEPS.items()}
    statuses = {name: step.status if step else "absent" for name, step in found.items()}
    assert statuses == {name: name.split()[0] for name in STEPS}


def test_the_tables_have_every_status():
    assert set(RUNS) >= TERMINAL
    assert {name.split()[0] for name in STEPS} >= OPEN


def test_every_request_is_in_a_table():
    named = {type(one) for one in [*REQUESTS.values(), *STEP_REQUESTS.values()]}
    assert named | {c.DeliverCallback} >= set(get_args(c.Request))


@given(lives())
def test_no_life_takes_a_way_that_is_not_drawn(life: Life):
    runs, steps = edges(play(life))
    assert runs <= RUN_EDGES
    assert steps <= STEP_EDGES
