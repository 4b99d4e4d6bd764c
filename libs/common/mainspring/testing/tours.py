"""Whole lives that were chosen to show everything: each takes a run through one part of the rules.

They are played by today's code on demand; what they left behind when they were first played stands
in `tests/replay/histories` and `proto/examples` and is never made again.  The drawings of the state
machine are what these lives walked through.
"""

from collections.abc import Callable
from typing import Final

from mainspring.domain.execution import commands as c
from mainspring.domain.execution.react import EmitEvent, StartChild
from mainspring.domain.message import Json
from mainspring.testing.player import Player
from mainspring.testing.shapes import (
    again,
    approval,
    call,
    child,
    dag,
    each,
    finishing,
    join,
    later,
    needing,
    path,
    sleep,
    split,
    switch,
    task,
    wait,
    work,
)

BIG = {">": [{"var": "payload.amount"}, 100]}


def _answer(player: Player, *statuses: int, ref: str = "") -> None:
    """Let the oldest call in flight, or that of a step, be answered with each status in turn."""
    for status in statuses:
        player.pass_time(0.125)
        flights = [one for one in player.in_flight() if ref in ("", one.call.ref)]
        player.answers(flights[0].call, status, {"status": status})


def _wait(player: Player) -> None:
    """Let time go by up to the next wake-up, and what is due happen."""
    player.jump()
    player.advance()


def _begun(player: Player) -> Player:
    player.pass_time(0.125)
    player.advance()
    return player


def success() -> Player:
    """Play an order that is charged, routed, slept on, shipped, and told."""
    definition = path(
        task("charge", retry=again(2, delay=1.0, multiplier=2.0, jitter=0.5)),
        switch("route", (BIG, "rest"), default="ship"),
        sleep("rest", 30.0),
        task("ship"),
        on_success=call("hook", "good"),
    )
    player = _begun(Player(definition, payload={"amount": 120, "to": "Sofia"}))
    player.starts(player.in_flight()[0].call)
    _answer(player, 503)
    _wait(player)
    _answer(player, 200)
    player.pass_time(5.0)
    player.ask(c.RequestWake())
    player.advance()
    _answer(player, 202, 200)
    return player


def spoken() -> Player:
    """Play a plugin that talks while it works, fails, and is done at its second try."""
    steps = (work("measure", {"of": "{{payload.size}}"}, retry=again(1, delay=1.0)), work("tell"))
    player = _begun(Player(path(*steps), payload={"size": 3}))
    one = player.in_flight()[0].call
    player.starts(one)
    player.says(one, "looking", "found it")
    player.pass_time(0.5)
    player.works(one, {"read": 1}, failure="it slipped", says=("slipping",))
    _wait(player)
    player.works(player.in_flight()[0].call, {"read": 3}, says=("three",))
    player.works(player.in_flight()[0].call, {})
    return player


def callbacks() -> Player:
    """Play a call that is answered late: refused, unheard of, failed, early, and at last good."""
    bad = {"var": "callback.body.bad"}
    step = later("pay", timeout=60.0, failure_when=bad, retry=again(4, delay=2.0))
    player = _begun(Player(path(step, task("ship"))))
    _answer(player, 500)
    _wait(player)
    _answer(player, 202)
    _wait(player)
    _wait(player)
    _answer(player, 202)
    one = player.tasks[-1]
    player.calls_back(one.call, one.nonce, {"bad": True})
    player.advance()
    _wait(player)
    one = player.tasks[-1]
    player.calls_back(one.call, one.nonce, {"bad": False, "receipt": "r-1"})
    _answer(player, 202, 200)
    return player


def branches() -> Player:
    """Play two branches, of which one fails and is tolerated."""
    definition = path(
        split("fork", "book", "rent", join="joined"),
        task("book", next="joined", undo=True),
        task("rent", next="joined"),
        join("joined", on_branch_failure="continue"),
        task("send"),
    )
    player = _begun(Player(definition))
    _answer(player, 404, ref="rent")
    _answer(player, 200, 200)
    return player


def compensation() -> Player:
    """Play a run that fails, cannot undo all, is retried twice, and succeeds in the end."""
    definition = path(
        task("stock", undo=True),
        task("charge", undo=True),
        sleep("rest", 5.0),
        task("ship"),
        on_failure=call("hook", "bad"),
        on_success=call("hook", "good"),
    )
    player = _begun(Player(definition))
    _answer(player, 200, 200)
    _wait(player)
    _answer(player, 500)  # ship fails; charge is undone first
    _answer(player, 500, 200, 500)  # charge cannot be undone, stock can; the notice fails
    player.pass_time(60.0)
    player.ask(c.RequestRetry())
    player.advance()
    _answer(player, 200, 200)
    player.pass_time(60.0)
    player.ask(c.RequestRetry())
    player.advance()
    _answer(player, 200, 200)
    return player


def canceled() -> Player:
    """Play a cancel while one branch calls, one waits for its retry, and one sleeps."""
    definition = path(
        task("stock", undo=True),
        split("fork", "charge", "rest", "mail", join="joined"),
        task("charge", next="joined", undo=True),
        sleep("rest", 500.0, next="joined"),
        task("mail", next="joined", retry=again(3, delay=100.0)),
        join("joined"),
    )
    player = _begun(Player(definition))
    _answer(player, 200)
    _answer(player, 500, ref="mail")
    player.ask(c.RequestCancel(reason="the customer called"))
    player.advance()
    _answer(player, 200, 200, 200)
    return player


def stopped() -> Player:
    """Play a cancel that an executor follows, before anything was done."""
    player = _begun(Player(path(task("charge"), task("ship"))))
    player.ask(c.RequestCancel())
    player.advance()
    player.answers(player.in_flight()[0].call, None, fault="canceled")
    return player


def never_begun() -> Player:
    """Play a run that is paused and canceled before it began."""
    player = Player(path(task("charge")))
    player.ask(c.RequestPause(reason="look first"))
    player.ask(c.RequestCancel())
    player.advance()
    return player


def paused() -> Player:
    """Play a run that is paused twice: before it began, and while it waits."""
    player = Player(path(task("charge", retry=again(1, delay=5.0)), task("ship")))
    player.ask(c.RequestPause())
    player.ask(c.RequestResume())
    player.advance()
    _answer(player, 500)
    player.ask(c.RequestPause())
    player.pass_time(60.0)
    player.advance()
    player.ask(c.RequestResume())
    player.advance()
    player.ask(c.RequestPause())
    _answer(player, 200)
    player.ask(c.RequestCancel())
    player.advance()
    return player


def timed_out() -> Player:
    """Play a run that takes too long while a call is in flight, and cannot undo what was done."""
    definition = path(task("stock", undo=True), task("charge"), run_timeout=20.0)
    player = _begun(Player(definition))
    _answer(player, 200)
    _wait(player)
    player.answers(player.in_flight()[0].call, None, fault="timeout")
    _answer(player, 500)
    player.ask(c.RequestRetry())
    player.advance()
    _answer(player, 200)
    return player


def too_long() -> Player:
    """Play a run that takes too long and has nothing to undo."""
    player = _begun(Player(path(sleep("rest", 99.0), run_timeout=20.0)))
    _wait(player)
    return player


def lost() -> Player:
    """Play a call that no executor ever reports on."""
    player = _begun(Player(path(task("charge"))))
    player.starts(player.in_flight()[0].call)
    player.advance(lost_before=player.now + 1)
    while not player.x.is_terminal:
        _wait(player)
    return player


def broken() -> Player:
    """Play a switch that has no answer, and a retry that finds the same."""
    player = _begun(
        Player(path(switch("route", ({"nonsense": 1}, "ship"), default="ship"), task("ship")))
    )
    player.ask(c.RequestRetry())
    player.advance()
    return player


def steps_of_a_dag() -> Player:
    """Play conditions, skips, failures that are passed over, and single steps that run again."""
    definition = dag(
        needing("fetch", undo=True),
        needing("check", "fetch", on_failure="skip_dependents"),
        needing("publish", "check"),
        needing("big", "fetch", when=BIG),
        needing("tidy", "big", on_failure="continue"),
        needing("rest", "tidy", kind="sleep", request=None, duration=10.0),
        max_parallel=2,
    )
    player = _begun(Player(definition, payload={"amount": 5}))
    _answer(player, 200)
    _answer(player, 500, ref="check")
    _answer(player, 500, ref="tidy")
    player.ask(c.RequestStepReset(ref="check"))
    player.advance()
    _answer(player, 500)
    _wait(player)
    _answer(player, 200)
    player.ask(c.RequestStepReset(ref="fetch", subtree=True))
    player.advance()
    _answer(player, 200)
    _answer(player, 200, ref="check")
    player.ask(c.RequestCancel())
    player.advance()
    while not player.x.is_terminal:
        _answer(player, 200)
    player.ask(c.RequestStepReset(ref="publish"))
    player.advance()
    return player


def unanswered() -> Player:
    """Play a callback that never comes, and the notice of an end that is taken back."""
    definition = path(
        split("fork", "pay", "sign", join="joined"),
        later("pay", next="joined", timeout=20.0),
        later("sign", next="joined", timeout=90.0),
        join("joined"),
        on_failure=call("hook", "bad"),
    )
    player = _begun(Player(definition))
    _answer(player, 202, 202)
    _wait(player)
    player.ask(c.RequestRetry())
    player.advance()
    _answer(player, 202, 202)
    one = player.tasks[-1]
    player.calls_back(one.call, one.nonce, {"signed": True})
    player.advance()
    return player


def unheard() -> Player:
    """Play a call whose executors die one after the other, and that is then tried again."""
    player = _begun(Player(path(task("charge", retry=again(1, delay=30.0)))))
    while not player.x.of("charge") or player.x.steps["charge"].attempt == 1:
        _wait(player)
    _answer(player, 200)
    return player


def reopened() -> Player:
    """Play a run that takes too long twice, and is reopened by a reset of one step in between."""
    definition = dag(
        needing("fetch"),
        needing("rest", kind="sleep", request=None, duration=99.0),
        needing("send", "fetch", "rest"),
        run_timeout=20.0,
    )
    player = _begun(Player(definition))
    _answer(player, 200)
    _wait(player)
    player.pass_time(60.0)
    player.ask(c.RequestStepReset(ref="fetch"))
    player.advance()
    _answer(player, 200)
    _wait(player)
    return player


def idle() -> Player:
    """Play a run whose time runs out while a finished dag waits for a resume."""
    player = _begun(Player(dag(needing("fetch"), needing("send", "fetch"), run_timeout=20.0)))
    player.ask(c.RequestPause())
    _answer(player, 200)
    player.pass_time(60.0)
    player.ask(c.RequestResume())
    player.advance()
    player.ask(c.RequestStepReset(ref="fetch"))
    player.advance()
    return player


def waits() -> Player:
    """Play waits for events: one in time, one given up, one too late, one that is told of."""
    definition = dag(
        wait("paid", "paid:{{payload.order}}", timeout=60.0, emit_key="settled:{{payload.order}}"),
        wait("signed", "signed:{{payload.order}}", notify_url="http://peer.test/tell"),
        wait("seen", "seen:{{payload.order}}", timeout=30.0, on_failure="continue"),
        wait("again", "paid:{{payload.order}}", on_failure="continue"),
        needing("ship", "paid", "seen"),
    )
    player = _begun(Player(definition, payload={"order": 7}))
    _answer(player, 503)
    _wait(player)
    _answer(player, 204)
    _wait(player)
    _send(player, "paid", {"amount": 120})
    emission = next(chore for chore in player.owed() if isinstance(chore, EmitEvent))
    player.sent(emission, trigger="01a00000-0000-7000-8000-000000000002")
    _answer(player, 200)
    player.ask(c.CancelTrigger(ref="signed", visit=1, attempt=1, by="ann", now=player.now))
    player.advance()
    player.ask(c.RequestStepReset(ref="signed"))
    player.advance()
    player.ask(c.RequestCancel())
    player.advance()
    return player


def _send(player: Player, ref: str, payload: Json) -> None:
    player.pass_time(0.125)
    state = player.x.steps[ref]
    player.ask(
        c.SendEvent(
            ref=ref,
            visit=state.visit,
            attempt=state.attempt,
            payload=payload,
            sent_by="bank",
            now=player.now,
        )
    )
    player.advance()


def approvals() -> Player:
    """Play two decisions of people: one for, one against."""
    definition = dag(
        approval("budget", "ann", "bob", timeout=3600.0),
        approval("text", on_failure="continue"),
        needing("print", "budget", "text"),
    )
    player = _begun(Player(definition))
    player.ask(c.Approve(ref="budget", actor="ann", comment="fine", now=player.now))
    player.ask(c.Reject(ref="text", actor="eve", reason="a typo", now=player.now))
    player.advance()
    _answer(player, 200)
    return player


def children() -> Player:
    """Play a run of another workflow that fails, is tried again, and is canceled."""
    definition = dag(child("bill", retry=again(1, delay=5.0)))
    player = _begun(Player(definition, payload={"order": 7}))
    _end_child(player, "failed")
    _wait(player)
    _wait(player)
    player.ask(c.RequestCancel())
    player.advance()
    _end_child(player, "canceled")
    return player


def _end_child(player: Player, status: c.ChildStatus) -> None:
    for chore in player.owed():
        if isinstance(chore, StartChild):
            player.child_ends(chore, status)


def forced() -> Player:
    """Play steps that are settled from outside, in every state in which they may be."""
    fates = ("skip", "complete", "fail")
    kept = {"on_failure": "continue"}
    definition = dag(
        *(wait(f"asked-{fate}", f"{fate}:{{{{run.id}}}}", **kept) for fate in fates),
        *(sleep(f"rest-{fate}", 500.0, **kept) for fate in fates),
        *(needing(f"call-{fate}", retry=again(1, delay=50.0), **kept) for fate in fates),
        *(needing(f"last-{fate}", "call-fail", **kept) for fate in fates),
        needing("hold"),
    )
    player = _begun(Player(definition))
    _answer(player, 500, 500, 500)
    _force(player, [step.ref for step in definition.steps if step.ref != "hold"])
    player.ask(c.RequestStepReset(ref="call-fail", subtree=True))
    player.advance()
    _force(player, [f"last-{fate}" for fate in fates])
    _answer(player, 200, 200)
    return player


def _force(player: Player, refs: list[str]) -> None:
    """Settle steps from outside, each by the fate in its name."""
    for ref in refs:
        now = player.now
        match ref.rpartition("-")[2]:
            case "skip":
                player.ask(c.SkipStep(ref=ref, reason="not needed", actor="ann", now=now))
            case "complete":
                player.ask(c.CompleteStep(ref=ref, result={"by": "hand"}, actor="ann", now=now))
            case _:
                player.ask(c.FailStep(ref=ref, reason="no use", actor="ann", now=now))
    player.advance()


def queued() -> Player:
    """Play a run that waits for a place among the runs of its workflow, is let in, and ends."""
    player = _begun(Player(dag(needing("a"), max_runs=1, run_timeout=60.0)))
    player.pass_time(5.0)
    player.ask(c.Admit(now=player.now))
    _begun(player)
    _answer(player, 200)
    return player


def turned_away() -> Player:
    """Play a run that finds no place and may not wait for one."""
    player = _begun(Player(dag(needing("a"), max_runs=1, on_limit="reject")))
    reason = "at most 1 run of order goes on at once"
    player.ask(c.TurnAway(reason=reason, now=player.now))
    return _begun(player)


def turned_away_once() -> Player:
    """Play a run that is turned away, is retried, and finds a place then."""
    player = turned_away()
    player.ask(c.RequestRetry())
    _begun(player)
    player.ask(c.Admit(now=player.now))
    _begun(player)
    _answer(player, 200)
    return player


def queued_too_long() -> Player:
    """Play a run that finds no place within its time."""
    player = _begun(Player(dag(needing("a"), max_runs=1, run_timeout=60.0)))
    player.pass_time(60.0)
    return _begun(player)


def placed_again() -> Player:
    """Play a run that fails, is taken up again, and waits for another place; its end was told."""
    player = _failed_in_its_place()
    player.ask(c.RequestStepReset(ref="a"))
    _begun(player)
    _answer(player, 200)
    player.ask(c.RequestPause())
    player.ask(c.RequestResume())
    _begun(player)
    player.ask(c.Admit(now=player.now))
    _begun(player)
    _answer(player, 200)
    return player


def left_the_queue() -> Player:
    """Play a run that fails, is retried, waits for another place, and is canceled there."""
    player = _failed_in_its_place()
    player.ask(c.RequestRetry())
    _begun(player)
    player.ask(c.RequestCancel(reason="no more"))
    return _begun(player)


def _failed_in_its_place() -> Player:
    player = _begun(Player(dag(needing("a"), max_runs=1, on_failure=call("hook", "bad"))))
    player.ask(c.Admit(now=player.now))
    _begun(player)
    _answer(player, 500)
    return player


def after_success() -> Player:
    """Play work that succeeds, and what comes after it: a failure there is only told."""
    definition = dag(
        needing("a"),
        finishing("tidy", retry=again(1, delay=2.0)),
        finishing("tell", "tidy"),
        finishing("alarm", after=("failed", "timed_out")),
        after_timeout=60.0,
    )
    player = _begun(Player(definition))
    _answer(player, 200, 503)
    _wait(player)
    _answer(player, 500)
    return player


def after_failure() -> Player:
    """Play work that cannot be undone, what comes after it, a retry, and that once more."""
    definition = dag(needing("a", undo=True), needing("b", "a"), finishing("tidy"))
    player = _begun(Player(definition))
    _answer(player, 200, 500, 500, 200)
    player.ask(c.RequestRetry())
    _begun(player)
    _answer(player, 200, 200)
    return player


def after_time() -> Player:
    """Play work that takes too long, and what comes after it too."""
    definition = dag(sleep("rest", 90.0), finishing("tidy"), run_timeout=60.0, after_timeout=30.0)
    player = _begun(Player(definition))
    _wait(player)
    _wait(player)
    return player


def after_cancel() -> Player:
    """Play work that is canceled, and a second cancel that cuts short what comes after it."""
    definition = dag(needing("a"), finishing("tidy"))
    player = _begun(Player(definition))
    player.ask(c.RequestCancel(reason="no more"))
    _begun(player)
    _answer(player, 200)
    player.ask(c.RequestCancel(reason="at once"))
    return _begun(player)


def loops() -> Player:
    """Play a loop in which an item fails, a retry of the run, and a loop within a loop."""
    definition = dag(
        each("all", "{{payload.items}}", needing("x"), needing("y", "x"), concurrency=2),
        each("outer", {"a": [1, 2]}, each("inner", "{{item.value}}", task("do")), needs=("all",)),
    )
    player = _begun(Player(definition, payload={"items": ["a", "b", "c"]}))
    _answer(player, 200, 500, 200, 200, 200)
    player.ask(c.RequestRetry())
    _begun(player)
    _answer(player, 200, 200, 200, 200)
    return player


def failed_fast() -> Player:
    """Play a loop that is not to go on after a failure, and one that cannot begin."""
    inner = (task("do"), sleep("rest", 50.0))
    definition = dag(
        each("all", [1, 2, 3], *inner, concurrency=2, fail_fast=True, on_failure="continue"),
        each("none", "{{payload.items}}", task("do"), needs=("all",)),
    )
    player = _begun(Player(definition, payload={"items": 7}))
    _answer(player, 500, 200)
    return player


def canceled_loop() -> Player:
    """Play a loop whose run is canceled, and of which a step is reset."""
    definition = dag(each("all", [1, 2], sleep("rest", 50.0), concurrency=2))
    player = _begun(Player(definition))
    player.ask(c.RequestCancel(reason="no more"))
    _begun(player)
    player.ask(c.RequestStepReset(ref="all[1].rest"))
    _begun(player)
    _wait(player)
    return player


TOURS: Final[dict[str, Callable[[], Player]]] = {
    tour.__name__: tour
    for tour in (
        success,
        spoken,
        callbacks,
        branches,
        compensation,
        canceled,
        stopped,
        never_begun,
        paused,
        timed_out,
        too_long,
        lost,
        broken,
        steps_of_a_dag,
        unanswered,
        unheard,
        reopened,
        idle,
        waits,
        approvals,
        children,
        forced,
        queued,
        turned_away,
        turned_away_once,
        queued_too_long,
        placed_again,
        left_the_queue,
        after_success,
        after_failure,
        after_time,
        after_cancel,
        loops,
        failed_fast,
        canceled_loop,
    )
}
