"""The load: bounded runs one at a time, and many in flight of which all that end are counted."""

import asyncio

from benchmarks.peers.measure import Pace, alone, flood

PACE = Pace(seconds=0.05, in_flight=4, patience_s=0.05)


async def done() -> None:
    await asyncio.to_thread(int)


async def test_runs_alone_are_as_many_as_were_asked_for() -> None:
    assert len(await alone(done, 7, 60.0)) == 7


async def test_no_run_alone_is_started_after_its_time() -> None:
    assert await alone(done, 7, 0.0) == []


async def test_so_many_are_in_flight_and_no_more() -> None:
    now = most = 0

    async def run() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await done()
        now -= 1

    seen = await flood(run, PACE)
    assert most == 4
    assert (seen.failed, seen.unfinished) == (0, 0)
    assert seen.ended > 4


async def test_what_is_in_flight_when_the_time_is_over_is_waited_for() -> None:
    async def run() -> None:
        await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=0.06)

    seen = await flood(run, PACE._replace(seconds=0.01, patience_s=30.0))
    assert (seen.ended, seen.unfinished) == (4, 0)
    assert seen.seconds >= 0.06


async def test_what_never_ends_is_unfinished_and_bounds_the_time() -> None:
    async def run() -> None:
        await asyncio.Event().wait()

    seen = await flood(run, PACE)
    assert (seen.ended, seen.unfinished) == (0, 4)
    assert seen.seconds >= 0.1


async def test_a_failed_run_is_counted_and_the_first_reason_kept() -> None:
    async def run() -> None:
        await done()
        raise RuntimeError("refused")

    seen = await flood(run, PACE)
    assert seen.ended == 0
    assert seen.failed >= 4
    assert seen.fault == "refused"
