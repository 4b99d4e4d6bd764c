"""Who may begin a run: windows, shares and limits, by counts and on a clock that stands still."""

from contextlib import AsyncExitStack

import pytest

from mainspring.domain.envelope import EMPTY, head_of
from mainspring.domain.errors import Limited, LogUnavailable, Overloaded
from mainspring.domain.limits import parse
from mainspring.ports import Backlog
from mainspring.runtime.admission import LEAST, Admission, OpenDoor, Window
from mainspring.store.memory import MemoryStore
from mainspring.testing.plugins import StillClock
from mainspring.testing.samples import append, execution_row, execution_stream

TARGET = 0.05


class World:
    """A door before a store in memory, whose schedulers decide when the test says so."""

    def __init__(self, limits: str = "", most: int = 100) -> None:
        self.clock = StillClock()
        self.store = MemoryStore()
        self.door = Admission(self.store.views, self.clock, parse(limits), most=most, target=TARGET)
        self.runs = 0

    async def begin(self, project: str = "a", workflow: str = "w", **fields: object) -> None:
        """Begin a run that nobody decides about; raise what refuses it."""
        async with self.door.passage(project, workflow):
            self.runs += 1
            stream = execution_stream(self.runs)
            told = {"project": project, "name": workflow, "updated_at": self.clock.at}
            told |= {"handled_version": 0, "status": "running"}
            row = execution_row(stream, **(told | fields))
            await self.store.log.append([append(stream, EMPTY, row)])

    async def begun(self, count: int, project: str = "a", workflow: str = "w") -> int:
        """Ask for so many starts; return how many were let in."""
        before = self.runs
        for _ in range(count):
            try:
                await self.begin(project, workflow)
            except (Limited, Overloaded):
                continue
        return self.runs - before


async def test_an_open_door_lets_everybody_in() -> None:
    async with AsyncExitStack() as held:
        for _ in range(1000):
            await held.enter_async_context(OpenDoor().passage("a", "w"))


async def test_one_project_fills_half_of_the_queue_and_others_still_find_a_place() -> None:
    world = World(most=100)
    assert await world.begun(300, "flood") == 50
    assert await world.begun(20, "quiet") == 20
    with pytest.raises(Limited, match=r"limit flood queued"):
        await world.begin("flood")


async def test_the_queue_has_an_end_however_many_projects_ask() -> None:
    world = World(most=100)
    for n in range(300):
        await world.begun(5, f"p{n}")
    assert world.runs == 100
    with pytest.raises(Overloaded):
        await world.begin("late")


async def test_what_was_decided_meanwhile_makes_room_again() -> None:
    world = World(most=10)
    assert await world.begun(10) == 5
    for n in range(1, 6):
        stream = execution_stream(n)
        row = execution_row(stream, project="a", handled_version=1)
        head = head_of((await world.store.log.read([stream]))[stream][-1])
        await world.store.log.append([append(stream, head, row)])
    world.clock.at += 1
    assert await world.begun(10) == 5


async def test_a_log_that_is_away_during_a_look_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(most=10)

    async def away(*, limit: int) -> list[Backlog]:
        raise LogUnavailable(str(limit))

    monkeypatch.setattr(world.store.views, "backlog", away)
    assert await world.begun(10) == 5
    await world.door.look()
    assert await world.begun(10) == 0


async def test_a_project_begins_so_many_runs_a_second_and_no_more() -> None:
    world = World("a starts=10", most=10_000)
    assert await world.begun(50) == 10
    assert await world.begun(50, "b") == 50
    world.clock.at += 0.5
    assert await world.begun(50) == 5
    world.clock.at += 60
    assert await world.begun(50) == 10
    with pytest.raises(Limited, match=r"limit a starts") as refused:
        await world.begin()
    assert refused.value.delay >= 1


async def test_a_workflow_has_so_many_runs_that_have_not_ended() -> None:
    world = World("a/w runs=3; a runs=5", most=10_000)
    assert await world.begun(10, workflow="w") == 3
    with pytest.raises(Limited, match=r"workflow w may have 3 runs .* \(limit a/w runs\)"):
        await world.begin()
    assert await world.begun(10, workflow="other") == 2
    assert await world.begun(10, "b") == 10
    world.clock.at += 1
    assert await world.begun(10) == 0


async def test_runs_that_were_there_before_the_process_are_counted() -> None:
    world = World("a runs=5", most=10_000)
    assert await world.begun(3) == 3
    again = World("a runs=5", most=10_000)
    again.store, again.runs = world.store, world.runs
    again.door = Admission(
        world.store.views, again.clock, parse("a runs=5"), most=10_000, target=TARGET
    )
    assert await again.begun(10) == 2


async def test_starts_at_one_instant_do_not_pass_a_limit_together() -> None:
    world = World("a runs=3", most=10_000)
    async with AsyncExitStack() as held:
        for _ in range(3):
            await held.enter_async_context(world.door.passage("a", "w"))
        with pytest.raises(Limited):
            await held.enter_async_context(world.door.passage("a", "w"))
        world.clock.at += 60
        with pytest.raises(Limited):
            await held.enter_async_context(world.door.passage("a", "w"))
    world.clock.at += 60
    assert await world.begun(9) == 3, "none of those was written"


async def test_a_workflow_has_so_many_runs_that_wait_for_their_first_turn() -> None:
    world = World("*/* queued=2", most=10_000)
    assert await world.begun(9, "a", "v") == 2
    assert await world.begun(9, "a", "w") == 2
    with pytest.raises(Limited, match=r"wait for their first turn \(limit \*/\* queued\)"):
        await world.begin("a", "v")


def test_a_window_narrows_while_runs_wait_too_long_and_is_wide_again_after() -> None:
    window = Window(10_000, TARGET)
    window.learn(400, oldest=1.0, now=1.2)
    assert window.width == 560
    for n in range(20, 40):
        window.learn(window.width // 2, oldest=n * 0.1, now=n * 0.1 + 0.2)
    assert window.width == LEAST
    for _ in range(60):
        window.learn(0, None, 100.0)
    assert window.width == 10_000


def test_a_window_stays_as_it_is_while_nothing_has_a_turn() -> None:
    window = Window(10_000, TARGET)
    window.learn(1, oldest=5.0, now=5.0)
    for n in range(100):
        window.learn(n, oldest=5.0, now=6.0 + n)
    assert window.width == 10_000
