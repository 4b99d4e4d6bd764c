"""What will not move as it should, in memory: each ailment is a filter over rows."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from mainspring.domain.ailments import GRACE, Ail, Ailment
from mainspring.domain.envelope import StreamId
from mainspring.domain.execution.outlook import OPEN_ENDED
from mainspring.domain.execution.state import OPEN, TERMINAL, key_of
from mainspring.domain.rows import (
    ApprovalRow,
    BufferedRow,
    ExecutionRow,
    StarterRow,
    StepRow,
    TimerRow,
    TriggerRow,
)
from mainspring.ports import Lateness
from mainspring.store.tables import Tables

Found: TypeAlias = Iterable[Ailment]

_TIMED = frozenset({"retrying", "sleeping", "accepted", "waiting"})
_STEPPING = frozenset({"task", "child", "retry", "callback", "sleep", "event", "approval"})
"""Reasons that a run has because of a step that is open."""


def is_stuck(row: ExecutionRow) -> bool:
    """Say whether nothing will move an execution that has not ended."""
    if row.status in TERMINAL:
        return False
    return row.waiting_for is None or (row.wake_at is None and row.waiting_for not in OPEN_ENDED)


class MemoryAiling:
    """The part of the Views port that tells of what has not ended and does not move."""

    _tables: Tables

    async def stuck(self, partitions: Sequence[int], *, limit: int) -> list[str]:
        """Return executions that are not terminal and have no reason or no next wake-up."""
        rows = self._tables.rows(ExecutionRow)
        return sorted(row.id for row in rows if is_stuck(row) and row.partition in partitions)[
            :limit
        ]

    async def ailing(self, *, now: float, grace: float = GRACE, limit: int) -> list[Ailment]:
        """Return what will not move as it should, in order of (since, kind, id)."""
        before = now - grace
        found = [
            *self._still(before),
            *self._behind(),
            *self._steps(),
            *self._stray_timers(),
            *self._left(),
            *self._held(before),
            *self._starters(before),
            *self._undelivered(now, before),
        ]
        return sorted(found, key=lambda one: (one.since, one.kind, one.id))[:limit]

    async def lateness(self, *, before: float) -> Lateness:
        """Return how much was to have moved before an instant, and since when."""
        wakes = [row.wake_at for row in self._tables.rows(ExecutionRow) if _is_due(row, before)]
        starters = self._tables.rows(StarterRow)
        late = sum(row.due_at is not None and row.due_at < before for row in starters)
        return Lateness(len(wakes), min((at for at in wakes if at), default=None), late)

    def _still(self, before: float) -> Found:
        for row in self._tables.rows(ExecutionRow):
            if is_stuck(row):
                yield _of("without_wakeup", row, row.updated_at)
            if row.handled_version < row.stream_version and row.updated_at < before:
                yield _of("unhandled", row, row.updated_at)
            is_handled = row.handled_version == row.stream_version
            if is_handled and row.wake_at is not None and row.wake_at < before:
                yield _of("overdue", row, row.wake_at)

    def _live(self) -> list[ExecutionRow]:
        rows = self._tables.rows(ExecutionRow)
        return [row for row in rows if row.wake_at is not None or row.waiting_for is not None]

    def _behind(self) -> Found:
        for row in self._live():
            events = self._tables.streams.get(StreamId("execution", row.id))
            if events and events[-1].version != row.stream_version:
                yield _of("behind", row, row.updated_at)

    def _steps(self) -> Found:
        steps: dict[str, list[StepRow]] = {}
        for step in self._tables.rows(StepRow):
            if step.status in OPEN:
                steps.setdefault(step.execution, []).append(step)
        for row in self._live():
            open_ = steps.get(row.id, [])
            if not open_ and row.waiting_for in _STEPPING:
                yield _of("step_lost", row, row.updated_at)
            if row.waiting_for != "resume" and any(map(self._lacks_timer, open_)):
                yield _of("lost_timer", row, row.updated_at)
            if row.waiting_for != "resume" and row.handled_version == row.stream_version:
                yield from self._without_wait(row, open_)

    def _lacks_timer(self, step: StepRow) -> bool:
        timed = step.due_at is not None and step.status in _TIMED
        return timed and self._tables.row(TimerRow, (step.execution, _key(step))) is None

    def _without_wait(self, row: ExecutionRow, steps: Iterable[StepRow]) -> Found:
        waits: dict[str, set[str]] = {
            "wait": {
                each.ref
                for each in self._tables.rows(TriggerRow)
                if each.execution == row.id and each.status == "waiting"
            },
            "approval": {
                each.ref
                for each in self._tables.rows(ApprovalRow)
                if each.execution == row.id and each.status == "pending"
            },
        }
        for step in steps:
            is_waiting = step.phase == "up" and step.status == "waiting"
            if is_waiting and step.ref not in waits.get(step.kind, {step.ref}):
                kind: Ail = "trigger_lost" if step.kind == "wait" else "approval_lost"
                yield Ailment(kind, f"{row.id}/{step.ref}", row.project, row.id, row.updated_at)

    def _held(self, before: float) -> Found:
        live = self._live()
        going = {
            (row.project, row.name, row.lane)
            for row in live
            if row.waiting_for not in ("slot", None) and row.status not in TERMINAL
        }
        for row in live:
            is_late = row.updated_at < before and row.handled_version == row.stream_version
            is_free = (row.project, row.name, row.lane) not in going
            if row.waiting_for == "slot" and is_late and is_free:
                yield _of("place_held", row, row.updated_at)

    def _stray_timers(self) -> Found:
        for timer in self._tables.rows(TimerRow):
            id, row = f"{timer.execution}/{timer.key}", self._run(timer.execution)
            if row is None:
                yield Ailment("stray_timer", id, "", timer.execution, timer.due_at)
            elif row.waiting_for == "resume" or (
                row.waiting_for is None and row.status in TERMINAL
            ):
                yield Ailment("stray_timer", id, row.project, row.id, row.updated_at)

    def _left(self) -> Found:
        for trigger in self._tables.rows(TriggerRow):
            if trigger.status == "waiting":
                yield from self._left_by("trigger_left", trigger)
        for approval in self._tables.rows(ApprovalRow):
            if approval.status == "pending":
                yield from self._left_by("approval_left", approval)

    def _left_by(self, kind: Ail, wait: TriggerRow | ApprovalRow) -> Found:
        row = self._run(wait.execution)
        if row is None or row.status in TERMINAL:
            finished = row.finished_at if row is not None else None
            since = wait.requested_at if finished is None else finished
            yield Ailment(kind, wait.id, wait.project, wait.execution, since)

    def _starters(self, before: float) -> Found:
        for row in self._tables.rows(StarterRow):
            if row.due_at is not None and row.due_at < before:
                yield Ailment("starter_overdue", row.id, row.project, row.id, row.due_at)
            events = self._tables.streams.get(StreamId("starter", row.id), [])
            is_behind = not events or events[-1].version != row.stream_version
            is_half = (row.next_at is None) != (row.due_at is None)
            if row.removed_at is None and (is_behind or is_half):
                yield Ailment("starter_stuck", row.id, row.project, row.id, row.updated_at)

    def _undelivered(self, now: float, before: float) -> Found:
        waiting = {
            (row.project, row.key): row
            for row in self._tables.rows(TriggerRow)
            if row.status == "waiting"
        }
        for kept in self._tables.rows(BufferedRow):
            who = waiting.get((kept.project, kept.key))
            offered = self._tables.row(TriggerRow, kept.trigger) if kept.trigger else None
            if kept.trigger is None and (who is None or kept.expires_at <= now):
                continue
            instants = [kept.buffered_at, who.requested_at if who else None]
            instants += [offered.requested_at, offered.ended_at] if offered else []
            since = max(at for at in instants if at is not None)
            if since < before:
                id = f"{kept.stream}/{kept.version}"
                yield Ailment("event_undelivered", id, kept.project, kept.key, since)

    def _run(self, execution: str) -> ExecutionRow | None:
        return self._tables.row(ExecutionRow, execution)


def _of(kind: Ail, row: ExecutionRow, since: float) -> Ailment:
    return Ailment(kind, row.id, row.project, row.id, since)


def _is_due(row: ExecutionRow, before: float) -> bool:
    return row.wake_at is not None and row.wake_at < before


def _key(step: StepRow) -> str:
    return key_of(step.ref, step.phase)  # type: ignore[arg-type] - a phase, as the row has it
