"""The stream of one event trigger: its present state, then each change, until it has ended.

What a trigger is follows from the events of its execution, so whatever changes it shows here: a
send, a time-out, a cancel of the trigger or of the run, a skip of the step.  The execution is
folded again when something was said about the step, and not held meanwhile: a thousand waiting
streams would else hold a thousand states.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.envelope import Envelope, StreamId
from mainspring.domain.errors import LogUnavailable
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import apply, event_of
from mainspring.domain.execution.state import absent
from mainspring.domain.message import Json
from mainspring.domain.rows import TriggerRow
from mainspring.http import sse
from mainspring.http.answers import encode
from mainspring.http.caller import native_caller_of
from mainspring.http.contracts import events as wire
from mainspring.runtime.feed import Ear
from mainspring_events import present
from mainspring_events.context import Events
from mainspring_events.reads import key_in, newest
from mainspring_events.stream import EXECUTION, NO_MORE

OPEN: Final = "waiting"


class Change(NamedTuple):
    """A trigger as an event of the log made it."""

    position: int
    trigger: wire.Trigger


class News(NamedTuple):
    """What is to be shown of a trigger, its last change, the run's version, and whether it is over.

    `pieces` is let go as soon as it is sent: five thousand streams may have large payloads.
    """

    pieces: bytes
    last: int
    version: int
    over: bool


async def stream(events: Events, request: Request) -> Response:
    """Stream the newest trigger with a key; raise `NotFound`."""
    project, key = native_caller_of(request).project, key_in(request)
    after = sse.resume_from(request.headers, request.query_params)
    row = (await newest(events, project, key)).row
    if after is not None and row.status != OPEN and not (await _news(events, row, after)).pieces:
        return Response(status_code=NO_MORE)
    return sse.EventStream(trigger_stream(events, row, after), events.draining)


async def trigger_stream(
    events: Events, row: TriggerRow, after: int | None
) -> AsyncGenerator[bytes]:
    """Yield the state and then each change, or the changes behind `after`; end with the trigger.

    A log that goes away ends the stream: its reader comes back and resumes.
    """
    of_run = StreamId(EXECUTION, row.execution)
    try:
        async with events.feed.to_stream(of_run) as ear:
            news = await _news(events, row, after)
            while True:
                if news.pieces:
                    yield news.pieces
                if news.over:
                    return
                news = news._replace(pieces=b"")
                await _until_concerned(events, row, ear, news.version)
                news = await _news(events, row, news.last)
    except LogUnavailable:
        return


async def _until_concerned(events: Events, row: TriggerRow, ear: Ear, version: int) -> None:
    """Return when the run has an event behind a version that may have changed the trigger."""
    ear.version = version
    while True:
        await ear.heard()
        of_run = StreamId(EXECUTION, row.execution)
        fresh = await events.reader.read(of_run, after=ear.version)
        if fresh:
            ear.version = fresh[-1].version
        if _concerns(fresh, row.ref):
            return
        del fresh  # or a thousand waiting streams would hold what each read last


async def _news(events: Events, row: TriggerRow, after: int | None) -> News:
    """Return what is new behind a position; with none, the present state."""
    history = await events.reader.read(StreamId(EXECUTION, row.execution))
    known = await changes(events, row, history)
    latest = known[-1]
    new = [change for change in known if after is None or change.position > after]
    pieces = b"".join(map(_piece, new[-1:] if after is None else new))
    return News(pieces, latest.position, history[-1].version, latest.trigger.status != OPEN)


async def changes(events: Events, row: TriggerRow, history: Sequence[Envelope]) -> list[Change]:
    """Return what a trigger was after each event that changed it, oldest first."""
    first = event_of(history[0])
    assert isinstance(first, e.ExecutionRequested)  # noqa: S101 - no run begins otherwise
    x = absent(row.execution, await events.engine.compiled(first.definition))
    ask: Json = None
    known: list[Change] = []
    for envelope in history:
        event = event_of(envelope)
        x = apply(x, envelope, event)
        if isinstance(event, e.StepWaiting) and event.trigger == row.id:
            ask = event.ask
        trigger = present.after(x, row, ask)
        if trigger is not None and (not known or known[-1].trigger != trigger):
            known.append(Change(envelope.position, trigger))
    return known


def _concerns(batch: Iterable[Envelope], ref: str) -> bool:
    """Say whether any of these events speaks of the step, or of the whole run."""
    return any(getattr(event_of(envelope), "ref", ref) == ref for envelope in batch)


def _piece(change: Change) -> bytes:
    return sse.event(encode(change.trigger), name="status", id=change.position)
