"""What starts runs by itself: schedules, webhooks, and followers of other workflows.

A starter is a stream of its own.  Its events carry the instant that comes next, worked out by
whoever decided: a fold reads no calendar, so a rebuild under other rules of time zones gives equal
rows.  A run is named after its starter and what made it start, so starting is asking: of two
replicas, or before and after a crash, one starts it and the other finds it there.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Final, Literal, NamedTuple, TypeAlias

from mainspring.domain import calendar
from mainspring.domain.envelope import Envelope, Head, StreamId, to_micros
from mainspring.domain.identity import derived
from mainspring.domain.message import Json, Message, replace
from mainspring.domain.rows import StarterRow
from mainspring.domain.starter_specs import (
    ENDS,
    Follow,
    Hmac,
    Kind,
    Schedule,
    Spec,
    Webhook,
    address,
    ends_of,
    kind_of,
    plain_path,
    word_of,
)
from mainspring.domain.task import partition_of

__all__ = [
    "DEEPEST",
    "ENDS",
    "GRACE",
    "LEAST_INTERVAL",
    "MOST",
    "Due",
    "Event",
    "Follow",
    "Hmac",
    "Kind",
    "Origin",
    "Schedule",
    "Spec",
    "Starter",
    "StarterBackfilled",
    "StarterFired",
    "StarterPaused",
    "StarterRemoved",
    "StarterResumed",
    "StarterSet",
    "StarterSkipped",
    "Webhook",
    "Wish",
    "address",
    "declared_id",
    "delayed",
    "due",
    "ends_of",
    "evolve",
    "follows",
    "instants_between",
    "is_followed",
    "kind_of",
    "paused",
    "plain_path",
    "removed",
    "resumed",
    "run_after",
    "run_at",
    "run_for",
    "wanted",
    "word_of",
]

MOST: Final = 1000
"""Instants that are caught up with, or filled in, at once."""

GRACE: Final = 60.0
"""Seconds after which an instant that has not fired counts as missed."""

DEEPEST: Final = 10
"""How long a chain of runs may be in which each one follows the end of the one before."""

LEAST_INTERVAL: Final = 1.0
_BEFORE: Final = 0.001

Origin: TypeAlias = Literal["api", "definition"]


class StarterSet(Message, frozen=True, kw_only=True):
    """What starts which workflow; the newest one holds."""

    dialect: str
    workflow: str
    spec: Spec
    input: Json = None
    enabled: bool = True
    origin: Origin = "api"
    name: str = ""
    next_at: float | None = None
    due_at: float | None = None
    at: float


class StarterPaused(Message, frozen=True, kw_only=True):
    at: float


class StarterResumed(Message, frozen=True, kw_only=True):
    next_at: float | None = None
    due_at: float | None = None
    at: float


class StarterFired(Message, frozen=True, kw_only=True):
    """A run was started for `instant`, or could not be, and why; either way it is done with."""

    instant: float
    execution: str
    error: str | None = None
    next_at: float | None = None
    due_at: float | None = None
    at: float


class StarterSkipped(Message, frozen=True, kw_only=True):
    """Instants passed without a run, and why."""

    note: str
    next_at: float | None = None
    due_at: float | None = None
    at: float


class StarterBackfilled(Message, frozen=True, kw_only=True):
    """The instants of a span were started that had not been."""

    since: float
    until: float
    instants: int
    at: float


class StarterRemoved(Message, frozen=True, kw_only=True):
    at: float


Event: TypeAlias = (
    StarterSet
    | StarterPaused
    | StarterResumed
    | StarterFired
    | StarterSkipped
    | StarterBackfilled
    | StarterRemoved
)


class Starter(NamedTuple):
    """A starter as it is: its row, and the event that says what it is to do."""

    row: StarterRow
    form: StarterSet

    @property
    def head(self) -> Head:
        """Where its stream ends."""
        return Head(self.row.stream_version, bytes.fromhex(self.row.stream_hash))

    @property
    def stream(self) -> StreamId:
        return StreamId("starter", self.row.id)


# What it is asked to do.


class Wish(NamedTuple):
    """What a starter is to be."""

    dialect: str
    workflow: str
    spec: Spec
    input: Json = None
    enabled: bool = True
    origin: Origin = "api"
    name: str = ""


def wanted(id: str, wish: Wish, before: Starter | None, *, now: float) -> list[Event]:
    """Return what makes a starter what it is to be; nothing when it is so already."""
    if before is not None and before.row.removed_at is None and _wish_of(before.form) == wish:
        return []
    due = _first_due(id, wish.spec, now) if wish.enabled else _NEVER
    return [StarterSet(**wish._asdict(), next_at=due.next_at, due_at=due.due_at, at=now)]


def _wish_of(form: StarterSet) -> Wish:
    return Wish(*(getattr(form, name) for name in Wish._fields))


def paused(starter: Starter, *, now: float) -> list[Event]:
    """Return what pauses a starter; nothing when it is paused."""
    return [StarterPaused(at=now)] if starter.row.enabled else []


def resumed(starter: Starter, *, now: float) -> list[Event]:
    """Return what resumes a starter; what fell due meanwhile is not caught up with."""
    if starter.row.enabled:
        return []
    spec = starter.form.spec
    at = follows(spec, starter.form.at)(now) if isinstance(spec, Schedule) else None
    due = _due_at(starter.row.id, spec, at)
    return [StarterResumed(next_at=due.next_at, due_at=due.due_at, at=now)]


def removed(starter: Starter, *, now: float) -> list[Event]:
    """Return what removes a starter; nothing when it is gone."""
    return [StarterRemoved(at=now)] if starter.row.removed_at is None else []


# When it fires.


class Due(NamedTuple):
    """Instants to start runs for, what was left out, and what comes next."""

    instants: tuple[float, ...] = ()
    note: str | None = None
    next_at: float | None = None
    due_at: float | None = None


_NEVER: Final = Due()


def due(starter: Starter, *, now: float) -> Due | None:
    """Return what a schedule has to start now; None when nothing is due.

    An instant that could not fire within `GRACE` seconds was missed: which of those are caught up
    with is the schedule's policy, and never more than the newest `MOST`.
    """
    row, spec = starter.row, starter.form.spec
    if not isinstance(spec, Schedule) or row.next_at is None or not _is_on(row):
        return None
    if now < delayed(row.id, spec, row.next_at):
        return None
    following = follows(spec, starter.form.at)
    found = calendar.newest(
        following, row.next_at - _BEFORE, now, most=MOST, span=spec.interval or GRACE
    )
    ready = tuple(takewhile(lambda at: delayed(row.id, spec, at) <= now, found.instants))
    chosen = _chosen(row.id, spec, ready, now)
    last = ready[-1] if ready else row.next_at
    coming = found.instants[0] if found.instants and not ready else following(last)
    note = _note(ready, chosen, left_out=found.left_out)
    due_at = None if coming is None else delayed(row.id, spec, coming)
    return Due(chosen, note, coming, due_at)


def _is_on(row: StarterRow) -> bool:
    return row.enabled and row.removed_at is None


def _chosen(id: str, spec: Schedule, ready: Sequence[float], now: float) -> tuple[float, ...]:
    """Return which of the instants that are due a run is started for."""

    def within(limit: float) -> tuple[float, ...]:
        return tuple(at for at in ready if now - delayed(id, spec, at) <= limit)

    limit = math.inf if spec.max_late is None else spec.max_late
    match spec.catchup:
        case "all":
            return within(limit)
        case "last":
            return within(min(GRACE, limit)) or within(limit)[-1:]
        case "none":
            return within(min(GRACE, limit))


def _note(ready: Sequence[float], chosen: Sequence[float], *, left_out: bool) -> str | None:
    missed = len(ready) - len(chosen)
    if left_out:
        return f"more than {MOST} instants were missed; {len(chosen)} of them were caught up with"
    if not missed:
        return None
    return f"{missed} missed instant{'s were' if missed > 1 else ' was'} not caught up with"


def delayed(id: str, spec: Schedule, at: float) -> float:
    """Return when an instant is due: later by a part of the jitter that all replicas agree on."""
    if not spec.jitter:
        return at
    digest = hashlib.sha256(f"{id}:{to_micros(at)}".encode()).digest()
    later = spec.jitter * int.from_bytes(digest[:6], "big") / 2**48
    return to_micros(at + later) / 1_000_000


def follows(spec: Schedule, anchor: float) -> calendar.Next:
    """Return what leads from an instant to the schedule's next one; intervals count from anchor."""
    if spec.cron is not None:
        pattern, zone = spec.cron, spec.timezone
        return lambda after: calendar.next_cron(pattern, zone, after)
    if spec.interval is not None:
        step = spec.interval
        return lambda after: _next_step(anchor, step, after)
    only = spec.at
    return lambda after: only if only is not None and only > after else None


def _next_step(anchor: float, step: float, after: float) -> float:
    count = math.floor((after - anchor) / step) + 1
    while (at := to_micros(anchor + count * step) / 1_000_000) <= after:
        count += 1
    return at


def _first_due(id: str, spec: Spec, now: float) -> Due:
    """Return when a schedule that is set now begins; a single instant may lie in the past."""
    if not isinstance(spec, Schedule):
        return _NEVER
    return _due_at(id, spec, follows(spec, now)(now) if spec.at is None else spec.at)


def _due_at(id: str, spec: Spec, at: float | None) -> Due:
    if at is None or not isinstance(spec, Schedule):
        return _NEVER
    return Due(next_at=at, due_at=delayed(id, spec, at))


def instants_between(starter: Starter, since: float, until: float) -> tuple[float, ...] | None:
    """Return a schedule's instants with since <= instant <= until; None when there are too many."""
    spec = starter.form.spec
    if not isinstance(spec, Schedule):
        return ()
    following = follows(spec, starter.form.at)
    found: list[float] = []
    at = following(since - _BEFORE)
    while at is not None and at <= until:
        if len(found) == MOST:
            return None
        found.append(at)
        at = following(at)
    return tuple(found)


# What has happened.


def evolve(before: StarterRow | None, envelope: Envelope, event: Event) -> StarterRow | None:
    """Return the row of a starter after an event; None before it was set."""
    if isinstance(event, StarterSet):
        row = _set(before, envelope, event)
    elif before is None:
        return None
    else:
        row = _changed(before, event)
    return replace(row, stream_version=envelope.version, stream_hash=envelope.hash.hex())


def _set(before: StarterRow | None, envelope: Envelope, event: StarterSet) -> StarterRow:
    was_there = before is not None and before.removed_at is None
    spec = event.spec
    row = before or StarterRow(
        id=envelope.stream.id,
        project=envelope.project,
        partition=partition_of(envelope.stream.id),
        dialect=event.dialect,
        workflow=event.workflow,
        kind="",
        name=event.name,
        origin=event.origin,
        enabled=event.enabled,
        created_at=event.at,
        updated_at=event.at,
        set_version=envelope.version,
        stream_version=envelope.version,
        stream_hash="",
    )
    return replace(
        row,
        dialect=event.dialect,
        workflow=event.workflow,
        kind=kind_of(spec),
        name=event.name,
        origin=event.origin,
        enabled=event.enabled,
        created_at=row.created_at if was_there else event.at,
        updated_at=event.at,
        set_version=envelope.version,
        key=address(envelope.project, spec) if isinstance(spec, Webhook) else None,
        follows=spec.workflow if isinstance(spec, Follow) else None,
        next_at=event.next_at,
        due_at=event.due_at,
        note=None,
        removed_at=None,
    )


def _changed(row: StarterRow, event: Event) -> StarterRow:
    match event:
        case StarterPaused():
            return replace(row, enabled=False, updated_at=event.at, next_at=None, due_at=None)
        case StarterResumed():
            return replace(
                row,
                enabled=True,
                updated_at=event.at,
                next_at=event.next_at,
                due_at=event.due_at,
            )
        case StarterFired():
            return replace(
                row,
                last_at=event.instant,
                last_execution=event.execution,
                last_error=event.error,
                next_at=event.next_at,
                due_at=event.due_at,
            )
        case StarterSkipped():
            return replace(row, note=event.note, next_at=event.next_at, due_at=event.due_at)
        case StarterRemoved():
            return replace(row, removed_at=event.at, key=None, next_at=None, due_at=None)
        case _:
            return row


# Names.


def declared_id(workflow: str, kind: Kind, name: str) -> str:
    """Return the id of a starter that a definition declares."""
    return derived(workflow, "starter", kind, name)


def run_at(starter: str, instant: float) -> str:
    """Return the id of the run that a schedule starts for an instant; it sorts by the instant."""
    return derived(_prefix(instant), starter, "at", to_micros(instant))


def run_after(starter: str, ended: str) -> str:
    """Return the id of the run that follows the end of another."""
    return derived(ended, starter, "after")


def run_for(starter: str, delivery: str, instant: float = 0.0) -> str:
    """Return the id of the run that a webhook's delivery starts."""
    return (
        derived(_prefix(instant), starter, "for", delivery)
        if instant
        else derived(starter, "for", delivery)
    )


def _prefix(instant: float) -> str:
    text = f"{max(0, int(instant * 1000)) & 0xFFFFFFFFFFFF:012x}"
    return f"{text[:8]}-{text[8:]}"


def is_followed(starter: Starter, names: Iterable[str], status: str) -> bool:
    """Say whether the end of a run, of a workflow with these names, is one to follow."""
    spec = starter.form.spec
    return (
        isinstance(spec, Follow)
        and _is_on(starter.row)
        and spec.workflow in names
        and (not spec.statuses or status in spec.statuses)
    )
