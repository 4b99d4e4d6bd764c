"""What a run may cost, in counts: one table, and the servers' own word that the counts are true.

A change that adds a statement, a commit or a message to a step fails here with the figure, whatever
the machine does meanwhile.  Each run is made three times, one at a time, and the smallest count is
taken, because a greeting or a fetch that ends empty may fall into one of them.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import uvloop

import mainspring_api.app
import mainspring_events.app
import mainspring_executor.build
import mainspring_scheduler.app
from mainspring.runtime.servers import NatsServer, PostgresServer
from mainspring.testing import cluster
from mainspring.testing.costs import (
    Bench,
    Build,
    Costs,
    Counts,
    bench,
    said_by_nats,
    said_by_postgres,
)
from mainspring.testing.patience import until
from mainspring.testing.wire import Visit, raw_peer

BUILDS: Final[Mapping[str, Build]] = {
    "api": mainspring_api.app.build,
    "events": mainspring_events.app.build,
    "scheduler": mainspring_scheduler.app.build,
    "executor": mainspring_executor.build.build,
}
MORE: Final = 10
TRIES: Final = 3
DATABASE: Final = "costs"
PAGE: Final = Path(__file__).parents[2] / "docs" / "costs.md"
Json = dict[str, Any]
Start = Callable[[], Awaitable[str]]
Chain = Callable[[Bench, str, int], Awaitable[Start]]


class Pair(NamedTuple):
    """A count of a run of one step, and of each step more."""

    one: float
    more: float

    def __str__(self) -> str:
        return f"{self.one:g} + {self.more:g}"


class Limit(NamedTuple):
    """What a figure is made of, and the most that it may be for each kind of run."""

    why: str
    saga: Pair
    native: Pair
    flow: Pair


def _all(one: float, more: float) -> tuple[Pair, Pair, Pair]:
    pair = Pair(one, more)
    return pair, pair, pair


LIMITS: Final[Mapping[str, Limit]] = {
    "appends": Limit(
        "commits: the request, what follows from it, and each step's report with what follows",
        *_all(3, 1),
    ),
    "other writes": Limit(
        "cursors, snapshots and large values: a small run needs none", *_all(0, 0)
    ),
    "reads": Limit(
        "what the api looks up before it begins a run; the scheduler hears how it began",
        saga=Pair(0, 0),
        native=Pair(2, 0),
        flow=Pair(1, 0),
    ),
    "events": Limit(
        "requested, started and ended; scheduled, started and succeeded for each step",
        *_all(6, 3),
    ),
    "rows": Limit(
        "rows of views: the run's with each append, the step's, the attempt's", *_all(8, 5)
    ),
    "bytes": Limit(
        "bodies and metadata of the events",
        saga=Pair(1740, 900),
        native=Pair(1770, 875),
        flow=Pair(1690, 785),
    ),
    "published events": Limit("a notice for each append", *_all(3, 1)),
    "published tasks": Limit("one for each attempt", *_all(1, 1)),
    "published results": Limit("one report for each attempt that is over soon", *_all(1, 1)),
    "delivered events": Limit(
        "the request alone: the scheduler does not hear of what it decided itself", *_all(1, 0)
    ),
    "delivered tasks": Limit("each once", *_all(1, 1)),
    "delivered results": Limit("each once", *_all(1, 1)),
    "acks": Limit("one for each delivery from a queue, none for more time", *_all(3, 2)),
    "pulls": Limit(
        "one in about a hundred deliveries: readers ask for many messages at once", *_all(0, 0)
    ),
    "requests": Limit(
        "one call of the peer for each HTTP step",
        saga=Pair(1, 1),
        native=Pair(1, 1),
        flow=Pair(0, 0),
    ),
    "connections": Limit("the one to the peer is kept", *_all(0, 0)),
    "calls in the api": Limit(
        "functions called to take a request and begin a run",
        saga=Pair(746, 10),
        native=Pair(1501, 10),
        flow=Pair(1176, 10),
    ),
    "calls in the scheduler": Limit(
        "functions called to read reports, decide, append and publish",
        saga=Pair(1925, 1105),
        native=Pair(2000, 1705),
        flow=Pair(2015, 1720),
    ),
    "calls in the executor": Limit(
        "functions called to read a task, do it and report",
        saga=Pair(394, 384),
        native=Pair(394, 384),
        flow=Pair(400, 392),
    ),
    "calls in the events": Limit("nobody watches: what the clock calls for", *_all(60, 10)),
}

BY_THE_CLOCK: Final = frozenset({"published by the clock", "delivered by the clock"})
"""Greetings of schedulers: no run makes more of them."""


class Measured(NamedTuple):
    """The smallest counts by kind of run, and what was counted beside what the servers say."""

    costs: Mapping[str, tuple[Costs, Costs]]
    counted: list[Costs]
    said: list[Costs]

    def pair(self, kind: str, name: str) -> Pair:
        """Return a count of a run of one step, and of each step more."""
        one, many = self.costs[kind]
        return Pair(one[name], (many[name] - one[name]) / MORE)


@pytest.fixture(scope="module")
def measured(
    postgres_server: PostgresServer, migrated_template: str, nats_server: NatsServer
) -> Measured:
    """All that this file judges, measured on the loop that services have in production."""
    make, drop = cluster.create_database, cluster.drop_database
    url = cluster.run_apart(lambda: make(postgres_server, DATABASE, migrated_template))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_measure(url, nats_server.url))
    finally:
        cluster.run_apart(lambda: cluster.remove_streams(nats_server.url))
        cluster.run_apart(lambda: drop(postgres_server, DATABASE))


async def _measure(database_url: str, nats_url: str) -> Measured:
    counts = Counts()
    async with (
        _peer(counts.seen) as peer,
        bench(counts, BUILDS, database_url, nats_url) as services,
    ):
        costs: dict[str, tuple[Costs, Costs]] = {}
        for kind, chain in CHAINS.items():
            one, many = [await chain(services, peer, steps) for steps in (1, 1 + MORE)]
            costs[kind] = await _least(services, one), await _least(services, many)
        saga = await _saga(services, peer, 1 + MORE)
        return Measured(costs, *await _compared(services, saga, database_url, nats_url))


async def _least(services: Bench, start: Start) -> Costs:
    """Return the smallest counts; calls are counted apart, since counting them takes time."""
    await services.cost(start)
    found = [await services.cost(start) for _ in range(TRIES)]
    calls = [await services.cost(start, calls=True) for _ in range(TRIES)]
    of_calls = {name for costs in calls for name in costs if name.startswith("calls")}
    of_others = {name for costs in found for name in costs} - of_calls
    least = {name: min(costs[name] for costs in found) for name in of_others}
    return Counter(least | {name: min(costs[name] for costs in calls) for name in of_calls})


async def _compared(
    services: Bench, start: Start, database_url: str, nats_url: str
) -> tuple[list[Costs], list[Costs]]:
    """Return what was counted of some runs, and what the servers say of the same."""
    counted: list[Costs] = []
    said: list[Costs] = []
    for _ in range(TRIES):
        before = await said_by_postgres(services.counts, database_url)
        before += await said_by_nats(nats_url)
        since = services.counts.now()
        await services.cost(start)
        await services.calm()  # what sleeps is woken when a run has been counted
        now = services.counts.now()
        counted.append(Counter({name: now[name] - since[name] for name in now}))
        after = await said_by_postgres(services.counts, database_url)
        after += await said_by_nats(nats_url)
        after["transactions"] -= len(services.counts.connections)
        said.append(after - before)
    return counted, said


async def _saga(services: Bench, peer: str, steps: int) -> Start:
    """A chain of synchronous calls along `next`."""
    nodes: list[Json] = []
    for n in range(steps):
        action = {"mode": "sync", "request": {"url": peer, "verb": "POST"}}
        node = {"kind": "task", "id": f"n{n}", "action": action}
        nodes.append(node | ({"next": f"n{n + 1}"} if n + 1 < steps else {}))
    retry = {"type": "retry", "maxAttempts": 1, "delayMillis": 200}
    shape = {"name": f"saga-{steps}", "version": "v1", "failureHandling": retry}
    definition = shape | {"entrypoint": "n0", "nodes": nodes}

    async def start() -> str:
        body = {"definition": definition, "payload": {"orderId": "123"}}
        return (await services.post("/sagas/run", body))["id"]

    return start


async def _native(services: Bench, peer: str, steps: int) -> Start:
    """A chain of calls that each need the one before."""
    listed: list[Json] = [
        {"step_ref": f"s{n}", "step_type": "http", "request": {"url": peer}}
        | ({"depends_on": [f"s{n - 1}"]} if n else {})
        for n in range(steps)
    ]
    slug = f"native-{steps}"
    await services.post("/v1/workflows", {"name": slug, "slug": slug, "steps": listed})

    async def start() -> str:
        body = {"payload": {"orderId": "123"}}
        return (await services.post(f"/v1/workflows/{slug}/trigger", body))["id"]

    return start


async def _flow(services: Bench, _: str, steps: int) -> Start:
    """Tasks of a plugin, one after the other, each with a template of what was given."""
    properties = {"values": {"order": "{{ inputs.order }}"}}
    tasks = [{"name": f"t{n}", "type": "core.set", "properties": properties} for n in range(steps)]
    inputs = [{"name": "order", "type": "STRING"}]
    text = json.dumps({"name": f"flow-{steps}", "inputs": inputs, "tasks": tasks})
    stored = await services.post("/api/v1/flows", {"name": f"flow-{steps}", "yamlContent": text})

    async def start() -> str:
        body = {"inputs": {"order": "123"}}
        return (await services.post(f"/api/v1/flows/{stored['id']}/execute", body))["executionId"]

    return start


CHAINS: Final[Mapping[str, Chain]] = {"saga": _saga, "native": _native, "flow": _flow}


@asynccontextmanager
async def _peer(counts: Costs) -> AsyncGenerator[str]:
    """Yield the URL of a peer that answers at once, and counts what it is asked."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    visits: set[Visit] = set()

    async def script(visit: Visit) -> None:
        visits.add(visit)
        counts["connections"] += 1
        while await visit.request():
            counts["requests"] += 1
            await visit.say(answer)
        visits.discard(visit)

    async with raw_peer(script) as peer:
        yield peer.url()
        await until(lambda: not visits)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("kind", CHAINS)
def test_a_run_costs_no_more_than_the_table_says(measured: Measured, kind: str, name: str) -> None:
    found = measured.pair(kind, name)
    limit: Pair = getattr(LIMITS[name], kind)
    over = [part for part in Pair._fields if getattr(found, part) > getattr(limit, part)]
    assert not over, _told(kind, name, found, limit)


def _told(kind: str, name: str, found: Pair, limit: Pair) -> str:
    return (
        f"{name} of a {kind}: {found.one:g} for a run of one step and {found.more:g} for each more;"
        f" allowed are {limit.one:g} and {limit.more:g} ({LIMITS[name].why}). Find what was added;"
        " or say in the commit why it is worth that, and write the new figure into LIMITS."
    )


def test_nothing_is_counted_that_the_table_does_not_limit(measured: Measured) -> None:
    counted = {name for pair in measured.costs.values() for costs in pair for name in +costs}
    assert counted - BY_THE_CLOCK <= LIMITS.keys()


def test_postgres_has_made_as_many_transactions_as_were_counted(measured: Measured) -> None:
    pairs = list(zip(measured.counted, measured.said, strict=True))
    writes = ("appends", "other writes")
    assert any(
        sum(counted[name] for name in writes) == said["transactions that wrote"]
        and sum(counted[name] for name in (*writes, "reads")) == said["transactions"]
        for counted, said in pairs
    ), pairs


def test_nats_has_taken_and_delivered_as_many_messages_as_were_counted(measured: Measured) -> None:
    pairs = list(zip(measured.counted, measured.said, strict=True))
    roots = ("events", "tasks", "results")
    names = ["acks", *(f"{done} {root}" for done in ("published", "delivered") for root in roots)]
    assert any(all(counted[n] == said[n] for n in names) for counted, said in pairs), pairs


def test_the_page_on_costs_shows_the_figures_of_the_table() -> None:
    wanted = [
        f"| {name} | {limit.saga} | {limit.native} | {limit.flow} | {limit.why} |"
        for name, limit in LIMITS.items()
    ]
    shown = PAGE.read_text("utf-8").splitlines()
    assert [line for line in shown if line in wanted] == wanted, "\n".join(wanted)
