"""The end of a run is told once by its hook, and a run that takes too long is ended."""

import pytest

from mainspring.domain.execution import events as e
from mainspring.domain.execution.commands import (
    RequestCancel,
    RequestPause,
    RequestResume,
    RequestRetry,
)
from mainspring.domain.execution.outlook import Outlook, outlook
from mainspring.testing.shapes import again, call, path, sleep, task
from mainspring.testing.spec import START, Spec, advance, answers, given, has

HOOKS = {"on_success": call("hook", "good"), "on_failure": call("hook", "bad")}
RETRY = RequestRetry()


def ended(status: int, **fields: object) -> Spec:
    return given(path(task("a"), **HOOKS, **fields)).when(advance()).when(answers("a", status))


def test_a_success_is_told_after_the_end():
    ended(200).then(
        has(e.StepStarted),
        has(e.StepSucceeded, ref="a"),
        has(e.ExecutionSucceeded),
        has(e.StepScheduled, ref="on_success", phase="hook"),
    )


def test_a_failure_is_told_after_the_end():
    ended(500).then_has(has(e.ExecutionFailed), has(e.StepScheduled, ref="on_failure"))


def test_a_corrupted_end_is_told_as_a_failure():
    spec = given(path(task("a", undo=True), task("b"), **HOOKS)).when(advance())
    spec = spec.when(answers("a")).when(answers("b", 500)).then_not(e.ExecutionFailed)
    spec.when(answers("a", 500, phase="down")).then_has(
        has(e.ExecutionCorrupted), has(e.StepScheduled, ref="on_failure", phase="hook")
    )


def test_a_cancel_is_told_to_nobody():
    spec = given(path(task("a"), **HOOKS)).when(RequestCancel()).when(advance())
    spec.then(has(e.ExecutionCanceled)).when(advance()).then_nothing()


def test_a_run_without_hooks_tells_nobody_and_waits_for_nothing():
    spec = given(path(task("a"))).when(advance()).when(answers("a"))
    assert outlook(spec.state) == Outlook(None, None)
    spec.when(advance()).then_nothing()


def test_a_run_that_owes_a_notice_has_a_reason_and_a_wake_up():
    waiting, wake_at = outlook(ended(200).state)
    assert waiting == "task"
    assert wake_at is not None


def test_a_notice_that_arrived_leaves_nothing_to_do():
    spec = ended(200).when(answers("on_success", phase="hook"))
    spec.then(has(e.StepStarted), has(e.StepSucceeded, phase="hook"))
    spec.when(advance()).then_nothing().then_is("succeeded", warning=None)
    assert outlook(spec.state) == Outlook(None, None)


def test_a_notice_has_the_policy_and_its_failure_is_a_warning_that_changes_no_result():
    spec = ended(200, retry=again(1, delay=2.0)).when(answers("on_success", 500, phase="hook"))
    spec = spec.then(has(e.StepStarted), has(e.StepFailed, retry_at=START + 2))
    spec = spec.when(advance(), at=2.0).then(has(e.StepScheduled, phase="hook", attempt=2))
    spec = spec.when(answers("on_success", 503, phase="hook"), at=2.0)
    spec.then_is("succeeded", warning="on_success: node=on_success status=503")
    spec.when(advance(), at=99.0).then_nothing()


def test_each_end_is_told_once():
    spec = ended(500).when(answers("on_failure", phase="hook")).when(RETRY, at=1.0)
    spec = spec.when(advance(), at=1.0).when(answers("a", 500), at=1.0)
    spec = spec.then_has(has(e.StepScheduled, ref="on_failure", phase="hook", visit=2))
    spec.when(advance(), at=1.0).then_nothing()


def test_two_ends_at_one_instant_are_told_both():
    spec = ended(500).when(answers("on_failure", phase="hook")).when(RETRY).when(advance())
    spec.when(answers("a", 500)).then_has(has(e.StepScheduled, ref="on_failure", visit=2))


@pytest.mark.parametrize("status", [None, 500])
def test_a_run_that_goes_on_takes_back_a_notice_that_was_not_told_yet(status: int | None):
    spec = ended(500, retry=again(1, delay=50.0))
    spec = spec.when(advance(), at=50.0).when(answers("a", 500), at=50.0).then_is("failed")
    if status is not None:
        spec = spec.when(answers("on_failure", status, phase="hook"), at=50.0)
    spec = spec.when(RETRY, at=51.0).when(advance(), at=51.0)
    spec = spec.then(
        has(e.ExecutionReopened),
        has(e.StepCanceled, ref="on_failure", phase="hook"),
        has(e.StepReset, ref="a"),
        has(e.StepScheduled, ref="a"),
    )
    spec = spec.when(answers("a", 500), at=51.0).when(advance(), at=101.0)
    spec = spec.when(answers("a", 500), at=101.0).then_has(
        has(e.ExecutionFailed),
        has(e.StepScheduled, ref="on_failure", phase="hook", visit=2, attempt=1),
    )
    assert len(spec.events) < 10
    spec.when(advance(), at=101.0).then_nothing()


def test_a_warning_does_not_outlive_the_end_that_it_speaks_of():
    spec = ended(500).when(answers("on_failure", 500, phase="hook"))
    assert spec.state.warning
    spec.when(RETRY, at=1.0).when(advance(), at=1.0).then_is("running", warning=None)


def test_a_run_that_takes_too_long_is_ended_and_undone():
    definition = path(task("a", undo=True), sleep("s", 99.0), run_timeout=10.0, **HOOKS)
    spec = given(definition).when(advance()).when(answers("a"))
    assert outlook(spec.state) == Outlook("sleep", START + 10)
    spec = spec.when(advance(), at=9.9).then_nothing().when(advance(), at=10.0)
    spec = spec.then(
        has(e.UnwindingStarted, outcome="timed_out", reason="it took longer than 10 s"),
        has(e.StepCanceled, ref="s"),
        has(e.StepScheduled, ref="a", phase="down"),
    )
    spec.when(answers("a", phase="down"), at=11.0).then_has(
        has(e.ExecutionTimedOut), has(e.StepScheduled, ref="on_failure", phase="hook")
    ).then_is("timed_out")


def test_a_paused_run_is_not_timed_out_before_its_resume():
    spec = given(path(sleep("s", 99.0), run_timeout=10.0)).when(advance()).when(RequestPause())
    spec = spec.when(advance(), at=20.0).then_nothing().when(RequestResume(), at=20.0)
    spec.when(advance(), at=20.0).then_has(has(e.ExecutionTimedOut))


def test_a_run_that_goes_on_after_a_retry_has_its_whole_time_again():
    spec = given(path(task("a"), run_timeout=10.0)).when(advance()).when(answers("a", 500))
    spec = spec.then_is("failed").when(RETRY, at=60.0).when(advance(), at=60.0)
    spec = spec.then_has(has(e.StepScheduled, ref="a")).when(advance(), at=69.0).then_nothing()
    assert outlook(spec.state).wake_at == START + 70
    spec.when(advance(), at=70.0).then(has(e.UnwindingStarted, outcome="timed_out"))
