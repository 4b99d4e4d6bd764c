"""One at a time for each thing, first come first served, and nothing is left behind."""

import asyncio

import pytest

from mainspring.domain.errors import LogUnavailable
from mainspring.runtime.turns import LONGEST, TRIES, Turns, pause
from mainspring.testing.patience import moment, until


async def test_one_thing_is_changed_by_one_at_a_time_in_the_order_of_arrival() -> None:
    turns, seen, inside = Turns(), list[int](), [0]

    async def change(n: int) -> None:
        async with turns.of("x"):
            inside[0] += 1
            assert inside == [1]
            await moment(0)
            seen.append(n)
            inside[0] -= 1

    await asyncio.gather(*map(change, range(20)))
    assert seen == list(range(20))
    assert len(turns) == 0


async def test_two_things_have_two_lines() -> None:
    turns = Turns()
    async with turns.of("x"), turns.of("y"):
        assert len(turns) == 2
    assert len(turns) == 0


async def test_who_is_cancelled_in_the_line_holds_up_nobody() -> None:
    turns, order = Turns(), list[str]()

    async def change(name: str) -> None:
        async with turns.of("x"):
            order.append(name)

    async with turns.of("x"):
        waiting = [asyncio.create_task(change(name)) for name in "abc"]
        await until(lambda: turns.waiting("x") == 4)
        waiting[1].cancel()
    await asyncio.wait(waiting)
    assert order == ["a", "c"]
    assert len(turns) == 0


async def test_a_fault_of_one_is_no_fault_of_the_next() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError):
        async with turns.of("x"):
            raise ZeroDivisionError
    async with turns.of("x"):
        assert len(turns) == 1


async def test_that_the_log_is_away_is_told_to_the_whole_line_and_to_nobody_later() -> None:
    turns, tried = Turns(), list[int]()

    async def change(n: int) -> None:
        async with turns.of("x"):
            tried.append(n)
            await moment(0)
            raise LogUnavailable("away", delay=7.0)

    told = await asyncio.gather(*map(change, range(5)), return_exceptions=True)
    assert [type(each) for each in told] == [LogUnavailable] * 5
    assert {each.delay for each in told if isinstance(each, LogUnavailable)} == {7.0}
    assert tried == [0]
    assert len(turns) == 0
    with pytest.raises(LogUnavailable):
        await change(9)
    assert tried == [0, 9]


def test_the_first_repetition_is_at_once_and_later_ones_spread_out() -> None:
    assert (pause(0, "s"), pause(1, "s")) == (0.0, 0.0)
    for tries in range(2, TRIES):
        pauses = {pause(tries, f"{n:032x}") for n in range(20)}
        assert len(pauses) == 20
        assert all(0 <= each < LONGEST for each in pauses)
    assert LONGEST * TRIES < 3.0
