"""The words for where runs and steps stand are total, and filters find what the words show."""

from collections.abc import Callable, Mapping
from typing import get_args

import pytest

from mainspring.domain.execution import commands as c
from mainspring.domain.execution.state import Status, StepStatus
from mainspring.store.views import execution_row
from mainspring.testing.native_states import RUNS, STEPS
from mainspring.testing.shapes import dag, needing, wait
from mainspring.testing.spec import START, Spec, advance, answers, given
from mainspring_api.dialects.native.runs import present
from mainspring_api.dialects.native.runs.words import (
    FILTERS,
    RunStatus,
    StepWord,
    run_status,
    step_status,
)

ENDS: Mapping[str, Callable[[Spec], Spec]] = {
    "failed": lambda spec: spec.when(c.FailStep(ref="held", now=START)).when(advance()),
    "canceled": lambda spec: spec.when(c.RequestCancel()).when(advance()),
    "timed_out": lambda spec: spec.when(advance(), at=60.0),
}


def ended(how: str, *, undo: bool) -> Spec:
    definition = dag(needing("done", undo=undo), wait("held", "key"), run_timeout=60.0)
    spec = ENDS[how](given(definition).when(advance()).when(answers("done")))
    return spec.when(answers("done", phase="down")) if undo else spec


def test_every_status_of_a_run_and_of_a_step_has_a_word():
    seen = set(get_args(Status)) - {"absent"}
    assert {run_status(status) for status in seen} | {"compensated"} == set(get_args(RunStatus))
    assert {step_status(status) for status in get_args(StepStatus)} == set(get_args(StepWord))
    assert step_status(None) == "pending"


@pytest.mark.parametrize("how", ENDS)
def test_a_run_that_was_undone_is_compensated_however_it_ended(how: str):
    assert present.state(ended(how, undo=False).state).status == how
    undone = ended(how, undo=True).state
    assert undone.status == how
    assert present.state(undone).status == "compensated"
    assert present.state(undone).error


def test_a_filter_finds_the_runs_that_show_its_word_and_no_others():
    rows = [execution_row(make().state) for make in RUNS.values()]
    rows += [execution_row(ended(how, undo=undo).state) for how in ENDS for undo in (True, False)]
    for word, asked in FILTERS.items():
        for row in rows:
            fate = "undone" if row.undone else "standing"
            is_found = bool({row.status, f"{row.status}:{fate}"} & set(asked))
            assert is_found == (run_status(row.status, undone=row.undone) == word), (word, row)


def test_a_run_that_goes_on_again_is_undone_no_more():
    spec = ended("failed", undo=True).when(c.RequestStepReset(ref="held")).when(advance())
    assert present.state(spec.state).status == "running"
    assert not execution_row(spec.state).undone


def test_a_step_has_its_id_before_it_begins_and_keeps_it():
    x = STEPS["pending (http)"]().state
    s = present.step_run(x, x.step("s"))
    assert (s.status, s.attempt, s.started_at, s.finished_at) == ("pending", 1, None, None)
    assert (s.deps_completed, s.deps_required) == (0, 1)
    begun = Spec(x, START).when(c.SkipStep(ref="gate", now=START)).when(advance()).state
    now = present.step_run(begun, begun.step("s"))
    assert (now.id, now.status, now.deps_completed) == (s.id, "running", 1)


def test_what_somebody_settled_shows_before_it_is_carried_out():
    spec = STEPS["waiting (wait_for_event)"]()
    forced = spec.when(c.CompleteStep(ref="s", result={"n": 1}, now=START)).state
    s = present.step_run(forced, forced.step("s"))
    assert (s.status, s.output) == ("completed", {"n": 1})
    after = Spec(forced, START).when(advance()).state
    assert present.step_run(after, after.step("s")) == s
