"""Whatever is defined and whatever happens: the laws of every life."""

from hypothesis import given, target
from hypothesis import strategies as st

from mainspring.domain.errors import Rejected
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.decide import MOST_AT_ONCE, decide
from mainspring.domain.execution.evolve import fold
from mainspring.domain.execution.history import event_of, replay
from mainspring.domain.execution.outlook import OPEN_ENDED, outlook, run_timer_of, timer_of
from mainspring.domain.execution.snapshot import freeze, thaw
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.rows import ExecutionRow, Row, TimerRow
from mainspring.domain.task import partition_of
from mainspring.store import views
from mainspring.store.tables import Tables
from mainspring.testing.history import VIEWS, Checker, check, report
from mainspring.testing.player import CHILD, Player
from mainspring.testing.strategies import Life, dags, lives, paths, play, settle


def rows_of(tables: Tables) -> list[Row]:
    return [row for kind in VIEWS for row in tables.rows(kind)]


def history_of(player: Player) -> list[e.Event]:
    return [event for decision in player.decisions for event in decision.events]


def after_each_decision(player: Player) -> list[Execution]:
    return [decision.before for decision in player.decisions[1:]] + [player.x]


def keyed(tables: Tables, kind: type[Row]) -> dict[str, Row]:
    return {str(row): row for row in tables.rows(kind)}


@given(lives())
def test_every_life_passes_the_history_checker(life: Life):
    player = play(life)
    target(float(len(player.log)))
    found = check(player.log, rows=rows_of(player.tables))
    assert not found, report(found)


@given(lives(), st.integers(0, 9))
def test_every_run_ends_within_a_bound_and_passes_the_history_checker(life: Life, how: int):
    player = play(life)
    assert settle(player, how) < 1000
    assert player.x.is_terminal
    found = check(player.log, rows=rows_of(player.tables))
    assert not found, report(found)


@given(paths() | dags(), st.booleans())
def test_a_run_whose_calls_all_succeed_ends_and_undoes_nothing(definition: object, flag: bool):
    player = Player(definition, payload={"flag": flag})  # type: ignore[arg-type]
    assert settle(player) < 1000


@given(lives())
def test_a_round_trip_on_the_wire_changes_no_event_and_no_state(life: Life):
    player = play(life)
    stream = player.own()
    assert [event_of(envelope) for envelope in stream] == history_of(player)
    assert replay(absent(player.x.id, life.definition), stream) == player.x


@given(lives(), st.integers(0, 60))
def test_a_state_is_the_same_from_wherever_it_is_folded(life: Life, cut: int):
    player = play(life)
    history = history_of(player)
    nothing = absent(player.x.id, life.definition)
    whole, first = fold(nothing, history), fold(nothing, history[:cut])
    assert fold(first, history[cut:]) == whole
    assert thaw(freeze(first), life.definition) == first


@given(lives())
def test_what_was_decided_leaves_nothing_to_decide_at_that_instant(life: Life):
    for decision, after in _turns(play(life)):
        now = _now_of(decision.command)
        assert decide(c.Advance(now=now, seed="again"), after) == []


@given(lives())
def test_a_repeated_report_adds_nothing(life: Life):
    for decision, after in _turns(play(life)):
        if isinstance(decision.command, c.Recorded):
            assert decide(decision.command, after) == []


@given(lives())
def test_a_repeated_request_adds_nothing_or_is_refused(life: Life):
    player = play(life)
    for decision, after in zip(player.decisions, after_each_decision(player), strict=True):
        if isinstance(decision.command, c.Request):
            try:
                assert decide(decision.command, after) == []
            except Rejected:
                continue


@given(lives(), st.floats(0, 1, exclude_max=True))
def test_nothing_happens_by_itself_before_the_next_wake_up_and_something_does_then(
    life: Life, part: float
):
    player = play(life)
    for x in after_each_decision(player):
        wake_at = outlook(x).wake_at
        if wake_at is None or x.handled < x.version:
            continue
        since = min(x.updated_at, wake_at)
        for at in (since + (wake_at - since) * part, wake_at - 0.001):
            if since <= at < wake_at:
                assert decide(c.Advance(now=at, seed="early"), x) == []
        assert decide(c.Advance(now=wake_at, seed="due"), x)


@given(lives())
def test_a_run_that_goes_on_always_has_a_reason_and_a_wake_up_unless_it_waits_for_somebody(
    life: Life,
):
    for x in after_each_decision(play(life)):
        waiting_for, wake_at = outlook(x)
        settled = x.is_terminal and not x.open and x.handled == x.version
        assert (waiting_for is None) == settled
        assert wake_at is not None or settled or waiting_for in OPEN_ENDED
        assert not (settled or x.paused) or wake_at is None


@given(lives())
def test_the_timers_are_those_of_the_present_state(life: Life):
    player = play(life)
    x = player.x
    due = {key: timer_of(x, step) for key, step in x.steps.items()} | {"run": run_timer_of(x)}
    wanted = Tables()
    for key, timer in due.items():
        if timer is not None:
            wanted.write(TimerRow(x.id, key, timer.kind, partition_of(x.id), timer.due_at))
    assert keyed(player.tables, TimerRow) == keyed(wanted, TimerRow)


@given(lives())
def test_replaying_the_log_gives_the_rows_that_were_written_as_it_grew(life: Life):
    player = play(life)
    again = Tables()
    ids = dict.fromkeys(one.stream for one in player.log if one.stream.category == "execution")
    for id in ids:
        x = absent(id.id, life.definition if id.id == player.x.id else CHILD)
        stream = [one for one in player.log if one.stream == id]
        changes, after = views.project(x, stream, [event_of(envelope) for envelope in stream])
        for change in changes:
            again.write(change)
        assert after == player.x or id.id != player.x.id
    for kind in VIEWS:
        if kind is not ExecutionRow and "definition" not in kind.__name__.lower():
            wanted = {k: v for k, v in keyed(player.tables, kind).items() if "Compiled" not in k}
            assert keyed(again, kind) == wanted
    assert again.rows(ExecutionRow) == player.tables.rows(ExecutionRow)


@given(lives())
def test_the_checker_says_the_same_when_it_forgets_what_has_ended(life: Life):
    player = play(life)
    settle(player)
    forgetful = Checker(reload=lambda id: [one for one in player.log if one.stream == id])
    for envelope in player.log:
        forgetful.feed(envelope)
    assert forgetful.finish() == check(player.log)


@given(lives())
def test_all_tries_of_one_visit_have_one_idempotency_key(life: Life):
    keys: dict[tuple[str, str, int], str] = {}
    for one in play(life).tasks:
        call = one.call
        key = keys.setdefault((call.ref, call.phase, call.visit), one.idempotency_key)
        assert key == one.idempotency_key
    assert len(set(keys.values())) == len(keys)


def _turns(player: Player):
    """Yield the scheduler's decisions that were whole, with the state after each."""
    for decision, after in zip(player.decisions, after_each_decision(player), strict=True):
        if not isinstance(decision.command, c.Turn):
            continue
        if len(decision.events) < MOST_AT_ONCE:
            yield decision, after


def _now_of(command: c.Command | None) -> float:
    assert isinstance(command, c.Turn)
    return command.now
