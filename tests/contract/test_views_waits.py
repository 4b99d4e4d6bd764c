"""The law of the views of triggers, approvals and kept events, for every adapter."""

from typing import TypeAlias

import pytest

from mainspring.domain.envelope import EMPTY
from mainspring.domain.execution import events as e
from mainspring.domain.rows import (
    BufferedExpired,
    BufferedGone,
    BufferedRow,
    Change,
    TriggersGone,
)
from mainspring.domain.triggers import EventBuffered, buffer_stream, project_stream
from mainspring.ports import Appended, Page, Refused
from mainspring.store.memory import MemoryStore
from mainspring.store.postgres import PostgresStore
from mainspring.testing.samples import (
    NOW,
    append,
    approval_row,
    definition_append,
    execution_row,
    execution_stream,
    head_after,
    requested,
    trigger_row,
    uuid,
)

Store: TypeAlias = MemoryStore | PostgresStore

FULL = {
    "status": "received",
    "timeout": 12.5,
    "expires_at": NOW + 12.5,
    "received_at": NOW + 1,
    "ended_at": NOW + 1,
    "error": "e",
    "notify_url": "http://a.test/",
    "notify_status": "sent",
    "sent_by": "ann",
    "payload_version": 3,
}


async def put(store: Store, n: int, *changes: Change) -> Appended | Refused:
    """Append the first event of the n-th execution with these rows."""
    (outcome,) = await store.log.append([append(execution_stream(n), EMPTY, *changes)])
    return outcome


def waiting(n: int, ask: object = None) -> e.StepWaiting:
    return e.StepWaiting(ref="w", kind="event", trigger=uuid(n, 7), key=f"k{n}", ask=ask, at=NOW)


async def test_a_trigger_has_what_it_asks_and_what_it_received(store: Store) -> None:
    row = trigger_row(1, ask_version=2, **FULL)
    came = e.TriggerReceived(ref="w", attempt=1, payload={"ok": [1]}, sent_by="ann", at=NOW)
    events = [requested(), waiting(1, {"please": "pay"}), came]
    await store.log.append([append(execution_stream(1), EMPTY, row, events=events)])

    found = await store.views.trigger(project="default", key="k1")

    assert found is not None
    assert (found.row, found.ask, found.payload) == (row, {"please": "pay"}, {"ok": [1]})
    assert await store.views.trigger(project="default", id=row.id) == found
    assert await store.views.trigger(project=None, id=row.id) == found
    assert await store.views.trigger(project="other", id=row.id) is None
    assert await store.views.trigger(project="other", key="k1") is None


async def test_an_approval_has_what_it_asks(store: Store) -> None:
    fields = {
        "status": "rejected",
        "ask_version": 2,
        "approvers": ("ann", 'b"'),
        "expires_at": NOW + 9,
        "decided_at": NOW + 2,
        "decided_by": "ann",
        "reason": "no",
    }
    row = approval_row(1, **fields)
    asked = e.StepWaiting(ref="a", kind="approval", trigger=row.id, ask="really?", at=NOW)
    await store.log.append([append(execution_stream(1), EMPTY, row, events=[requested(), asked])])
    found = await store.views.approval(project="default", id=row.id)
    assert found is not None
    assert (found.row, found.ask) == (row, "really?")
    assert await store.views.approval(project="other", id=row.id) is None
    assert await store.views.approvals("default", execution=row.execution) == [found]
    assert await store.views.approvals("default", status=["pending"]) == []
    assert await store.views.approvals(None, execution=row.execution) == [found]
    assert await store.views.approvals("other", execution=row.execution) == []


async def test_approvals_of_all_projects_are_listed_together_newest_first(store: Store) -> None:
    for n in range(7):
        row = approval_row(n, project=f"p{n % 3}", requested_at=NOW + n // 2)
        await put(store, n, row)
    everything = await store.views.approvals(None)
    assert [each.row.id for each in everything] == [approval_row(n).id for n in range(6, -1, -1)]
    seen = await store.views.approvals(None, limit=3)
    last = seen[-1].row
    seen += await store.views.approvals(None, before=Page(last.requested_at, last.id))
    assert seen == everything
    assert await store.views.approvals(None, status=["approved"]) == []


async def test_a_key_waits_once_in_a_project(store: Store) -> None:
    assert isinstance(await put(store, 1, trigger_row(1, key="k")), Appended)
    assert await put(store, 2, trigger_row(2, key="k")) == Refused("name_taken")
    assert isinstance(await put(store, 3, trigger_row(3, key="k", project="other")), Appended)
    found = await store.views.trigger(project="default", key="k")
    assert found is not None
    assert found.row.id == uuid(1, 7)


async def test_the_trigger_of_a_key_that_waits_goes_before_those_that_are_newer(
    store: Store,
) -> None:
    # Another writer's clock was ahead, or it opened and closed one in a single transaction.
    await put(store, 1, trigger_row(1, key="k"))
    ended = {"status": "received", "requested_at": NOW + 3, "sent_by": "ann"}
    await put(store, 2, trigger_row(2, key="k", **ended))
    found = await store.views.trigger(project="default", key="k")
    assert found is not None
    assert found.row.id == uuid(1, 7)
    by_ann = await store.views.trigger(project="default", key="k", sent_by="ann")
    assert by_ann is not None
    assert by_ann.row.id == uuid(2, 7)


async def test_of_two_that_want_one_key_at_once_one_gets_it(store: Store) -> None:
    batch = [append(execution_stream(n), EMPTY, trigger_row(n, key="k")) for n in (1, 2, 3)]
    outcomes = await store.log.append(batch)
    assert [isinstance(outcome, Appended) for outcome in outcomes].count(True) == 1
    assert outcomes.count(Refused("name_taken")) == 2


async def test_a_key_can_be_used_again_when_its_trigger_is_over(store: Store) -> None:
    first = append(execution_stream(1), EMPTY, trigger_row(1, key="k"))
    await store.log.append([first])
    over = trigger_row(1, key="k", status="timed_out", ended_at=NOW)
    again = trigger_row(9, key="k", execution=uuid(1), requested_at=NOW + 1)
    (outcome,) = await store.log.append(
        [append(execution_stream(1), head_after(first), over, again)]
    )
    assert isinstance(outcome, Appended)
    found = await store.views.trigger(project="default", key="k")
    assert found is not None
    assert found.row == again


async def test_a_key_shows_its_newest_trigger_or_the_one_that_a_sender_resolved(
    store: Store,
) -> None:
    done = {"key": "k", "status": "received"}
    await put(store, 1, trigger_row(1, sent_by="ann", **done))
    await put(store, 2, trigger_row(2, sent_by="bob", requested_at=NOW + 1, **done))
    newest = await store.views.trigger(project="default", key="k")
    anns = await store.views.trigger(project="default", key="k", sent_by="ann")
    assert newest is not None
    assert anns is not None
    assert (newest.row.id, anns.row.id) == (uuid(2, 7), uuid(1, 7))
    assert await store.views.trigger(project="default", key="k", sent_by="eve") is None


async def test_triggers_are_listed_newest_first_in_pages(store: Store) -> None:
    for n in range(7):
        status = "waiting" if n % 2 else "canceled"
        await put(store, n, trigger_row(n, requested_at=NOW + n // 3, status=status))
    everything = await store.views.triggers("default")
    assert [each.row.id for each in everything] == [uuid(n, 7) for n in (6, 5, 4, 3, 2, 1, 0)]
    seen = await store.views.triggers("default", limit=2)
    while page := await store.views.triggers(
        "default", limit=2, before=Page(seen[-1].row.requested_at, seen[-1].row.id)
    ):
        seen += page
    assert seen == everything
    some = await store.views.triggers("default", status=["canceled"], execution=uuid(2))
    assert [each.row.id for each in some] == [uuid(2, 7)]
    assert await store.views.triggers("default", status=["canceled"], execution=uuid(1)) == []
    assert await store.views.triggers("other") == []


async def test_waiting_triggers_are_found_by_a_prefix_that_is_no_pattern(store: Store) -> None:
    keys = ["a%", "a%b", "a_", "ab", "b", "a\\", "ä", "äb"]
    for n, key in enumerate(keys):
        await put(store, n, trigger_row(n, key=key))
    await put(store, 20, trigger_row(20, key="a%c", status="canceled"))

    async def found(prefix: str, **page: object) -> list[str]:
        rows = await store.views.waiting_triggers("default", prefix, **page)  # type: ignore[arg-type]
        return [row.key for row in rows]

    assert await found("a%") == ["a%", "a%b"]
    assert await found("a_") == ["a_"]
    assert await found("a\\") == ["a\\"]
    assert await found("ä") == ["ä", "äb"]
    assert await found("") == sorted(keys, key=str.encode)
    first = await found("a", limit=2)
    assert first + await found("a", after=first[-1]) == await found("a")
    assert await found("zz") == []


async def test_statistics_count_by_status_and_average_what_was_received(store: Store) -> None:
    assert (await store.views.trigger_stats("default")).counts == {}
    await put(store, 1, trigger_row(1))
    await put(store, 2, trigger_row(2, status="received", received_at=NOW + 2))
    await put(store, 3, trigger_row(3, status="received", received_at=NOW + 4))
    await put(store, 4, trigger_row(4, status="timed_out", project="other"))
    stats = await store.views.trigger_stats("default")
    assert stats.counts == {"waiting": 1, "received": 2}
    assert stats.waited == pytest.approx(3.0)
    assert (await store.views.trigger_stats("other")).waited == 0.0


async def test_a_purge_takes_what_ended_before_and_is_told_in_bounded_parts(store: Store) -> None:
    for n in range(5):
        await put(store, n, trigger_row(n, status="canceled", ended_at=NOW + n // 2))
    await put(store, 8, trigger_row(8))
    await put(store, 9, trigger_row(9, status="canceled", ended_at=NOW, project="other"))

    assert (await store.views.purgeable("default", ended_before=NOW)).count == 0
    every = await store.views.purgeable("default", ended_before=NOW + 2)
    assert every.count == 4
    first = await store.views.purgeable("default", ended_before=NOW + 2, limit=1)
    assert first.count == 2, "two ended at that instant"
    assert NOW < first.ended_before < NOW + 0.001

    stream = project_stream("default")
    gone = TriggersGone("default", first.ended_before)
    await store.log.append([append(stream, EMPTY, gone)])
    left = await store.views.triggers("default")
    assert {each.row.id for each in left} == {uuid(n, 7) for n in (2, 3, 4, 8)}
    assert len(await store.views.triggers("other")) == 1


async def test_kept_events_go_when_they_are_received_or_purged(store: Store) -> None:
    stream = buffer_stream("default", "k1")
    events = [EventBuffered(key="k1", payload=n, expires_at=NOW + 9, at=NOW) for n in range(2)]
    rows = [BufferedRow(stream.id, n, "default", "k1", "me", NOW, NOW + 9) for n in (1, 2)]
    kept = append(stream, EMPTY, *rows, events=events)
    await store.log.append([kept])
    await put(store, 1, trigger_row(1))
    gone = append(stream, head_after(kept), BufferedGone(stream.id, 1))
    await store.log.append([gone])
    assert await store.views.deliverable(now=NOW, limit=9) == [("default", "k1")]
    expired = BufferedExpired("default", NOW + 10)
    await store.log.append([append(project_stream("default"), EMPTY, expired)])
    assert await store.views.deliverable(now=NOW, limit=9) == []


async def test_a_kept_event_is_deliverable_when_a_trigger_waits_or_it_was_offered(
    store: Store,
) -> None:
    def row(n: int, **fields: object) -> BufferedRow:
        plain = {"expires_at": NOW + 9} | fields
        return BufferedRow(f"b{n}", 1, "default", f"k{n}", "me", NOW, **plain)  # type: ignore[arg-type]

    for n, each in enumerate(
        [row(0), row(1), row(2, expires_at=NOW), row(3, expires_at=NOW, trigger=uuid(5))]
    ):
        await store.log.append([append(buffer_stream("default", f"k{n}"), EMPTY, each)])
    for n in (1, 2):
        await put(store, n, trigger_row(n))
    found = await store.views.deliverable(now=NOW + 1, limit=9)
    assert found == [("default", "k1"), ("default", "k3")]


async def test_children_are_found_oldest_first(store: Store) -> None:
    for n in (3, 2, 1):
        parent = uuid(1) if n > 1 else None
        row = execution_row(execution_stream(n), created_at=NOW - n, parent=parent)
        await put(store, n, row)
    assert [row.id for row in await store.views.children(uuid(1))] == [uuid(3), uuid(2)]


async def test_executions_are_found_by_a_tag(store: Store) -> None:
    for n, tags in enumerate([{"env": "prod", "x": "1"}, {"env": "test"}, {}]):
        await put(store, n, execution_row(execution_stream(n), tags=tags))

    async def found(*tags: tuple[str, str | None]) -> list[str]:
        rows = await store.views.executions("default", tags=tags)
        assert await store.views.executions(None, tags=tags) == rows
        return [row.id for row in rows]

    assert await found(("env", "prod")) == [uuid(0)]
    assert await found(("env", None)) == [uuid(1), uuid(0)]
    assert await found(("env", None), ("x", "1")) == [uuid(0)]
    assert await found(("env", "test"), ("x", None)) == []
    assert await found(("nope", None)) == []


async def test_a_name_is_found_in_its_newest_version(store: Store) -> None:
    for n in (1, 3, 2):
        await store.log.append([definition_append(uuid(n), "order", str(n), at=NOW + n)])
    found = await store.views.newest_definition(project="default", name="order")
    assert found is not None
    assert found.row.version == "3"
    assert await store.views.newest_definition(project="other", name="order") is None


async def test_who_waits_for_somebodys_word_is_not_stuck(store: Store) -> None:
    for n, reason in enumerate(["event", "approval", "resume", "task"]):
        fields = {"status": "running", "waiting_for": reason, "wake_at": None}
        await put(store, n, execution_row(execution_stream(n), **fields))
    assert await store.views.without_wakeup() == 1
