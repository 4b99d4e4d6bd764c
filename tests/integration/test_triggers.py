"""Event triggers on a real database: what is counted, what is forgotten, and events to many."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from tests.integration.triggers import Scene, scene

from mainspring.domain.envelope import Meta
from mainspring.domain.errors import VersionConflict
from mainspring.domain.execution import commands as c
from mainspring.domain.triggers import project_stream
from mainspring.runtime import triggers as module
from mainspring.store.verify import verify
from mainspring.testing.shapes import dag, needing, wait

DAY = 86_400.0
ME = Meta(actor="ann")
WAITING = dag(wait("w", "{{payload.k}}", timeout=90 * DAY), needing("after", "w"))


@pytest.fixture
async def stage(database_url: str) -> AsyncGenerator[Scene]:
    async with scene(database_url) as built:
        yield built
        await built.check()
    assert (await verify(database_url)).is_whole


async def waits(stage: Scene, *keys: str, project: str = "default") -> list[str]:
    return await stage.begin_many(WAITING, [{"k": key} for key in keys], project)


async def end(stage: Scene, id: str, *, received: bool = True, project: str = "default") -> None:
    """End the wait of a run by an event, or by a cancel."""
    now = stage.one.clock.now()
    command = (
        c.SendEvent(ref="w", visit=1, attempt=1, payload=1, sent_by="ann", now=now)
        if received
        else c.CancelTrigger(ref="w", visit=1, attempt=1, by="ann", now=now)
    )
    await stage.one.engine.ask(id, command, project=project, meta=ME)
    await stage.turn(id)


async def left(stage: Scene, project: str = "default") -> set[str]:
    return {found.row.key for found in await stage.one.store.views.triggers(project)}


async def purge(stage: Scene, days: float, project: str = "default") -> int:
    before = stage.one.clock.now() - days * DAY
    return await stage.one.triggers.purge(project, ended_before=before, meta=ME)


async def test_a_purge_goes_by_the_instant_at_which_a_trigger_ended(stage: Scene) -> None:
    canceled, received, young, _ = await waits(stage, "canceled", "received", "young", "waiting")
    await end(stage, canceled, received=False)
    await end(stage, received)
    stage.pass_time(2 * DAY)
    await end(stage, young)
    # The first two would expire only in three months.
    assert await purge(stage, 3) == 0
    assert await purge(stage, 1) == 2
    assert await left(stage) == {"young", "waiting"}
    assert await purge(stage, 1) == 0


async def test_a_purge_leaves_other_projects_alone(stage: Scene) -> None:
    (mine,) = await waits(stage, "k")
    (theirs,) = await waits(stage, "k", project="other")
    await end(stage, mine)
    await end(stage, theirs, project="other")
    stage.pass_time(2 * DAY)
    assert await purge(stage, 1) == 1
    assert (await left(stage), await left(stage, "other")) == (set(), {"k"})


async def test_purges_at_once_count_each_trigger_once(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PURGED_AT_ONCE", 4)
    for id in await waits(stage, *(f"k{n}" for n in range(11))):
        await end(stage, id)
    before = stage.one.clock.now() + 1
    counts = await asyncio.gather(
        stage.one.triggers.purge("default", ended_before=before, meta=ME),
        stage.other.triggers.purge("default", ended_before=before, meta=ME),
    )
    assert sum(counts) == 11
    assert await left(stage) == set()


async def test_a_purge_of_nothing_leaves_no_trace(stage: Scene) -> None:
    assert await purge(stage, 1) == 0
    stream = project_stream("default")
    assert (await stage.one.store.log.read([stream]))[stream] == []


async def test_an_event_to_many_goes_on_page_by_page_until_all_have_it(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 10)
    monkeypatch.setattr(module, "AT_ONCE", 4)
    keys = [f"k:{n:02}" for n in range(25)]
    ids = await waits(stage, *keys, "j:1", "l:1", "k;")
    sending = stage.one.triggers.send_to_all("default", "k:", {"n": 1}, sent_by="ann", meta=ME)
    pages = [[row.key for row in page] async for page in sending]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [key for page in pages for key in page] == keys
    waiting = await stage.one.store.views.triggers("default", status=("waiting",))
    assert {found.row.key for found in waiting} == {"j:1", "l:1", "k;"}
    await stage.turn(*ids)
    for id in ids[:25]:
        x = await stage.one.engine.load(id)
        assert x is not None
        step = x.of("w")
        assert step is not None
        assert step.output == {"n": 1}


@pytest.mark.parametrize(
    "key", ["k", "k\U0010ffff", "k\U0010ffff\U0010ffffz", "kк", "k~", "k" * 512]
)
async def test_whatever_begins_with_a_prefix_is_reached(stage: Scene, key: str) -> None:
    await waits(stage, key, "j", "l")
    for prefix in ("k", key):
        found = await stage.one.store.views.waiting_triggers("default", prefix)
        assert [row.key for row in found] == [key]


async def test_a_run_that_waits_twice_with_such_keys_goes_on_from_both(stage: Scene) -> None:
    both = dag(wait("w", "k:1", timeout=None), wait("v", "k:2", timeout=None))
    id = await stage.begin(both)
    sending = stage.one.triggers.send_to_all("default", "k:", 7, sent_by="ann", meta=ME)
    assert [len(page) async for page in sending] == [2]
    await stage.turn(id)
    x = await stage.one.engine.load(id)
    assert x is not None
    assert x.status == "succeeded"


async def test_who_was_too_busy_to_receive_an_event_is_not_passed_over_silently(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (id,) = await waits(stage, "k")

    async def busy(*_: Any, **__: Any) -> Any:
        return {id: [VersionConflict("it is being changed by others")]}

    monkeypatch.setattr(stage.one.engine, "ask_many", busy)
    sending = stage.one.triggers.send_to_all("default", "k", 1, sent_by="ann", meta=ME)
    with pytest.raises(VersionConflict):
        await anext(sending)


@pytest.mark.parametrize(
    ("size", "copies"), [(1, 250), (1 << 20, 15), (64 << 20, 1), (100_000, 167)]
)
def test_large_payloads_are_together_in_smaller_numbers(size: int, copies: int) -> None:
    payload = "x" * size
    assert module.most_of(payload, module.AT_ONCE, module.AT_ONCE_BYTES) == copies


async def test_the_average_wait_is_that_of_the_received(stage: Scene) -> None:
    received, canceled = await waits(stage, "a", "b")
    stage.pass_time(100.0)
    await end(stage, received)
    stage.pass_time(5_000.0)
    await end(stage, canceled, received=False)
    stats = await stage.one.store.views.trigger_stats("default")
    assert stats.counts == {"received": 1, "canceled": 1}
    assert stats.waited == pytest.approx(100, abs=5)
