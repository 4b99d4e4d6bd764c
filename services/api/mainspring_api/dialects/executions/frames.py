"""What an execution says while it runs, as frames: lines of its log, changes of status, its end.

All follow from the execution's own stream, so whoever comes late, or again, gets the same frames
with the same numbers.  A frame's number is the version of its event times `LINES` and its place in
that event: strictly rising, and known to nobody but the stream.
"""

from collections.abc import AsyncGenerator, Iterator
from typing import Final, NamedTuple

import msgspec

from mainspring.domain.envelope import Envelope, StreamId
from mainspring.domain.errors import LogUnavailable
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import event_of
from mainspring.http.instants import shown
from mainspring.ports import EventLog
from mainspring.runtime.feed import Feed
from mainspring_api.dialects.executions.words import FlowWord, TaskWord

LINES: Final = 10_000
BATCH: Final = 200
LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")


class Frame(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """One frame: `type` is log, status or end, and says which fields there are."""

    type: str
    seq: int
    timestamp: str
    level: str = ""
    scope: str = ""
    task_name: str = ""
    attempt: int = 0
    message: str = ""
    status: str = ""


_TASKS: Final[dict[type[e.Event], TaskWord]] = {
    e.StepScheduled: "PENDING",
    e.StepStarted: "RUNNING",
    e.StepWaiting: "WAITING",
    e.StepSucceeded: "SUCCESS",
    e.StepFailed: "FAILED",
    e.StepSkipped: "SKIPPED",
    e.StepCanceled: "CANCELLED",
}
_ENDS: Final[dict[type[e.Event], FlowWord]] = {
    e.ExecutionSucceeded: "SUCCESS",
    e.ExecutionFailed: "FAILED",
    e.ExecutionCorrupted: "FAILED",
    e.ExecutionCanceled: "CANCELLED",
    e.ExecutionTimedOut: "TIMED_OUT",
}
_REOPENS: Final = (e.RetryRequested, e.StepResetRequested, e.ExecutionReopened)


class Wanted(NamedTuple):
    """Which frames are wanted: of which kinds, from which level on, of which task."""

    types: frozenset[str] = frozenset({"log", "status", "end"})
    level: str = "TRACE"
    task: str | None = None

    def takes(self, frame: Frame) -> bool:
        """Say whether a frame is wanted."""
        if frame.type not in self.types:
            return False
        if frame.type == "log" and LEVELS.index(frame.level) < LEVELS.index(self.level):
            return False
        return self.task is None or frame.type == "end" or frame.task_name == self.task


def frames_of(envelope: Envelope, event: e.Event) -> Iterator[Frame]:
    """Yield the frames of one event, in order."""
    seq = envelope.version * LINES
    at = shown(envelope.recorded_at)
    if isinstance(event, e.StepLogged):
        for index, line in enumerate(event.lines[:LINES]):
            yield Frame(
                type="log",
                seq=seq + index,
                timestamp=shown(line.at),
                level=line.level,
                task_name=event.ref,
                attempt=event.attempt,
                message=line.message,
            )
    elif isinstance(event, e.StepEvent) and event.phase == "notify":
        yield from _notice(event, seq, at)
    elif isinstance(event, e.StepEvent):
        word = _TASKS.get(type(event))
        if word is None or event.phase != "up":
            return
        if isinstance(event, e.StepFailed) and event.retry_at is not None:
            word = "RUNNING"  # it is tried again
        yield Frame(
            type="status",
            seq=seq,
            timestamp=at,
            scope="task",
            task_name=event.ref,
            attempt=getattr(event, "attempt", 0),
            status=word,
            message=getattr(event, "reason", "") or "",
        )
    elif isinstance(event, e.ExecutionStarted):
        yield Frame(type="status", seq=seq, timestamp=at, scope="execution", status="RUNNING")
    elif type(event) in _ENDS:
        reason = getattr(event, "reason", "") or ""
        yield Frame(type="end", seq=seq, timestamp=at, status=_ENDS[type(event)], message=reason)


def _notice(event: e.StepEvent, seq: int, at: str) -> Iterator[Frame]:
    """Yield what a step's log says of a notice that somebody waits: it changes no status."""
    if not isinstance(event, e.StepSucceeded | e.StepFailed):
        return
    where = event.exchange.url if event.exchange is not None else "nobody"
    is_told = isinstance(event, e.StepSucceeded)
    goes_on = isinstance(event, e.StepFailed) and event.retry_at is not None
    yield Frame(
        type="log",
        seq=seq,
        timestamp=at,
        level="INFO" if is_told else "WARN" if goes_on else "ERROR",
        task_name=event.ref,
        attempt=event.attempt,
        message=f"{where} was told" if is_told else f"{where} was not told: {event.reason}",
    )


class Reading:
    """Reads an execution's frames behind a number; remembers how far it has come."""

    def __init__(self, log: EventLog, id: str, since: int, wanted: Wanted) -> None:
        self._log = log
        self._stream = StreamId("execution", id)
        self._since = since
        self._wanted = wanted
        self._position = 0
        self.is_over = False

    async def next(self) -> tuple[list[Frame], bool]:
        """Return the next frames, and whether there may be more right now."""
        batch = await self._log.read_all(after=self._position, limit=BATCH, stream=self._stream)
        found: list[Frame] = []
        for envelope in batch:
            event = event_of(envelope)
            self.is_over = (self.is_over or type(event) in _ENDS) and not isinstance(
                event, _REOPENS
            )
            found += (
                frame
                for frame in frames_of(envelope, event)
                if frame.seq > self._since and self._wanted.takes(frame)
            )
        if batch:
            self._position = batch[-1].position
        return found, len(batch) == BATCH


async def follow(
    log: EventLog, feed: Feed, id: str, since: int, wanted: Wanted
) -> AsyncGenerator[list[Frame]]:
    """Yield the frames behind a number as they come, until the execution has ended.

    A log that goes away ends it: who listens comes back and resumes.
    """
    reading = Reading(log, id, since, wanted)
    try:
        async with feed.to_stream(StreamId("execution", id)) as ear:
            while True:
                found, has_more = await reading.next()
                if found:
                    yield found
                if has_more:
                    continue
                if reading.is_over:
                    return
                await ear.heard()
    except LogUnavailable:
        return


async def recorded(
    log: EventLog, id: str, since: int, wanted: Wanted, limit: int
) -> tuple[list[Frame], bool]:
    """Return at most `limit` frames that are there behind a number, and whether there are more."""
    reading = Reading(log, id, since, wanted)
    found: list[Frame] = []
    has_more = True
    while has_more and len(found) <= limit:
        some, has_more = await reading.next()
        found += some
    return found[:limit], len(found) > limit
