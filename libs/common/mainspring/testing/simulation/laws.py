"""What must hold of every history, seen from outside: what was promised, and what peers saw.

What can be told from the log alone is the history checker's; here are the laws that need the
clients' and the peers' own records.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, get_args

from mainspring.domain.envelope import Envelope
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import event_of
from mainspring.domain.rows import ExecutionRow
from mainspring.testing.http import Call
from mainspring.testing.simulation.client import Asked
from mainspring.testing.simulation.starts import Started

ENDS: Final = frozenset(end.__name__ for end in get_args(e.Terminal))
RECORDS: Final = (e.StepSucceeded, e.StepFailed, e.StepAccepted)


def promises(
    starts: Sequence[Started], rows: Mapping[str, ExecutionRow], log: Sequence[Envelope]
) -> Iterator[str]:
    """Every acknowledged start has one execution, an unknown one none or one, a refused none."""
    by_key: defaultdict[str, set[str]] = defaultdict(set)
    for envelope in log:
        if envelope.type == "ExecutionRequested" and envelope.meta.idempotency is not None:
            by_key[envelope.meta.idempotency.key].add(envelope.stream.id)
    for started in starts:
        found = by_key.pop(started.key, set[str]())
        if len(found) > 1:
            yield f"key {started.key} has {len(found)} executions: {sorted(found)}"
        if started.ids and started.ids != found:
            told, kept = sorted(started.ids), sorted(found)
            yield f"key {started.key} was answered with {told}, the log has {kept}"
        if found and not started.ids and not started.unknown:
            yield f"key {started.key} was refused ({started.refused}) and has {sorted(found)}"
        yield from (f"not readable after its acknowledgement: {told}" for told in started.unread)
    for key, found in by_key.items():
        yield f"executions that nobody asked for: {key} {sorted(found)}"
    for id in (id for started in starts for id in started.ids if id not in rows):
        yield f"execution {id} was acknowledged and has no row"


def effects(log: Sequence[Envelope], calls: Sequence[Call]) -> Iterator[str]:
    """Hold that what is done was called, what was called was decided, and one call counts once."""
    called = {call.idempotency_key for call in calls}
    scheduled: set[str] = set()
    recorded: set[tuple[str, float]] = set()
    for id, event in _step_events(log):
        key = f"{id}:{event.phase}:{event.ref}:{event.visit}"
        if isinstance(event, e.StepScheduled):
            scheduled.add(key)
        if isinstance(event, RECORDS) and event.exchange is not None and _is_own(event):
            if event.exchange.status is not None and key not in called:
                yield f"a peer's answer to {key} is recorded, and it was never called"
            call = (key, event.exchange.started_at)
            if call in recorded:
                yield f"one call of {key} is recorded twice, again for attempt {event.attempt}"
            recorded.add(call)
    for key in sorted(called - scheduled):
        yield f"a peer was called for {key}, which nobody decided"


def late_calls(log: Sequence[Envelope], calls: Sequence[Call], *, bound: float) -> Iterator[str]:
    """Hold that no forward call is made long after its run has ended and did not go on again.

    What was under way when it ended may be made: of a message that was doubled or delayed.
    """
    over: dict[str, float] = {}
    for envelope in log:
        id = envelope.stream.id
        if envelope.type == "ExecutionReopened":
            over.pop(id, None)
        elif envelope.type in ENDS:
            over[id] = envelope.recorded_at
    for call in calls:
        id, _, rest = call.idempotency_key.partition(":")
        late = call.at - over.get(id, call.at)
        if late > bound and rest.startswith("up:"):
            yield f"a peer was called for {call.idempotency_key} {late:.3f} s after the end"


def _is_own(event: e.StepEvent) -> bool:
    """Say whether a run has made the call itself: what it kept of another's was called there."""
    return not isinstance(event, e.StepSucceeded) or event.attempt > 0


def _events(log: Sequence[Envelope]) -> Iterator[tuple[str, e.Event]]:
    for envelope in log:
        if envelope.stream.category == "execution":
            yield envelope.stream.id, event_of(envelope)


def _step_events(log: Sequence[Envelope]) -> Iterator[tuple[str, e.StepEvent]]:
    for id, event in _events(log):
        if isinstance(event, e.StepEvent):
            yield id, event


def lateness(log: Sequence[Envelope], *, calm_from: float, slack: float) -> Iterator[str]:
    """Hold that in calm weather what falls due happens at once: sleeps end, tries are made.

    What falls due while its run is paused happens when that goes on.
    """
    due: dict[tuple[str, str, str], float] = {}
    for id, event in _events(log):
        if isinstance(event, e.ExecutionResumed):
            due |= {key: max(at, event.at) for key, at in due.items() if key[0] == id}
        if not isinstance(event, e.StepEvent):
            continue
        key = (id, event.ref, event.phase)
        if isinstance(event, e.StepSlept):
            due[key] = event.wake_at
        elif isinstance(event, e.StepFailed) and event.retry_at is not None:
            due[key] = event.retry_at
        elif isinstance(event, e.StepCanceled):
            due.pop(key, None)
        elif isinstance(event, e.StepScheduled | e.StepSucceeded):
            at = due.pop(key, float("inf"))
            if at > calm_from and event.at > at + slack:
                yield f"step {event.ref} of {id} was due {event.at - at:.3f} s before it went on"


def answers(asked: Sequence[Asked]) -> Iterator[str]:
    """No request ends in an internal error."""
    for one in asked:
        if one.status == 500:
            yield f"{one.verb} {one.path} answered 500: {one.answer!r}"
