"""The simulation itself: it repeats itself, and it finds what is wrong."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextvars import copy_context
from itertools import accumulate
from pathlib import Path

import pytest

from mainspring.domain.errors import IllegalTransition
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.decide import drafted
from mainspring.domain.execution.draft import Draft
from mainspring.domain.execution.evolve import evolve
from mainspring.domain.execution.front import Front
from mainspring.domain.execution.state import Execution, StepState
from mainspring.domain.graph import Graph
from mainspring.domain.message import Json, replace
from mainspring.http.sse import resume_from
from mainspring.testing.simulation.campaign import live, loaded
from mainspring.testing.simulation.faults import KINDS
from mainspring.testing.simulation.loop import (
    OWNER,
    Deadlock,
    OutOfBounds,
    OutOfTime,
    SimulatedLoop,
)
from mainspring.testing.simulation.run import Kind, simulate
from mainspring.testing.simulation.scripts import Script, read
from mainspring.testing.simulation.shrink import Shrinker, nature
from mainspring_api.dialects.starters.signed import Mark

DIGEST = (
    "from mainspring.testing.simulation.campaign import loaded;"
    "from mainspring.testing.simulation.run import simulate;"
    "print(*(simulate(seed, loaded(), kind).digest() for kind, seed in [('sagas', 3),"
    "('native', 10), ('flows', 16)]))"
)
MOST_SEEDS = 40
"""Histories within which a planted fault must be found; most are found in the first few."""

SETTLING = "mainspring.domain.execution.settling"
FOLLOWERS = "mainspring_scheduler.followers.Followers"
WEBHOOKS = "mainspring_api.dialects.starters.webhooks"
RUNS = "mainspring_api.dialects.native.runs.changes"
Decide = Callable[[c.Recorded | c.Advance, Execution], Draft]


def digests_of_another_process(hash_seed: str) -> list[str]:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], env=environment, capture_output=True, check=True, text=True
    )
    return done.stdout.split()


def test_one_seed_is_one_history_in_every_process() -> None:
    seeds: list[tuple[Kind, int]] = [("sagas", 3), ("native", 10), ("flows", 16)]
    here = [simulate(seed, loaded(), kind).digest() for kind, seed in seeds]
    assert digests_of_another_process("1") == here
    assert digests_of_another_process("2") == here


# Planted faults: each is a line that somebody could forget.


def without_fence(command: c.Recorded | c.Advance, x: Execution) -> Draft:
    """Take any report for one about the present attempt."""
    if isinstance(command, c.RecordReport):
        call = command.report.call
        state = x.of(call.ref, call.phase)
        if state is not None:
            present = replace(call, visit=state.visit, attempt=state.attempt)
            command = replace(command, report=replace(command.report, call=present))
    return drafted(command, x)


def with_hasty_timers(command: c.Recorded | c.Advance, x: Execution) -> Draft:
    """Wake sleepers two seconds early."""
    hasty = x
    for step in x.open_steps():
        if step.wake_at is not None:
            soon = replace(step, wake_at=step.wake_at - 2)
            hasty = replace(hasty, steps=hasty.steps.set(step.ref, soon))
    draft = drafted(command, hasty)
    states = list(accumulate(draft.events, evolve, initial=x))
    draft.x, draft.states = states[-1], states[1:]
    return draft


async def sweep_nothing(_: object) -> int:
    return 0


async def start_nothing(*_: object) -> None:
    """Acknowledge a run that was never written."""


def note_nothing(*_: object) -> None:
    """Leave a new timer to the next load."""


def resume_too_far(headers: Mapping[str, str], query: Mapping[str, str]) -> int | None:
    """Pass over the event behind the last one that a reader has seen."""
    after = resume_from(headers, query)
    return after + 1 if after else after


def demand_nothing(*_: object) -> None:
    """Let anybody settle a wait that is over."""


def of_anybody(command: c.Approve | c.Reject, x: Execution, asked: str) -> StepState:
    """Let whoever comes decide."""
    step = x.of(command.ref)
    if step is None or step.opened is None or step.kind != "approval":
        raise IllegalTransition(asked, x.status)
    return step


def give_nothing(_: Execution) -> dict[str, object]:
    """Forget what a child has come to, or what a retried run had done."""
    return {}


async def follow_nothing(*_: object) -> None:
    """Pass over an end that somebody follows."""


def fire_nothing(*_: object) -> tuple[float, ...]:
    """Leave out every instant that is due."""
    return ()


def always_fresh(*_: object) -> Mark:
    """Take each call of a webhook for a delivery of its own."""
    return Mark()


def catch_up_with_all(_: str, __: object, ready: tuple[float, ...], ___: float) -> Json:
    """Start every instant that was missed, whatever the policy."""
    return ready


def all_steps(x: Execution) -> int:
    """Take what comes after the work for a part of it."""
    return x.definition.graph.work | x.definition.graph.epilogue


def all_ready(front: Front, graph: Graph) -> int:
    """Let each step begin, whatever it needs."""
    return (graph.work | graph.epilogue) & ~front.begun


def nothing_left(*_: object) -> bool:
    """Take a loop for done before all its items are."""
    return False


def log_nothing(*_: object) -> None:
    """Lose what was said."""


@pytest.mark.parametrize(
    ("kind", "where", "planted", "law"),
    [
        ("sagas", "mainspring_scheduler.advance.drafted", without_fence, "is recorded twice"),
        ("sagas", "mainspring_scheduler.advance.drafted", with_hasty_timers, "[early]"),
        ("sagas", "mainspring_scheduler.sweep.Sweep.tick", sweep_nothing, "is stuck"),
        ("sagas", "mainspring_scheduler.timers.Timers.note", note_nothing, "before it went on"),
        ("sagas", "mainspring.runtime.engine.Engine.start", start_nothing, "was answered with"),
        ("sagas", "mainspring_events.app.resume_from", resume_too_far, "a watcher never saw"),
        ("native", f"{SETTLING}._demand_waiting", demand_nothing, "[trigger] received after"),
        ("native", f"{SETTLING}._approval", of_anybody, "who is none of"),
        ("native", "mainspring_scheduler.children.given", give_nothing, "did not give"),
        ("native", f"{RUNS}.kept_of", give_nothing, "[retry] it keeps"),
        ("native", "mainspring.domain.execution.front.Front.ready", all_ready, "[needs]"),
        ("flows", f"{FOLLOWERS}._start", follow_nothing, "[follow]"),
        ("flows", "mainspring.domain.starters._chosen", fire_nothing, "[schedule] it leaves out"),
        ("flows", "mainspring.domain.starters._chosen", catch_up_with_all, "[schedule]"),
        ("flows", f"{WEBHOOKS}.mark_of", always_fresh, " has 2 runs"),
        ("flows", "mainspring.domain.planner.dag._planned", all_steps, "[epilogue]"),
        ("flows", "mainspring.domain.planner.loops._rest", nothing_left, "[items]"),
        ("flows", "mainspring.domain.execution.steps._log", log_nothing, "was heard 0 times"),
    ],
    ids=[
        "a late report is taken",
        "a timer fires early",
        "nothing is swept",
        "a new timer is not noted",
        "an acknowledged start is not written",
        "a stream resumes too far",
        "an event is received twice",
        "a stranger approves",
        "a child's output is lost",
        "a retry forgets",
        "a step does not wait for what it needs",
        "an end is not followed",
        "an instant is left out",
        "a catch-up goes beyond its policy",
        "a delivery starts a second run",
        "what comes after the work begins with it",
        "a loop ends too soon",
        "what a plugin says is lost",
    ],
)
def test_a_planted_fault_is_found(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, where: str, planted: object, law: str
) -> None:
    monkeypatch.setattr(where, planted)
    told = ""
    for seed in range(MOST_SEEDS):
        told = simulate(seed, loaded(), kind).told()
        if law in told:
            return
    pytest.fail(
        f"{MOST_SEEDS} histories with a planted fault, and none breaks {law!r}; the last: {told}"
    )


# The loop.


def test_waiting_costs_no_time_and_ends_in_order() -> None:
    loop = SimulatedLoop(1)
    ended: list[int] = []

    async def wait(seconds: int) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - the loop is the subject
        ended.append(seconds)

    async def main() -> None:
        await asyncio.gather(*(wait(seconds) for seconds in (86_400, 1, 3600)))

    loop.run_until_complete(main())
    loop.close()
    assert ended == [1, 3600, 86_400]
    assert loop.time() == 86_400


def test_what_is_ready_runs_in_an_order_of_the_seed() -> None:
    def order(seed: int) -> list[int]:
        loop = SimulatedLoop(seed)
        ran: list[int] = []

        async def main() -> None:
            for n in range(10):
                loop.call_soon(ran.append, n)
            await asyncio.sleep(1)  # noqa: TID251 - the loop is the subject

        loop.run_until_complete(main())
        loop.close()
        return ran

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(5)}) == 5


def test_what_can_never_come_is_a_deadlock() -> None:
    loop = SimulatedLoop()
    forever = loop.create_future()
    with pytest.raises(Deadlock):
        loop.run_until_complete(forever)
    loop.close()


def test_what_goes_on_for_ever_is_out_of_time() -> None:
    loop = SimulatedLoop(bound=1000.0)

    def tick() -> None:
        loop.call_later(10, tick)

    tick()
    with pytest.raises(OutOfTime):
        loop.run_until_complete(loop.create_future())
    loop.close()


def test_the_real_world_is_out_of_bounds() -> None:
    loop = SimulatedLoop()

    async def main() -> None:
        with pytest.raises(OutOfBounds):
            await asyncio.to_thread(int)

    loop.run_until_complete(main())
    loop.close()


def test_the_page_names_every_kind_of_fault() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text()
    named = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert named == list(KINDS)


def test_a_process_that_stands_still_catches_up_when_it_goes_on() -> None:
    loop = SimulatedLoop(1)
    ran: list[tuple[str, float]] = []

    async def tick(name: str) -> None:
        for _ in range(3):
            await asyncio.sleep(1)  # noqa: TID251 - the loop is the subject
            ran.append((name, loop.time()))

    async def main() -> None:
        own = copy_context()
        own.run(OWNER.set, "stopped")
        stopped = loop.create_task(tick("stopped"), context=own)
        loop.stop_process("stopped")
        await tick("other")
        loop.go_on("stopped")
        await stopped

    loop.run_until_complete(main())
    loop.close()
    assert ran == [("other", n) for n in (1, 2, 3)] + [("stopped", n) for n in (4, 5, 6)]


# Scripts.


@pytest.mark.parametrize("seed", ["5", "native:5", "flows:5"])
def test_a_script_of_all_that_happened_is_the_same_history(seed: str) -> None:
    whole = live(Script(seed))
    again = live(read(whole.script.text.encode()))
    assert (again.digest(), again.script) == (whole.digest(), whole.script)


def test_a_bad_history_is_made_short_and_stays_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.runtime.engine.Engine.start", start_nothing)
    whole = live(Script("1"))
    shrinker = Shrinker(live, most=40)
    short = shrinker.shrunk(whole)
    assert set(map(nature, short.violations)) & set(map(nature, whole.violations))
    assert len(short.script.people or ()) == 1
    assert not short.script.faults
    assert shrinker.tries <= 40
