"""Real processes under load, killed and cut off one after the other: nothing is lost or doubled.

Fifty sagas a second while each service in turn is killed with -9, the broker is restarted with its
store wiped, and the database is restarted.  Every start has an idempotency key, so a client that
got no answer asks again, as clients do.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mainspring.domain.envelope import Envelope
from mainspring.domain.execution.events import StepSucceeded
from mainspring.domain.execution.history import event_of
from mainspring.store.postgres import PostgresStore
from mainspring.testing import history, peer
from mainspring.testing.stack import Platform, Process, platform

RATE = 50
BEFORE_S = 1.0
BETWEEN_S = 2.0
PATIENCE_S = 90.0
ENDS = {"SUCCEEDED", "FAILED"}


def respond(call: peer.Call) -> peer.Reply:
    if call.path.startswith("/refuse"):
        return peer.Reply(500)
    return peer.Reply(200, call.body or b"{}", delay=0.005)


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Platform, peer.Peer]]:
    with platform() as whole, peer.serve(respond) as other:
        yield whole, other


def task(id: str, url: str, *, undo: str = "", then: str = "") -> dict[str, Any]:
    node: dict[str, Any] = {
        "kind": "task",
        "id": id,
        "action": {"mode": "sync", "request": {"url": url, "verb": "POST", "body": {"at": id}}},
    }
    node |= {"compensation": {"url": undo, "verb": "POST"}} if undo else {}
    return node | ({"next": then} if then else {})


def saga(url: str, n: int) -> tuple[dict[str, Any], str]:
    """Return a definition and the status in which its run must end."""
    kinds = {
        0: ([task("only", f"{url}/one")], "SUCCEEDED"),
        1: (
            [
                task("first", f"{url}/one", undo=f"{url}/undo", then="second"),
                task("second", f"{url}/two", undo=f"{url}/undo", then="third"),
                task("third", f"{url}/three"),
            ],
            "SUCCEEDED",
        ),
        2: (
            [
                task("first", f"{url}/one", undo=f"{url}/undo", then="second"),
                task("second", f"{url}/refuse"),
            ],
            "FAILED",
        ),
        3: (
            [
                {"kind": "sleep", "id": "nap", "durationMillis": 300, "next": "only"},
                task("only", f"{url}/one"),
            ],
            "SUCCEEDED",
        ),
    }
    nodes, end = kinds[n % len(kinds)]
    definition = {
        "name": f"chaos-{n % len(kinds)}",
        "version": "v1",
        "failureHandling": {"type": "retry", "maxAttempts": 1, "delayMillis": 50},
        "entrypoint": nodes[0]["id"],
        "nodes": nodes,
    }
    return definition, end


class Load:
    """Starts sagas at a rate, and remembers what each was answered and must come to."""

    def __init__(self, api: str, url: str) -> None:
        self.expected: dict[str, str] = {}
        self.stopping = asyncio.Event()
        self._url = url
        self._client = httpx.AsyncClient(base_url=api, timeout=10)

    async def run(self) -> None:
        async with self._client, asyncio.TaskGroup() as group:
            n = 0
            while not self.stopping.is_set():
                group.create_task(self._start(n))
                n += 1
                await _pause(self.stopping, 1 / RATE)

    async def _start(self, n: int) -> None:
        definition, end = saga(self._url, n)
        body = {"definition": definition, "payload": {"n": n}}
        while True:
            try:
                answer = await self._client.post(
                    "/sagas/run", json=body, headers={"Idempotency-Key": f"chaos-{n}"}
                )
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 202:
                id = answer.json()["id"]
                assert id not in self.expected, "one run answered two keys"
                self.expected[id] = end
                return
            if answer is not None:
                assert answer.status_code in (409, 503), answer.text
            await _pause(self.stopping, 0.2, hold=True)


async def _pause(event: asyncio.Event, seconds: float, *, hold: bool = False) -> None:
    """Wait for seconds of real time, or until the event (unless told to `hold`)."""
    waiting = asyncio.Event() if hold else event
    try:
        async with asyncio.timeout(seconds):
            await waiting.wait()
    except TimeoutError:
        return


async def kill_and_start(process: Process) -> None:
    process.kill()
    process.start()
    await asyncio.to_thread(process.wait_ready)


async def faults(whole: Platform) -> None:
    """Each fault in turn, with load before and after."""
    never = asyncio.Event()
    await _pause(never, BEFORE_S)
    for name in ("executor", "scheduler", "api", "events"):
        await kill_and_start(whole.services[name][0])
        await _pause(never, BETWEEN_S)
    whole.nats.kill()
    shutil.rmtree(whole.nats.folder)
    await asyncio.to_thread(whole.nats.start)
    await _pause(never, BETWEEN_S)
    whole.postgres.kill()
    await asyncio.to_thread(whole.postgres.start)
    await _pause(never, BETWEEN_S)


async def settled(store: PostgresStore, whole: Platform) -> None:
    """Return when nothing is left to do, or fail with what is and what the services said last."""
    never = asyncio.Event()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    while left := await store.views.executions(
        "default", status=["pending", "running", "unwinding"], limit=500
    ):
        if loop.time() > deadline:
            said = "\n".join(process.last_words for process in whole.processes)
            pytest.fail(f"{len(left)} runs are stuck, such as {left[0]}\n{said}")
        await _pause(never, 0.25)


async def whole_log(store: PostgresStore) -> list[Envelope]:
    log: list[Envelope] = []
    while page := await store.log.read_all(after=log[-1].position if log else 0, limit=5000):
        log += page
    return log


async def test_under_faults_every_saga_ends_once_and_as_it_must(
    world: tuple[Platform, peer.Peer],
) -> None:
    whole, other = world
    load = Load(whole.api, other.url)
    running = asyncio.create_task(load.run())
    await faults(whole)
    load.stopping.set()
    await running
    store = await PostgresStore.open(whole.postgres.dsn)
    try:
        await settled(store, whole)
        log = await whole_log(store)
        async with httpx.AsyncClient(base_url=whole.api, timeout=30) as client:
            for id, end in load.expected.items():
                answer = await client.get(f"/sagas/{id}")
                assert answer.json()["status"] == end, answer.text
    finally:
        await store.close()
    assert len(load.expected) > 300
    assert not history.check(log)
    begun = {e.stream.id for e in log if e.type == "ExecutionRequested"}
    assert begun == set(load.expected), "an accepted run is missing, or one has begun unasked"
    ends = Counter(e.stream.id for e in log if e.type in ("ExecutionSucceeded", "ExecutionFailed"))
    assert set(ends) == begun
    assert set(ends.values()) == {1}
    asked = {call.key for call in other.calls}
    done = {
        f"{e.stream.id}:up:{ref}:1" for e in log if e.type == "StepSucceeded" if (ref := _task(e))
    }
    assert done <= asked, "a step was recorded as done that its peer never saw"


def _task(envelope: Envelope) -> str | None:
    """Return the task that an event completed, in the forward direction."""
    event = event_of(envelope)
    is_task = isinstance(event, StepSucceeded) and event.phase == "up" and event.exchange
    return event.ref if isinstance(event, StepSucceeded) and is_task else None
