"""What is asked of the views about workflows that bound their runs, for every adapter."""

from typing import TypeAlias

from mainspring.domain.envelope import EMPTY, Head, Meta, StreamId, head_of, seal
from mainspring.domain.gate import SlotsChanged, gate_stream
from mainspring.ports import Append, Appended
from mainspring.store.memory import MemoryStore
from mainspring.store.postgres import PostgresStore
from mainspring.store.rebuild import rebuild
from mainspring.testing.samples import NOW, append, execution_row, execution_stream

Store: TypeAlias = MemoryStore | PostgresStore

RUNS = [execution_stream(n) for n in range(1, 7)]
A, B, C, D, E, F = RUNS


async def put(store: Store, stream: StreamId, **fields: object) -> None:
    queued = {"status": "pending", "waiting_for": "slot", "name": "n"}
    row = execution_row(stream, **{**queued, **fields})
    await store.log.append([append(stream, EMPTY, row)])


async def test_runs_that_wait_for_a_place_come_in_the_order_of_their_requests(store: Store) -> None:
    await put(store, C, created_at=NOW + 1)
    await put(store, B, created_at=NOW + 2)
    await put(store, A, created_at=NOW + 1)
    await put(store, D, status="running", waiting_for="task")
    await put(store, E, name="other")
    await put(store, F, project="elsewhere")
    found = await store.views.queued("default", "n", limit=9)
    assert [row.id for row in found] == [A.id, C.id, B.id]
    assert found[0] == execution_row(
        A, status="pending", waiting_for="slot", name="n", created_at=NOW + 1
    )
    assert len(await store.views.queued("default", "n", limit=2)) == 2


async def test_workflows_whose_runs_wait_are_found_once_each(store: Store) -> None:
    for stream in (A, B):
        await put(store, stream)
    await put(store, C, name="other")
    await put(store, D, project="elsewhere")
    await put(store, E, name="free", status="running", waiting_for="task")
    wanted = [("default", "n", ""), ("default", "other", ""), ("elsewhere", "n", "")]
    assert await store.views.gates(limit=9) == wanted
    assert await store.views.gates(limit=1) == wanted[:1]


async def test_runs_wait_behind_those_with_their_own_key(store: Store) -> None:
    for stream, lane in ((A, "ann"), (B, "bob"), (C, "ann"), (D, "")):
        await put(store, stream, lane=lane)
    found = await store.views.queued("default", "n", "ann", limit=9)
    assert [(row.id, row.lane) for row in found] == [(A.id, "ann"), (C.id, "ann")]
    assert [row.id for row in await store.views.queued("default", "n", limit=9)] == [D.id]
    wanted = [("default", "n", lane) for lane in ("", "ann", "bob")]
    assert await store.views.gates(limit=9) == wanted


async def test_who_has_ended_is_told_from_who_goes_on(store: Store) -> None:
    statuses = ("succeeded", "failed", "corrupted", "canceled", "timed_out", "unwinding")
    for stream, status in zip(RUNS, statuses, strict=True):
        await put(store, stream, status=status, waiting_for=None)
    unknown = execution_stream(99)
    ids = [stream.id for stream in (*RUNS, unknown)]
    assert await store.views.ended_among(ids) == {stream.id for stream in RUNS[:5]}
    assert await store.views.ended_among([]) == set()


async def test_no_row_follows_from_a_gate_however_long_its_stream_is(
    postgres: PostgresStore, database_url: str
) -> None:
    for workflow in ("n", "other"):
        stream, head = gate_stream("default", workflow), EMPTY
        for n in range(5):
            head = await change(postgres, stream, head, SlotsChanged(taken=(str(n),), at=NOW))
    built = await rebuild(database_url, batch=3)
    assert (built.events, built.streams, built.rows) == (10, 2, 0)


async def change(store: PostgresStore, stream: StreamId, head: Head, event: SlotsChanged) -> Head:
    sealed = seal(stream, head, [event], meta=Meta(), project="default", now=NOW)
    (outcome,) = await store.log.append([Append(stream, head, sealed, ())])
    assert isinstance(outcome, Appended)
    return head_of(sealed[-1])
