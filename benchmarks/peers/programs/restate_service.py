# pyright: basic, reportMissingImports=false
"""Restate's service: a workflow whose steps run here and are recorded by the server."""

import json
import os

import restate
from wire import Peer, Told

ORDERS = Told(**json.loads(os.environ["BENCH_TOLD"]))
PEER = Peer(ORDERS.url)

bench = restate.Workflow("Bench")


@bench.main()
async def run(context: restate.WorkflowContext, order: dict) -> int:
    if ORDERS.is_fan:
        steps = [context.run_typed(f"step-{n}", PEER.step) for n in range(ORDERS.steps)]
        await restate.gather(*steps)
        return len(steps)
    for n in range(ORDERS.steps):
        await context.run_typed(f"step-{n}", PEER.step)
    return ORDERS.steps


app = restate.app([bench])
