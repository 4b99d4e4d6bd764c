"""The law of the EventLog port, for every adapter."""

from typing import TypeAlias

import msgspec
import pytest

from mainspring.domain.envelope import EMPTY, Head, Meta, StreamId, content_hash
from mainspring.domain.rows import AuditRow, TimerGone, TimerRow
from mainspring.ports import Appended, Refused
from mainspring.store.memory import MemoryStore
from mainspring.store.postgres import PostgresStore
from mainspring.testing.samples import (
    NOW,
    append,
    definition_append,
    execution_row,
    execution_stream,
    head_after,
    idempotency_row,
    keyed,
    requested,
    succeeded,
    uuid,
)

Store: TypeAlias = MemoryStore | PostgresStore

A, B, C = execution_stream(1), execution_stream(2), execution_stream(3)
CONFLICT = Refused("conflict")


async def test_an_append_is_read_back_as_it_was_sealed(store: Store) -> None:
    meta = Meta(actor="ann", correlation="c", traceparent="00-ab", request_id="r")
    body = {"text": 'a "quote" \\ \u0000 \u2028 é 🜂', "number": 1.10, "big": 2**60, "none": None}
    written = append(A, events=[requested(body), succeeded([1, {"x": []}])], meta=meta)

    answers = await store.log.append([written])

    read = (await store.log.read([A]))[A]
    assert answers == [Appended(tuple(event.position for event in read))]
    assert [msgspec.structs.replace(event, position=0) for event in read] == list(written.events)
    assert read[1].hash == content_hash(read[0].hash, read[1])


@pytest.mark.parametrize("at", [0.0, 1.5, 1_700_000_000.000001, 1_795_000_000.999999, 4e9 + 1e-6])
async def test_instants_come_back_exactly(store: Store, at: float) -> None:
    event = msgspec.structs.replace(append(A).events[0], recorded_at=at)
    await store.log.append([msgspec.structs.replace(append(A), events=(event,))])
    assert (await store.log.read([A]))[A][0].recorded_at == at


async def test_positions_rise_in_the_order_of_the_batch(store: Store) -> None:
    batch = [append(A, events=[requested(), succeeded(1)]), append(B), append(C)]
    answers = await store.log.append(batch)
    positions = [p for answer in answers if isinstance(answer, Appended) for p in answer.positions]
    assert positions == sorted(set(positions))
    assert len(positions) == 4
    assert await store.log.head_position() == positions[-1]


async def test_an_append_behind_an_older_head_is_refused_and_writes_nothing(store: Store) -> None:
    first = append(A, EMPTY, execution_row(A))
    await store.log.append([first, append(A, head_after(first))])

    late = append(A, head_after(first), execution_row(A, status="running"), events=[requested()])
    assert await store.log.append([late]) == [CONFLICT]

    assert len((await store.log.read([A]))[A]) == 2
    assert [row.status for row in await store.views.executions("default")] == ["pending"]


async def test_an_append_behind_another_history_of_that_length_is_refused(store: Store) -> None:
    await store.log.append([append(A)])
    elsewhere = head_after(append(A, events=[requested()]))
    assert await store.log.append([append(A, elsewhere)]) == [CONFLICT]


async def test_a_stream_that_is_not_there_is_not_at_any_version(store: Store) -> None:
    assert await store.log.append([append(A, Head(5, b"x" * 32))]) == [CONFLICT]
    assert (await store.log.read([A]))[A] == []


async def test_a_new_stream_is_born_once(store: Store) -> None:
    await store.log.append([append(A)])
    assert await store.log.append([append(A, events=[requested()])]) == [CONFLICT]


async def test_a_refused_stream_does_not_disturb_its_neighbours(store: Store) -> None:
    await store.log.append([append(B)])
    batch = [
        append(A, EMPTY, execution_row(A)),
        append(B, EMPTY, execution_row(B), events=[requested()]),
        append(C, EMPTY, execution_row(C), events=[requested(), succeeded(2)]),
    ]

    answers = await store.log.append(batch)

    assert answers[1] == CONFLICT
    assert [len(a.positions) for a in answers if isinstance(a, Appended)] == [1, 2]
    read = await store.log.read([A, C])
    assert [tuple(e.position for e in read[s]) for s in (A, C)] == [
        a.positions for a in answers if isinstance(a, Appended)
    ]
    assert {row.id for row in await store.views.executions("default")} == {A.id, C.id}


async def test_the_same_append_again_answers_as_the_first_time(store: Store) -> None:
    first = append(A, EMPTY, idempotency_row("k"), events=[requested(), succeeded(1)])
    answers = await store.log.append([first])
    await store.log.append([append(A, head_after(first))])

    again = await store.log.append([append(B), first])

    assert again[1] == answers[0]
    assert len((await store.log.read([A]))[A]) == 3


async def test_two_appends_to_one_stream_are_written_in_their_order(store: Store) -> None:
    first = append(A)
    second = append(A, head_after(first))
    answers = await store.log.append([first, append(B), second, append(C)])
    assert all(isinstance(answer, Appended) for answer in answers)
    assert [event.version for event in (await store.log.read([A]))[A]] == [1, 2]


async def test_an_empty_batch_is_answered(store: Store) -> None:
    assert await store.log.append([]) == []


async def test_a_key_in_use_refuses_its_stream_alone(store: Store) -> None:
    await store.log.append([append(A, EMPTY, idempotency_row("k"), meta=keyed("k"))])

    batch = [append(B, EMPTY, idempotency_row("k"), execution_row(B)), append(C)]
    answers = await store.log.append(batch)

    assert answers[0] == Refused("key_taken")
    assert isinstance(answers[1], Appended)
    assert (await store.log.read([B]))[B] == []
    assert await store.views.executions("default") == []


async def test_a_key_twice_in_a_batch_goes_to_the_first(store: Store) -> None:
    batch = [append(s, EMPTY, idempotency_row("k")) for s in (A, B, C)]
    answers = await store.log.append(batch)
    assert isinstance(answers[0], Appended)
    assert answers[1:] == [Refused("key_taken")] * 2


@pytest.mark.parametrize(("later", "is_free"), [(86_399.0, False), (86_400.0, True)])
async def test_a_key_is_free_again_a_day_later(store: Store, later: float, is_free: bool) -> None:
    await store.log.append([append(A, EMPTY, idempotency_row("k"))])
    renewed = idempotency_row("k", at=NOW + later)
    (answer,) = await store.log.append([append(B, EMPTY, renewed)])
    assert isinstance(answer, Appended) is is_free
    kept = await store.views.idempotency("default", "me", "POST /sagas", "k")
    assert kept is not None
    assert (kept.at == NOW + later) is is_free


async def test_a_name_belongs_to_its_first_owner_for_ever(store: Store) -> None:
    first = definition_append(uuid(1), "order")
    await store.log.append([first])
    (row,) = first.changes
    gone = msgspec.structs.replace(row, deleted_at=NOW + 1)
    await store.log.append([append(first.stream, head_after(first), gone)])

    again = definition_append(uuid(2), "order")
    other = definition_append(uuid(3), "order", "2")
    elsewhere = definition_append(uuid(4), "order", project="p")
    answers = await store.log.append([again, other, elsewhere])

    assert answers[0] == Refused("name_taken")
    assert all(isinstance(answer, Appended) for answer in answers[1:])
    assert await store.views.definition(project="default", name="order", version="1") is None


async def test_the_last_row_of_a_key_holds(store: Store) -> None:
    timer = TimerRow(A.id, "run", "run", 1, NOW)
    changes = [
        execution_row(A, status="running"),
        timer,
        TimerRow(A.id, "step", "retry", 1, NOW),
        TimerGone(A.id, "run"),
        TimerGone(A.id, "step"),
        TimerRow(A.id, "step", "sleep", 1, NOW + 1),
        execution_row(A, status="failed"),
        AuditRow("execution", A.id, 1, "default", "me", "WakeRequested", NOW),
    ]
    await store.log.append([append(A, EMPTY, *changes)])
    assert [row.status for row in await store.views.executions("default")] == ["failed"]
    found = await store.views.timers([1], before=NOW + 2, limit=10)
    assert [(row.key, row.kind) for row in found] == [("step", "sleep")]


async def test_a_timer_that_is_gone_is_gone(store: Store) -> None:
    first = append(A, EMPTY, TimerRow(A.id, "run", "run", 1, NOW))
    await store.log.append([first])
    await store.log.append([append(A, head_after(first), TimerGone(A.id, "run"))])
    assert await store.views.timers([1], before=NOW + 1, limit=10) == []


async def test_streams_are_read_behind_a_version(store: Store) -> None:
    await store.log.append([append(A, events=[requested(), succeeded(1), succeeded(2)]), append(B)])
    read = await store.log.read([B, A, C], after=1)
    assert {stream: [e.version for e in events] for stream, events in read.items()} == {
        A: [2, 3],
        B: [],
        C: [],
    }


async def test_no_streams_are_no_events(store: Store) -> None:
    assert await store.log.read([]) == {}


async def test_the_log_is_read_behind_a_position_in_order(store: Store) -> None:
    await store.log.append([append(A, events=[requested(), succeeded(1)]), append(B), append(C)])
    everything = await store.log.read_all(after=0, limit=10)
    assert [event.stream for event in everything] == [A, A, B, C]
    rest = await store.log.read_all(after=everything[0].position, limit=2)
    assert rest == everything[1:3]
    assert await store.log.read_all(after=everything[-1].position, limit=10) == []


async def test_the_newest_events_of_a_project_come_first(store: Store) -> None:
    await store.log.append(
        [append(s, events=[requested(), succeeded(1)], project="p") for s in (A, C)]
    )
    await store.log.append([append(B)])
    asked = ("ExecutionRequested",)
    found = await store.log.read_newest("p", types=asked, limit=10)
    assert [event.stream for event in found] == [C, A]
    before = found[0].position
    assert await store.log.read_newest("p", types=asked, before=before, limit=1) == found[1:]
    assert await store.log.read_newest("p", types=asked, actor="nobody", limit=9) == []
    assert await store.log.read_newest("p", types=asked, actor="system", limit=9) == found


async def test_the_log_is_read_by_project_stream_and_type(store: Store) -> None:
    await store.log.append(
        [
            append(A, events=[requested(), succeeded(1)], project="p"),
            append(B, events=[requested(), succeeded(1)]),
        ]
    )

    async def find(**which: object) -> list[tuple[StreamId, int]]:
        found = await store.log.read_all(after=0, limit=10, **which)  # type: ignore[arg-type]
        return [(event.stream, event.version) for event in found]

    assert await find(project="p") == [(A, 1), (A, 2)]
    assert await find(types=["StepSucceeded"]) == [(A, 2), (B, 2)]
    assert await find(project="p", types=["StepSucceeded", "ExecutionRequested"]) == [
        (A, 1),
        (A, 2),
    ]
    assert await find(stream=B) == [(B, 1), (B, 2)]
    assert await find(stream=B, project="p") == []
    assert await find(stream=B, types=["StepSucceeded"]) == [(B, 2)]


async def test_an_empty_log_has_no_head(store: Store) -> None:
    assert await store.log.head_position() == 0
    assert await store.ready()
