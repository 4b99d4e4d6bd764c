"""What comes after the end of the work: it runs for that end, and changes nothing of it."""

import pytest

from mainspring.domain.definition import Ending, Step
from mainspring.domain.errors import IllegalTransition
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.explain import explain
from mainspring.domain.execution.kept import kept_of
from mainspring.domain.execution.outlook import outlook, run_timer_of
from mainspring.domain.execution.react import StartChild, StopAttempts, react
from mainspring.domain.execution.snapshot import freeze, thaw
from mainspring.domain.message import replace
from mainspring.testing.shapes import (
    again,
    approval,
    call,
    child,
    dag,
    finishing,
    needing,
    path,
    sleep,
    task,
)
from mainspring.testing.spec import START, Spec, advance, answers, given, has

EVERY: tuple[Ending, ...] = ("succeeded", "failed", "timed_out", "canceled")


def working(*after: Step, **fields: object) -> Spec:
    """Return a run whose step `a` is in flight."""
    return given(dag(needing("a"), *after, **fields)).when(advance())


def failed(*after: Step, **fields: object) -> Spec:
    return working(*after, **fields).when(answers("a", 500))


def test_what_comes_after_the_work_is_no_part_of_it():
    spec = working(finishing("z")).then_not(e.EpilogueBegun).step_is("a", "scheduled")
    assert spec.state.of("z") is None
    assert [one.cause.refs for one in explain(spec.state).steps if one.ref == "z"] == [("a",)]


def test_when_the_work_has_succeeded_the_steps_for_that_end_run_and_then_the_run_ends():
    spec = working(finishing("z")).when(answers("a"))
    spec = spec.then_has(
        has(e.StepSucceeded, ref="a"),
        has(e.EpilogueBegun, outcome="succeeded", reason=None, step=None, result="a"),
        has(e.StepScheduled, ref="z"),
    ).then_is("running")
    assert outlook(spec.state).waiting_for == "task"
    spec = spec.when(answers("z")).then_has(has(e.ExecutionSucceeded, result="a"))
    spec.then_is("succeeded", warning=None)


def test_when_the_work_has_failed_the_run_ends_as_failed_after_its_steps():
    spec = failed(finishing("z")).then_has(
        has(e.EpilogueBegun, outcome="failed", reason="a: node=a status=500", step="a"),
        has(e.StepScheduled, ref="z"),
    )
    assert spec.state.epilogue is not None
    assert spec.state.epilogue.at == START
    spec.when(answers("z")).then_has(has(e.ExecutionFailed, reason="a: node=a status=500"))


def test_the_steps_for_other_ends_are_skipped_with_the_reason():
    good, bad = finishing("good", after=("succeeded",)), finishing("bad", after=("failed",))
    spec = failed(good, bad).step_is("bad", "scheduled")
    spec.step_is("good", "skipped", reason="it is for another end than failed")
    spec = working(good, bad).when(answers("a")).step_is("good", "scheduled")
    spec.step_is("bad", "skipped", reason="it is for another end than succeeded")


def test_a_run_without_a_step_for_its_end_ends_at_once():
    spec = working(finishing("bad", after=("failed",))).when(answers("a"))
    spec.then_has(has(e.StepSkipped, ref="bad"), has(e.ExecutionSucceeded, result="a"))


def test_it_comes_after_what_was_done_is_undone():
    spec = given(dag(needing("a", undo=True), needing("b", "a"), finishing("z"))).when(advance())
    spec = spec.when(answers("a")).when(answers("b", 500)).then_not(e.EpilogueBegun)
    spec = spec.then_has(has(e.StepScheduled, ref="a", phase="down"))
    spec = spec.when(answers("a", phase="down"))
    spec = spec.then_has(has(e.EpilogueBegun, outcome="failed", step="b"), has(e.StepScheduled))
    spec.when(answers("z")).then_has(has(e.ExecutionFailed)).then_is("failed", stack=None)


def test_a_run_that_could_not_be_undone_ends_corrupted_after_it_and_is_undone_further_by_a_retry():
    definition = dag(needing("a", undo=True), needing("b", "a"), finishing("z"))
    spec = given(definition).when(advance()).when(answers("a")).when(answers("b", 500))
    spec = spec.when(answers("a", 500, phase="down"))
    spec = spec.then_has(has(e.EpilogueBegun, outcome="failed"), has(e.StepScheduled, ref="z"))
    spec = spec.when(answers("z")).then_has(has(e.ExecutionCorrupted, steps=("a",)))
    spec = spec.when(c.RequestRetry()).when(advance())
    spec = spec.then_has(
        has(e.ExecutionReopened, unwinding=True), has(e.StepReset, ref="a", phase="down")
    ).step_is("z", "reset")
    spec = spec.when(answers("a", phase="down")).then_has(has(e.EpilogueBegun, outcome="failed"))
    spec.when(answers("z")).then_has(has(e.ExecutionFailed))


def test_a_canceled_run_and_one_that_took_too_long_have_an_epilogue_too():
    spec = given(dag(sleep("a"), finishing("z"))).when(advance()).when(c.RequestCancel())
    spec = spec.when(advance()).then_has(
        has(e.StepCanceled, ref="a"),
        has(e.EpilogueBegun, outcome="canceled", reason="canceled"),
        has(e.StepScheduled, ref="z"),
    )
    spec.when(answers("z")).then_has(has(e.ExecutionCanceled, reason="canceled"))
    spec = given(dag(sleep("a", 99.0), finishing("z"), run_timeout=9.0)).when(advance())
    spec = spec.when(advance(), at=9.0).then_has(has(e.EpilogueBegun, outcome="timed_out"))
    spec.when(answers("z"), at=20.0).then_has(has(e.ExecutionTimedOut))


def test_a_run_whose_work_never_began_has_none():
    spec = given(dag(needing("a"), finishing("z"))).when(c.RequestCancel()).when(advance())
    spec.then(has(e.ExecutionCanceled))


def test_its_steps_wait_for_each_other_and_for_no_step_of_the_work():
    spec = failed(needing("b", "a"), finishing("y", "b"), finishing("z", "y"))
    spec = spec.step_is("y", "scheduled")
    spec = spec.when(answers("y")).then(
        has(e.StepStarted), has(e.StepSucceeded, ref="y"), has(e.StepScheduled, ref="z")
    )
    spec.when(answers("z")).then_is("failed")


def test_its_conditions_retries_and_limits_hold():
    steps = (
        finishing("never", when=False),
        finishing("y", retry=again(1, delay=5.0)),
        finishing("z"),
    )
    spec = failed(*steps, max_parallel=1).step_is("never", "skipped")
    spec = spec.step_is("y", "scheduled").when(answers("y", 500))
    spec = spec.step_is("y", "retrying").when(advance(), at=5.0).step_is("y", "scheduled")
    spec = spec.when(answers("y")).step_is("z", "scheduled")
    spec.when(answers("z")).then_is("failed")


def test_a_failure_there_is_a_warning_and_keeps_only_what_needs_it_from_running():
    spec = working(finishing("x"), finishing("y", "x"), finishing("z")).when(answers("a"))
    spec = spec.when(answers("x", 500)).then_not(e.UnwindingStarted)
    spec = spec.step_is("y", "skipped").step_is("z", "scheduled")
    spec.when(answers("z", 404)).then_is(
        "succeeded", reason=None, warning="x: node=x status=500; z: node=z status=404"
    )


def test_a_tolerated_failure_there_keeps_nothing_from_running():
    spec = failed(finishing("y", on_failure="continue"), finishing("z", "y"))
    spec.when(answers("y", 500)).step_is("z", "scheduled").when(answers("z")).then_is("failed")


def test_what_takes_too_long_there_is_canceled_and_the_run_ends_as_its_work_did():
    spec = failed(finishing("z"), finishing("ok", "z"), after_timeout=30.0)
    assert run_timer_of(spec.state) == ("run", START + 30)
    assert outlook(spec.state).wake_at == START + 30
    spec = spec.when(advance(), at=29.9).then_nothing().when(advance(), at=30.0)
    spec = spec.then(
        has(e.EpilogueCut, reason="what comes after its work took longer than 30 s"),
        has(e.StepCanceled, ref="z"),
        has(e.ExecutionFailed, reason="a: node=a status=500"),
    )
    assert run_timer_of(spec.state) is None
    spec.when(answers("z")).then_nothing()


def test_it_may_outlast_the_time_limit_of_the_work():
    spec = failed(finishing("z"), run_timeout=9.0).when(advance(), at=20.0).then_nothing()
    assert run_timer_of(spec.state) is None


def test_a_cancel_meanwhile_cuts_it_short_and_leaves_the_end_as_it_was():
    spec = working(approval("ok", after=EVERY), finishing("z")).when(answers("a"))
    spec = spec.when(c.RequestCancel(reason="enough")).then(has(e.CancelRequested))
    spec = spec.when(c.RequestCancel()).then_nothing().when(advance())
    spec = spec.then(
        has(e.EpilogueCut, reason="enough"),
        has(e.StepCanceled, ref="ok", reason="enough"),
        has(e.StepCanceled, ref="z"),
        has(e.ExecutionSucceeded, result="a"),
    )
    assert StopAttempts(execution=spec.state.id) in react(spec.events[0], spec.state)


def test_a_child_run_there_is_canceled_and_waited_for():
    spec = failed(child("kid", after=EVERY)).when(c.RequestCancel()).when(advance())
    spec = spec.then(has(e.EpilogueCut)).step_is("kid", "scheduled")
    (asked,) = [one for one in react(spec.events[0], spec.state) if isinstance(one, StartChild)]
    assert asked.cancel == "canceled"
    spec.when(advance(), at=60.0).then(has(e.StepRedispatched, ref="kid"))
    ended = c.RecordChild(ref="kid", visit=1, attempt=1, status="canceled", now=START, seed="s")
    spec = spec.when(c.RequestCancel()).then_nothing()
    spec.when(c.RequestPause()).then_raises(IllegalTransition, "it is ending")
    spec.when(ended).then(has(e.StepCanceled, ref="kid"), has(e.ExecutionFailed))


def test_it_can_be_paused_and_goes_on_at_resume():
    spec = failed(finishing("y"), finishing("z", "y"), after_timeout=30.0).when(c.RequestPause())
    spec = spec.when(answers("y")).step_is("y", "succeeded").then_is("paused")
    assert run_timer_of(spec.state) is None
    spec = spec.when(advance(), at=90.0).then_nothing().when(c.RequestResume())
    spec.when(advance(), at=90.0).then_has(has(e.EpilogueCut), has(e.ExecutionFailed))
    spec.when(advance(), at=9.0).then_has(has(e.StepScheduled, ref="z"))


def test_a_retry_of_the_run_begins_it_anew():
    spec = failed(finishing("y"), finishing("z", after=("succeeded",)))
    spec = spec.when(answers("y", 500)).then_is("failed", warning="y: node=y status=500")
    spec = spec.when(c.RequestRetry()).when(advance())
    spec = spec.then_is("running", epilogue=None, warning=None).step_is("y", "reset")
    spec = spec.step_is("z", "reset").when(answers("a"))
    spec = spec.then_has(has(e.EpilogueBegun, outcome="succeeded"))
    spec = spec.step_is("y", "scheduled", attempt=2).step_is("z", "scheduled")
    spec.when(answers("y")).when(answers("z")).then_is("succeeded")


def test_a_reset_of_a_step_begins_it_anew_and_waits_for_the_end_of_the_run():
    spec = failed(finishing("z"))
    reset = c.RequestStepReset(ref="a")
    spec.when(reset).then_raises(IllegalTransition, "reset it when the run has")
    spec = spec.when(answers("z")).when(reset).when(advance()).step_is("z", "reset")
    spec.when(answers("a")).step_is("z", "scheduled", attempt=2)


def test_a_reset_of_one_of_its_own_steps_runs_all_of_them_again():
    spec = failed(finishing("y"), finishing("z")).when(answers("y")).when(answers("z"))
    spec = spec.when(c.RequestStepReset(ref="z")).when(advance())
    spec.then_has(has(e.EpilogueBegun)).step_is("y", "scheduled").step_is("z", "scheduled")


def test_only_its_own_steps_can_be_settled_from_outside_while_it_runs():
    spec = failed(needing("b", "a"), approval("ok", after=EVERY))
    skips = c.SkipStep(ref="b", now=START)
    spec.when(skips).then_raises(IllegalTransition, "the work of the run has ended")
    spec = spec.when(c.SkipStep(ref="ok", actor="ann", now=START)).when(advance())
    spec.step_is("ok", "skipped").then_is("failed")


def test_one_of_its_steps_can_be_skipped_before_the_work_has_ended():
    spec = working(finishing("z")).when(c.SkipStep(ref="z", actor="ann", now=START))
    spec = spec.when(advance()).step_is("z", "skipped").when(answers("a"))
    spec.then_has(has(e.EpilogueBegun), has(e.ExecutionSucceeded))


def test_what_it_did_is_never_undone():
    spec = failed(finishing("z", undo=True)).when(answers("z"))
    spec.then_is("failed", stack=None).then_not(e.UnwindingStarted)


def test_a_new_run_that_retries_this_one_keeps_nothing_of_it():
    spec = given(dag(needing("a"), needing("b", "a"), finishing("z"))).when(advance())
    spec = spec.when(answers("a")).when(answers("b", 500)).when(answers("z"))
    assert list(kept_of(spec.state)) == ["a"]


def test_the_notice_of_the_end_comes_after_it():
    spec = failed(finishing("z"), on_failure=call("hook", "bad")).then_not(e.ExecutionFailed)
    spec = spec.when(answers("z"))
    spec.then_has(has(e.ExecutionFailed), has(e.StepScheduled, ref="on_failure", phase="hook"))


def test_a_path_has_one_too():
    spec = given(path(task("a"), task("b", next=None))).when(advance())
    definition = replace(
        spec.state.definition, steps=(*spec.state.definition.steps, finishing("z"))
    )
    spec = given(definition).when(advance()).when(answers("a")).when(answers("b", 500))
    spec = spec.then_has(has(e.EpilogueBegun, step="b")).step_is("z", "scheduled")
    spec.when(answers("z")).then_is("failed")


@pytest.mark.parametrize("status", [200, 500])
def test_it_is_in_the_snapshot(status: int):
    spec = working(finishing("z")).when(answers("a", status))
    assert thaw(freeze(spec.state), spec.state.definition) == spec.state
