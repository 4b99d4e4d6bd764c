"""The checker finds nothing in good histories, and in each spoiled one the law that is broken.

A mutant spoils the events of a good history and seals them again, so that its hash chain is whole
and only the law in question can give it away; what spoils the chain itself is left unsealed.
"""

from collections.abc import Callable, Sequence

import pytest

from mainspring.domain import catalog
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import EMPTY, Envelope, Meta, StreamId, head_of, seal
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import event_of
from mainspring.domain.execution.outlook import Outlook
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import Message, replace
from mainspring.domain.rows import Row
from mainspring.store.tables import Tables
from mainspring.testing import (
    epilogues,
    history,
    kinship,
    loops,
    occasions,
    openings,
    places,
    readiness,
)
from mainspring.testing.history import LAWS, VIEWS, Checker, Violation, check, report
from mainspring.testing.player import Player
from mainspring.testing.shapes import again, call, dag, later, path, sleep, task, wait
from mainspring.testing.spec import EXECUTION, START

Log = list[Envelope]
DEFINITION = path(
    task("a", undo=True, retry=again(1, delay=5.0)),
    task("b", undo=True),
    sleep("s", 10.0),
    later("l", timeout=60.0),
    task("z"),
    on_failure=call("hook", "bad"),
    run_timeout=900.0,
)


def played() -> Player:
    """Return a run with something of all: retry, sleep, callback, pause."""
    player = Player(DEFINITION)
    player.advance()
    answer(player, 500)
    player.jump()
    player.advance()
    answer(player)
    player.ask(c.RequestPause())
    answer(player)
    player.pass_time(3.0)
    player.ask(c.RequestResume())
    player.advance()
    player.jump()
    player.advance()
    answer(player, 202)
    player.calls_back(player.tasks[-1].call, player.tasks[-1].nonce, "done")
    player.advance()
    return player


def failed() -> Player:
    """Return the run after its last step failed, all was undone, and its end was told."""
    player = played()
    for status in (500, 200, 200, 200):
        answer(player, status)
    return player


def answer(player: Player, status: int = 200) -> None:
    player.pass_time(0.25)
    player.answers(player.in_flight()[0].call, status, {"n": 1})


def events_of(log: Log) -> list[e.Event]:
    return [event_of(one) for one in log if one.stream.category == "execution"]


def sealed(
    events: Sequence[Message],
    *,
    recorded: Sequence[float] = (),
    definition: Definition = DEFINITION,
) -> Log:
    """Return a whole log of a run with these events, as if they had been appended one by one."""
    compiled = StreamId("compiled", definition.hash)
    fact = catalog.DefinitionCompiled(definition=definition)
    log = list(seal(compiled, EMPTY, [fact], meta=Meta(), project="", now=START))
    stream, head = StreamId("execution", EXECUTION), EMPTY
    for n, event in enumerate(events):
        now = recorded[n] if recorded else START + n
        log += seal(stream, head, [event], meta=Meta(), project="default", now=now)
        head = head_of(log[-1])
    return [replace(one, position=n + 1) for n, one in enumerate(log)]


def str_of(one: object) -> str:
    return getattr(one, "__name__", str(one))


def laws(found: Sequence[Violation]) -> set[str]:
    return {one.law for one in found}


def index(events: Sequence[e.Event], type: type[e.Event], **fields: object) -> int:
    for n, event in enumerate(events):
        if isinstance(event, type) and all(getattr(event, k) == v for k, v in fields.items()):
            return n
    raise LookupError(type)


def test_good_histories_have_no_violation():
    for player in (played(), failed()):
        rows: list[Row] = [row for kind in VIEWS for row in player.tables.rows(kind)]
        found = check(player.log, rows=rows)
        assert not found, report(found)
        resealed = check(sealed(events_of(player.log)))
        assert not resealed, report(resealed)


def test_every_law_has_a_mutant():
    elsewhere = {
        *openings.LAWS,
        *kinship.LAWS,
        *readiness.LAWS,
        *places.LAWS,
        *loops.LAWS,
        *epilogues.LAWS,
        *occasions.LAWS,
    }
    here = set(LAWS) - elsewhere
    assert {law for law, _ in [*SPOILED_EVENTS, *SPOILED_LOGS]} | AT_THE_END == here


# Mutants of events: sealed again, so that the chain is whole.

Events = list[e.Event]


def spoil_transition(events: Events) -> Events:
    """Succeed before the start."""
    return [events[0], e.ExecutionSucceeded(at=START)]


def spoil_transition_by_a_step_that_is_not_there(events: Events) -> Events:
    return [*events[:2], e.StepScheduled(ref="nope", at=START)]


def spoil_outcome(events: Events) -> Events:
    n = index(events, e.StepSucceeded, ref="b", phase="up")
    return [*events[: n + 1], e.StepFailed(ref="b", reason="late", retry_at=None, at=START)]


def spoil_success(events: Events) -> Events:
    n = index(events, e.StepSucceeded, ref="b", phase="up")
    return [*events[: n + 1], *events[n:]]


def spoil_attempt(events: Events) -> Events:
    """Let the second attempt be the third."""
    n = index(events, e.StepScheduled, ref="a", attempt=2)
    return [*events[:n], replace(events[n], attempt=3), *events[n + 1 :]]


def spoil_attempt_by_an_end_without_start(events: Events) -> Events:
    n = index(events, e.StepStarted, ref="b")
    return [*events[:n], *events[n + 1 :]]


def spoil_policy(events: Events) -> Events:
    """Let the policy's one retry be two."""
    n = index(events, e.StepSucceeded, ref="a", phase="up")
    failure = replace(events[index(events, e.StepFailed, ref="a")], attempt=2, retry_at=START)
    return [*events[:n], failure, e.StepScheduled(ref="a", attempt=3, token="t", at=START + 99)]


def spoil_early_retry(events: Events) -> Events:
    n = index(events, e.StepScheduled, ref="a", attempt=2)
    return [*events[:n], replace(events[n], at=START + 4.9)]


def spoil_early_sleep(events: Events) -> Events:
    n = index(events, e.StepSucceeded, ref="s")
    return [*events[:n], replace(events[n], at=events[n].at - 1.0)]  # type: ignore[union-attr]


def spoil_early_callback(events: Events) -> Events:
    n = index(events, e.StepAccepted, ref="l")
    late = e.StepFailed(ref="l", reason="no callback", fault="callback", at=START + 30)
    return [*events[: n + 1], late]


def spoil_early_timeout(events: Events) -> Events:
    n = index(events, e.StepSlept)
    end = e.UnwindingStarted(outcome="timed_out", reason="too long", at=START + 899)
    return [*events[: n + 1], end]


def spoil_compensation_order(events: Events) -> Events:
    n = index(events, e.StepScheduled, ref="b", phase="down")
    return [*events[:n], replace(events[n], ref="a")]


def spoil_compensation_by_leaving_one_out(events: Events) -> Events:
    n = index(events, e.StepScheduled, ref="a", phase="down")
    return [*events[:n], e.ExecutionFailed(reason="", at=START)]


def spoil_compensation_by_haste(events: Events) -> Events:
    """Begin to undo while a forward step is in flight."""
    n = index(events, e.StepScheduled, ref="z")
    turn = e.UnwindingStarted(outcome="failed", reason="", at=START)
    return [*events[: n + 1], turn, e.StepScheduled(ref="b", phase="down", at=START)]


def spoil_end(events: Events) -> Events:
    return [*events, e.StepScheduled(ref="z", visit=2, at=START)]


def spoil_notice(events: Events) -> Events:
    return [*events, e.StepScheduled(ref="on_failure", phase="hook", visit=2, at=START)]


def spoil_notice_by_haste(events: Events) -> Events:
    return [*events[:2], e.StepScheduled(ref="on_failure", phase="hook", at=START)]


def spoil_cancel(events: Events) -> Events:
    n = index(events, e.StepScheduled, ref="b", phase="up")
    return [*events[:n], e.CancelRequested(), events[n]]


def spoil_pause(events: Events) -> Events:
    n = index(events, e.StepScheduled, ref="b", phase="up")
    return [*events[:n], e.PauseRequested(), events[n]]


SPOILED_EVENTS: list[tuple[str, Callable[[Events], Events]]] = [
    ("transition", spoil_transition),
    ("transition", spoil_transition_by_a_step_that_is_not_there),
    ("outcome", spoil_outcome),
    ("success", spoil_success),
    ("attempt", spoil_attempt),
    ("attempt", spoil_attempt_by_an_end_without_start),
    ("policy", spoil_policy),
    ("early", spoil_early_retry),
    ("early", spoil_early_sleep),
    ("early", spoil_early_callback),
    ("early", spoil_early_timeout),
    ("compensation", spoil_compensation_order),
    ("compensation", spoil_compensation_by_leaving_one_out),
    ("compensation", spoil_compensation_by_haste),
    ("end", spoil_end),
    ("notice", spoil_notice),
    ("notice", spoil_notice_by_haste),
    ("cancel", spoil_cancel),
    ("pause", spoil_pause),
]


@pytest.mark.parametrize(("law", "spoil"), SPOILED_EVENTS, ids=str_of)
def test_a_spoiled_history_breaks_its_law(law: str, spoil: Callable[[Events], Events]):
    found = check(sealed(spoil(events_of(failed().log))))
    assert law in laws(found), report(found)


# Mutants of the log: not sealed again.


def spoil_position(log: Log) -> Log:
    return [*log[:-1], replace(log[-1], position=log[-2].position)]


def spoil_version_by_a_gap(log: Log) -> Log:
    return [*log[:5], *log[6:]]


def spoil_version_by_a_repetition(log: Log) -> Log:
    return [*log[:6], replace(log[5], position=log[5].position), *log[6:]]


def spoil_id(log: Log) -> Log:
    return [*log[:5], replace(log[5], id=log[4].id), *log[6:]]


def spoil_chain_by_its_body(log: Log) -> Log:
    body = log[5].body.replace(b'"a"', b'"b"')
    return [*log[:5], replace(log[5], body=body), *log[6:]]


def spoil_chain_by_its_actor(log: Log) -> Log:
    return [*log[:5], replace(log[5], meta=Meta(actor="mallory")), *log[6:]]


def spoil_clock(log: Log) -> Log:
    events = events_of(log)
    return sealed(events, recorded=[START - n for n in range(len(events))])


def spoil_project(log: Log) -> Log:
    return [*log[:5], replace(log[5], project="another"), *log[6:]]


def spoil_readable(log: Log) -> Log:
    return [*log[:5], replace(log[5], type="StepVanished"), *log[6:]]


def spoil_definition(log: Log) -> Log:
    return log[1:]


SPOILED_LOGS: list[tuple[str, Callable[[Log], Log]]] = [
    ("position", spoil_position),
    ("version", spoil_version_by_a_gap),
    ("version", spoil_version_by_a_repetition),
    ("id", spoil_id),
    ("chain", spoil_chain_by_its_body),
    ("chain", spoil_chain_by_its_actor),
    ("clock", spoil_clock),
    ("project", spoil_project),
    ("readable", spoil_readable),
    ("definition", spoil_definition),
]


@pytest.mark.parametrize(("law", "spoil"), SPOILED_LOGS, ids=str_of)
def test_a_spoiled_log_breaks_its_law(law: str, spoil: Callable[[Log], Log]):
    found = check(spoil(failed().log))
    assert law in laws(found), report(found)


# Mutants of what stands beside the log.

AT_THE_END = {"stuck", "views", "calls", "key"}


def spoiled_rows(tables: Tables) -> list[tuple[str, list[Row]]]:
    rows: list[Row] = [row for kind in VIEWS for row in tables.rows(kind)]
    changed = [replace(row, status="running") if hasattr(row, "status") else row for row in rows]
    return [("missing", rows[1:]), ("not", changed), ("nothing", [*rows, *ghost(rows)])]


def ghost(rows: list[Row]) -> list[Row]:
    return [replace(row, ref="ghost") for row in rows if hasattr(row, "ref")][:1]


@pytest.mark.parametrize("which", range(3))
def test_views_that_say_something_else_are_found(which: int):
    player = failed()
    said, rows = spoiled_rows(player.tables)[which]
    found = check(player.log, rows=rows)
    assert laws(found) == {"views"}
    assert said in found[0].why


def test_two_triggers_that_wait_with_one_key_are_found():
    definition = dag(wait("a", "same"), wait("b", "same", on_failure="continue"))
    player = Player(definition)
    player.advance()
    good = events_of(player.log)
    second = replace(good[index(good, e.StepWaiting, ref="a")], ref="b", trigger="another")
    spoiled = [*good[:-1], second]
    assert check(sealed(good, definition=definition)) == []
    assert laws(check(sealed(spoiled, definition=definition))) == {"key"}


def test_a_trigger_that_is_closed_in_the_append_that_opened_it_has_kept_nobody_waiting():
    patient = Player(dag(wait("a", "same")), id=EXECUTION[:-1] + "2")
    hasty = Player(dag(wait("a", "same"), wait("b", "same")))
    for player in (patient, hasty):
        player.advance()
    assert (patient.x.status, hasty.x.status) == ("running", "failed")
    log = [*patient.log, *hasty.log]
    assert check([replace(one, position=n + 1) for n, one in enumerate(log)]) == []


def calls_of(player: Player) -> dict[str, int]:
    made: dict[str, int] = {}
    for one in player.tasks:
        made[one.idempotency_key] = made.get(one.idempotency_key, 0) + 1
    return made


def test_peers_that_were_called_as_recorded_are_no_violation():
    player = failed()
    assert check(player.log, calls=calls_of(player)) == []


def test_a_step_that_was_done_without_a_call_is_found():
    player = failed()
    made = calls_of(player)
    del made[f"{EXECUTION}:up:b:1"]
    assert laws(check(player.log, calls=made)) == {"calls"}


def test_a_peer_that_was_called_more_often_than_recorded_is_found():
    player = failed()
    made = calls_of(player) | {f"{EXECUTION}:up:b:1": 2}
    assert laws(check(player.log, calls=made)) == {"calls"}
    assert check(player.log, calls=made, redelivered=1) == []


@pytest.mark.parametrize("key", [f"{EXECUTION}:up:z:9", "nobody:up:a:1"])
def test_a_call_that_follows_from_nothing_is_found_even_with_repetitions(key: str):
    player = failed()
    made = calls_of(player) | {key: 1}
    assert laws(check(player.log, calls=made, redelivered=5)) == {"calls"}


def test_a_run_without_reason_or_wake_up_is_found(monkeypatch: pytest.MonkeyPatch):
    for nowhere in (Outlook(None, None), Outlook("task", None)):

        def blind(_: Execution, nowhere: Outlook = nowhere) -> Outlook:
            return nowhere

        monkeypatch.setattr(history, "outlook", blind)
        assert laws(check(played().log)) == {"stuck"}


def test_a_violation_tells_the_events_around_it():
    log = sealed([*spoil_pause(events_of(failed().log)), e.ResumeRequested()])
    (violation,) = [one for one in check(log) if one.law == "pause"]
    text = str(violation)
    assert violation.version == log[-2].version
    assert "PauseRequested" in text
    assert "ResumeRequested" in text
    assert str(violation.stream) in report([violation], seed=7)


def test_a_retry_of_the_run_begins_its_books_anew():
    player = failed()
    player.pass_time(5.0)
    player.ask(c.RequestRetry())
    player.advance()
    answer(player)
    assert player.x.status == "succeeded"
    found = check(player.log)
    assert not found, report(found)


def test_clocks_that_were_apart_are_no_violation_within_their_skew():
    events = events_of(played().log)
    recorded = [START + n - 0.4 * (n % 2) * 3 for n in range(len(events))]
    log = sealed(events, recorded=recorded)
    assert "clock" in laws(check(log))
    assert "clock" not in laws(check(log, skew=1.0))


def test_a_checker_with_reload_holds_only_the_open_runs():
    player = failed()
    checker = Checker(reload=lambda id: [one for one in player.log if one.stream == id])
    for envelope in player.log:
        checker.feed(envelope)
    assert checker.finish() == []
    assert checker.held == 0
