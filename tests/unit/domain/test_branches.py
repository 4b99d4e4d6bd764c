"""A split makes branches that are blind to one another; their join sees what became of each."""

from mainspring.domain.definition import Definition
from mainspring.domain.execution import events as e
from mainspring.domain.execution.commands import RequestRetry
from mainspring.domain.execution.outlook import outlook
from mainspring.testing.shapes import again, join, later, path, sleep, split, switch, task
from mainspring.testing.spec import Spec, advance, answers, given, has

BROKEN = {"no such operator": 1}


def forked(**joined: object) -> Definition:
    return path(
        task("a", undo=True),
        split("f", "b", "c", join="j"),
        task("b", next="j", undo=True),
        task("c", next="j"),
        join("j", **joined),
        task("z"),
    )


def in_branches(**joined: object) -> Spec:
    return given(forked(**joined)).when(advance()).when(answers("a", 200, "A"))


def test_a_split_begins_all_its_branches_at_once():
    in_branches().then_has(
        has(e.StepSplit, ref="f", token="t", tokens=("t/2.0", "t/2.1")),
        has(e.StepScheduled, ref="b", token="t/2.0"),
        has(e.StepScheduled, ref="c", token="t/2.1"),
    )


def test_the_join_waits_for_every_branch_and_records_what_they_gave():
    in_branches().when(answers("c", 200, "C")).then_not(e.StepScheduled).when(
        answers("b", 200, "B")
    ).then(
        has(e.StepStarted),
        has(e.StepSucceeded, ref="b"),
        has(
            e.StepSucceeded,
            ref="j",
            output={
                "expected": 2,
                "allSucceeded": True,
                "branches": [
                    {"branchId": "t/2.0", "status": "SUCCEEDED", "result": "B"},
                    {"branchId": "t/2.1", "status": "SUCCEEDED", "result": "C"},
                ],
            },
        ),
        has(e.StepScheduled, ref="z", token="t"),
    )


def test_a_run_in_its_branches_waits_for_the_join():
    assert outlook(in_branches().state).waiting_for == "join"


def test_a_branch_whose_path_ends_has_arrived():
    definition = path(
        split("f", "b", "c", join="j"), task("b", next=None), task("c", next="j"), join("j")
    )
    spec = given(definition).when(advance()).when(answers("b")).when(answers("c"))
    spec.then_has(has(e.StepSucceeded, ref="j"), has(e.ExecutionSucceeded, result="j"))


def test_a_branch_that_leads_straight_to_the_join_has_arrived():
    definition = path(split("f", "b", "j", join="j"), task("b", next="j"), join("j"))
    spec = given(definition).when(advance()).when(answers("b"))
    spec.then_has(has(e.StepSucceeded, ref="j")).then_is("succeeded")


def sees(ref: str) -> dict[str, object]:
    return {"!!": [{"var": f"nodes.{ref}"}]}


def looking(*, at: str) -> Definition:
    """Return a definition whose branch `c` looks at a step before it goes on."""
    return path(
        task("a"),
        split("f", "b", "s0", join="j"),
        task("b", next="j"),
        sleep("s0", 5.0, next="s"),
        switch("s", (sees(at), "seen"), default="unseen"),
        task("seen", next="j"),
        task("unseen", next="j"),
        join("j"),
        switch("s2", (sees(at), "yes"), default="no"),
        task("yes", next=None),
        task("no", next=None),
    )


def test_a_branch_does_not_see_the_results_of_its_siblings():
    spec = given(looking(at="b")).when(advance()).when(answers("a")).when(answers("b"))
    spec.when(advance(), at=5.0).then_has(has(e.StepRouted, target="unseen"))


def test_a_branch_sees_what_was_done_before_the_split():
    spec = given(looking(at="a")).when(advance()).when(answers("a"))
    spec.when(advance(), at=5.0).then_has(has(e.StepRouted, target="seen"))


def test_after_the_join_all_branches_are_seen():
    spec = given(looking(at="b")).when(advance()).when(answers("a")).when(answers("b"))
    spec = spec.when(advance(), at=5.0).when(answers("unseen"), at=5.0)
    spec.then_has(has(e.StepRouted, ref="s2", target="yes"))


def test_a_failed_branch_fails_the_run_and_the_completed_steps_of_all_are_undone():
    spec = in_branches().when(answers("b")).when(answers("c", 500))
    spec.then_has(
        has(e.UnwindingStarted, reason="node=c status=500"),
        has(e.StepScheduled, ref="b", phase="down"),
    )
    spec = spec.when(answers("b", phase="down"))
    spec.then_has(has(e.StepScheduled, ref="a", phase="down"))
    spec.when(answers("a", phase="down")).then_is("failed")


def test_what_is_in_flight_in_a_sibling_is_awaited_before_anything_is_undone():
    spec = in_branches().when(answers("c", 500)).then_has(has(e.UnwindingStarted))
    spec = spec.then_not(e.StepScheduled, e.StepCanceled).when(answers("b"))
    spec.then_has(has(e.StepSucceeded, ref="b"), has(e.StepScheduled, ref="b", phase="down"))


def test_what_only_waits_in_a_sibling_is_closed_at_once():
    definition = path(
        split("f", "x", "s", "l", "r", join="j"),
        task("x", next="j"),
        sleep("s", 99.0, next="j"),
        later("l", next="j"),
        task("r", next="j", retry=again(3, delay=50.0)),
        join("j"),
    )
    spec = given(definition).when(advance()).when(answers("l", 202)).when(answers("r", 500))
    spec.when(answers("x", 500)).then(
        has(e.StepStarted),
        has(e.StepFailed, ref="x"),
        has(e.UnwindingStarted),
        has(e.StepCanceled, ref="s"),
        has(e.StepCanceled, ref="l"),
        has(e.StepCanceled, ref="r"),
        has(e.ExecutionFailed),
    )


def test_a_failure_in_flight_is_not_tried_again_once_the_run_unwinds():
    definition = path(
        split("f", "x", "r", join="j"),
        task("x", next="j"),
        task("r", next="j", retry=again(3)),
        join("j"),
    )
    spec = given(definition).when(advance()).when(answers("x", 500)).when(answers("r", 500))
    spec.then_has(has(e.StepFailed, ref="r", retry_at=None), has(e.ExecutionFailed))


def test_a_join_that_continues_tolerates_a_failed_branch_and_says_so():
    spec = in_branches(on_branch_failure="continue").when(answers("c", 500))
    spec = spec.then_not(e.UnwindingStarted, e.ExecutionFailed).when(answers("b", 200, "B"))
    spec.then_has(
        has(
            e.StepSucceeded,
            ref="j",
            output={
                "expected": 2,
                "allSucceeded": False,
                "branches": [
                    {"branchId": "t/2.0", "status": "SUCCEEDED", "result": "B"},
                    {
                        "branchId": "t/2.1",
                        "status": "FAILED",
                        "failureDescription": "node=c status=500",
                    },
                ],
            },
        ),
        has(e.StepScheduled, ref="z"),
    )


def test_a_retry_of_the_run_leaves_a_tolerated_failure_as_it_is():
    spec = in_branches(on_branch_failure="continue").when(answers("c", 500)).when(answers("b"))
    spec = spec.when(answers("z", 500))
    for ref in ("b", "a"):
        spec = spec.when(answers(ref, phase="down"))
    spec = spec.then_is("failed").when(RequestRetry()).when(advance())
    spec.then(has(e.ExecutionReopened), has(e.StepReset, ref="z"), has(e.StepScheduled, ref="z"))
    spec.step_is("c", "failed")


def test_a_retry_goes_on_in_each_branch_where_it_stood():
    definition = path(
        split("f", "b", "c", "d", join="j"),
        task("b", next="j"),
        task("c", next="c2"),
        task("c2", next="j"),
        sleep("d", 99.0, next="j"),
        join("j"),
    )
    spec = given(definition).when(advance()).when(answers("b", 500)).when(answers("c"))
    spec = spec.then_is("failed").when(RequestRetry()).when(advance())
    spec.then(
        has(e.ExecutionReopened),
        has(e.StepReset, ref="b"),
        has(e.StepReset, ref="d"),
        has(e.StepScheduled, ref="b", attempt=2),
        has(e.StepScheduled, ref="c2"),
        has(e.StepSlept, ref="d"),
    )


def nested(inner: str) -> Definition:
    return path(
        split("f", "g", "x", join="j"),
        split("g", "b", "c", join="k"),
        task("b", next="k"),
        task("c", next="k"),
        join("k", next="j", on_branch_failure=inner),
        task("x", next="j"),
        join("j", on_branch_failure="continue"),
        task("z"),
    )


def test_a_split_within_a_branch_is_joined_within_it():
    spec = given(nested("fail")).when(advance()).when(answers("b")).when(answers("x"))
    spec = spec.then_not(e.StepScheduled).when(answers("c"))
    spec.then_has(
        has(e.StepSucceeded, ref="k", token="t/1.0"),
        has(e.StepSucceeded, ref="j", token="t"),
        has(e.StepScheduled, ref="z"),
    )


def test_an_inner_join_that_fails_is_not_saved_by_an_outer_one_that_continues():
    given(nested("fail")).when(advance()).when(answers("b", 500)).then_has(has(e.UnwindingStarted))


def test_an_inner_join_that_continues_keeps_the_failure_inside():
    spec = given(nested("continue")).when(advance()).when(answers("b", 500)).when(answers("c"))
    spec = spec.then_has(has(e.StepSucceeded, ref="k")).when(answers("x"))
    spec.then_has(has(e.StepSucceeded, ref="j"), has(e.StepScheduled, ref="z"))


def test_of_branches_that_fail_at_one_instant_the_first_gives_the_reason():
    names = [f"s{n}" for n in range(9)]
    branches = [switch(name, (BROKEN, "j"), default="j") for name in names]
    definition = path(split("f", *names, join="j"), *branches, join("j"))
    reason = given(definition).when(advance()).then_is("failed").state.reason
    assert (reason or "").startswith("node s0:")


def test_a_split_in_a_loop_makes_new_branches_at_each_visit():
    more = {"==": [{"var": "nodes.b.response.body"}, "more"]}
    definition = path(
        split("f", "b", "c", join="j"),
        task("b", next="j"),
        task("c", next="j"),
        join("j"),
        switch("s", (more, "f"), default="z"),
        task("z"),
    )
    spec = given(definition).when(advance()).when(answers("b", 200, "more")).when(answers("c"))
    spec = spec.then_has(
        has(e.StepSplit, ref="f", visit=2),
        has(e.StepScheduled, ref="b", visit=2),
        has(e.StepScheduled, ref="c", visit=2),
    )
    spec = spec.when(answers("b", 200, "enough")).when(answers("c"))
    spec.then_has(has(e.StepSucceeded, ref="j", visit=2), has(e.StepScheduled, ref="z"))


def test_while_a_run_with_branches_is_undone_it_waits_for_tasks_and_not_for_the_join():
    undoing = in_branches().when(answers("b")).when(answers("c", 500)).then_is("unwinding")
    assert outlook(undoing.state).waiting_for == "task"
