"""What every bus promises, asked of NATS and of the memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.contract.bus_world import (
    ACK_WAIT,
    PATIENT,
    MemoryWorld,
    NatsWorld,
    World,
    drain,
    is_empty,
    until,
)

from mainspring.bus import subjects
from mainspring.bus.feed import SIZE
from mainspring.bus.plans import MAX_MESSAGE
from mainspring.domain.errors import BusUnavailable
from mainspring.ports import Outgoing
from mainspring.runtime.servers import NatsServer
from mainspring.testing import cluster

TASK = subjects.TASK_QUEUE
TASKS = (subjects.TASKS, subjects.TASKS_CONSUMER, [TASK])


@pytest.fixture(scope="module")
def broker() -> Iterator[NatsServer]:
    """A server of this module's own, because tests stop it."""
    with cluster.throwaway_nats() as server:
        yield server


@pytest.fixture(params=["memory", "nats"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        world = MemoryWorld()
        yield world
        await world.close()
        return
    server: NatsServer = request.getfixturevalue("broker")
    world = NatsWorld(server)
    yield world
    await world.close()
    if not server.is_running:
        server.start()
    cluster.run_apart(lambda: cluster.remove_streams(server.url))


def tasks(*data: bytes) -> list[Outgoing]:
    return [Outgoing(TASK, one) for one in data]


async def test_acked_message_is_delivered_once(world: World) -> None:
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    await bus.publish(tasks(b"one"))
    (delivery,) = await drain(consumer, 1)
    assert (delivery.subject, delivery.data, delivery.redelivered) == (TASK, b"one", False)
    delivery.ack()
    assert await is_empty(consumer)


async def test_message_without_an_answer_is_delivered_again(world: World) -> None:
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    await bus.publish(tasks(b"one"))
    await drain(consumer, 1)
    (again,) = await drain(consumer, 1)
    assert (again.data, again.redelivered) == (b"one", True)


async def test_late_ack_of_an_earlier_delivery_counts(world: World) -> None:
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    await bus.publish(tasks(b"one"))
    (first,) = await drain(consumer, 1)
    await drain(consumer, 1)
    first.ack()
    assert await is_empty(consumer)


async def test_refused_message_comes_back_after_the_wished_delay(world: World) -> None:
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    await bus.publish(tasks(b"one"))
    (delivery,) = await drain(consumer, 1)
    began = asyncio.get_running_loop().time()
    delivery.nak(2 * ACK_WAIT)
    (again,) = await drain(consumer, 1)
    assert asyncio.get_running_loop().time() - began >= 2 * ACK_WAIT - 0.01
    assert again.redelivered


async def test_refused_message_without_a_delay_comes_back_at_once(world: World) -> None:
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    await bus.publish(tasks(b"one"))
    (delivery,) = await drain(consumer, 1)
    began = asyncio.get_running_loop().time()
    delivery.nak()
    await drain(consumer, 1)
    assert asyncio.get_running_loop().time() - began < ACK_WAIT / 2


async def test_sign_of_life_postpones_the_next_delivery(world: World) -> None:
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    await bus.publish(tasks(b"one"))
    (delivery,) = await drain(consumer, 1)
    for _ in range(4):
        assert await is_empty(consumer, ACK_WAIT / 2)
        delivery.working()
    delivery.ack()
    assert await is_empty(consumer)


async def test_two_readers_of_a_durable_share_its_messages(world: World) -> None:
    one, two = await world.bus(), await world.bus()
    readers = [await one.consumer(*TASKS), await two.consumer(*TASKS)]
    fetches = [asyncio.create_task(reader.fetch(1, timeout=PATIENT)) for reader in readers]
    await one.publish(tasks(b"a", b"b"))
    got = [delivery for batch in await asyncio.gather(*fetches) for delivery in batch]
    for delivery in got:
        delivery.ack()
    assert sorted(delivery.data for delivery in got) == [b"a", b"b"]
    assert await is_empty(readers[0])


async def test_durable_goes_on_over_a_new_connection(world: World) -> None:
    first = await world.bus()
    await first.publish(tasks(b"done", b"open"))
    done, _ = await drain(await first.consumer(*TASKS), 2)
    done.ack()
    await first.close()
    (delivery,) = await drain(await (await world.bus()).consumer(*TASKS), 1)
    assert delivery.data == b"open"


async def test_repeated_id_is_dropped_while_stored_and_for_a_while_after(world: World) -> None:
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    await bus.publish([Outgoing(TASK, b"1", id="x"), Outgoing(TASK, b"2", id="x")])
    (delivery,) = await drain(consumer, 1)
    delivery.ack()
    await bus.publish([Outgoing(TASK, b"3", id="x"), Outgoing(TASK, b"4", id="y")])
    (other,) = await drain(consumer, 1)
    assert (delivery.data, other.data) == (b"1", b"4")


async def test_fetch_returns_with_what_is_there(world: World) -> None:
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    await bus.publish(tasks(b"a", b"b", b"c"))
    began = asyncio.get_running_loop().time()
    assert len(await drain(consumer, 3)) == 3
    waiting = asyncio.create_task(consumer.fetch(100, timeout=PATIENT))
    await bus.publish(tasks(b"d"))
    assert [delivery.data for delivery in await waiting] == [b"d"]
    assert asyncio.get_running_loop().time() - began < ACK_WAIT


async def test_fetch_returns_no_more_than_was_asked_for(world: World) -> None:
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    await bus.publish(tasks(b"a", b"b", b"c"))
    order: list[bytes] = []
    while len(order) < 3:
        batch = await consumer.fetch(2, timeout=PATIENT)
        assert len(batch) <= 2
        order += [delivery.data for delivery in batch]
    assert order == [b"a", b"b", b"c"]


async def test_fetch_from_an_empty_queue_ends_with_its_time(world: World) -> None:
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    began = asyncio.get_running_loop().time()
    assert await consumer.fetch(5, timeout=0.1) == []
    assert 0.09 <= asyncio.get_running_loop().time() - began < 1


async def test_reader_that_asks_for_nothing_leaves_messages_to_others(world: World) -> None:
    bus = await world.bus()
    quitting = await bus.consumer(*TASKS)
    await bus.publish(tasks(b"1"))
    assert await quitting.fetch(10, timeout=0.05, ask=False) == []
    (got,) = await drain(await bus.consumer(*TASKS), 1)
    assert got.data == b"1"


async def test_consumers_of_a_stream_hear_only_their_subjects(world: World) -> None:
    bus = await world.bus()
    one = await bus.consumer(subjects.EVENTS, "one", [subjects.facts(1)])
    both = await bus.consumer(subjects.EVENTS, "both", [subjects.facts(1), subjects.facts(2)])
    names = [
        subjects.event("execution", partition, str(partition), settled=settled)
        for partition in (1, 2, 3)
        for settled in (False, True)
    ]
    await bus.publish([Outgoing(name, name.encode()) for name in names])
    assert [d.subject for d in await drain(one, 1)] == [names[0]]
    assert [d.subject for d in await drain(both, 2)] == [names[0], names[2]]


async def test_new_consumer_of_events_hears_those_of_the_last_minutes(world: World) -> None:
    bus = await world.bus()
    await bus.publish([Outgoing("events.execution.1.a", b"earlier")])
    consumer = await bus.consumer(subjects.EVENTS, "late", [subjects.EVERY_EVENT])
    assert [d.data for d in await drain(consumer, 1)] == [b"earlier"]


async def test_subscription_hears_streams_and_core_subjects(world: World) -> None:
    bus, other = await world.bus(), await world.bus()
    feed = await bus.subscribe("events.execution.*.a")
    notices = await bus.subscribe(subjects.EVERY_CANCEL)
    await other.publish(
        [
            Outgoing("events.execution.1.b", b"not this"),
            Outgoing("events.execution.1.a", b"this"),
            Outgoing(subjects.cancel("a"), b"stop"),
        ]
    )
    assert await feed.next(PATIENT) == ("events.execution.1.a", b"this")
    assert await notices.next(PATIENT) == (subjects.cancel("a"), b"stop")
    assert await feed.next(0.05) is None
    await feed.close()
    await other.publish([Outgoing("events.execution.1.a", b"too late")])
    assert await feed.next(0.05) is None


async def test_slow_listener_loses_the_oldest_and_hears_the_newest(world: World) -> None:
    bus = await world.bus()
    feed = await bus.subscribe("control.>")
    end = await bus.subscribe("control.end")
    numbers = [b"%d" % number for number in range(SIZE + 10)]
    await bus.publish([Outgoing("control.count", number) for number in numbers])
    await bus.publish([Outgoing("control.end", b"end")])
    assert await end.next(PATIENT) is not None
    heard = [await feed.next(PATIENT) for _ in range(SIZE)]
    assert heard[0] == ("control.count", numbers[11])
    assert heard[-1] == ("control.end", b"end")
    assert await feed.next(0.05) is None


async def test_message_that_is_too_large_is_refused_before_any_is_sent(world: World) -> None:
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    with pytest.raises(ValueError, match="too many"):
        await bus.publish(tasks(b"small", bytes(MAX_MESSAGE + 1)))
    assert await is_empty(consumer, 0.05)


async def test_ensure_finds_nothing_to_do_when_nothing_is_missing(world: World) -> None:
    bus = await world.bus()
    await bus.consumer(*TASKS)
    assert await bus.ensure() is False


async def test_publishing_while_the_broker_is_away_is_refused(world: World) -> None:
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    await world.stop()
    await until(lambda: not bus.connected())
    with pytest.raises(BusUnavailable):
        await bus.publish(tasks(b"lost"))
    with pytest.raises(BusUnavailable):
        await bus.ensure()
    assert await consumer.fetch(1, timeout=0.05) == []
    await world.start()
    await until(bus.connected)
    await bus.publish(tasks(b"kept"))
    assert [d.data for d in await drain(consumer, 1)] == [b"kept"]


async def test_restart_of_the_broker_loses_nothing(world: World) -> None:
    bus = await world.bus()
    restored: list[int] = []
    consumer = await bus.consumer(*TASKS)
    bus.on_restore(lambda: _note(restored))
    feed = await bus.subscribe("control.>")
    await bus.publish(tasks(b"done"))
    (await drain(consumer, 1))[0].ack()
    assert await is_empty(consumer)  # an ack on its way might be lost
    await bus.publish(tasks(b"open"))
    await drain(consumer, 1)
    waiting = asyncio.create_task(consumer.fetch(10, timeout=PATIENT))
    await world.stop()
    await until(lambda: not bus.connected())
    await world.start()
    await until(bus.connected)
    assert [d.data for d in await waiting] == [b"open"]
    await bus.publish([Outgoing("control.hello", b"")])
    assert await feed.next(PATIENT) == ("control.hello", b"")
    assert restored == []


async def test_wiped_broker_is_restored_by_everyone_and_readers_go_on(world: World) -> None:
    one, two = await world.bus(), await world.bus()
    restored: list[int] = []
    consumer = await one.consumer(*TASKS)
    one.on_restore(lambda: _note(restored, 1))
    two.on_restore(lambda: _note(restored, 2))
    await one.publish(tasks(b"lost"))
    waiting = asyncio.create_task((await two.consumer(*TASKS)).fetch(10, timeout=PATIENT))
    (await waiting)[0].nak(PATIENT)
    await world.wipe()
    await until(lambda: sorted(restored) == [1, 2])
    await until(lambda: one.connected() and two.connected())
    assert await one.ensure() is False
    await one.publish(tasks(b"new"))
    assert [d.data for d in await drain(consumer, 1)] == [b"new"]


async def test_who_makes_a_consumer_hears_that_its_queue_is_empty_whoever_made_the_stream(
    world: World,
) -> None:
    await (await world.bus()).ensure()
    first, second = await world.bus(), await world.bus()
    restored: list[int] = []
    first.on_restore(lambda: _note(restored, 1))
    second.on_restore(lambda: _note(restored, 2))
    await first.consumer(*TASKS)
    await until(lambda: bool(restored))
    await second.consumer(*TASKS)
    await second.ensure()
    assert restored == [1]


async def test_ack_from_before_a_loss_removes_no_new_message(world: World) -> None:
    bus = await world.bus()
    restored: list[int] = []
    consumer = await bus.consumer(*TASKS)
    bus.on_restore(lambda: _note(restored))
    await bus.publish(tasks(b"old"))
    (old,) = await drain(consumer, 1)
    await world.wipe()
    await until(lambda: bool(restored) and bus.connected())
    await bus.publish(tasks(b"new"))
    await drain(consumer, 1)
    old.ack()
    assert [d.data for d in await drain(consumer, 1)] == [b"new"]


async def test_failing_restorer_does_not_keep_the_next_from_restoring(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    bus = await world.bus()
    restored: list[int] = []

    async def fail() -> None:
        raise ValueError("no database")

    bus.on_restore(fail)
    bus.on_restore(lambda: _note(restored))
    await world.wipe()
    await until(lambda: bool(restored))
    assert "no database" in caplog.text


async def test_closed_bus_leaves_no_task_behind(world: World) -> None:
    before = asyncio.all_tasks()
    bus = await world.bus()
    consumer = await bus.consumer(*TASKS)
    await bus.subscribe("control.>")
    await bus.publish(tasks(b"one", b"two"))
    (await drain(consumer, 1))[0].ack()
    await bus.close()
    await bus.close()
    assert not bus.connected()
    assert asyncio.all_tasks() <= before
    with pytest.raises(BusUnavailable):
        await bus.publish(tasks(b"three"))


async def _note(restored: list[int], number: int = 0) -> None:
    restored.append(number)
