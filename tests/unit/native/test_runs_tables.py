"""The page about what operations answer is what the decider does, in the states that it names."""

from pathlib import Path
from typing import get_args

from mainspring.testing.native_states import KINDS, RUNS, STEPS
from mainspring.testing.native_tables import page
from mainspring_api.dialects.native.runs import present
from mainspring_api.dialects.native.runs.words import RunStatus, StepWord

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_is_what_the_decider_does():
    assert (DOCS / "native_tables.md").read_text() == page(), (
        "run `python -m mainspring.testing.native_tables docs/native_tables.md`"
    )


def test_every_run_of_the_tables_is_in_the_status_that_it_names():
    found = {name: present.state(make().state).status for name, make in RUNS.items()}
    assert found == {name: name.split()[0] for name in RUNS}


def test_every_step_of_the_tables_is_in_the_status_that_it_names():
    states = {name: make().state for name, make in STEPS.items()}
    found = {name: present.step_run(x, x.step("s")) for name, x in states.items()}
    named = {name: f"{step.status} ({step.step_type})" for name, step in found.items()}
    assert named == {name: name.replace(", between two tries", "") for name in STEPS}


def test_the_tables_have_every_status_and_every_type():
    assert {name.split()[0] for name in RUNS} == set(get_args(RunStatus))
    assert {name.split()[0] for name in STEPS} == set(get_args(StepWord))
    types = {name.partition("(")[2].rstrip(")").split(",")[0] for name in STEPS}
    assert types == set(KINDS)
