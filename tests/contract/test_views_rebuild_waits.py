"""Triggers, approvals and kept events that are built anew are the live ones, purges and all."""

from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest

from mainspring.domain.catalog import DefinitionCompiled
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import EMPTY, Envelope, Meta, StreamId, head_of, seal
from mainspring.domain.errors import Rejected
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.decide import decide
from mainspring.domain.execution.events import Event, ExecutionRequested
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.message import Message
from mainspring.domain.rows import BufferedRow
from mainspring.domain.triggers import (
    EventBuffered,
    EventConsumed,
    EventOffered,
    TriggersPurged,
    buffer_stream,
    project_stream,
)
from mainspring.ports import Append, Appended
from mainspring.store.postgres import PostgresStore
from mainspring.store.rebuild import rebuild
from mainspring.store.views import project, project_buffer, project_catalog, project_purge
from mainspring.testing.samples import NOW, uuid
from mainspring.testing.shapes import approval, dag, needing, wait

Connection: TypeAlias = "asyncpg.Connection[Any]"

DEFINITION = dag(
    wait("w", "k{{payload.n}}", timeout=60.0, notify_url="http://a.test/"),
    approval("ok", "ann", timeout=90.0, on_failure="continue"),
    needing("a", "w", "ok"),
)


@pytest.fixture
async def hand(database_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database_url, server_settings={"search_path": "mainspring"})
    yield connection
    await connection.close()


async def dump(hand: Connection) -> dict[str, list[str]]:
    return {
        view: [row[0] for row in await hand.fetch(f"select t::text from {view} t order by 1")]  # noqa: S608 - names of our own
        for view in ("executions", "steps", "timers", "triggers", "approvals", "buffered", "audit")
    }


class Writer:
    """Appends as services do, at an instant that is moved by hand."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store
        self.now = NOW

    async def compile(self, definition: Definition) -> None:
        event = DefinitionCompiled(definition=definition)
        sealed = self.seal(StreamId("compiled", definition.hash), [event], project="")
        changes = project_catalog(sealed[0], event)
        await self.append(sealed, changes)

    async def begin(self, n: int) -> Execution:
        asked = ExecutionRequested(
            definition=DEFINITION.hash,
            name="order",
            version="1",
            dialect="native",
            payload={"n": n},
            at=self.now,
        )
        x = await self.write(absent(uuid(n), DEFINITION), [asked])
        return await self.give(x, c.Advance(now=self.now, seed=str(n)))

    async def give(self, x: Execution, *commands: c.Command) -> Execution:
        for command in commands:
            try:
                events = decide(command, x)
            except Rejected:
                continue
            if events:
                x = await self.write(x, events)
        return x

    async def write(self, x: Execution, events: list[Event]) -> Execution:
        stream = StreamId("execution", x.id)
        sealed = seal(stream, x.head, events, meta=Meta(), project="default", now=self.now)
        changes, after = project(x, sealed, events)
        await self.append(sealed, changes, expected=x.head)
        return after

    def seal(
        self, stream: StreamId, events: list[Message], *, project: str = "default"
    ) -> tuple[Envelope, ...]:
        return seal(stream, EMPTY, events, meta=Meta(), project=project, now=self.now)

    async def append(self, sealed: Any, changes: Any, *, expected: Any = EMPTY) -> None:
        append = Append(sealed[0].stream, expected, tuple(sealed), tuple(changes))
        (answer,) = await self.store.log.append([append])
        assert isinstance(answer, Appended)


async def live(writer: Writer) -> None:
    """Let triggers and approvals end in every way; some are reset and wait again."""
    await writer.compile(DEFINITION)
    now = writer.now
    ends: list[list[c.Command]] = [
        [c.SendEvent(ref="w", visit=1, attempt=1, payload=1, sent_by="ann", now=now + 1)],
        [c.CancelTrigger(ref="w", visit=1, attempt=1, now=now + 1)],
        [c.SkipStep(ref="w", actor="ann", now=now + 1)],
        [c.RequestCancel()],
        [c.Approve(ref="ok", actor="ann", now=now + 1)],
        [c.Reject(ref="ok", actor="ann", now=now + 1)],
        [],
    ]
    runs = [(await writer.begin(n), commands) for n, commands in enumerate(ends)]
    writer.now = now + 1
    asked = [
        await writer.give(x, *commands, c.Advance(now=writer.now, seed="a")) for x, commands in runs
    ]
    writer.now = now + 100
    late = await writer.give(asked[-1], c.Advance(now=writer.now, seed="b"))
    reset = c.RequestStepReset(ref="w", subtree=True)
    await writer.give(late, reset, c.Advance(now=writer.now, seed="c"))


async def buffer(writer: Writer) -> None:
    """Keep three events: one is received, one is offered, one is nobody's."""
    stream = buffer_stream("default", "k")
    events: list[Any] = [
        *(EventBuffered(key="k", payload=n, expires_at=NOW + n * 50, at=NOW) for n in range(3)),
        EventOffered(kept=1, trigger=uuid(1), at=NOW),
        EventConsumed(kept=1, at=NOW),
        EventOffered(kept=2, trigger=uuid(2), at=NOW),
    ]
    head, rows = EMPTY, dict[int, BufferedRow]()
    for event in events:
        sealed = seal(stream, head, [event], meta=Meta(), project="default", now=NOW)
        changes = project_buffer(sealed[0], event, rows.get(getattr(event, "kept", 0)))
        rows |= {row.version: row for row in changes if isinstance(row, BufferedRow)}
        await writer.append(sealed, changes, expected=head)
        head = head_of(sealed[-1])


async def purge(writer: Writer, before: float) -> None:
    event = TriggersPurged(ended_before=before, at=writer.now)
    sealed = writer.seal(project_stream("default"), [event])
    await writer.append(sealed, project_purge(sealed[0], event))


async def test_a_rebuild_equals_the_live_views_of_waits(
    database_url: str, postgres: PostgresStore, hand: Connection
) -> None:
    writer = Writer(postgres)
    await live(writer)
    await buffer(writer)
    views = await dump(hand)
    assert all(views.values()), "every view has rows to compare"
    statuses = await hand.fetch("select distinct status from triggers")
    assert {row[0] for row in statuses} == {"waiting", "received", "canceled", "timed_out"}

    await rebuild(database_url, batch=5)

    assert await dump(hand) == views


async def test_a_rebuild_forgets_what_was_purged(
    database_url: str, postgres: PostgresStore, hand: Connection
) -> None:
    writer = Writer(postgres)
    await live(writer)
    await buffer(writer)
    before = await dump(hand)
    await purge(writer, NOW + 60)
    views = await dump(hand)
    assert 0 < len(views["triggers"]) < len(before["triggers"])
    assert len(views["buffered"]) == 1

    await rebuild(database_url, batch=5)

    assert await dump(hand) == views


async def test_a_key_that_changes_hands_during_a_rebuild_does_not_stop_it(
    database_url: str, postgres: PostgresStore, hand: Connection
) -> None:
    writer = Writer(postgres)
    await live(writer)
    index = "select indexdef from pg_indexes where indexname = 'triggers_one_waiting_key'"
    (defined,) = await hand.fetch(index)
    await rebuild(database_url, batch=2)
    assert await hand.fetch(index) == [defined]
