"""The law of the Views port, for every adapter."""

from typing import Any, TypeAlias

import msgspec
import pytest

from mainspring.domain.envelope import EMPTY, StreamId
from mainspring.domain.rows import AttemptRow, StepRow, TimerRow
from mainspring.ports import Append, Page
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
    requested,
    succeeded,
    uuid,
)

Store: TypeAlias = MemoryStore | PostgresStore

A, B, C = execution_stream(1), execution_stream(2), execution_stream(3)

FULL = {
    "status": "succeeded",
    "reason": "r",
    "warning": "w",
    "current": ("a", 'b"'),
    "waiting_for": "task",
    "wake_at": NOW + 1,
    "started_at": NOW + 2.000001,
    "finished_at": NOW + 3,
    "output_version": 2,
    "catalog_id": uuid(77),
    "triggered_by": "cron",
    "created_by": "ann",
    "retry_of": uuid(8),
    "parent": uuid(9),
    "parent_step": "p",
    "tags": {"k": "v", "ü": '"'},
}


async def put(store: Store, *streams: StreamId, **fields: object) -> None:
    """Append one event to each new stream, with an execution row of these fields."""
    await store.log.append([append(s, EMPTY, execution_row(s, **fields)) for s in streams])


async def test_executions_are_listed_back_to_an_instant(store: Store) -> None:
    streams = [execution_stream(n) for n in range(3)]
    rows = [execution_row(s, created_at=NOW + n) for n, s in enumerate(streams)]
    await store.log.append([append(s, EMPTY, r) for s, r in zip(streams, rows, strict=True)])
    assert await store.views.executions("default", since=NOW + 1) == [rows[2], rows[1]]


async def test_an_execution_has_its_payload_and_output(store: Store) -> None:
    row = execution_row(A, **FULL)
    events = [requested({"amount": 3}), succeeded(["paid"])]
    await store.log.append([append(A, EMPTY, row, events=events)])

    found = await store.views.execution(A.id, project="default")

    assert found is not None
    assert (found.row, found.payload, found.output) == (row, {"amount": 3}, ["paid"])


async def test_what_several_executions_were_started_with_is_found_at_once(store: Store) -> None:
    for stream, amount in ((A, 3), (B, 4)):
        row = execution_row(stream)
        asked = requested(payload={"amount": amount})
        await store.log.append([append(stream, EMPTY, row, events=[asked, succeeded(None)])])
    found = await store.views.payloads([A.id, C.id, B.id])
    assert found == {A.id: {"amount": 3}, B.id: {"amount": 4}}
    assert await store.views.payloads([]) == {}


async def test_every_field_of_every_row_comes_back(store: Store) -> None:
    row = execution_row(A, **FULL)
    step = StepRow(
        A.id, "a", "up", 1, 1, "task", "failed", 2, NOW, "r", NOW + 1, NOW + 2, NOW + 3, 2
    )
    plain = StepRow(A.id, "b", "down", 2, 2, "sleep", "sleeping", 1, NOW)
    tried = AttemptRow(A.id, "a", "up", 1, 2, 2, False, NOW, 0.1 + 0.2, 500, "timeout")
    await store.log.append(
        [append(A, EMPTY, row, step, plain, tried, events=[requested(), succeeded(None)])]
    )
    assert await store.views.executions("default") == [row]
    assert [detail.row for detail in await store.views.steps(A.id)] == [step, plain]
    assert [detail.row for detail in await store.views.attempts(A.id)] == [tried]


async def test_instants_in_rows_are_kept_to_the_microsecond(store: Store) -> None:
    await put(store, A, created_at=NOW + 1e-7, wake_at=1.0000004)
    (row,) = await store.views.executions("default")
    assert (row.created_at, row.wake_at) == (NOW, 1.0)


async def test_another_project_sees_nothing(store: Store) -> None:
    await put(store, A)
    await store.log.append([definition_append(uuid(5), "order")])
    assert await store.views.execution(A.id, project="p") is None
    assert await store.views.execution(A.id) is not None
    assert await store.views.executions("p") == []
    assert await store.views.definition(project="p", id=uuid(5)) is None
    assert await store.views.definitions("p") == []


@pytest.mark.parametrize("id", [uuid(9), "", "nonsense", "\0", uuid(1)[:-1], "ü" * 40])
async def test_what_is_not_there_is_not_found(store: Store, id: str) -> None:
    await put(store, A)
    assert await store.views.execution(id) is None
    assert await store.views.steps(id) == []
    assert await store.views.attempts(id) == []
    assert await store.views.definition(project="default", id=id) is None
    assert await store.views.definition(project="default", name=id, version=id) is None
    assert await store.views.executions(id) == []
    assert await store.views.executions("default", name=id) == []
    assert await store.views.idempotency("default", id, id, id) is None


async def test_executions_are_listed_newest_first(store: Store) -> None:
    await put(store, B, A, created_at=NOW)
    await put(store, C, created_at=NOW - 1)
    assert [row.id for row in await store.views.executions("default")] == [B.id, A.id, C.id]


async def test_pages_meet_without_gap_or_overlap(store: Store) -> None:
    streams = [execution_stream(n) for n in range(7)]
    for n, stream in enumerate(streams):
        await put(store, stream, created_at=NOW + n // 3)
    everything = await store.views.executions("default")
    seen = await store.views.executions("default", limit=2)
    while page := await store.views.executions(
        "default", limit=2, before=Page(seen[-1].created_at, seen[-1].id)
    ):
        seen += page
    assert seen == everything
    assert len(seen) == 7


async def test_executions_of_all_projects_are_listed_together_newest_first(store: Store) -> None:
    streams = [execution_stream(n) for n in range(9)]
    for n, stream in enumerate(streams):
        row = execution_row(stream, created_at=NOW + n // 2, project=f"p{n % 3}")
        await store.log.append([append(stream, EMPTY, row, project=row.project)])
    everything = await store.views.executions(None)
    assert [row.id for row in everything] == [stream.id for stream in reversed(streams)]
    seen = await store.views.executions(None, limit=2)
    while page := await store.views.executions(
        None, limit=2, before=Page(seen[-1].created_at, seen[-1].id)
    ):
        seen += page
    assert seen == everything
    assert await store.views.executions(None, since=NOW + 9) == []


async def test_executions_are_found_by_part_of_their_name_and_by_when_they_began(
    store: Store,
) -> None:
    for n, name in enumerate(["Order", "reorder", "größe"]):
        await put(store, execution_stream(n), name=name, created_at=NOW + n)

    async def found(project: str | None, **asked: Any) -> list[str]:
        return [row.name for row in await store.views.executions(project, **asked)]

    for project in ("default", None):
        assert await found(project, text="ORDER") == ["reorder", "Order"]
        assert await found(project, text="%") == []
        assert await found(project, text="GRö") == ["größe"]
        assert await found(project, until=NOW + 1) == ["reorder", "Order"]
        assert await found(project, since=NOW + 1, until=NOW + 1) == ["reorder"]


async def test_executions_are_found_by_what_they_wait_for(store: Store) -> None:
    await put(store, A, status="running", waiting_for="callback", wake_at=NOW)
    await put(store, B, status="running", waiting_for="sleep", wake_at=NOW)
    await put(store, C, status="succeeded")
    rows = await store.views.executions("default", status=["running:callback", "succeeded"])
    assert {row.id for row in rows} == {A.id, C.id}


async def test_executions_are_found_by_whether_they_were_undone(store: Store) -> None:
    await put(store, A, status="failed", undone=True)
    await put(store, B, status="failed")
    await put(store, C, status="canceled", undone=True)

    async def find(*status: str) -> set[str]:
        return {row.id for row in await store.views.executions("default", status=status)}

    assert await find("failed") == {A.id, B.id}
    assert await find("failed:standing") == {B.id}
    assert await find("failed:undone", "canceled:undone") == {A.id, C.id}


async def test_a_text_with_a_nul_in_it_is_kept_without(store: Store) -> None:
    await put(store, A, status="failed", reason="peer\x00said \\u0000")
    (row,) = await store.views.executions("default")
    assert row.reason == "peer\ufffdsaid \\u0000"


async def test_executions_are_found_by_status_and_name(store: Store) -> None:
    await put(store, A, status="running", name="x")
    await put(store, B, status="failed", name="x")
    await put(store, C, status="running", name="y")

    async def find(*status: str, name: str | None = None) -> set[str]:
        rows = await store.views.executions("default", status=status, name=name)
        assert await store.views.executions(None, status=status, name=name) == rows
        return {row.id for row in rows}

    assert await find("running") == {A.id, C.id}
    assert await find("running", "failed") == {A.id, B.id, C.id}
    assert await find(name="x") == {A.id, B.id}
    assert await find("running", name="x") == {A.id}


async def test_steps_come_in_order_with_their_outputs(store: Store) -> None:
    steps = [
        StepRow(A.id, "b", "up", 1, 2, "task", "succeeded", 1, NOW, output_version=2),
        StepRow(A.id, "c", "up", 1, 1, "sleep", "sleeping", 1, NOW),
    ]
    await store.log.append(
        [append(A, EMPTY, *steps, events=[requested(), succeeded({"x": [1]}, "b")])]
    )
    found = await store.views.steps(A.id)
    assert [(detail.row.ref, detail.output) for detail in found] == [("c", None), ("b", {"x": [1]})]


async def test_attempts_come_in_order_with_their_exchanges(store: Store) -> None:
    events = [requested(), succeeded(1, "b"), succeeded(2, "a")]
    rows = [
        AttemptRow(A.id, "a", "up", 1, 1, 3, True, NOW, 0.25, 200),
        AttemptRow(A.id, "b", "up", 1, 1, 2, True, NOW, 0.25, 200),
    ]
    await store.log.append([append(A, EMPTY, *rows, events=events)])
    found = await store.views.attempts(A.id)
    assert [detail.row.ref for detail in found] == ["b", "a"]
    assert {detail.exchange.url for detail in found} == {"http://a.test/"}


async def test_definitions_are_found_by_id_and_by_name(store: Store) -> None:
    stored = definition_append(uuid(1), "order", "2")
    await store.log.append([stored])
    by_id = await store.views.definition(project="default", id=uuid(1))
    by_name = await store.views.definition(project="default", name="order", version="2")
    assert by_id == by_name
    assert by_id is not None
    assert (by_id.row, by_id.source) == (stored.changes[0], {"n": "order"})


async def test_definitions_are_listed_newest_first_without_the_deleted(store: Store) -> None:
    batch = [definition_append(uuid(n), f"d{n}", at=NOW + n // 2) for n in range(5)]
    await store.log.append(batch)
    gone = msgspec.structs.replace(batch[4].changes[0], deleted_at=NOW)
    await store.log.append([append(batch[4].stream, head_after(batch[4]), gone)])

    first = await store.views.definitions("default", limit=2)
    last = first[-1].row
    rest = await store.views.definitions("default", before=Page(last.created_at, last.id))

    assert [detail.row.name for detail in first + rest] == ["d3", "d2", "d1", "d0"]
    assert rest[0].source == {"n": "d1"}


def version(id: int, number: str, *, at: float, name: str = "w") -> Append:
    return definition_append(uuid(id), name, number, dialect="native", at=at)


async def take_away(store: Store, *stored: Append) -> None:
    gone = [msgspec.structs.replace(each.changes[0], deleted_at=NOW + 99) for each in stored]
    pairs = zip(stored, gone, strict=True)
    await store.log.append([append(each.stream, head_after(each), row) for each, row in pairs])


async def test_definitions_may_be_those_of_one_dialect(store: Store) -> None:
    await store.log.append([version(1, "1", at=NOW), definition_append(uuid(2), "saga")])
    for dialect, name in (("native", "w"), ("sagas", "saga")):
        found = await store.views.definitions("default", dialect=dialect)
        assert [each.row.name for each in found] == [name]


async def test_versions_of_a_name_come_newest_first_in_pages(store: Store) -> None:
    # The ids say the opposite of the instants, and another dialect has the same name.
    batch = [version(9 - n, str(n), at=NOW + n) for n in range(1, 5)]
    other = definition_append(uuid(20), "w", "v1", at=NOW + 9)
    await store.log.append([*batch, other])
    await take_away(store, batch[2])

    first = await store.views.versions("default", "native", "w", limit=2)
    last = first[-1].row
    page = Page(last.created_at, last.id)
    rest = await store.views.versions("default", "native", "w", limit=2, before=page)

    assert [each.row.version for each in first] == ["4", "2"]
    assert [each.row.version for each in rest] == ["1"]
    assert rest[0].source == {"n": "w"}
    assert await store.views.versions("other", "native", "w") == []


async def test_a_lineage_is_found_by_the_id_of_its_first_version_and_by_name(store: Store) -> None:
    batch = [version(9 - n, str(n), at=NOW + n) for n in range(1, 4)]
    await store.log.append(batch)

    by_id = await store.views.lineage("default", "native", id=uuid(8))
    by_name = await store.views.lineage("default", "native", name="w")

    assert by_id == by_name
    assert by_id is not None
    assert by_id.newest is not None
    assert (by_id.id, by_id.last, by_id.last_at) == (uuid(8), "3", NOW + 3)
    assert (by_id.began_at, by_id.newest.row) == (NOW + 1, batch[2].changes[0])
    assert by_id.newest.source == {"n": "w"}
    for project, dialect in (("other", "native"), ("default", "sagas")):
        assert await store.views.lineage(project, dialect, name="w") is None
        assert await store.views.lineage(project, dialect, id=uuid(8)) is None
    assert await store.views.lineage("default", "native", id=uuid(6)) is None


async def test_lineages_are_found_in_any_project_when_none_is_named(store: Store) -> None:
    mine = [version(n, "1", at=NOW + n, name=f"m{n}") for n in (1, 2)]
    theirs = definition_append(uuid(9), "m1", "1", dialect="native", project="other", at=NOW + 1.5)
    await store.log.append([*mine, theirs])

    found = await store.views.lineages(None, "native")
    assert [each.id for each in found] == [uuid(2), uuid(9), uuid(1)]
    assert await store.views.lineage(None, "native", id=uuid(9)) == found[1]
    assert await store.views.lineage(None, "sagas", id=uuid(9)) is None
    page = Page(NOW + 2, uuid(2))
    assert await store.views.lineages(None, "native", limit=1, before=page) == [found[1]]
    assert await store.views.lineages(None, "sagas") == []


async def test_a_lineage_that_was_deleted_still_counts_its_versions(store: Store) -> None:
    batch = [version(9 - n, str(n), at=NOW + n) for n in range(1, 3)]
    await store.log.append(batch)
    await take_away(store, *batch)
    gone = await store.views.lineage("default", "native", name="w")
    assert gone is not None
    assert (gone.id, gone.last, gone.newest, gone.began_at) == (uuid(8), "2", None, None)
    assert await store.views.lineages("default", "native") == []

    await store.log.append([version(3, "3", at=NOW + 100)])
    back = await store.views.lineage("default", "native", id=uuid(8))
    assert back is not None
    assert back.newest is not None
    assert (back.id, back.last, back.began_at) == (uuid(8), "3", NOW + 100)
    assert await store.views.lineages("default", "native") == [back]


async def test_lineages_come_in_the_order_in_which_they_began(store: Store) -> None:
    batch = [
        *(version(n, "1", at=NOW + n // 2, name=f"w{n}") for n in range(1, 6)),
        version(31, "2", at=NOW + 50, name="w1"),
        definition_append(uuid(40), "x", "1", at=NOW),
    ]
    await store.log.append(batch)
    await take_away(store, batch[2])

    seen: list[tuple[str, str]] = []
    page: Page | None = None
    while found := await store.views.lineages("default", "native", limit=2, before=page):
        for each in found:
            assert each.newest is not None
            assert each.began_at is not None
            seen.append((each.newest.row.name, each.newest.row.version))
            page = Page(each.began_at, each.id)

    assert seen == [("w5", "1"), ("w4", "1"), ("w2", "1"), ("w1", "2")]


async def test_an_answer_is_kept_under_its_key(store: Store) -> None:
    row = idempotency_row("k")
    await store.log.append([append(A, EMPTY, row)])
    assert await store.views.idempotency("default", "me", "POST /sagas", "k") == row
    assert await store.views.idempotency("default", "you", "POST /sagas", "k") is None
    assert await store.views.idempotency("p", "me", "POST /sagas", "k") is None


async def test_unhandled_executions_come_oldest_first(store: Store) -> None:
    behind = {"stream_version": 2, "handled_version": 1}
    await put(store, A, **behind, updated_at=NOW)
    await put(store, B, **behind, updated_at=NOW - 1)
    await put(store, C, stream_version=2, handled_version=2, updated_at=NOW - 2)
    await put(store, execution_stream(4), **behind, partition=2, updated_at=NOW - 3)
    assert await store.views.unhandled([1], before=NOW + 1, limit=9) == [B.id, A.id]
    assert await store.views.unhandled([1], before=NOW, limit=9) == [B.id]
    assert await store.views.unhandled([1, 2], before=NOW + 1, limit=1) == [uuid(4)]
    assert await store.views.unhandled([], before=NOW + 1, limit=9) == []


async def test_overdue_executions_come_most_overdue_first(store: Store) -> None:
    await put(store, A, wake_at=NOW)
    await put(store, B, wake_at=NOW - 1)
    await put(store, C, wake_at=None)
    await put(store, execution_stream(4), wake_at=NOW - 2, partition=2)
    assert await store.views.overdue([1], before=NOW + 1, limit=9) == [B.id, A.id]
    assert await store.views.overdue([1], before=NOW, limit=9) == [B.id]
    assert await store.views.overdue([1, 2], before=NOW, limit=1) == [uuid(4)]


async def test_timers_come_in_due_order(store: Store) -> None:
    timers = [
        TimerRow(A.id, "b", "sleep", 1, NOW),
        TimerRow(A.id, "a", "sleep", 1, NOW),
        TimerRow(A.id, "run", "run", 1, NOW - 1),
        TimerRow(A.id, "late", "run", 1, NOW + 9),
    ]
    others = [TimerRow(B.id, "a", "sleep", 2, NOW)]
    await store.log.append([append(A, EMPTY, *timers), append(B, EMPTY, *others)])
    found = await store.views.timers([1, 2], before=NOW + 1, limit=9)
    assert found == [timers[2], timers[1], timers[0], others[0]]
    assert await store.views.timers([1], before=NOW, limit=9) == [timers[2]]
    assert await store.views.timers([1, 2], before=NOW + 1, limit=1) == [timers[2]]


@pytest.mark.parametrize(
    ("fields", "is_stuck"),
    [
        ({"status": "running", "waiting_for": "task", "wake_at": NOW}, False),
        ({"status": "running", "waiting_for": "task"}, True),
        ({"status": "running", "wake_at": NOW}, True),
        ({"status": "paused", "waiting_for": "resume"}, False),
        ({"status": "unwinding"}, True),
        ({"status": "failed"}, False),
        ({"status": "timed_out", "waiting_for": "task"}, False),
    ],
)
async def test_a_run_that_nothing_will_move_is_counted(
    store: Store, fields: dict[str, object], is_stuck: bool
) -> None:
    await put(store, A, **fields)
    assert await store.views.without_wakeup() == int(is_stuck)


async def test_answers_are_forgotten_by_and_by_the_oldest_first(store: Store) -> None:
    rows = [idempotency_row(f"k{n}", at=NOW + n) for n in range(4)]
    for n, row in enumerate(rows):
        stream = execution_stream(n)
        await store.log.append([append(stream, EMPTY, execution_row(stream), row)])

    async def kept() -> list[str]:
        found = [
            await store.views.idempotency("default", "me", "POST /sagas", row.key) for row in rows
        ]
        return [row.key for row in found if row is not None]

    assert await store.views.forget_keys(before=NOW, limit=10) == 0
    assert await store.views.forget_keys(before=NOW + 3, limit=2) == 2
    assert await kept() == ["k2", "k3"]
    assert await store.views.forget_keys(before=NOW + 3, limit=2) == 1
    assert await kept() == ["k3"]
