"""The law of starters, on memory and on Postgres: each instant, delivery and end starts one run."""

import asyncio
from typing import Any, TypeAlias

import asyncpg
import pytest

from mainspring.domain import starters as s
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import Meta, StreamId
from mainspring.domain.errors import AlreadyExists, DefinitionInvalid, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.events import ExecutionRequested
from mainspring.domain.inputs import Input
from mainspring.domain.message import replace
from mainspring.domain.upcast import event_in
from mainspring.http.instants import shown
from mainspring.ports import ExecutionDetail, Page
from mainspring.runtime.clock import SystemIds, SystemRandom
from mainspring.runtime.engine import Engine, NewDefinition, Start
from mainspring.runtime.fires import Fires, Told
from mainspring.runtime.starters import NewStarter, Starters, Wanted, workflow_of
from mainspring.store.memory import MemoryStore
from mainspring.store.postgres import PostgresStore
from mainspring.store.rebuild import rebuild
from mainspring.testing.samples import NOW
from mainspring.testing.shapes import dag, needing

Store: TypeAlias = MemoryStore | PostgresStore
ME = Meta(actor="me")
EVERY_MINUTE = s.Schedule(interval=60.0)
ALL = range(64)


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds / 1e9


class Silent:
    """No broker: what is published is gone."""

    async def publish(self, messages: object) -> None:
        return


class House:
    """An engine on a store, and what is kept there."""

    def __init__(self, store: Store) -> None:
        self.clock = Hand()
        self.store = store
        self.engine = self.another()
        self.starters = Starters(self.engine)
        self.fires = Fires(self.engine)

    def another(self) -> Engine:
        return Engine(
            log=self.store.log,
            views=self.store.views,
            snapshots=self.store.snapshots,
            bus=Silent(),  # type: ignore[arg-type]
            clock=self.clock,
            ids=SystemIds(),
            chance=SystemRandom(),
        )

    async def workflow(
        self, name: str = "order", dialect: str = "native", inputs: tuple[Input, ...] = ()
    ) -> str:
        form: Definition = replace(dag(needing("a")), name=name, inputs=inputs)
        id = self.engine.ids.uuid7()
        entry = NewDefinition(
            id=id,
            project="p",
            name=name,
            version="1",
            dialect=dialect,
            source={"tags": {"team": "north"}},
            compiled=form,
        )
        await self.engine.store_definition(entry, ME)
        return id

    async def set(self, workflow: str, spec: s.Spec, **more: Any) -> s.Starter:
        new = NewStarter("p", more.pop("dialect", "native"), workflow, spec, **more)
        return await self.starters.create(new, ME)

    async def tick(self, at: float | None = None, fires: Fires | None = None) -> int:
        self.clock.at = self.clock.at if at is None else at
        return await (fires or self.fires).fire_due(ALL)

    async def row(self, starter: s.Starter) -> Any:
        found = await self.store.views.starter(starter.row.id)
        assert found is not None
        return found.row

    async def runs(self) -> list[ExecutionDetail]:
        rows = await self.store.views.executions("p", limit=5000)
        found = [await self.store.views.execution(row.id) for row in rows]
        return [each for each in found if each is not None]


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


async def test_an_instant_starts_one_run_and_the_next_one_is_known(house: House) -> None:
    starter = await house.set(await house.workflow(), EVERY_MINUTE, input={"n": 1})
    assert await house.tick(NOW + 59.9) == 0
    assert await house.tick(NOW + 60) == 1
    assert await house.tick() == 0
    (run,) = await house.runs()
    assert run.row.id == s.run_at(starter.row.id, NOW + 60)
    assert (run.row.triggered_by, run.row.tags) == ("schedule", {"team": "north"})
    assert run.payload == {
        "n": 1,
        "trigger": {
            "type": "schedule",
            "scheduled_at": shown(NOW + 60),
            "schedule": "every 60s",
        },
    }
    row = await house.row(starter)
    assert (row.last_at, row.last_execution, row.next_at) == (NOW + 60, run.row.id, NOW + 120)
    assert await house.store.views.next_due(ALL) == NOW + 120


async def test_of_two_who_fire_one_instant_at_once_one_starts_it(house: House) -> None:
    starter = await house.set(await house.workflow(), EVERY_MINUTE)
    other = Fires(house.another())
    house.clock.at = NOW + 60
    await asyncio.gather(house.tick(), house.tick(fires=other), house.tick(fires=other))
    assert len(await house.runs()) == 1
    assert (await house.row(starter)).stream_version == 2


async def test_who_dies_after_the_start_of_a_run_leaves_it_to_be_found(house: House) -> None:
    workflow = await house.workflow()
    starter = await house.set(workflow, EVERY_MINUTE)
    house.clock.at = NOW + 61
    form = await house.engine.compiled(dag(needing("a")).hash)
    start = Start(
        id=s.run_at(starter.row.id, NOW + 60),
        project="p",
        dialect="native",
        name="order",
        version="1",
        catalog_id=workflow,
    )
    await house.engine.start(form, start, ME)
    assert await house.tick() == 1
    assert len(await house.runs()) == 1
    assert (await house.row(starter)).last_at == NOW + 60
    assert await house.tick() == 0


async def test_a_start_that_cannot_be_is_recorded_and_not_tried_again(house: House) -> None:
    needs = (Input(name="region", type="string", required=True),)
    unfit = await house.set(await house.workflow("w", "flows", needs), EVERY_MINUTE)
    gone = await house.set(house.engine.ids.uuid7(), EVERY_MINUTE)
    assert await house.tick(NOW + 60) == 2
    assert await house.tick() == 0
    assert await house.runs() == []
    assert "region" in (await house.row(unfit)).last_error
    assert "not there" in (await house.row(gone)).last_error
    fit = {"region": "n"}
    await house.starters.change(unfit.row.id, "p", lambda it: _wish(it, input=fit), ME)
    assert await house.tick(NOW + 120) == 2
    (run,) = await house.runs()
    assert run.payload["inputs"] == {"region": "n"}  # type: ignore[index]
    assert (await house.row(unfit)).last_error is None


def _wish(starter: s.Starter, **other: Any) -> s.Wish:
    """Return what a starter was told, but for some of it."""
    form = starter.form
    told = s.Wish(
        form.dialect, form.workflow, form.spec, form.input, form.enabled, form.origin, form.name
    )
    return told._replace(**other)


async def test_missed_instants_are_caught_up_with_in_one_transaction(house: House) -> None:
    spec = s.Schedule(interval=3600.0, catchup="all")
    starter = await house.set(await house.workflow(), spec)
    assert await house.tick(NOW + 3.5 * 3600) == 1
    assert len(await house.runs()) == 3
    row = await house.row(starter)
    assert (row.next_at, row.note) == (NOW + 4 * 3600, None)


async def test_a_paused_schedule_starts_nothing(house: House) -> None:
    starter = await house.set(await house.workflow(), EVERY_MINUTE)
    house.clock.at = NOW + 60
    due = await house.store.views.due_starters(ALL, until=NOW + 60, limit=9)
    await house.starters.pause(starter.row.id, "p", ME)
    assert await house.tick() == 0
    assert await house.runs() == []
    # Who had read it before starts what was due then, once, and cannot undo the pause.
    await house.fires.fire(due, NOW + 60)
    assert not (await house.row(starter)).enabled
    await house.starters.resume(starter.row.id, "p", ME)
    assert await house.tick(NOW + 119) == 0


async def test_a_schedule_that_is_changed_while_it_fires_keeps_the_change(house: House) -> None:
    starter = await house.set(await house.workflow(), EVERY_MINUTE)
    house.clock.at = NOW + 60
    due = await house.store.views.due_starters(ALL, until=NOW + 60, limit=9)
    await house.fires.fire(due, NOW + 60)
    changed = s.Schedule(interval=10.0)
    await house.starters.change(starter.row.id, "p", lambda it: _wish(it, spec=changed), ME)
    await house.fires.fire(due, NOW + 60)
    found = await house.store.views.starter(starter.row.id)
    assert found is not None
    assert found.form.spec == changed
    assert len(await house.runs()) == 1


async def test_a_backfill_starts_each_instant_once_also_those_that_had_fired(house: House) -> None:
    starter = await house.set(await house.workflow(), EVERY_MINUTE)
    await house.tick(NOW + 60)
    house.clock.at = NOW + 400
    found = await house.fires.backfill(starter, NOW, NOW + 180, None, lambda _: ME)
    assert [(each.instant - NOW, each.is_new) for each in found] == [
        (0, True),
        (60, False),
        (120, True),
        (180, True),
    ]
    house.clock.at += 1
    again = await house.fires.backfill(starter, NOW, NOW + 180, None, lambda _: ME)
    assert not any(each.is_new for each in again)
    assert len(await house.runs()) == 4
    with pytest.raises(DefinitionInvalid, match="1000"):
        await house.fires.backfill(starter, NOW, NOW + 60 * 2000, None, lambda _: ME)


async def test_a_key_is_of_one_webhook_in_the_whole_deployment(house: House) -> None:
    workflow = await house.workflow()
    made = await house.set(workflow, s.Webhook())
    spec = made.form.spec
    assert isinstance(spec, s.Webhook)
    assert len(spec.key) >= 32
    assert await house.store.views.webhook(spec.key) == made
    with pytest.raises(AlreadyExists):
        await house.starters.create(NewStarter("q", "native", workflow, spec), ME)
    await house.set(workflow, s.Webhook(path="a/b"))
    with pytest.raises(AlreadyExists, match="a/b"):
        await house.set(workflow, s.Webhook(path="a/b"))
    await house.starters.create(NewStarter("q", "runs", workflow, s.Webhook(path="a/b")), ME)
    await house.starters.remove(made.row.id, "p", ME)
    assert await house.store.views.webhook(spec.key) is None
    await house.set(workflow, spec)


async def test_a_delivery_starts_one_run_whoever_takes_it(house: House) -> None:
    workflow = await house.workflow("w", "flows")
    starter = await house.set(workflow, s.Webhook(key="k"), dialect="flows")
    told = Told(s.run_for(starter.row.id, "d1"), {"type": "webhook", "body": {"a": 1}})
    other = Fires(house.another())
    await asyncio.gather(house.fires.deliver(starter, told, ME), other.deliver(starter, told, ME))
    (run,) = await house.runs()
    assert run.row.triggered_by == "webhook"
    assert run.payload == {"inputs": {}, "trigger": told.trigger}


async def end(house: House, workflow: str, id: str, depth: int = 0) -> ExecutionDetail:
    """Begin a run and record its end."""
    form = await house.engine.compiled(dag(needing("a")).hash)
    start = Start(
        id=id,
        project="p",
        dialect="native",
        name="order",
        version="1",
        catalog_id=workflow,
        depth=depth,
    )
    await house.engine.start(form, start, ME)
    await house.engine.ask(id, c.RequestCancel(), project="p", meta=ME)
    found = await house.store.views.execution(id)
    assert found is not None
    return found


async def test_the_end_of_a_run_is_followed_once_and_not_for_ever(house: House) -> None:
    workflow = await house.workflow()
    follower = await house.set(workflow, s.Follow(workflow="order"))
    ended = await end(house, workflow, house.engine.ids.uuid7(), depth=9)
    await house.fires.follow(follower, ended)
    await house.fires.follow(follower, ended)
    id = s.run_after(follower.row.id, ended.row.id)
    stream = StreamId("execution", id)
    events = (await house.store.log.read([stream]))[stream]
    first = event_in(events[0])
    assert isinstance(first, ExecutionRequested)
    assert (first.depth, first.triggered_by) == (10, "flow")
    assert first.payload["trigger"]["execution"]["id"] == ended.row.id
    assert (await house.row(follower)).stream_version == 2

    deepest = await house.store.views.execution(id)
    assert deepest is not None
    fresh = await house.store.views.starter(follower.row.id)
    assert fresh is not None
    await house.fires.follow(fresh, deepest)
    row = await house.row(follower)
    assert "deeper than 10" in row.last_error
    assert await house.store.views.execution(row.last_execution) is None


async def test_what_a_definition_declares_is_made_so_and_no_more(house: House) -> None:
    workflow = await house.workflow()
    hook, tick = Wanted(s.Webhook(path="x")), Wanted(EVERY_MINUTE, "tick")
    by_hand = await house.set(workflow, EVERY_MINUTE)

    async def sync(*wanted: Wanted) -> list[s.Starter]:
        return await house.starters.sync("p", "native", workflow, wanted, ME)

    first = await sync(tick, hook)
    assert [each.row.origin for each in first] == ["definition", "definition"]
    await house.starters.pause(first[0].row.id, "p", ME)
    again = await sync(tick, hook)
    assert [each.row.id for each in again] == [each.row.id for each in first]
    assert not again[0].row.enabled
    assert again[1] == first[1]

    changed = await sync(Wanted(s.Schedule(interval=5.0), "tick"))
    assert changed[0].row.id == first[0].row.id
    assert changed[0].row.enabled
    there = await house.starters.all_of("p", workflow)
    assert {each.row.id for each in there} == {by_hand.row.id, first[0].row.id}
    assert await sync() == []
    assert [each.row.id for each in await house.starters.all_of("p", workflow)] == [by_hand.row.id]
    back = await sync(tick, hook)
    assert [each.row.id for each in back] == [each.row.id for each in first]
    assert await house.starters.taken("p", workflow, [tick, hook]) == []
    assert await house.starters.taken("p", "other", [tick, hook]) == [1]
    with pytest.raises(AlreadyExists):
        await house.starters.sync("p", "native", "other", [hook], ME)


async def test_starters_of_another_project_are_not_there(house: House) -> None:
    starter = await house.set(await house.workflow(), EVERY_MINUTE)
    assert await house.store.views.starter(starter.row.id, project="q") is None
    assert await house.store.views.starters("q") == []
    for ask in (house.starters.pause, house.starters.resume, house.starters.remove):
        with pytest.raises(NotFound):
            await ask(starter.row.id, "q", ME)
        with pytest.raises(NotFound):
            await ask("0190b2f0-0000-7000-8000-000000000001", "p", ME)


async def test_starters_are_listed_newest_first_in_pages(house: House) -> None:
    workflow = await house.workflow()
    for n in range(5):
        house.clock.at = NOW + n // 2
        await house.set(workflow, EVERY_MINUTE if n % 2 else s.Webhook(), name=str(n))
    house.clock.at = NOW + 9
    await house.set("other", s.Follow(workflow="x"), enabled=False)
    every = await house.store.views.starters("p")
    assert len(every) == 6
    assert every == sorted(every, key=lambda each: (each.row.created_at, each.row.id), reverse=True)
    seen = await house.store.views.starters("p", limit=4)
    last = seen[-1].row
    seen += await house.store.views.starters("p", before=Page(last.created_at, last.id))
    assert seen == every
    assert len(await house.store.views.starters("p", kind="schedule", workflow=workflow)) == 2
    assert len(await house.store.views.starters("p", enabled=False)) == 1
    assert await house.store.views.followers(limit=9) == []


async def test_starters_of_all_projects_are_listed_together_newest_first(house: House) -> None:
    for n in range(6):
        house.clock.at = NOW + n
        new = NewStarter(f"p{n % 3}", "native", "w", EVERY_MINUTE, name=str(n))
        await house.starters.create(new, ME)
    every = await house.store.views.starters(None)
    assert [each.form.name for each in every] == list("543210")
    seen = await house.store.views.starters(None, limit=4)
    last = seen[-1].row
    seen += await house.store.views.starters(None, before=Page(last.created_at, last.id))
    assert seen == every
    assert await house.store.views.starters(None, kind="webhook") == []


async def test_a_workflow_is_found_by_its_id_and_its_name(house: House) -> None:
    views = house.store.views
    first = await house.workflow()
    other = await house.workflow("saga", "sagas")
    for named, id in (("order", first), (first, first), ("saga", other), (other, other)):
        found = await workflow_of(views, "p", named)
        assert found is not None
        assert (found.id, found.newest.row.id) == (id, id)
    assert await workflow_of(views, "q", "order") is None
    assert await workflow_of(views, "p", "nothing") is None
    assert await views.newest_of([]) == {}


async def test_a_cursor_goes_forward_alone(house: House) -> None:
    views = house.store.views
    assert await views.cursor("followers") is None
    await views.move_cursor("followers", 7)
    await views.move_cursor("followers", 5)
    assert await views.cursor("followers") == 7


async def test_executions_are_found_by_their_ids(house: House) -> None:
    workflow = await house.workflow()
    id = house.engine.ids.uuid7()
    ended = await end(house, workflow, id)
    unknown = house.engine.ids.uuid7()
    assert await house.store.views.executions_by_id([id, unknown]) == [ended.row]
    assert await house.store.views.executions_by_id([]) == []


async def test_starters_that_are_built_anew_are_the_live_ones(
    database_url: str, postgres: PostgresStore
) -> None:
    house = House(postgres)
    workflow = await house.workflow()
    one = await house.set(workflow, EVERY_MINUTE)
    other = await house.set(workflow, s.Webhook(key="k"))
    gone = await house.set(workflow, s.Follow(workflow="order"))
    for n in range(1, 9):
        await house.tick(NOW + 60 * n)
    await house.starters.pause(other.row.id, "p", ME)
    await house.starters.remove(gone.row.id, "p", ME)
    hand = await asyncpg.connect(database_url)
    try:
        queries = (
            "select s::text from mainspring.starters s order by 1",
            "select a::text from mainspring.audit a order by 1",
        )
        live = [await hand.fetch(query) for query in queries]

        await rebuild(database_url, batch=3)
        assert [await hand.fetch(query) for query in queries] == live
    finally:
        await hand.close()
    assert await house.tick(NOW + 60 * 9) == 1
    assert (await house.row(one)).last_at == NOW + 540
    with pytest.raises(AlreadyExists):
        await house.set(workflow, s.Webhook(key="k"))
