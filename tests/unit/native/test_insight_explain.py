"""Why a run is where it is: every step that has not ended has a reason, whatever has happened."""

import pytest
from hypothesis import given as forall

from mainspring.domain.execution import commands as c
from mainspring.domain.execution.explain import Cause, Party, Waiting, Why, explain
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.state import OPEN, Execution
from mainspring.domain.identity import child_id, trigger_id
from mainspring.domain.message import replace
from mainspring.testing.player import Player
from mainspring.testing.shapes import (
    again,
    approval,
    child,
    dag,
    guard,
    join,
    later,
    needing,
    path,
    sleep,
    split,
    switch,
    task,
    wait,
)
from mainspring.testing.spec import EXECUTION, START
from mainspring.testing.strategies import Life, lives, play


def after_each_decision(player: Player) -> list[Execution]:
    return [decision.before for decision in player.decisions[1:]] + [player.x]


def unfinished(x: Execution) -> list[str]:
    return [
        step.ref
        for step in x.definition.steps
        if (state := x.of(step.ref)) is None or state.status == "reset" or state.status in OPEN
    ]


def reasons(why: Why) -> set[str]:
    return {one.cause.waiting_for for one in why.steps}


@forall(lives())
def test_every_step_that_has_not_ended_has_a_reason(life: Life):
    for x in after_each_decision(play(life)):
        why = explain(x)
        told = [one.ref for one in why.steps if one.phase == "up"]
        assert len(told) == len(set(told))
        assert {one.ref for one in why.steps if one.phase != "up"} >= {
            x.steps[key].ref for key in x.open if x.steps[key].phase != "up"
        }
        if not x.is_terminal:
            assert told == unfinished(x)


@forall(lives())
def test_a_run_that_goes_on_has_a_wake_up_or_somebody_that_it_depends_on(life: Life):
    for x in after_each_decision(play(life)):
        why = explain(x)
        assert (why.waiting_for, why.wake_at) == outlook(x)
        if not x.is_terminal:
            assert why.wake_at is not None or why.parties


@forall(lives())
def test_a_step_waits_for_the_scheduler_only_when_its_run_does(life: Life):
    for x in after_each_decision(play(life)):
        why = explain(x)
        if why.waiting_for not in ("decision", "resume"):
            assert "decision" not in reasons(why)
        if why.waiting_for != "resume":
            assert "resume" not in reasons(why)


@forall(lives())
def test_a_step_that_names_others_names_some_that_have_not_ended(life: Life):
    for x in after_each_decision(play(life)):
        waiting = {one.ref for one in explain(x).steps}
        for one in explain(x).steps:
            if one.cause.waiting_for in ("needs", "room", "key"):
                assert one.cause.refs
                assert waiting >= set(one.cause.refs)


@forall(lives())
def test_no_step_wakes_up_before_its_run_does(life: Life):
    for x in after_each_decision(play(life)):
        why = explain(x)
        for one in why.steps:
            if one.wake_at is not None:
                assert why.wake_at is not None
                assert one.wake_at >= why.wake_at


def played(*steps: object, **more: object) -> Player:
    player = Player(dag(*steps, **more), payload={"key": "order/7"})  # type: ignore[arg-type]
    player.advance()
    return player


def why(player: Player, ref: str) -> Waiting:
    return next(one for one in explain(player.x).steps if one.ref == ref)


def test_a_step_waits_for_those_that_it_needs_and_wakes_up_with_them():
    player = played(sleep("a", 20.0), needing("b"), needing("c", "a", "b"), needing("d", "c"))
    assert why(player, "c").cause == Cause("needs", refs=("a", "b"))
    assert why(player, "c").wake_at == START + 20.0
    assert why(player, "d").cause == Cause("needs", refs=("c",))
    assert why(player, "d").wake_at == START + 20.0
    player.pass_time(20.0)
    player.advance()
    assert why(player, "c").cause == Cause("needs", refs=("b",))


def test_a_step_waits_for_a_place_among_those_that_may_run_at_once():
    player = played(needing("a"), wait("w", "k"), needing("b"), max_parallel=2)
    assert why(player, "b").cause == Cause("room", refs=("a", "w"), limit=2)
    assert why(player, "b").wake_at == why(player, "a").wake_at


def test_a_step_waits_for_who_holds_its_concurrency_key():
    steps = [replace(needing(ref), concurrency_key="printer") for ref in "ab"]
    player = played(*steps, needing("z"))
    assert why(player, "b").cause == Cause("key", refs=("a",), key="printer")


def test_a_wait_names_its_event_and_its_sender():
    player = played(wait("w", "order/{{payload.key}}", timeout=30.0))
    id = trigger_id(EXECUTION, "w", 1, 1)
    cause = Cause("event", key="order/order/7", opened=id, since=START, until=START + 30.0)
    assert why(player, "w") == Waiting("w", "up", "waiting", cause, START + 30.0)
    assert explain(player.x).parties == (Party("sender", "order/order/7"),)


def test_an_approval_names_who_may_decide():
    player = played(approval("ok", "ann", "bob"), approval("any"))
    assert why(player, "ok").cause.approvers == ("ann", "bob")
    assert why(player, "ok").wake_at is None
    found = explain(player.x)
    assert (found.waiting_for, found.wake_at) == ("approval", None)
    people = {Party("approver", "ann"), Party("approver", "bob"), Party("approver")}
    assert set(found.parties) == people


def test_what_is_settled_waits_for_the_scheduler_and_in_a_pause_for_the_resume():
    player = played(approval("ok"))
    player.ask(c.Approve(ref="ok", actor="ann", now=player.now))
    assert why(player, "ok").cause == Cause("decision", by="ann")
    player = played(approval("ok"))
    player.ask(c.RequestPause())
    player.advance()
    assert why(player, "ok").cause.waiting_for == "approval"
    player.ask(c.Approve(ref="ok", actor="ann", now=player.now))
    assert why(player, "ok").cause == Cause("resume", by="ann")
    assert explain(player.x).parties == (Party("operator"),)


def test_a_forced_step_that_has_not_begun_waits_for_the_scheduler():
    player = played(wait("w", "k"), needing("b", "w"))
    player.ask(c.SkipStep(ref="b", actor="ann", now=player.now))
    assert why(player, "b").cause == Cause("decision", by="ann")


def test_a_retry_and_a_sleep_name_their_instants_and_stand_still_in_a_pause():
    player = played(needing("a", retry=again(3, delay=8.0)), sleep("s", 50.0))
    player.answers(player.in_flight()[0].call, 500)
    at = player.now + 8.0
    assert why(player, "a") == Waiting("a", "up", "retrying", Cause("retry", until=at), at)
    slept = START + 50.0
    assert why(player, "s") == Waiting("s", "up", "sleeping", Cause("sleep", until=slept), slept)
    player.ask(c.RequestPause())
    player.advance()
    assert why(player, "a").cause == Cause("resume", until=at)
    assert why(player, "s").wake_at is None
    assert explain(player.x).parties == (Party("operator"),)


def test_a_call_waits_for_the_executor_and_then_for_its_callback():
    player = played(later("a"), child("b"))
    assert why(player, "a").cause == Cause("task", since=START)
    assert why(player, "a").wake_at == outlook(played(later("a")).x).wake_at
    run = child_id(EXECUTION, "b", 1, 1)
    assert why(player, "b").cause == Cause("child", child=run, since=START)
    player.answers(player.in_flight()[0].call, 202)
    assert why(player, "a").cause.waiting_for == "callback"
    assert why(player, "a").cause.until == why(player, "a").wake_at


def test_steps_of_a_run_that_is_being_wound_up_will_not_begin():
    player = played(needing("a", undo=True), needing("b"), needing("z", "b"))
    first, second = player.in_flight()
    player.answers(first.call)
    player.answers(second.call, 404)
    assert why(player, "z").cause == Cause("unwinding")
    assert why(player, "a").phase == "down"
    player.answers(player.in_flight()[0].call)
    assert player.x.is_terminal
    assert explain(player.x) == Why(None, None, (), ())


def test_a_run_that_waits_for_a_place_depends_on_another_run():
    player = played(needing("a"), needing("b", "a"), max_runs=1)
    found = explain(player.x)
    assert (found.waiting_for, found.wake_at) == ("slot", None)
    assert [party.role for party in found.parties] == ["run"]
    assert why(player, "a").cause == Cause("slot")
    assert why(player, "b").cause == Cause("needs", refs=("a",))


def test_a_step_of_a_path_waits_for_a_walker():
    definition = path(
        switch("s", (True, "a"), default="b"), task("a", next="z"), task("b", next="z"), task("z")
    )
    player = Player(definition)
    assert why(player, "s").cause == Cause("decision")
    player.advance()
    assert why(player, "z").cause == Cause("reach", refs=("a", "b"))
    assert why(player, "b").cause == Cause("reach", refs=("s",))
    assert [one.ref for one in explain(player.x).steps] == ["a", "b", "z"]


def test_a_join_waits_for_the_branches_that_are_on_their_way():
    definition = path(
        split("s", "a", "b", join="j"), task("a", next="j"), task("b", next="j"), join("j")
    )
    player = Player(definition)
    player.advance()
    assert why(player, "j").cause == Cause("join", refs=("a", "b"))
    player.answers(player.in_flight()[0].call)
    assert why(player, "j").cause == Cause("join", refs=("b",))


def test_a_condition_is_no_reason_to_wait():
    player = played(replace(needing("a"), when=guard(False)), needing("b", "a"))
    assert [one.ref for one in explain(player.x).steps] == ["b"]
    assert why(player, "b").cause.waiting_for == "task"


@pytest.mark.parametrize("planner", ["dag", "path"])
def test_a_run_that_was_just_asked_for_waits_for_the_scheduler(planner: str):
    player = Player(dag(needing("a")) if planner == "dag" else path(task("a")))
    assert why(player, "a").cause == Cause("decision")
    player.ask(c.RequestPause())
    assert why(player, "a").cause == Cause("resume")
