"""A pause holds back what is new; what is in flight finishes, timers take effect at resume."""

import pytest

from mainspring.domain.errors import IllegalTransition
from mainspring.domain.execution import events as e
from mainspring.domain.execution.commands import (
    RequestCancel,
    RequestPause,
    RequestResume,
    RequestRetry,
)
from mainspring.domain.execution.outlook import Outlook, outlook, timer_of
from mainspring.testing.shapes import again, path, sleep, task
from mainspring.testing.spec import Spec, advance, answers, given, has

PAUSE, RESUME = RequestPause(), RequestResume()
TWO = path(task("a"), task("b"), retry=again(2, delay=5.0))


def paused() -> Spec:
    return given(TWO).when(advance()).when(PAUSE).then(e.PauseRequested()).then_is("paused")


def test_a_pause_asked_for_twice_is_one():
    paused().when(PAUSE).then_nothing()


def test_what_is_in_flight_finishes_and_nothing_follows():
    spec = paused().when(answers("a")).then(has(e.StepStarted), has(e.StepSucceeded, ref="a"))
    spec.when(advance()).then_nothing().then_is("paused")


def test_what_the_pause_held_back_follows_at_resume():
    spec = paused().when(answers("a")).when(RESUME).then(e.ResumeRequested()).then_is("running")
    spec.when(advance()).then(has(e.ExecutionResumed), has(e.StepScheduled, ref="b"))


def test_a_retry_that_falls_due_while_paused_is_made_at_resume():
    spec = paused().when(answers("a", 500)).when(advance(), at=9.0).then_nothing()
    spec.when(RESUME, at=9.0).when(advance(), at=9.0).then(
        has(e.ExecutionResumed), has(e.StepScheduled, ref="a", attempt=2)
    )


def test_a_sleep_that_falls_due_while_paused_ends_at_resume():
    spec = given(path(sleep("s", 5.0), task("a"))).when(advance()).when(PAUSE)
    spec = spec.when(advance(), at=9.0).then_nothing().when(RESUME, at=9.0)
    spec.when(advance(), at=9.0).then_has(has(e.StepSucceeded, ref="s"), has(e.StepScheduled))


def test_a_sleep_that_is_not_due_goes_on_after_a_resume():
    spec = given(path(sleep("s", 5.0), task("a"))).when(advance()).when(PAUSE).when(RESUME, at=1.0)
    spec.when(advance(), at=4.9).then(has(e.ExecutionResumed)).step_is("s", "sleeping")


def test_a_run_can_be_paused_before_it_begins():
    spec = given(TWO).when(PAUSE).then_is("paused").when(advance()).then_nothing()
    spec.when(RESUME).then_is("pending").when(advance()).then(
        has(e.ExecutionResumed), has(e.ExecutionStarted), has(e.StepScheduled)
    )


def test_a_paused_run_waits_for_a_person_and_has_no_timer():
    spec = paused().when(answers("a", 500))
    assert outlook(spec.state) == Outlook("resume", None)
    assert timer_of(spec.state, spec.state.of("a")) is None


@pytest.mark.parametrize("begun", [False, True])
def test_nothing_is_left_to_decide_in_a_paused_run(begun: bool):
    spec = given(TWO)
    spec = (spec.when(advance()) if begun else spec).when(PAUSE)
    assert spec.state.handled == spec.state.version


def test_a_run_that_is_not_paused_refuses_a_resume():
    given(TWO).when(advance()).when(RESUME).then_raises(IllegalTransition, "running")
    paused().when(RESUME).when(RESUME).then_raises(IllegalTransition, "running")


def test_a_run_that_has_ended_or_is_being_undone_refuses_a_pause():
    over = given(path(task("a"))).when(advance()).when(answers("a"))
    over.when(PAUSE).then_raises(IllegalTransition, "succeeded")
    undoing = given(path(task("a", undo=True), task("b"))).when(advance()).when(answers("a"))
    undoing.when(answers("b", 500)).when(PAUSE).then_raises(IllegalTransition, "unwinding")


def test_a_step_that_fails_for_good_while_paused_fails_the_run_at_resume():
    spec = given(path(task("a"))).when(advance()).when(PAUSE).when(answers("a", 500))
    spec.then_is("paused").when(RESUME).when(advance()).then_has(has(e.ExecutionFailed))


def test_a_paused_run_that_is_resumed_and_paused_at_once_holds_back_still():
    spec = paused().when(answers("a")).when(RESUME).when(PAUSE).when(advance())
    spec.then_not(e.StepScheduled).then_is("paused")


def test_a_paused_run_that_is_canceled_is_wound_up():
    spec = paused().when(RequestCancel()).when(answers("a")).then_has(has(e.ExecutionCanceled))
    spec.then_is("canceled", paused=False)


def test_a_pause_holds_back_a_retry_of_the_run():
    spec = given(path(task("a"))).when(advance()).when(answers("a", 500)).when(RequestRetry())
    spec = spec.when(PAUSE).when(advance()).then_nothing().then_is("paused")
    spec.when(RESUME).when(advance()).then_has(
        has(e.ExecutionReopened), has(e.StepScheduled, ref="a", attempt=2)
    ).then_is("running")
