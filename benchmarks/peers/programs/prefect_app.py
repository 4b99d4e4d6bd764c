# pyright: basic, reportMissingImports=false
"""A Prefect application: flows are called in its own process and tell the server of every state."""

import asyncio

from prefect import flow, task
from wire import Peer, Told, serve, told


async def main(orders: Told) -> None:
    peer = Peer(orders.url)

    @task
    async def step() -> int:
        return await peer.step()

    @flow
    async def bench() -> None:
        if orders.is_fan:
            await asyncio.gather(*(step() for _ in range(orders.steps)))
            return
        for _ in range(orders.steps):
            await step()

    async def run(_: str) -> None:
        await bench()

    await serve(orders.port, run)


if __name__ == "__main__":
    asyncio.run(main(told()))
