# pyright: basic, reportMissingImports=false
"""An Absurd application: one loop spawns tasks and works on them, with a connection for each.

The end is seen where the worker has committed it.  The SDK's own way, `await_task_result`, asks
the database again and again with growing pauses; this costs the engine neither queries nor time.
"""

import asyncio

import absurd_sdk
import psycopg
from absurdctl import BUNDLED_SCHEMA_SQL
from wire import Peer, Told, serve, told

POLL_S = 0.01  # a quarter of a second when it says nothing
CONCURRENCY = 64


class Worker(absurd_sdk.AsyncAbsurd):
    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)
        self.ended: dict[str, asyncio.Event] = {}

    def end_of(self, task_id: str) -> asyncio.Event:
        return self.ended.setdefault(task_id, asyncio.Event())

    async def _execute_task(self, task: dict, claim_timeout: int) -> None:
        await super()._execute_task(task, claim_timeout)
        self.end_of(str(task["task_id"])).set()


async def main(orders: Told) -> None:
    peer = Peer(orders.url)
    with psycopg.connect(orders.server) as link:
        link.execute(BUNDLED_SCHEMA_SQL)
    worker = Worker(orders.server, queue_name="bench")
    client = absurd_sdk.AsyncAbsurd(orders.server, queue_name="bench")
    await client.create_queue("bench")

    @worker.register_task(name="bench")
    async def bench(_: object, context: absurd_sdk.AsyncTaskContext) -> None:
        names = [f"step-{n}" for n in range(orders.steps)]
        if orders.is_fan:
            await asyncio.gather(*(context.step(name, peer.step) for name in names))
            return
        for name in names:
            await context.step(name, peer.step)

    async def run(_: str) -> None:
        spawned = await client.spawn("bench", {}, queue="bench")
        id = str(spawned["task_id"])
        await worker.end_of(id).wait()
        del worker.ended[id]

    async with asyncio.TaskGroup() as group:
        group.create_task(worker.start_worker(concurrency=CONCURRENCY, poll_interval=POLL_S))
        group.create_task(serve(orders.port, run))


if __name__ == "__main__":
    asyncio.run(main(told()))
