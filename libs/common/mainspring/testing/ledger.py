"""Books kept over one execution from its events alone, to be held against its laws.

Where `transitions` trusts the folded state, this does not: attempts, dues and what is owed to be
undone are counted here from the raw events and the definition, so that a fault of `evolve` is seen
as well as one of the decider.  A ledger belongs to one execution; `note` enters the next event and
yields the laws that it breaks.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from mainspring.domain.definition import Definition
from mainspring.domain.execution import events as e
from mainspring.domain.execution.expansion import expanded
from mainspring.domain.task import Phase
from mainspring.testing.epilogues import Epilogues
from mainspring.testing.fault import ROUNDING, Fault
from mainspring.testing.loops import Loops
from mainspring.testing.openings import Openings
from mainspring.testing.readiness import Readiness

UNBEGUN: Final = frozenset({"lost", "callback"})
"""Faults of attempts of whose beginning nobody may have told."""


CALLING: Final = frozenset({"http.request", "http/request"})
"""Plugins of which each try is one call of a peer."""

TIMEOUTS: Final = frozenset({"callback", "event_timeout"})
"""Faults of steps whose time to be answered was over."""


class Book(msgspec.Struct):
    """What was noted of one step in one phase: its latest visit and attempt, and what is open."""

    visit: int = 0
    attempt: int = 0
    tries: int = 0
    open: bool = False
    called: bool = False
    started: bool = False
    answered: bool = False
    woken: bool = False
    succeeded: bool = False
    was_reset: bool = False
    due_at: float | None = None


class Ledger:
    """The books of one execution.

    `calls` says how often a peer may have been called under an idempotency key, `completed` which
    of the keys it must have seen.
    """

    def __init__(self, id: str, definition: Definition) -> None:
        self.calls: dict[str, int] = {}
        self.completed: set[str] = set()
        self._id = id
        self._definition = definition
        self._openings = Openings(definition)
        self._readiness = Readiness(definition)
        self._loops = Loops(definition)
        self._epilogues = Epilogues(definition)
        self._books: dict[tuple[str, Phase], Book] = {}
        self._order: dict[str, int] = {}
        self._completions = 0
        self._owed: list[str] = []
        self._not_undone: list[str] = []
        self._told: set[str] = set()
        self._kept: set[str] = set()
        self._forced: set[str] = set()
        self._expires: float | None = None
        self._since: float | None = None
        self._begun_after: float | None = None
        self._ended = self._goes_on = self._canceled = self._paused = self._unwinding = False

    def note(self, event: e.Event) -> Iterator[Fault]:
        """Enter an event; yield the laws that it breaks."""
        if self._ended and not self._may_follow_the_end(event):
            yield Fault("end", f"{type(event).__name__} follows the end of the run")
        yield from self._openings.note(event)
        yield from self._readiness.note(event)
        yield from self._loops.note(event)
        yield from self._epilogues.note(event)
        if isinstance(event, e.StepEvent):
            yield from self._step(event)
        elif isinstance(event, e.Terminal):
            yield from self._end(event)
        else:
            yield from self._run(event)

    def _may_follow_the_end(self, event: e.Event) -> bool:
        if isinstance(event, e.StepEvent):
            return event.phase not in ("up", "down")
        if isinstance(event, e.RetryRequested | e.StepResetRequested | e.ExecutionReopened):
            return True
        if isinstance(event, e.SlotAwaited | e.RunAdmitted | e.RunRejected):
            return self._goes_on
        # Between the wish to go on and its decision the run may be stopped or held back again.
        stops = e.CancelRequested | e.PauseRequested | e.ResumeRequested | e.ExecutionResumed
        return self._goes_on and isinstance(event, stops)

    def _run(self, event: e.Event) -> Iterator[Fault]:
        match event:
            case e.ExecutionRequested():
                self._since, self._expires = event.at, event.expires
                self._kept = set(event.kept)
            case e.SkipRequested() | e.CompleteRequested() | e.FailRequested():
                self._forced.add(event.ref)
            case e.CancelRequested():
                self._canceled, self._paused = True, False
            case e.PauseRequested():
                self._paused = True
            case e.ResumeRequested():
                self._paused = False
            case e.RetryRequested() | e.StepResetRequested():
                self._goes_on = True
            case e.WakeRequested():
                self._wake(event.ref)
            case e.ExecutionReopened():
                self._reopen(event)
            case _:
                yield from self._wound_up(event)

    def _wound_up(self, event: e.Event) -> Iterator[Fault]:
        match event:
            case e.UnwindingStarted():
                self._unwinding = True
                yield from self._too_soon(event)
            case e.EpilogueBegun():
                if event.outcome == "timed_out" and not self._unwinding:
                    yield from self._too_soon(event)
                self._begun_after, self._canceled = event.at, False
            case e.EpilogueCut():
                yield from self._cut_early(event)
            case _:
                pass

    def _wake(self, ref: str | None) -> None:
        for (name, _), book in self._books.items():
            if ref in (None, name) and book.open:
                book.woken = True

    def _cut_early(self, event: e.EpilogueCut) -> Iterator[Fault]:
        limit = self._definition.after_timeout
        due = None if limit is None or self._begun_after is None else self._begun_after + limit
        if not self._canceled and (due is None or event.at < due - ROUNDING):
            yield Fault("early", "what comes after the work is cut short before its time")
        self._canceled = True  # nothing of it begins any more

    def _too_soon(
        self, event: e.UnwindingStarted | e.EpilogueBegun | e.ExecutionTimedOut
    ) -> Iterator[Fault]:
        if isinstance(event, e.UnwindingStarted) and event.outcome != "timed_out":
            return
        limit = self._definition.run_timeout
        own = None if limit is None or self._since is None else self._since + limit
        ends = [at for at in (own, self._expires) if at is not None]
        if not ends:
            yield Fault("early", "the run has no time-out")
        elif event.at < min(ends) - ROUNDING:
            yield Fault("early", f"it timed out {min(ends) - event.at:.3f} s too soon")

    def _reopen(self, event: e.ExecutionReopened) -> None:
        self._ended = self._goes_on = False
        self._begun_after = None
        self._since, self._expires = event.at, None
        self._told.clear()
        self._unwinding = event.unwinding
        if event.unwinding:
            self._owed = sorted(self._not_undone, key=lambda ref: self._order.get(ref, 0))
        self._not_undone = []

    def _end(self, event: e.Event) -> Iterator[Fault]:
        unsaid = not self._unwinding and self._begun_after is None
        if isinstance(event, e.ExecutionTimedOut) and unsaid:
            yield from self._too_soon(event)
        if self._owed and not isinstance(event, e.ExecutionSucceeded):
            yield Fault("compensation", f"{', '.join(self._owed)} was completed and is not undone")
        named = event.steps if isinstance(event, e.ExecutionCorrupted) else ()
        if sorted(named) != sorted(self._not_undone):
            yield Fault("compensation", f"it names {list(named)}, but {self._not_undone} failed")
        self._ended, self._canceled, self._unwinding = True, False, False
        self._forced.clear()

    def _step(self, event: e.StepEvent) -> Iterator[Fault]:
        book = self._books.setdefault((event.ref, event.phase), Book())
        match event:
            case e.StepScheduled():
                yield from self._scheduled(event, book)
            case e.StepStarted() | e.StepLogged() | e.StepAccepted():
                yield from self._under_way(event, book)
            case e.StepSkipped() if book.open or event.ref in self._forced:
                yield from self._skipped(event, book)
            case (
                e.StepSlept()
                | e.StepWaiting()
                | e.StepFannedOut()
                | e.StepRouted()
                | e.StepSplit()
                | e.StepSkipped()
            ):
                yield from self._held_back(event)
                yield from _enter(event, book)
                if isinstance(event, e.StepFannedOut) and event.items is not None:
                    count = len(event.items)
                    self._definition = expanded(self._definition, event.ref, count)
            case e.StepSucceeded():
                yield from self._succeeded(event, book)
            case e.StepFailed():
                yield from self._failed(event, book)
            case _:
                self._mark(event, book)

    def _mark(self, event: e.StepEvent, book: Book) -> None:
        """Note what breaks no law by itself."""
        match event:
            case e.StepRedispatched():
                self._count(event)
            case e.StepCanceled():
                book.open = False
            case e.StepReset():
                book.was_reset, book.succeeded, book.tries, book.due_at = True, False, 0, None
            case _:
                book.answered = True

    def _scheduled(self, event: e.StepScheduled, book: Book) -> Iterator[Fault]:
        again = event.visit == book.visit
        if event.attempt != (book.attempt + 1 if again else 1):
            yield Fault("attempt", f"attempt {event.attempt} follows attempt {book.attempt}")
        if not again and event.visit != book.visit + 1:
            yield Fault("attempt", f"visit {event.visit} follows visit {book.visit}")
        if again and book.due_at is not None and event.at < book.due_at - ROUNDING:
            yield Fault("early", f"it is tried again {book.due_at - event.at:.3f} s too soon")
        tries = book.tries + 1 if again else 1
        if tries > self._definition.policy_of(event.ref, event.phase).retries + 1:
            yield Fault("policy", f"try {tries} is one more than its policy allows")
        yield from self._held_back(event)
        yield from self._undoing(event)
        yield from self._notice(event, again=again)
        self._books[event.ref, event.phase] = Book(
            event.visit, event.attempt, tries, open=True, called=True
        )
        self._count(event)

    def _held_back(self, event: e.StepEvent) -> Iterator[Fault]:
        """Judge what begins forward work."""
        if event.phase != "up":
            return
        if self._canceled:
            yield Fault("cancel", "forward work begins after a cancel")
        if self._paused:
            yield Fault("pause", "forward work begins while the run is paused")

    def _undoing(self, event: e.StepScheduled) -> Iterator[Fault]:
        if event.phase != "down":
            return
        if not self._owed or self._owed[-1] != event.ref:
            top = self._owed[-1] if self._owed else "nothing"
            yield Fault("compensation", f"{event.ref} is undone where {top} was completed last")
        for (ref, phase), book in self._books.items():
            if book.open and phase in ("up", "down") and (ref, phase) != (event.ref, "down"):
                yield Fault("compensation", f"it begins while {ref} ({phase}) is open")

    def _notice(self, event: e.StepScheduled, *, again: bool) -> Iterator[Fault]:
        if event.phase != "hook" or again:
            return
        if self._told:
            yield Fault("notice", "the end of the run is told twice")
        if not self._ended:
            yield Fault("notice", "the end of the run is told before it ended")
        self._told.add(event.ref)

    def _skipped(self, event: e.StepSkipped, book: Book) -> Iterator[Fault]:
        """End, by force, a step that waits or has not begun."""
        if event.ref not in self._forced:
            yield Fault("outcome", "it is skipped while it is open, and nobody asked for that")
        if not book.visit:
            book.attempt = 1
        self._forced.discard(event.ref)
        book.visit, book.open, book.was_reset = event.visit, False, False

    def _under_way(
        self, event: e.StepStarted | e.StepLogged | e.StepAccepted, book: Book
    ) -> Iterator[Fault]:
        if not book.open or (event.visit, event.attempt) != (book.visit, book.attempt):
            law = "lines" if isinstance(event, e.StepLogged) else "attempt"
            yield Fault(law, "it speaks of an attempt that is not open")
        if isinstance(event, e.StepStarted):
            book.started = True
            return
        if not book.started:
            what = "accepted" if isinstance(event, e.StepAccepted) else "heard"
            yield Fault("attempt", f"it was {what} and never started")
        if isinstance(event, e.StepAccepted):
            book.due_at = event.expires_at

    def _succeeded(self, event: e.StepSucceeded, book: Book) -> Iterator[Fault]:
        if book.succeeded and event.visit == book.visit:
            yield Fault("success", f"visit {event.visit} succeeds twice")
        if not self._is_forced(event):
            yield from self._outcome(event, book)
            if book.open and not book.called and not (book.woken or book.answered):
                yield from _not_before(event.at, book)
            is_kept = event.exchange is not None and event.exchange.cached
            if book.called and book.open and self._calls_a_peer(event) and not is_kept:
                self.completed.add(self._key(event))
        else:
            book.attempt = event.attempt
        if event.phase == "up":
            self._complete(event.ref)
        elif event.phase == "down":
            self._settle(event.ref)
        book.visit, book.open, book.succeeded, book.was_reset = event.visit, False, True, False

    def _outcome(self, event: e.StepSucceeded | e.StepFailed, book: Book) -> Iterator[Fault]:
        """Judge that an outcome ends an attempt that is open, and that was begun."""
        if not book.open:
            if not self._may_end_unopened(event, book):
                yield Fault("outcome", f"no attempt is open that attempt {event.attempt} could end")
            return
        if (event.visit, event.attempt) != (book.visit, book.attempt):
            yield Fault("outcome", f"it ends attempt {event.attempt}, but {book.attempt} is open")
        told = book.started or (isinstance(event, e.StepFailed) and event.fault in UNBEGUN)
        told = told or not self._calls_a_peer(event)
        if book.called and not told:
            yield Fault("attempt", "it has an outcome and never started")

    def _may_end_unopened(self, event: e.StepSucceeded | e.StepFailed, book: Book) -> bool:
        """Say whether it is a join, or a step that failed before it began, in its own visit."""
        if event.visit != book.visit + (not book.was_reset):
            return False
        if isinstance(event, e.StepFailed):
            return event.exchange is None and event.retry_at is None
        if event.ref in self._kept and not book.visit:
            return True
        step = self._definition.by_ref.get(event.ref)
        return event.phase == "up" and step is not None and step.kind == "join"

    def _failed(self, event: e.StepFailed, book: Book) -> Iterator[Fault]:
        if not self._is_forced(event):
            yield from self._outcome(event, book)
            if book.open and event.fault in TIMEOUTS and not book.answered:
                yield from _not_before(event.at, book)
        if not book.open:
            book.tries = 0
        book.visit, book.attempt = event.visit, event.attempt
        book.open, book.due_at, book.was_reset = False, event.retry_at, False
        if event.phase == "down" and event.retry_at is None:
            self._settle(event.ref)
            self._not_undone.append(event.ref)

    def _is_forced(self, event: e.StepSucceeded | e.StepFailed) -> bool:
        """Say whether somebody has asked for this end, and strike that wish out."""
        asked = event.phase == "up" and event.ref in self._forced
        if asked:
            self._forced.discard(event.ref)
        return asked

    def _calls_a_peer(self, event: e.StepEvent) -> bool:
        """Say whether an executor calls a peer; few plugins do, and a scheduler does the rest."""
        if event.phase != "up":
            return event.phase != "emit"
        step = self._definition.by_ref.get(event.ref)
        if step is None or step.plugin is None:
            return step is None or step.kind != "child"
        return step.plugin.id in CALLING

    def _complete(self, ref: str) -> None:
        step = self._definition.by_ref.get(ref)
        if step is None or step.compensation is None or step.after:
            return
        if ref in self._owed:
            self._owed.remove(ref)
        self._owed.append(ref)
        self._completions += 1
        self._order[ref] = self._completions

    def _settle(self, ref: str) -> None:
        if ref in self._owed:
            self._owed.remove(ref)

    def _key(self, event: e.StepEvent) -> str:
        return f"{self._id}:{event.phase}:{event.ref}:{event.visit}"

    def _count(self, event: e.StepEvent) -> None:
        if not self._calls_a_peer(event):
            return
        key = self._key(event)
        self.calls[key] = self.calls.get(key, 0) + 1


def _enter(event: e.StepEvent, book: Book) -> Iterator[Fault]:
    """Begin a visit that calls nobody; one that was reset goes on counting its attempts."""
    if book.open:
        yield Fault("outcome", f"visit {book.visit} is still open")
    if event.visit != book.visit + (not book.was_reset):
        yield Fault("attempt", f"visit {event.visit} follows visit {book.visit}")
    # What says nothing of attempts leaves their count alone.
    attempt, due_at = book.attempt if book.was_reset else 1, None
    if isinstance(event, e.StepSlept):  # the first of these did not count their attempts
        attempt, due_at = event.attempt, event.wake_at
    elif isinstance(event, e.StepWaiting | e.StepFannedOut):
        due_at = event.expires_at if isinstance(event, e.StepWaiting) else None
        attempt = event.attempt
        if attempt != (book.attempt + 1 if book.was_reset else 1):
            yield Fault("attempt", f"attempt {attempt} follows attempt {book.attempt}")
    book.visit, book.attempt, book.tries, book.due_at = event.visit, attempt, 0, due_at
    book.succeeded = book.called = book.woken = book.answered = book.was_reset = False
    book.open = isinstance(event, e.StepSlept | e.StepWaiting | e.StepFannedOut)


def _not_before(at: float, book: Book) -> Iterator[Fault]:
    if book.due_at is not None and at < book.due_at - ROUNDING:
        yield Fault("early", f"it falls due {book.due_at - at:.3f} s too soon")
