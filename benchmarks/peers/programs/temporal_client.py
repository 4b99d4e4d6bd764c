# pyright: basic, reportMissingImports=false
"""Temporal's client, in a process of its own: it starts workflows and waits for their results."""

import asyncio

from temporalio.client import Client
from wire import Told, serve, told


async def main(orders: Told) -> None:
    client = await Client.connect(orders.server)

    async def run(key: str) -> None:
        await client.execute_workflow(
            "Bench", args=[orders.steps, orders.shape], id=key, task_queue="bench"
        )

    await serve(orders.port, run)


if __name__ == "__main__":
    asyncio.run(main(told()))
