"""Events that steps send, events that are kept, and keys that are taken: each has one effect."""

from typing import Any

import pytest
from tests.unit.scheduler.conftest import Desk

from mainspring.domain.envelope import Envelope, Meta, StreamId
from mainspring.domain.errors import IllegalTransition
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.react import EmitEvent
from mainspring.domain.message import Json
from mainspring.domain.triggers import EventOffered, buffer_stream
from mainspring.domain.upcast import event_in
from mainspring.ports import EventLog
from mainspring.runtime import buffers, triggers
from mainspring.runtime.engine import Answer
from mainspring.runtime.triggers import Triggers
from mainspring.testing.shapes import dag, needing, wait

WAITING = dag(wait("w", "k", timeout=None), needing("a", "w"))
ME = Meta(actor="ann")


async def output(desk: Desk, id: str, ref: str = "w") -> Json:
    step = (await desk.state(id)).of(ref)
    return step.output if step is not None and step.status == "succeeded" else None


async def keep(desk: Desk, payload: Json, *, seconds: float = 60.0) -> None:
    await desk.triggers.keep(
        "default", "k", payload, sent_by="ann", expires_at=desk.clock.at + seconds, meta=ME
    )
    await desk.settle()


async def test_a_step_that_succeeds_resolves_who_waits_with_its_key(desk: Desk) -> None:
    waiting = await desk.start(WAITING)
    sender = await desk.start(dag(needing("s", emit_key="k")))
    await desk.answer(body={"n": 1})
    assert await output(desk, waiting) == {"n": 1}
    x = await desk.state(sender)
    sent = x.of("s", "emit")
    trigger = await desk.store.views.trigger(project="default", key="k")
    assert trigger is not None
    assert sent is not None
    assert sent.output == {"key": "k", "trigger": trigger.row.id}
    assert trigger.row.sent_by == f"step:{sender}:s:1:1"


async def test_an_event_that_nobody_waits_for_is_consumed_silently(desk: Desk) -> None:
    sender = await desk.start(dag(needing("s", emit_key="k")))
    await desk.answer()
    sent = (await desk.state(sender)).of("s", "emit")
    assert sent is not None
    assert sent.output == {"key": "k", "trigger": None}


async def test_an_event_that_is_sent_twice_resolves_one_trigger(desk: Desk) -> None:
    first = await desk.start(WAITING)
    emission = EmitEvent(
        execution="x", ref="s", visit=1, attempt=1, project="default", key="k", payload=7
    )
    sent = await desk.triggers.emit(emission)
    await desk.settle()
    assert await output(desk, first) == 7
    second = await desk.start(WAITING)
    assert await desk.triggers.emit(emission) == sent
    await desk.settle()
    assert await output(desk, second) is None


async def test_a_key_that_another_run_waits_with_fails_the_second_run(desk: Desk) -> None:
    first = await desk.start(WAITING)
    second = await desk.start(WAITING)
    assert await desk.status(first) == "running"
    x = await desk.state(second)
    assert x.status == "failed"
    assert "event key 'k' is in use" in (x.reason or "")


async def test_a_key_is_free_again_when_its_trigger_is_over(desk: Desk) -> None:
    first = await desk.start(WAITING)
    await desk.ask(first, c.SendEvent(ref="w", visit=1, attempt=1, payload=1, now=desk.clock.at))
    second = await desk.start(WAITING)
    assert await desk.status(second) == "running"
    trigger = await desk.store.views.trigger(project="default", key="k")
    assert trigger is not None
    assert (trigger.row.execution, trigger.row.status) == (second, "waiting")


async def test_two_that_want_a_key_in_one_transaction_do_not_both_get_it(desk: Desk) -> None:
    desk.wire.lost = True
    both = [await desk.start(WAITING) for _ in range(2)]
    desk.wire.lost = False
    for id in both:
        desk.inbox.poke(id)
    await desk.settle()
    assert sorted([await desk.status(id) for id in both]) == ["failed", "running"]


async def test_an_event_that_came_early_is_received_by_the_first_who_waits(desk: Desk) -> None:
    await keep(desk, {"n": 1})
    await keep(desk, {"n": 2})
    first = await desk.start(WAITING)
    assert await output(desk, first) == {"n": 1}
    second = await desk.start(WAITING)
    assert await output(desk, second) == {"n": 2}
    assert await output(desk, await desk.start(WAITING)) is None
    assert await desk.store.views.deliverable(now=desk.clock.at, limit=9) == []
    trigger = await desk.store.views.trigger(project="default", key="k", sent_by="ann")
    assert trigger is not None
    assert trigger.row.execution == second


async def test_an_event_is_kept_no_longer_than_was_asked(desk: Desk) -> None:
    await keep(desk, 1, seconds=5.0)
    await desk.pass_time(5.0)
    assert await output(desk, await desk.start(WAITING)) is None


async def test_an_event_that_is_kept_while_somebody_waits_goes_there_at_once(desk: Desk) -> None:
    waiting = await desk.start(WAITING)
    await keep(desk, 5)
    assert await output(desk, waiting) == 5


@pytest.mark.parametrize("sent", [False, True])
async def test_an_offer_that_a_crash_left_behind_is_carried_out_once(
    desk: Desk, sent: bool
) -> None:
    waiting = await desk.start(WAITING)
    trigger = await desk.store.views.trigger(project="default", key="k")
    assert trigger is not None
    await _offer(desk, trigger.row.id)
    if sent:
        await desk.triggers.send(trigger.row, 5, sent_by="ann", meta=ME)
        await desk.settle()
    # crash here: the offer is durable, that it was received is not recorded
    await desk.triggers.deliver("default", "k")
    await desk.settle()
    assert await output(desk, waiting) == 5
    assert await output(desk, await desk.start(WAITING)) is None


async def test_an_offer_to_a_trigger_that_ended_otherwise_goes_to_the_next(desk: Desk) -> None:
    waiting = await desk.start(WAITING)
    trigger = await desk.store.views.trigger(project="default", key="k")
    assert trigger is not None
    await _offer(desk, trigger.row.id)
    await desk.ask(waiting, c.RequestCancel())
    following = await desk.start(WAITING)
    assert await output(desk, following) == 5


async def _offer(desk: Desk, trigger: str) -> None:
    """Keep an event and offer it, and die before it is sent."""
    send = desk.triggers.send

    async def dies(*_: object, **__: object) -> None:
        raise ConnectionError

    desk.triggers.send = dies  # type: ignore[assignment,method-assign]
    with pytest.raises(ConnectionError):
        await keep(desk, 5)
    desk.triggers.send = send
    stream = buffer_stream("default", "k")
    last = event_in((await desk.store.log.read([stream]))[stream][-1])
    assert isinstance(last, EventOffered)
    assert last.trigger == trigger


async def test_a_purge_forgets_what_ended_before_and_says_how_many(desk: Desk) -> None:
    first = await desk.start(WAITING)
    await desk.ask(first, c.SendEvent(ref="w", visit=1, attempt=1, now=desk.clock.at))
    await desk.pass_time(100.0)
    second = await desk.start(WAITING)
    purged = await desk.triggers.purge("default", ended_before=desk.clock.at - 50, meta=ME)
    assert purged == 1
    left = await desk.store.views.triggers("default")
    assert [each.row.execution for each in left] == [second]
    assert await desk.triggers.purge("default", ended_before=desk.clock.at, meta=ME) == 0


async def test_an_event_is_sent_once_more_after_a_crash_and_recorded(desk: Desk) -> None:
    sender = await desk.start(dag(needing("s", emit_key="k")))
    waiting = await desk.start(WAITING)
    (task,) = desk.wire.take("tasks.")
    desk.wire.sent = [task]
    desk.chores.add = lambda _: None  # type: ignore[method-assign]
    await desk.answer(body=9)
    desk.restart()
    assert await output(desk, waiting) is None
    await desk.pass_time(61.0, sender)
    assert await output(desk, waiting) == 9
    sent = (await desk.state(sender)).of("s", "emit")
    assert sent is not None
    assert sent.status == "succeeded"
    stream = StreamId("execution", waiting)
    history = (await desk.store.log.read([stream]))[stream]
    assert [each.type for each in history].count("TriggerReceived") == 1


class Counting:
    """A log that counts the events that are read of it."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.read_events = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def read_all(self, **asked: Any) -> list[Envelope]:
        found = await self._log.read_all(**asked)
        self.read_events += len(found)
        return found


async def test_the_hundredth_event_of_a_key_is_no_dearer_to_keep_than_the_first(
    desk: Desk,
) -> None:
    log: Any = Counting(desk.store.log)
    desk.engine.log = log
    desk.restart()
    for n in range(100):
        await keep(desk, n)
    assert log.read_events <= 300
    for n in range(100):
        assert await output(desk, await desk.start(WAITING)) == n
    assert log.read_events <= 1500


async def test_a_process_that_knows_a_buffer_of_old_hears_what_others_did(desk: Desk) -> None:
    await keep(desk, 1)
    other = Triggers(desk.engine)
    later = desk.clock.at + 60
    await other.keep("default", "k", 2, sent_by="bob", expires_at=later, meta=ME)
    await keep(desk, 3)
    for n in (1, 2, 3):
        assert await output(desk, await desk.start(WAITING)) == n
    assert await other.deliver("default", "k") == 0


async def test_an_offer_is_looked_at_also_when_its_event_is_over_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "PAGE", 1)
    await keep(desk, 7, seconds=5.0)
    desk.triggers.send = crash
    desk.chores.add = lambda _: None  # type: ignore[method-assign]
    waiting = await desk.start(WAITING)
    with pytest.raises(ConnectionResetError):
        await desk.triggers.deliver("default", "k")
    desk.clock.at += 90_000.0
    desk.restart()
    assert await desk.triggers.deliver("default", "k") == 1
    await desk.settle()
    assert await output(desk, waiting) == 7
    assert await desk.store.views.deliverable(now=desk.clock.at, limit=9) == []


async def crash(*_: object, **__: object) -> Answer:
    raise ConnectionResetError


async def test_what_is_kept_for_a_key_is_bounded_and_room_comes_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triggers, "MOST_KEPT", 2)
    await keep(desk, 1, seconds=5.0)
    await keep(desk, 2)
    with pytest.raises(IllegalTransition, match="2 are kept for 'k' already"):
        await keep(desk, 3)
    await desk.pass_time(5.0)
    await keep(desk, 4)
    for n in (2, 4):
        assert await output(desk, await desk.start(WAITING)) == n


async def test_large_events_fill_a_buffer_sooner(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triggers, "MOST_KEPT_BYTES", 1000)
    monkeypatch.setattr(buffers, "BUDGET", 100)  # nothing is remembered, and all goes on
    await keep(desk, "x" * 1000)
    with pytest.raises(IllegalTransition):
        await keep(desk, 1)
    assert await output(desk, await desk.start(WAITING)) == "x" * 1000
    await keep(desk, 1)
