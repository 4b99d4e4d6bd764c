"""Warm states: a budget of bytes, and the least recently kept go first."""

from mainspring.domain.definition import Definition, Step
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.message import replace
from mainspring.runtime.warm import OWN, WarmStates

DEFINITION = Definition(name="x", version="1", planner="path", steps=(Step(ref="a"),))


def state(id: str, *, ended: bool = False) -> Execution:
    return replace(absent(id, DEFINITION), status="succeeded" if ended else "running")


def test_states_are_kept_while_their_events_fit_the_budget() -> None:
    warm = WarmStates(budget=3 * OWN)
    for id in ("a", "b", "c"):
        warm.keep(state(id), 0)
    assert [warm.get(id) is not None for id in ("a", "b", "c")] == [True, True, True]
    warm.keep(state("d"), 0)
    assert warm.get("a") is None
    assert len(warm) == 3


def test_a_large_state_pushes_out_as_many_small_ones_as_it_needs() -> None:
    warm = WarmStates(budget=4 * OWN)
    for id in ("a", "b", "c"):
        warm.keep(state(id), 0)
    warm.keep(state("large"), 2 * OWN)
    assert [warm.get(id) is not None for id in ("a", "b", "c", "large")] == [
        False,
        False,
        True,
        True,
    ]


def test_a_state_that_is_kept_again_grows_and_is_the_youngest() -> None:
    warm = WarmStates(budget=3 * OWN)
    warm.keep(state("a"), 0)
    warm.keep(state("b"), 0)
    warm.keep(state("a"), OWN)
    warm.keep(state("c"), 0)
    assert warm.get("b") is None
    assert warm.get("a") is not None


def test_a_state_that_has_ended_is_let_go() -> None:
    warm = WarmStates()
    warm.keep(state("a"), 0)
    warm.keep(state("a", ended=True), 10)
    assert len(warm) == 0
