"""Changing event triggers: send, cancel, purge.

Whoever comes second is told what the first one made of the trigger; the same event sent again is no
error.  An answer that is given again is folded from the log as of its event, not stored.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.envelope import Meta
from mainspring.domain.errors import IllegalTransition, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.settling import same
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import Json
from mainspring.domain.rows import IdempotencyRow, TriggerRow
from mainspring.http.answers import encode
from mainspring.http.caller import Caller, native_caller_of
from mainspring.http.contracts import events as wire
from mainspring.http.faults import shown as named
from mainspring.http.idempotency import Again, Keep, Reply
from mainspring.http.instants import shown as instant
from mainspring.http.reading import read_body
from mainspring.ports import TriggerDetail
from mainspring.runtime.answered import record_answer
from mainspring.runtime.triggers import most_of
from mainspring_events import present
from mainspring_events.context import Events
from mainspring_events.reads import key_in, newest

DAY_S = 86_400.0


async def send(events: Events, request: Request) -> Response:
    """Give the waiting trigger of a key its event, or keep the event for the first that comes."""
    caller, key = native_caller_of(request), key_in(request)
    raw, body = await read_body(request, wire.Event)

    async def effect(keep: Keep) -> Reply:
        found = await events.views.trigger(project=caller.project, key=key)
        if found is not None and _may_take(found, body):
            try:
                return await _sent(events, caller, found, body.payload, keep)
            except IllegalTransition:
                if body.buffer_secs is None:
                    raise
        elif body.buffer_secs is None:
            raise NotFound(f'no event trigger "{named(key)}"')
        return await _kept(events, caller, key, body, keep)

    return await events.once.answer(request, caller, raw, effect, _again(events, caller))


async def cancel(events: Events, request: Request) -> Response:
    """Give up a waiting trigger: its step fails."""
    caller, key = native_caller_of(request), key_in(request)

    async def effect(keep: Keep) -> Reply:
        found = await newest(events, caller.project, key)
        row = found.row
        command = c.CancelTrigger(
            ref=row.ref,
            visit=row.visit,
            attempt=row.attempt,
            by=caller.actor,
            now=events.engine.clock.now(),
        )
        meta = keep(_note(row))
        answer = await events.engine.ask(row.execution, command, project=caller.project, meta=meta)
        return _shown(answer.execution, found)

    again = _again(events, caller)
    return await events.once.answer(request, caller, await request.body(), effect, again)


async def send_by_prefix(events: Events, request: Request) -> Response:
    """Give an event to all who wait with keys that begin so."""
    caller, prefix = native_caller_of(request), key_in(request, "prefix")
    raw, body = await read_body(request, wire.PrefixEvent)

    async def effect(keep: Keep) -> Reply:
        resolved, first = 0, list[TriggerRow]()
        most = most_of(body.payload, wire.MOST_SHOWN, wire.MOST_SHOWN_BYTES)
        pages = events.triggers.send_to_all(
            caller.project, prefix, body.payload, sent_by=caller.actor, meta=caller.meta()
        )
        async for page in pages:
            resolved += len(page)
            first += page[: most - len(first)]
        asks = await events.triggers.asks(first)
        shown = tuple(present.of_row(row, asks[row.id], body.payload) for row in first)
        reply = Reply(200, encode(wire.Resolved(resolved, shown)))
        await _record(events, caller, "send by prefix", resolved, keep(reply))
        return reply

    return await events.once.answer(request, caller, raw, effect)


async def purge(events: Events, request: Request) -> Response:
    """Forget triggers that ended long ago, all that there are."""
    caller = native_caller_of(request)
    raw, body = await read_body(request, wire.Purge)
    before = events.engine.clock.now() - body.older_than_days * DAY_S

    async def effect(keep: Keep) -> Reply:
        if body.dry_run:
            count = (await events.views.purgeable(caller.project, ended_before=before)).count
            reply = Reply(200, encode(wire.Purged(0, dry_run=True, would_delete=count)))
        else:
            meta = caller.meta()
            count = await events.triggers.purge(caller.project, ended_before=before, meta=meta)
            reply = Reply(200, encode(wire.Purged(count, dry_run=False, would_delete=0)))
        await _record(events, caller, "purge", count, keep(reply))
        return reply

    return await events.once.answer(request, caller, raw, effect)


def _may_take(found: TriggerDetail, body: wire.Event) -> bool:
    """Say whether an event is for this trigger: it waits, or has received just that.

    Without a buffer any trigger is asked, so that who comes too late is told so.
    """
    if found.row.status == "waiting" or body.buffer_secs is None:
        return True
    return found.row.status == "received" and same(found.payload, body.payload)


async def _sent(
    events: Events, caller: Caller, found: TriggerDetail, payload: Json, keep: Keep
) -> Reply:
    meta = keep(_note(found.row))
    answer = await events.triggers.send(found.row, payload, sent_by=caller.actor, meta=meta)
    return _shown(answer.execution, found)


async def _kept(events: Events, caller: Caller, key: str, body: wire.Event, keep: Keep) -> Reply:
    until = events.engine.clock.now() + (body.buffer_secs or 0)
    reply = Reply(202, encode(wire.Buffered(key, "buffered", instant(until))))
    await events.triggers.keep(
        caller.project,
        key,
        body.payload,
        sent_by=caller.actor,
        expires_at=until,
        meta=keep(reply),
    )
    return reply


def _shown(x: Execution, found: TriggerDetail) -> Reply:
    then = present.after(x, found.row, found.ask)
    return Reply(200, encode(then or present.trigger(found)))


class _Note(msgspec.Struct, frozen=True):
    """What is kept of an answer that shows a trigger: which one."""

    trigger: str


def _note(row: TriggerRow) -> Reply:
    return Reply(200, encode(_Note(row.id)))


def _again(events: Events, caller: Caller) -> Again:
    """Return what gives the answer again that shows a trigger as it was then."""

    async def again(row: IdempotencyRow) -> Reply:
        if row.status != 200:
            return Reply(row.status, row.response.encode())
        id = msgspec.json.decode(row.response, type=_Note).trigger
        found = await events.views.trigger(project=caller.project, id=id)
        if found is None:
            raise NotFound("the event trigger was purged meanwhile")
        x = await events.engine.load(found.row.execution, as_of=row.at)
        if x is None:
            raise NotFound("the run is not there any more")
        return _shown(x, found)

    return again


async def _record(events: Events, caller: Caller, action: str, changed: int, meta: Meta) -> None:
    project = caller.project
    await record_answer(
        events.engine, action, changed=changed, failed=0, project=project, meta=meta
    )
