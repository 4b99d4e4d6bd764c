"""A step waits for a person: who may decide, what the decision does, and that it is taken once."""

from collections.abc import Callable

import pytest

from mainspring.domain.definition import Approval
from mainspring.domain.errors import DefinitionInvalid, Forbidden, IllegalTransition, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.explain import explain
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.react import Dispatch, react
from mainspring.domain.execution.settling import wait_status
from mainspring.domain.identity import trigger_id
from mainspring.domain.message import Json, replace
from mainspring.testing.shapes import approval, dag, needing
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


def approves(ref: str = "ok", by: str = "ann") -> Asking:
    return lambda _, now: c.Approve(ref=ref, actor=by, comment="fine", now=now)


def rejects(ref: str = "ok", by: str = "ann", reason: str = "no money") -> Asking:
    return lambda _, now: c.Reject(ref=ref, actor=by, reason=reason, now=now)


def approved(*by: str, inputs: Json = None) -> Json:
    """Return the output of a step that these people have approved, one a second."""
    decisions = [
        {"actor": one, "decision": "approved", "comment": "fine", "at": START + n}
        for n, one in enumerate(by, 1)
    ]
    return {
        "approved": True,
        "approved_by": by[-1],
        "decided_by": by[-1],
        "decidedBy": by[-1],
        "comment": "fine",
        "inputs": inputs,
        "decisions": decisions,
    }


def wanting(*approvers: str, **fields: Json) -> Spec:
    """Return a run that waits for an approval with these further demands."""
    step = replace(approval("ok"), approval=Approval(approvers=approvers, **fields))
    return given(dag(step, needing("a", "ok"))).when(advance())


def asked(*approvers: str, timeout: float | None = None) -> Spec:
    definition = dag(approval("ok", *approvers, timeout=timeout), needing("a", "ok"))
    return given(definition).when(advance())


def test_an_approval_is_opened_with_its_approvers_and_without_an_end_unless_one_is_given():
    id = trigger_id(EXECUTION, "ok", 1, 1)
    spec = asked("ann", "bob").then_has(
        has(
            e.StepWaiting,
            kind="approval",
            trigger=id,
            key="",
            approvers=("ann", "bob"),
            expires_at=None,
        )
    )
    assert outlook(spec.state) == ("approval", None)
    spec.when(advance(), at=1e9).then_nothing()
    assert outlook(asked(timeout=5.0).state) == ("approval", START + 5)


def test_an_approver_lets_the_run_go_on():
    spec = asked("ann").when(approves(), at=1.0).then(has(e.StepApproved, by="ann", comment="fine"))
    spec.when(advance()).then(
        has(e.StepSucceeded, ref="ok", output=approved("ann")),
        has(e.StepScheduled, ref="a"),
    )


def test_a_rejection_fails_the_step_with_its_reason():
    spec = asked("ann").when(rejects()).then(has(e.StepRejected, by="ann"))
    spec.when(advance()).then_has(
        has(e.StepFailed, fault="rejected", reason="rejected by ann: no money", retry_at=None),
        has(e.ExecutionFailed),
    )
    spec = asked().when(rejects(reason="")).when(advance())
    spec.then_has(has(e.StepFailed, reason="rejected by ann"))


@pytest.mark.parametrize("asks", [approves, rejects])
def test_who_is_no_approver_may_not_decide(asks: Callable[..., Asking]):
    asked("ann").when(asks(by="eve")).then_raises(Forbidden, "'eve' is none of the approvers")


@pytest.mark.parametrize("asks", [approves, rejects])
def test_anyone_may_decide_where_no_approvers_are_named(asks: Callable[..., Asking]):
    asked().when(asks(by="eve")).then(has((e.StepApproved, e.StepRejected)[asks is rejects]))


@pytest.mark.parametrize("asks", [approves, rejects])
def test_an_approval_is_decided_once(asks: Callable[..., Asking]):
    spec = asked().when(approves(by="bob"))
    spec.when(asks()).then_raises(IllegalTransition, "it is approved")
    spec.when(advance()).when(asks()).then_raises(IllegalTransition, "it is approved")
    spec = asked().when(rejects(by="bob"))
    spec.when(asks()).then_raises(IllegalTransition, "it is rejected")


@pytest.mark.parametrize(("asks", "other"), [(approves, rejects), (rejects, approves)])
def test_the_same_decision_by_the_same_person_again_changes_nothing(
    asks: Callable[..., Asking], other: Callable[..., Asking]
):
    spec = asked("ann").when(asks())
    for later in (spec, spec.when(advance())):
        later.when(asks()).then_nothing()
        later.when(other()).then_raises(IllegalTransition, "it is ")
        later.when(asks(by="eve")).then_raises(Forbidden)


def test_a_step_that_was_forced_cannot_be_approved():
    spec = asked().when(c.SkipStep(ref="ok", actor="ann", now=START))
    spec.when(approves()).then_raises(IllegalTransition, "it is canceled")
    spec.when(advance()).when(approves()).then_raises(IllegalTransition, "it is canceled")


def test_an_approval_times_out_at_its_instant():
    spec = asked(timeout=5.0)
    spec.when(approves(), at=5.0).then_raises(IllegalTransition, "it is timed_out")
    spec = spec.when(advance(), at=4.999).then_nothing().when(advance(), at=5.0)
    spec = spec.then_has(
        has(e.StepFailed, fault="event_timeout", reason="approval timed out"),
        has(e.ExecutionFailed),
    )
    spec.when(approves()).then_raises(IllegalTransition, "it is timed_out")


def test_a_decision_during_a_pause_takes_effect_at_resume():
    spec = asked().when(c.RequestPause()).when(approves()).when(advance()).then_nothing()
    spec = spec.when(c.RequestResume()).when(advance())
    spec.then_has(has(e.StepSucceeded, ref="ok"), has(e.StepScheduled, ref="a"))


def test_an_approval_cannot_be_resolved_as_an_event():
    send = c.SendEvent(ref="ok", visit=1, attempt=1, now=START)
    asked().when(send).then_raises(NotFound, "has no event trigger")


def test_only_an_approval_that_has_begun_can_be_approved():
    definition = dag(needing("a"), approval("ok", needs=("a",)))
    spec = given(definition).when(advance())
    spec.when(approves()).then_raises(IllegalTransition, "it is not yet begun")
    spec.when(approves("a")).then_raises(IllegalTransition, "it is no approval")
    spec.when(approves("nope")).then_raises(NotFound, "no step 'nope'")


def test_a_canceled_run_closes_its_approvals():
    spec = asked().when(c.RequestCancel()).when(advance())
    spec = spec.then_has(has(e.StepCanceled, ref="ok"), has(e.ExecutionCanceled))
    spec.when(approves()).then_raises(IllegalTransition, "it is canceled")


def test_a_reset_approval_is_asked_again():
    spec = asked().when(rejects()).when(advance()).when(c.RequestStepReset(ref="ok"))
    spec = spec.when(advance())
    spec.then_has(has(e.StepWaiting, attempt=2, trigger=trigger_id(EXECUTION, "ok", 1, 2)))
    spec.when(approves()).when(advance()).then_has(has(e.StepSucceeded, ref="ok"))


def test_who_means_an_earlier_approval_does_not_decide_the_present_one():
    old, new = (trigger_id(EXECUTION, "ok", 1, attempt) for attempt in (1, 2))

    def meaning(id: str) -> Asking:
        return lambda _, now: c.Approve(ref="ok", actor="ann", approval=id, now=now)

    asked().when(meaning(new)).then_raises(IllegalTransition, "asks anew")
    spec = asked().when(rejects()).when(advance()).when(c.RequestStepReset(ref="ok"))
    spec = spec.when(advance())
    spec.when(meaning(old)).then_raises(IllegalTransition, "the step was reset and asks anew")
    spec.when(meaning(new)).then(has(e.StepApproved, attempt=2))


def test_what_is_asked_is_rendered():
    step = replace(approval("ok"), approval=Approval(ask={"pay": "{{payload.amount}}"}))
    spec = given(dag(step), payload={"amount": 12}).when(advance())
    spec.then_has(has(e.StepWaiting, ask={"pay": 12}))


def test_as_many_different_people_have_to_approve_as_it_wants():
    spec = wanting(required=2).when(approves(by="ann"), at=1.0).then(has(e.StepApproved))
    assert outlook(spec.state) == ("approval", None)
    spec = spec.when(advance()).then_nothing().step_is("ok", "waiting")
    spec = spec.when(approves(by="ann"), at=2.0).then_nothing()
    spec = spec.when(approves(by="bob"), at=2.0).then(has(e.StepApproved, by="bob"))
    spec = spec.when(advance()).step_is("ok", "succeeded", output=approved("ann", "bob"))
    spec.step_is("a", "scheduled")


def test_one_rejection_is_enough_even_by_who_has_approved():
    for who in ("ann", "bob"):
        spec = wanting(required=2).when(approves(by="ann")).when(rejects(by=who))
        spec.when(advance()).then_has(has(e.StepFailed, fault="rejected"))


def test_who_has_approved_is_not_waited_for_any_more():
    spec = wanting("ann", "bob", required=2).when(approves(by="ann")).when(advance())
    assert [party.name for party in explain(spec.state).parties] == ["bob"]


def test_a_reset_forgets_what_was_decided():
    spec = wanting(required=2).when(approves(by="ann")).when(rejects(by="bob")).when(advance())
    spec = spec.when(c.RequestStepReset(ref="ok")).when(advance())
    spec.step_is("ok", "waiting", decisions=()).when(approves(by="bob")).step_is("ok", "waiting")


def test_nobody_in_time_may_mean_yes():
    spec = wanting(timeout=5.0, on_timeout="approve")
    spec = spec.when(advance(), at=4.9).then_nothing().when(advance(), at=5.0)
    spec = spec.step_is("a", "scheduled").step_is("ok", "succeeded")
    state = spec.state.of("ok")
    assert state is not None
    assert state.output["decided_by"] == "timeout"
    assert state.output["decidedBy"] is None
    assert wait_status(state) == "approved"


def test_nobody_in_time_may_mean_no():
    spec = wanting(timeout=5.0, on_timeout="reject").when(advance(), at=5.0)
    spec = spec.then_has(has(e.StepFailed, fault="rejected"), has(e.ExecutionFailed))
    state = spec.state.of("ok")
    assert state is not None
    assert wait_status(state) == "rejected"


def brings(payload: Json) -> Asking:
    return lambda _, now: c.Approve(ref="ok", actor="ann", comment="fine", payload=payload, now=now)


SCHEMA = {
    "type": "object",
    "required": ["amount"],
    "properties": {"amount": {"type": "number"}, "note": {"type": "string"}},
}


def test_an_approval_brings_what_the_step_gives_on():
    spec = wanting(answer=SCHEMA).when(brings({"amount": 7}), at=1.0).when(advance())
    spec.step_is("ok", "succeeded", output=approved("ann", inputs={"amount": 7}))


@pytest.mark.parametrize("payload", [None, {}, {"amount": "7", "note": 1}, []])
def test_an_answer_that_does_not_fit_is_refused_with_all_its_faults(payload: Json):
    wanting(answer=SCHEMA).when(brings(payload)).then_raises(DefinitionInvalid, "inputs")
    two = wanting(answer=SCHEMA).when(brings({"amount": "7", "note": 1}))
    two.then_raises(DefinitionInvalid, "inputs.amount").step_is("ok", "waiting")


def test_a_rejection_brings_nothing():
    wanting(answer=SCHEMA).when(rejects()).then(has(e.StepRejected))


# Notices, and rejections that go on.


def notices(spec: Spec) -> list[Json]:
    """Return what the notices say that are owed after the last decision."""
    owed = [action for event in spec.events for action in react(event, spec.state)]
    found = [one.task for one in owed if isinstance(one, Dispatch)]
    return [task.values["notify"] for task in found if task.call.phase == "notify"]


def loud(*urls: str, **fields: Json) -> Spec:
    asks = Approval(ask={"message": "pay {{payload.n}}?"}, notify=urls)
    step = replace(approval("ok"), approval=replace(asks, **fields))
    return given(dag(step, needing("a", "ok")), payload={"n": 7, "to": "x"}).when(advance())


def test_whoever_is_to_know_of_an_approval_is_told_one_after_another():
    spec = loud("http://a.test/{{payload.to}}", "http://b.test/", timeout=60.0)
    first = {
        "url": "http://a.test/x",
        "executionId": EXECUTION,
        "taskName": "ok",
        "approvalId": trigger_id(EXECUTION, "ok", 1, 1),
        "namespace": "",
        "message": "pay 7?",
        "expiresAt": "2026-11-18T11:07:40.000Z",
    }
    assert notices(spec) == [first]
    spec = spec.when(answers("ok", phase="notify"))
    assert notices(spec) == [{**first, "url": "http://b.test/"}]
    spec = spec.when(answers("ok", phase="notify")).step_is("ok", "waiting")
    assert notices(spec) == []


def test_a_notice_that_fails_for_good_keeps_neither_the_gate_nor_the_next_notice():
    spec = loud("http://a.test/", "http://b.test/")
    for _ in range(3):
        spec = spec.when(answers("ok", 503, phase="notify"))
        state = spec.state.of("ok", "notify")
        assert state is not None
        assert state.retry_at is not None
        spec = spec.when(advance(), at=state.retry_at - START)
        assert [one["url"] for one in notices(spec)] == ["http://a.test/"]
    spec = spec.when(answers("ok", 503, phase="notify"))
    spec = spec.then_has(has(e.StepFailed, phase="notify", retry_at=None))
    assert [one["url"] for one in notices(spec)] == ["http://b.test/"]
    spec.then_is("running", warning=None).when(approves()).when(advance()).step_is(
        "ok", "succeeded"
    )


def test_nobody_is_told_of_an_approval_that_is_over():
    spec = loud("http://a.test/", "http://b.test/").when(approves()).when(advance())
    spec = spec.when(answers("ok", phase="notify")).then_has(has(e.StepSucceeded, phase="notify"))
    assert notices(spec) == []
    spec = loud("http://a.test/").when(breaks("ok", phase="notify")).when(approves())
    spec = spec.when(advance()).when(advance(), at=10.0)
    spec.then_has(has(e.StepCanceled, ref="ok", phase="notify"))


@pytest.mark.parametrize("by", ["bob", None])
def test_a_rejection_may_be_an_answer_like_another(by: str | None):
    spec = wanting(tolerant=True, timeout=5.0, on_timeout="reject")
    spec = spec.when(rejects(by=by)).when(advance()) if by else spec.when(advance(), at=5.0)
    spec = spec.then_has(has(e.StepSucceeded, ref="ok"), has(e.StepScheduled, ref="a"))
    state = spec.state.of("ok")
    assert state is not None
    assert wait_status(state) == "rejected"
    told = [state.output[name] for name in ("approved", "approved_by", "decidedBy")]
    assert told == [False, None, by]
