"""How an executor is put together; the process, the local stack and the simulation all use it."""

from mainspring.plugin import installed
from mainspring.ports import HttpClient
from mainspring.runtime.service import Service
from mainspring.runtime.world import World
from mainspring_executor.client import Client
from mainspring_executor.egress import Egress
from mainspring_executor.pull import Executor
from mainspring_executor.shop import Workshop

_DRAIN_SHARE = 0.7  # of what is left after the notice; the frame needs the rest for leaving


async def build(world: World, http: HttpClient | None = None) -> Service:
    """Return the service; without `http` it calls the real world, behind the egress guard."""
    config = world.config
    client = http or Client(Egress(private=config.allow_private_egress))
    shop = Workshop(
        http=client,
        blobs=world.blobs,
        clock=world.clock,
        chance=world.chance,
        keys=config.callback_keys,
        public_url=config.public_url.rstrip("/"),
        max_answer=config.max_payload_bytes,
        plugins=installed(),
    )
    left = max(0.0, config.drain_seconds - config.drain_notice_seconds)
    executor = Executor(
        world.bus, shop, concurrency=config.concurrency, drain_seconds=left * _DRAIN_SHARE
    )
    return Service(components=[executor])
