"""What was completed is undone, newest first, one at a time; what cannot be undone is named."""

from mainspring.domain.errors import IllegalTransition
from mainspring.domain.execution import events as e
from mainspring.domain.execution.commands import RequestRetry
from mainspring.testing.shapes import again, path, task
from mainspring.testing.spec import Spec, advance, answers, given, has

RETRY = RequestRetry()
THREE = (task("a", undo=True), task("b", undo=True), task("c", undo=True), task("d"))


def undoing(**fields: object) -> Spec:
    """Return a run whose fourth step has failed after three were completed."""
    spec = given(path(*THREE, **fields)).when(advance())
    for ref in "abc":
        spec = spec.when(answers(ref, 200, ref))
    return spec.when(answers("d", 500))


def corrupted() -> Spec:
    """Return a run whose compensations of `c` and `a` have failed for good."""
    spec = undoing().when(answers("c", 500, phase="down"))
    return spec.when(answers("b", phase="down")).when(answers("a", 500, phase="down"))


def test_completed_steps_are_undone_one_at_a_time_newest_first():
    (
        undoing()
        .then(
            has(e.StepStarted, ref="d"),
            has(e.StepFailed, ref="d"),
            has(e.UnwindingStarted, outcome="failed", reason="node=d status=500"),
            has(e.StepScheduled, ref="c", phase="down"),
        )
        .when(answers("c", phase="down"))
        .then(
            has(e.StepStarted, phase="down"),
            has(e.StepSucceeded, ref="c", phase="down"),
            has(e.StepScheduled, ref="b", phase="down"),
        )
        .when(answers("b", phase="down"))
        .when(answers("a", phase="down"))
        .then_has(has(e.StepSucceeded, ref="a", phase="down"), has(e.ExecutionFailed))
        .then_is("failed", reason="node=d status=500", corrupted=())
    )


def test_a_step_without_a_compensation_is_passed_over():
    spec = given(path(task("a", undo=True), task("b"), task("c"))).when(advance())
    spec = spec.when(answers("a")).when(answers("b")).when(answers("c", 500))
    spec.then_has(has(e.StepScheduled, ref="a", phase="down"))


def test_the_failed_step_itself_is_not_undone():
    spec = given(path(task("a", undo=True))).when(advance()).when(answers("a", 500))
    spec.then(has(e.StepStarted), has(e.StepFailed), has(e.ExecutionFailed))


def test_a_compensation_has_the_policy_with_a_count_of_its_own():
    spec = undoing(retry=again(1, delay=2.0)).step_is("d", "retrying")
    spec = spec.when(advance(), at=2.0).when(answers("d", 500), at=2.0)
    spec = spec.when(answers("c", 500, phase="down"), at=2.0)
    spec.then(has(e.StepStarted), has(e.StepFailed, ref="c", phase="down", retry_at=spec.now + 2))
    spec = spec.when(advance(), at=4.0).then(has(e.StepScheduled, phase="down", attempt=2))
    spec.when(answers("c", phase="down"), at=4.0).then_has(has(e.StepScheduled, ref="b"))


def test_a_compensation_that_fails_does_not_stop_the_others():
    undoing().when(answers("c", 500, phase="down")).then_has(
        has(e.StepFailed, ref="c", phase="down", retry_at=None),
        has(e.StepScheduled, ref="b", phase="down"),
    )


def test_a_run_that_could_not_undo_all_ends_corrupted_and_names_them():
    spec = corrupted().then_is("corrupted", corrupted=("c", "a"))
    spec.then_has(has(e.ExecutionCorrupted, steps=("c", "a")))
    assert spec.state.reason == "node=d status=500; compensation failed: c, a"


def test_a_retry_of_a_corrupted_run_undoes_only_what_failed_newest_first():
    spec = corrupted().when(RETRY).then(e.RetryRequested()).then_is("running").when(advance())
    spec.then(
        has(e.ExecutionReopened, unwinding=True),
        has(e.StepReset, ref="c", phase="down"),
        has(e.StepReset, ref="a", phase="down"),
        has(e.StepScheduled, ref="c", phase="down", visit=1, attempt=2),
    )
    spec = spec.when(answers("c", phase="down"))
    spec.then_has(has(e.StepScheduled, ref="a", phase="down", attempt=2))
    spec.when(answers("a", phase="down")).then_has(
        has(e.ExecutionFailed, reason="node=d status=500")
    ).then_is("failed", corrupted=())


def test_a_retried_compensation_has_all_its_tries_again():
    spec = undoing(retry=again(1, delay=0.0)).when(answers("d", 500))
    for ref in "cba":
        spec = spec.when(answers(ref, 500, phase="down")).when(answers(ref, 500, phase="down"))
    spec = spec.then_is("corrupted", corrupted=("c", "b", "a")).when(RETRY).when(advance())
    spec.when(answers("c", 500, phase="down")).then_has(
        has(e.StepScheduled, ref="c", phase="down", attempt=4)
    )


def test_a_corrupted_run_can_be_corrupted_again():
    spec = corrupted().when(RETRY).when(advance()).when(answers("c", phase="down"))
    spec.when(answers("a", 500, phase="down")).then_is("corrupted", corrupted=("a",))


def test_a_retry_of_a_failed_run_goes_on_at_the_failed_step_with_results_kept():
    spec = given(path(task("a"), task("b"), task("c"))).when(advance()).when(answers("a", 200, 1))
    spec = spec.when(answers("b", 500)).then_is("failed").when(RETRY).when(advance())
    spec.then(
        has(e.ExecutionReopened, unwinding=False),
        has(e.StepReset, ref="b"),
        has(e.StepScheduled, ref="b", visit=1, attempt=2),
    ).step_is("a", "succeeded", output=1)
    spec = spec.when(answers("b")).then_has(has(e.StepScheduled, ref="c"))
    spec.when(answers("c")).then_is("succeeded", reason=None)


def test_a_retried_step_has_all_its_tries_again():
    spec = given(path(task("a"), retry=again(1, delay=0.0))).when(advance())
    spec = spec.when(answers("a", 500)).when(answers("a", 500)).then_is("failed")
    spec = spec.when(RETRY).when(advance()).then_has(has(e.StepScheduled, attempt=3))
    spec.when(answers("a", 500)).then_has(has(e.StepScheduled, attempt=4))


def test_a_run_that_fails_again_undoes_only_what_it_completed_since():
    spec = undoing()
    for ref in "cba":
        spec = spec.when(answers(ref, phase="down"))
    spec = spec.when(RETRY).when(advance()).when(answers("d", 500)).then_is("failed")
    spec.then_not(e.StepScheduled, e.UnwindingStarted)


def test_a_retry_is_asked_for_once():
    undone = undoing()
    for ref in "cba":
        undone = undone.when(answers(ref, phase="down"))
    undone.when(RETRY).when(RETRY).then_raises(IllegalTransition, "not failed")


def test_a_run_that_is_under_way_refuses_a_retry():
    given(path(*THREE)).when(advance()).when(RETRY).then_raises(IllegalTransition, "running")
    undoing().when(RETRY).then_raises(IllegalTransition, "unwinding")


def test_a_run_that_succeeded_refuses_a_retry():
    spec = given(path(task("a"))).when(advance()).when(answers("a"))
    spec.when(RETRY).then_raises(IllegalTransition, "succeeded")
