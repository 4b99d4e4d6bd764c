"""`mainspring doctor` on a real database: each damage that could be is found, mended, and over.

Runs are begun an hour ago by a clock of the test's own, so that what was lost then is late now.  A
run counts as mended when the services, which are played here, bring it to the end of its script.
"""

import asyncio
import sys
from collections.abc import Iterator

import httpx
import pytest
from tests.conformance.client import Sagas
from tests.integration.clinic import HOUR, ME, House

from mainspring.domain import starters as s
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import StreamId
from mainspring.domain.execution import commands as c
from mainspring.runtime.clock import SystemClock
from mainspring.runtime.engine import NewDefinition
from mainspring.runtime.starters import NewStarter, Starters
from mainspring.runtime.triggers import Triggers
from mainspring.store.mend import mending
from mainspring.testing.patience import until
from mainspring.testing.peer import Peer, Reply, serve
from mainspring.testing.sagas import call, graph, sleep, task
from mainspring.testing.shapes import approval, dag, needing, path, wait
from mainspring.testing.shapes import sleep as nap
from mainspring.testing.shapes import task as step
from mainspring.testing.stack import Platform, platform
from mainspring_cli.doctor import consult

CALLS = path(step("a"), step("b"))
NAPS = path(step("a"), nap("nap", 9 * HOUR), step("b"))


async def asleep(house: House) -> str:
    """Return a run that sleeps and is well."""
    id = await house.begin(NAPS)
    await house.settle(id)
    await house.answer()
    assert (await house.row(id)).waiting_for == "sleep"
    assert await house.found() == set()
    return id


def execution(id: str) -> StreamId:
    return StreamId("execution", id)


async def over(house: House, id: str) -> bool:
    await house.go_on()
    return (await house.row(id)).status == "succeeded"


async def test_a_request_of_which_nobody_heard_is_decided(house: House) -> None:
    id = await house.begin(CALLS)
    assert await house.found() == {("unhandled", id)}
    [treated] = await house.mended()
    assert "its turn decided" in treated
    assert await over(house, id)


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ("update executions set waiting_for = null, wake_at = null", "without_wakeup"),
        ("update executions set wake_at = null", "without_wakeup"),
        ("update executions set status = 'pending', waiting_for = null", "without_wakeup"),
        ("update executions set stream_version = 1, handled_version = 1", "behind"),
        ("update executions set wake_at = now() - interval '1 hour'", "overdue"),
        ("delete from timers", "lost_timer"),
    ],
)
async def test_rows_that_contradict_the_log_are_written_anew(
    house: House, damage: str, kind: str
) -> None:
    id = await asleep(house)
    before = await house.hand.fetch("select x::text, t::text from executions x, timers t")
    await house.hand.execute(damage)
    assert await house.found() == {(kind, id)}
    [treated] = await house.mended()
    assert "1 of its rows written anew" in treated
    assert await house.hand.fetch("select x::text, t::text from executions x, timers t") == before
    assert await over(house, id)


async def test_a_run_whose_row_is_gone_comes_back(house: House) -> None:
    id = await asleep(house)
    await house.hand.execute("delete from executions")
    assert await house.found() == {("stray_timer", f"{id}/nap")}
    await house.mended()
    assert await over(house, id)


async def test_an_attempt_of_an_executor_that_is_gone_is_handed_out_again(house: House) -> None:
    id = await house.begin(CALLS)
    await house.settle(id)
    assert len(house.wire.tasks) == 1
    house.wire.tasks = []  # it took the task, and died
    assert await house.found() == {("overdue", id)}
    await house.mended()
    assert await over(house, id)
    assert (await house.store.views.steps(id))[0].row.status == "succeeded"


@pytest.mark.parametrize(
    ("form", "kind", "view"),
    [
        (path(wait("w", "k")), "trigger_left", "triggers"),
        (path(approval("w", "ann")), "approval_left", "approvals"),
    ],
)
async def test_a_wait_that_was_left_open_is_closed_as_its_run_says(
    house: House, form: Definition, kind: str, view: str
) -> None:
    id = await house.begin(form)
    await house.settle(id)
    assert await house.found() == set()
    cancel = c.RequestCancel(reason="enough")
    await house.engine.ask(id, cancel, project="p", meta=ME)
    await house.settle(id)
    assert (await house.row(id)).status == "canceled"
    [before] = await house.hand.fetch(f"select t::text as row, id::text from {view} t")  # noqa: S608
    open_ = {"triggers": "status = 'waiting', ended_at = null", "approvals": "status = 'pending'"}
    await house.hand.execute(f"update {view} set {open_[view]}")  # noqa: S608 - names of our own
    assert await house.found() == {(kind, before["id"])}
    await house.mended()
    assert await house.hand.fetchval(f"select t::text from {view} t") == before["row"]  # noqa: S608


async def test_a_trigger_that_was_purged_is_not_written_anew(house: House) -> None:
    id = await house.begin(path(wait("w", "k")))
    await house.settle(id)
    await house.engine.ask(id, c.RequestCancel(), project="p", meta=ME)
    await house.settle(id)
    until = SystemClock().now()
    assert await Triggers(house.engine).purge("p", ended_before=until, meta=ME) == 1
    async with mending(house.url) as mend:
        assert await mend.rows(execution(id), now=until) == 0
    assert await house.hand.fetch("select from triggers") == []


async def test_a_timer_of_a_paused_run_is_removed_and_comes_back_with_it(house: House) -> None:
    id = await asleep(house)
    [timer] = await house.hand.fetch("select * from timers")
    pause = c.RequestPause()
    await house.engine.ask(id, pause, project="p", meta=ME)
    await house.settle(id)
    assert await house.found() == set()
    await house.hand.execute("insert into timers values ($1, $2, $3, $4, $5)", *timer)
    assert await house.found() == {("stray_timer", f"{id}/nap")}
    await house.mended()
    assert await house.hand.fetch("select * from timers") == []
    resume = c.RequestResume()
    await house.engine.ask(id, resume, project="p", meta=ME)
    assert await over(house, id)


async def test_an_event_that_was_kept_goes_to_who_waits_for_it(house: House) -> None:
    triggers = Triggers(house.engine)
    form = path(wait("w", "k"), step("b"))
    until = house.clock.now() + 9 * HOUR
    await triggers.keep("p", "k", {"n": 1}, sent_by="me", expires_at=until, meta=ME)
    id = await house.begin(form)
    house.inbox.poke(id)
    await house.advancer.tick()  # and the process dies before it does its chores
    assert {kind for kind, _ in await house.found()} == {"event_undelivered"}
    [treated] = await house.mended()
    assert "1 kept events were received" in treated
    assert await over(house, id)


async def schedule(house: House) -> str:
    """Return a schedule whose first instant came half an hour ago."""
    workflow = house.engine.ids.uuid7()
    entry = NewDefinition(
        id=workflow,
        project="p",
        name="order",
        version="1",
        dialect="native",
        source={},
        compiled=dag(needing("a")),
    )
    await house.engine.store_definition(entry, ME)
    every = s.Schedule(interval=HOUR / 2, catchup="last")
    new = NewStarter("p", "native", workflow, every)
    return (await Starters(house.engine).create(new, ME)).row.id


async def test_a_schedule_that_nobody_fired_is_fired(house: House) -> None:
    id = await schedule(house)
    assert await house.found() == {("starter_overdue", id)}
    [treated] = await house.mended()
    assert "was fired" in treated
    [run] = await house.store.views.executions("p")
    assert await over(house, run.id)


@pytest.mark.parametrize(
    ("damage", "kinds"),
    [
        ("update starters set stream_version = 7", {"starter_overdue", "starter_stuck"}),
        ("update starters set due_at = null", {"starter_stuck"}),
        ("update starters set next_at = null", {"starter_overdue", "starter_stuck"}),
    ],
)
async def test_a_schedule_that_is_stuck_fires_again(
    house: House, damage: str, kinds: set[str]
) -> None:
    id = await schedule(house)
    await house.hand.execute(damage)
    assert await house.found() == {(kind, id) for kind in kinds}
    await house.mended()
    [run] = await house.store.views.executions("p")
    assert await over(house, run.id)


async def test_a_broker_that_is_away_keeps_nobody_ill(house: House) -> None:
    id = await house.begin(CALLS)
    seen = await consult(house.url, "nats://127.0.0.1:1", repair=True)
    assert ([one.id for one in seen.found], seen.left) == ([id], [])
    assert await over(house, id)


async def test_the_doctor_changes_nothing_where_nothing_is_wrong(house: House) -> None:
    await asleep(house)
    head = await house.store.log.head_position()
    code, said = await house.says("--repair")
    assert (code, [each["event"] for each in said]) == (0, ["well"])
    assert await house.store.log.head_position() == head


async def test_what_cannot_be_mended_is_said_and_the_exit_code_says_it_too(house: House) -> None:
    id = await asleep(house)
    other = await house.begin(CALLS)
    await house.hand.execute("delete from events where stream_id = $1 and version = 1", id)
    await house.hand.execute("update executions set wake_at = null where id = $1", id)
    code, said = await house.says("--repair")
    assert code == 1
    assert [each["id"] for each in said if each["event"] == "left"] == [id]
    treated = {each["id"]: each["text"] for each in said if each["event"] == "treated"}
    assert "could not be mended" in treated[id]
    assert "its turn decided" in treated[other]


@pytest.fixture(scope="module")
def stack() -> Iterator[Platform]:
    with platform() as whole:
        yield whole


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with serve(lambda _: Reply(200, b"{}")) as other:
        yield other


async def test_with_a_broker_the_calls_of_a_turn_are_under_way_at_once(
    stack: Platform, peer: Peer
) -> None:
    [scheduler] = stack.services["scheduler"]
    form = graph(task("a", action={"mode": "sync", "request": call(f"{peer.url}/now")}))
    async with httpx.AsyncClient(base_url=stack.api, timeout=60, trust_env=False) as http:
        sagas = Sagas(http)
        await asyncio.to_thread(scheduler.stop)
        id = await sagas.run(form)
        seen = await consult(stack.postgres.dsn, stack.nats.url, repair=True, grace=0.0)
        assert ([one.kind for one in seen.found], seen.left) == (["unhandled"], [])
        await until(lambda: len(peer.to("/now")) == 1, patience=30.0)
        scheduler.start()
        assert (await sagas.end(id))["status"] == "SUCCEEDED"


async def test_a_healthy_platform_under_load_has_nothing_to_report(
    stack: Platform, peer: Peer
) -> None:
    request = {"mode": "sync", "request": call(f"{peer.url}/run")}
    form = graph(task("a", "nap", action=request), sleep("nap", 50, "b"), task("b", action=request))
    async with httpx.AsyncClient(base_url=stack.api, timeout=60, trust_env=False) as http:
        sagas = Sagas(http)
        ids = await asyncio.gather(*(sagas.run(form) for _ in range(60)))
        ends = asyncio.gather(*(sagas.end(id) for id in ids))
        argv = [sys.executable, "-m", "mainspring_cli", "doctor", "--repair"]
        argv += ["--database-url", stack.postgres.dsn, "--nats-url", stack.nats.url]
        for _ in range(2):
            ended = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
            out, _ = await ended.communicate()
            assert (ended.returncode, out.strip()) == (0, b"everything moves")
        async with mending(stack.postgres.dsn) as mend:
            changed = [await mend.rows(execution(id), now=SystemClock().now()) for id in ids]
        assert set(changed) == {0}
        assert {each["status"] for each in await ends} == {"SUCCEEDED"}
