"""The history checker: what must hold of every log that any test, or any night, leaves behind.

It reads the log once, in order of position, and holds each stream to the laws named in `LAWS`:
shape (versions, ids, hash chain, clock), legality of each event in the state folded so far
(`transitions`), the books kept from the raw events alone (`ledger` and what it is made of), what
runs owe each other (`kinship`), what starts them (`occasions`), and at the end that nothing is
stuck, that the views are what the log says and that the peers were called as often as was recorded.
With `reload` it forgets runs that have ended, so memory grows with the open runs and not with the
log.  It changes nothing, trusts no decision, and never stops at the first fault: each violation
names its stream, version and law, with the events around it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, cast, get_args

import msgspec

from mainspring.domain import catalog, kv, requests, starters, triggers
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import (
    EMPTY,
    Envelope,
    Head,
    StreamId,
    content_hash,
    event_id,
    schema_version,
)
from mainspring.domain.errors import Corrupt
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import apply, event_of
from mainspring.domain.execution.outlook import OPEN_ENDED, outlook
from mainspring.domain.execution.settling import wait_status
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.message import Message
from mainspring.domain.rows import (
    ApprovalRow,
    AttemptRow,
    AuditRow,
    BufferedRow,
    Change,
    CompiledRow,
    DefinitionRow,
    ExecutionRow,
    KeyValueRow,
    Row,
    StarterRow,
    StepRow,
    TimerRow,
    TriggerRow,
)
from mainspring.domain.upcast import event_in
from mainspring.store import views
from mainspring.store.changes import PRIMARY_KEYS, TABLES
from mainspring.store.tables import Tables
from mainspring.testing import (
    epilogues,
    kinship,
    loops,
    occasions,
    openings,
    places,
    readiness,
)
from mainspring.testing.keys import Keys
from mainspring.testing.kinship import Kinship
from mainspring.testing.ledger import Ledger
from mainspring.testing.occasions import Occasions
from mainspring.testing.places import Places
from mainspring.testing.transitions import illegal

LAWS: Final[Mapping[str, str]] = {
    "position": "positions rise",
    "version": "the versions of a stream have no gap and no repetition",
    "id": "an event's id follows from its instant and its hash, so no two are alike",
    "chain": "each event is bound to the one before it by its hash",
    "clock": "what is recorded later was not recorded earlier, in one stream",
    "project": "a stream belongs to one project",
    "readable": "every event can be read by this code",
    "definition": "every run has a definition, known by the hash of its content",
    "transition": "every event is legal in the state that it was decided in",
    "outcome": "every attempt has one outcome",
    "success": "a visit of a step succeeds at most once",
    "attempt": "attempts count from 1 without gap, and start before they end",
    "policy": "no step is tried more often than its policy allows",
    "early": "nothing falls due early",
    "compensation": "what was completed is undone, newest first, one at a time, or named",
    "end": "nothing but notices follows the end, until the run is reopened",
    "notice": "each end is told once, after it",
    "cancel": "no forward work begins after a cancel",
    "pause": "no forward work begins while a run is paused",
    "key": "of one event key and project at most one trigger waits",
    **openings.LAWS,
    **readiness.LAWS,
    **loops.LAWS,
    **epilogues.LAWS,
    **kinship.LAWS,
    **places.LAWS,
    **occasions.LAWS,
    "stuck": "a run that goes on has a reason and a next wake-up",
    "views": "the views are what the log says",
    "calls": "peers are called at least once for what was done and never more than recorded",
}
FACTS: Final = get_args(e.Fact)
WISHES: Final = (e.RetryRequested, e.StepResetRequested)
AROUND: Final = 5
"""Events before and after a violation that are told with it."""

VIEWS: Final = (
    ExecutionRow,
    StepRow,
    AttemptRow,
    TimerRow,
    TriggerRow,
    ApprovalRow,
    BufferedRow,
    CompiledRow,
    DefinitionRow,
    StarterRow,
    AuditRow,
)
"""The views that the log alone determines; answers under idempotency keys expire."""

Reload = Callable[[StreamId], Iterable[Envelope]]


class Violation(msgspec.Struct):
    """A law that does not hold at one place of the log."""

    stream: StreamId
    version: int
    law: str
    why: str
    around: list[str] = []

    def __str__(self) -> str:
        where = f"{self.stream} v{self.version}: [{self.law}] {self.why}"
        return "\n    ".join([where, *self.around])


class _Stream:
    """What is remembered of one stream: its end, and of an open run all that its laws need."""

    def __init__(self) -> None:
        self.head: Head = EMPTY
        self.recorded_at = 0.0
        self.project: str | None = None
        self.recent: deque[str] = deque(maxlen=AROUND)
        self.fresh: list[tuple[Violation, int]] = []
        self.x: Execution | None = None
        self.ledger: Ledger | None = None
        self.forgotten = False
        self.wish = ""
        self.ends: list[Execution] = []


class Checker:
    """Takes the events of a log one by one; `finish` says all that is wrong.

    `calls` counts, by idempotency key, how often peers were called; of these up to `redelivered`
    a key may be repetitions of the broker, which no event records.  `skew` is how far the clocks
    of the writers may have been apart.
    """

    def __init__(
        self,
        *,
        rows: Iterable[Row] | None = None,
        calls: Mapping[str, int] | None = None,
        redelivered: int = 0,
        skew: float = 0.0,
        reload: Reload | None = None,
    ) -> None:
        self.violations: list[Violation] = []
        self._rows = None if rows is None else list(rows)
        self._calls = None if calls is None else _by_execution(calls)
        self._redelivered = redelivered
        self._skew = skew
        self._reload = reload
        self._definitions: dict[str, Definition] = {}
        self._streams: dict[StreamId, _Stream] = {}
        self._expected = Tables()
        self._keys = Keys()
        self._kinship = Kinship(self._ends_of)
        self._places = Places()
        self._occasions = Occasions()
        self._position = 0

    @property
    def held(self) -> int:
        """How many runs are in memory."""
        return sum(stream.x is not None for stream in self._streams.values())

    def feed(self, envelope: Envelope) -> None:
        """Take the next event of the log."""
        stream = self._streams.setdefault(envelope.stream, _Stream())
        self._judge_keys(envelope)
        self._tell_around(stream, envelope)
        self._shape(stream, envelope)
        try:
            self._meaning(stream, envelope)
        except Corrupt as error:
            self._blame(stream, envelope, "readable", str(error))
        stream.head = Head(envelope.version, envelope.hash)
        self._position = envelope.position

    def finish(self) -> list[Violation]:
        """Judge what only the end of the log can show; return all violations, in order."""
        self._judge_keys(None)
        for id, stream in self._streams.items():
            self._at_rest(id, stream)
        for waits, fault in self._places.at_the_end():
            self._blame_end(StreamId("execution", waits.id), waits.version, fault.law, fault.why)
        if self._calls is not None:
            for id, calls in self._calls.items():
                if StreamId("execution", id) not in self._streams:
                    self._blame_end(StreamId("execution", id), 0, "calls", f"no such run: {calls}")
        if self._rows is not None:
            self._compare_views(self._rows)
        return self.violations

    # Shape: what holds of any stream, whatever its events say.

    def _shape(self, stream: _Stream, envelope: Envelope) -> None:
        for law, why in _shape_faults(stream, envelope, self._position, self._skew):
            self._blame(stream, envelope, law, why)
        stream.recorded_at = max(stream.recorded_at, envelope.recorded_at)
        if stream.project is None:
            stream.project = envelope.project

    # Meaning: what holds of an execution.

    def _meaning(self, stream: _Stream, envelope: Envelope) -> None:
        if envelope.stream.category == "execution":
            told = event_of(envelope)
            self._execution(stream, envelope, told)
            self._judge_occasion(stream, envelope, told)
            return
        event = event_in(envelope)
        self._judge_occasion(stream, envelope, event)
        if isinstance(event, catalog.DefinitionCompiled):
            self._definitions[envelope.stream.id] = event.definition
            is_newest = envelope.schema_version == schema_version(type(event))
            if is_newest and event.definition.hash != envelope.stream.id:
                self._blame(stream, envelope, "definition", "its hash is not its name")
        if self._rows is not None:
            for change in self._changes(envelope, event):
                self._expected.write(change)

    def _judge_occasion(self, stream: _Stream, envelope: Envelope, event: Message) -> None:
        """Hold starters to what they start, and runs to what started them."""
        for fault in self._occasions.note(envelope, event):
            self._blame(stream, envelope, fault.law, fault.why)

    def _changes(self, envelope: Envelope, event: Message) -> list[Change]:
        """Return the rows that follow from an event of no execution."""
        match event:
            case catalog.DefinitionStored() | catalog.DefinitionDeleted():
                row = self._expected.row(DefinitionRow, envelope.stream.id)
                return views.project_catalog(envelope, event, row)
            case catalog.DefinitionCompiled():
                return views.project_catalog(envelope, event)
            case triggers.EventBuffered():
                return views.project_buffer(envelope, event)
            case triggers.EventOffered() | triggers.EventConsumed():
                kept = self._expected.row(BufferedRow, (envelope.stream.id, event.kept))
                return views.project_buffer(envelope, event, kept)
            case triggers.TriggersPurged():
                return views.project_purge(envelope, event)
            case requests.RequestAnswered():
                return views.project_request(envelope)
            case _:
                return self._changes_of_rows(envelope, event)

    def _changes_of_rows(self, envelope: Envelope, event: Message) -> list[Change]:
        """Return the rows of what is one row for each stream."""
        if isinstance(event, get_args(starters.Event)):
            starter = self._expected.row(StarterRow, envelope.stream.id)
            return views.project_starter(envelope, cast("starters.Event", event), starter)
        if isinstance(event, get_args(kv.Event)):
            kept = self._expected.row(KeyValueRow, envelope.stream.id)
            return views.project_kv(envelope, cast("kv.Event", event), kept)
        return []

    def _execution(self, stream: _Stream, envelope: Envelope, event: e.Event) -> None:
        if stream.forgotten:
            self._remember(stream, envelope)
        x = stream.x or self._first(stream, envelope, event)
        if x is None or stream.ledger is None:
            return
        for fault in stream.ledger.note(event):
            self._blame(stream, envelope, fault.law, fault.why)
        why = illegal(event, x)
        if why is not None:
            self._blame(stream, envelope, "transition", why)
        stream.x = self._folded(x, envelope, event)
        if isinstance(event, WISHES):
            stream.wish = envelope.type
        elif not isinstance(event, FACTS):
            stream.wish = ""
        if isinstance(event, FACTS) and stream.x is not None and _is_lost(stream.x):
            self._blame(stream, envelope, "stuck", "nothing will be decided about it")
        self._keys_of(stream, envelope, event)
        self._row_of_wait(stream, envelope, event)
        if stream.x is not None:
            self._family_of(stream, envelope, event, stream.x)
        if self._reload is not None and stream.x is not None and _is_over(stream.x):
            self._judge_calls(envelope.stream, stream)
            self._kinship.forget(envelope.stream.id)
            stream.x, stream.ledger, stream.forgotten = None, None, True

    def _keys_of(self, stream: _Stream, envelope: Envelope, event: e.Event) -> None:
        """Keep account of who waits with which key."""
        if stream.x is None or not isinstance(event, e.StepEvent | e.Forced):
            return
        state = stream.x.of(event.ref)
        if state is None or state.opened is None or not state.opened.key:
            return
        waits = wait_status(state) == "waiting"
        self._keys.note(envelope, state.opened.key, event.ref, waits=waits)

    def _judge_keys(self, envelope: Envelope | None) -> None:
        for opened, why in self._keys.before(envelope):
            self._blame(self._streams[opened.stream], opened, "key", why)

    def _row_of_wait(self, stream: _Stream, envelope: Envelope, event: e.Event) -> None:
        """Hold that what a step has opened is closed by the event that ends its waiting."""
        if self._rows is None or stream.x is None or not isinstance(event, e.StepEvent | e.Forced):
            return
        state = stream.x.of(event.ref)
        if state is None or state.opened is None:
            return
        is_approval = state.opened.kind == "approval"
        row = self._expected.row(ApprovalRow if is_approval else TriggerRow, state.opened.id)
        open_ = row is not None and row.status in ("waiting", "pending")
        if open_ != (state.status == "waiting" and state.resolution is None):
            law = "approval" if is_approval else "trigger"
            self._blame(stream, envelope, law, f"its row is {row}, its step {state.status}")

    def _family_of(self, stream: _Stream, envelope: Envelope, event: e.Event, x: Execution) -> None:
        """Hold a run to what it owes to its parent, to its children, and to whom it retries."""
        faults = [*self._kinship.note(x.id, event, x), *self._places.note(event, x)]
        if isinstance(event, e.ExecutionRequested) and event.parent is not None:
            parent = self._streams.get(StreamId("execution", event.parent))
            if parent is None:
                self._blame(stream, envelope, "child", f"its parent {event.parent} is not there")
            elif parent.x is not None:
                faults += self._kinship.started(parent.x, x.id, event.parent_step or "")
        for fault in faults:
            self._blame(stream, envelope, fault.law, fault.why)
        if isinstance(event, e.Terminal) and self._reload is None:
            stream.ends.append(x)

    def _ends_of(self, id: str) -> Iterator[Execution]:
        """Yield the states in which a run has ended so far; from the log when it was forgotten."""
        stream = StreamId("execution", id)
        if self._reload is None:
            yield from self._streams[stream].ends if stream in self._streams else ()
            return
        x: Execution | None = None
        for envelope in self._reload(stream):
            event = event_of(envelope)
            if isinstance(event, e.ExecutionRequested):
                definition = self._definitions.get(event.definition)
                x = absent(id, definition) if definition is not None else None
            if x is not None and envelope.position <= self._position:
                x = apply(x, envelope, event)
                if isinstance(event, e.Terminal):
                    yield x

    def _first(self, stream: _Stream, envelope: Envelope, event: e.Event) -> Execution | None:
        """Return the state before the first event; None, and a violation, without definition."""
        if not isinstance(event, e.ExecutionRequested):
            if stream.head.version == 0:
                self._blame(stream, envelope, "transition", "the first event is no request")
            return None
        definition = self._definitions.get(event.definition)
        if definition is None:
            self._blame(stream, envelope, "definition", f"{event.definition} was never recorded")
            return None
        stream.ledger = Ledger(envelope.stream.id, definition)
        return absent(envelope.stream.id, definition)

    def _folded(self, x: Execution, envelope: Envelope, event: e.Event) -> Execution | None:
        """Return the state after an event; None when it speaks of a step that does not exist."""
        try:
            if self._rows is None:
                return apply(x, envelope, event)
            changes, after = views.project(x, [envelope], [event])
        except (LookupError, ValueError):
            return None
        for change in changes:
            self._expected.write(change)
        return after

    def _remember(self, stream: _Stream, envelope: Envelope) -> None:
        """Fold again, from the log, what was forgotten of a run that goes on after its end."""
        assert self._reload is not None
        stream.forgotten = False
        for earlier in self._reload(envelope.stream):
            if earlier.version >= envelope.version:
                return
            event = event_of(earlier)
            x = stream.x or self._first(stream, earlier, event)
            if x is None or stream.ledger is None:
                return
            list(stream.ledger.note(event))
            stream.x = apply(x, earlier, event)

    # Rest: what holds when nothing more happens.

    def _at_rest(self, id: StreamId, stream: _Stream) -> None:
        x = stream.x
        if x is None:
            return
        self._judge_calls(id, stream)
        self._places.rest(x)
        if stream.wish and _is_over(x):
            self._blame_end(id, x.version, "stuck", f"nothing was decided about {stream.wish}")
        waiting_for, wake_at = outlook(x)
        if waiting_for is None and not _is_over(x):
            self._blame_end(id, x.version, "stuck", f"nothing says why it is {x.status}")
        if waiting_for is not None and waiting_for not in OPEN_ENDED and wake_at is None:
            self._blame_end(id, x.version, "stuck", f"it waits for a {waiting_for} without end")

    def _judge_calls(self, id: StreamId, stream: _Stream) -> None:
        if self._calls is None or stream.ledger is None:
            return
        made = self._calls.get(id.id, {})
        for key, count in made.items():
            most = stream.ledger.calls.get(key, 0)
            if count > most + (self._redelivered if most else 0):
                why = f"{key} was called {count} times, {most} were recorded"
                self._blame_end(id, stream.head.version, "calls", why)
        for key in sorted(stream.ledger.completed - made.keys()):
            self._blame_end(id, stream.head.version, "calls", f"{key} was done, but never called")

    def _compare_views(self, rows: Sequence[Row]) -> None:
        found = Tables()
        for row in rows:
            found.write(row)  # type: ignore[arg-type]
        for kind in VIEWS:
            key = PRIMARY_KEYS[TABLES[kind]]
            wanted = {key(row): row for row in self._expected.rows(kind)}
            present = {key(row): row for row in found.rows(kind)}
            for one in sorted({*wanted, *present}, key=str):
                if wanted.get(one) != present.get(one):
                    why = f"{TABLES[kind]}: {_difference(wanted.get(one), present.get(one))}"
                    where = StreamId("starter", str(one)) if kind is StarterRow else _stream_of(one)
                    self._blame_end(where, 0, "views", why)

    # Blame.

    def _blame(self, stream: _Stream, envelope: Envelope, law: str, why: str) -> None:
        found = Violation(envelope.stream, envelope.version, law, why, list(stream.recent))
        self.violations.append(found)
        stream.fresh.append((found, AROUND))

    def _blame_end(self, id: StreamId, version: int, law: str, why: str) -> None:
        stream = self._streams.get(id)
        around = list(stream.recent) if stream else []
        self.violations.append(Violation(id, version, law, why, around))

    @staticmethod
    def _tell_around(stream: _Stream, envelope: Envelope) -> None:
        line = f"v{envelope.version} {envelope.type} {envelope.body[:160].decode(errors='replace')}"
        stream.recent.append(line)
        for violation, _ in stream.fresh:
            violation.around.append(line)
        stream.fresh = [(violation, left - 1) for violation, left in stream.fresh if left > 1]


def check(
    log: Sequence[Envelope],
    *,
    rows: Iterable[Row] | None = None,
    calls: Mapping[str, int] | None = None,
    redelivered: int = 0,
    skew: float = 0.0,
) -> list[Violation]:
    """Return every violation in a whole log; [] when all laws hold."""
    checker = Checker(rows=rows, calls=calls, redelivered=redelivered, skew=skew)
    for envelope in log:
        checker.feed(envelope)
    return checker.finish()


def report(violations: Sequence[Violation], *, seed: object = None, most: int = 10) -> str:
    """Return the text that a failed test shows."""
    head = f"{len(violations)} violations" + ("" if seed is None else f" (seed {seed})")
    return "\n".join([head, *(str(one) for one in violations[:most])])


def _shape_faults(
    stream: _Stream, envelope: Envelope, position: int, skew: float
) -> Iterator[tuple[str, str]]:
    version, previous = stream.head
    if envelope.position <= position:
        yield "position", f"position {envelope.position} stands after {position}"
    if envelope.version != version + 1:
        yield "version", f"version {envelope.version} stands after {version}"
    if content_hash(previous, envelope) != envelope.hash:
        yield "chain", "its hash does not bind it to the event before it"
    if event_id(envelope.recorded_at, envelope.hash) != envelope.id:
        yield "id", f"id {envelope.id} does not follow from its content"
    if envelope.recorded_at < stream.recorded_at - skew:
        yield "clock", f"it was recorded {stream.recorded_at - envelope.recorded_at:.3f} s earlier"
    if stream.project not in (None, envelope.project):
        yield "project", f"it is of {envelope.project!r}, its stream of {stream.project!r}"


def _is_lost(x: Execution) -> bool:
    """Say whether a run goes on and nothing says why: no turn will come to it by itself."""
    return not x.is_terminal and outlook(x).waiting_for is None


def _is_over(x: Execution) -> bool:
    return x.is_terminal and not x.open and x.handled == x.version


def _by_execution(calls: Mapping[str, int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for key, count in calls.items():
        found.setdefault(key.partition(":")[0], {})[key] = count
    return found


def _stream_of(key: object) -> StreamId:
    """Return the stream that a row's primary key speaks of."""
    parts = cast("tuple[object, ...]", key) if isinstance(key, tuple) else (key,)
    if len(parts) == 3:  # audit: category, stream, version
        return StreamId(str(parts[0]), str(parts[1]))
    return StreamId("execution", str(parts[0]))


def _difference(wanted: Row | None, present: Row | None) -> str:
    if wanted is None:
        return f"this row follows from nothing: {present}"
    if present is None:
        return f"this row is missing: {wanted}"
    parts = [
        f"{name} is {getattr(present, name)!r}, not {getattr(wanted, name)!r}"
        for name in wanted.__struct_fields__
        if getattr(wanted, name) != getattr(present, name)
    ]
    return "; ".join(parts)
