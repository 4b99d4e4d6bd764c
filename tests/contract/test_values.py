"""The law of the key-value store, on memory and on Postgres: one winner for each version."""

import asyncio
from typing import TypeAlias

import asyncpg
import pytest

from mainspring.domain.envelope import Meta
from mainspring.domain.errors import (
    AlreadyExists,
    DefinitionInvalid,
    NotFound,
    NotPresent,
    Rejected,
)
from mainspring.plugin import PluginFailed
from mainspring.runtime.clock import SystemIds, SystemRandom
from mainspring.runtime.engine import Engine
from mainspring.runtime.kv import ProjectValues, Values, Wanted
from mainspring.store.memory import MemoryStore
from mainspring.store.postgres import PostgresStore
from mainspring.store.rebuild import rebuild
from mainspring.testing.samples import NOW

Store: TypeAlias = MemoryStore | PostgresStore
ME = Meta(actor="me")


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


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def engine(store: Store, clock: Hand) -> Engine:
    return Engine(
        log=store.log,
        views=store.views,
        snapshots=store.snapshots,
        bus=Silent(),  # type: ignore[arg-type]
        clock=clock,
        ids=SystemIds(),
        chance=SystemRandom(),
    )


@pytest.fixture
def values(engine: Engine) -> Values:
    return Values(engine)


async def read(values: Values, key: str, project: str = "p") -> object:
    found = await values.get(project, key)
    return None if found is None else found.value


async def test_a_value_is_read_as_it_was_set(values: Values) -> None:
    every: tuple[object, ...] = (
        None,
        False,
        0,
        "",
        [],
        {"a": [1, {"b": None}]},
        "\u00e9\U0001f600",
        1.5,
    )
    for value in every:
        await values.set("p", "k", value, meta=ME)
        found = await values.get("p", "k")
        assert found is not None
        assert found.value == value


async def test_keys_of_another_project_are_not_there(values: Values) -> None:
    await values.set("p", "k", 1, meta=ME)
    assert await values.get("q", "k") is None
    assert not await values.remove("q", "k", meta=ME)
    assert await read(values, "k") == 1


async def test_a_version_only_rises_also_over_a_removal(values: Values) -> None:
    first, is_new = await values.set("p", "k", 1, meta=ME)
    second, was_new = await values.set("p", "k", 2, meta=ME)
    assert (is_new, was_new) == (True, False)
    assert await values.remove("p", "k", meta=ME)
    assert await values.get("p", "k") is None
    third, _ = await values.set("p", "k", 3, meta=ME)
    assert first.version < second.version < third.version
    assert third.created_at == third.updated_at


async def test_a_value_is_over_when_its_time_is(values: Values, clock: Hand) -> None:
    await values.set("p", "k", 1, ttl=10.0, meta=ME)
    clock.at += 9.999
    assert await read(values, "k") == 1
    clock.at += 0.001
    assert await values.get("p", "k") is None
    assert not await values.remove("p", "k", meta=ME)
    row, is_new = await values.set("p", "k", 2, wanted=Wanted(absent=True), meta=ME)
    assert is_new
    assert row.created_at == clock.at
    assert row.expires_at is None


async def test_a_change_may_name_the_version_that_it_is_of(values: Values) -> None:
    row, _ = await values.set("p", "k", 1, meta=ME)
    changed, _ = await values.set("p", "k", 2, wanted=Wanted(version=row.version), meta=ME)
    with pytest.raises(NotPresent, match=f"version {changed.version}"):
        await values.set("p", "k", 3, wanted=Wanted(version=row.version), meta=ME)
    with pytest.raises(AlreadyExists):
        await values.set("p", "k", 3, wanted=Wanted(absent=True), meta=ME)
    with pytest.raises(NotFound):
        await values.set("p", "other", 3, wanted=Wanted(present=True), meta=ME)
    assert await read(values, "k") == 2


async def test_of_many_who_name_one_version_one_wins(values: Values) -> None:
    row, _ = await values.set("p", "k", 0, meta=ME)
    wanted = Wanted(version=row.version)
    tries = [values.set("p", "k", n, wanted=wanted, meta=ME) for n in range(8)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in outcomes) == 1
    assert all(isinstance(each, tuple | NotPresent) for each in outcomes)


async def test_no_addition_is_lost(values: Values) -> None:
    await asyncio.gather(*(values.add("p", "n", 1, meta=ME) for _ in range(12)))
    assert await read(values, "n") == 12
    await values.set("p", "n", "text", meta=ME)
    with pytest.raises(Rejected, match="no number"):
        await values.add("p", "n", 1, meta=ME)


async def test_keys_are_listed_in_order_and_by_prefix(values: Values, clock: Hand) -> None:
    for key in ("b", "a/1", "a", "a/2", "c%", "\u00e9"):
        await values.set("p", key, key, meta=ME)
    await values.set("p", "a/0", 0, ttl=1.0, meta=ME)
    await values.set("q", "a", 0, meta=ME)
    clock.at += 2
    listed = await values.keys("p", prefix="a", limit=10)
    assert [each.row.key for each in listed] == ["a", "a/1", "a/2"]
    rest = await values.keys("p", after="a/2", limit=2, values=True)
    assert [(each.row.key, each.value) for each in rest] == [("b", "b"), ("c%", "c%")]


async def test_faults_of_a_key_and_of_its_time_are_told_together(values: Values) -> None:
    with pytest.raises(DefinitionInvalid) as told:
        await values.set("p", "", 1, ttl=0.0, meta=ME)
    assert [fault.partition(":")[0] for fault in told.value.faults] == ["key", "ttl"]
    with pytest.raises(DefinitionInvalid, match="512"):
        await values.set("p", "\u00e9" * 257, 1, meta=ME)


async def test_a_plugin_sees_its_own_project_and_no_other(values: Values) -> None:
    mine = ProjectValues(values, "p", ME)
    assert await mine.set("", "k", {"a": 1}, ttl=None) == 1
    assert await mine.get("p", "k") == ({"a": 1},)
    assert await mine.increment("p", "n", 2) == 2
    assert await mine.keys("p", "", limit=10) == ["k", "n"]
    assert await mine.delete("p", "k")
    assert await mine.get("p", "k") is None
    with pytest.raises(PluginFailed, match="'q'"):
        await mine.get("q", "k")
    with pytest.raises(PluginFailed, match="key"):
        await mine.set("p", "", 1, ttl=None)


async def test_values_that_are_built_anew_are_the_live_ones(
    database_url: str, engine_on_postgres: Engine, clock: Hand
) -> None:
    values = Values(engine_on_postgres)
    for key in ("a", "b", "c"):
        await values.set("p", key, key, ttl=5.0 if key == "b" else None, meta=ME)
    clock.at += 10
    await values.set("p", "b", 2, meta=ME)
    await values.set("p", "a", 2, ttl=50.0, meta=ME)
    await values.remove("p", "c", meta=ME)
    hand = await asyncpg.connect(database_url)
    try:
        query = "select k::text from mainspring.kv k order by 1"
        live = [row[0] for row in await hand.fetch(query)]
        assert len(live) == 2
        await rebuild(database_url)
        assert [row[0] for row in await hand.fetch(query)] == live
    finally:
        await hand.close()


@pytest.fixture
def engine_on_postgres(postgres: PostgresStore, clock: Hand) -> Engine:
    return Engine(
        log=postgres.log,
        views=postgres.views,
        snapshots=postgres.snapshots,
        bus=Silent(),  # type: ignore[arg-type]
        clock=clock,
        ids=SystemIds(),
        chance=SystemRandom(),
    )
