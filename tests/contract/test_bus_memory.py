"""What only the bus in memory has to get right: all its time is the clock's."""

import asyncio
import heapq

from hypothesis import given
from hypothesis import strategies as st

from mainspring.bus import subjects
from mainspring.bus.memory import MemoryBus
from mainspring.bus.plans import DUPLICATE_WINDOW, STREAMS, matches, stream_of
from mainspring.ports import Outgoing

TASK = subjects.TASK_QUEUE
TASKS = (subjects.TASKS, subjects.TASKS_CONSUMER, [TASK])
ACK_WAIT = STREAMS[subjects.TASKS].ack_wait
HOUR = 3600.0


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        wake = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, id(wake), wake))
        await wake

    async def move(self, seconds: float) -> None:
        """Let time pass, waking sleepers one after the other."""
        await _settle()
        end = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            self._now, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)
            await _settle()
        self._now = end


async def _settle() -> None:
    """Let everything run that can run now."""
    loop = asyncio.get_running_loop()
    for _ in range(10):
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn


async def test_unanswered_message_comes_again_exactly_at_its_time() -> None:
    clock = HandClock()
    bus = MemoryBus(clock)
    reader = await bus.consumer(*TASKS)
    await bus.publish([Outgoing(TASK, b"one")])
    await reader.fetch(1, timeout=0)
    again = asyncio.create_task(reader.fetch(1, timeout=HOUR))
    await clock.move(ACK_WAIT - 1)
    assert not again.done()
    await clock.move(1)
    assert [delivery.redelivered for delivery in await again] == [True]
    await bus.close()


async def test_fetch_ends_by_the_clock() -> None:
    clock = HandClock()
    bus = MemoryBus(clock)
    fetch = asyncio.create_task((await bus.consumer(*TASKS)).fetch(1, timeout=HOUR))
    await clock.move(HOUR - 1)
    assert not fetch.done()
    await clock.move(1)
    assert await fetch == []
    await bus.close()


async def test_id_may_be_used_again_after_the_window() -> None:
    clock = HandClock()
    bus = MemoryBus(clock)
    reader = await bus.consumer(*TASKS)
    for _ in range(3):
        await bus.publish([Outgoing(TASK, b"one", id="x")])
        await clock.move(DUPLICATE_WINDOW / 2 + 1)
    assert len(await reader.fetch(9, timeout=0)) == 2
    await bus.close()


async def test_waiting_readers_are_served_in_the_order_of_their_coming() -> None:
    bus = MemoryBus(HandClock())
    reader = await bus.consumer(*TASKS)
    fetches = [asyncio.create_task(reader.fetch(1, timeout=HOUR)) for _ in range(4)]
    await _settle()
    await bus.publish([Outgoing(TASK, b"%d" % number) for number in range(4)])
    got = [delivery.data for batch in await asyncio.gather(*fetches) for delivery in batch]
    assert got == [b"0", b"1", b"2", b"3"]
    await bus.close()


async def test_killed_service_restores_nothing() -> None:
    bus = MemoryBus(HandClock())
    killed = MemoryBus(HandClock(), broker=bus.broker)
    restored: list[str] = []
    bus.on_restore(lambda: _note(restored, "alive"))
    killed.on_restore(lambda: _note(restored, "killed"))
    await killed.close()
    bus.wipe()
    await _settle()
    assert restored == ["alive"]
    await bus.close()


TOKEN = st.sampled_from(["a", "b", "c"])


@given(st.lists(TOKEN, min_size=1, max_size=5), st.data())
def test_pattern_made_from_a_subject_matches_it(tokens: list[str], data: st.DataObject) -> None:
    pattern = [data.draw(st.sampled_from([token, "*"])) for token in tokens]
    cut = data.draw(st.integers(0, len(tokens) - 1))
    subject = ".".join(tokens)
    assert matches(".".join(pattern), subject)
    assert matches(".".join([*pattern[:cut], ">"]), subject)
    assert not matches(".".join([*pattern, ">"]), subject)
    assert not matches(".".join([*pattern, "*"]), subject)
    assert not matches(".".join([*pattern[:-1], "d"]), subject)


def test_every_subject_of_the_table_has_its_stream() -> None:
    assert stream_of(STREAMS, subjects.event("trigger", 3, "x", settled=True)) == subjects.EVENTS
    assert stream_of(STREAMS, subjects.result(1)) == subjects.RESULTS
    assert stream_of(STREAMS, TASK) == subjects.TASKS
    assert stream_of(STREAMS, subjects.cancel("x")) is None


async def _note(restored: list[str], name: str) -> None:
    restored.append(name)
