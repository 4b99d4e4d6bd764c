"""A report counts once, for the attempt that is in flight; any other changes nothing."""

import pytest

from mainspring.domain.execution import events as e
from mainspring.domain.execution.commands import RequestPause
from mainspring.domain.execution.steps import LISTEN, MOST_REDISPATCHES
from mainspring.domain.task import Fault
from mainspring.testing.shapes import again, path, sleep, task
from mainspring.testing.spec import Spec, advance, answers, breaks, given, has, starts

RETRIED = path(task("a"), task("b"), retry=again(1, delay=5.0))
UNHEARD = LISTEN + 30.0 + 5.0


def running() -> Spec:
    return given(RETRIED).when(advance())


def test_a_repeated_result_changes_nothing():
    running().when(answers("a")).when(answers("a")).then_nothing()


def test_a_late_result_of_an_earlier_attempt_changes_nothing():
    again_tried = running().when(answers("a", 500)).when(advance(), at=5.0)
    again_tried.then(has(e.StepScheduled, ref="a", attempt=2))
    again_tried.when(answers("a", 200, attempt=1)).then_nothing()
    again_tried.when(answers("a", 500, attempt=1)).then_nothing()


def test_a_late_start_of_a_finished_step_changes_nothing():
    running().when(answers("a")).when(starts("a", attempt=1)).then_nothing()


def test_a_report_on_a_step_that_waits_for_its_retry_changes_nothing():
    running().when(answers("a", 500)).when(answers("a", 200)).then_nothing()


def test_a_report_on_a_visit_of_the_future_changes_nothing():
    running().when(answers("a", 200, visit=2)).then_nothing()


def test_a_report_on_a_step_that_never_began_changes_nothing():
    running().when(answers("b", 200)).then_nothing()


def test_a_report_after_the_end_changes_nothing():
    over = running().when(answers("a")).when(answers("b"))
    over.then_is("succeeded").when(answers("b", 500)).then_nothing()


NO_ANSWERS: list[Fault] = ["timeout", "connection", "too_large", "internal", "lost"]
HOPELESS: list[Fault] = ["template", "refused"]


@pytest.mark.parametrize("fault", NO_ANSWERS)
def test_a_call_without_an_answer_is_a_failed_attempt(fault: Fault):
    running().when(breaks("a", fault)).then_has(
        has(e.StepFailed, ref="a", fault=fault, reason=f"node=a error=no answer: {fault}")
    ).step_is("a", "retrying")


@pytest.mark.parametrize("fault", HOPELESS)
def test_what_can_never_work_is_not_tried_again(fault: Fault):
    running().when(breaks("a", fault)).then_has(
        has(e.StepFailed, fault=fault, retry_at=None), has(e.ExecutionFailed)
    )


def test_an_attempt_that_nobody_reports_on_is_handed_out_again_and_still_counts_as_itself():
    (
        running()
        .when(advance(), at=UNHEARD - 0.001)
        .then_nothing()
        .when(advance(), at=UNHEARD)
        .then(has(e.StepRedispatched, ref="a", attempt=1))
        .step_is("a", "scheduled", redispatches=1)
        .when(answers("a", 200, attempt=1), at=UNHEARD + 1)
        .then_has(has(e.StepSucceeded, ref="a", attempt=1))
    )


def test_an_attempt_that_is_never_heard_of_is_lost_and_tried_again_by_the_policy():
    spec = running()
    for time in range(1, MOST_REDISPATCHES + 1):
        spec = spec.when(advance(), at=UNHEARD * time).then(has(e.StepRedispatched))
    end = UNHEARD * (MOST_REDISPATCHES + 1)
    spec.when(advance(), at=end).then(has(e.StepFailed, ref="a", fault="lost")).step_is(
        "a", "retrying", redispatches=MOST_REDISPATCHES
    ).when(advance(), at=end + 5).then(has(e.StepScheduled, attempt=2)).step_is(
        "a", "scheduled", redispatches=0
    )


def test_what_was_handed_out_before_the_broker_lost_it_is_handed_out_again_once():
    lost = advance(lost_before=running().now + 1)
    (
        running()
        .when(lost, at=2.0)
        .then(has(e.StepRedispatched, ref="a", attempt=1))
        .when(lost, at=2.0)
        .then_nothing()
    )


def test_a_broker_that_lost_its_queues_disturbs_nothing_that_only_waits():
    asleep = given(path(sleep("s"), task("a"))).when(advance())
    asleep.when(advance(lost_before=asleep.now + 5), at=6.0).then_nothing()


def test_a_paused_run_still_hands_out_again_what_the_broker_lost():
    paused = running().when(RequestPause()).then_is("paused")
    paused.when(advance(lost_before=paused.now + 1), at=2.0).then(has(e.StepRedispatched))
