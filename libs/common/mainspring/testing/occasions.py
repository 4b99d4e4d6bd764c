"""Books of what starts runs: schedules with their instants, followers with the ends they follow.

A schedule's instants are worked out here once more, from what it was told and from when it began;
which of those that are due are left out follows from its policy alone.  Of ends and of runs only
the newest are kept, so memory does not grow with the log.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias, cast

import msgspec

from mainspring.domain import starters as s
from mainspring.domain.envelope import Envelope, StreamId
from mainspring.domain.execution import events as e
from mainspring.domain.message import Json, Message
from mainspring.testing.fault import ROUNDING, Fault

LAWS: Final[Mapping[str, str]] = {
    "schedule": "each instant of a schedule that is due is fired once, in order and never early,"
    " and none is left out but by its policy",
    "follow": "each end that is followed starts one run for each follower, and nothing else does",
}
MOST_ENDS: Final = 10_000
"""Ends, and runs of schedules, that are remembered."""

STATUSES: Final[Mapping[type[e.Event], str]] = {
    e.ExecutionSucceeded: "succeeded",
    e.ExecutionFailed: "failed",
    e.ExecutionCorrupted: "corrupted",
    e.ExecutionCanceled: "canceled",
    e.ExecutionTimedOut: "timed_out",
}
_By: TypeAlias = s.StarterFired | s.StarterSkipped


class Book(msgspec.Struct):
    """One starter: what it was told last, and what it is about to do."""

    project: str
    form: s.StarterSet
    on: bool
    next_at: float | None = None
    group: list[_By] = []


class Named(NamedTuple):
    """What a run is a run of."""

    catalog_id: str
    name: str


class Owed(NamedTuple):
    """A run that has to be started, and where that follows from."""

    starter: str
    stream: StreamId
    version: int
    why: str


class Occasions:
    """All starters of a log; `note` enters the next event of any stream."""

    def __init__(self) -> None:
        self._books: dict[str, Book] = {}
        self._open: dict[str, Named] = {}
        self._ended: OrderedDict[str, set[str]] = OrderedDict()
        self._full = False
        self._owed: dict[str, Owed] = {}
        self._unbegun: dict[str, Owed] = {}
        self._begun: OrderedDict[str, None] = OrderedDict()

    def note(self, envelope: Envelope, event: Message) -> Iterator[Fault]:
        """Enter an event; yield the laws of starters that it, or the last one, breaks."""
        if envelope.stream.category == "starter":
            yield from self._starter(envelope, event)
        elif isinstance(event, e.ExecutionRequested):
            yield from self._requested(envelope, event)
        elif isinstance(event, e.Terminal):
            self._end(envelope, STATUSES[type(event)])

    def owed(self, now: float, slack: float) -> Iterator[tuple[Owed, Fault]]:
        """Yield what should have been started by now, if everybody had the time to."""
        for owed in self._owed.values():
            yield owed, Fault("follow", owed.why)
        for owed in self._unbegun.values():
            yield owed, Fault("schedule", owed.why)
        for id, book in self._books.items():
            spec, at = book.form.spec, book.next_at
            for fault in _closed(book):
                yield Owed(id, StreamId("starter", id), 0, ""), fault
            if at is None or not isinstance(spec, s.Schedule) or not book.on:
                continue
            if s.delayed(id, spec, at) < now - slack:
                stream = StreamId("starter", id)
                yield Owed(id, stream, 0, ""), Fault("schedule", f"{at} was due and is not fired")

    # Starters.

    def _starter(self, envelope: Envelope, event: Message) -> Iterator[Fault]:
        id = envelope.stream.id
        book = self._books.get(id)
        if isinstance(event, s.StarterSet):
            yield from self._set(id, envelope.project, event)
        elif book is None:
            return
        elif isinstance(event, _By):
            yield from self._fired(envelope, book, event)
        else:
            yield from self._steered(id, book, event)

    def _steered(self, id: str, book: Book, event: Message) -> Iterator[Fault]:
        yield from _closed(book)
        if isinstance(event, s.StarterPaused | s.StarterRemoved):
            book.on, book.next_at = False, None
            self._forgive(id)
        elif isinstance(event, s.StarterResumed):
            book.on = True
            yield from _begins(book, event.next_at, event.at, anew=False)

    def _set(self, id: str, project: str, event: s.StarterSet) -> Iterator[Fault]:
        self._forgive(id)
        if id in self._books:
            yield from _closed(self._books[id])
        book = self._books[id] = Book(project, event, event.enabled)
        if event.enabled:
            yield from _begins(book, event.next_at, event.at, anew=True)

    def _forgive(self, id: str) -> None:
        """Release a starter, that is told something else, from what it owes."""
        self._owed = {run: owed for run, owed in self._owed.items() if owed.starter != id}

    def _fired(self, envelope: Envelope, book: Book, event: _By) -> Iterator[Fault]:
        spec, id = book.form.spec, envelope.stream.id
        if not isinstance(spec, s.Schedule):
            if isinstance(event, s.StarterFired):
                self._owed.pop(event.execution, None)
            return
        if isinstance(event, s.StarterFired):
            yield from self._start(envelope, event)
        if not book.on:
            yield Fault("schedule", "it fires, and is not on")
            return
        if book.group and book.group[-1].at != event.at:
            yield from _closed(book)
        book.group.append(event)
        yield from _judged(id, spec, book)

    def _start(self, envelope: Envelope, event: s.StarterFired) -> Iterator[Fault]:
        id = envelope.stream.id
        if event.execution != s.run_at(id, event.instant):
            yield Fault("schedule", f"{event.execution} is not the run of {event.instant}")
        if event.execution not in self._begun and event.error is None:
            why = f"the run {event.execution} is said to be started, and is not there"
            self._unbegun[event.execution] = Owed(id, envelope.stream, envelope.version, why)

    # Runs.

    def _requested(self, envelope: Envelope, event: e.ExecutionRequested) -> Iterator[Fault]:
        id = envelope.stream.id
        self._open[id] = Named(event.catalog_id or "", event.name)
        starter = (envelope.meta.causation or "").removeprefix("starter-")
        if event.retry_of is not None or starter not in self._books:
            return
        if event.triggered_by == "schedule":
            # It may be found there again by a schedule that was told the same instants anew.
            self._begun[id] = None
            self._unbegun.pop(id, None)
            if len(self._begun) > MOST_ENDS:
                self._begun.popitem(last=False)
            yield from _scheduled(event)
        elif event.triggered_by == "flow":
            self._owed.pop(id, None)
            yield from self._followed(id, starter, event)

    def _followed(self, id: str, starter: str, event: e.ExecutionRequested) -> Iterator[Fault]:
        trigger = cast("dict[str, Json]", event.payload)["trigger"]
        ended = cast("dict[str, dict[str, str]]", trigger)["execution"]["id"]
        spec = self._books[starter].form.spec
        found = self._ended.get(ended)
        if id != s.run_after(starter, ended):
            yield Fault("follow", f"it is not the run of {starter} after {ended}")
        elif found is None and not self._full:
            yield Fault("follow", f"it follows {ended}, which has not ended")
        elif found is not None and not _names_one_of(spec, found):
            yield Fault("follow", f"it follows {ended}, which was {sorted(found)}")

    def _end(self, envelope: Envelope, status: str) -> None:
        run = envelope.stream.id
        named = self._open.pop(run, None)
        self._ended.setdefault(run, set()).add(status)
        if len(self._ended) > MOST_ENDS:
            self._full = True
            self._ended.popitem(last=False)
        for id, book in self._books.items() if named is not None else ():
            if _follows(book, envelope.project, named, status):
                after = s.run_after(id, run)
                why = f"{run} was {status}, which {id} follows, and {after} is not there"
                self._owed[after] = Owed(id, envelope.stream, envelope.version, why)


def _scheduled(event: e.ExecutionRequested) -> Iterator[Fault]:
    """Judge that the run of an instant is not early; firing judges its jitter."""
    trigger = cast("dict[str, dict[str, str]]", event.payload)["trigger"]
    at = msgspec.convert(trigger["scheduled_at"], datetime).timestamp()
    if event.at < at - ROUNDING:
        yield Fault("schedule", f"the run of {at} begins at {event.at}")


def _names_one_of(spec: s.Spec, statuses: set[str]) -> bool:
    named = spec.statuses if isinstance(spec, s.Follow) else ()
    return not named or bool(statuses & set(named))


def _follows(book: Book, project: str, named: Named | None, status: str) -> bool:
    spec = book.form.spec
    return (
        isinstance(spec, s.Follow)
        and book.on
        and book.project == project
        and named is not None
        and spec.workflow in named
        and (not spec.statuses or status in spec.statuses)
    )


def _begins(book: Book, next_at: float | None, now: float, *, anew: bool) -> Iterator[Fault]:
    """Judge with which instant a schedule begins, or goes on."""
    book.next_at, spec = next_at, book.form.spec
    if not isinstance(spec, s.Schedule):
        return
    wanted = spec.at if anew and spec.at is not None else s.follows(spec, book.form.at)(now)
    if not _same(next_at, wanted):
        yield Fault("schedule", f"it begins with {next_at}, and {wanted} comes next")


def _closed(book: Book) -> Iterator[Fault]:
    """Judge that nothing is missing of what a schedule has done at once."""
    if book.group:
        yield Fault("schedule", f"it leaves out what is due at {book.group[-1].at}")
        book.group = []


def _judged(id: str, spec: s.Schedule, book: Book) -> Iterator[Fault]:
    """Judge all that a schedule has done at once, as soon as the last of it is there."""
    now, group = book.group[0].at, book.group
    fired = [event.instant for event in group if isinstance(event, s.StarterFired)]
    due, coming = _due(id, spec, book, now)
    wanted = _wanted(id, spec, due, now)
    told = any(isinstance(event, s.StarterSkipped) for event in group)
    if not due:
        yield Fault("schedule", f"it fires at {now}, and nothing is due before {book.next_at}")
        return
    left_out = len(due) > len(wanted)
    if len(fired) < len(wanted) or (left_out and not told):
        if fired and fired != wanted[: len(fired)]:
            yield Fault("schedule", f"it fires {fired}, where {wanted} are due")
        return  # the rest comes with the same append
    if fired != wanted:
        yield Fault("schedule", f"it fires {fired}, where {wanted} are due")
    if not _same(group[-1].next_at, coming):
        yield Fault("schedule", f"{group[-1].next_at} is to come next, and {coming} does")
    book.next_at, book.group = group[-1].next_at, []


def _due(id: str, spec: s.Schedule, book: Book, now: float) -> tuple[list[float], float | None]:
    """Return the instants that are due, and the one that comes after them."""
    following, at = s.follows(spec, book.form.at), book.next_at
    due: list[float] = []
    while at is not None and s.delayed(id, spec, at) <= now:
        due.append(at)
        at = following(at)
    return due[-s.MOST :], at


def _wanted(id: str, spec: s.Schedule, due: list[float], now: float) -> list[float]:
    """Return which of the instants that are due start a run, by the schedule's policy."""
    limit = math.inf if spec.max_late is None else spec.max_late
    if spec.catchup == "none":
        limit = min(limit, s.GRACE)
    late = [(now - s.delayed(id, spec, at), at) for at in due]
    near = [at for lateness, at in late if lateness <= limit]
    if spec.catchup != "last":
        return near
    fresh = [at for lateness, at in late if lateness <= min(limit, s.GRACE)]
    return fresh or near[-1:]


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= ROUNDING
