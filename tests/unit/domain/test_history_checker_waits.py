"""The laws of waits, of families and of dags: good histories keep them, mutants do not.

As in the other tests of the checker, a mutant spoils the events and seals them again.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from mainspring.domain import catalog
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import EMPTY, Envelope, Head, Meta, StreamId, head_of, seal
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import event_of
from mainspring.domain.execution.kept import kept_of
from mainspring.domain.execution.react import StartChild
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import replace
from mainspring.domain.planner.dag import CUT
from mainspring.domain.rows import ApprovalRow, Change, TriggerRow
from mainspring.store import views
from mainspring.testing import kinship, openings, readiness
from mainspring.testing.history import Checker, Violation, check, report
from mainspring.testing.player import Player
from mainspring.testing.shapes import approval, child, dag, needing, path, sleep, task, wait
from mainspring.testing.spec import EXECUTION, START, requested

Events = list[e.Event]
CHILD = "01a00000-0000-7000-8000-00000000000c"
RETRY = "01a00000-0000-7000-8000-00000000000d"

WAITS = dag(
    wait("w", "paid", timeout=60.0),
    replace(approval("p", "ann", timeout=90.0), needs=("w",)),
    replace(wait("late", "late", timeout=30.0, on_failure="continue"), needs=("p",)),
)


def waited() -> Player:
    """Return a run with a trigger that is received, an approval, and a trigger that times out."""
    player = Player(WAITS)
    player.advance()
    player.pass_time(1.0)
    send(player, "w", {"paid": 7})
    player.advance()
    player.pass_time(1.0)
    player.ask(c.Approve(ref="p", actor="ann", comment="fine", now=player.now))
    player.advance()
    player.jump()
    player.advance()
    assert player.x.status == "succeeded"
    return player


def send(player: Player, ref: str, payload: object) -> None:
    command = c.SendEvent(ref=ref, visit=1, attempt=1, payload=payload, now=player.now)
    player.ask(command)


def events_of(player: Player) -> Events:
    return [event_of(one) for one in player.log if one.stream.category == "execution"]


class Told(NamedTuple):
    """An event with the run that it belongs to."""

    run: str
    event: e.Event


Story = list[Told]


def sealed(story: Sequence[Told], *definitions: Definition) -> list[Envelope]:
    """Return a whole log of these runs, as if their events had been appended one by one."""
    log: list[Envelope] = []
    for definition in definitions:
        fact = catalog.DefinitionCompiled(definition=definition)
        stream = StreamId("compiled", definition.hash)
        log += seal(stream, EMPTY, [fact], meta=Meta(), project="", now=START)
    heads: dict[str, Head] = {}
    for n, (run, event) in enumerate(story):
        stream, head = StreamId("execution", run), heads.get(run, EMPTY)
        log += seal(stream, head, [event], meta=Meta(), project="default", now=START + n)
        heads[run] = head_of(log[-1])
    return [replace(one, position=n + 1) for n, one in enumerate(log)]


def laws(found: Sequence[Violation]) -> set[str]:
    return {one.law for one in found}


def str_of(one: object) -> str:
    return getattr(one, "__name__", str(one))


def index(events: Sequence[e.Event], type: type[e.Event], **fields: object) -> int:
    for n, event in enumerate(events):
        if isinstance(event, type) and all(getattr(event, k) == v for k, v in fields.items()):
            return n
    raise LookupError(type)


def test_every_law_of_waits_families_and_dags_has_a_mutant():
    spoiled = [*SPOILED_WAITS, *SPOILED_FAMILIES, *SPOILED_RETRIES, *SPOILED_DAGS]
    assert {law for law, _ in spoiled} == {*openings.LAWS, *kinship.LAWS, *readiness.LAWS}


def test_a_good_history_of_waits_has_no_violation():
    player = waited()
    found = check(sealed([Told(EXECUTION, each) for each in events_of(player)], WAITS))
    assert not found, report(found)


# Waits.


def spoil_by_a_second_receive(events: Events) -> Events:
    n = index(events, e.TriggerReceived)
    return [*events[: n + 1], events[n], *events[n + 1 :]]


def spoil_by_a_cancel_after_the_receive(events: Events) -> Events:
    n = index(events, e.TriggerReceived)
    cancel = e.TriggerCancelRequested(ref="w", attempt=1, at=START + 2)
    return [*events[: n + 1], cancel, *events[n + 1 :]]


def spoil_by_a_receive_that_is_late(events: Events) -> Events:
    n = index(events, e.TriggerReceived)
    return [*events[:n], e.TriggerReceived(ref="w", attempt=1, at=START + 60), *events[n + 1 :]]


def spoil_by_a_receive_after_the_time_out(events: Events) -> Events:
    n = index(events, e.StepFailed, ref="late")
    late = e.TriggerReceived(ref="late", attempt=1, at=START + 20)
    return [*events[: n + 1], late, *events[n + 1 :]]


def spoil_by_a_time_out_after_the_receive(events: Events) -> Events:
    n = index(events, e.StepSucceeded, ref="w")
    late = e.StepFailed(ref="w", reason="late", fault="event_timeout", at=START + 61)
    return [*events[:n], late]


def spoil_by_a_time_out_that_is_early(events: Events) -> Events:
    n = index(events, e.StepFailed, ref="late")
    return [*events[:n], replace(events[n], at=START + 20), *events[n + 1 :]]


def spoil_by_a_success_without_a_receive(events: Events) -> Events:
    n = index(events, e.TriggerReceived)
    return [*events[:n], *events[n + 1 :]]


def spoil_by_another_output(events: Events) -> Events:
    n = index(events, e.StepSucceeded, ref="w")
    return [*events[:n], replace(events[n], output={"paid": 8}), *events[n + 1 :]]


def spoil_by_a_trigger_that_waits_on(events: Events) -> Events:
    n = index(events, e.StepFailed, ref="late")
    return [*events[:n], *events[n + 1 :]]


def spoil_by_a_second_trigger(events: Events) -> Events:
    n = index(events, e.StepWaiting, ref="w")
    second = replace(events[n], trigger="another", visit=2)
    return [*events[: n + 1], second, *events[n + 1 :]]


def spoil_by_the_same_trigger(events: Events) -> Events:
    n = index(events, e.StepWaiting, ref="w")
    m = index(events, e.StepWaiting, ref="late")
    same = replace(events[m], trigger=events[n].trigger)  # type: ignore[attr-defined]
    return [*events[:m], same, *events[m + 1 :]]


def spoil_by_a_force_after_the_receive(events: Events) -> Events:
    n = index(events, e.TriggerReceived)
    return [*events[: n + 1], e.SkipRequested(ref="w", at=START + 2), *events[n + 1 :]]


def spoil_by_a_stranger_who_approves(events: Events) -> Events:
    n = index(events, e.StepApproved)
    return [*events[:n], replace(events[n], by="bob"), *events[n + 1 :]]


def spoil_by_a_second_decision(events: Events) -> Events:
    n = index(events, e.StepApproved)
    no = e.StepRejected(ref="p", attempt=1, by="ann", at=START + 3)
    return [*events[: n + 1], no, *events[n + 1 :]]


def spoil_by_a_decision_that_is_late(events: Events) -> Events:
    n = index(events, e.StepApproved)
    return [*events[:n], replace(events[n], at=START + 500), *events[n + 1 :]]


def spoil_by_an_approval_that_fails_its_step(events: Events) -> Events:
    n = index(events, e.StepSucceeded, ref="p")
    return [*events[:n], e.StepFailed(ref="p", reason="no", fault="rejected", at=START + 3)]


def spoil_by_a_step_that_nobody_approved(events: Events) -> Events:
    n = index(events, e.StepApproved)
    return [*events[:n], *events[n + 1 :]]


def spoil_by_an_event_for_an_approval(events: Events) -> Events:
    n = index(events, e.StepApproved)
    sent = e.TriggerReceived(ref="p", attempt=1, at=START + 2)
    return [*events[:n], sent, *events[n + 1 :]]


SPOILED_WAITS: list[tuple[str, Callable[[Events], Events]]] = [
    ("trigger", spoil_by_a_second_receive),
    ("trigger", spoil_by_a_cancel_after_the_receive),
    ("trigger", spoil_by_a_receive_that_is_late),
    ("trigger", spoil_by_a_receive_after_the_time_out),
    ("trigger", spoil_by_a_time_out_after_the_receive),
    ("trigger", spoil_by_a_time_out_that_is_early),
    ("trigger", spoil_by_a_success_without_a_receive),
    ("trigger", spoil_by_another_output),
    ("trigger", spoil_by_a_trigger_that_waits_on),
    ("trigger", spoil_by_a_second_trigger),
    ("trigger", spoil_by_the_same_trigger),
    ("trigger", spoil_by_a_force_after_the_receive),
    ("trigger", spoil_by_an_event_for_an_approval),
    ("approval", spoil_by_a_stranger_who_approves),
    ("approval", spoil_by_a_second_decision),
    ("approval", spoil_by_a_decision_that_is_late),
    ("approval", spoil_by_an_approval_that_fails_its_step),
    ("approval", spoil_by_a_step_that_nobody_approved),
]


@pytest.mark.parametrize(("law", "spoil"), SPOILED_WAITS, ids=str_of)
def test_a_spoiled_wait_breaks_its_law(law: str, spoil: Callable[[Events], Events]):
    events = spoil(events_of(waited()))
    found = check(sealed([Told(EXECUTION, each) for each in events], WAITS))
    assert law in laws(found), report(found)


def test_a_row_that_is_closed_later_than_its_step_is_found(monkeypatch: pytest.MonkeyPatch):
    player = waited()
    write = views.project

    def project_late(x: Execution, *args: Any) -> tuple[list[Change], Execution]:
        changes, after = write(x, *args)
        late = (ApprovalRow, TriggerRow)
        kept = [row for row in changes if not isinstance(row, late) or row.status in OPEN_ROWS]
        return kept, after

    monkeypatch.setattr(views, "project", project_late)
    found = check(player.log, rows=[])
    assert laws(found) >= {"trigger", "approval"}


# Families.

OPEN_ROWS = ("waiting", "pending")
PARENT_OF = dag(child("sub", "other", on_failure="continue"), needing("after", "sub"))
CHILD_OF = path(task("a"))


def family(status: int = 200) -> Story:
    """Return what a parent and its child do until the child's end is told, in order."""
    parent = Player(PARENT_OF)
    parent.advance()
    (chore,) = parent.chores
    assert isinstance(chore, StartChild)
    own = Player(CHILD_OF, id=chore.child)
    own.advance()
    own.answers(own.in_flight()[0].call, status, {"n": 1})
    before = len(events_of(parent))
    ends: c.ChildStatus = "succeeded" if status == 200 else "failed"
    parent.child_ends(chore, ends, {"a": {"n": 1}})
    asked = requested(CHILD_OF, parent=EXECUTION, parent_step="sub", depth=1)
    events = events_of(parent)
    return [
        *(Told(EXECUTION, each) for each in events[:before]),
        Told(own.x.id, asked),
        *(Told(own.x.id, each) for each in events_of(own)[1:]),
        *(Told(EXECUTION, each) for each in events[before:]),
    ]


def told(story: Story, type: type[e.Event], **fields: object) -> int:
    return index([each.event for each in story], type, **fields)


def test_a_good_family_has_no_violation():
    for status in (200, 500):
        found = check(sealed(family(status), PARENT_OF, CHILD_OF))
        assert not found, report(found)


def spoil_by_success_of_what_failed(story: Story) -> Story:
    bad = family(500)
    n = told(bad, e.StepFailed, ref="sub")
    return [*bad[:n], story[told(story, e.StepSucceeded, ref="sub")]]


def spoil_by_failure_of_what_succeeded(story: Story) -> Story:
    n = told(story, e.StepSucceeded, ref="sub")
    failed = e.StepFailed(ref="sub", reason="no", fault="child", at=START)
    return [*story[:n], Told(EXECUTION, failed)]


def spoil_by_what_the_child_did_not_give(story: Story) -> Story:
    n = told(story, e.StepSucceeded, ref="sub")
    other = replace(story[n].event, output={"a": {"n": 2}})
    return [*story[:n], Told(EXECUTION, other), *story[n + 1 :]]


def spoil_by_a_child_that_is_told_before_its_end(story: Story) -> Story:
    n = told(story, e.StepSucceeded, ref="sub")
    end = next(i for i, each in enumerate(story) if isinstance(each.event, e.ExecutionSucceeded))
    return [*story[:end], *story[n:]]


def spoil_by_a_child_that_is_told_twice(story: Story) -> Story:
    n = told(story, e.StepSucceeded, ref="sub")
    return [*story[: n + 1], *story[n:]]


def spoil_by_a_child_that_never_began(story: Story) -> Story:
    return [each for each in story if each.run == EXECUTION]


def spoil_by_a_parent_that_does_not_wait(story: Story) -> Story:
    n = told(story, e.ExecutionSucceeded)
    return [*story[:n], Told(EXECUTION, e.ExecutionCanceled(reason="", at=START))]


def spoil_by_a_child_of_no_step(story: Story) -> Story:
    return [each if each.run == EXECUTION else replace_run(each) for each in story]


def replace_run(each: Told) -> Told:
    return Told(CHILD, each.event)


def spoil_by_a_child_of_nobody(story: Story) -> Story:
    return [each for each in story if each.run != EXECUTION]


SPOILED_FAMILIES: list[tuple[str, Callable[[Story], Story]]] = [
    ("child", spoil_by_success_of_what_failed),
    ("child", spoil_by_failure_of_what_succeeded),
    ("child", spoil_by_what_the_child_did_not_give),
    ("child", spoil_by_a_child_that_is_told_before_its_end),
    ("child", spoil_by_a_child_that_is_told_twice),
    ("child", spoil_by_a_child_that_never_began),
    ("child", spoil_by_a_parent_that_does_not_wait),
    ("child", spoil_by_a_child_of_no_step),
    ("child", spoil_by_a_child_of_nobody),
]


@pytest.mark.parametrize(("law", "spoil"), SPOILED_FAMILIES, ids=str_of)
def test_a_spoiled_family_breaks_its_law(law: str, spoil: Callable[[Story], Story]):
    found = check(sealed(spoil(family()), PARENT_OF, CHILD_OF))
    assert law in laws(found), report(found)


# Retries.

RETRIED = dag(task("a", undo=True), needing("b"), needing("z", "a", "b"))


def retried() -> Story:
    """Return a run whose last step fails, and a run that retries it."""
    player = Player(RETRIED)
    player.advance()
    for _ in range(2):
        player.answers(player.in_flight()[0].call, 200, {"n": 1})
    player.answers(player.in_flight()[0].call, 500)
    player.answers(player.in_flight()[0].call, 200)
    asked = requested(RETRIED, retry_of=EXECUTION, kept=kept_of(player.x))
    again = Player(RETRIED, id=RETRY)
    again.x = replace(again.x, requested=asked)
    events = again.advance()
    return [
        *(Told(EXECUTION, each) for each in events_of(player)),
        Told(RETRY, asked),
        *(Told(RETRY, each) for each in events),
    ]


def test_a_good_retry_has_no_violation():
    story = retried()
    found = check(sealed(story, RETRIED))
    assert not found, report(found)
    assert story[told(story, e.ExecutionRequested, retry_of=EXECUTION)].event.kept  # type: ignore[attr-defined]


def asking(story: Story, kept: dict[str, e.Kept]) -> Story:
    n = told(story, e.ExecutionRequested, retry_of=EXECUTION)
    return [*story[:n], Told(RETRY, replace(story[n].event, kept=kept)), *story[n + 1 :]]


def spoil_by_keeping_what_was_undone(story: Story) -> Story:
    return asking(story, {"a": e.Kept(output={"n": 1}), "b": e.Kept(output={"n": 1})})


def spoil_by_keeping_nothing(story: Story) -> Story:
    return asking(story, {})


def spoil_by_keeping_something_else(story: Story) -> Story:
    return asking(story, {"b": e.Kept(output={"n": 2})})


def spoil_by_a_retry_of_what_goes_on(story: Story) -> Story:
    n = told(story, e.ExecutionRequested, retry_of=EXECUTION)
    return [*story[:5], *story[n:]]


def spoil_by_an_output_that_was_not_kept(story: Story) -> Story:
    n = told(story, e.StepSucceeded, ref="b", attempt=0)
    other = replace(story[n].event, output={"n": 3})
    return [*story[:n], Told(RETRY, other), *story[n + 1 :]]


SPOILED_RETRIES: list[tuple[str, Callable[[Story], Story]]] = [
    ("retry", spoil_by_keeping_what_was_undone),
    ("retry", spoil_by_keeping_nothing),
    ("retry", spoil_by_keeping_something_else),
    ("retry", spoil_by_a_retry_of_what_goes_on),
    ("retry", spoil_by_an_output_that_was_not_kept),
]


@pytest.mark.parametrize(("law", "spoil"), SPOILED_RETRIES, ids=str_of)
def test_a_spoiled_retry_breaks_its_law(law: str, spoil: Callable[[Story], Story]):
    found = check(sealed(spoil(retried()), RETRIED))
    assert law in laws(found), report(found)


@pytest.mark.parametrize("story", [family, retried], ids=str_of)
def test_a_checker_that_forgets_judges_families_all_the_same(story: Callable[[], Story]):
    log = sealed(story(), PARENT_OF, CHILD_OF, RETRIED)
    checker = Checker(reload=lambda id: [one for one in log if one.stream == id])
    for envelope in log:
        checker.feed(envelope)
    assert checker.finish() == []


# Dags.

DAG = dag(
    task("a", concurrency_key="one", on_failure="skip_dependents"),
    task("b", concurrency_key="one"),
    needing("c", "a", "b", on_failure="continue"),
    needing("d", "c"),
    max_parallel=2,
)


def ran(*statuses: int) -> Events:
    """Return a run whose calls are answered so, in the order in which they are made."""
    player = Player(DAG)
    player.advance()
    for status in statuses:
        player.answers(player.in_flight()[0].call, status)
    return events_of(player)


@pytest.mark.parametrize("statuses", [(200,) * 4, (500, 200), (200, 200, 500, 200)])
def test_a_good_dag_has_no_violation(statuses: tuple[int, ...]):
    found = check(sealed([Told(EXECUTION, each) for each in ran(*statuses)], DAG))
    assert not found, report(found)


def test_a_step_that_is_settled_while_another_is_reset_is_no_violation():
    player = Player(dag(task("a"), sleep("s", 50.0)))
    player.advance()
    player.answers(player.in_flight()[0].call, 200)
    player.ask(c.RequestStepReset(ref="a"))
    player.ask(c.CompleteStep(ref="s", result={"by": "hand"}, now=player.now))
    player.advance()
    assert player.x.of("s").status == "succeeded"  # type: ignore[union-attr]
    found = check(player.log)
    assert not found, report(found)


def spoil_by_a_step_that_begins_too_soon(events: Events) -> Events:
    n = index(events, e.StepSucceeded, ref="b")
    return [*events[:n], e.StepScheduled(ref="c", at=START + 1), *events[n:]]


def spoil_by_a_step_behind_a_failure(events: Events) -> Events:
    bad = ran(500, 200)
    n = index(bad, e.StepSkipped, ref="c")
    return [*bad[:n], e.StepScheduled(ref="c", at=START + 1)]


def spoil_by_two_that_share_a_key(events: Events) -> Events:
    n, m = index(events, e.StepScheduled, ref="a"), index(events, e.StepScheduled, ref="b")
    return [*events[: n + 1], events[m], *events[n + 1 :]]


def spoil_by_one_step_too_many(events: Events) -> Events:
    n = index(events, e.StepScheduled, ref="a")
    more = [e.StepScheduled(ref=ref, at=START) for ref in ("c", "d")]
    return [*events[: n + 1], *more]


def spoil_by_a_skip_behind_no_failure(events: Events) -> Events:
    n = index(events, e.StepScheduled, ref="d")
    return [*events[:n], e.StepSkipped(ref="d", reason=CUT, at=START)]


def spoil_by_a_step_that_is_left_behind(events: Events) -> Events:
    n = index(events, e.StepScheduled, ref="d")
    return [*events[:n], events[-1]]


def spoil_by_success_after_a_failure(events: Events) -> Events:
    bad = ran(500, 200)
    return [*bad[:-1], e.ExecutionSucceeded(at=START)]


SPOILED_DAGS: list[tuple[str, Callable[[Events], Events]]] = [
    ("needs", spoil_by_a_step_that_begins_too_soon),
    ("needs", spoil_by_a_step_behind_a_failure),
    ("needs", spoil_by_two_that_share_a_key),
    ("needs", spoil_by_one_step_too_many),
    ("needs", spoil_by_a_skip_behind_no_failure),
    ("needs", spoil_by_a_step_that_is_left_behind),
    ("needs", spoil_by_success_after_a_failure),
]


@pytest.mark.parametrize(("law", "spoil"), SPOILED_DAGS, ids=str_of)
def test_a_spoiled_dag_breaks_its_law(law: str, spoil: Callable[[Events], Events]):
    events = spoil(ran(200, 200, 200, 200))
    found = check(sealed([Told(EXECUTION, each) for each in events], DAG))
    assert law in laws(found), report(found)
