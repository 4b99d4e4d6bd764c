"""Who wants a trigger at the same time as another: one gets it, and each is told what came of it.

The rivals write through connections of their own, so what keeps them apart is the database.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

import pytest
from tests.integration.triggers import Party, Scene, scene

from mainspring.domain.envelope import Meta
from mainspring.domain.errors import IllegalTransition
from mainspring.domain.execution import commands as c
from mainspring.domain.rows import TriggerRow
from mainspring.runtime.engine import Answer
from mainspring.store.verify import verify
from mainspring.testing.shapes import dag, needing, wait

TIMEOUT: Final = 600.0
MANY: Final = 25
ME: Final = Meta(actor="ann")
WAITING: Final = dag(wait("w", "k:{{payload.n}}", timeout=TIMEOUT), needing("after", "w"))
Outcome: TypeAlias = Answer | IllegalTransition
Outcomes: TypeAlias = Sequence[Outcome | None]
Rows: TypeAlias = Sequence[TriggerRow]
Rival: TypeAlias = Callable[[Scene, Rows], Awaitable[Outcomes]]


@pytest.fixture
async def stage(database_url: str) -> AsyncGenerator[Scene]:
    async with scene(database_url) as built:
        yield built
    assert (await verify(database_url)).is_whole


async def told(asked: Awaitable[Answer]) -> Outcome:
    """Return the answer, or the refusal."""
    try:
        return await asked
    except IllegalTransition as refused:
        return refused


async def ask(by: Party, row: TriggerRow, command: c.Request) -> Outcome:
    return await told(by.engine.ask(row.execution, command, project="default", meta=ME))


async def each(asked: Iterable[Awaitable[Outcome]]) -> list[Outcome]:
    return list(await asyncio.gather(*asked))


async def send(stage: Scene, row: TriggerRow) -> Outcome:
    return await told(stage.one.triggers.send(row, {"from": "one"}, sent_by="one", meta=ME))


async def send_to_each(stage: Scene, rows: Rows) -> list[Outcome]:
    return await each(send(stage, row) for row in rows)


async def send_other(stage: Scene, rows: Rows) -> Outcomes:
    by, event = stage.other.triggers, {"from": "other"}
    return await each(told(by.send(row, event, sent_by="other", meta=ME)) for row in rows)


async def send_same(stage: Scene, rows: Rows) -> Outcomes:
    by, event = stage.other.triggers, {"from": "one"}
    return await each(told(by.send(row, event, sent_by="other", meta=ME)) for row in rows)


async def cancel(stage: Scene, rows: Rows) -> Outcomes:
    now = stage.other.clock.now()
    command = c.CancelTrigger(ref="w", visit=1, attempt=1, by="bob", now=now)
    return await each(ask(stage.other, row, command) for row in rows)


async def skip(stage: Scene, rows: Rows) -> Outcomes:
    command = c.SkipStep(ref="w", actor="bob", now=stage.other.clock.now())
    return await each(ask(stage.other, row, command) for row in rows)


async def complete(stage: Scene, rows: Rows) -> Outcomes:
    command = c.CompleteStep(ref="w", result=1, actor="bob", now=stage.other.clock.now())
    return await each(ask(stage.other, row, command) for row in rows)


async def time_out(stage: Scene, rows: Rows) -> Outcomes:
    """Let the scheduler, whose clock is ahead, find that the waits are over."""
    stage.scheduler.clock.ahead = TIMEOUT + 1
    await stage.turn(*(row.execution for row in rows))
    return [None for _ in rows]


RIVALS: Final[dict[str, tuple[Rival, str]]] = {
    "another send": (send_other, "received"),
    "a cancel": (cancel, "canceled"),
    "a skip of the step": (skip, "canceled"),
    "a completion of the step": (complete, "canceled"),
    "the time-out": (time_out, "timed_out"),
}
"""Who wants a trigger beside a send, and what the trigger is when that one gets it."""

rivals = pytest.mark.parametrize("name", RIVALS)


async def waiting(stage: Scene, count: int = 1) -> list[TriggerRow]:
    payloads = [{"n": n} for n in range(count)]
    return await stage.rows(await stage.begin_many(WAITING, payloads))


async def after(stage: Scene, rows: list[TriggerRow]) -> list[TriggerRow]:
    """Return the triggers once all is done that follows from what happened."""
    await stage.turn(*(row.execution for row in rows))
    await stage.check()
    return await stage.rows([row.execution for row in rows])


async def in_pairs(stage: Scene, rows: Rows, rival: Rival) -> tuple[list[Outcome], list[Any]]:
    """Let a send and its rival begin together, a few rows at a time; each is first in turn."""
    sent, others = list[Outcome](), list[Any]()
    for n in range(0, len(rows), 3):
        some = rows[n : n + 3]
        if n % 2:
            mine, theirs = await asyncio.gather(send_to_each(stage, some), rival(stage, some))
        else:
            theirs, mine = await asyncio.gather(rival(stage, some), send_to_each(stage, some))
        sent += mine
        others += theirs
    return sent, others


def got_it(outcome: Outcome | None) -> bool:
    return isinstance(outcome, Answer) and outcome.changed


@rivals
async def test_a_send_that_comes_first_has_it(stage: Scene, name: str) -> None:
    (row,) = await waiting(stage)
    assert got_it(await send(stage, row))
    (late,) = await RIVALS[name][0](stage, [row])
    if late is not None:
        assert isinstance(late, IllegalTransition)
    (row,) = await after(stage, [row])
    assert (row.status, row.sent_by) == ("received", "one")
    found = await stage.newest(row.key)
    assert found.payload == {"from": "one"}


@rivals
async def test_a_send_that_comes_second_is_told_what_the_first_one_made_of_it(
    stage: Scene, name: str
) -> None:
    rival, status = RIVALS[name]
    (row,) = await waiting(stage)
    await rival(stage, [row])
    refused = await send(stage, row)
    assert isinstance(refused, IllegalTransition)
    assert status in str(refused)
    (row,) = await after(stage, [row])
    assert row.status == status
    assert row.sent_by != "one"


@rivals
async def test_of_two_at_once_one_has_it_and_the_other_is_told(stage: Scene, name: str) -> None:
    rival, status = RIVALS[name]
    rows = await waiting(stage, MANY)
    sent, others = await in_pairs(stage, rows, rival)
    for row, mine, theirs in zip(await after(stage, rows), sent, others, strict=True):
        if got_it(mine):
            assert (row.status, row.sent_by) == ("received", "one")
            assert not got_it(theirs)
        else:
            assert isinstance(mine, IllegalTransition)
            assert row.status == status
            assert row.sent_by != "one"
            assert theirs is None or got_it(theirs)


async def test_of_two_sends_of_the_same_event_both_are_told_that_it_was_received(
    stage: Scene,
) -> None:
    rows = await waiting(stage, MANY)
    sent, others = await in_pairs(stage, rows, send_same)
    for mine, theirs in zip(sent, others, strict=True):
        assert isinstance(mine, Answer)
        assert isinstance(theirs, Answer)
        assert mine.changed != theirs.changed
    assert {row.status for row in await after(stage, rows)} == {"received"}


async def test_a_send_and_a_cancel_of_the_run_leave_one_story(stage: Scene) -> None:
    """The cancel always takes effect; the trigger is received or not, as the sender was told."""
    rows = await waiting(stage, MANY)
    canceling = each(ask(stage.other, row, c.RequestCancel()) for row in rows)
    sent, _ = await asyncio.gather(send_to_each(stage, rows), canceling)
    for row, mine in zip(await after(stage, rows), sent, strict=True):
        assert row.status == ("received" if got_it(mine) else "canceled")
        x = await stage.one.engine.load(row.execution)
        assert x is not None
        assert x.status == "canceled"


async def test_two_prefix_sends_at_once_share_the_triggers_between_them(stage: Scene) -> None:
    rows = await waiting(stage, 2 * MANY)

    async def all_of(by: Party, who: str) -> list[str]:
        pages = by.triggers.send_to_all("default", "k:", who, sent_by=who, meta=ME)
        return [row.id async for page in pages for row in page]

    one, other = await asyncio.gather(all_of(stage.one, "one"), all_of(stage.other, "other"))
    assert sorted(one + other) == sorted(row.id for row in rows)
    for row in await after(stage, rows):
        assert (row.status, row.sent_by) == ("received", "one" if row.id in one else "other")


async def test_a_prefix_send_and_time_outs_at_once_leave_one_story_each(stage: Scene) -> None:
    rows = await waiting(stage, 2 * MANY)
    stage.scheduler.clock.ahead = TIMEOUT + 1
    received: list[str] = []

    async def send_all() -> None:
        pages = stage.one.triggers.send_to_all("default", "k:", 1, sent_by="one", meta=ME)
        async for page in pages:
            received.extend(row.id for row in page)

    await asyncio.gather(send_all(), stage.turn(*(row.execution for row in rows)))
    for row in await after(stage, rows):
        assert row.status == ("received" if row.id in received else "timed_out")
