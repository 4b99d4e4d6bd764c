"""Steps are skipped, completed and failed from outside, where they have not begun or only wait."""

from collections.abc import Callable

import pytest

from mainspring.domain.errors import IllegalTransition, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.evolve import fold
from mainspring.domain.execution.kept import kept_of
from mainspring.domain.execution.settling import wait_status
from mainspring.domain.execution.state import absent
from mainspring.domain.message import replace
from mainspring.testing.shapes import again, approval, child, dag, later, needing, path, sleep, wait
from mainspring.testing.spec import EXECUTION, START, Asking, Spec, advance, answers, given, has
from mainspring.testing.spec import requested as first_of


def skips(ref: str, reason: str = "not needed") -> Asking:
    return lambda _, now: c.SkipStep(ref=ref, reason=reason, actor="ann", now=now)


def completes(ref: str, result: object = None) -> Asking:
    return lambda _, now: c.CompleteStep(ref=ref, result=result, actor="ann", now=now)


def fails(ref: str, reason: str = "by hand") -> Asking:
    return lambda _, now: c.FailStep(ref=ref, reason=reason, actor="ann", now=now)


FORCES: list[Callable[[str], Asking]] = [skips, completes, fails]
CHAIN = dag(needing("a"), needing("b", "a"), needing("c", "b"))


def test_a_step_that_has_not_begun_is_skipped_and_satisfies_who_needs_it():
    spec = given(CHAIN).when(advance()).when(skips("b")).then(has(e.SkipRequested, by="ann"))
    spec.when(advance()).then(
        has(e.StepSkipped, ref="b", reason="not needed"), has(e.StepScheduled, ref="c")
    )


def test_a_step_can_be_skipped_before_what_it_needs_is_done_and_that_still_runs():
    spec = given(CHAIN).when(advance()).when(skips("c")).when(advance())
    spec = spec.when(answers("a")).when(answers("b"))
    spec.then_has(has(e.ExecutionSucceeded)).then_not(e.StepScheduled)


def test_a_skip_in_the_words_of_a_cut_cuts_nothing_off():
    spec = given(CHAIN).when(advance()).when(skips("a", "a step that it needs failed"))
    spec.then_raises(IllegalTransition, "it is scheduled")
    spec = given(CHAIN).when(advance()).when(skips("b", "a step that it needs failed"))
    spec.when(advance()).then_has(has(e.StepScheduled, ref="c"))


def test_a_step_is_completed_with_a_result_that_later_steps_see():
    seeing = needing("b", "a", when={"==": [{"var": "steps.a.output.n"}, 5]})
    definition = dag(needing("x"), needing("a", "x"), seeing)
    spec = given(definition).when(advance()).when(completes("a", {"n": 5})).when(advance())
    spec.then(has(e.StepSucceeded, ref="a", output={"n": 5}), has(e.StepScheduled, ref="b"))


def test_a_step_is_failed_and_its_policy_follows():
    spec = given(CHAIN).when(advance()).when(fails("b")).when(advance())
    spec.then_has(
        has(e.StepFailed, ref="b", fault="canceled_by_user", reason="by hand", retry_at=None),
        has(e.UnwindingStarted),
    )


@pytest.mark.parametrize("force", FORCES)
def test_a_waiting_sleeping_or_retrying_step_can_be_ended(force: Callable[[str], Asking]):
    definition = dag(
        wait("w", "k"), approval("ok"), sleep("s"), needing("r", retry=again(3)), needing("x")
    )
    spec = given(definition).when(advance()).when(answers("r", 500))
    for ref in ("w", "ok", "s", "r"):
        spec.when(force(ref)).when(advance()).then_has(
            has((e.StepSkipped, e.StepSucceeded, e.StepFailed)[FORCES.index(force)], ref=ref)
        )


@pytest.mark.parametrize("force", FORCES)
def test_what_a_forced_step_had_open_is_closed_by_the_same_event(
    force: Callable[[str], Asking],
):
    definition = dag(wait("w", "k"), approval("ok"), needing("x"))
    spec = given(definition).when(advance())
    for ref in ("w", "ok"):
        after = spec.when(force(ref))
        for now in (after, after.when(advance())):
            step = now.state.of(ref)
            assert step is not None
            assert wait_status(step) == "canceled"
    send = c.SendEvent(ref="w", visit=1, attempt=1, now=START)
    spec.when(force("w")).when(send).then_raises(IllegalTransition, "it is canceled")


@pytest.mark.parametrize("force", FORCES)
def test_a_step_that_runs_or_has_ended_cannot_be_forced(force: Callable[[str], Asking]):
    definition = dag(needing("a"), child("sub"), later("l"), needing("b", "a"), needing("s", "a"))
    spec = given(definition).when(advance())
    spec.when(force("a")).then_raises(IllegalTransition, "it is scheduled")
    spec.when(force("sub")).then_raises(IllegalTransition, "it is scheduled")
    accepted = spec.when(answers("l", 202))
    accepted.when(force("l")).then_raises(IllegalTransition, "it is accepted")
    spec = spec.when(answers("a"))
    spec.when(force("a")).then_raises(IllegalTransition, "it is succeeded")
    spec.when(force("nope")).then_raises(NotFound, "no step 'nope'")


@pytest.mark.parametrize("force", FORCES)
def test_a_step_is_forced_once(force: Callable[[str], Asking]):
    spec = given(CHAIN).when(advance()).when(skips("b"))
    spec.when(force("b")).then_raises(IllegalTransition, "it was skipped already")
    spec = given(dag(wait("w", "k"))).when(advance())
    spec = spec.when(c.SendEvent(ref="w", visit=1, attempt=1, now=START))
    spec.when(force("w")).then_raises(IllegalTransition, "it was received already")


@pytest.mark.parametrize("force", FORCES)
def test_no_step_of_a_run_that_ends_or_has_ended_is_forced(force: Callable[[str], Asking]):
    spec = given(CHAIN).when(advance())
    canceling = spec.when(c.RequestCancel())
    canceling.when(force("b")).then_raises(IllegalTransition, "the run is being canceled")
    unwinding = given(dag(needing("a"), needing("x"), needing("b", "a"))).when(advance())
    unwinding = unwinding.when(answers("x", 500))
    unwinding.when(force("b")).then_raises(IllegalTransition, "the run is unwinding")
    ended = spec.when(answers("a", 500))
    ended.when(force("b")).then_raises(IllegalTransition, "the run is failed")


def test_a_step_of_a_path_cannot_be_forced():
    spec = given(path(needing("a", next="b"), sleep("b"))).when(advance()).when(answers("a"))
    spec.when(skips("b")).then_raises(IllegalTransition, "a step of a path")


def test_what_is_forced_during_a_pause_takes_effect_at_resume():
    spec = given(dag(wait("w", "k"), needing("a", "w"))).when(advance())
    spec = spec.when(c.RequestPause()).when(completes("w", 3)).when(advance()).then_nothing()
    spec = spec.when(c.RequestResume()).when(advance())
    spec.then_has(has(e.StepSucceeded, ref="w", output=3), has(e.StepScheduled, ref="a"))


def test_a_step_can_be_forced_before_the_run_has_begun():
    spec = given(CHAIN).when(completes("a", 1)).when(advance())
    spec.then_has(
        has(e.ExecutionStarted), has(e.StepSucceeded, ref="a"), has(e.StepScheduled, ref="b")
    )


def test_a_completed_step_sends_its_event_and_is_undone_like_any_other():
    step = needing("b", "a", undo=True, emit_key="k")
    spec = given(dag(needing("a"), step)).when(advance()).when(completes("b", 1)).when(advance())
    spec = spec.then_has(has(e.StepScheduled, ref="b", phase="emit", key="k"))
    spec = spec.when(answers("a", 500)).then_has(has(e.StepScheduled, ref="b", phase="down"))


def test_a_forced_step_can_be_reset_and_runs_then():
    spec = given(CHAIN).when(advance()).when(skips("b")).when(advance()).when(answers("a"))
    spec = spec.when(answers("c", 500)).when(c.RequestStepReset(ref="b")).when(advance())
    spec.then_has(has(e.StepScheduled, ref="b"))


# One at a time.


def test_of_the_steps_with_one_concurrency_key_one_is_open():
    definition = dag(
        needing("a", concurrency_key="db"), needing("b", concurrency_key="db"), needing("x")
    )
    spec = given(definition).when(advance())
    assert [event.ref for event in spec.events if isinstance(event, e.StepScheduled)] == ["a", "x"]
    spec = spec.when(answers("x")).then_not(e.StepScheduled)
    spec.when(answers("a")).then_has(has(e.StepScheduled, ref="b"))


def test_a_step_that_was_held_back_begins_also_after_a_failure():
    first = needing("a", concurrency_key="db", on_failure="skip_dependents")
    definition = dag(first, needing("b", concurrency_key="db"))
    spec = given(definition).when(advance()).when(answers("a", 500))
    spec.then_has(has(e.StepScheduled, ref="b"))


# A new run that retries another.


def test_a_new_run_keeps_what_the_old_one_had_done():
    definition = dag(needing("a"), needing("b", "a"), needing("c", "b"))
    old = given(definition).when(advance()).when(answers("a", 200, {"n": 1}))
    old = old.when(answers("b", 500)).then_is("failed")
    first = first_of(definition, kept=kept_of(old.state), retry_of=EXECUTION)
    new = Spec(fold(absent(EXECUTION, definition), [first]), START).when(advance())
    new.then(
        has(e.ExecutionStarted),
        has(e.StepSucceeded, ref="a", attempt=0, output={"n": 1}),
        has(e.StepScheduled, ref="b", attempt=1),
    )
    step = new.state.of("a")
    assert step is not None
    assert step.exchange is not None
    assert step.exchange.status == 200


def test_a_new_run_does_again_what_was_undone():
    definition = dag(needing("a", undo=True), needing("b", "a"))
    old = given(definition).when(advance()).when(answers("a")).when(answers("b", 500))
    old = old.when(answers("a", phase="down")).then_is("failed")
    assert kept_of(old.state) == {}


def test_a_kept_step_sends_no_event_and_can_be_reset():
    definition = dag(needing("a", emit_key="k"), needing("b", "a"))
    old = given(definition).when(advance()).when(answers("a")).when(answers("b", 500))
    first = first_of(definition, kept=kept_of(old.state))
    new = Spec(fold(absent(EXECUTION, definition), [first]), START).when(advance())
    assert new.state.of("a", "emit") is None
    new = new.when(answers("b", 500)).when(c.RequestStepReset(ref="a")).when(advance())
    new.then_has(has(e.StepScheduled, ref="a", attempt=1))


@pytest.mark.parametrize("status", ["pending", "running", "paused", "succeeded"])
def test_only_a_run_that_ended_without_success_is_retried(status: str):
    spec = given(dag(needing("a"))).when(advance())
    with pytest.raises(IllegalTransition, match=f"it is {status}"):
        kept_of(replace(spec.state, status=status))


def test_a_run_expires_at_the_instant_that_it_was_given():
    definition = dag(needing("a"), run_timeout=100.0)
    first = first_of(definition, expires=START + 5)
    spec = Spec(fold(absent(EXECUTION, definition), [first]), START).when(advance())
    spec.when(advance(), at=4.9).then_nothing()
    spec.when(advance(), at=5.0).then_has(has(e.UnwindingStarted, outcome="timed_out"))


@pytest.mark.parametrize("force", FORCES)
def test_a_sleep_that_is_settled_when_its_run_is_canceled_ends_with_the_run(
    force: Callable[[str], Asking],
):
    spec = given(dag(sleep("s", 5.0))).when(advance()).when(force("s"), at=1.0)
    spec = spec.when(c.RequestCancel()).when(advance(), at=6.0)
    spec.then_has(has(e.StepCanceled, ref="s"), has(e.ExecutionCanceled))
    spec.then_not(e.StepSucceeded)
