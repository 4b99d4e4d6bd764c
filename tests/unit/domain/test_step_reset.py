"""One step of a dag, or all that came after it, can run again in place."""

from mainspring.domain.errors import IllegalTransition, NotFound
from mainspring.domain.execution import events as e
from mainspring.domain.execution.commands import (
    Admit,
    Advance,
    RequestCancel,
    RequestPause,
    RequestResume,
    RequestRetry,
    RequestStepReset,
    SendEvent,
)
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.state import Execution, stacked
from mainspring.domain.message import replace
from mainspring.testing.shapes import again, dag, guard, needing, path, sleep, task, wait
from mainspring.testing.spec import START, Spec, advance, answers, given, has

CHAIN = dag(needing("a"), needing("b", "a"), needing("c", "b"), needing("x"))
RESET_A = RequestStepReset(ref="a")


def resets(spec: Spec) -> list[str]:
    return [event.ref for event in spec.events if isinstance(event, e.StepReset)]


def with_b_failed() -> Spec:
    spec = given(CHAIN).when(advance()).when(answers("a")).when(answers("x"))
    return spec.when(answers("b", 500)).then_is("failed")


def test_a_reset_reopens_a_failed_run_at_that_step():
    spec = with_b_failed().when(RequestStepReset(ref="b"))
    spec = (
        spec.then(e.StepResetRequested(ref="b"))
        .when(advance())
        .then(
            has(e.ExecutionReopened, unwinding=False),
            has(e.StepReset, ref="b"),
            has(e.StepScheduled, ref="b", visit=1, attempt=2),
        )
    )
    spec.when(answers("b")).when(answers("c")).then_is("succeeded", reason=None)


def test_a_reset_asked_for_twice_is_one():
    spec = with_b_failed().when(RequestStepReset(ref="b"))
    spec.when(RequestStepReset(ref="b")).then_nothing()


def test_a_reset_that_waits_for_its_decision_is_a_reason():
    spec = with_b_failed().when(RequestStepReset(ref="b"))
    assert outlook(spec.state).waiting_for == "decision"


def test_a_reset_leaves_completed_descendants_as_they_are():
    spec = given(CHAIN).when(advance()).when(answers("a")).when(answers("b")).when(RESET_A)
    spec = spec.then_raises(IllegalTransition, "step c is scheduled").when(answers("c"))
    spec = spec.then_is("running").when(RESET_A).when(advance())
    assert resets(spec) == ["a"]
    spec.step_is("b", "succeeded").when(answers("a")).when(answers("x")).then_is("succeeded")


def test_a_reset_with_its_subtree_runs_all_that_came_after_it_again():
    spec = given(CHAIN).when(advance())
    for ref in "abc":
        spec = spec.when(answers(ref))
    spec = spec.when(RequestStepReset(ref="a", subtree=True)).when(advance())
    assert resets(spec) == ["a", "b", "c"]
    spec.then_has(has(e.StepScheduled, ref="a", attempt=2))
    spec = spec.when(answers("a")).then_has(has(e.StepScheduled, ref="b", attempt=2))
    spec.when(answers("b")).then_has(has(e.StepScheduled, ref="c", attempt=2))


def test_a_reset_step_has_all_its_tries_again_and_its_attempts_go_on_counting():
    spec = given(dag(needing("a", retry=again(1, delay=0.0)))).when(advance())
    spec = spec.when(answers("a", 500)).when(answers("a", 500)).then_is("failed")
    spec = spec.when(RESET_A).when(advance()).then_has(has(e.StepScheduled, attempt=3))
    spec.when(answers("a", 500)).then_has(has(e.StepScheduled, attempt=4))


def test_attempts_that_failed_before_they_began_are_counted():
    def advance_beside_another(_: Execution, now: float) -> Advance:
        return Advance(now=now, seed="spec", taken_keys=("k",))

    again_w = RequestStepReset(ref="w")
    spec = given(dag(wait("w", "k"))).when(advance_beside_another)
    spec = spec.then_has(has(e.StepFailed, attempt=1)).when(again_w).when(advance_beside_another)
    spec = spec.then_has(has(e.StepFailed, attempt=2)).step_is("w", "failed", attempt=2)
    spec.when(again_w).when(advance()).then_has(has(e.StepWaiting, attempt=3))


def test_attempts_go_on_counting_over_a_skip_so_that_no_trigger_is_opened_twice():
    broke = {"==": [{"var": "nodes.a.status"}, "failed"]}
    waits = replace(wait("w", "k", when=guard(broke)), needs=("a",))
    goes_on = sleep("x", 9000.0)
    spec = given(dag(needing("a", on_failure="continue"), waits, goes_on)).when(advance())
    triggers: list[str] = []
    for attempt, status in enumerate((500, 500, 200, 500), start=1):
        spec = spec.when(answers("a", status))
        if status == 500:
            triggers += [each.trigger for each in spec.events if isinstance(each, e.StepWaiting)]
            spec = spec.when(SendEvent(ref="w", visit=1, attempt=min(attempt, 3), now=START))
            spec = spec.when(advance())
        spec = spec.when(RequestStepReset(ref="a", subtree=True)).when(advance())
    assert len(set(triggers)) == len(triggers) == 3


def test_a_reset_decides_anew_on_a_step_that_was_skipped_for_the_failure():
    definition = dag(needing("a", on_failure="skip_dependents"), needing("b", "a"))
    spec = given(definition).when(advance()).when(answers("a", 500)).step_is("b", "skipped")
    spec = spec.when(RESET_A).when(advance())
    assert resets(spec) == ["a", "b"]
    spec.when(answers("a")).then_has(has(e.StepScheduled, ref="b"))


def test_a_reset_judges_the_conditions_behind_it_anew():
    broke = {"==": [{"var": "nodes.a.status"}, "failed"]}
    definition = dag(
        needing("a", on_failure="continue"), needing("b", "a", when=broke), needing("x")
    )
    spec = given(definition).when(advance()).when(answers("a")).step_is("b", "skipped")
    spec = spec.when(RESET_A).when(advance())
    assert resets(spec) == ["a", "b"]
    spec.when(answers("a", 500)).then_has(has(e.StepScheduled, ref="b"))


def test_a_reset_reopens_a_canceled_run_with_all_that_the_cancel_closed():
    definition = dag(needing("a"), sleep("s", 50.0), needing("b", "a", "s"))
    spec = given(definition).when(advance()).when(answers("a")).when(RequestCancel())
    spec = spec.when(advance()).then_is("canceled").when(RESET_A).when(advance())
    assert resets(spec) == ["a", "s"]
    spec = spec.then_has(has(e.StepScheduled, ref="a"), has(e.StepSlept, ref="s"))
    spec.when(answers("a")).then_not(e.StepScheduled).step_is("s", "sleeping")


def test_a_reset_that_waits_for_a_place_reopens_all_that_the_end_closed_all_the_same():
    steps = (needing("a"), sleep("s", 50.0), needing("b", "a", "s"))
    spec = given(dag(*steps, max_runs=1)).when(advance()).when(Admit(now=START)).when(advance())
    spec = spec.when(answers("a")).when(RequestCancel()).when(advance()).then_is("canceled")
    spec = spec.when(RESET_A).when(advance()).then(has(e.SlotAwaited))
    spec = spec.when(Admit(now=START)).when(advance())
    assert resets(spec) == ["a", "s"]


def test_a_reset_of_a_run_that_timed_out_gives_it_its_whole_time_again():
    definition = dag(needing("a", retry=again(9, delay=99.0)), run_timeout=10.0)
    spec = given(definition).when(advance()).when(answers("a", 500)).when(advance(), at=10.0)
    spec = spec.then_is("timed_out").when(RESET_A, at=60.0).when(advance(), at=60.0)
    spec.then_has(has(e.StepScheduled, ref="a")).then_is("running")
    assert outlook(spec.state).wake_at == START + 70


def test_a_step_that_is_completed_again_is_one_thing_to_undo_and_the_newest():
    definition = dag(needing("a", undo=True), needing("b", undo=True), needing("c", "a", "b"))
    spec = given(definition).when(advance()).when(answers("a")).when(RESET_A).when(advance())
    spec = spec.when(answers("b")).when(answers("a"))
    assert list(stacked(spec.state.stack)) == ["a", "b"]


def test_a_step_that_was_completed_before_its_reset_failed_is_still_undone():
    spec = given(dag(needing("a", undo=True), needing("b"))).when(advance()).when(answers("a"))
    spec = spec.when(RESET_A).when(advance()).when(answers("a", 500)).when(answers("b"))
    spec.then_has(has(e.StepScheduled, ref="a", phase="down"))


def test_a_reset_of_a_compensated_run_does_again_what_was_undone():
    definition = dag(needing("a", undo=True), needing("b"), needing("c", "a", "b"))
    spec = given(definition).when(advance()).when(answers("a")).when(answers("b"))
    spec = spec.when(answers("c", 500)).when(answers("a", phase="down")).then_is("failed")
    spec = spec.when(RequestStepReset(ref="c")).when(advance())
    assert resets(spec) == ["a", "c"]
    spec = spec.when(answers("a")).then_has(has(e.StepScheduled, ref="c", attempt=2))
    spec = spec.when(answers("c", 500)).then_has(has(e.StepScheduled, ref="a", phase="down"))
    spec = spec.when(answers("a", phase="down")).when(RequestStepReset(ref="c")).when(advance())
    assert resets(spec) == ["a", "c"]


def test_a_reset_while_an_affected_step_is_open_is_refused():
    spec = given(CHAIN).when(advance()).when(RESET_A)
    spec.then_raises(IllegalTransition, "scheduled")
    spec = given(CHAIN).when(advance()).when(answers("a")).when(RESET_A)
    spec.then_raises(IllegalTransition, "step b is scheduled")


def test_a_reset_of_a_step_that_has_not_run_is_refused():
    spec = given(CHAIN).when(advance())
    spec.when(RequestStepReset(ref="c")).then_raises(IllegalTransition, "not yet run")
    spec.when(RequestStepReset(ref="nope")).then_raises(NotFound)


def test_the_steps_of_a_path_are_not_reset_one_by_one():
    spec = given(path(task("a"))).when(advance()).when(answers("a", 500))
    spec.when(RESET_A).then_raises(IllegalTransition, "path")


def test_a_paused_run_takes_a_reset_and_carries_it_out_at_resume():
    spec = given(CHAIN).when(advance()).when(RequestPause()).when(answers("a", 500))
    spec = spec.when(RESET_A).then(e.StepResetRequested(ref="a")).when(advance()).then_nothing()
    spec = spec.then_is("paused").when(RequestResume()).when(advance())
    spec = spec.then_has(has(e.StepReset, ref="a"), has(e.StepScheduled, ref="a", attempt=2))
    spec.then_is("running").when(answers("a")).then_has(has(e.StepScheduled, ref="b"))


def test_a_run_that_is_about_to_be_retried_refuses_a_reset():
    with_b_failed().when(RequestRetry()).when(RequestStepReset(ref="b")).then_raises(
        IllegalTransition, "retry"
    )


def test_a_pause_holds_back_a_reset():
    spec = given(CHAIN).when(advance()).when(answers("x")).when(RequestStepReset(ref="x"))
    spec.when(RequestPause()).when(advance()).then_nothing().then_is("paused")
