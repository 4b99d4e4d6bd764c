"""The real neighbours: PostgreSQL and NATS, as a service opens them."""

from collections.abc import Sequence

from mainspring.bus.jetstream import JetStreamBus
from mainspring.runtime.config import Config
from mainspring.runtime.world import Broker, Store
from mainspring.store.postgres import PostgresStore

NOT_CURRENT = "event log: it does not answer, or its schema is not the one of this code"


class Postgres:
    """The PostgreSQL store, which also says in words why it cannot be used."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self.log = store.log
        self.views = store.views
        self.blobs = store.blobs
        self.snapshots = store.snapshots
        self.close = store.close

    async def unready(self) -> Sequence[str]:
        return () if await self._store.ready() else (NOT_CURRENT,)


async def open_store(config: Config) -> Store:
    """Return the connected event log; raise when it does not answer."""
    name = f"mainspring-{config.service}"
    url, size = config.database_url, config.database_pool
    return Postgres(await PostgresStore.open(url, size, application_name=name))


async def open_bus(config: Config) -> Broker:
    """Return the bus after one try to connect; it goes on trying by itself."""
    return await JetStreamBus.connect(config.nats_url, name=f"mainspring-{config.service}")
