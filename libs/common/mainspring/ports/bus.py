"""NATS JetStream, trusted with speed and with nothing else."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec


class Outgoing(msgspec.Struct, frozen=True):
    """A message to publish.  `id` lets the broker drop a repetition where it can."""

    subject: str
    data: bytes
    id: str = ""


class Delivery(Protocol):
    """A message that was pulled and must be answered."""

    @property
    def subject(self) -> str: ...

    @property
    def data(self) -> bytes: ...

    @property
    def redelivered(self) -> bool: ...

    def ack(self) -> None:
        """Never deliver it again.  Not awaited: a lost ack only means a repetition."""
        ...

    def nak(self, delay: float = 0.0) -> None:
        """Deliver it again after `delay` seconds."""
        ...

    def working(self) -> None:
        """Ask for more time before it is delivered again."""
        ...


class Consumer(Protocol):
    """A durable, shared reader of a work queue or of a stream."""

    async def fetch(self, limit: int, *, timeout: float, ask: bool = True) -> list[Delivery]:
        """Return up to `limit` messages as soon as there is one; [] when `timeout` seconds pass.

        Without `ask` only what is on its way already comes: so a reader stops and loses no time of
        a message that was sent to it before.
        """
        ...


class Subscription(Protocol):
    """A live feed of core subjects; what is published while nobody listens is gone."""

    async def next(self, timeout: float) -> tuple[str, bytes] | None:
        """Return the next (subject, data), or None when `timeout` seconds pass."""
        ...

    async def close(self) -> None: ...


class Bus(Protocol):
    """NATS JetStream, trusted with speed and with nothing else."""

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Hand messages to the broker.  Raises `BusUnavailable` when there is no connection.

        Returning promises nothing: what gets lost is found again by the sweeps over the log.
        """
        ...

    async def consumer(self, stream: str, durable: str, subjects: Sequence[str]) -> Consumer:
        """Return a durable pull consumer of a stream, made if it is not there."""
        ...

    async def subscribe(self, subject: str) -> Subscription:
        """Return a live subscription on a core subject (wildcards allowed)."""
        ...

    async def ensure(self) -> bool:
        """Make streams and consumers that are missing; True when any had been lost or is new."""
        ...

    def connected(self) -> bool: ...

    def on_restore(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call `callback` after the broker came back with something lost: the queues are gone.

        That a stream or a consumer had to be made counts as a loss: nobody has used it before.
        """
        ...
