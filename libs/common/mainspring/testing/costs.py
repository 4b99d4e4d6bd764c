"""What a run costs, counted and not timed: statements, messages, bytes and calls of functions.

All services live in one process, built as in production, each with a store and a bus of its own on
real servers; runs are made one at a time.  A count is the same on a loaded machine and on a quiet
one, so a statement that is added to a step shows at the first run, and not as a slower median.

Calls of functions, Python's and C's, stand for the work of the processor and of the allocator.
Blocks lost: the interpreter counts only those that are alive, so what a step allocates and frees
is zero there, and tracemalloc too forgets what is freed.  Calls repeat within one per cent.

What comes by the clock and not by runs is left out: greetings of schedulers, and acknowledgements
that a stream is asked for every 100 ms.  Who works is known by a context variable, which asyncio
hands on to tasks, timers and transports.
"""

import asyncio
import math
import re
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from types import FrameType
from typing import Any, Final, cast
from unittest.mock import patch

import asyncpg
import httpx
import msgspec
from nats.aio.client import Client
from nats.js import JetStreamContext
from starlette.types import ASGIApp, Receive, Scope, Send

from mainspring.bus import jetstream, link
from mainspring.bus.jetstream import JetStreamBus
from mainspring.bus.wire import Said, Wire
from mainspring.domain.envelope import Envelope
from mainspring.http.health import Health
from mainspring.ports import Append, Appended, Clock, EventLog, Refused
from mainspring.runtime.clock import SystemClock
from mainspring.runtime.config import CallbackKey, Config
from mainspring.runtime.service import Component, Service
from mainspring.runtime.world import World
from mainspring.store import postgres
from mainspring.store.connection import Connection, patiently, prepare
from mainspring.store.postgres import PostgresStore
from mainspring.testing.patience import moment, until

Build = Callable[[World], Awaitable[Service]]
Costs = Counter[str]

CALM: Final = 15
"""Looks at the counters, a millisecond apart, after which nothing more is believed to come."""

STUCK_S: Final = 2.0
HEALED_S: Final = 30.0

ENDS: Final = frozenset(
    {"ExecutionSucceeded", "ExecutionFailed", "ExecutionCorrupted", "ExecutionCanceled"}
)
FLUSH_S: Final = 5.0
# Without a table a server process believes that it has nothing to tell.
_FLUSH: Final = "select pg_stat_force_next_flush() from pg_class limit 1"
_WRITES: Final = re.compile(r"^\s*(insert|update|delete)\b", re.MULTILINE)
_SERVICE: ContextVar[str] = ContextVar("service", default="")


class Counts:
    """Everything that has been counted so far, by a name for each kind."""

    def __init__(self) -> None:
        self.seen: Costs = Counter()
        self.connections: list[Connection] = []
        self.stores: list[PostgresStore] = []
        self.ended: set[str] = set()
        self.uncounted = asyncio.Event()
        self.uncounted.set()

    def now(self) -> Costs:
        """Return the counts as they are, appends by their commits among them."""
        appends = sum(store.log.commits.batches for store in self.stores)
        return Counter(self.seen) + Counter({"appends": appends})

    def note_statement(self, query: str) -> None:
        """Count a statement of a pool; appends are prepared, and counted where they share."""
        self.seen["other writes" if _WRITES.search(query) else "reads"] += 1

    def note_append(self, appends: Sequence[Append], outcomes: Sequence[object]) -> None:
        """Count what was written, and remember which runs it ended."""
        for append, outcome in zip(appends, outcomes, strict=True):
            if isinstance(outcome, Appended):
                self.seen["events"] += len(append.events)
                self.seen["bytes"] += sum(map(_size, append.events))
                self.seen["rows"] += len(append.changes)
                self.ended |= _ended(append.events)

    def note_call(self, frame: FrameType, event: str, _: object) -> None:
        """Count a call for the service whose task it is; what counts is not counted."""
        service = _SERVICE.get()
        is_call = service and event in ("call", "c_call")
        if is_call and frame.f_code.co_filename != __file__:
            self.seen[f"calls in the {service}"] += 1


def _size(event: Envelope) -> int:
    return len(event.body) + len(msgspec.json.encode(event.meta))


def _ended(events: Sequence[Envelope]) -> set[str]:
    return {event.stream.id for event in events if event.type in ENDS}


def said(message: Said) -> str:
    """Return under which name a message to the broker is counted."""
    for root, name in (("$JS.ACK.", "acks"), ("$JS.API.CONSUMER.MSG.NEXT.", "pulls")):
        if message.subject.startswith(root):
            return name
    return f"published {_root(message.subject)}"


def _root(subject: str) -> str:
    """Return the first token; greetings come by the clock and have a name apart."""
    is_greeting = subject.startswith("control.scheduler.")
    return "by the clock" if is_greeting else subject.partition(".")[0]


class StillClock(SystemClock):
    """Time that wakes nobody while a run is counted.

    Else what ticks four times a second would be counted on a slow machine, and not on a fast one.
    """

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if seconds > 0:
            await self._counts.uncounted.wait()


class CountedLog:
    """A log whose appends are counted; all else is the log's own."""

    def __init__(self, log: EventLog, counts: Counts) -> None:
        self._log = log
        self._counts = counts

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the log has
        return getattr(self._log, name)

    async def append(self, batch: Sequence[Append]) -> list[Appended | Refused]:
        outcomes = await self._log.append(batch)
        self._counts.note_append(batch, outcomes)
        return outcomes


@contextmanager
def counted(counts: Counts) -> Generator[None]:
    """Count at every connection to the servers that is made within."""

    class CountedWire(Wire):
        def _framed(self, message: Said) -> bytes:
            counts.seen[said(message)] += 1
            return super()._framed(message)

        async def _process_msg(
            self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
        ) -> None:
            counts.seen[f"delivered {_root(subject.decode())}"] += 1
            await super()._process_msg(sid, subject, reply, data, headers)

    def note(record: Any) -> None:  # noqa: ANN401 - the driver does not type it
        counts.note_statement(record.query)

    async def prepared(connection: Connection) -> None:
        await prepare(connection)
        connection.add_query_logger(note)
        counts.connections.append(connection)

    with (
        patch.object(link, "Wire", CountedWire),
        patch.object(postgres, "prepare", prepared),
        # A slow machine would be asked more often in a run than a fast one.
        patch.object(jetstream, "ASK_EVERY_S", math.inf),
    ):
        yield


class Bench:
    """The four services in this process, and a client of the api's."""

    def __init__(self, counts: Counts, client: httpx.AsyncClient) -> None:
        self.counts = counts
        self._client = client

    async def post(self, path: str, body: object) -> dict[str, Any]:
        """Return the answer to a request; raise RuntimeError when it was refused."""
        answer = await self._client.post(path, json=body)
        if answer.status_code not in (200, 201, 202):
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
        return answer.json()

    async def cost(self, start: Callable[[], Awaitable[str]], *, calls: bool = False) -> Costs:
        """Return what one run costs, from its request until nothing moves any more."""
        await self.calm()
        self.counts.uncounted.clear()
        before = self.counts.now()
        sys.setprofile(self.counts.note_call if calls else None)
        try:
            run = await start()
            await self._ended(run)
            await self.calm()
        finally:
            sys.setprofile(None)
            self.counts.uncounted.set()
        after = self.counts.now()
        return Counter({name: after[name] - before[name] for name in after})

    async def _ended(self, run: str) -> None:
        """Return when a run has ended; one that needs a sweep for that gets it, and costs more."""
        try:
            await until(lambda: run in self.counts.ended, patience=STUCK_S)
        except TimeoutError:
            self.counts.uncounted.set()
            await until(lambda: run in self.counts.ended, patience=HEALED_S)

    async def calm(self) -> None:
        """Return when nothing has been counted for a while, but for what comes by the clock."""
        seen, looks = self._beside_the_clock(), 0
        while looks < CALM:
            await moment(0.001)
            now = self._beside_the_clock()
            seen, looks = now, looks + 1 if now == seen else 0

    def _beside_the_clock(self) -> Mapping[str, int]:
        aside = ("by the clock", "calls in")
        return {k: v for k, v in self.counts.now().items() if not any(a in k for a in aside)}


def _counted_app(app: ASGIApp) -> ASGIApp:
    """Return the api as the client reaches it: what the client itself calls is no cost of ours."""

    async def counted_app(scope: Scope, receive: Receive, send: Send) -> None:
        before = _SERVICE.set("api")
        try:
            await app(scope, receive, send)
        finally:
            _SERVICE.reset(before)

    return counted_app


@asynccontextmanager
async def bench(
    counts: Counts, builds: Mapping[str, Build], database_url: str, nats_url: str
) -> AsyncGenerator[Bench]:
    """Run the services on real servers, and stop them; `builds` has each one's build by name."""
    with counted(counts):
        lives = {
            name: await Life.begin(name, build, counts, database_url, nats_url)
            for name, build in builds.items()
        }
        app = _counted_app(cast("ASGIApp", lives["api"].service.app))
        transport = httpx.ASGITransport(cast("Any", app))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://costs") as client:
                yield Bench(counts, client)
        finally:
            for life in lives.values():
                await life.end()


class Life:
    """One service, from its build to the end of its drain."""

    def __init__(self, store: PostgresStore, bus: JetStreamBus, service: Service) -> None:
        self.service = service
        self._store = store
        self._bus = bus
        self._tasks = [asyncio.ensure_future(part.run()) for part in service.components]

    @classmethod
    async def begin(
        cls, name: str, build: Build, counts: Counts, database_url: str, nats_url: str
    ) -> "Life":
        """Return a service that works; all that it begins is known for its own."""
        context = copy_context()
        context.run(_SERVICE.set, name)

        async def born() -> "Life":
            store = await PostgresStore.open(database_url, application_name=name)
            counts.stores.append(store)
            bus = await JetStreamBus.connect(nats_url, name=name)
            log = cast("EventLog", CountedLog(store.log, counts))
            service = await build(_world(name, store, log, bus, StillClock(counts)))
            for component in service.components:
                await component.start()
            return cls(store, bus, service)

        return await asyncio.get_running_loop().create_task(born(), context=context)

    async def end(self) -> None:
        """Drain, and let go of the servers."""
        parts: Sequence[Component] = self.service.components
        await asyncio.gather(*(part.drain() for part in parts))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._bus.close()
        await self._store.close()


def _world(
    name: str, store: PostgresStore, log: EventLog, bus: JetStreamBus, clock: Clock
) -> World:
    return World(
        config=Config(
            service=name,
            database_url="",
            nats_url="",
            callback_keys=(CallbackKey("costs", b"a key of the counts of 32 bytes."),),
            allow_private_egress=True,
            drain_seconds=1.0,
        ),
        log=log,
        views=store.views,
        blobs=store.blobs,
        snapshots=store.snapshots,
        bus=bus,
        health=Health(clock),
        draining=asyncio.Event(),
        clock=clock,
    )


async def said_by_postgres(counts: Counts, database_url: str) -> Costs:
    """Return how many transactions the server has seen in a database, and how many of them wrote.

    Each connection is told to send its figures, which is one more transaction and one more read.
    """
    for connection in counts.connections:
        # A sweep may be using it just now.
        await patiently(partial(connection.execute, _FLUSH), patience=FLUSH_S)
    base, _, name = database_url.partition("?")[0].rpartition("/")
    admin = await asyncpg.connect(f"{base}/postgres")
    try:
        row = await admin.fetchrow(
            "select xact_commit, pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
            " from pg_stat_database where datname = $1",
            name,
        )
    finally:
        await admin.close()
    if row is None:
        raise LookupError(f"there is no database {name}")
    return Counter({"transactions": row[0], "transactions that wrote": row[1]})


async def said_by_nats(url: str) -> Costs:
    """Return what the server has stored, delivered and got an answer to, by subject root."""
    client = Client()
    await client.connect(url)
    said: Costs = Counter()
    try:
        streams = JetStreamContext(client)
        for stream in await streams.streams_info():
            name = stream.config.name or ""
            said[f"published {name.lower()}"] = stream.state.last_seq
            for consumer in await streams.consumers_info(name):
                if consumer.delivered is not None and consumer.ack_floor is not None:
                    said[f"delivered {name.lower()}"] += consumer.delivered.consumer_seq
                    said["acks"] += consumer.ack_floor.consumer_seq
    finally:
        await client.close()
    return said
