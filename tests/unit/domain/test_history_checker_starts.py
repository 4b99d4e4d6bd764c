"""The laws of what starts runs and of what comes after their work; mutants break them.

As in the other tests of the checker, a mutant spoils the events and seals them again.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from mainspring.domain import catalog
from mainspring.domain import starters as s
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import EMPTY, Envelope, Head, Meta, StreamId, head_of, seal
from mainspring.domain.execution import events as e
from mainspring.domain.message import Message, replace
from mainspring.domain.task import LogLine
from mainspring.http.instants import shown
from mainspring.testing import epilogues, occasions
from mainspring.testing.history import check, report
from mainspring.testing.occasions import Occasions
from mainspring.testing.shapes import dag, finishing, needing
from mainspring.testing.spec import EXECUTION, START, requested

PLAIN = dag(needing("a"))
CLOCK = "01a00000-0000-7000-8000-0000000000c1"
FOLLOWER = "01a00000-0000-7000-8000-0000000000f1"


class Told(NamedTuple):
    """An event of a stream, and when it was recorded."""

    stream: StreamId
    event: Message
    at: float
    causation: str = ""


Story = list[Told]


def sealed(story: Sequence[Told], *definitions: Definition) -> list[Envelope]:
    log: list[Envelope] = []
    for definition in definitions:
        fact = catalog.DefinitionCompiled(definition=definition)
        stream = StreamId("compiled", definition.hash)
        log += seal(stream, EMPTY, [fact], meta=Meta(), project="", now=START)
    heads: dict[StreamId, Head] = {}
    for stream, event, at, causation in story:
        head, meta = heads.get(stream, EMPTY), Meta(causation=causation)
        log += seal(stream, head, [event], meta=meta, project="default", now=at)
        heads[stream] = head_of(log[-1])
    return [replace(one, position=n + 1) for n, one in enumerate(log)]


def broken(story: Sequence[Told], *definitions: Definition) -> set[str]:
    """Return the laws of starters and epilogues that a log breaks, also at its end."""
    log = sealed(story, *definitions)
    found = check(log)
    mine = {*epilogues.LAWS, *occasions.LAWS}
    return {one.law for one in found if one.law in mine} | owed(story)


def owed(story: Sequence[Told]) -> set[str]:
    books = Occasions()
    for envelope, told in zip(sealed(story), story, strict=True):
        list(books.note(envelope, told.event))
    return {fault.law for _, fault in books.owed(story[-1].at, 1.0)}


# Schedules: every ten seconds from START on; catches up with what was missed.

SPEC = s.Schedule(interval=10.0, catchup="all")


def starter(event: s.Event, at: float, id: str = CLOCK) -> Told:
    return Told(StreamId("starter", id), event, at)


def started(instant: float, at: float) -> Told:
    """Return the run of an instant."""
    trigger = {"type": "schedule", "scheduled_at": shown(instant)}
    event = replace(requested(PLAIN, at=at), payload={"trigger": trigger}, triggered_by="schedule")
    stream = StreamId("execution", s.run_at(CLOCK, instant))
    return Told(stream, event, at, f"starter-{CLOCK}")


def fired(instant: float, at: float, next_at: float | None = None) -> Told:
    run = s.run_at(CLOCK, instant)
    coming = START + (int((at - START) / 10) + 1) * 10 if next_at is None else next_at
    event = s.StarterFired(instant=instant, execution=run, next_at=coming, due_at=coming, at=at)
    return starter(event, at)


def schedule(spec: s.Schedule = SPEC) -> Told:
    first = START + 10
    wish = s.StarterSet(
        dialect="flows", workflow="w", spec=spec, next_at=first, due_at=first, at=START
    )
    return starter(wish, START)


FIRST, SECOND, LATE = START + 10.0, START + 20.0, START + 125.0
GONE = starter(s.StarterRemoved(at=START + 130), START + 130)


def ticking() -> Story:
    """Fire two instants, each when it is due."""
    once = [started(FIRST, FIRST + 0.1), fired(FIRST, FIRST + 0.1)]
    return [schedule(), *once, started(SECOND, SECOND), fired(SECOND, SECOND), GONE]


def catching_up(*left_out: float, spec: s.Schedule = SPEC, note: bool = False) -> Story:
    """Fire at once all that was missed for two minutes."""
    coming = START + 130
    told = s.StarterSkipped(note="some were missed", next_at=coming, due_at=coming, at=LATE)
    instants = [START + 10 * n for n in range(1, 13) if START + 10 * n not in left_out]
    return [
        schedule(spec),
        *(started(at, LATE) for at in instants),
        *([starter(told, LATE)] if note else []),
        *(fired(at, LATE) for at in instants),
        GONE,
    ]


OLD = [START + 10.0 * n for n in range(1, 7)]
"""The instants that were missed by more than a minute."""


@pytest.mark.parametrize(
    "story",
    [
        ticking(),
        catching_up(),
        catching_up(*OLD, spec=replace(SPEC, catchup="none"), note=True),
        catching_up(*OLD, spec=replace(SPEC, catchup="last"), note=True),
        catching_up(*OLD[:-1], spec=replace(SPEC, max_late=66.0), note=True),
    ],
    ids=["ticking", "all", "none", "last", "within"],
)
def test_a_good_schedule_has_no_violation(story: Story):
    assert broken(story, PLAIN) == set(), report(check(sealed(story, PLAIN)))


def early() -> Story:
    """Fire before the instant."""
    return [schedule(), started(FIRST, FIRST - 1), fired(FIRST, FIRST - 1, FIRST), GONE]


def begun_early() -> Story:
    """Start the run before the instant, and tell of it in time."""
    return [schedule(), started(FIRST, FIRST - 1), fired(FIRST, FIRST), GONE]


def twice() -> Story:
    """Fire one instant two times."""
    story = ticking()
    return [*story[:3], fired(FIRST, FIRST + 0.2), *story[3:]]


def passed_over() -> Story:
    """Leave out an instant and go on with the next."""
    return [schedule(), started(SECOND, SECOND), fired(SECOND, SECOND), GONE]


def caught_up_with_less() -> Story:
    """Leave out one of many that were missed, and tell nobody."""
    return catching_up(OLD[2])


def caught_up_with_more() -> Story:
    """Make up for what the policy leaves out."""
    return catching_up(spec=replace(SPEC, catchup="none"), note=True)


def of_another_instant() -> Story:
    """Name the run of another instant."""
    story = ticking()
    event = replace(story[2].event, execution=s.run_at(CLOCK, SECOND))
    return [*story[:2], story[2]._replace(event=event), *story[3:]]


def without_a_run() -> Story:
    """Say that a run was started which is not there."""
    return [told for told in ticking() if told.stream.category == "starter"]


def never_fired() -> Story:
    """Let an instant pass."""
    return [schedule(), starter(s.StarterBackfilled(since=0, until=0, instants=0, at=LATE), LATE)]


def while_paused() -> Story:
    """Fire although somebody has paused it."""
    story = ticking()
    return [story[0], starter(s.StarterPaused(at=START + 1), START + 1), *story[1:]]


def begun_elsewhere() -> Story:
    """Begin with another instant than the one that comes next."""
    wrong = replace(schedule().event, next_at=SECOND)
    return [schedule()._replace(event=wrong), GONE]


SCHEDULES: list[Callable[[], Story]] = [
    early,
    begun_early,
    twice,
    passed_over,
    caught_up_with_less,
    caught_up_with_more,
    of_another_instant,
    without_a_run,
    never_fired,
    while_paused,
    begun_elsewhere,
]


@pytest.mark.parametrize("spoil", SCHEDULES)
def test_a_spoiled_schedule_breaks_its_law(spoil: Callable[[], Story]):
    assert broken(spoil(), PLAIN) == {"schedule"}


# Followers.


def run(*events: e.Event) -> Story:
    stream = StreamId("execution", EXECUTION)
    return [Told(stream, event, START + 1) for event in (requested(PLAIN), *events)]


def follower(*statuses: str, workflow: str = "") -> Told:
    spec = s.Follow(workflow=workflow or requested(PLAIN).name, statuses=statuses)
    wish = s.StarterSet(dialect="flows", workflow="w", spec=spec, at=START)
    return starter(wish, START, FOLLOWER)


def following(ended: str = EXECUTION, id: str = "") -> Told:
    payload = {"trigger": {"type": "flow", "execution": {"id": ended}}}
    event = replace(requested(PLAIN), payload=payload, triggered_by="flow")
    run = id or s.run_after(FOLLOWER, ended)
    return Told(StreamId("execution", run), event, START + 2, f"starter-{FOLLOWER}")


DONE: Story = run(
    e.ExecutionStarted(at=START),
    e.StepScheduled(ref="a", at=START),
    e.StepStarted(ref="a", attempt=1, at=START),
    e.StepSucceeded(ref="a", at=START),
    e.ExecutionSucceeded(at=START),
)


@pytest.mark.parametrize(
    "story",
    [
        [follower(), *DONE, following()],
        [follower("succeeded"), *DONE, following()],
        [follower("failed"), *DONE],
        [follower(workflow="another"), *DONE],
        [follower(), *DONE, starter(s.StarterPaused(at=START + 2), START + 2, FOLLOWER)],
    ],
    ids=["any", "succeeded", "not failed", "not another", "paused"],
)
def test_a_good_follower_has_no_violation(story: Story):
    assert broken(story, PLAIN) == set(), report(check(sealed(story, PLAIN)))


def unfollowed() -> Story:
    """Follow nothing."""
    return [follower(), *DONE]


def too_soon() -> Story:
    """Follow a run that has not ended."""
    return [follower(), *DONE[:-1], following()]


def of_another_end() -> Story:
    """Follow an end that is not of those that are followed."""
    return [follower("failed"), *DONE, following()]


def as_another_run() -> Story:
    """Start a run of another name: a second one could be started."""
    other = "01a00000-0000-7000-8000-0000000000f2"
    return [follower(), *DONE, following(id=other), following()]


@pytest.mark.parametrize("spoil", [unfollowed, too_soon, of_another_end, as_another_run])
def test_a_spoiled_follower_breaks_its_law(spoil: Callable[[], Story]):
    assert broken(spoil(), PLAIN) == {"follow"}


# What comes after the work.

ENDING = dag(needing("a"), finishing("z"), finishing("never", after=("failed",)))
WORK: Sequence[e.Event] = (
    e.ExecutionStarted(at=START),
    e.StepScheduled(ref="a", at=START),
    e.StepStarted(ref="a", attempt=1, at=START),
)
WORKED = e.StepSucceeded(ref="a", at=START)
BEGUN = e.EpilogueBegun(outcome="succeeded", at=START)
SKIPPED = e.StepSkipped(ref="never", reason="it is for another end", at=START)
LAST: Sequence[e.Event] = (
    e.StepScheduled(ref="z", at=START),
    e.StepStarted(ref="z", attempt=1, at=START),
    e.StepSucceeded(ref="z", at=START),
)
END = e.ExecutionSucceeded(at=START)
SAID = e.StepLogged(ref="a", attempt=1, lines=(LogLine(at=START, message="hello"),))


def ended(*events: e.Event) -> Story:
    stream = StreamId("execution", EXECUTION)
    return [Told(stream, event, START) for event in (requested(ENDING), *events)]


def test_a_good_epilogue_has_no_violation():
    good = ended(*WORK, SAID, WORKED, BEGUN, SKIPPED, *LAST, END)
    assert broken(good, ENDING) == set(), report(check(sealed(good, ENDING)))


def before_the_end() -> Story:
    """Begin what comes after the work before it has come to its end."""
    return ended(*WORK, WORKED, LAST[0], BEGUN, SKIPPED, *LAST[1:], END)


def beside_the_work() -> Story:
    """Say that the work has ended while a step of it goes on."""
    return ended(*WORK, BEGUN, SKIPPED, *LAST, WORKED, END)


def work_after_the_end() -> Story:
    """Begin a step of the work after its end."""
    return ended(WORK[0], BEGUN, *WORK[1:], WORKED, SKIPPED, *LAST, END)


def for_another_end() -> Story:
    """Begin a step that is for another end."""
    return ended(*WORK, WORKED, BEGUN, e.StepScheduled(ref="never", at=START))


def with_another_end() -> Story:
    """Let what came after the work change how the run ends."""
    failed = e.StepFailed(ref="z", reason="no", at=START)
    end = e.ExecutionFailed(reason="z: no", at=START)
    return ended(*WORK, WORKED, BEGUN, SKIPPED, *LAST[:2], failed, end)


EPILOGUES = [before_the_end, beside_the_work, work_after_the_end, for_another_end, with_another_end]


@pytest.mark.parametrize("spoil", EPILOGUES)
def test_a_spoiled_epilogue_breaks_its_law(spoil: Callable[[], Story]):
    assert broken(spoil(), ENDING) == {"epilogue"}


def test_what_is_said_after_the_outcome_breaks_its_law():
    assert broken(ended(*WORK, WORKED, SAID, BEGUN, SKIPPED, *LAST, END), ENDING) == {"lines"}
