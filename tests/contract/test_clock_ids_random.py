"""The laws of the ports Clock, Ids and Random, for the machine's own and for the simulated ones.

A law is a coroutine, because simulated time passes only on its own loop: each world runs it there.
"""

import asyncio
import re
import uuid
from collections.abc import Callable, Coroutine
from itertools import pairwise
from threading import Thread
from typing import Any, NamedTuple, TypeAlias

import pytest

from mainspring.ports import Clock, Ids, Random
from mainspring.runtime.clock import SystemClock, SystemIds, SystemRandom
from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.loop import SimulatedLoop
from mainspring.testing.simulation.world import SimulatedClock, SimulatedIds, SimulatedRandom

TICK = 1e-6
"""Seconds that a loop's timer may be off the clock that measures it."""


class Ports(NamedTuple):
    clock: Clock
    ids: Ids
    chance: Random


Law: TypeAlias = Callable[[Ports], Coroutine[Any, Any, None]]


def machine(law: Law) -> None:
    asyncio.run(law(Ports(SystemClock(), SystemIds(), SystemRandom())))


def simulation(law: Law) -> None:
    loop = SimulatedLoop(1)
    try:
        clock, chance = SimulatedClock(skew=3.0), Chance(1, "test")
        ports = Ports(clock, SimulatedIds(chance, clock), SimulatedRandom(chance))
        loop.run_until_complete(law(ports))
    finally:
        loop.close()


World: TypeAlias = Callable[[Law], None]


@pytest.fixture(params=[machine, simulation])
def world(request: pytest.FixtureRequest) -> World:
    found: World = request.param
    return found


def test_monotonic_time_never_goes_back(world: World) -> None:
    async def law(at: Ports) -> None:
        seen: list[float] = []
        for n in range(2000):
            seen.append(at.clock.monotonic())
            if n % 100 == 0:
                await at.clock.sleep(0)
        assert seen == sorted(seen)

    world(law)


def test_nobody_is_woken_early(world: World) -> None:
    async def law(at: Ports) -> None:
        async def sleep(seconds: float) -> None:
            began, since = at.clock.now(), at.clock.monotonic()
            await at.clock.sleep(seconds)
            assert at.clock.monotonic() - since >= seconds - TICK
            # The wall clock may be set meanwhile, but not by this test.
            assert at.clock.now() - began >= seconds - 0.001

        await asyncio.gather(*(sleep(n / 1000) for n in range(30)))

    world(law)


def test_sleepers_wake_in_the_order_of_their_instants(world: World) -> None:
    async def law(at: Ports) -> None:
        woken: list[float] = []

        async def sleep(seconds: float) -> None:
            await at.clock.sleep(seconds)
            woken.append(seconds)

        await asyncio.gather(*map(sleep, (0.06, 0.02, 0.0, 0.04)))
        assert woken == [0.0, 0.02, 0.04, 0.06]

    world(law)


@pytest.mark.parametrize("seconds", [0, -1])
def test_who_does_not_sleep_lets_others_go_first(world: World, seconds: float) -> None:
    async def law(at: Ports) -> None:
        turns: list[str] = []

        async def other() -> None:
            turns.append("other")

        task = asyncio.create_task(other())
        while not turns:
            await at.clock.sleep(seconds)
        await task

    world(law)


def test_a_sleep_that_is_cancelled_ends_at_once(world: World) -> None:
    async def law(at: Ports) -> None:
        since = at.clock.monotonic()
        sleeping = asyncio.create_task(at.clock.sleep(3600))
        await at.clock.sleep(0)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        assert at.clock.monotonic() - since < 60

    world(law)


def test_both_clocks_go_at_one_pace(world: World) -> None:
    async def law(at: Ports) -> None:
        offset = at.clock.now() - at.clock.monotonic()
        await at.clock.sleep(0.05)
        assert abs(at.clock.now() - at.clock.monotonic() - offset) < 0.05

    world(law)


def test_an_id_is_a_uuid_of_version_seven_of_the_present(world: World) -> None:
    async def law(at: Ports) -> None:
        before = int(at.clock.now() * 1000)
        text = at.ids.uuid7()
        after = int(at.clock.now() * 1000)
        id = uuid.UUID(text)
        assert (id.version, id.variant, str(id)) == (7, uuid.RFC_4122, text)
        assert before <= id.int >> 80 <= after

    world(law)


def test_ids_rise_within_a_millisecond_and_over_time(world: World) -> None:
    async def law(at: Ports) -> None:
        made: list[str] = []
        for n in range(5000):
            made.append(at.ids.uuid7())
            if n % 1000 == 0:
                await at.clock.sleep(0.002)
        assert all(one < two for one, two in pairwise(made))

    world(law)


def test_ids_of_many_tasks_differ(world: World) -> None:
    async def law(at: Ports) -> None:
        made: list[str] = []

        async def make() -> None:
            for _ in range(100):
                made.append(at.ids.uuid7())
                await at.clock.sleep(0)

        await asyncio.gather(*(make() for _ in range(50)))
        assert len(set(made)) == 5000

    world(law)


def test_the_tails_of_ids_cannot_be_foretold(world: World) -> None:
    async def law(at: Ports) -> None:
        tails: list[str] = []
        for _ in range(64):
            await at.clock.sleep(0.001)
            tails.append(at.ids.uuid7()[-4:])
        # A partition is read from it, so it must not stand still.
        assert len(set(tails)) > 50

    world(law)


def test_ids_of_other_makers_are_others(world: World) -> None:
    async def law(at: Ports) -> None:
        theirs = SystemIds()
        made = [each.uuid7() for _ in range(1000) for each in (at.ids, theirs)]
        assert len(set(made)) == 2000

    world(law)


def test_ids_differ_also_when_threads_ask_for_them() -> None:
    ids = SystemIds()
    made: list[list[str]] = []

    def make() -> None:
        made.append([ids.uuid7() for _ in range(5000)])

    threads = [Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id for each in made for id in each}) == 20_000


def test_a_seed_has_128_bits_in_hex(world: World) -> None:
    async def law(at: Ports) -> None:
        seeds = [at.chance.seed() for _ in range(200)]
        assert all(re.fullmatch("[0-9a-f]{32}", seed) for seed in seeds)
        numbers = [int(seed, 16) for seed in seeds]
        for bit in range(128):
            assert {number >> bit & 1 for number in numbers} == {0, 1}

    world(law)


def test_no_two_seeds_are_one(world: World) -> None:
    async def law(at: Ports) -> None:
        assert len({at.chance.seed() for _ in range(5000)}) == 5000

    world(law)
