"""The law of places: no more runs go on than their workflow allows, and none waits for nothing."""

from collections.abc import Sequence

from mainspring.domain.envelope import EMPTY, Envelope, Meta, seal
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import event_of
from mainspring.domain.message import replace
from mainspring.testing.history import check
from mainspring.testing.player import Player
from mainspring.testing.shapes import dag, needing

BOUNDED = dag(needing("a"), max_runs=1)


def queued(n: int) -> Player:
    player = Player(BOUNDED, id=f"01a00000-0000-7000-8000-00000000000{n}")
    player.advance()
    return player


def let_in(n: int) -> Player:
    player = queued(n)
    player.ask(c.Admit(now=player.now))
    player.advance()
    return player


def ended(n: int) -> Player:
    player = let_in(n)
    player.answers(player.tasks[-1].call)
    return player


def broken(*logs: Sequence[Envelope]) -> list[str]:
    """Return the laws that are broken when these runs lived one after the other."""
    _, *others = (event for log in logs for event in log)
    runs = [event for event in others if event.stream.category == "execution"]
    whole = [logs[0][0], *runs]
    return [
        each.law for each in check([replace(one, position=n + 1) for n, one in enumerate(whole)])
    ]


def without(player: Player, *types: type[e.Event]) -> list[Envelope]:
    """Return the log of a run in which such things have not happened."""
    definition, *log = player.log
    events = [event for one in log if not isinstance(event := event_of(one), types)]
    sealed = seal(log[0].stream, EMPTY, events, meta=Meta(), project="default", now=player.now)
    return [definition, *sealed]


def test_runs_that_go_on_one_after_the_other_break_no_law():
    assert broken(ended(1).log, ended(2).log) == []


def test_two_runs_that_go_on_where_one_may_are_found():
    assert broken(let_in(1).log, let_in(2).log) == ["place"]


def test_a_run_that_waits_while_nobody_goes_on_is_found():
    assert broken(let_in(1).log, queued(2).log) == []
    assert broken(ended(1).log, queued(2).log) == ["place"]


def test_a_run_that_begins_without_a_place_is_found():
    assert broken(without(let_in(1), e.SlotAwaited, e.RunAdmitted)) == ["transition"]
    assert broken(without(let_in(1), e.RunAdmitted)) == ["transition"]
