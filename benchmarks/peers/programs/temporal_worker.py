# pyright: basic, reportMissingImports=false
"""Temporal's worker: each step is an activity, which the server dispatches."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from wire import Peer, Told, told

SOON = timedelta(seconds=60)


@workflow.defn(name="Bench")
class Bench:
    @workflow.run
    async def run(self, steps: int, shape: str) -> None:
        if shape == "fan":
            await asyncio.gather(*(self._step() for _ in range(steps)))
            return
        for _ in range(steps):
            await self._step()

    async def _step(self) -> None:
        await workflow.execute_activity("step", start_to_close_timeout=SOON)


async def main(orders: Told) -> None:
    peer = Peer(orders.url)

    @activity.defn(name="step")
    async def step() -> int:
        return await peer.step()

    client = await Client.connect(orders.server)
    with ThreadPoolExecutor(8) as pool:
        await Worker(
            client,
            task_queue="bench",
            workflows=[Bench],
            activities=[step],
            workflow_task_executor=pool,
        ).run()


if __name__ == "__main__":
    asyncio.run(main(told()))
