"""Print messages per second and processor time per message of the bus over a local NATS.

    .venv/bin/python -m benchmarks.bus

The server runs on the same cores, with a file store.  Its share is measured from /proc.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from mainspring.bus import subjects
from mainspring.bus.jetstream import JetStreamBus
from mainspring.ports import Consumer, Outgoing
from mainspring.testing.cluster import throwaway_nats

COUNT = 40_000
PAYLOAD = b"x" * 331


def server_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def row(name: str, pid: int, work: Callable[[], Awaitable[int]]) -> None:
    wall, ours, theirs = time.perf_counter(), time.process_time(), server_seconds(pid)
    count = await work()
    wall = time.perf_counter() - wall
    ours, theirs = time.process_time() - ours, server_seconds(pid) - theirs
    us = 1e6 / count
    print(f"| {name:36} | {count / wall:9,.0f} | {ours * us:6.1f} | {theirs * us:6.1f} |")


async def publish(bus: JetStreamBus, batch: int, *, with_id: bool) -> int:
    """Return when all are stored: a request on the same connection is answered after them."""
    run = time.monotonic_ns()
    for start in range(0, COUNT, batch):
        numbers = range(start, min(start + batch, COUNT))
        await bus.publish(
            [Outgoing("tasks.http", PAYLOAD, id=f"{run}:{n}" if with_id else "") for n in numbers]
        )
        await asyncio.sleep(0)
    await bus.ensure()
    return COUNT


async def drain(reader: Consumer, limit: int) -> int:
    count = 0
    while batch := await reader.fetch(limit, timeout=1 if count else 5):
        count += len(batch)
        for delivery in batch:
            delivery.ack()
        if count >= COUNT:
            break
    return count


async def ping_pong(bus: JetStreamBus, reader: Consumer) -> int:
    """Publish one, fetch one, ack it: what a lone step pays for its way through the broker."""
    for _ in range(2000):
        await bus.publish([Outgoing("tasks.http", PAYLOAD)])
        (delivery,) = await reader.fetch(64, timeout=5)
        delivery.ack()
    return 2000


async def idle(bus: JetStreamBus) -> None:
    reader = await bus.consumer(subjects.RESULTS, "idle", [subjects.result(0)])
    began = time.process_time()
    await reader.fetch(1, timeout=5)
    print(f"\nidle for 5 s: {1e3 * (time.process_time() - began):.1f} ms of processor time")


async def main() -> None:
    with throwaway_nats() as server:
        pid = server.pid or 0
        bus = await JetStreamBus.connect(server.url, name="benchmark")
        tasks = (subjects.TASKS, subjects.TASKS_CONSUMER, [subjects.TASK_QUEUE])
        reader = await bus.consumer(*tasks)
        print("| case                                 |   msg/s   | client us | server us |")
        print("|---|---|---|---|")
        for batch in (1, 16, 256):
            for with_id in (False, True):
                name = f"publish by {batch}{' with ids' if with_id else ''}"
                await row(name, pid, lambda b=batch, i=with_id: publish(bus, b, with_id=i))
                if batch == 16:
                    await row("fetch(64) and ack", pid, lambda: drain(reader, 64))
                else:
                    await row("fetch(256) and ack", pid, lambda: drain(reader, 256))
        await row("publish, fetch, ack, one by one", pid, lambda: ping_pong(bus, reader))
        await idle(bus)
        await bus.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
