"""The stream of one event trigger: its present state, then each change, until it has ended.

What a trigger is follows from the events of its execution, so whatever changes it shows here: a
send, a time-out, a cancel of the trigger or of the run, a skip of the step.  The execution is
folded again when something was said about the step, and not held meanwhile: a thousand waiting
streams would else hold a thousand states.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.envelope import Envelope, StreamId
from mainspring.domain.errors import LogUnavailable
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import apply, event_of
from mainspring.domain.execution.state import absent
from mainspring.http import sse
from mainspring.http.answers import encode
from mainspring.http.caller import native_caller_of
from mainspring.http.contracts import events as wire
from mainspring.ports import TriggerDetail
from mainspring_events import present
from mainspring_events.context import Events
from mainspring_events.reads import key_in, newest
from mainspring_events.stream import EXECUTION, NO_MORE, Follower

OPEN: Final = "waiting"


class Change(NamedTuple):
    """A trigger as an event of the log made it."""

    position: int
    trigger: wire.Trigger


async def stream(events: Events, request: Request) -> Response:
    """Stream the newest trigger with a key; raise `NotFound`."""
    project, key = native_caller_of(request).project, key_in(request)
    after = sse.resume_from(request.headers, request.query_params)
    found = await newest(events, project, key)
    if after is not None and found.row.status != OPEN:
        history = await _history(events, found)
        if not _behind(await changes(events, found, history), after):
            return Response(status_code=NO_MORE)
    return sse.EventStream(trigger_stream(events, found, after), events.draining)


async def trigger_stream(
    events: Events, found: TriggerDetail, after: int | None
) -> AsyncGenerator[bytes]:
    """Yield the state and then each change, or the changes behind `after`; end with the trigger.

    A log that goes away ends the stream: its reader comes back and resumes.
    """
    of_run = StreamId(EXECUTION, found.row.execution)
    try:
        async with events.feed.to_stream(of_run) as ear:
            history = await _history(events, found)
            known = await changes(events, found, history)
            news = known[-1:] if after is None else _behind(known, after)
            yield b"".join(map(_piece, news))
            over = known[-1].trigger.status != OPEN
            seen, last = history[-1].position, known[-1].position
            follower = Follower(events.engine.log, ear, seen, read=True)
            async with aclosing(follower.batches(stream=of_run, types=())) as batches:
                async for batch in batches:
                    if over:
                        return
                    if not _concerns(batch, found.row.ref):
                        continue
                    known = await changes(events, found, await _history(events, found))
                    news = _behind(known, last)
                    last = known[-1].position
                    over = known[-1].trigger.status != OPEN
                    if news:
                        yield b"".join(map(_piece, news))
                    if over:
                        return
    except LogUnavailable:
        return


async def changes(
    events: Events, found: TriggerDetail, history: Sequence[Envelope]
) -> list[Change]:
    """Return what the trigger was after each event that changed it, oldest first."""
    first = event_of(history[0])
    assert isinstance(first, e.ExecutionRequested)  # noqa: S101 - no run begins otherwise
    x = absent(found.row.execution, await events.engine.compiled(first.definition))
    known: list[Change] = []
    for envelope in history:
        x = apply(x, envelope, event_of(envelope))
        step = x.of(found.row.ref)
        if step is None or step.opened is None or step.opened.id != found.row.id:
            continue
        trigger = present.after(x, found)
        if not known or known[-1].trigger != trigger:
            known.append(Change(envelope.position, trigger))
    return known or [Change(history[-1].position, present.trigger(found))]


async def _history(events: Events, found: TriggerDetail) -> list[Envelope]:
    of_run = StreamId(EXECUTION, found.row.execution)
    return (await events.engine.log.read([of_run]))[of_run]


def _concerns(batch: Iterable[Envelope], ref: str) -> bool:
    """Say whether any of these events speaks of the step, or of the whole run."""
    return any(getattr(event_of(envelope), "ref", ref) == ref for envelope in batch)


def _behind(known: Sequence[Change], position: int) -> list[Change]:
    return [change for change in known if change.position > position]


def _piece(change: Change) -> bytes:
    return sse.event(encode(change.trigger), name="status", id=change.position)
