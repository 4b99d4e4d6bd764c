"""What one-step sagas cost the log, through the store's own statement and group commit.

A one-step saga is three appends: (request, row, audit), (2 events, row, step), (3 events, row,
step, attempt).  Printed for several numbers of sagas at once: sagas and events a second, and the
CPU that client and server spent on each event.  Run: `python -m benchmarks.raw_append [seconds]`.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from pathlib import Path

import uvloop

from mainspring.domain.envelope import EMPTY, Head, Meta, StreamId, head_of, seal
from mainspring.domain.execution.events import (
    ExecutionRequested,
    ExecutionStarted,
    ExecutionSucceeded,
    StepScheduled,
    StepStarted,
    StepSucceeded,
)
from mainspring.domain.message import Message
from mainspring.domain.rows import AttemptRow, AuditRow, Change, ExecutionRow, StepRow
from mainspring.domain.task import Exchange
from mainspring.ports import Append, Appended
from mainspring.runtime.clock import SystemIds
from mainspring.runtime.servers import PostgresServer
from mainspring.store.migrate import migrate
from mainspring.store.postgres import PostgresStore

CROWDS = (1, 16, 64, 256)
DEFINITION = "d" * 64
PAYLOAD = {"orderId": "o-1234567", "amount": 1999, "currency": "EUR", "items": ["a", "b", "c"]}
BODY = {"ok": True, "echo": PAYLOAD}
TICK = os.sysconf("SC_CLK_TCK")
ids = SystemIds()


def row(stream: StreamId, version: int, now: float, **fields: object) -> ExecutionRow:
    plain: dict[str, object] = {
        "id": stream.id,
        "project": "default",
        "partition": 3,
        "definition": DEFINITION,
        "dialect": "sagas",
        "name": "order",
        "version": "1.0.0",
        "status": "running",
        "stream_version": version,
        "handled_version": version,
        "created_at": now,
        "updated_at": now,
        "created_by": "anonymous",
    }
    return ExecutionRow(**(plain | fields))  # type: ignore[arg-type]


def step(stream: StreamId, now: float, status: str, output: int | None = None) -> StepRow:
    return StepRow(stream.id, "charge", "up", 1, 1, "task", status, 1, now, output_version=output)


class Saga:
    """One run: seals what the three appends carry, one behind the other."""

    def __init__(self) -> None:
        self.stream = StreamId("execution", ids.uuid7())
        self.head: Head = EMPTY

    def next(self, events: Iterable[Message], *rows: Change, meta: Meta | None = None) -> Append:
        expected = self.head
        sealed = seal(
            self.stream,
            expected,
            list(events),
            meta=meta or Meta(),
            project="default",
            now=time.time(),
        )
        self.head = head_of(sealed[-1])
        return Append(self.stream, expected, sealed, rows)

    def appends(self) -> Iterable[Append]:
        now, me = time.time(), self.stream
        asked = ExecutionRequested(
            definition=DEFINITION,
            name="order",
            version="1.0.0",
            dialect="sagas",
            payload=PAYLOAD,
            at=now,
        )
        behind = row(
            me, 1, now, status="pending", handled_version=0, waiting_for="decision", wake_at=now
        )
        audit = AuditRow(*me, 1, "default", "anonymous", "ExecutionRequested", now, "r-1")
        meta = Meta(actor="anonymous", request_id="r-1")
        yield self.next([asked], behind, audit, meta=meta)
        yield self.next(
            [ExecutionStarted(at=now), StepScheduled(ref="charge", at=now)],
            row(me, 3, now, current=("charge",), waiting_for="task", wake_at=now + 30),
            step(me, now, "scheduled"),
        )
        exchange = Exchange(
            verb="POST",
            url="http://127.0.0.1:9000/charge",
            started_at=now,
            latency=0.004,
            status=200,
            body=BODY,
        )
        yield self.next(
            [
                StepStarted(ref="charge", attempt=1, at=now),
                StepSucceeded(ref="charge", output=BODY, exchange=exchange, at=now),
                ExecutionSucceeded(at=now),
            ],
            row(me, 6, now, status="succeeded", finished_at=now, output_version=5),
            step(me, now, "succeeded", 5),
            AttemptRow(me.id, "charge", "up", 1, 1, 5, True, now, 0.004, 200),
        )


async def run_for(seconds: float, crowd: int, work: Callable[[], Awaitable[None]]) -> int:
    """Do `work` again and again, `crowd` at once; return how often it was done."""
    deadline, done = time.monotonic() + seconds, count()

    async def one() -> None:
        while time.monotonic() < deadline:
            await work()
            next(done)

    await asyncio.gather(*(one() for _ in range(crowd)))
    return next(done)


async def measure_at(
    store: PostgresStore, server: PostgresServer, crowd: int, seconds: float
) -> dict[str, float]:
    """Append sagas, `crowd` at once; return what was reached and what it cost."""

    async def saga() -> None:
        for append in Saga().appends():
            (answer,) = await store.log.append([append])
            assert isinstance(answer, Appended)

    await run_for(seconds / 2, crowd, saga)  # warm: plans, caches, the first pages
    before = spent(server), store.log.commits.batches, store.log.commits.streams
    started = time.monotonic()
    events = 6 * await run_for(seconds, crowd, saga)
    took = time.monotonic() - started
    client, backend = (b - a for a, b in zip(before[0], spent(server), strict=True))
    batches = store.log.commits.batches - before[1]
    return {
        "per_s": events / took,
        "streams_per_batch": (store.log.commits.streams - before[2]) / batches,
        "cpu_us": 1e6 * (client + backend) / events,
        "cpu_us_client": 1e6 * client / events,
        "cpu_us_postgres": 1e6 * backend / events,
    }


async def measure(seconds: float = 3.0, crowd: int = 64) -> dict[str, float]:
    """(f) on a server of its own with default durability."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("MAINSPRING_BENCH_DIR")) as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "postgres")
        server.start()
        try:
            await migrate(server.dsn)
            store = await PostgresStore.open(server.dsn)
            try:
                return await measure_at(store, server, crowd, seconds)
            finally:
                await store.close()
        finally:
            server.stop()


def spent(server: PostgresServer) -> tuple[float, float]:
    """Return the CPU seconds of this process, and of the server with its children."""
    pids = list(map(int, filter(str.isdigit, os.listdir("/proc"))))
    tree = {server.pid}
    stats = {pid: cells for pid in pids if (cells := _stat(pid))}
    for pid in sorted(stats):
        if int(stats[pid][1]) in tree:
            tree.add(pid)
    # utime and stime of the living, and cutime and cstime of those that the postmaster buried.
    own = sum(int(stats[pid][11]) + int(stats[pid][12]) for pid in tree if pid in stats)
    buried = sum(map(int, stats[server.pid or 0][13:15]))
    return time.process_time(), (own + buried) / TICK


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


async def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    print("| sagas at once | events/s | streams/batch | client us/event | server us/event |")
    print("|---|---|---|---|---|")
    for crowd in CROWDS:
        f = await measure(seconds, crowd)
        print(
            f"| {crowd} | {f['per_s']:,.0f} | {f['streams_per_batch']:.1f}"
            f" | {f['cpu_us_client']:.1f} | {f['cpu_us_postgres']:.1f} |"
        )


if __name__ == "__main__":
    uvloop.run(main())
