"""When each attempt of each step was owed, began and ended, in the order in which they were owed.

The state knows the latest attempt of a step alone, so this is read from the events.  What was
settled without an attempt (a step that was skipped, forced, or taken over from the run that this
one retries) has a line of no length.
"""

from collections.abc import Iterable

import msgspec

from mainspring.domain.execution import events as e
from mainspring.domain.execution.state import StepStatus
from mainspring.domain.message import replace
from mainspring.domain.task import Phase


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt.  `retry_at` is when the next one is due, if this one failed and there is one."""

    ref: str
    phase: Phase
    visit: int
    attempt: int
    status: StepStatus
    scheduled_at: float
    started_at: float | None = None
    finished_at: float | None = None
    retry_at: float | None = None
    reason: str | None = None
    redispatches: int = 0


def timeline(history: Iterable[e.Event]) -> list[Line]:
    """Return the attempts that a history tells of."""
    reader = _Reader()
    for event in history:
        reader.read(event)
    return reader.lines


class _Reader:
    """Reads events in their order; an attempt that has not ended is open."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._open: dict[tuple[str, str], int] = {}

    def read(self, event: e.Event) -> None:
        """Take in one event; those that tell of no attempt change nothing."""
        match event:
            case e.StepScheduled():
                self._begin(event, event.attempt, "scheduled")
            case e.StepSlept():
                self._begin(event, event.attempt, "sleeping", started_at=event.at)
            case e.StepWaiting():
                self._begin(event, event.attempt, "waiting", started_at=event.at)
            case e.StepFannedOut():
                self._begin(event, event.attempt, "splitting", started_at=event.at)
            case e.StepRedispatched():
                self._change(event, redispatched=True)
            case e.StepStarted():
                self._change(event, status="running", started_at=event.at)
            case e.StepAccepted():
                self._change(event, status="accepted", started_at=event.exchange.started_at)
            case _:
                self._end_of(event)

    def _end_of(self, event: e.Event) -> None:
        match event:
            case e.StepSucceeded():
                self._end(event, event.attempt, "succeeded", exchange=event.exchange)
            case e.StepFailed():
                self._end(
                    event,
                    event.attempt,
                    "failed",
                    exchange=event.exchange,
                    reason=event.reason,
                    retry_at=event.retry_at,
                )
            case e.StepRouted() | e.StepSplit():
                self._end(event, 1, "succeeded")
            case e.StepSkipped():
                self._end(event, None, "skipped", reason=event.reason)
            case e.StepCanceled():
                self._end(event, event.attempt, "canceled", reason=event.reason)
            case _:
                pass

    def _begin(
        self,
        event: e.StepScheduled | e.StepSlept | e.StepWaiting | e.StepFannedOut,
        attempt: int,
        status: StepStatus,
        *,
        started_at: float | None = None,
    ) -> None:
        self._open[event.ref, event.phase] = len(self.lines)
        self.lines.append(
            Line(
                ref=event.ref,
                phase=event.phase,
                visit=event.visit,
                attempt=attempt,
                status=status,
                scheduled_at=event.at,
                started_at=started_at,
            )
        )

    def _change(
        self,
        event: e.StepRedispatched | e.StepStarted | e.StepAccepted,
        *,
        status: StepStatus | None = None,
        started_at: float | None = None,
        redispatched: bool = False,
    ) -> None:
        place = self._open.get((event.ref, event.phase))
        if place is None:
            return
        line = self.lines[place]
        self.lines[place] = replace(
            line,
            status=status or line.status,
            started_at=line.started_at if line.started_at is not None else started_at,
            redispatches=line.redispatches + redispatched,
        )

    def _end(
        self,
        event: e.StepEvent,
        attempt: int | None,
        status: StepStatus,
        *,
        exchange: e.Exchange | None = None,
        reason: str | None = None,
        retry_at: float | None = None,
    ) -> None:
        at = _at(event)
        place = self._open.pop((event.ref, event.phase), None)
        if place is None:
            place = len(self.lines)
            self.lines.append(_instant(event, attempt or self._last_attempt(event), at))
        line = self.lines[place]
        began = line.started_at
        if began is None and exchange is not None:
            began = exchange.started_at
        self.lines[place] = replace(
            line,
            status=status,
            started_at=began,
            finished_at=at,
            reason=reason,
            retry_at=retry_at,
        )

    def _last_attempt(self, event: e.StepEvent) -> int:
        lines = reversed(self.lines)
        same = (line for line in lines if (line.ref, line.phase) == (event.ref, event.phase))
        return next((line.attempt for line in same), 1)


def _instant(event: e.StepEvent, attempt: int, at: float) -> Line:
    return Line(
        ref=event.ref,
        phase=event.phase,
        visit=event.visit,
        attempt=attempt,
        status="scheduled",
        scheduled_at=at,
    )


def _at(event: e.StepEvent) -> float:
    at: float = getattr(event, "at", 0.0)
    return at
