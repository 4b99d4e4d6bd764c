"""A step runs another workflow: one child an attempt, never lost, stopped with its parent."""

import pytest

from mainspring.domain.definition import Child
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.evolve import fold
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.react import Action, NotifyParent, StartChild, react
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.identity import child_id
from mainspring.domain.message import Json, replace
from mainspring.testing.kinship import Kinship
from mainspring.testing.shapes import again, child, dag, needing
from mainspring.testing.spec import (
    EXECUTION,
    START,
    Asking,
    Spec,
    advance,
    answers,
    given,
    has,
    requested,
)


def ends(status: c.ChildStatus, *, attempt: int | None = None, **fields: Json) -> Asking:
    def ask(x: Execution, now: float) -> c.Command:
        step = x.of("sub")
        assert step is not None
        return c.RecordChild(
            ref="sub",
            visit=step.visit,
            attempt=attempt or step.attempt,
            status=status,
            now=now,
            seed="spec",
            **fields,
        )

    return ask


def owed(spec: Spec) -> list[Action]:
    return [action for event in spec.events for action in react(event, spec.state)]


def child_owed(spec: Spec) -> StartChild:
    (start,) = [action for action in owed(spec) if isinstance(action, StartChild)]
    return start


def begun(**fields: Json) -> Spec:
    definition = dag(child("sub", **fields), needing("a", "sub"))
    return given(definition, payload={"n": 1}).when(advance())


def test_a_child_is_owed_with_an_id_that_is_always_the_same():
    spec = begun().then_has(has(e.StepScheduled, ref="sub", attempt=1))
    start = child_owed(spec)
    assert start.child == child_id(EXECUTION, "sub", 1, 1)
    assert (start.workflow, start.payload, start.depth) == ("other", {"n": 1}, 1)
    assert start.cancel is None


def test_a_child_gets_the_payload_that_its_step_says():
    step = child("sub")
    step = replace(step, child=Child("other", payload={"x": "{{payload.n}}", "y": ["z"]}))
    spec = given(dag(step), payload={"n": 7}).when(advance())
    start = child_owed(spec)
    assert start.payload == {"x": 7, "y": ["z"]}


def test_a_child_that_has_succeeded_gives_its_outputs_to_the_step():
    spec = begun().when(ends("succeeded", output={"x": 1}, started_at=START))
    spec.then(
        has(e.StepStarted, ref="sub", at=START),
        has(e.StepSucceeded, ref="sub", output={"x": 1}),
        has(e.StepScheduled, ref="a"),
    )


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        ("failed", "charge: status=500", "sub-workflow: charge: status=500"),
        ("missing", "there is no workflow 'other'", "sub-workflow: there is no workflow 'other'"),
        ("canceled", "", "sub-workflow ended as canceled"),
        ("timed_out", "too long", "sub-workflow ended as timed_out: too long"),
        ("corrupted", "a", "sub-workflow ended as corrupted: a"),
    ],
)
def test_a_child_that_ended_otherwise_fails_the_step(
    status: c.ChildStatus, error: str, reason: str
):
    spec = begun().when(ends(status, error=error))
    spec.then_has(
        has(e.StepFailed, ref="sub", fault="child", reason=reason), has(e.ExecutionFailed)
    )


def test_a_retry_starts_another_child_with_the_same_payload():
    spec = begun(retry=again(1, delay=2.0)).when(ends("failed", error="x"))
    spec = spec.when(advance(), at=2.0).then(has(e.StepScheduled, ref="sub", attempt=2))
    start = child_owed(spec)
    assert start.child == child_id(EXECUTION, "sub", 1, 2)
    assert start.payload == {"n": 1}
    spec.when(ends("succeeded", attempt=1)).then_nothing()
    spec.when(ends("succeeded")).then_has(has(e.StepSucceeded))


def test_the_end_of_a_child_is_recorded_once():
    spec = begun().when(ends("succeeded"))
    spec.when(ends("succeeded")).then_nothing()
    spec.when(ends("failed")).then_nothing()


def test_a_child_is_asked_about_more_and_more_seldom_and_never_lost():
    spec, since = begun(), START
    gaps: list[float] = []
    for _ in range(12):
        wake_at = outlook(spec.state).wake_at or 0.0
        gaps.append(wake_at - since)
        since = wake_at
        spec = spec.when(advance(), at=wake_at - START)
        spec = spec.then(has(e.StepRedispatched, ref="sub", attempt=1))
        assert child_owed(spec).child == child_id(EXECUTION, "sub", 1, 1)
    assert gaps == sorted(gaps)
    assert (gaps[0], gaps[-1]) == (60.0, 600.0)
    assert outlook(spec.state).waiting_for == "child"


@pytest.mark.parametrize("outcome", ["cancel", "time-out", "failure"])
def test_a_child_is_stopped_with_its_parent_and_awaited(outcome: str):
    definition = dag(child("sub"), needing("x"), run_timeout=10.0)
    spec = given(definition).when(advance())
    match outcome:
        case "cancel":
            spec = spec.when(answers("x")).when(c.RequestCancel()).when(advance())
        case "time-out":
            spec = spec.when(answers("x")).when(advance(), at=10.0)
        case _:
            spec = spec.when(answers("x", 500))
    spec = spec.then_has(has(e.UnwindingStarted)).step_is("sub", "scheduled")
    assert child_owed(spec).cancel == spec.state.reason
    spec = spec.when(ends("canceled")).then_has(has(e.StepCanceled, ref="sub"))
    assert spec.state.is_terminal


def test_a_child_that_succeeds_while_its_parent_is_wound_up_counts_as_done():
    definition = dag(child("sub", compensation=needing("u").request))
    spec = given(definition).when(advance()).when(c.RequestCancel()).when(advance())
    spec.when(ends("succeeded")).then_has(
        has(e.StepSucceeded, ref="sub"), has(e.StepScheduled, ref="sub", phase="down")
    )


def test_a_paused_parent_records_its_child_and_begins_nothing():
    spec = begun().when(c.RequestPause()).when(ends("succeeded"))
    spec = spec.then_has(has(e.StepSucceeded, ref="sub")).then_not(e.StepScheduled)
    spec.when(c.RequestResume()).when(advance()).then_has(has(e.StepScheduled, ref="a"))


def test_a_run_below_ten_others_starts_no_child():
    definition = dag(child("sub"))
    first = requested(definition, depth=10)
    spec = Spec(fold(absent(EXECUTION, definition), [first]), START).when(advance())
    spec.then_has(has(e.StepFailed, fault="child"), has(e.ExecutionFailed))
    first = requested(definition, depth=9)
    spec = Spec(fold(absent(EXECUTION, definition), [first]), START).when(advance())
    assert child_owed(spec).depth == 10


def test_a_child_tells_its_parent_of_its_end():
    definition = dag(needing("a"))
    first = requested(definition, parent="p", parent_step="sub", depth=1)
    spec = Spec(fold(absent(EXECUTION, definition), [first]), START).when(advance())
    spec = spec.when(answers("a"))
    assert owed(spec) == [NotifyParent(parent="p", ref="sub", child=EXECUTION)]


@pytest.mark.parametrize("hash", [None, "c" * 64])
def test_a_workflow_that_runs_itself_runs_the_form_of_the_run(hash: str | None) -> None:
    definition = dag(replace(child("sub"), child=Child("w", hash=hash)))
    first = requested(definition, catalog_id="w")
    spec = Spec(fold(absent(EXECUTION, definition), [first]), START).when(advance())
    assert child_owed(spec).hash == (hash or definition.hash)


def test_what_a_child_is_given_is_in_the_language_of_the_definition():
    given_to = Child("other", payload={"n": "{{ payload.n + 1 }}", "text": "n {{ payload.n }}"})
    definition = dag(child("sub", child=given_to), language="jinja")
    spec = given(definition, payload={"n": 1}).when(advance())
    assert child_owed(spec).payload == {"n": 2, "text": "n 1"}


NAMES = ("id", "status", "outputs")
LET_GO = Child("other", names=NAMES, begun="QUEUED")
TOLERANT = Child("other", names=NAMES, tolerant=True)


def test_a_child_that_is_let_go_gives_its_id_at_once():
    spec = begun(child=LET_GO)
    start = child_owed(spec)
    assert (start.let_go, start.cancel, start.depth) == (True, None, 1)
    told: Json = {"id": start.child, "status": "QUEUED", "outputs": {}}
    spec = spec.when(ends("begun", output={}, started_at=START))
    spec.then(
        has(e.StepStarted, ref="sub", at=START),
        has(e.StepSucceeded, ref="sub", output=told),
        has(e.StepScheduled, ref="a"),
    )
    spec.when(ends("begun", output={})).then_nothing()


def test_all_attempts_of_a_visit_let_the_same_child_go():
    spec = begun(child=LET_GO, retry=again(1, delay=2.0))
    first = child_owed(spec).child
    spec = spec.when(ends("missing", error="x")).when(advance(), at=2.0)
    spec = spec.then(has(e.StepScheduled, ref="sub", attempt=2))
    assert child_owed(spec).child == first
    assert first == child_id(EXECUTION, "sub", 1, 0)


def test_a_step_that_is_reset_finds_the_child_that_it_has_let_go_and_no_law_is_broken():
    spec = begun(child=LET_GO)
    name, books = child_owed(spec).child, Kinship(lambda _: ())
    asked = requested(dag(needing("a")), parent=EXECUTION, parent_step="sub")
    faults = list(books.note(name, asked, spec.state))
    for attempt in (1, 2):
        spec = spec.when(ends("begun", output={}))
        spec.then_has(has(e.StepSucceeded, ref="sub", attempt=attempt))
        faults += [one for told in spec.events for one in books.note(EXECUTION, told, spec.state)]
        spec = spec.when(answers("a", 500)).when(c.RequestStepReset(ref="sub")).when(advance())
    assert faults == []


def test_the_cancel_of_a_parent_is_nothing_to_a_child_that_is_let_go():
    spec = begun(child=LET_GO).when(c.RequestCancel()).when(advance())
    start = child_owed(spec.then_has(has(e.UnwindingStarted)).step_is("sub", "scheduled"))
    assert (start.let_go, start.cancel) == (True, None)
    spec = spec.when(ends("begun", output={}))
    spec.then_has(has(e.StepSucceeded, ref="sub"), has(e.ExecutionCanceled))
    assert not [one for one in owed(spec) if isinstance(one, StartChild)]


def test_a_child_that_is_let_go_waits_for_a_place_of_its_own():
    bounded = dag(child("sub", child=LET_GO), name="w", max_runs=1)
    first = requested(bounded, within=("v",))
    spec = Spec(fold(absent(EXECUTION, bounded), [first]), START)
    spec = spec.when(c.Admit(now=START)).when(advance())
    assert child_owed(spec).within == ()


@pytest.mark.parametrize(("status", "word"), [("failed", "BAD"), ("canceled", "canceled")])
def test_a_tolerant_step_succeeds_with_how_its_child_ended(status: c.ChildStatus, word: str):
    definition = dag(child("sub", child=TOLERANT), needing("a", "sub"), words={"failed": "BAD"})
    spec = given(definition).when(advance()).when(ends(status, output={"x": 1}, error="e"))
    told = {"id": child_id(EXECUTION, "sub", 1, 1), "status": word, "outputs": {"x": 1}}
    spec.then_has(has(e.StepSucceeded, ref="sub", output=told), has(e.StepScheduled, ref="a"))


def test_a_tolerant_step_fails_when_there_is_no_child_and_ends_with_its_run():
    spec = begun(child=TOLERANT).when(ends("missing", error="x"))
    spec.then_has(has(e.StepFailed, ref="sub", fault="child"))
    spec = begun(child=TOLERANT).when(c.RequestCancel()).when(advance())
    spec.when(ends("canceled")).then_has(has(e.StepCanceled, ref="sub"), has(e.ExecutionCanceled))
