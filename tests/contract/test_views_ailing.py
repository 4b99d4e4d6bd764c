"""The law of `ailing`, on memory and on Postgres: what will not move is named, and nothing else."""

from typing import Any, TypeAlias

import pytest
from msgspec.structs import replace

from mainspring.domain.ailments import Ailment
from mainspring.domain.envelope import EMPTY, StreamId
from mainspring.domain.rows import BufferedRow, Change, StepRow, TimerRow
from mainspring.ports import Backlog, Lateness
from mainspring.store.memory import MemoryStore
from mainspring.store.postgres import PostgresStore
from mainspring.testing.samples import (
    NOW,
    append,
    approval_row,
    execution_row,
    execution_stream,
    starter_row,
    trigger_row,
    uuid,
)

Store: TypeAlias = MemoryStore | PostgresStore
LONG_AGO = NOW - 1000.0
RUN = execution_stream(1)
ID = RUN.id


WORK = StepRow(ID, "call", "up", 1, 2, "task", "running", 1, LONG_AGO)


async def put(store: Store, stream: StreamId, *changes: Change) -> None:
    await store.log.append([append(stream, EMPTY, *changes)])


async def found(store: Store, **more: Any) -> list[Ailment]:
    return await store.views.ailing(now=NOW, **{"limit": 50, **more})


def run(**fields: Any) -> Change:
    plain = {"status": "running", "waiting_for": "task", "wake_at": NOW, "updated_at": LONG_AGO}
    return execution_row(RUN, **(plain | fields))


def step(status: str = "sleeping", **fields: Any) -> StepRow:
    plain: dict[str, Any] = {
        "execution": ID, "ref": "a", "phase": "up", "visit": 1, "seq": 1, "kind": "sleep",
        "status": status, "attempt": 1, "scheduled_at": LONG_AGO, "due_at": NOW,
    }  # fmt: skip
    return StepRow(**(plain | fields))


@pytest.mark.parametrize(
    ("fields", "kind", "since"),
    [
        ({"waiting_for": None}, "without_wakeup", LONG_AGO),
        ({"wake_at": None}, "without_wakeup", LONG_AGO),
        ({"stream_version": 1, "handled_version": 0}, "unhandled", LONG_AGO),
        ({"wake_at": LONG_AGO}, "overdue", LONG_AGO),
        ({"status": "failed", "wake_at": LONG_AGO}, "overdue", LONG_AGO),
        ({"stream_version": 9, "handled_version": 9}, "behind", LONG_AGO),
    ],
)
async def test_a_run_that_will_not_move_is_named(
    store: Store, fields: dict[str, Any], kind: Any, since: float
) -> None:
    await put(store, RUN, run(**fields), WORK)
    assert await found(store) == [Ailment(kind, ID, "default", ID, since)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"wake_at": None, "waiting_for": "event"},
        {"wake_at": None, "waiting_for": "approval"},
        {"wake_at": None, "waiting_for": "slot", "updated_at": NOW},
        {"wake_at": None, "waiting_for": "resume", "status": "paused"},
        {"wake_at": NOW - 59.0},
        {"stream_version": 1, "handled_version": 0, "updated_at": NOW - 59.0},
        {"status": "succeeded", "wake_at": None, "waiting_for": None},
    ],
)
async def test_a_run_that_may_wait_as_it_does_is_not(store: Store, fields: dict[str, Any]) -> None:
    await put(store, RUN, run(**fields), WORK)
    assert await found(store) == []


async def test_grace_is_how_late_something_may_be(store: Store) -> None:
    await put(store, RUN, run(wake_at=NOW - 10.0), WORK)
    assert await found(store, grace=10.0) == []
    assert [each.kind for each in await found(store, grace=9.0)] == ["overdue"]


async def test_a_run_without_the_step_that_it_waits_for_is_found(store: Store) -> None:
    await put(store, RUN, run(), step("succeeded"))
    assert await found(store) == [Ailment("step_lost", ID, "default", ID, LONG_AGO)]


@pytest.mark.parametrize(
    ("kind", "open_", "ended"),
    [
        ("wait", trigger_row(1, ref="a"), {"status": "received", "ended_at": NOW}),
        ("approval", approval_row(1, ref="a"), {"status": "approved"}),
    ],
)
async def test_a_step_that_waits_with_nothing_open_is_found(
    store: Store, kind: str, open_: Any, ended: dict[str, Any]
) -> None:
    of = "event" if kind == "wait" else kind
    waits = step("waiting", kind=kind, due_at=None)
    row = run(waiting_for=of, wake_at=None)
    await put(store, RUN, row, waits, replace(open_, **ended))
    lost: Any = "trigger_lost" if kind == "wait" else "approval_lost"
    assert await found(store) == [Ailment(lost, f"{ID}/a", "default", ID, LONG_AGO)]


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "paused", "waiting_for": "resume"},
        {"stream_version": 2, "handled_version": 1, "updated_at": NOW},
    ],
)
async def test_a_step_on_which_somebody_has_just_decided_is_well(
    store: Store, fields: dict[str, Any]
) -> None:
    plain = {"waiting_for": "event", "wake_at": None}
    waits = step("waiting", kind="wait", due_at=None)
    received = trigger_row(1, ref="a", status="received", ended_at=NOW)
    await put(store, RUN, run(**(plain | fields)), waits, received)
    assert [each.kind for each in await found(store)] == ["behind"] * ("stream_version" in fields)


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        (None, ["place_held"]),
        ({}, []),
        ({"waiting_for": "slot", "updated_at": NOW}, ["place_held"]),
        ({"lane": "other"}, ["place_held"]),
        ({"name": "other"}, ["place_held"]),
        ({"status": "succeeded"}, ["place_held"]),
    ],
)
async def test_a_run_that_waits_for_a_place_that_nobody_has_is_found(
    store: Store, fields: dict[str, Any] | None, kinds: list[str]
) -> None:
    await put(store, RUN, run(status="pending", waiting_for="slot", wake_at=None))
    if fields is not None:
        other = execution_stream(2)
        plain = {"status": "running", "waiting_for": "join", "wake_at": NOW}
        await put(store, other, execution_row(other, **(plain | fields)))
    assert [each.kind for each in await found(store)] == kinds


async def test_a_step_that_is_due_without_a_timer_is_found(store: Store) -> None:
    await put(store, RUN, run(waiting_for="sleep"), step())
    assert await found(store) == [Ailment("lost_timer", ID, "default", ID, LONG_AGO)]
    assert "log" in (await found(store))[0].remedy


@pytest.mark.parametrize(
    ("step_row", "key"), [(step(), "a"), (step("retrying", phase="down"), "down:a")]
)
async def test_a_step_with_its_timer_is_well(store: Store, step_row: StepRow, key: str) -> None:
    await put(store, RUN, run(waiting_for="sleep"), step_row, TimerRow(ID, key, "sleep", 1, NOW))
    assert await found(store) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "paused", "waiting_for": "resume", "wake_at": None},
        {"status": "canceled", "waiting_for": None, "wake_at": None},
    ],
)
async def test_a_timer_of_a_run_that_none_may_move_is_found(
    store: Store, fields: dict[str, Any]
) -> None:
    await put(store, RUN, run(**fields), TimerRow(ID, "a", "sleep", 1, NOW))
    assert await found(store) == [Ailment("stray_timer", f"{ID}/a", "default", ID, LONG_AGO)]


async def test_what_belongs_to_no_run_is_found(store: Store) -> None:
    timer, trigger = TimerRow(ID, "a", "sleep", 1, NOW), trigger_row(1)
    await put(store, RUN, timer, trigger, approval_row(1))
    assert await found(store) == [
        Ailment("approval_left", uuid(1, 8), "default", ID, NOW),
        Ailment("stray_timer", f"{ID}/a", "", ID, NOW),
        Ailment("trigger_left", uuid(1, 7), "default", ID, NOW),
    ]


async def test_what_a_run_has_left_when_it_ended_is_found(store: Store) -> None:
    over = run(status="failed", waiting_for=None, wake_at=None, finished_at=NOW - 3.0)
    await put(store, RUN, over, trigger_row(1), approval_row(1))
    others = [trigger_row(2, execution=ID, status="received", ended_at=NOW)]
    others += [approval_row(3, execution=ID, status="approved")]
    await put(store, execution_stream(2), *others)
    assert [(each.kind, each.since) for each in await found(store)] == [
        ("approval_left", NOW - 3.0),
        ("trigger_left", NOW - 3.0),
    ]


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"due_at": LONG_AGO, "next_at": LONG_AGO}, ["starter_overdue"]),
        ({"due_at": NOW, "next_at": NOW}, []),
        ({"due_at": NOW}, ["starter_stuck"]),
        ({"next_at": NOW}, ["starter_stuck"]),
        ({"stream_version": 2}, ["starter_stuck"]),
        ({"stream_version": 2, "removed_at": NOW}, []),
        ({"enabled": False}, []),
    ],
)
async def test_a_starter_that_will_not_fire_is_found(
    store: Store, fields: dict[str, Any], kinds: list[str]
) -> None:
    row = starter_row(1, **fields)
    await put(store, StreamId("starter", row.id), row)
    assert [each.kind for each in await found(store)] == kinds


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({}, ["event_undelivered"]),
        ({"expires_at": NOW - 1.0}, []),
        ({"expires_at": NOW - 1.0, "trigger": uuid(1, 7)}, ["event_undelivered"]),
        ({"buffered_at": NOW}, []),
        ({"key": "another"}, []),
        ({"key": "another", "trigger": uuid(99)}, ["event_undelivered"]),
    ],
)
async def test_a_kept_event_that_could_go_is_found(
    store: Store, fields: dict[str, Any], kinds: list[str]
) -> None:
    plain: dict[str, Any] = {
        "stream": "b", "version": 1, "project": "default", "key": "k1", "sent_by": "me",
        "buffered_at": LONG_AGO, "expires_at": NOW + 9.0,
    }  # fmt: skip
    kept = BufferedRow(**(plain | fields))
    await put(store, RUN, run(), WORK, trigger_row(1, requested_at=LONG_AGO), kept)
    assert [each.kind for each in await found(store)] == kinds


async def test_the_oldest_come_first_and_no_more_than_asked_for(store: Store) -> None:
    for n in range(1, 5):
        stream = execution_stream(n)
        late = {"status": "running", "waiting_for": "join", "wake_at": LONG_AGO - n}
        await put(store, stream, execution_row(stream, **late))
    assert [each.id for each in await found(store, limit=2)] == [uuid(4), uuid(3)]


async def test_lateness_counts_what_was_to_have_moved(store: Store) -> None:
    assert await store.views.lateness(before=NOW) == Lateness()
    for n in (1, 2, 3):
        stream = execution_stream(n)
        await put(store, stream, execution_row(stream, waiting_for="task", wake_at=NOW - 2 + n))
        starter = starter_row(n, due_at=NOW - 2 + n)
        await put(store, StreamId("starter", starter.id), starter)
    assert await store.views.lateness(before=NOW) == Lateness(1, NOW - 1, 1)
    assert await store.views.lateness(before=NOW + 1) == Lateness(2, NOW - 1, 2)


async def test_a_backlog_is_told_by_workflow_with_its_oldest_up_to_a_bound(store: Store) -> None:
    assert await store.views.backlog(limit=10) == []
    told = ((1, "a", 0, 3.0), (2, "b", 0, 1.0), (3, "a", 0, 2.0), (4, "a", 1, 0.0))
    for n, project, handled, at in told:
        stream = execution_stream(n)
        waits = {"project": project, "handled_version": handled, "updated_at": NOW + at}
        await put(store, stream, execution_row(stream, **waits))
    found = await store.views.backlog(limit=10)
    assert found == [Backlog("a", "order", 2, NOW + 2), Backlog("b", "order", 1, NOW + 1)]
    assert await store.views.backlog(limit=1) == [Backlog("b", "order", 1, NOW + 1)]


async def test_runs_that_have_not_ended_are_counted_by_project_and_name(store: Store) -> None:
    states = ("pending", "running", "paused", "unwinding", "succeeded", "failed", "canceled")
    for n, status in enumerate(states):
        stream = execution_stream(n)
        name = "even" if n % 2 == 0 else "odd"
        await put(store, stream, execution_row(stream, status=status, name=name))
    count = store.views.live
    assert await count("default", most=10) == 4
    assert await count("default", "even", most=10) == 2
    assert await count("default", most=3) == 3
    assert (await count("other", most=9), await count("default", "none", most=9)) == (0, 0)


async def test_stuck_runs_are_named_by_partition(store: Store) -> None:
    for n, fields in enumerate(({"waiting_for": None}, {}, {"wake_at": None}, {"wake_at": None})):
        stream = execution_stream(n)
        plain = {"status": "running", "waiting_for": "task", "wake_at": NOW, "partition": n % 3}
        await put(store, stream, execution_row(stream, **(plain | fields)))
    assert await store.views.stuck([0, 2], limit=9) == [uuid(0), uuid(2), uuid(3)]
    assert await store.views.stuck([0, 2], limit=1) == [uuid(0)]
    assert await store.views.stuck([1], limit=9) == []
