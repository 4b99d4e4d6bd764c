"""A step waits for an event under a key; of a send, a cancel and a time-out exactly one wins."""

import pytest

from mainspring.domain.definition import Step
from mainspring.domain.errors import IllegalTransition, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.react import Dispatch, EmitEvent, OfferKept, react
from mainspring.domain.execution.state import Execution, StepState
from mainspring.domain.expression import Guard
from mainspring.domain.identity import trigger_id
from mainspring.domain.message import Json, replace
from mainspring.domain.task import Phase, Task
from mainspring.testing.shapes import dag, needing, path, sleep, task, wait
from mainspring.testing.spec import (
    EXECUTION,
    START,
    Asking,
    Spec,
    advance,
    answers,
    breaks,
    given,
    has,
)

AML = wait("w", "aml:{{payload.user}}", timeout=60.0)


def state_of(x: Execution, ref: str, phase: Phase = "up") -> StepState:
    step = x.of(ref, phase)
    assert step is not None
    return step


def sends(ref: str, payload: Json = None, *, attempt: int | None = None) -> Asking:
    def ask(x: Execution, now: float) -> c.Command:
        step = x.of(ref)
        return c.SendEvent(
            ref=ref,
            visit=step.visit if step else 1,
            attempt=attempt or (step.attempt if step else 1),
            payload=payload,
            sent_by="ann",
            now=now,
        )

    return ask


def cancels(ref: str) -> Asking:
    def ask(x: Execution, now: float) -> c.Command:
        step = state_of(x, ref)
        return c.CancelTrigger(ref=ref, visit=step.visit, attempt=step.attempt, by="ann", now=now)

    return ask


def taking(*keys: str) -> Asking:
    return lambda _, now: c.Advance(now=now, seed="spec", taken_keys=keys)


def waiting(*more: Step, payload: Json = None) -> Spec:
    definition = dag(AML, needing("a", "w"), *more)
    return given(definition, payload=payload or {"user": "u-1"}).when(advance())


def test_a_wait_opens_a_trigger_with_its_key_rendered_and_its_end():
    waiting().then(
        has(e.ExecutionStarted),
        has(
            e.StepWaiting,
            ref="w",
            kind="event",
            key="aml:u-1",
            trigger=trigger_id(EXECUTION, "w", 1, 1),
            expires_at=START + 60,
        ),
    ).step_is("w", "waiting")


def test_a_run_that_waits_without_limit_has_a_reason_and_no_instant():
    spec = given(dag(wait("w", "k", timeout=None))).when(advance())
    assert outlook(spec.state) == ("event", None)
    assert outlook(waiting().state) == ("event", START + 60)


def test_the_event_that_comes_is_the_output_of_the_step():
    spec = waiting().when(sends("w", {"ok": True}), at=1.0)
    spec = spec.then(has(e.TriggerReceived, ref="w", payload={"ok": True}, sent_by="ann"))
    spec.when(advance(), at=1.0).then(
        has(e.StepSucceeded, ref="w", output={"ok": True}), has(e.StepScheduled, ref="a")
    )


def test_the_same_event_again_is_already_so_and_another_one_is_refused():
    spec = waiting().when(sends("w", {"n": 1, "m": [1, 2]}))
    spec.when(sends("w", {"m": [1, 2], "n": 1})).then_nothing()
    spec.when(advance()).when(sends("w", {"n": 1, "m": [1, 2]})).then_nothing()
    for other in ({"n": 1.0, "m": [1, 2]}, {"n": True, "m": [1, 2]}, {"n": 1, "m": [2, 1]}, None):
        spec.when(sends("w", other)).then_raises(IllegalTransition, "it is received")


def test_integers_that_a_float_cannot_tell_apart_are_two_events():
    spec = waiting().when(sends("w", {"n": 2**60}))
    spec.when(sends("w", {"n": 2**60 + 1})).then_raises(IllegalTransition, "received")


def test_a_wait_times_out_at_its_instant_and_not_before():
    spec = waiting().when(advance(), at=59.999).then_nothing()
    spec = spec.when(advance(), at=60.0)
    spec.then_has(
        has(e.StepFailed, ref="w", fault="event_timeout", reason="event trigger timed out"),
        has(e.ExecutionFailed),
    )
    spec.when(sends("w")).then_raises(IllegalTransition, "it is timed_out")


def test_an_event_that_came_in_time_counts_however_late_it_is_decided():
    spec = waiting().when(sends("w", 1), at=59.9)
    spec.when(advance(), at=100.0).then_has(has(e.StepSucceeded, ref="w"))


def test_an_event_after_the_time_is_refused_although_nobody_has_decided_yet():
    waiting().when(sends("w"), at=60.0).then_raises(IllegalTransition, "it is timed_out")


def test_a_canceled_trigger_fails_its_step_and_takes_no_event():
    spec = waiting().when(cancels("w"))
    spec.when(sends("w")).then_raises(IllegalTransition, "it is canceled")
    spec.when(cancels("w")).then_raises(IllegalTransition, "it is canceled")
    spec.when(advance()).then_has(
        has(e.StepFailed, ref="w", fault="canceled_by_user", retry_at=None)
    )


def test_a_failed_wait_follows_the_failure_policy_of_its_step():
    tolerant = replace(AML, on_failure="continue")
    spec = given(dag(tolerant, needing("a", "w")), payload={"user": "u"}).when(advance())
    spec.when(cancels("w")).when(advance()).then_has(has(e.StepScheduled, ref="a"))


def test_other_steps_that_finish_do_not_open_the_trigger_again():
    spec = waiting(needing("x"), needing("y", "x"))
    spec.when(answers("x")).then_not(e.StepWaiting).step_is("w", "waiting")


def test_two_waits_side_by_side_are_resolved_each_for_itself():
    definition = dag(wait("v", "v"), wait("w", "w"), needing("a", "v", "w"))
    spec = given(definition).when(advance()).when(sends("v", 1)).when(advance())
    spec.then(has(e.StepSucceeded, ref="v")).step_is("w", "waiting")


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("", "the event key is empty"),
        ("k" * 513, "longer than 512 bytes"),
        ("ä" * 257, "longer than 512 bytes"),
        ("a\nb", "control characters"),
        ("a\x7f", "control characters"),
    ],
)
def test_a_key_that_cannot_be_fails_the_step_at_once(key: str, says: str):
    spec = given(dag(wait("w", "{{payload.k}}")), payload={"k": key}).when(advance())
    failed = next(event for event in spec.events if isinstance(event, e.StepFailed))
    assert failed.fault == "expression"
    assert says in failed.reason


def test_a_key_that_another_run_waits_with_fails_the_step():
    definition = dag(AML, needing("a", "w"))
    spec = given(definition, payload={"user": "u-1"}).when(taking("other"))
    spec.then_has(has(e.StepWaiting))
    spec = given(definition, payload={"user": "u-1"}).when(taking("aml:u-1"))
    spec.then_has(has(e.StepFailed, ref="w", fault="key_taken")).then_is("failed")


def test_a_key_that_the_run_itself_waits_with_fails_the_second_step():
    spec = given(dag(wait("v", "k"), wait("w", "k"))).when(advance())
    spec.then_has(has(e.StepWaiting, ref="v"), has(e.StepFailed, ref="w", fault="key_taken"))


def test_a_key_may_name_the_run_and_the_results_of_other_steps():
    definition = dag(needing("a"), wait("w", "{{run.id}}/{{steps.a.output.no}}", needs=("a",)))
    spec = given(definition).when(advance()).when(answers("a", 200, {"no": 7}))
    spec.then_has(has(e.StepWaiting, key=f"{EXECUTION}/7"))


def test_what_a_trigger_asks_is_rendered():
    asking = wait("w", "k", ask={"who": "{{payload.user}}", "n": [1]})
    spec = given(dag(asking), payload={"user": {"id": 3}}).when(advance())
    spec.then_has(has(e.StepWaiting, ask={"who": {"id": 3}, "n": [1]}))


def test_a_paused_run_takes_its_event_and_goes_on_with_it_at_resume():
    spec = waiting().when(c.RequestPause()).when(sends("w", 1), at=1.0)
    spec = spec.when(advance(), at=2.0).then_nothing().when(c.RequestResume(), at=3.0)
    spec.when(advance(), at=3.0).then_has(
        has(e.StepSucceeded, ref="w"), has(e.StepScheduled, ref="a")
    )


def test_a_wait_that_ran_out_during_a_pause_has_timed_out_at_resume():
    spec = waiting().when(c.RequestPause())
    spec.when(sends("w"), at=61.0).then_raises(IllegalTransition, "it is timed_out")
    spec = spec.when(c.RequestResume(), at=70.0).when(advance(), at=70.0)
    spec.then_has(has(e.StepFailed, ref="w", fault="event_timeout"))


def test_a_canceled_run_closes_its_waits_in_the_same_decision():
    spec = waiting().when(c.RequestCancel(reason="enough"))
    spec.when(sends("w")).then_raises(IllegalTransition, "the run is being canceled")
    spec = spec.when(advance()).then_has(
        has(e.StepCanceled, ref="w", reason="enough"), has(e.ExecutionCanceled)
    )
    spec.when(sends("w")).then_raises(IllegalTransition, "it is canceled")


def test_a_run_that_takes_too_long_closes_its_waits():
    definition = dag(wait("w", "k", timeout=None), run_timeout=10.0)
    spec = given(definition).when(advance()).when(advance(), at=10.0)
    spec.then_has(has(e.StepCanceled, ref="w"), has(e.ExecutionTimedOut))


def test_a_reset_wait_opens_another_trigger_under_the_same_key():
    spec = waiting().when(cancels("w")).when(advance()).then_is("failed")
    spec = spec.when(c.RequestStepReset(ref="w")).when(advance())
    spec.then_has(
        has(e.StepWaiting, attempt=2, key="aml:u-1", trigger=trigger_id(EXECUTION, "w", 1, 2))
    )
    spec.when(sends("w", attempt=1)).then_raises(IllegalTransition, "waits no more")
    spec.when(sends("w", 5)).when(advance()).then_has(has(e.StepSucceeded, ref="w", output=5))


def test_an_event_for_a_step_without_a_trigger_is_not_found():
    for ref in ("a", "nope"):
        waiting().when(sends(ref, attempt=1)).then_raises(NotFound)


def test_a_wait_can_stand_in_a_path():
    definition = path(task("a"), wait("w", "k"), task("b"))
    spec = given(definition).when(advance()).when(answers("a")).when(sends("w", 1))
    spec.when(advance()).then(has(e.StepSucceeded, ref="w"), has(e.StepScheduled, ref="b"))


def test_an_open_trigger_is_offered_what_was_kept_for_its_key():
    spec = waiting()
    actions = [action for event in spec.events for action in react(event, spec.state)]
    assert actions == [OfferKept(project="", key="aml:u-1")]


# The notice that a wait has begun.


def told(spec: Spec) -> list[Task]:
    found = [action for event in spec.events for action in react(event, spec.state)]
    return [action.task for action in found if isinstance(action, Dispatch)]


def noticed(timeout: float | None = 60.0) -> Spec:
    loud = wait("w", "k/1", timeout=timeout, notify_url="http://a.test/{{payload.to}}")
    return given(dag(loud, needing("a", "w")), payload={"to": "x"}).when(advance())


def test_a_wait_tells_of_itself_with_a_signed_notice():
    (notice,) = told(noticed())
    assert notice.sign
    assert notice.call.phase == "notify"
    assert notice.values["notify"] == {
        "url": "http://a.test/x",
        "event_key": "k/1",
        "trigger_id": trigger_id(EXECUTION, "w", 1, 1),
        "project_id": "",
        "expires_at": "2026-11-18T11:07:40.000Z",
        "callback_url": "/v1/events/k%2F1/send",
    }


def test_a_notice_is_tried_five_times_and_its_failure_harms_nobody():
    spec = noticed(timeout=None)
    for _ in range(4):
        spec = spec.when(answers("w", 503, phase="notify"))
        due = state_of(spec.state, "w", "notify").retry_at or 0.0
        spec = spec.when(advance(), at=due - START).then(has(e.StepScheduled, phase="notify"))
    spec = spec.when(answers("w", 503, phase="notify"))
    spec.then_has(has(e.StepFailed, phase="notify", retry_at=None))
    spec.then_is("running", warning=None).step_is("w", "waiting")


def test_a_notice_about_a_wait_that_is_over_is_not_tried_again():
    spec = noticed().when(breaks("w", phase="notify")).when(sends("w")).when(advance())
    spec = spec.when(advance(), at=10.0)
    spec.then_has(has(e.StepCanceled, ref="w", phase="notify"))


def test_a_notice_that_is_out_does_not_hold_up_the_end_of_the_run():
    spec = noticed().when(sends("w")).when(advance()).when(answers("a"))
    spec = spec.then_has(has(e.ExecutionSucceeded))
    spec.when(answers("w", phase="notify")).then_has(has(e.StepSucceeded, phase="notify"))


# The event that a step sends when it has succeeded.


def emitting() -> Spec:
    definition = dag(needing("a", emit_key="done:{{payload.user}}:{{steps.a.output.n}}"))
    return given(definition, payload={"user": "u"}).when(advance())


def test_a_step_that_has_succeeded_owes_its_event():
    spec = emitting().when(answers("a", 200, {"n": 5}))
    spec = spec.then_has(
        has(e.StepSucceeded, ref="a"),
        has(e.StepScheduled, ref="a", phase="emit", key="done:u:5"),
        has(e.ExecutionSucceeded),
    )
    (owed,) = [
        action
        for event in spec.events
        for action in react(event, spec.state)
        if isinstance(action, EmitEvent)
    ]
    assert (owed.key, owed.payload) == ("done:u:5", {"n": 5})
    record = c.RecordEmission(ref="a", visit=1, attempt=1, trigger="t", now=START, seed="s")
    spec = spec.when(record).then(has(e.StepSucceeded, phase="emit"))
    spec.when(record).then_nothing()
    assert outlook(spec.state) == (None, None)


def test_an_event_that_was_not_sent_is_owed_again_for_ever():
    spec = emitting().when(answers("a", 200, {"n": 5}))
    for _ in range(9):
        _, wake_at = outlook(spec.state)
        spec = spec.when(advance(), at=(wake_at or 0.0) - START)
        spec = spec.then(has(e.StepRedispatched, phase="emit"))


def test_an_event_without_a_possible_key_is_a_warning_and_no_failure():
    definition = dag(needing("a", emit_key="{{payload.nothing}}"))
    spec = given(definition).when(advance()).when(answers("a"))
    spec.then_has(has(e.StepFailed, phase="emit", fault="expression")).then_is("succeeded")
    assert "the event key is empty" in (spec.state.warning or "")


def test_a_failed_step_sends_nothing():
    emitting().when(answers("a", 500)).then_has(has(e.ExecutionFailed)).then_not(e.StepScheduled)


def test_a_sleep_of_a_dag_counts_its_attempts_on():
    spec = given(dag(sleep("s", 5.0), needing("a", "s"))).when(advance())
    spec = spec.when(advance(), at=5.0).when(answers("a", 500))
    spec = spec.when(c.RequestStepReset(ref="s")).when(advance())
    spec.then_has(has(e.StepSlept, ref="s", attempt=2))


# Names.


def test_a_name_of_a_dialect_may_lead_into_the_payload():
    aliases = {"user": "payload.user", "city": "payload.user.city", "none": "payload.nothing.here"}
    key = "{{user.id}}/{{city}}/{{none}}/{{run.project}}{{run.tags.env}}"
    definition = dag(wait("w", key), aliases=aliases)
    spec = given(definition, payload={"user": {"id": 3, "city": "Rome"}}).when(advance())
    spec.then_has(has(e.StepWaiting, key="3/Rome//"))


def test_a_condition_may_be_written_in_any_of_the_languages():
    guards = [
        Guard("jsonlogic", {"==": [{"var": "steps.a.output.n"}, 1]}),
        Guard("condition", {"type": "eq", "left": {"output": "a.n"}, "right": 1}),
        Guard("cel", "steps.a.output.n == 1 && run.name == 'order'"),
    ]
    for guard in guards:
        spec = given(dag(needing("a"), needing("b", "a", when=guard))).when(advance())
        spec.when(answers("a", 200, {"n": 1})).then_has(has(e.StepScheduled, ref="b"))
        spec.when(answers("a", 200, {"n": 2})).then_has(has(e.StepSkipped, ref="b"))
