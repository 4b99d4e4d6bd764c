"""What only the bus over NATS has to get right: prefetching, and a broker changed by others."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from tests.contract.bus_world import PATIENT, PLANS, drain, is_empty, until

from mainspring.bus import subjects
from mainspring.bus.jetstream import JetStreamBus
from mainspring.bus.plans import STREAMS
from mainspring.ports import Outgoing
from mainspring.testing import cluster

TASK = subjects.TASK_QUEUE
TASKS = (subjects.TASKS, subjects.TASKS_CONSUMER, [TASK])
SLOW = {name: msgspec.structs.replace(plan, ack_wait=PATIENT) for name, plan in STREAMS.items()}


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[JetStreamBus]:
    bus = await JetStreamBus.connect(nats_url, name="one", streams=SLOW)
    yield bus
    await bus.close()


@pytest.fixture
async def other(nats_url: str) -> AsyncIterator[JetStreamBus]:
    bus = await JetStreamBus.connect(nats_url, name="two", streams=SLOW)
    yield bus
    await bus.close()


async def _prefetch(bus: JetStreamBus, count: int) -> None:
    """Have messages sent to a reader that no longer fetches."""
    reader = await bus.consumer(*TASKS)
    waiting = asyncio.create_task(reader.fetch(2 * count, timeout=PATIENT))
    await bus.publish([Outgoing(TASK, b"first")])
    (first,) = await waiting
    first.ack()
    await bus.publish([Outgoing(TASK, b"%d" % number) for number in range(count)])


async def test_message_that_nobody_fetches_goes_back_to_the_queue(
    bus: JetStreamBus, other: JetStreamBus
) -> None:
    await _prefetch(bus, 5)
    began = asyncio.get_running_loop().time()
    got = await drain(await other.consumer(*TASKS), 5)
    for delivery in got:
        delivery.ack()
    assert sorted(delivery.data for delivery in got) == [b"0", b"1", b"2", b"3", b"4"]
    assert asyncio.get_running_loop().time() - began < PATIENT / 2


async def test_reader_that_stops_still_gets_what_was_sent_to_it(bus: JetStreamBus) -> None:
    reader = await bus.consumer(*TASKS)
    waiting = asyncio.create_task(reader.fetch(10, timeout=PATIENT))
    await bus.publish([Outgoing(TASK, b"first")])
    await waiting
    await bus.publish([Outgoing(TASK, b"second")])
    (second,) = await reader.fetch(10, timeout=PATIENT, ask=False)
    assert second.data == b"second"


async def test_closing_gives_back_what_was_not_fetched(
    bus: JetStreamBus, other: JetStreamBus
) -> None:
    await _prefetch(bus, 5)
    await bus.ensure()  # an answer on the same connection: what was pulled is here
    await bus.close()
    began = asyncio.get_running_loop().time()
    assert len(await drain(await other.consumer(*TASKS), 5)) == 5
    assert asyncio.get_running_loop().time() - began < 1


async def test_stream_deleted_under_a_live_connection_is_made_again(
    bus: JetStreamBus, nats_url: str
) -> None:
    restored = asyncio.Event()
    reader = await bus.consumer(*TASKS)
    bus.on_restore(lambda: _set(restored))
    waiting = asyncio.create_task(reader.fetch(1, timeout=PATIENT))
    await bus.ensure()
    await cluster.remove_streams(nats_url)
    async with asyncio.timeout(PATIENT):
        await restored.wait()
    await bus.publish([Outgoing(TASK, b"new")])
    assert [delivery.data for delivery in await waiting] == [b"new"]


async def test_a_new_broker_is_one_loss_to_who_makes_many_consumers_together(
    bus: JetStreamBus,
) -> None:
    restored: list[int] = []

    async def note() -> None:
        restored.append(1)

    bus.on_restore(note)
    wanted = [(f"reader-{n}", [subjects.facts(n)]) for n in range(8)]
    await asyncio.gather(*(bus.consumer(subjects.EVENTS, *each) for each in wanted))
    await bus.ensure()
    assert restored == [1]


async def test_publishing_into_a_lost_stream_finds_the_loss(
    bus: JetStreamBus, nats_url: str
) -> None:
    restored = asyncio.Event()
    bus.on_restore(lambda: _set(restored))
    await cluster.remove_streams(nats_url)
    await bus.publish([Outgoing(TASK, b"lost")])
    async with asyncio.timeout(PATIENT):
        await restored.wait()
    assert await is_empty(await bus.consumer(*TASKS), 0.05)


async def test_a_restart_loses_the_queues_in_memory_and_says_so() -> None:
    with cluster.throwaway_nats() as server:
        bus = await JetStreamBus.connect(server.url, name="one")
        restored = asyncio.Event()
        consumer = await bus.consumer(*TASKS)
        bus.on_restore(lambda: _set(restored))
        await bus.publish([Outgoing(TASK, b"lost")])
        await asyncio.to_thread(server.restart)
        async with asyncio.timeout(PATIENT):
            await restored.wait()
        assert await is_empty(consumer)
        await bus.publish([Outgoing(TASK, b"new")])
        assert [delivery.data for delivery in await drain(consumer, 1)] == [b"new"]
        await bus.close()


async def test_consumer_of_an_older_plan_is_changed_to_the_new(
    bus: JetStreamBus, nats_url: str
) -> None:
    await bus.consumer(*TASKS)
    await bus.consumer(subjects.EVENTS, "reader", [subjects.facts(1)])
    newer = await JetStreamBus.connect(nats_url, name="newer", streams=PLANS)
    await newer.consumer(*TASKS)
    await newer.consumer(subjects.EVENTS, "reader", [subjects.facts(1), subjects.facts(2)])
    await newer.close()
    client = Client()
    await client.connect(nats_url)
    info = await JetStreamContext(client).consumer_info(subjects.TASKS, subjects.TASKS_CONSUMER)
    events = await JetStreamContext(client).consumer_info(subjects.EVENTS, "reader")
    await client.close()
    assert info.config.ack_wait == PLANS[subjects.TASKS].ack_wait
    assert events.config.filter_subjects == [subjects.facts(1), subjects.facts(2)]


async def test_bus_made_before_its_broker_works_once_that_is_there() -> None:
    with cluster.throwaway_nats() as server:
        server.stop()
        bus = await JetStreamBus.connect(server.url, name="early")
        assert not bus.connected()
        reader = await bus.consumer(*TASKS)
        feed = await bus.subscribe("control.>")
        server.start()
        await until(bus.connected)
        await bus.publish([Outgoing(TASK, b"one"), Outgoing("control.hello", b"")])
        assert [delivery.data for delivery in await drain(reader, 1)] == [b"one"]
        assert await feed.next(PATIENT) == ("control.hello", b"")
        await bus.close()


async def test_unusual_subject_is_refused_and_does_not_break_the_connection(
    bus: JetStreamBus,
) -> None:
    with pytest.raises(ValueError, match="cannot be published"):
        await bus.publish([Outgoing("events.execution.1.a b\r\nPING", b"")])
    assert bus.connected()


async def _set(event: asyncio.Event) -> None:
    event.set()
