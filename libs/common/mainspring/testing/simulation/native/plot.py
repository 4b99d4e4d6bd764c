"""The plot of the native dialect: people with workflows that wait for each other and for people."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

from mainspring.domain.envelope import Envelope
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import event_of
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import Json
from mainspring.domain.rows import ExecutionRow
from mainspring.testing.simulation import laws
from mainspring.testing.simulation.helping import help_out
from mainspring.testing.simulation.native.people import Person
from mainspring.testing.simulation.native.requests import RUNS, unexpected
from mainspring.testing.simulation.native.script import Writer
from mainspring.testing.simulation.past import moments
from mainspring.testing.simulation.plot import Stage

FEWEST_RUNS: Final = 8
MOMENTS: Final = 2
WORDS: Final = {"unwinding": "compensating", "succeeded": "completed"}

STEP_WORDS: Final[Mapping[str, str]] = {
    "scheduled": "running",
    "running": "running",
    "retrying": "running",
    "sleeping": "waiting",
    "waiting": "waiting",
    "succeeded": "completed",
    "failed": "failed",
    "skipped": "skipped",
    "canceled": "canceled",
    "reset": "pending",
}
SETTLED: Final = {
    "rejected": "failed",
    "canceled": "failed",
    "failed": "failed",
    "skipped": "skipped",
}


class NativePlot:
    """Runs wait for events, for people and for each other; somebody helps them at the end."""

    night = lull = 0.0

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._people = [self._person(n) for n in range(FEWEST_RUNS + stage.chance.whole(0, 1))]

    def actors(self) -> Sequence[Person]:
        """Return the people."""
        return self._people

    def _person(self, n: int) -> Person:
        own = self._stage.chance.child(str(n))
        chance = own.child("workflow")
        writer = Writer(chance, self._stage.peers, f"w{n}", is_solid=chance.hits(0.3))
        return Person(self._stage, own, writer.workflow(), f"key-{n}")

    async def help(self) -> None:
        """Do what runs wait for."""
        await help_out(self._stage)

    async def look_back(self) -> Sequence[str]:
        """Ask how some runs stood at some time, and compare with what the log says."""
        stage = self._stage
        found: list[str] = []
        for moment in moments(stage.tables.log, stage.chance.child("past"), MOMENTS):
            run = f"{RUNS}/{moment.x.id}"
            for path, wanted in ((run, _words(moment.x)), (f"{run}/steps", [_steps(moment.x)])):
                asked = f"{path}?as_of={moment.position}"
                answer = await stage.client.ask("GET", asked)
                shown = _shown(answer.body) if answer is not None else None
                if shown not in wanted:
                    found.append(f"GET {asked} shows {shown}, and it was {wanted}")
        return found

    def judged(self, rows: Mapping[str, ExecutionRow], log: Sequence[Envelope]) -> Iterator[str]:
        """Hold starts, ends and answers to what was promised."""
        starts = [started for person in self._people for started in person.starts]
        yield from laws.promises(starts, rows, log)
        yield from self._replayed(log)
        yield from unexpected(self._stage.client.asked)
        for person in self._people:
            yield from self._ends(person, rows)

    def _replayed(self, log: Sequence[Envelope]) -> Iterator[str]:
        """Hold that a run is replayed in bulk no more often than somebody asked for."""
        asked = sum((person.replays for person in self._people), Counter[str]())
        found: Counter[str] = Counter()
        for envelope in log:
            if envelope.type == "ExecutionRequested" and envelope.meta.idempotency is None:
                event = event_of(envelope)
                if isinstance(event, e.ExecutionRequested) and event.retry_of is not None:
                    found[event.retry_of] += 1
        for id, count in sorted((found - asked).items()):
            yield f"run {id} was replayed {count} times more than anybody asked for"

    def _ends(self, person: Person, rows: Mapping[str, ExecutionRow]) -> Iterator[str]:
        """Hold that no run ends badly unless the world or somebody did something to it."""
        family = {workflow.slug: workflow for workflow in person.workflow.family()}
        own = [row for row in rows.values() if row.name in family]
        is_blamed = any(row.id in self._stage.peers.blamed for row in own)
        for row in own:
            workflow = family[row.name]
            if workflow.is_solid and not person.harm and row.status != "succeeded":
                yield f"run {row.id} is {row.status} although all went well: {row.reason}"
            excused = is_blamed or person.harm or person.workflow.may_fail
            if row.status in ("failed", "corrupted", "timed_out") and not excused:
                yield f"run {row.id} is {row.status} although nobody failed it: {row.reason}"
            if row.status == "canceled" and not (
                person.harm or person.workflow.may_fail or is_blamed
            ):
                yield f"run {row.id} was canceled by nobody"


def _shown(body: Json) -> Json:
    """Return what an answer says of a run or of its steps, in the dialect's words."""
    if isinstance(body, list):
        return {one["step_ref"]: one["status"] for one in cast("list[Json]", body)}
    return cast("dict[str, Json]", body).get("status") if isinstance(body, dict) else None


def _steps(x: Execution) -> Json:
    """Return the dialect's words for the steps of a state: what was settled shows at once."""
    return {step.ref: _step(x, step.ref) for step in x.definition.steps}


def _step(x: Execution, ref: str) -> str:
    state = x.of(ref)
    status = state.status if state is not None else "reset"
    if status in ("reset", "waiting", "sleeping", "retrying"):
        settled = x.forced.get(ref) or (state.resolution if state is not None else None)
        if settled is not None:
            return SETTLED.get(settled.how, "completed")
    return STEP_WORDS[status]


def _words(x: Execution) -> tuple[str, ...]:
    """Return the dialect's words for a state; compensations have ends of their own."""
    word = WORDS.get(x.status, x.status)
    if x.is_terminal and x.handled < x.version:
        return ("running",)  # a step of it was asked to run again
    if x.status == "corrupted":
        return ("compensation_failed",)
    ended = x.status in ("failed", "timed_out", "canceled")
    return (word, "compensated") if ended else (word,)
