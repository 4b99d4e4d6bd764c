"""What was backed up under load is whole again, by the very commands of the operations page.

A base backup and a dump are taken while runs are in flight; then everything is ended without grace,
the broker loses its store, and each of the two is restored in a test of its own.
"""

import asyncio
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

import asyncpg
import httpx
import pytest
from tests.integration.drill import KINDS, Begun, Load, Operator, Peer, again

from mainspring.domain.envelope import Envelope
from mainspring.domain.rows import ExecutionRow
from mainspring.runtime.clock import SystemClock
from mainspring.store.postgres import PostgresStore
from mainspring.testing import history, peer
from mainspring.testing.cluster import run_apart, throwaway_folder
from mainspring.testing.patience import moment, until
from mainspring.testing.stack import Platform, platform

PATIENCE_S: Final = 25.0
BASE: Final = "Taking a base backup"
DUMP: Final = "Taking a dump"
REBUILD: Final = "mainspring rebuild"
VIEWS: Final = (
    *("executions", "steps", "attempts", "timers", "triggers", "approvals", "buffered"),
    *("compiled", "definitions", "kv", "starters", "audit", "idempotency"),
)
ENDS: Final = {"undone": "failed"}
WAITS: Final = {"waits": "event", "gated": "approval", "asked": "callback"}
OVER: Final = ("succeeded", "failed")


class Lost(NamedTuple):
    """A platform just before its end, what it had accepted, and when it was backed up."""

    whole: Platform
    operator: Operator
    part: Peer
    other: peer.Peer
    begun: list[Begun]
    spans: dict[str, tuple[float, float]]
    head: int

    def before(self, backup: str) -> list[Begun]:
        """What was accepted before a backup began."""
        return [each for each in self.begun if each.accepted_at < self.spans[backup][0]]

    def after(self, backup: str) -> list[Begun]:
        """What was asked for after a backup was there."""
        return [each for each in self.begun if each.asked_at > self.spans[backup][1]]


@pytest.fixture(scope="module")
def lost() -> Iterator[Lost]:
    part = Peer()
    with (
        throwaway_folder() as backup,
        platform(judged=False) as whole,
        peer.serve(part.respond) as other,
    ):
        operator = Operator(whole, backup)
        begun, spans, head = run_apart(lambda: back_up_under_load(whole, operator, other))
        yield Lost(whole, operator, part, other, begun, spans, head)


async def back_up_under_load(
    whole: Platform, operator: Operator, other: peer.Peer
) -> tuple[list[Begun], dict[str, tuple[float, float]], int]:
    """Take both backups while runs of all kinds are in flight; return what was accepted when."""
    now = SystemClock().monotonic
    spans: dict[str, tuple[float, float]] = {}
    store = await PostgresStore.open(whole.postgres.dsn)
    async with httpx.AsyncClient(base_url=whole.api, timeout=30, trust_env=False) as http:
        load = Load(http, other.url, now)
        await load.prepare()
        await asyncio.gather(*(load.begin(kind) for kind in (*KINDS, *KINDS)))
        await until(lambda: len(other.to("/held")) + len(other.to("/ask")) >= 4)
        await _seen(store, {"held": "task", **WAITS})
        going = asyncio.create_task(_keep_on(load))
        for title in (BASE, DUMP):
            since = now()
            await asyncio.to_thread(operator.back_up, title)
            spans[title] = (since, now())
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        await asyncio.gather(*(load.begin(kind) for kind in KINDS))
    head = await store.log.head_position()
    await store.close()
    return load.begun, spans, head


async def _keep_on(load: Load) -> None:
    while True:
        for kind in KINDS:
            await load.begin(kind)
            await moment(0.05)


async def _seen(store: PostgresStore, reasons: dict[str, str]) -> None:
    """Return when runs wait as they shall, and the schedule has started one."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            rows = await store.views.executions("default", limit=500)
            found = {(row.name, row.waiting_for) for row in rows}
            if found >= set(reasons.items()) and any(row.name == "ticks" for row in rows):
                return
            await moment(0.05)


async def test_a_base_backup_restores_every_run_that_its_log_knows(lost: Lost) -> None:
    await drill(lost, "Restoring a base backup", BASE)


async def test_a_dump_restores_every_run_that_its_log_knows(lost: Lost) -> None:
    await drill(lost, "Restoring a dump", DUMP)


async def drill(lost: Lost, title: str, backup: str) -> None:
    """Restore by the page, let all end, and hold what is there to what was backed up."""
    lost.part.lets_go = True
    looks: list[Look] = []
    dsn, operator = lost.whole.postgres.dsn, lost.operator

    def see() -> None:
        looks.append(run_apart(lambda: look(dsn)))

    await asyncio.to_thread(operator.restore, title, {REBUILD: see})
    restored = looks[0]
    assert restored.views == looks[1].views
    ids = {row.id for row in restored.runs}
    assert {each.id for each in lost.before(backup)} <= ids
    in_flight = {(row.name, row.waiting_for) for row in restored.runs}
    assert in_flight >= {("held", "task"), *WAITS.items()}
    gone = {each.id for each in lost.after(backup)}
    shown = "\n".join(text for rows in restored.views.values() for text in rows)
    assert not [id for id in gone if id in shown], "half of what came later is there"
    await go_on(lost, ids, backup)
    for process in lost.whole.processes:
        await asyncio.to_thread(process.stop)
    see()
    await asyncio.to_thread(operator.type, REBUILD)
    see()
    assert looks[2].views == looks[3].views
    log = looks[3].log
    faults = history.check(log)
    assert not faults, history.report(faults)
    assert not {e.stream.id for e in log} & gone
    since = [e.position for e in log if e.position > restored.log[-1].position]
    assert min(since) > lost.head, "a position of the log was given out twice"


async def go_on(lost: Lost, ids: set[str], backup: str) -> None:
    """Give half of the runs what they wait for, make the lost calls again, and see all end."""
    store = await PostgresStore.open(lost.whole.postgres.dsn)
    http = httpx.AsyncClient(base_url=lost.whole.api, timeout=30, trust_env=False)
    async with http:
        await settled(store, ids)
        before, after = lost.before(backup), lost.after(backup)
        moved = {each.id for each in before if each.kind == "asked"}
        for kind in ("waits", "gated"):
            moved |= set(sorted(each.id for each in before if each.kind == kind)[::2])
        await answer(http, lost.other.to("/ask"), moved)
        await send(http, [each.id for each in before if each.kind == "waits" and each.id in moved])
        await approve(http, moved)
        for each in before:
            assert await again(http, each.path, each.body, each.key) == each.id
        assert {each.kind for each in after} == set(KINDS)
        for each in after:
            assert (await http.get(f"/api/v1/executions/{each.id}")).status_code == 404
        anew = {await again(http, each.path, each.body, each.key) for each in after}
        assert not anew & ids
        rows = await settled(store, ids | anew, moved)
    await store.close()
    for row in rows:
        if row.status in OVER:
            assert row.status == ENDS.get(row.name, "succeeded"), row
        if row.name in WAITS and row.id in ids:
            assert (row.status in OVER) == (row.id in moved), row
    held = {row.id for row in rows if row.name == "held" and row.id in ids}
    for id in held:
        keys = {call.key for call in lost.other.to("/held") if call.key.startswith(id)}
        assert keys == {f"{id}:up:held:1"}, "a peer cannot tell that it is asked again"


async def settled(
    store: PostgresStore, ids: set[str], moved: AbstractSet[str] = frozenset()
) -> list[ExecutionRow]:
    """Return all runs when these wait for someone or are over, and the schedule began another."""
    left: list[ExecutionRow] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                rows = await store.views.executions("default", limit=500)
                left = [
                    row
                    for row in rows
                    if row.id in ids and row.status not in OVER
                    if row.id in moved or row.waiting_for != WAITS.get(row.name)
                ]
                ticks = [row for row in rows if row.name == "ticks" and row.id not in ids]
                if not left and ticks and ids <= {row.id for row in rows}:
                    return rows
                await moment(0.1)
    except TimeoutError:
        pytest.fail(f"{len(left)} runs are stuck, such as {left[:1]}")


async def answer(http: httpx.AsyncClient, calls: Sequence[peer.Call], ids: set[str]) -> None:
    """Answer calls of runs with the tokens that they brought before the loss."""
    first: dict[str, peer.Call] = {}
    for call in calls:
        first.setdefault(call.headers["x-callback-url"], call)
    found = [(url, call) for url, call in first.items() if any(id in url for id in ids)]
    assert found
    for url, call in found:
        token = {"X-Callback-Token": call.headers["x-callback-token"]}
        answered = await http.post(url, json={"n": 1}, headers=token)
        assert answered.status_code == 202, answered.text


async def send(http: httpx.AsyncClient, ids: Sequence[str]) -> None:
    for id in ids:
        answered = await http.post(f"/v1/events/go:{id}/send", json={"payload": {}})
        assert answered.status_code == 200, answered.text


async def approve(http: httpx.AsyncClient, ids: set[str]) -> None:
    answered = await http.get("/api/v1/approvals", params={"status": "PENDING", "limit": 500})
    for gate in answered.json():
        if gate["executionId"] in ids:
            done = await http.post(f"/api/v1/approvals/{gate['id']}/approve", json={})
            assert done.status_code == 200, done.text


class Look(NamedTuple):
    """What a database has: the log, every row of the views as a text, and the runs."""

    log: list[Envelope]
    views: dict[str, list[str]]
    runs: list[ExecutionRow]


async def look(dsn: str) -> Look:
    store = await PostgresStore.open(dsn)
    link = await asyncpg.connect(dsn, server_settings={"search_path": "mainspring"})
    try:
        log: list[Envelope] = []
        while page := await store.log.read_all(after=log[-1].position if log else 0, limit=5000):
            log += page
        views = {
            view: [row[0] for row in await link.fetch(f"select t::text from {view} t order by 1")]  # noqa: S608 - names of our own
            for view in VIEWS
        }
        return Look(log, views, await store.views.executions("default", limit=500))
    finally:
        await link.close()
        await store.close()
