"""A cancel stops forward work wherever it is, awaits what is in flight, and undoes."""

import pytest

from mainspring.domain.errors import IllegalTransition
from mainspring.domain.execution import events as e
from mainspring.domain.execution.commands import (
    RequestCancel,
    RequestPause,
    RequestResume,
    RequestRetry,
)
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.react import StopAttempts, react
from mainspring.testing.shapes import again, later, path, sleep, task
from mainspring.testing.spec import Spec, advance, answers, breaks, given, has

CANCEL = RequestCancel(reason="changed my mind")
TWO = path(task("a", undo=True), task("b", undo=True), retry=again(2, delay=50.0))


def running() -> Spec:
    return given(TWO).when(advance()).when(answers("a"))


def test_a_run_that_has_not_begun_is_canceled_at_once():
    given(TWO).when(CANCEL).then(e.CancelRequested(reason="changed my mind")).when(advance()).then(
        has(e.ExecutionCanceled, reason="changed my mind")
    )


def test_a_cancel_asked_for_twice_is_one():
    running().when(CANCEL).when(CANCEL).then_nothing()
    running().when(CANCEL).when(advance()).then_is("unwinding").when(CANCEL).then_nothing()


def test_what_is_in_flight_is_awaited_and_undone_too_if_it_succeeds():
    spec = running().when(CANCEL).when(advance()).then(has(e.UnwindingStarted, outcome="canceled"))
    spec = spec.when(answers("b")).then_has(
        has(e.StepSucceeded, ref="b"), has(e.StepScheduled, ref="b", phase="down")
    )
    spec = spec.when(answers("b", phase="down")).when(answers("a", phase="down"))
    spec.then_has(has(e.ExecutionCanceled)).then_is("canceled", reason="changed my mind")


def test_what_is_in_flight_and_fails_is_not_tried_again():
    spec = running().when(CANCEL).when(advance()).when(answers("b", 500))
    spec.then_has(
        has(e.StepFailed, ref="b", retry_at=None), has(e.StepScheduled, ref="a", phase="down")
    )


def test_what_an_executor_stopped_is_canceled():
    spec = running().when(CANCEL).when(advance()).when(breaks("b", "canceled"))
    spec.then_has(has(e.StepCanceled, ref="b"), has(e.StepScheduled, ref="a", phase="down"))


def test_executors_are_told_to_stop_by_a_cancel_and_not_by_a_failure():
    canceled = running().when(CANCEL).when(advance())
    assert [react(event, canceled.state) for event in canceled.events] == [
        [StopAttempts(execution=canceled.state.id)]
    ]
    failing = running().when(advance()).state
    event = e.UnwindingStarted(outcome="failed", reason="", at=0.0)
    assert react(event, failing) == []


def test_what_waits_for_its_retry_is_closed():
    spec = running().when(answers("b", 500)).step_is("b", "retrying").when(CANCEL)
    spec.when(advance()).then(
        has(e.UnwindingStarted),
        has(e.StepCanceled, ref="b"),
        has(e.StepScheduled, ref="a", phase="down"),
    )


def test_a_retry_that_is_due_at_the_cancel_is_not_made():
    spec = running().when(answers("b", 500)).when(CANCEL).when(advance(), at=50.0)
    spec.then_has(has(e.StepCanceled, ref="b")).then_has(has(e.StepScheduled, phase="down"))


def test_a_cancel_outruns_the_next_step():
    spec = given(TWO).when(advance()).when(CANCEL).when(answers("a"))
    spec.then(
        has(e.StepStarted),
        has(e.StepSucceeded, ref="a"),
        has(e.UnwindingStarted),
        has(e.StepScheduled, ref="a", phase="down"),
    )


def test_a_cancel_while_paused_ends_the_pause():
    spec = running().when(RequestPause()).when(CANCEL).then_is("running", paused=False)
    spec.when(advance()).then(has(e.UnwindingStarted, outcome="canceled"))


def test_a_cancel_while_paused_before_the_beginning_ends_the_run():
    spec = given(TWO).when(RequestPause()).when(CANCEL).then_is("pending").when(advance())
    spec.then(has(e.ExecutionCanceled))


def test_a_run_that_is_being_canceled_refuses_a_pause():
    running().when(CANCEL).when(RequestPause()).then_raises(IllegalTransition, "cancel")


def test_a_run_that_fails_already_refuses_a_cancel():
    spec = running().when(breaks("b", "refused")).then_is("unwinding")
    spec.when(CANCEL).then_raises(IllegalTransition, "compensated")


@pytest.mark.parametrize("status", [200, 500])
def test_a_run_that_has_ended_refuses_a_cancel(status: int):
    spec = given(path(task("a"))).when(advance()).when(answers("a", status))
    spec.when(CANCEL).then_raises(IllegalTransition, spec.state.status)


def test_a_canceled_run_refuses_a_retry():
    spec = given(TWO).when(CANCEL).when(advance())
    spec.when(RequestRetry()).then_raises(IllegalTransition, "canceled")


def test_a_cancel_that_cannot_undo_all_ends_corrupted_and_a_retry_ends_canceled():
    spec = given(path(task("a", undo=True), sleep("s"))).when(advance()).when(answers("a"))
    spec = spec.when(CANCEL).when(advance()).when(answers("a", 500, phase="down"))
    spec = spec.then_is("corrupted").when(RequestRetry()).when(advance())
    spec.when(answers("a", phase="down")).then_is("canceled")


def test_a_cancel_after_a_retry_was_asked_for_still_stops_the_run():
    spec = given(path(task("a"))).when(advance()).when(answers("a", 500)).when(RequestRetry())
    spec.when(CANCEL).then(has(e.CancelRequested)).when(advance()).then_has(
        has(e.ExecutionCanceled)
    ).then_not(e.StepScheduled)


@pytest.mark.parametrize("kind", ["sleep", "callback"])
def test_waiting_steps_are_closed_at_once(kind: str):
    step = sleep("w") if kind == "sleep" else later("w")
    spec = given(path(step)).when(advance())
    spec = spec if kind == "sleep" else spec.when(answers("w", 202))
    spec.when(CANCEL).when(advance()).then(
        has(e.UnwindingStarted), has(e.StepCanceled, ref="w"), has(e.ExecutionCanceled)
    )


def test_a_run_that_is_wound_up_moves_by_itself_after_any_order_of_requests():
    spec = running().when(RequestPause()).when(RequestResume()).when(CANCEL).when(advance())
    spec.then_is("unwinding", paused=False)
    assert outlook(spec.state).wake_at is not None
