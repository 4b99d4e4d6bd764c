"""The attempts of a run, read from its events: each once, in the order in which it was owed."""

from hypothesis import given as forall

from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.state import OPEN
from mainspring.domain.execution.timeline import Line, timeline
from mainspring.testing.player import Player
from mainspring.testing.shapes import again, approval, dag, later, needing, sleep, wait
from mainspring.testing.spec import START
from mainspring.testing.strategies import Life, lives, play, settle


def history_of(player: Player) -> list[e.Event]:
    return [event for decision in player.decisions for event in decision.events]


def lines(player: Player) -> list[Line]:
    return timeline(history_of(player))


def played(*steps: object) -> Player:
    player = Player(dag(*steps))  # type: ignore[arg-type]
    player.advance()
    return player


@forall(lives())
def test_what_has_not_ended_is_what_is_open(life: Life):
    player = play(life)
    # A step that waits for its next attempt has none that is open.
    going = {
        (state.ref, state.phase, state.visit, state.attempt)
        for state in player.x.open_steps()
        if state.status in OPEN - {"retrying"}
    }
    found = [line for line in lines(player) if line.finished_at is None]
    assert len(found) == len(going)
    assert {(line.ref, line.phase, line.visit, line.attempt) for line in found} == going


@forall(lives())
def test_instants_of_an_attempt_are_in_order_and_attempts_in_the_order_of_their_beginnings(
    life: Life,
):
    player = play(life)
    settle(player)
    found = lines(player)
    for line in found:
        ats = [line.scheduled_at, line.started_at, line.finished_at]
        known = [at for at in ats if at is not None]
        assert known == sorted(known)
        assert line.status not in OPEN or line.finished_at is None
    assert [line.scheduled_at for line in found] == sorted(line.scheduled_at for line in found)


def test_every_attempt_has_a_line_with_its_instants():
    player = played(needing("a", retry=again(1, delay=8.0)))
    player.pass_time(1.0)
    player.starts(player.in_flight()[0].call)
    player.pass_time(2.0)
    player.answers(player.in_flight()[0].call, 500)
    player.jump()
    player.advance()
    first, second = lines(player)
    assert (first.attempt, first.status) == (1, "failed")
    assert (first.scheduled_at, first.started_at) == (START, START + 1)
    assert (first.finished_at, first.retry_at) == (START + 3, START + 11)
    assert first.reason == "node=a status=500"
    assert (second.attempt, second.status, second.scheduled_at) == (2, "scheduled", START + 11)


def test_waits_and_sleeps_begin_at_once_and_calls_when_they_are_answered():
    player = played(wait("w", "k"), approval("ok"), sleep("s", 5.0), later("l"))
    player.pass_time(1.0)
    player.answers(player.in_flight()[0].call, 202)
    began = {line.ref: (line.status, line.started_at) for line in lines(player)}
    assert began == {
        "w": ("waiting", START),
        "ok": ("waiting", START),
        "s": ("sleeping", START),
        "l": ("accepted", START + 1),
    }


def test_what_is_settled_without_an_attempt_has_a_line_of_no_length():
    player = played(wait("w", "k"), needing("a", "w"), needing("b", "w"))
    player.pass_time(1.0)
    player.ask(c.SkipStep(ref="a", reason="no need", actor="ann", now=player.now))
    player.ask(c.CompleteStep(ref="b", result=1, actor="ann", now=player.now))
    player.advance()
    w, a, b = lines(player)
    assert (w.status, w.finished_at) == ("waiting", None)
    assert (a.status, a.scheduled_at, a.finished_at) == ("skipped", START + 1, START + 1)
    assert (a.reason, b.status) == ("no need", "succeeded")
