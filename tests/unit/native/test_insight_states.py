"""Every state that has a name, and every life before a gate, can be told why it is so."""

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mainspring.domain.execution import commands as c
from mainspring.domain.execution.explain import Party, explain
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.state import OPEN, Execution
from mainspring.domain.message import replace
from mainspring.testing.native_states import RUNS, STEPS
from mainspring.testing.player import Player
from mainspring.testing.spec import EXECUTION
from mainspring.testing.strategies import Life, begin, lives, make
from mainspring_api.dialects.native.insight import graph, present
from mainspring_api.dialects.native.runs.present import step_run

ENDED = ("completed", "failed", "skipped", "canceled")


def holds(x: Execution) -> None:
    """Hold an explanation to what it promises."""
    why = explain(x)
    told = present.explanation(x, why)
    told_refs = [one.step_ref for one in told.steps if one.phase == "up"]
    if x.is_terminal:
        assert all(one.status is not None for one in why.steps)
        return
    assert why.waiting_for is not None
    assert why.wake_at is not None or why.parties
    assert (why.waiting_for, why.wake_at) == outlook(x)
    assert told_refs == [
        step.ref
        for step in x.definition.steps
        if (now := x.of(step.ref)) is None or now.status == "reset" or now.status in OPEN
    ]
    assert all(one.text and one.waiting_for for one in told.steps)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_in_each_state_is_explained(name: str):
    holds(RUNS[name]().state)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_in_each_state_is_explained_and_drawn(name: str):
    x = STEPS[name]().state
    holds(x)
    word = name.split(maxsplit=1)[0]
    drawn = {node.step_ref: node.status for node in graph.graph(x).nodes}
    assert drawn["s"] == step_run(x, x.step("s")).status == word
    waiting = {one.step_ref for one in present.explanation(x, explain(x)).steps}
    assert ("s" in waiting) == (word not in ENDED)


def bounded(life: Life) -> Player:
    return begin(life._replace(definition=replace(life.definition, max_runs=1)))


@forall(lives(), st.integers(0, 12), st.booleans())
def test_every_life_before_and_behind_a_gate_is_explained(life: Life, late: int, is_let_in: bool):
    player = bounded(life)
    for turn, move in enumerate(life.script):
        holds(player.x)
        if turn == late:
            player.advance()
            admission = c.Admit(now=player.now) if is_let_in else c.TurnAway(reason="x", now=0.0)
            player.ask(admission)
        make(player, move)
    holds(player.x)


@forall(lives())
def test_a_run_that_waits_for_a_place_depends_on_the_others(life: Life):
    player = bounded(life)
    player.advance()
    why = explain(player.x)
    assert why.waiting_for == "slot"
    assert Party("run", "order") in why.parties
    assert why.parties[0].name != EXECUTION
    told = {one.ref: one.cause.waiting_for for one in why.steps}
    assert set(told.values()) <= {"slot", "needs", "reach"}
    assert "slot" in told.values()
