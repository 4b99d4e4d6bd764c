"""A step of a dag goes when all that it needs is settled, computed anew after every change."""

import pytest

from mainspring.domain.execution import events as e
from mainspring.domain.execution.commands import RequestCancel, RequestRetry
from mainspring.testing.shapes import again, dag, needing, sleep
from mainspring.testing.spec import Spec, advance, answers, given, has

DIAMOND = dag(needing("a"), needing("b", "a"), needing("c", "a"), needing("d", "b", "c"))


def scheduled(spec: Spec) -> list[str]:
    return [event.ref for event in spec.events if isinstance(event, e.StepScheduled)]


def skipped(spec: Spec) -> dict[str, str]:
    return {event.ref: event.reason for event in spec.events if isinstance(event, e.StepSkipped)}


def test_steps_that_need_nothing_begin_together_in_the_order_of_the_definition():
    assert scheduled(given(dag(needing("b"), needing("a"))).when(advance())) == ["b", "a"]


def test_a_step_goes_when_all_that_it_needs_is_done():
    spec = given(DIAMOND).when(advance())
    assert scheduled(spec) == ["a"]
    spec = spec.when(answers("a"))
    assert scheduled(spec) == ["b", "c"]
    spec = spec.when(answers("c"))
    assert scheduled(spec) == []
    spec = spec.when(answers("b"))
    assert scheduled(spec) == ["d"]
    spec.when(answers("d", 200, "D")).then_is("succeeded", result="d")


def test_a_run_with_several_ends_has_no_single_output():
    spec = given(dag(needing("a"), needing("b"))).when(advance()).when(answers("a"))
    spec.when(answers("b")).then_is("succeeded", result=None)


def test_a_dag_can_sleep():
    spec = given(dag(sleep("s", 5.0), needing("a", "s"))).when(advance())
    spec.when(advance(), at=5.0).then(has(e.StepSucceeded, ref="s"), has(e.StepScheduled, ref="a"))


def test_a_failed_step_fails_the_run_and_what_is_in_flight_is_awaited():
    spec = given(DIAMOND).when(advance()).when(answers("a")).when(answers("b", 500))
    spec = spec.then_has(has(e.UnwindingStarted, reason="b: node=b status=500"))
    spec.when(answers("c")).then_has(has(e.ExecutionFailed)).then_not(e.StepScheduled)


def test_completed_steps_are_undone_in_reverse_order_of_completion():
    definition = dag(needing("a", undo=True), needing("b", undo=True), needing("c", "a", "b"))
    spec = given(definition).when(advance()).when(answers("b")).when(answers("a"))
    spec = spec.when(answers("c", 500)).then_has(has(e.StepScheduled, ref="a", phase="down"))
    spec = spec.when(answers("a", phase="down"))
    spec.then_has(has(e.StepScheduled, ref="b", phase="down"))


SKIPPING = dag(
    needing("a", on_failure="skip_dependents"),
    needing("b", "a"),
    needing("c", "b"),
    needing("x"),
    needing("y", "x", "c"),
    needing("z", "x"),
)


def test_a_failed_step_can_skip_all_that_come_after_it_directly_or_not():
    spec = given(SKIPPING).when(advance()).when(answers("a", 500))
    assert skipped(spec) == dict.fromkeys("bc", "a step that it needs failed")
    spec = spec.then_not(e.UnwindingStarted, e.ExecutionFailed).when(answers("x"))
    assert skipped(spec) == {"y": "a step that it needs failed"}
    assert scheduled(spec) == ["z"]


def test_a_run_that_skipped_for_a_failure_fails_at_its_end():
    spec = given(SKIPPING).when(advance()).when(answers("a", 500)).when(answers("x"))
    spec.when(answers("z")).then_has(has(e.ExecutionFailed, reason="a: node=a status=500"))


def test_a_retry_of_the_run_runs_what_was_skipped_for_the_failure():
    spec = given(SKIPPING).when(advance()).when(answers("a", 500)).when(answers("x"))
    spec = spec.when(answers("z")).when(RequestRetry()).when(advance())
    assert [event.ref for event in spec.events if isinstance(event, e.StepReset)] == list("abcy")
    spec = spec.when(answers("a")).when(answers("b")).when(answers("c"))
    assert scheduled(spec) == ["y"]
    spec.when(answers("y")).then_is("succeeded")


def test_a_failed_step_that_continues_counts_as_satisfied():
    definition = dag(needing("a", on_failure="continue"), needing("b", "a"))
    spec = given(definition).when(advance()).when(answers("a", 500))
    assert scheduled(spec) == ["b"]
    spec.when(answers("b")).then_is("succeeded")


def test_a_retry_of_the_run_leaves_a_failure_that_was_passed_over():
    definition = dag(needing("a", on_failure="continue"), needing("b", "a"))
    spec = given(definition).when(advance()).when(answers("a", 500)).when(answers("b", 500))
    spec = spec.then_is("failed").when(RequestRetry()).when(advance())
    assert scheduled(spec) == ["b"]
    spec.step_is("a", "failed")


def test_a_failed_step_is_tried_again_by_its_policy_before_any_of_this():
    definition = dag(needing("a", on_failure="continue", retry=again(1)), needing("b", "a"))
    given(definition).when(advance()).when(answers("a", 500)).then_not(e.StepScheduled).step_is(
        "a", "retrying"
    )


def test_no_more_steps_are_open_than_may_be():
    definition = dag(*(needing(ref) for ref in "abcd"), max_parallel=2)
    spec = given(definition).when(advance())
    assert scheduled(spec) == ["a", "b"]
    spec = spec.when(answers("b"))
    assert scheduled(spec) == ["c"]
    spec = spec.when(answers("a"))
    assert scheduled(spec) == ["d"]


def test_a_step_that_waits_for_its_retry_keeps_its_place():
    definition = dag(needing("a", retry=again(1)), needing("b"), max_parallel=1)
    spec = given(definition).when(advance()).when(answers("a", 500)).then_not(e.StepScheduled)
    spec = spec.when(advance(), at=1.0).when(answers("a"), at=1.0)
    assert scheduled(spec) == ["b"]


A_BROKE = {"==": [{"var": "nodes.a.status"}, "failed"]}
BIG = {">": [{"var": "payload.amount"}, 100]}
BROKEN = {"no such operator": 1}


@pytest.mark.parametrize(("amount", "runs"), [(101, True), (99, False)])
def test_a_condition_decides_whether_its_step_runs(amount: int, runs: bool):
    spec = given(dag(needing("a", when=BIG)), payload={"amount": amount}).when(advance())
    assert scheduled(spec) == (["a"] if runs else [])
    assert skipped(spec) == ({} if runs else {"a": "its condition is false"})


def test_a_step_whose_condition_is_false_counts_as_satisfied():
    spec = given(dag(needing("a", when=False), needing("b", "a"))).when(advance())
    assert (skipped(spec), scheduled(spec)) == ({"a": "its condition is false"}, ["b"])


def test_a_run_of_which_every_step_is_skipped_succeeds():
    given(dag(needing("a", when=False))).when(advance()).then_has(has(e.ExecutionSucceeded))


def test_a_condition_reads_what_the_steps_before_it_came_to():
    definition = dag(
        needing("a", on_failure="continue"),
        needing("b", "a", when=A_BROKE),
        needing("c", "a", when={"==": [{"var": "nodes.a.response.body.n"}, 7]}),
        needing("d", "b", when={"==": [{"var": "nodes.b.status"}, "skipped"]}),
    )
    broken = given(definition).when(advance()).when(answers("a", 500))
    assert scheduled(broken) == ["b"]
    fine = given(definition).when(advance()).when(answers("a", 200, {"n": 7}))
    assert scheduled(fine) == ["c", "d"]


def test_a_condition_is_not_asked_where_a_failure_skips_the_step():
    definition = dag(needing("a", on_failure="skip_dependents"), needing("b", "a", when=BROKEN))
    spec = given(definition).when(advance()).when(answers("a", 500))
    assert skipped(spec) == {"b": "a step that it needs failed"}


def test_a_condition_that_cannot_be_evaluated_fails_its_step_with_the_reason():
    spec = given(dag(needing("a", when=BROKEN, retry=again(5)), needing("b", "a"))).when(advance())
    spec.then_has(
        has(e.StepFailed, ref="a", fault="expression", retry_at=None), has(e.ExecutionFailed)
    )
    assert "step a: its condition cannot be evaluated" in (spec.state.reason or "")


def test_what_a_broken_condition_leads_to_is_the_steps_own_policy():
    definition = dag(needing("a", when=BROKEN, on_failure="continue"), needing("b", "a"))
    assert scheduled(given(definition).when(advance())) == ["b"]


def test_a_step_that_is_skipped_takes_no_place():
    definition = dag(needing("a", when=False), needing("b"), max_parallel=1)
    assert scheduled(given(definition).when(advance())) == ["b"]


def test_a_condition_waits_for_its_place():
    definition = dag(needing("a"), needing("b", when=False), max_parallel=1)
    spec = given(definition).when(advance())
    assert skipped(spec) == {}
    assert list(skipped(spec.when(answers("a")))) == ["b"]


def test_a_cancel_leaves_what_never_began_as_it_is():
    spec = given(DIAMOND).when(advance()).when(RequestCancel()).when(answers("a"))
    spec.then_has(has(e.ExecutionCanceled)).then_not(e.StepScheduled, e.StepSkipped)
