"""An asynchronous call is accepted first and answered later, once, by whoever holds its nonce."""

import pytest

from mainspring.domain.errors import Expired, IllegalTransition, NotFound
from mainspring.domain.execution import events as e
from mainspring.domain.execution.commands import RequestCancel, RequestPause, RequestResume
from mainspring.domain.execution.steps import LISTEN
from mainspring.domain.task import Fault
from mainspring.testing.shapes import again, later, path, task
from mainspring.testing.spec import START, Spec, advance, answers, breaks, calls_back, given, has

SAYS_OK = {"==": [{"var": "callback.body.state"}, "ok"]}
SAYS_BAD = {"==": [{"var": "callback.body.state"}, "bad"]}


def called(**fields: object) -> Spec:
    return given(path(later("a", timeout=60.0, **fields), task("b"))).when(advance())


def accepted(**fields: object) -> Spec:
    return called(**fields).when(answers("a", 202))


def test_an_attempt_has_a_nonce_of_its_own():
    spec = called(retry=again(1, delay=0.0))
    first = spec.state.of("a")
    assert first is not None
    assert len(first.nonce) == 32
    second = spec.when(answers("a", 500)).state.of("a")
    assert second is not None
    assert (second.attempt, second.nonce != first.nonce) == (2, True)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_accepts(status: int):
    called().when(answers("a", status)).then_has(
        has(e.StepAccepted, ref="a", expires_at=START + 60)
    ).step_is("a", "accepted")


@pytest.mark.parametrize("status", [199, 302, 404, 500])
def test_any_other_status_is_a_failed_attempt(status: int):
    called().when(answers("a", status)).then_has(has(e.StepFailed, fault="status"))


def test_the_named_statuses_alone_accept_where_there_are_any():
    called(accepted=(302,)).when(answers("a", 302)).then_has(has(e.StepAccepted))
    called(accepted=(302,)).when(answers("a", 200)).then_has(has(e.StepFailed))


def test_a_callback_completes_the_step_with_its_body():
    (
        accepted()
        .when(calls_back("a", {"state": "ok"}), at=5.0)
        .then(has(e.CallbackReceived, ref="a", attempt=1, body={"state": "ok"}))
        .when(advance(), at=5.0)
        .then(has(e.StepSucceeded, ref="a", output={"state": "ok"}), has(e.StepScheduled, ref="b"))
    )


def test_a_callback_that_comes_before_the_accepting_answer_is_kept():
    (
        called()
        .when(calls_back("a", "early"))
        .then(has(e.CallbackReceived))
        .when(advance())
        .then_nothing()
        .when(answers("a", 202))
        .then(
            has(e.StepStarted),
            has(e.StepAccepted),
            has(e.StepSucceeded, ref="a", output="early"),
            has(e.StepScheduled, ref="b"),
        )
    )


def test_an_early_callback_outlives_the_executor_that_called():
    spec = called().when(calls_back("a", "early"))
    spec = spec.when(advance(), at=LISTEN + 35.0).then(has(e.StepRedispatched))
    spec.when(answers("a", 202), at=100.0).then_has(has(e.StepSucceeded, output="early"))


LOST_ANSWERS: list[Fault] = ["timeout", "connection", "lost"]


@pytest.mark.parametrize("fault", LOST_ANSWERS)
def test_an_early_callback_answers_a_call_whose_own_answer_was_lost(fault: Fault):
    called(retry=again(1)).when(calls_back("a", "early")).when(breaks("a", fault)).then_has(
        has(e.StepAccepted), has(e.StepSucceeded, ref="a", output="early")
    )


def test_a_second_callback_is_refused():
    answered = accepted().when(calls_back("a"))
    answered.when(calls_back("a")).then_raises(IllegalTransition, "answered already")
    decided = answered.when(advance())
    decided.when(calls_back("a")).then_raises(IllegalTransition, "succeeded")


def test_a_callback_with_another_nonce_is_refused():
    accepted().when(calls_back("a", nonce="guess")).then_raises(IllegalTransition, "older attempt")


def test_a_callback_for_an_older_attempt_is_refused():
    spec = called(retry=again(1, delay=0.0)).when(answers("a", 500)).when(answers("a", 202))
    spec.when(calls_back("a", attempt=1)).then_raises(IllegalTransition, "older attempt")


def test_a_callback_after_its_deadline_is_refused_as_expired():
    accepted().when(calls_back("a"), at=59.9).then(has(e.CallbackReceived))
    accepted().when(calls_back("a"), at=60.0).then_raises(Expired)


def test_a_callback_for_a_step_that_never_began_finds_nothing():
    accepted().when(calls_back("nope")).then_raises(NotFound)


def test_failure_when_goes_before_success_when():
    always = accepted(failure_when=True, success_when=True).when(calls_back("a"))
    always.when(advance()).then_has(has(e.StepFailed, ref="a", fault="callback"))


@pytest.mark.parametrize(
    ("state", "expected"), [("ok", e.StepSucceeded), ("bad", e.StepFailed), ("?", e.StepFailed)]
)
def test_the_conditions_judge_the_callback(state: str, expected: type[e.Event]):
    spec = accepted(failure_when=SAYS_BAD, success_when=SAYS_OK)
    spec.when(calls_back("a", {"state": state})).when(advance()).then_has(has(expected, ref="a"))


def test_a_failure_condition_alone_lets_all_else_succeed():
    spec = accepted(failure_when=SAYS_BAD).when(calls_back("a", {"state": "?"}))
    spec.when(advance()).then_has(has(e.StepSucceeded, ref="a"))


def test_a_failing_callback_follows_the_policy_with_a_fresh_nonce():
    spec = accepted(failure_when=True, retry=again(1, delay=3.0))
    old = spec.state.of("a")
    spec = spec.when(calls_back("a")).when(advance()).then(has(e.StepFailed, retry_at=START + 3))
    spec = spec.when(advance(), at=3.0).then(has(e.StepScheduled, ref="a", attempt=2))
    new = spec.state.of("a")
    assert old is not None
    assert new is not None
    assert new.nonce not in ("", old.nonce)
    spec.when(answers("a", 202)).step_is("a", "accepted", callback=None)


def test_a_condition_that_cannot_be_evaluated_fails_the_run_with_the_reason():
    spec = accepted(success_when={"no such operator": 1}, retry=again(5)).when(calls_back("a"))
    spec = spec.when(advance())
    spec.then_has(has(e.StepFailed, fault="expression", retry_at=None), has(e.ExecutionFailed))
    assert "cannot be evaluated" in (spec.state.reason or "")


def test_a_callback_that_never_comes_is_a_failed_attempt_at_its_deadline():
    spec = accepted(retry=again(1)).when(advance(), at=59.9).then_nothing()
    spec.when(advance(), at=60.0).then(
        has(e.StepFailed, ref="a", fault="callback", reason="callback timeout for node a")
    ).step_is("a", "retrying")


def test_a_callback_that_came_in_time_counts_when_its_deadline_has_passed_meanwhile():
    spec = accepted().when(calls_back("a", "in time"), at=59.0)
    spec.when(advance(), at=99.0).then_has(has(e.StepSucceeded, output="in time"))


def test_a_callback_while_paused_is_kept_until_resume():
    spec = accepted().when(RequestPause()).when(calls_back("a", "kept"), at=1.0)
    spec = spec.then(has(e.CallbackReceived)).when(advance(), at=99.0).then_nothing()
    spec = spec.when(RequestResume(), at=99.0).when(advance(), at=99.0)
    spec.then_has(has(e.StepSucceeded, ref="a", output="kept"))


def test_a_cancel_closes_a_callback_and_refuses_its_answer():
    spec = accepted().when(RequestCancel()).when(advance())
    spec.then(has(e.UnwindingStarted), has(e.StepCanceled, ref="a"), has(e.ExecutionCanceled))
    spec.when(calls_back("a")).then_raises(IllegalTransition, "canceled")


def test_an_answer_that_came_before_a_cancel_was_decided_is_not_thrown_away():
    spec = given(path(later("a", undo=True))).when(advance()).when(answers("a", 202))
    spec = spec.when(calls_back("a", "done")).when(RequestCancel()).when(advance())
    spec.then(
        has(e.UnwindingStarted),
        has(e.StepSucceeded, ref="a", output="done"),
        has(e.StepScheduled, ref="a", phase="down"),
    )
