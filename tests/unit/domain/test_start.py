"""A run begins once, walks its path in order, and ends with the last step's output."""

import pytest

from mainspring.domain.errors import Corrupt
from mainspring.domain.execution import events as e
from mainspring.domain.execution.decide import decide
from mainspring.domain.execution.state import absent
from mainspring.testing.shapes import path, task
from mainspring.testing.spec import START, advance, answers, given, has, starts

TWO = path(task("a"), task("b"))


def test_a_requested_run_starts_and_owes_its_first_step():
    given(TWO).when(advance()).then(
        e.ExecutionStarted(at=START), e.StepScheduled(ref="a", token="t", at=START)
    ).then_is("running")


def test_advancing_a_started_run_again_decides_nothing():
    given(TWO).when(advance()).when(advance()).then_nothing()


def test_steps_follow_one_another_and_the_last_output_is_the_runs():
    (
        given(TWO)
        .when(advance())
        .when(answers("a", 200, {"id": 1}))
        .then(
            has(e.StepStarted, ref="a", attempt=1),
            has(e.StepSucceeded, ref="a", output={"id": 1}),
            has(e.StepScheduled, ref="b"),
        )
        .when(answers("b", 201, "done"))
        .then(
            has(e.StepStarted, ref="b"),
            has(e.StepSucceeded, ref="b", output="done"),
            e.ExecutionSucceeded(result="b", at=START),
        )
        .then_is("succeeded", result="b", finished_at=START)
    )


def test_a_step_that_was_announced_is_not_started_twice():
    (
        given(TWO)
        .when(advance())
        .when(starts("a"))
        .then(has(e.StepStarted, ref="a"))
        .when(answers("a"))
        .then(has(e.StepSucceeded, ref="a"), has(e.StepScheduled, ref="b"))
    )


def test_an_entrypoint_in_the_middle_is_where_the_run_begins():
    definition = path(task("a"), task("b"), entrypoint="b")
    given(definition).when(advance()).then_has(has(e.StepScheduled, ref="b"))


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_status_of_the_success_set_is_a_success(status: int):
    given(TWO).when(advance()).when(answers("a", status)).then_has(has(e.StepSucceeded, ref="a"))


@pytest.mark.parametrize("status", [204, 302, 404, 500])
def test_any_other_status_is_a_failure_and_without_policy_the_last_one(status: int):
    (
        given(TWO)
        .when(advance())
        .when(answers("a", status))
        .then_has(
            has(e.StepFailed, ref="a", fault="status", retry_at=None),
            has(e.ExecutionFailed, reason=f"node=a status={status}"),
        )
    )


def test_a_stream_without_its_first_event_is_corrupt():
    with pytest.raises(Corrupt):
        decide(advance()(absent("x", TWO), START), absent("x", TWO))
