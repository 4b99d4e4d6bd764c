"""Steps that are done once for each item: each item has steps of its own, like any others."""

import pytest

from mainspring.domain.definition import Step
from mainspring.domain.errors import IllegalTransition, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.explain import explain
from mainspring.domain.execution.kept import kept_of
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.react import Dispatch, StartChild, StopAttempts, react
from mainspring.domain.execution.snapshot import freeze, thaw
from mainspring.domain.message import Json, replace
from mainspring.testing.shapes import (
    again,
    approval,
    call,
    child,
    dag,
    each,
    finishing,
    needing,
    sleep,
    task,
)
from mainspring.testing.spec import START, Spec, advance, answers, given, has

ITEMS = "{{payload.items}}"


def looping(items: Json, *steps: Step, **fields: object) -> Spec:
    """Return a run that has come to its only loop, `all`."""
    loop = each("all", ITEMS, *(steps or (task("do"),)), **fields)  # type: ignore[arg-type]
    return given(dag(loop), payload={"items": items}).when(advance())


def open_steps(spec: Spec) -> list[str]:
    return [state.ref for state in spec.state.open_steps() if state.status != "splitting"]


def test_a_loop_begins_with_its_items_and_the_first_one():
    spec = looping(["a", "b"]).then(
        has(e.ExecutionStarted),
        has(e.StepFannedOut, ref="all", attempt=1, items=("a", "b"), keyed=False),
        has(e.StepScheduled, ref="all[0].do", attempt=1),
    )
    spec = spec.step_is("all", "splitting", kind="each").step_is("all[0].do", "scheduled")
    assert [step.ref for step in spec.state.definition.steps] == ["all", "all[0].do", "all[1].do"]
    assert outlook(spec.state).waiting_for == "task"


def test_a_loop_that_takes_too_long_fails_with_what_it_has_and_closes_the_rest():
    spec = looping(["a", "b", "c", "d"], timeout=60.0, concurrency=2)
    spec = spec.when(answers("all[0].do", 200, {"n": 1}), at=1.0)
    assert outlook(spec.state).wake_at == START + 60
    spec = spec.when(advance(), at=59.9).then_nothing().when(advance(), at=60.0)
    output = {"results": [{"n": 1}, None, None, None], "count": 4, "failed": 0}
    reason = "it took longer than 60 s"
    spec.then_has(
        has(e.StepFailed, ref="all", reason=reason, fault="timeout", output=output, retry_at=None),
        has(e.StepCanceled, ref="all[1].do", reason=reason),
        has(e.StepCanceled, ref="all[2].do", reason=reason),
        has(e.ExecutionFailed, reason=f"all: {reason}"),
    )
    assert open_steps(spec) == []
    (late,) = [event for event in spec.events if isinstance(event, e.StepFailed)]
    assert react(late, spec.state) == [StopAttempts(execution=spec.state.id, within="all")]
    spec.when(answers("all[1].do", attempt=1, visit=1)).then_nothing()


def test_a_loop_in_a_loop_that_takes_too_long_fails_its_item():
    inner = each("in", [1, 2], sleep("nap", 9.0), timeout=5.0)
    spec = looping(["a", "b"], inner).when(advance(), at=5.0)
    spec.then_has(
        has(e.StepFailed, ref="all[0].in", fault="timeout"),
        has(e.StepCanceled, ref="all[0].in[0].nap"),
        has(e.StepFannedOut, ref="all[1].in"),
    )
    spec.when(advance(), at=10.0).then_has(has(e.StepFailed, ref="all", fault="items"))


def test_what_hangs_in_a_loop_that_takes_too_long_is_closed_to_its_depth():
    inner = each("in", [1, 2], sleep("nap", 9.0))
    spec = looping(["a", "b"], inner, timeout=5.0).when(advance(), at=5.0)
    spec.then_has(has(e.StepFailed, ref="all", fault="timeout"), has(e.ExecutionFailed))
    assert list(spec.state.open) == []
    assert spec.state.loops == frozenset()


def test_a_loop_that_was_given_up_goes_on_with_a_time_of_its_own():
    spec = looping(["a", "b"], timeout=60.0).when(answers("all[0].do", 200, {"n": 1}))
    spec = spec.when(advance(), at=60.0).when(c.RequestRetry()).when(advance(), at=100.0)
    spec = spec.then_has(
        has(e.StepFannedOut, ref="all", items=None), has(e.StepScheduled, ref="all[1].do")
    )
    assert outlook(spec.state).wake_at == START + 160
    spec.when(answers("all[1].do", 200, {"n": 2}), at=120.0).then_has(has(e.ExecutionSucceeded))


def test_a_tolerated_loop_that_took_too_long_holds_nobody_up():
    loop = each("all", [1], sleep("nap", 99.0), timeout=5.0, on_failure="continue")
    spec = given(dag(loop, needing("after", "all"))).when(advance()).when(advance(), at=5.0)
    spec.then_has(has(e.StepFailed, ref="all"), has(e.StepScheduled, ref="after"))


def test_items_are_done_in_their_order_and_give_their_outputs():
    spec = looping(["a", "b"]).when(answers("all[0].do", 200, {"n": 1}))
    spec = spec.then_has(has(e.StepScheduled, ref="all[1].do"))
    spec = spec.when(answers("all[1].do", 200, {"n": 2}))
    output = {"results": [{"n": 1}, {"n": 2}], "count": 2, "failed": 0}
    spec.then_has(
        has(e.StepSucceeded, ref="all", output=output), has(e.ExecutionSucceeded, result="all")
    )


def test_a_loop_over_nothing_succeeds_at_once():
    output: dict[str, Json] = {"results": [], "count": 0, "failed": 0}
    nothings: list[Json] = [[], {}]
    for nothing in nothings:
        spec = looping(nothing)
        spec.then_has(has(e.StepSucceeded, ref="all", output=output), has(e.ExecutionSucceeded))


def test_of_an_object_the_items_are_its_entries():
    spec = looping({"x": 1, "y": 2})
    spec.then_has(
        has(
            e.StepFannedOut,
            keyed=True,
            items=({"key": "x", "value": 1}, {"key": "y", "value": 2}),
        )
    )


def test_a_batch_is_a_list_of_so_many():
    spec = looping([1, 2, 3, 4, 5], batch=2)
    spec.then_has(has(e.StepFannedOut, items=([1, 2], [3, 4], [5])))


@pytest.mark.parametrize("wrong", [None, "text", 7, True, 1.5])
def test_what_is_no_list_and_no_object_fails_the_step_with_the_reason(wrong: Json):
    spec = looping(wrong).then_has(has(e.StepFailed, ref="all", fault="expression"))
    assert "no list and no object" in str(spec.state.reason)


def test_too_many_items_fail_the_step_with_the_count():
    spec = looping(list(range(10_001))).then_is("failed")
    assert "10,001 items, at most 10,000" in str(spec.state.reason)


@pytest.mark.parametrize(("most", "open_"), [(1, 1), (2, 2), (4, 4), (None, 4)])
def test_so_many_items_are_under_way_at_once(most: int | None, open_: int):
    spec = looping([1, 2, 3, 4], concurrency=most)
    assert len(open_steps(spec)) == open_
    spec = spec.when(answers("all[0].do"))
    assert len(open_steps(spec)) == min(open_, 3)


def test_the_bounds_of_the_run_hold_for_items_too():
    loop = each("all", [1, 2, 3], task("do"), concurrency=None)
    spec = given(dag(loop, needing("other"), max_parallel=2)).when(advance())
    assert open_steps(spec) == ["other", "all[0].do"]
    keyed = each("all", [1, 2], task("do", concurrency_key="k"), concurrency=None)
    spec = given(dag(keyed)).when(advance())
    assert open_steps(spec) == ["all[0].do"]
    assert open_steps(spec.when(answers("all[0].do"))) == ["all[1].do"]


def test_a_loop_holds_no_key_of_its_own():
    loop = each("all", [1], task("do", concurrency_key="k"), concurrency_key="k")
    assert open_steps(given(dag(loop, max_parallel=1)).when(advance())) == ["all[0].do"]


def test_the_steps_of_an_item_wait_for_each_other_and_for_no_other_item():
    spec = looping(["a", "b"], needing("x"), needing("y", "x"), concurrency=2)
    spec = spec.when(answers("all[1].x"))
    assert open_steps(spec) == ["all[0].x", "all[1].y"]
    spec = spec.when(answers("all[1].y", 200, "y1")).when(answers("all[0].x", 200, "x0"))
    spec = spec.when(answers("all[0].y", 200, "y0")).then_is("succeeded")
    results = [{"x": "x0", "y": "y0"}, {"x": None, "y": "y1"}]
    spec.then_has(has(e.StepSucceeded, output={"results": results, "count": 2, "failed": 0}))


def test_expressions_see_the_item_and_what_was_done_for_it():
    seen = replace(
        call("y"), body={"i": "{{item}}", "n": "{{index}}", "x": "{{outputs.x}}"}, has_body=True
    )
    spec = looping(["a", "b"], needing("x"), needing("y", "x", request=seen), concurrency=2)
    spec = spec.when(answers("all[0].x", 200, "x0")).when(answers("all[1].x", 200, "x1"))
    (sent,) = [one for one in react(spec.events[-1], spec.state) if isinstance(one, Dispatch)]
    assert sent.task.call.ref == "all[1].y"
    assert sent.task.values == {"item": "b", "index": 1, "outputs": {"x": "x1"}}


def test_expressions_see_the_key_of_an_entry():
    seen = replace(call("do"), body={"k": "{{key}}", "v": "{{item.value}}"}, has_body=True)
    spec = looping({"x": 1}, task("do", request=seen))
    (sent,) = [one for one in react(spec.events[-1], spec.state) if isinstance(one, Dispatch)]
    assert sent.task.values == {"key": "x", "item": {"value": 1}}


def test_a_condition_is_judged_for_each_item():
    spec = looping([1, 5, 2], needing("do", when={">": [{"var": "item"}, 3]}))
    spec = spec.step_is("all[0].do", "skipped").step_is("all[1].do", "scheduled")
    spec = spec.when(answers("all[1].do", 200, "five")).then_is("succeeded")
    results = [None, "five", None]
    spec.then_has(has(e.StepSucceeded, output={"results": results, "count": 3, "failed": 0}))


def test_an_item_is_tried_again_by_its_steps_policy():
    spec = looping(["a", "b"], task("do", retry=again(1, delay=5.0)))
    spec = spec.when(answers("all[0].do", 500)).step_is("all[0].do", "retrying")
    assert outlook(spec.state) == ("retry", START + 5)
    spec = spec.when(advance(), at=5.0).step_is("all[0].do", "scheduled", attempt=2)
    spec.when(answers("all[0].do", 500)).step_is("all[1].do", "scheduled")


def test_a_failed_item_fails_the_loop_when_all_are_through():
    spec = looping(["a", "b", "c"]).when(answers("all[0].do", 500)).then_not(e.ExecutionFailed)
    spec = spec.when(answers("all[1].do", 200, 1)).when(answers("all[2].do", 404))
    output = {"results": [None, 1, None], "count": 3, "failed": 2}
    reason = (
        "2 of 3 items failed: all[0].do: node=all[0].do status=500; "
        "all[2].do: node=all[2].do status=404"
    )
    spec.then_has(has(e.StepFailed, ref="all", fault="items", reason=reason, output=output))
    spec.then_is("failed", reason=f"all: {reason}").step_is("all", "failed", output=output)


def test_of_many_failed_items_the_first_are_named():
    spec = looping([1, 2, 3, 4, 5])
    for n in range(5):
        spec = spec.when(answers(f"all[{n}].do", 500))
    assert str(spec.state.reason).startswith("all: 5 of 5 items failed: all[0].do:")
    assert str(spec.state.reason).endswith("; and 2 more")


def test_a_tolerated_failure_fails_no_item():
    spec = looping(["a"], task("do", on_failure="continue")).when(answers("all[0].do", 500))
    spec.then_has(
        has(e.StepSucceeded, output={"results": [None], "count": 1, "failed": 0})
    ).then_is("succeeded")


def test_a_tolerated_loop_lets_the_run_go_on():
    loop = each("all", ["a"], task("do"), on_failure="continue")
    spec = given(dag(loop, needing("b", "all"))).when(advance()).when(answers("all[0].do", 500))
    spec.step_is("all", "failed").step_is("b", "scheduled")


def test_in_a_failed_item_nothing_begins_and_what_only_waits_is_closed():
    spec = looping(["a"], task("x"), approval("ok"), needing("y"), needing("z", "y"))
    spec = spec.when(answers("all[0].x", 500))
    spec = spec.step_is("all[0].ok", "canceled", reason="another step of its item failed")
    spec = spec.step_is("all[0].y", "scheduled").step_is("all[0].z", "skipped")
    spec.step_is("all", "splitting").when(answers("all[0].y")).then_is("failed")


def test_a_retry_in_a_failed_item_is_given_up():
    spec = looping(["a"], task("x"), task("y", retry=again(3, delay=9.0)))
    spec = spec.when(answers("all[0].y", 500)).step_is("all[0].y", "retrying")
    spec.when(answers("all[0].x", 500)).step_is("all[0].y", "canceled").then_is("failed")


def test_to_fail_fast_is_to_begin_no_other_item_and_to_await_what_is_in_flight():
    spec = looping([1, 2, 3], concurrency=2, fail_fast=True).when(answers("all[0].do", 500))
    spec = spec.then_not(e.StepScheduled).step_is("all", "splitting")
    spec = spec.when(answers("all[1].do", 200, 2))
    output = {"results": [None, 2, None], "count": 3, "failed": 1}
    spec = spec.then_has(has(e.StepFailed, ref="all", output=output)).then_is("failed")
    assert "1 of 3 items failed, 1 were not done: all[0].do" in str(spec.state.reason)


def test_to_fail_fast_closes_what_only_waits_in_other_items():
    spec = looping([1, 2], task("do"), sleep("rest"), concurrency=2, fail_fast=True)
    spec = spec.when(answers("all[0].do", 500)).step_is("all[1].rest", "canceled")
    spec.when(answers("all[1].do", 500)).then_is("failed")


def test_a_child_run_of_a_failed_item_is_canceled_and_waited_for():
    spec = looping([1], task("do"), child("kid")).when(answers("all[0].do", 500))
    spec = spec.step_is("all[0].kid", "scheduled").then_is("running")
    (failed,) = [one for one in spec.events if isinstance(one, e.StepFailed)]
    (asked,) = [one for one in react(failed, spec.state) if isinstance(one, StartChild)]
    assert asked.cancel == "another step of its item failed"
    ended = c.RecordChild(
        ref="all[0].kid", visit=1, attempt=1, status="canceled", now=START, seed="s"
    )
    spec.when(ended).step_is("all[0].kid", "canceled").then_is("failed")


def test_what_an_item_did_is_undone():
    loop = each("all", [1, 2], task("do", undo=True))
    spec = given(dag(loop, needing("b", "all"))).when(advance())
    spec = spec.when(answers("all[0].do")).when(answers("all[1].do")).when(answers("b", 500))
    spec = spec.step_is("all[1].do", "scheduled", phase="down")
    spec = spec.when(answers("all[1].do", phase="down"))
    spec = spec.step_is("all[0].do", "scheduled", phase="down")
    spec = spec.when(answers("all[0].do", phase="down")).then_is("failed")
    spec = spec.when(c.RequestRetry()).when(advance())
    spec = spec.then_has(has(e.StepFannedOut, ref="all", attempt=2, items=(1, 2)))
    spec.step_is("all[0].do", "scheduled", attempt=2)


def test_what_was_done_for_an_item_that_is_no_more_is_undone_too():
    undo = replace(call("do", "undo"), body={"i": "{{item}}"}, has_body=True)
    loop = each("all", "{{outputs.a}}", task("do", compensation=undo), needs=("a",))
    spec = given(dag(needing("a"), loop, approval("b"))).when(advance())
    spec = spec.when(answers("a", 200, ["x", "y"])).when(answers("all[0].do"))
    spec = spec.when(answers("all[1].do"))
    spec = spec.when(c.RequestStepReset(ref="a", subtree=True)).when(advance())
    spec = spec.when(answers("a", 200, ["z"])).when(answers("all[0].do"))
    spec = spec.when(c.RequestCancel()).when(advance()).when(answers("all[0].do", phase="down"))
    spec = spec.step_is("all[1].do", "scheduled", phase="down")
    (sent,) = [one for one in react(spec.events[-1], spec.state) if isinstance(one, Dispatch)]
    assert sent.task.values == {"item": "y"}
    assert thaw(freeze(spec.state), dag(needing("a"), loop, approval("b"))) == spec.state
    spec.when(answers("all[1].do", phase="down")).then_is("canceled")


def test_loops_stand_within_loops():
    inner = each("in", "{{item.xs}}", task("do"), concurrency=None)
    spec = looping([{"xs": [1, 2]}, {"xs": []}, {"xs": [3]}], inner, concurrency=2)
    spec = spec.step_is("all[0].in", "splitting").step_is("all[1].in", "succeeded")
    assert open_steps(spec) == ["all[0].in[0].do", "all[0].in[1].do", "all[2].in[0].do"]
    for ref in open_steps(spec):
        spec = spec.when(answers(ref, 200, ref))
    inners = [["all[0].in[0].do", "all[0].in[1].do"], [], ["all[2].in[0].do"]]
    results = [{"results": one, "count": len(one), "failed": 0} for one in inners]
    spec.then_has(has(e.StepSucceeded, output={"results": results, "count": 3, "failed": 0}))


def test_an_inner_loop_sees_the_results_of_its_own_item():
    inner = each("in", "{{outputs.x}}", task("do"), needs=("x",))
    spec = looping(["a"], task("x"), inner).when(answers("all[0].x", 200, [7]))
    spec.then_has(has(e.StepFannedOut, ref="all[0].in", items=(7,)))


def test_loops_are_three_deep_at_most():
    deepest = each("d", [1], task("do"))
    spec = looping([1], each("b", [1], each("c", [1], task("do"))))
    assert open_steps(spec) == ["all[0].b[0].c[0].do"]
    spec = looping([1], each("b", [1], each("c", [1], deepest))).then_is("failed")
    assert "loops are nested deeper than 3" in str(spec.state.reason)


def test_when_an_item_fails_the_loops_within_it_come_to_their_end():
    inner = each("in", [1, 2], task("do"))
    spec = looping([1], task("x"), inner).when(answers("all[0].x", 500))
    spec = spec.step_is("all[0].in", "splitting").step_is("all", "splitting")
    spec = spec.when(answers("all[0].in[0].do", 200))
    assert spec.state.of("all[0].in[1].do") is None
    spec.step_is("all[0].in", "failed").step_is("all", "failed").then_is("failed")


def test_a_canceled_run_closes_its_loop():
    spec = looping([1, 2], sleep("rest")).when(c.RequestCancel()).when(advance())
    spec = spec.step_is("all", "canceled").step_is("all[0].rest", "canceled")
    spec.then_is("canceled")


def test_a_run_that_takes_too_long_closes_its_loop():
    loop = each("all", [1, 2], sleep("rest", 99.0))
    spec = given(dag(loop, run_timeout=9.0)).when(advance()).when(advance(), at=9.0)
    spec.step_is("all", "canceled").then_is("timed_out")


def test_a_paused_run_begins_no_item():
    spec = looping([1, 2]).when(c.RequestPause()).when(answers("all[0].do"))
    assert open_steps(spec) == []
    assert outlook(spec.state) == ("resume", None)
    spec = spec.when(c.RequestResume()).when(advance())
    assert open_steps(spec) == ["all[1].do"]


def test_a_retry_of_the_run_does_again_only_the_items_that_failed():
    spec = looping(["a", "b", "c"], needing("x"), needing("y", "x"))
    for ref, status in (("[0].x", 200), ("[0].y", 200), ("[1].x", 500), ("[2].x", 200)):
        spec = spec.when(answers(f"all{ref}", status, ref))
    spec = spec.when(answers("all[2].y", 500)).then_is("failed")
    spec = spec.when(c.RequestRetry()).when(advance())
    spec = spec.then_has(has(e.StepFannedOut, ref="all", attempt=2, items=None))
    assert open_steps(spec) == ["all[1].x"]
    spec = spec.step_is("all[1].x", "scheduled", attempt=2).when(answers("all[1].x", 200, "x"))
    spec = spec.when(answers("all[1].y", 200, "y"))
    assert open_steps(spec) == ["all[2].y"]
    spec = spec.when(answers("all[2].y", 200, "z")).then_is("succeeded")
    results = [{"x": "[0].x", "y": "[0].y"}, {"x": "x", "y": "y"}, {"x": "[2].x", "y": "z"}]
    spec.then_has(has(e.StepSucceeded, output={"results": results, "count": 3, "failed": 0}))


def test_a_retry_keeps_to_the_bound_on_items_at_once():
    spec = looping(list(range(5)), concurrency=2)
    for n in range(5):
        spec = spec.when(answers(f"all[{n}].do", 500))
    spec = spec.when(c.RequestRetry()).when(advance())
    assert open_steps(spec) == ["all[0].do", "all[1].do"]


def test_a_retry_after_failing_fast_does_the_rest_too():
    spec = looping([1, 2, 3], fail_fast=True).when(answers("all[0].do", 500)).then_is("failed")
    spec = spec.when(c.RequestRetry()).when(advance())
    for n in range(3):
        spec = spec.when(answers(f"all[{n}].do", 200, n))
    spec.then_is("succeeded").step_is(
        "all", "succeeded", output={"results": [0, 1, 2], "count": 3, "failed": 0}
    )


def test_a_tolerated_loop_stays_as_it_is_in_a_retry():
    loop = each("all", [1], task("do"), on_failure="continue")
    spec = given(dag(loop, needing("b", "all"))).when(advance())
    spec = spec.when(answers("all[0].do", 500)).when(answers("b", 500)).then_is("failed")
    spec = spec.when(c.RequestRetry()).when(advance())
    spec.then_has(has(e.StepReset, ref="b")).step_is("all", "failed").step_is("b", "scheduled")
    assert open_steps(spec) == ["b"]


def test_a_reset_of_one_item_does_that_one_again_and_gathers_anew():
    spec = given(dag(each("all", [1, 2], task("do")), needing("b", "all"))).when(advance())
    spec = spec.when(answers("all[0].do", 200, 1)).when(answers("all[1].do", 200, 2))
    spec.when(c.RequestStepReset(ref="all[0].do")).then_raises(IllegalTransition, "b is scheduled")
    spec = spec.when(answers("b", 500)).then_is("failed")
    spec = spec.when(c.RequestStepReset(ref="all[0].do")).when(advance())
    assert open_steps(spec) == ["all[0].do"]
    spec = spec.when(answers("all[0].do", 200, 11))
    output = {"results": [11, 2], "count": 2, "failed": 0}
    spec = spec.step_is("all", "succeeded", output=output, attempt=2)
    spec.step_is("b", "scheduled", attempt=2)


def test_a_reset_of_a_loop_does_all_of_it_again_with_the_items_as_they_are_then():
    loop = each("all", "{{outputs.a}}", task("do"), needs=("a",), concurrency=None)
    spec = given(dag(needing("a"), loop)).when(advance()).when(answers("a", 200, [1, 2, 3]))
    for n in range(3):
        spec = spec.when(answers(f"all[{n}].do", 500))
    spec = spec.when(c.RequestStepReset(ref="a", subtree=True)).when(advance())
    spec = spec.step_is("all[2].do", "reset").when(answers("a", 200, [7]))
    spec = spec.then_has(has(e.StepFannedOut, ref="all", attempt=2, items=(7,)))
    assert open_steps(spec) == ["all[0].do"]
    spec = spec.step_is("all[1].do", "reset").step_is("all[2].do", "reset")
    spec = spec.step_is("all[0].do", "scheduled", attempt=2).when(answers("all[0].do", 200, 8))
    spec.then_is("succeeded")
    assert thaw(freeze(spec.state), given(dag(needing("a"), loop)).state.definition) == spec.state


def test_a_step_before_a_failed_loop_that_runs_again_makes_the_loop_begin_anew():
    loop = each("all", "{{outputs.a}}", task("do"), needs=("a",))
    spec = given(dag(needing("a"), loop)).when(advance()).when(answers("a", 200, [1, 2]))
    spec = spec.when(answers("all[0].do")).when(answers("all[1].do", 500))
    spec = spec.when(c.RequestStepReset(ref="a")).when(advance()).when(answers("a", 200, [9]))
    spec.then_has(has(e.StepFannedOut, items=(9,)))


def test_no_step_of_a_loop_is_reset_while_it_goes_on():
    spec = looping([1, 2]).when(answers("all[0].do"))
    reset = c.RequestStepReset(ref="all[0].do")
    spec.when(reset).then_raises(IllegalTransition, "step all is splitting")
    spec.when(c.RequestStepReset(ref="all")).then_raises(IllegalTransition, "splitting")


def test_a_step_of_an_item_can_be_settled_from_outside():
    spec = looping([1, 2, 3]).when(c.SkipStep(ref="all[2].do", actor="ann", now=START))
    spec = spec.when(advance()).step_is("all[2].do", "skipped")
    assert open_steps(spec) == ["all[0].do"]
    spec = spec.when(c.CompleteStep(ref="all[1].do", result="by hand", actor="ann", now=START))
    spec = spec.when(advance()).when(answers("all[0].do", 200, 1)).then_is("succeeded")
    output = {"results": [1, "by hand", None], "count": 3, "failed": 0}
    spec.step_is("all", "succeeded", output=output)
    gone = c.SkipStep(ref="all[3].do", now=START)
    looping([1, 2, 3]).when(gone).then_raises(NotFound)


def test_an_approval_for_each_item_is_decided_for_each():
    spec = looping(["a", "b"], approval("ok", "ann"), concurrency=2)
    approves = c.Approve(ref="all[1].ok", actor="ann", now=START)
    spec = spec.when(approves).when(advance()).step_is("all[1].ok", "succeeded")
    spec.step_is("all[0].ok", "waiting")


def test_it_is_told_what_each_of_its_steps_waits_for():
    spec = looping([1, 2, 3], needing("x"), needing("y", "x"))
    causes = {one.ref: one.cause for one in explain(spec.state).steps}
    assert causes["all"].waiting_for == "join"
    assert causes["all"].refs == ("all[0].x",)
    assert causes["all[0].x"].waiting_for == "task"
    assert causes["all[0].y"].refs == ("all[0].x",)
    assert (causes["all[1].x"].waiting_for, causes["all[1].x"].limit) == ("room", 1)
    before = given(dag(needing("a"), each("all", [1], task("do"), needs=("a",)))).when(advance())
    assert [one.cause.refs for one in explain(before.state).steps if one.ref == "all"] == [("a",)]


def test_a_loop_comes_after_the_work_too():
    every = finishing("z").after
    definition = dag(needing("a"), each("all", [1, 2], task("do"), after=every))
    spec = given(definition).when(advance()).when(answers("a", 500))
    assert open_steps(spec) == ["all[0].do"]
    spec = spec.when(answers("all[0].do", 500)).when(answers("all[1].do"))
    spec = spec.then_is("failed", reason="a: node=a status=500")
    assert "1 of 2 items failed" in str(spec.state.warning)
    spec = spec.when(c.RequestRetry()).when(advance()).when(answers("a"))
    spec.then_has(has(e.StepFannedOut, ref="all", items=(1, 2), attempt=2))


def test_a_new_run_that_retries_this_one_does_its_loops_again():
    spec = given(dag(needing("a"), each("all", [1, 2], task("do"), needs=("a",))))
    spec = spec.when(advance()).when(answers("a")).when(answers("all[0].do"))
    spec = spec.when(answers("all[1].do", 500)).then_is("failed")
    assert list(kept_of(spec.state)) == ["a"]


def test_it_is_in_the_snapshot():
    inner = each("in", "{{item}}", task("do"))
    loop = each("all", ITEMS, inner, concurrency=2)
    spec = given(dag(loop), payload={"items": [[1, 2], [3]]}).when(advance())
    for at in (spec, spec.when(answers("all[1].in[0].do"))):
        again_ = thaw(freeze(at.state), dag(loop))
        assert again_ == at.state
        assert again_.definition.dependants == at.state.definition.dependants  # type: ignore[union-attr]
        assert again_.definition.names == at.state.definition.names  # type: ignore[union-attr]
