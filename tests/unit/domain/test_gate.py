"""Bounded workflows: who may begin, in which order, and what becomes of who may not."""

from hypothesis import given as sampled
from hypothesis import strategies as st

from mainspring.domain import gate
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.react import TendGate, react
from mainspring.testing.shapes import dag, needing
from mainspring.testing.spec import START, advance, answers, given, has

BOUNDED = dag(needing("a"), max_runs=1, run_timeout=60.0)


def test_a_run_of_a_bounded_workflow_waits_for_a_place():
    spec = given(BOUNDED).when(advance()).then(e.SlotAwaited(at=START)).then_is("pending")
    assert outlook(spec.state) == ("slot", spec.state.ends_at)
    spec.when(advance()).then_nothing()


def test_a_run_that_is_let_in_begins():
    given(BOUNDED).when(advance()).when(c.Admit(now=START)).when(advance()).then(
        has(e.ExecutionStarted), has(e.StepScheduled, ref="a")
    )


def test_a_run_is_let_in_once_and_only_while_it_waits():
    waiting = given(BOUNDED).when(advance())
    waiting.when(c.Admit(now=START)).when(c.Admit(now=START)).then_nothing()
    given(dag(needing("a"))).when(advance()).when(c.Admit(now=START)).then_nothing()


def test_a_run_that_is_turned_away_fails_with_the_reason():
    given(BOUNDED).when(advance()).when(c.TurnAway(reason="full", now=START)).when(advance()).then(
        e.ExecutionFailed(reason="full", at=START)
    )


def test_a_run_that_is_turned_away_is_canceled_where_its_workflow_says_so():
    spec = given(dag(needing("a"), max_runs=1, on_limit="cancel")).when(advance())
    spec.when(c.TurnAway(reason="full", now=START)).when(advance()).then(
        e.ExecutionCanceled(reason="full", at=START)
    )


def test_a_run_that_waits_for_a_place_can_be_canceled():
    given(BOUNDED).when(advance()).when(c.RequestCancel(reason="no")).when(advance()).then(
        e.ExecutionCanceled(reason="no", at=START)
    )


def test_the_time_of_a_run_goes_on_while_it_waits_for_a_place():
    spec = given(BOUNDED).when(advance()).when(advance(), at=50.0).then_nothing()
    spec.when(advance(), at=60.0).then(has(e.ExecutionTimedOut))


def test_a_paused_run_takes_no_place_before_it_is_resumed():
    paused = given(BOUNDED).when(c.RequestPause()).when(advance()).then_nothing()
    paused.when(c.RequestResume()).when(advance()).then(has(e.ExecutionResumed), has(e.SlotAwaited))


def test_the_gate_is_looked_at_when_a_run_comes_and_when_one_has_ended():
    came = given(BOUNDED).when(advance())
    tended = TendGate(project=came.state.project, workflow="order")
    assert react(came.events[0], came.state) == [tended]
    ended = came.when(c.Admit(now=START)).when(advance()).when(answers("a"))
    assert react(ended.events[-1], ended.state) == [tended]


def test_a_workflow_without_a_bound_has_no_gate():
    ended = given(dag(needing("a"))).when(advance()).when(answers("a"))
    assert react(ended.events[-1], ended.state) == []


def waits(execution: str, most: int = 2, on_limit: str = "queue") -> gate.Waiting:
    return gate.Waiting(execution, most, "reject" if on_limit == "reject" else "queue")


def test_places_go_to_who_came_first():
    change = gate.decide(["a", "b"], {"a"}, [waits("c"), waits("d")])
    assert change == gate.Change(freed=("a",), taken=("c",), rejected=())


def test_who_does_not_fit_holds_back_all_behind():
    change = gate.decide(["a"], set(), [waits("b", most=1), waits("c", most=9)])
    assert change == gate.Change((), (), ())


def test_who_may_not_wait_is_turned_away_and_holds_back_nobody():
    waiting = [waits("b", 1, "reject"), waits("c", 2)]
    assert gate.decide(["a"], set(), waiting) == gate.Change((), ("c",), ("b",))


def test_who_may_not_wait_is_turned_away_behind_others_that_wait_too():
    waiting = [waits("b", 1), waits("c", 9, "reject"), waits("d", 9)]
    assert gate.decide(["a"], set(), waiting) == gate.Change((), (), ("c",))


IDS = st.sampled_from("abcdefgh")


@sampled(
    holders=st.lists(IDS, unique=True, max_size=4),
    ended=st.sets(IDS),
    waiting=st.lists(IDS, unique=True),
    most=st.integers(1, 5),
)
def test_never_more_than_the_bound_and_no_place_stays_empty(
    holders: list[str], ended: set[str], waiting: list[str], most: int
):
    queue = [waits(id, most) for id in waiting if id not in ended]
    change = gate.decide(holders, ended, queue)
    after = gate.evolve(
        tuple(holders), gate.SlotsChanged(freed=change.freed, taken=change.taken, at=START)
    )
    assert len(set(after)) == len(after)
    assert len(after) <= max(most, len(set(holders) - ended))
    left = [each for each in queue if each.execution not in after]
    assert not left or len(after) >= most


def test_a_run_is_in_the_queue_from_its_request_on():
    spec = given(BOUNDED)
    assert outlook(spec.state).waiting_for == "slot"
    spec.when(c.Admit(now=START)).when(advance()).then(
        has(e.ExecutionStarted), has(e.StepScheduled, ref="a")
    )


def test_a_run_that_is_paused_or_canceled_is_in_no_queue():
    for asked in (c.RequestPause(), c.RequestCancel()):
        spec = given(BOUNDED).when(advance()).when(asked)
        assert outlook(spec.state).waiting_for != "slot"
        spec.when(c.Admit(now=START)).then_nothing()
