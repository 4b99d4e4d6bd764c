"""Views that are built anew from the log are the live ones, column for column."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest

from mainspring.domain.catalog import DefinitionCompiled, DefinitionDeleted, DefinitionStored
from mainspring.domain.definition import Definition, Request, Retry, Step
from mainspring.domain.envelope import EMPTY, Head, Meta, StreamId, head_of, seal
from mainspring.domain.errors import Corrupt, LogUnavailable, Rejected
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.decide import decide
from mainspring.domain.execution.events import Event, ExecutionRequested
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.rows import DefinitionRow
from mainspring.domain.task import CallId, Exchange, Finished, Logged, LogLine, Started
from mainspring.ports import Append, Appended
from mainspring.store.postgres import PostgresStore
from mainspring.store.rebuild import rebuild
from mainspring.store.verify import verify
from mainspring.store.views import project, project_catalog
from mainspring.testing.samples import NOW, append, execution_stream, keyed, uuid

Connection: TypeAlias = "asyncpg.Connection[Any]"

VIEWS = [
    "executions",
    "steps",
    "attempts",
    "timers",
    "compiled",
    "definitions",
    "audit",
    "idempotency",
]
CALL = Request(url="http://a.test/")
DEFINITION = Definition(
    name="order",
    version="1",
    planner="path",
    entrypoint="charge",
    retry=Retry(retries=1, delay=1.0, jitter=0.5),
    run_timeout=1000.0,
    steps=(
        Step(ref="charge", next="wait", request=CALL, compensation=CALL),
        Step(ref="wait", kind="sleep", next="ship", duration=30.0),
        Step(ref="ship", request=CALL),
    ),
)


@pytest.fixture
async def hand(database_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database_url, server_settings={"search_path": "mainspring"})
    yield connection
    await connection.close()


async def dump(hand: Connection) -> dict[str, list[str]]:
    """Return every column of every row of the views, as texts."""
    return {
        view: [row[0] for row in await hand.fetch(f"select t::text from {view} t order by 1")]  # noqa: S608 - names of our own
        for view in VIEWS
    }


async def catalogue(hand: Connection) -> list[str]:
    """Return the names of all indexes, constraints and tables."""
    rows = await hand.fetch(
        "select 'i ' || indexdef from pg_indexes where schemaname = 'mainspring'"
        " union all select 'c ' || conname || pg_get_constraintdef(oid) from pg_constraint"
        " where connamespace = 'mainspring'::regnamespace"
        " union all select 't ' || relname || coalesce(reloptions::text, '') from pg_class"
        " where relnamespace = 'mainspring'::regnamespace order by 1"
    )
    return [row[0] for row in rows]


class Runner:
    """Lives the lives of executions by chance, appending as services do."""

    def __init__(self, store: PostgresStore, seed: int) -> None:
        self.store = store
        self.chance = random.Random(seed)  # noqa: S311 - a script, no secret
        self.now = NOW

    async def begin(self, n: int, group: int = 0) -> Execution:
        x = absent(uuid(n, group), DEFINITION)
        asked = ExecutionRequested(
            definition=DEFINITION.hash,
            name="order",
            version="1",
            dialect="sagas",
            payload={"n": n},
            tags={"n": str(n)},
            at=self.now,
        )
        meta = keyed(f"{group}-{n}") if n % 3 == 0 else Meta(actor="ann", request_id="r")
        return await self.write(x, [asked], meta)

    async def live(self, x: Execution, turns: int) -> Execution:
        """Give an execution commands, sensible and not; what is refused changes nothing."""
        for _ in range(turns):
            self.now += self.chance.choice([0.001, 0.5, 40.0])
            try:
                events = decide(self._command(x), x)
            except Rejected:
                continue
            if events:
                x = await self.write(x, events, Meta(actor="bob"))
        return x

    def _command(self, x: Execution) -> c.Command:
        seed = f"{self.chance.getrandbits(64):016x}"
        open_steps = x.open_steps()
        if open_steps and self.chance.random() < 0.5:
            step = self.chance.choice(open_steps)
            call = CallId(x.id, step.ref, step.phase, step.visit, step.attempt)
            status = self.chance.choice([200, 200, 500])
            exchange = Exchange(
                verb="POST", url="http://a.test/", started_at=self.now, latency=0.1, status=status
            )
            said = (LogLine(self.now, "INFO", "at work"),)
            report = self.chance.choice(
                [Started(call, self.now), Logged(call, said), Finished(call, exchange, logs=said)]
            )
            return c.RecordReport(report=report, now=self.now, seed=seed)
        advance = c.Advance(now=self.now, seed=seed)
        asked = [c.RequestCancel(), c.RequestPause(), c.RequestResume(), c.RequestRetry()]
        others = [
            c.RequestWake(),
            c.RequestStepReset(ref="charge", subtree=True),
            c.RequestResume(),
        ]
        return self.chance.choice([*asked, *others, *[advance] * 10])

    async def write(self, x: Execution, events: list[Event], meta: Meta) -> Execution:
        stream = StreamId("execution", x.id)
        sealed = seal(stream, x.head, events, meta=meta, project="default", now=self.now)
        changes, after = project(x, sealed, events)
        (answer,) = await self.store.log.append([Append(stream, x.head, sealed, tuple(changes))])
        assert isinstance(answer, Appended)
        return after


async def store_catalogue(store: PostgresStore) -> None:
    """Record the compiled form, and three definitions of which one is deleted."""
    compiled = DefinitionCompiled(definition=DEFINITION)
    stream = StreamId("compiled", DEFINITION.hash)
    sealed = seal(stream, EMPTY, [compiled], meta=Meta(), project="", now=NOW)
    await store.log.append(
        [Append(stream, EMPTY, sealed, tuple(project_catalog(sealed[0], compiled)))]
    )
    stored = [
        DefinitionStored(
            name=f"d{n}", version="1", dialect="sagas", source={}, compiled="c", at=NOW
        )
        for n in range(3)
    ]
    heads = [await _catalogued(store, n, EMPTY, event, None) for n, event in enumerate(stored)]
    await _catalogued(store, 1, heads[1][0], DefinitionDeleted(at=NOW + 1), heads[1][1])


async def _catalogued(
    store: PostgresStore,
    n: int,
    head: Head,
    event: DefinitionStored | DefinitionDeleted,
    before: DefinitionRow | None,
) -> tuple[Head, DefinitionRow]:
    stream = StreamId("definition", uuid(n))
    sealed = seal(stream, head, [event], meta=Meta(actor="ann"), project="default", now=NOW)
    changes = project_catalog(sealed[0], event, before)
    await store.log.append([Append(stream, head, sealed, tuple(changes))])
    return head_of(sealed[-1]), next(row for row in changes if isinstance(row, DefinitionRow))


@pytest.mark.parametrize("seed", range(3))
async def test_a_rebuild_equals_the_live_views(
    database_url: str, postgres: PostgresStore, hand: Connection, seed: int
) -> None:
    await store_catalogue(postgres)
    runner = Runner(postgres, seed)
    for n in range(25):
        await runner.live(await runner.begin(n), turns=n)
    live, before = await dump(hand), await catalogue(hand)
    assert all(live.values()), "every view has rows to compare"

    done = await rebuild(database_url, batch=7)

    assert await dump(hand) == live
    assert await catalogue(hand) == before
    assert done.events == await postgres.log.head_position()
    assert done.rows == sum(map(len, live.values()))
    assert (await verify(database_url)).is_whole


async def test_a_rebuild_mends_views_that_were_lost(
    database_url: str, postgres: PostgresStore, hand: Connection
) -> None:
    await store_catalogue(postgres)
    runner = Runner(postgres, 1)
    x = await runner.live(await runner.begin(3), turns=9)
    live = await dump(hand)
    await hand.execute("truncate executions, steps, audit, idempotency, definitions, compiled")
    await hand.execute("update attempts set ok = not ok")
    heard: list[str] = []

    await rebuild(database_url, heard.append)

    assert await dump(hand) == live
    assert heard[-1] == "swapped"
    # The store that was open all the while goes on, with plans that it made for the old tables.
    assert await postgres.views.execution(x.id) is not None
    await runner.live(await runner.begin(4), turns=9)


async def test_what_is_appended_during_a_rebuild_is_in_it(
    database_url: str, postgres: PostgresStore, hand: Connection
) -> None:
    await store_catalogue(postgres)
    runner = Runner(postgres, 2)
    old = [await runner.live(await runner.begin(n), turns=3) for n in range(20)]

    async def go_on() -> None:
        for n, x in enumerate(old):
            await runner.live(x, turns=4)
            await runner.live(await runner.begin(n, group=7), turns=4)

    await asyncio.gather(go_on(), rebuild(database_url, batch=3))

    live = await dump(hand)
    assert len(live["executions"]) == 40
    await rebuild(database_url)
    assert await dump(hand) == live


async def test_a_key_that_was_taken_again_is_its_last_owner_s(
    database_url: str, postgres: PostgresStore, hand: Connection
) -> None:
    await store_catalogue(postgres)
    runner = Runner(postgres, 0)
    # The later owner's stream comes first in the walk.
    await runner.begin(9, group=5)
    runner.now += 100_000
    x = absent(uuid(1, 5), DEFINITION)
    asked = ExecutionRequested(
        definition=DEFINITION.hash, name="order", version="1", dialect="sagas", at=runner.now
    )
    await runner.write(x, [asked], keyed("5-9"))
    live = await dump(hand)
    await rebuild(database_url)
    assert await dump(hand) == live
    assert len(live["idempotency"]) == 1


async def test_a_log_that_cannot_be_folded_leaves_the_live_views(
    database_url: str, postgres: PostgresStore, hand: Connection
) -> None:
    await store_catalogue(postgres)
    await Runner(postgres, 0).begin(1)
    await postgres.log.append([append(execution_stream(99))])  # it does not begin with a request
    live = await dump(hand)
    with pytest.raises(Corrupt, match="begins with WakeRequested"):
        await rebuild(database_url)
    assert await dump(hand) == live


async def test_a_rebuild_that_died_is_no_obstacle(
    database_url: str, postgres: PostgresStore, hand: Connection
) -> None:
    await store_catalogue(postgres)
    await hand.execute("create schema mainspring_rebuilt")
    await hand.execute("create table mainspring_rebuilt.executions (n int)")
    live = await dump(hand)
    await rebuild(database_url)
    assert await dump(hand) == live


async def test_a_reader_that_stays_does_not_stop_the_writers_for_long(
    database_url: str, postgres: PostgresStore, hand: Connection
) -> None:
    await store_catalogue(postgres)
    runner = Runner(postgres, 0)
    async with hand.transaction():
        await hand.fetch("select * from executions")
        with pytest.raises(LogUnavailable, match="readers"):
            await rebuild(database_url, lock_timeout="20ms")
        await runner.begin(1)
    await rebuild(database_url, lock_timeout="20ms")
    assert len(await postgres.views.executions("default")) == 1


async def test_a_schema_of_another_version_is_not_rebuilt(
    database_url: str, hand: Connection
) -> None:
    await hand.execute("insert into migrations values ('9999_later.sql', 'h')")
    with pytest.raises(Corrupt, match="schema"):
        await rebuild(database_url)
