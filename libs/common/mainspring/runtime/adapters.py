"""The real neighbours: PostgreSQL and NATS, as a service opens them."""

from mainspring.bus.jetstream import JetStreamBus
from mainspring.runtime.config import Config
from mainspring.runtime.world import Broker, Store
from mainspring.store.postgres import PostgresStore


async def open_store(config: Config) -> Store:
    """Return the connected event log; raise when it does not answer."""
    return await PostgresStore.open(config.database_url, pool_size=config.database_pool)


async def open_bus(config: Config) -> Broker:
    """Return the connected bus, with its streams; raise when it does not answer."""
    bus = await JetStreamBus.connect(config.nats_url, name=f"mainspring-{config.service}")
    await bus.ensure()
    return bus
