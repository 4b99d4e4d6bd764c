# pyright: basic, reportMissingImports=false
"""A DBOS application: workflows are called in its own process, each step is recorded."""

import asyncio

import uvloop
from dbos import DBOS, SetWorkflowID
from wire import Peer, Told, serve, told


async def main(orders: Told) -> None:
    peer = Peer(orders.url)
    DBOS(config={"name": "bench", "system_database_url": orders.server, "log_level": "ERROR"})

    @DBOS.step()
    async def step() -> int:
        return await peer.step()

    @DBOS.workflow()
    async def bench() -> None:
        if orders.is_fan:
            await asyncio.gather(*(step() for _ in range(orders.steps)))
            return
        for _ in range(orders.steps):
            await step()

    async def run(key: str) -> None:
        with SetWorkflowID(key):
            await bench()

    DBOS.launch()
    await serve(orders.port, run)


if __name__ == "__main__":
    uvloop.run(main(told()))
