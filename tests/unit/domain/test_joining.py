"""The join of a dag: it ends with its branches, gives what they gave, and fails as they do."""

import pytest

from mainspring.domain.definition import Step
from mainspring.domain.execution import events as e
from mainspring.domain.execution.explain import explain
from mainspring.domain.execution.kept import kept_of
from mainspring.domain.message import Json, replace
from mainspring.testing.readiness import Readiness
from mainspring.testing.shapes import child, dag, each, guard, join, needing, sleep, task
from mainspring.testing.spec import Asking, Spec, advance, answers, given, has

TWO = {"left": ("l1", "l2"), "right": ("r",)}


def joining(ref: str, branches: dict[str, tuple[str, ...]], **fields: Json) -> Step:
    """Return the join of branches that run beside each other."""
    refs = tuple(one for inner in branches.values() for one in inner)
    return join(ref, joins=branches, needs=refs, awaits=refs, **fields)


def fails(ref: str) -> Asking:
    return answers(ref, 500)


def branching(*more: Step, **fields: Json) -> Spec:
    """Return a run that has begun two branches, of which one has two steps."""
    steps = [
        joining("both", TWO, **fields),
        task("l1", on_failure="skip_dependents"),
        needing("l2", "l1", on_failure="skip_dependents"),
        task("r", on_failure="skip_dependents"),
    ]
    return given(dag(*steps, *more)).when(advance())


def test_a_join_ends_with_the_last_step_of_its_branches_and_gives_what_they_gave():
    spec = branching(needing("after", "both"))
    spec = spec.when(answers("l1", 200, {"n": 1})).when(answers("r", 200, {"n": 3}))
    assert spec.state.of("both") is None
    spec = spec.when(answers("l2", 200, {"n": 2}))
    output = {"left": {"l1": {"n": 1}, "l2": {"n": 2}}, "right": {"n": 3}}
    spec.then_has(
        has(e.StepSucceeded, ref="both", visit=1, attempt=1, output=output),
        has(e.StepScheduled, ref="after"),
    )


def test_a_join_fails_with_its_branches_and_keeps_what_the_others_gave():
    spec = branching().when(fails("l1")).when(answers("r", 200, {"n": 3}))
    spec.then_has(
        has(e.StepFailed, ref="both", fault="branches", output={"left": None, "right": {"n": 3}}),
        has(e.ExecutionFailed),
    )
    assert "both: 1 of 2 branches failed: left: l1: " in (spec.state.reason or "")


def test_a_failed_join_that_is_tolerated_lets_what_needs_it_go_on():
    spec = branching(needing("after", "both"), on_failure="continue")
    spec = spec.when(answers("r")).when(fails("l1"))
    spec.then_has(has(e.StepFailed, ref="both"), has(e.StepScheduled, ref="after"))


def test_a_failure_that_is_tolerated_is_left_out_of_what_its_branch_gives():
    branches = {"a": ("x", "y"), "b": ("z",)}
    steps = [task(name, on_failure="continue") for name in ("x", "y", "z")]
    spec = given(dag(joining("all", branches), *steps)).when(advance())
    spec = spec.when(fails("x")).when(answers("y", 200, 1)).when(fails("z"))
    spec.then_has(has(e.StepSucceeded, ref="all", output={"a": {"y": 1}, "b": None}))


def test_a_join_whose_own_condition_is_false_is_skipped_with_nothing_of_it():
    spec = branching(when=guard({"==": [1, 2]}))
    spec = spec.when(answers("l1")).when(answers("r")).when(answers("l2"))
    spec.then_has(has(e.StepSkipped, ref="both"))


def test_a_failure_before_a_join_that_is_none_of_its_branches_cuts_it():
    first = task("first", on_failure="skip_dependents")
    inner = needing("x", "first", on_failure="skip_dependents")
    last = replace(joining("all", {"a": ("x",)}), needs=("first", "x"))
    spec = given(dag(first, inner, last)).when(advance()).when(fails("first"))
    spec.then_has(has(e.StepSkipped, ref="x"), has(e.StepSkipped, ref="all"))


def test_a_step_only_awaits_what_is_said_to_be_awaited():
    after = replace(needing("after", "x"), awaits=("x",))
    spec = given(dag(task("x", on_failure="skip_dependents"), after)).when(advance())
    spec.when(fails("x")).then_has(has(e.StepScheduled, ref="after"))


def test_each_item_of_a_loop_has_joins_of_its_own():
    inner = [joining("both", {"l": ("x",), "r": ("y",)}), task("x"), task("y")]
    spec = given(dag(each("all", [1, 2], *inner, concurrency=2))).when(advance())
    spec = spec.when(answers("all[1].x", 200, 1)).when(answers("all[1].y", 200, 2))
    spec.then_has(has(e.StepSucceeded, ref="all[1].both", output={"l": 1, "r": 2}))
    assert spec.state.of("all[0].both") is None


def test_a_join_waits_for_what_is_open_of_its_branches():
    branches = {"a": ("nap",), "b": ("other",)}
    spec = given(dag(joining("all", branches), sleep("nap", 9.0), child("other"))).when(advance())
    (why,) = [one for one in explain(spec.state).steps if one.ref == "all"]
    assert (why.cause.waiting_for, why.cause.refs) == ("needs", ("nap", "other"))


def test_a_run_that_retries_another_asks_the_branches_again_what_they_came_to():
    spec = branching(needing("after", "both")).when(answers("l1")).when(answers("r"))
    spec = spec.when(answers("l2")).when(fails("after")).then_has(has(e.ExecutionFailed))
    assert list(kept_of(spec.state)) == ["l1", "r", "l2"]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([e.StepSucceeded(ref="j", attempt=1, at=1.0)], "j ends before x, which it waits for"),
        (
            [e.StepFailed(ref="x", reason="", at=1.0), e.StepSucceeded(ref="j", attempt=1, at=1.0)],
            "j succeeds, and of its branches failed ['x']",
        ),
        (
            [
                e.StepSucceeded(ref="x", at=1.0),
                e.StepFailed(ref="j", attempt=1, reason="", fault="branches", at=1.0),
            ],
            "j fails, and of its branches failed []",
        ),
    ],
)
def test_the_checker_holds_a_join_to_its_branches(events: list[e.Event], said: str):
    readiness = Readiness(dag(joining("j", {"a": ("x",)}), task("x")))
    found = [fault.why for event in events for fault in readiness.note(event)]
    assert found == [said]
