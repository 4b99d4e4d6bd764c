"""The ports of one incarnation: memory behind a gate, with the faults of the real things.

Stored and answered are two things here, as they are in life: an append may be written and its
answer lost, or be on its way while its sender is long dead; a message may be taken by the broker
and never come, or come twice, or late.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from mainspring.bus.memory import MemoryBus
from mainspring.bus.memory_broker import MemoryBroker
from mainspring.domain.envelope import Envelope, StreamId
from mainspring.domain.errors import BusUnavailable, LogUnavailable
from mainspring.ports import (
    Append,
    Appended,
    Consumer,
    Delivery,
    EventLog,
    HttpAnswer,
    HttpClient,
    Outgoing,
    Refused,
    Subscription,
)
from mainspring.runtime.clock import RisingIds
from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.gate import Gate

EPOCH: Final = 1_800_000_000.0
"""The instant at which every history begins."""

_STRAGGLE_S: Final = 5.0

Spawn = Callable[[Awaitable[object]], None]
"""Let something happen in the world, whoever dies meanwhile."""


class SimulatedClock:
    """Virtual time as one machine sees it: `skew` seconds off, its pace right."""

    def __init__(self, skew: float = 0.0) -> None:
        self.skew = skew

    def now(self) -> float:
        return EPOCH + self.skew + asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SimulatedBroker(MemoryBroker):
    """The broker in memory, waiting by timers of the loop: half of all turns are such waits."""

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when the event is set or when so many seconds have passed."""
        if event.is_set():
            return
        alarm = asyncio.get_running_loop().call_later(seconds, event.set)
        try:
            await event.wait()
        finally:
            alarm.cancel()


class SimulatedIds(RisingIds):
    """UUIDv7 from the seed, under the laws of the real ones."""

    def __init__(self, chance: Chance, clock: SimulatedClock) -> None:
        super().__init__(lambda: int(clock.now() * 1000) & 0xFFFF_FFFF_FFFF, chance.bits)


class SimulatedRandom:
    """Chance from the seed."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    def seed(self) -> str:
        """Return 128 bits in hex."""
        return f"{self._chance.bits(128):032x}"


class GatedLog:
    """The log as a process far from it sees it."""

    def __init__(self, gate: Gate, log: EventLog, spawn: Spawn) -> None:
        self._gate = gate
        self._log = log
        self._spawn = spawn

    async def append(self, batch: Sequence[Append]) -> list[Appended | Refused]:
        """Append, or lose the batch, or lose only the answer."""
        gate = self._gate
        gate.point()
        await gate.lag()
        if gate.weather.log_is_away or gate.happens("log_refuses"):
            raise LogUnavailable("simulated: nothing was written")
        if gate.happens("log_straggles"):
            answers = await self._straggling(batch)
        else:
            answers = await self._log.append(batch)
        gate.point()
        await gate.lag()
        if gate.happens("log_forgets"):
            raise LogUnavailable("simulated: it was written, and nobody says so")
        return answers

    async def _straggling(self, batch: Sequence[Append]) -> list[Appended | Refused]:
        """Send a batch that takes its time and arrives even if its sender is dead by then."""
        answered: asyncio.Future[list[Appended | Refused]] = asyncio.Future()
        delay = self._gate.chance.between(0.0, _STRAGGLE_S)

        async def arrive() -> None:
            await asyncio.sleep(delay)
            answers = await self._log.append(batch)
            if not answered.done():
                answered.set_result(answers)

        self._spawn(arrive())
        if self._gate.happens("log_forgets"):
            # The worst of all: it will be written, and its sender believes that it was not.
            raise LogUnavailable("simulated: the connection broke with a commit on its way")
        return await answered

    async def read(
        self, streams: Sequence[StreamId], *, after: int = 0
    ) -> dict[StreamId, list[Envelope]]:
        return await self._gate.read(lambda: self._log.read(streams, after=after))

    async def read_all(
        self,
        *,
        after: int,
        limit: int,
        project: str | None = None,
        stream: StreamId | None = None,
        types: Sequence[str] = (),
    ) -> list[Envelope]:
        return await self._gate.read(
            lambda: self._log.read_all(
                after=after, limit=limit, project=project, stream=stream, types=types
            )
        )

    async def read_newest(
        self,
        project: str,
        *,
        types: Sequence[str],
        before: int | None = None,
        actor: str | None = None,
        limit: int,
    ) -> list[Envelope]:
        return await self._gate.read(
            lambda: self._log.read_newest(
                project, types=types, before=before, actor=actor, limit=limit
            )
        )

    async def head_position(self) -> int:
        return await self._gate.read(self._log.head_position)


class GatedBus:
    """The broker as a process sees it: quick, and not to be trusted."""

    def __init__(self, gate: Gate, bus: MemoryBus, spawn: Spawn, own: Spawn) -> None:
        self._gate = gate
        self._bus = bus
        self._spawn = spawn
        self._own = own

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish all, some of them twice, late, or not at all."""
        gate = self._gate
        gate.point()
        await gate.lag()
        refused = gate.happens("bus_refuses")
        reach = gate.chance.whole(0, len(messages)) if refused else len(messages)
        if len(messages) > 1 and gate.happens("bus_reorders"):
            messages = gate.chance.shuffled(messages)
        for message in messages[:reach]:
            await self._one(message)
        gate.point()
        await gate.lag()
        if refused:
            raise BusUnavailable("simulated: the broker went away meanwhile")

    async def _one(self, message: Outgoing) -> None:
        gate = self._gate
        if gate.happens("bus_loses"):
            return
        if gate.happens("bus_doubles"):
            # Without its id, or the broker would drop the repetition.
            again = msgspec.structs.replace(message, id="")
            self._spawn(self._late(again, gate.chance.around(2.0)))
        if gate.happens("bus_delays"):
            self._spawn(self._late(message, gate.chance.around(2.0)))
            return
        await self._bus.publish([message])

    async def _late(self, message: Outgoing, delay: float) -> None:
        await asyncio.sleep(delay)
        try:
            await self._bus.publish([message])
        except BusUnavailable:
            return

    async def consumer(self, stream: str, durable: str, subjects: Sequence[str]) -> Consumer:
        consumer = await self._gate.call(lambda: self._bus.consumer(stream, durable, subjects))
        return GatedConsumer(self._gate, consumer)

    async def subscribe(self, subject: str) -> Subscription:
        subscription = await self._gate.call(lambda: self._bus.subscribe(subject))
        return GatedSubscription(self._gate, subscription)

    async def ensure(self) -> bool:
        return await self._gate.call(self._bus.ensure)

    def connected(self) -> bool:
        return self._gate.is_open and self._bus.connected()

    def on_restore(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Let the callback run as part of its own process, and die with it."""

        async def restore() -> None:
            if self._gate.is_open:
                self._own(callback())

        self._bus.on_restore(restore)


class GatedConsumer:
    """A consumer whose messages die with who took them, and come again."""

    def __init__(self, gate: Gate, consumer: Consumer) -> None:
        self._gate = gate
        self._consumer = consumer

    async def fetch(self, limit: int, *, timeout: float, ask: bool = True) -> list[Delivery]:
        gate = self._gate
        gate.point()
        if gate.happens("bus_refuses"):
            await gate.lag()
            raise BusUnavailable("simulated: the broker does not answer")
        taken = await self._consumer.fetch(limit, timeout=timeout, ask=ask)
        gate.check()
        if taken:
            gate.point()
            await gate.lag()
        if len(taken) > 1 and gate.happens("bus_reorders"):
            taken = gate.chance.shuffled(taken)
        return [GatedDelivery(gate, delivery) for delivery in taken]


class GatedDelivery:
    """A message whose answers may be lost."""

    __slots__ = ("_delivery", "_gate", "data", "redelivered", "subject")

    def __init__(self, gate: Gate, delivery: Delivery) -> None:
        self._gate = gate
        self._delivery = delivery
        self.subject = delivery.subject
        self.data = delivery.data
        self.redelivered = delivery.redelivered

    def ack(self) -> None:
        if self._is_heard():
            self._delivery.ack()

    def nak(self, delay: float = 0.0) -> None:
        if self._is_heard():
            self._delivery.nak(delay)

    def working(self) -> None:
        if self._is_heard():
            self._delivery.working()

    def _is_heard(self) -> bool:
        return self._gate.is_open and not self._gate.happens("acks_lost")


class GatedSubscription:
    """A live feed that may miss what was said."""

    def __init__(self, gate: Gate, subscription: Subscription) -> None:
        self._gate = gate
        self._subscription = subscription

    async def next(self, timeout: float) -> tuple[str, bytes] | None:
        self._gate.point()
        heard = await self._subscription.next(timeout)
        self._gate.check()
        return heard

    async def close(self) -> None:
        self._gate.check()
        await self._subscription.close()


class GatedHttp:
    """The way to the peers: a call that was sent goes on without its sender."""

    def __init__(self, gate: Gate, http: HttpClient) -> None:
        self._gate = gate
        self._http = http

    async def request(
        self,
        verb: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None,
        timeout: float,
        max_body: int,
    ) -> HttpAnswer:
        self._gate.point()
        answer = await self._http.request(
            verb, url, headers=headers, body=body, timeout=timeout, max_body=max_body
        )
        self._gate.point()
        return answer

    async def close(self) -> None:
        """Nothing is open."""
