"""The two streams: what happens to one execution, and what happens in a project.

Both read the log, and only the log: a notice from the broker says when, never what.  So a reader
that resumes gets exactly what follows, in order, whoever wrote it and whatever got lost between.
Listening begins before the first read, or an event between the two would wait for the next one.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final, get_args

import msgspec

from mainspring.domain.envelope import Envelope, StreamId
from mainspring.domain.errors import LogUnavailable
from mainspring.domain.execution import events
from mainspring.domain.rows import ExecutionRow
from mainspring.domain.secrets import masked
from mainspring.http import sse
from mainspring.ports import EventLog
from mainspring.runtime.feed import Ear, Feed

BATCH: Final = 100
NO_MORE: Final = 204  # what tells a browser's EventSource not to come back
EXECUTION: Final = "execution"
ENDED: Final = frozenset({"succeeded", "failed", "corrupted", "canceled", "timed_out"})
ENDINGS: Final = frozenset(kind.__name__ for kind in get_args(events.Terminal))
REOPENINGS: Final = frozenset({"RetryRequested", "StepResetRequested", "ExecutionReopened"})
WRITTEN: Final = frozenset({"definition", "starter"})
"""Categories whose events hold what people wrote."""
_INSTANTS: Final = ("created_at", "updated_at", "started_at", "finished_at", "wake_at")
_INTERNAL: Final = ("partition", "handled_version", "output_version")


class Follower:
    """Follows the log behind a position: whole batches, then what comes, until it is over."""

    def __init__(self, log: EventLog, ear: Ear, after: int, *, read: bool = False) -> None:
        self._log = log
        self._ear = ear
        self._read = read
        self.position = after

    async def batches(
        self, *, project: str | None = None, stream: StreamId | None = None, types: Sequence[str]
    ) -> AsyncGenerator[list[Envelope]]:
        """Yield what follows; an empty batch says that there is nothing more for now.

        When all up to there was `read` since the ear began to listen, it is waited for first.
        """
        if self._read:
            yield []
            await self._ear.heard()
        while True:
            # Known before the read: a filter may pass over everything up to here.
            head = await self._log.head_position() if types else 0
            batch = await self._log.read_all(
                after=self.position, limit=BATCH, project=project, stream=stream, types=types
            )
            if batch:
                self.position = batch[-1].position
                self._ear.version = batch[-1].version if stream is not None else None
                yield batch
            if len(batch) < BATCH:
                self.position = max(self.position, head)
                yield []
                del batch  # or a thousand waiting streams would hold what each read last
                await self._ear.heard()


async def execution_stream(
    log: EventLog, feed: Feed, row: ExecutionRow, after: int | None
) -> AsyncGenerator[bytes]:
    """Yield the state and then each event, or the events behind `after`; end with the run.

    A log that goes away ends the stream: its reader comes back and resumes.
    """
    stream = StreamId(EXECUTION, row.id)
    over = row.status in ENDED
    try:
        async with feed.to_stream(stream) as ear:
            follower = Follower(log, ear, after or 0)
            if after is None:
                # The event that made the row what it is, and what has happened since.
                of_row, *since = (await log.read([stream], after=row.stream_version - 1))[stream]
                yield sse.event(_encode(summary(row)), name="state", id=of_row.position)
                if since:
                    yield b"".join(map(event_of, since))
                over = _ends_over(over, since)
                ear.version = [of_row, *since][-1].version
                follower = Follower(log, ear, [of_row, *since][-1].position, read=True)
            async with aclosing(follower.batches(stream=stream, types=())) as batches:
                async for batch in batches:
                    over = _ends_over(over, batch)
                    if batch:
                        yield b"".join(map(event_of, batch))
                    elif over:
                        return
    except LogUnavailable:
        return


async def project_stream(
    log: EventLog, feed: Feed, project: str, *, after: int, types: Sequence[str]
) -> AsyncGenerator[bytes]:
    """Yield each event of a project behind `after` as a CloudEvent; end only with the reader."""
    try:
        async with feed.to_project(project) as ear:
            follower = Follower(log, ear, after)
            async with aclosing(follower.batches(project=project, types=types)) as batches:
                async for batch in batches:
                    if batch:
                        yield b"".join(map(cloud_event_of, batch))
    except LogUnavailable:
        return


def _ends_over(over: bool, batch: Sequence[Envelope]) -> bool:
    """Say whether a run is over after some events: an end can be taken back."""
    for envelope in batch:
        over = (over or envelope.type in ENDINGS) and envelope.type not in REOPENINGS
    return over


def summary(row: ExecutionRow) -> dict[str, Any]:
    """Return an execution's row as its stream shows it: instants in RFC 3339, nothing of ours."""
    shown: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(row).items() if name not in _INTERNAL
    }
    return shown | {name: _instant(shown[name]) for name in _INSTANTS if shown[name] is not None}


def event_of(envelope: Envelope) -> bytes:
    """Return an event of an execution as a server-sent event."""
    told = {
        "position": envelope.position,
        "type": envelope.type,
        "version": envelope.version,
        "recorded_at": _instant(envelope.recorded_at),
        "data": msgspec.Raw(envelope.body),
    }
    return sse.event(_encode(told), name=envelope.type, id=envelope.position)


def cloud_event_of(envelope: Envelope) -> bytes:
    """Return an event of the log as a CloudEvent 1.0 in a server-sent event."""
    told: dict[str, Any] = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": f"/projects/{envelope.project}",
        "type": envelope.type,
        "subject": str(envelope.stream),
        "time": _instant(envelope.recorded_at),
        "datacontenttype": "application/json",
        "sequence": str(envelope.position),
        "streamversion": envelope.version,
        "schemaversion": envelope.schema_version,
        "actor": envelope.meta.actor,
        "data": _data(envelope),
    }
    if envelope.meta.traceparent:
        told["traceparent"] = envelope.meta.traceparent
    return sse.event(_encode(told), id=envelope.position)


def _data(envelope: Envelope) -> Any:  # noqa: ANN401
    """Return what an event says; what people wrote without the secrets that they put there."""
    if envelope.stream.category not in WRITTEN:
        return msgspec.Raw(envelope.body)
    return masked(msgspec.json.decode(envelope.body))


_encode = msgspec.json.Encoder().encode


def _instant(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
