"""The real neighbours: PostgreSQL and NATS, as a service opens them."""

from collections import Counter
from collections.abc import Sequence

from mainspring.bus.jetstream import JetStreamBus
from mainspring.ports import Consumer, Delivery, Outgoing
from mainspring.runtime.config import Config
from mainspring.runtime.world import Broker, Store
from mainspring.store.postgres import PostgresStore
from mainspring.telemetry import metrics

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


class MeasuredConsumer:
    """A consumer whose messages are counted."""

    def __init__(self, consumer: Consumer, stream: str) -> None:
        self._consumer = consumer
        self._consumed = metrics.BUS_CONSUMED.labels(stream)
        self._redelivered = metrics.BUS_REDELIVERED.labels(stream)

    async def fetch(self, limit: int, *, timeout: float, ask: bool = True) -> list[Delivery]:
        batch = await self._consumer.fetch(limit, timeout=timeout, ask=ask)
        if batch:
            self._consumed.inc(len(batch))
            self._redelivered.inc(sum(delivery.redelivered for delivery in batch))
        return batch


class MeasuredBus(JetStreamBus):
    """JetStream, with everything that passes counted."""

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        await super().publish(messages)
        roots = Counter(message.subject.partition(".")[0] for message in messages)
        for root, count in roots.items():
            metrics.BUS_PUBLISHED.labels(root.upper()).inc(count)

    async def consumer(self, stream: str, durable: str, subjects: Sequence[str]) -> Consumer:
        return MeasuredConsumer(await super().consumer(stream, durable, subjects), stream)


async def open_store(config: Config) -> Store:
    """Return the connected event log; raise when it does not answer."""
    name = f"mainspring-{config.service}"
    url, size = config.database_url, config.database_pool
    return Postgres(await PostgresStore.open(url, size, application_name=name))


async def open_bus(config: Config) -> Broker:
    """Return the bus after one try to connect; it goes on trying by itself."""
    bus = await MeasuredBus.connect(config.nats_url, name=f"mainspring-{config.service}")
    bus.on_restore(_count_restored)
    return bus


async def _count_restored() -> None:
    metrics.BUS_RESTORED.inc()
