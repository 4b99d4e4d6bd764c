"""The services of the last release beside today's, on one log, under load: nothing is lost.

Everything begins as the release left it; the schema goes first, as the operator's page says, and
then service after service, each started before what it replaces is stopped.  The two ways between
them let each service of either release meet each other one of the other.  Then back again: an
upgrade that is regretted halfway must lose nothing either.  What only today's code can say is not
asked for, since a service that is not upgraded yet could not do it.

`MAINSPRING_UPGRADE_SECONDS` is how long the load lasts each way; a minute shows more than CI does.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import pytest
from tests.upgrade.fleet import Fleet, fleet
from tests.upgrade.load import Load, pause
from tests.upgrade.release import Release, unpacked

from mainspring.domain.envelope import Envelope
from mainspring.store.migrate import migrate
from mainspring.store.postgres import PostgresStore
from mainspring.testing import history
from mainspring.testing.peer import Call, Peer, Reply, serve

SECONDS: Final = float(os.environ.get("MAINSPRING_UPGRADE_SECONDS", "8"))
RATE: Final = 20.0
PATIENCE_S: Final = 60.0
OPEN: Final = ("pending", "running", "paused", "unwinding")
ENDINGS: Final = frozenset({"ExecutionSucceeded", "ExecutionFailed", "ExecutionCorrupted"})
WAYS: Final = {
    "from the front": ("api", "events", "scheduler", "executor"),
    "from the back": ("executor", "scheduler", "events", "api"),
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return unpacked(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    def respond(call: Call) -> Reply:
        return Reply(500) if call.path.startswith("/refuse") else Reply(200, delay=0.005)

    with serve(respond) as found:
        yield found


@pytest.mark.parametrize("order", WAYS.values(), ids=WAYS.keys())
async def test_services_of_two_releases_lose_nothing_between_them(
    release: Release, peer: Peer, order: Sequence[str]
) -> None:
    with fleet(release) as whole:
        await migrate(whole.postgres.dsn, migrations=release.migrations)
        await asyncio.to_thread(whole.start)
        load = Load(whole.origins, peer.url, RATE)
        await load.prepare()
        running = asyncio.create_task(load.run())
        await migrate(whole.postgres.dsn)
        await roll(whole, order, running)
        load.stopping.set()
        await running
        await load.close()
        await judged(whole, load)


async def roll(whole: Fleet, order: Sequence[str], running: asyncio.Task[None]) -> None:
    """Replace one service after the other, and then the half of them back again."""
    back = order[len(order) // 2 :]
    moves = [(name, False) for name in order] + [(name, True) for name in back]
    for name, old in moves:
        began = asyncio.get_running_loop().time()
        await whole.replace(name, old=old)
        spent = asyncio.get_running_loop().time() - began
        await pause(max(0.5, SECONDS / len(moves) - spent))
        assert not running.done(), running.exception()


async def judged(whole: Fleet, load: Load) -> None:
    """Hold the log to its laws, and every accepted run to the end that it must have."""
    store = await PostgresStore.open(whole.postgres.dsn)
    try:
        await settled(store, whole)
        log = await whole_log(store)
        rows = await store.views.executions_by_id(list(load.expected))
    finally:
        await store.close()
    assert not history.check(log)
    begun = {e.stream.id for e in log if e.type == "ExecutionRequested"}
    assert begun == set(load.expected), "an accepted run is missing, or one has begun unasked"
    assert {row.id: row.status for row in rows} == load.expected
    ends = Counter(e.stream.id for e in log if e.type in ENDINGS)
    assert set(ends.values()) == {1}, "a run ended twice"
    assert len(begun) > SECONDS * RATE / 3, "there was hardly any load"


async def settled(store: PostgresStore, whole: Fleet) -> None:
    """Return when nothing is left to do, or fail with what is and what the services said last."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    while left := await store.views.executions("default", status=OPEN, limit=500):
        if loop.time() > deadline:
            pytest.fail(f"{len(left)} runs are stuck, such as {left[0]}\n{whole.last_words()}")
        await pause(0.25)


async def whole_log(store: PostgresStore) -> list[Envelope]:
    log: list[Envelope] = []
    while page := await store.log.read_all(after=log[-1].position if log else 0, limit=5000):
        log += page
    return log
