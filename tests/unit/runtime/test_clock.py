"""Time, identity and chance from the machine, and signals for tests."""

import re
import time
import uuid
from itertools import pairwise

import pytest

from mainspring.runtime.clock import SystemClock, SystemIds, SystemRandom
from mainspring.runtime.signal import Signal


def test_ids_are_version_seven_of_the_present_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    text = SystemIds().uuid7()
    after = time.time_ns() // 1_000_000
    id = uuid.UUID(text)
    assert (id.version, id.variant, str(id)) == (7, uuid.RFC_4122, text)
    assert before <= id.int >> 80 <= after


def test_ids_rise_also_within_a_millisecond() -> None:
    ids = SystemIds()
    made = [ids.uuid7() for _ in range(20_000)]
    assert all(one < two for one, two in pairwise(made))


def test_ids_rise_when_the_wall_clock_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = SystemIds()
    first = ids.uuid7()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    second = ids.uuid7()
    assert second > first
    assert second[:13] == first[:13]


def test_seeds_are_128_bits_in_hex_and_differ() -> None:
    one, two = SystemRandom().seed(), SystemRandom().seed()
    assert re.fullmatch("[0-9a-f]{32}", one)
    assert one != two


async def test_the_clock_sleeps_at_least_as_long_as_asked() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.001)
    assert clock.monotonic() - before >= 0.001
    assert abs(clock.now() - time.time()) < 1  # noqa: TID251 - compared with the machine's


async def test_an_unarmed_signal_keeps_nothing_and_cannot_be_waited_for() -> None:
    signal: Signal[int] = Signal()
    signal.send(1)
    with pytest.raises(RuntimeError, match="was not armed"):
        await signal.wait()


async def test_an_armed_signal_gives_what_was_sent_in_order() -> None:
    signal: Signal[int] = Signal()
    signal.arm()
    signal.send(1)
    signal.send(2)
    assert (await signal.wait(), await signal.wait()) == (1, 2)
    with pytest.raises(TimeoutError):
        await signal.wait(timeout=0.001)


async def test_a_disarmed_signal_forgets() -> None:
    signal: Signal[int] = Signal()
    signal.arm()
    signal.send(1)
    signal.disarm()
    signal.arm()
    with pytest.raises(TimeoutError):
        await signal.wait(timeout=0.001)
