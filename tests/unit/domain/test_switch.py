"""A switch takes its first truthy case; what cannot be evaluated fails the run with the reason."""

from mainspring.domain.execution import events as e
from mainspring.domain.execution.commands import RequestRetry
from mainspring.testing.shapes import again, path, sleep, switch, task
from mainspring.testing.spec import Spec, advance, answers, given, has

BIG = {">": [{"var": "payload.amount"}, 100]}
BROKEN = {"no such operator": 1}


def routed(*cases: tuple[object, str], payload: object = None) -> Spec:
    definition = path(
        switch("s", *cases, default="z"), task("x", next=None), task("y", next=None), task("z")
    )
    return given(definition, payload=payload).when(advance())


def test_the_first_truthy_case_is_taken():
    routed((False, "x"), (BIG, "y"), (True, "z"), payload={"amount": 101}).then(
        has(e.ExecutionStarted),
        has(e.StepRouted, ref="s", target="y", case=1),
        has(e.StepScheduled, ref="y"),
    )


def test_without_a_truthy_case_the_default_is_taken():
    routed((BIG, "x"), (0, "y"), payload={"amount": 1}).then_has(
        has(e.StepRouted, target="z", case=None), has(e.StepScheduled, ref="z")
    )


def test_a_case_that_cannot_be_evaluated_fails_the_run_with_the_reason():
    spec = routed((False, "x"), (BROKEN, "y")).then(
        has(e.ExecutionStarted),
        has(e.StepFailed, ref="s", fault="expression", retry_at=None),
        has(e.ExecutionFailed),
    )
    assert "s: cases[1].when cannot be evaluated" in (spec.state.reason or "")


def test_a_case_after_the_one_that_holds_is_not_evaluated():
    routed((True, "x"), (BROKEN, "y")).then_has(has(e.StepRouted, target="x"))


def test_a_policy_does_not_try_a_broken_case_again():
    definition = path(switch("s", (BROKEN, "a"), default="a"), task("a"), retry=again(5))
    given(definition).when(advance()).then_has(has(e.StepFailed, retry_at=None)).then_is("failed")


def test_a_retry_of_the_run_evaluates_the_case_anew():
    definition = path(task("a"), switch("s", (BROKEN, "b"), default="b"), task("b"))
    spec = given(definition).when(advance()).when(answers("a")).then_is("failed")
    spec.when(RequestRetry()).when(advance()).then_has(
        has(e.StepReset, ref="s"), has(e.StepFailed, ref="s"), has(e.ExecutionFailed)
    )


def test_a_case_sees_the_results_of_earlier_steps():
    rule = {"==": [{"var": "nodes.a.response.body.kind"}, "express"]}
    definition = path(
        task("a"), switch("s", (rule, "x"), default="y"), task("x", next=None), task("y")
    )
    spec = given(definition).when(advance())
    spec.when(answers("a", 200, {"kind": "express"})).then_has(has(e.StepScheduled, ref="x"))
    spec.when(answers("a", 200, {"kind": "slow"})).then_has(has(e.StepScheduled, ref="y"))


def test_a_switch_knows_the_step_before_it_as_prev_and_by_order_of_completion():
    first = {"==": [{"var": "prev.body"}, "b"]}
    second = {"==": [{"var": "step.0.body"}, "a"]}
    definition = path(
        task("a"),
        task("b"),
        switch("s", ({"and": [first, second]}, "x"), default="y"),
        task("x", next=None),
        task("y"),
    )
    spec = given(definition).when(advance()).when(answers("a", 200, "a"))
    spec.when(answers("b", 200, "b")).then_has(has(e.StepScheduled, ref="x"))


def loop(max_visits: int = 10_000) -> Spec:
    more = {"<": [{"var": "nodes.a.response.body"}, 3]}
    definition = path(
        task("a"), switch("s", (more, "a"), default="b"), task("b"), max_visits=max_visits
    )
    return given(definition).when(advance())


def test_a_loop_visits_a_step_anew_with_a_fresh_count_of_attempts():
    spec = loop().when(answers("a", 200, 1)).then_has(has(e.StepScheduled, ref="a", visit=2))
    spec = spec.when(answers("a", 200, 2)).then_has(has(e.StepScheduled, visit=3, attempt=1))
    spec.when(answers("a", 200, 3)).then_has(has(e.StepScheduled, ref="b", visit=1))


def test_more_visits_than_the_limit_fail_the_run():
    spec = loop(max_visits=4).when(answers("a", 200, 1)).when(answers("a", 200, 1))
    spec.then_has(
        has(e.StepFailed, ref="a", visit=3, fault="visits"),
        has(e.ExecutionFailed, reason="more than 4 node visits"),
    )


def test_ten_thousand_visits_are_the_limit_where_a_definition_says_nothing():
    assert path(task("a")).max_visits == 10_000


def test_a_loop_of_switches_alone_comes_to_its_end_over_several_decisions():
    definition = path(switch("s", (True, "r"), default="r"), switch("r", (True, "s"), default="s"))
    spec, decisions = given(definition), 0
    while not spec.state.is_terminal:
        spec, decisions = spec.when(advance()), decisions + 1
        assert decisions < 12
    spec.then_is("failed", reason="more than 10,000 node visits")


def test_a_loop_sleeps_again_at_each_visit():
    definition = path(sleep("z", 5.0), switch("s", (True, "z"), default="z"))
    spec = given(definition).when(advance()).when(advance(), at=5.0)
    spec.then_has(has(e.StepSlept, ref="z", visit=2)).when(advance(), at=9.0).then_nothing()
