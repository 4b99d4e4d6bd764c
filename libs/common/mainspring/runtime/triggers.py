"""Event triggers from outside their executions: events sent, events kept, old triggers purged.

The api, the events service and the scheduler all do this, so it stands here once.  A trigger is
found through the views, but it is resolved by its execution's decider: of all who send, one wins.
"""

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import msgspec

from mainspring.domain.envelope import EMPTY, Envelope, Head, Meta, StreamId, head_of, seal
from mainspring.domain.errors import (
    IllegalTransition,
    MainspringError,
    NotFound,
    Rejected,
    VersionConflict,
)
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.events import StepWaiting
from mainspring.domain.execution.history import event_of
from mainspring.domain.execution.react import EmitEvent
from mainspring.domain.execution.settling import same
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import Json
from mainspring.domain.rows import BufferedRow, Change, TriggerRow
from mainspring.domain.triggers import (
    Buffering,
    EventBuffered,
    EventConsumed,
    EventOffered,
    KeptEvent,
    TriggersPurged,
    buffer_stream,
    project_stream,
)
from mainspring.ports import Append, Appended, TriggerDetail
from mainspring.runtime import crash, notices
from mainspring.runtime.buffers import Buffer, Buffers
from mainspring.runtime.engine import Answer, Engine
from mainspring.runtime.turns import TRIES
from mainspring.store import views

PURGED_AT_ONCE: Final = 10_000
"""Triggers that one purge event removes; a greater purge is a row of them."""

PAGE: Final = 1000
"""Triggers that are looked up at once for a prefix."""

AT_ONCE: Final = 250
"""Executions whose triggers receive an event in one transaction."""

AT_ONCE_BYTES: Final = 16 << 20
"""Bytes of payloads in one such transaction, where that is more than one."""

MOST_KEPT: Final = 1000
"""Events that may be kept for one key."""

MOST_KEPT_BYTES: Final = 64 << 20
"""Bytes of events kept for one key beyond which no more are taken."""

ACTOR: Final = Meta(actor="scheduler")


class Triggers:
    """What is done to triggers by key.  Any number of them may work at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._buffers = Buffers(engine.log, engine.clock)

    async def send(self, row: TriggerRow, payload: Json, *, sent_by: str, meta: Meta) -> Answer:
        """Give a trigger its event; durable when it returns.

        `changed` is False when it had received the same from before.  Raises `IllegalTransition`
        with its present state, `VersionConflict` when too many write to its run at once.
        """
        command = _event(row, payload, sent_by, self._engine.clock.now())
        return await self._engine.ask(row.execution, command, project=row.project, meta=meta)

    async def send_to_all(
        self, project: str, prefix: str, payload: Json, *, sent_by: str, meta: Meta
    ) -> AsyncGenerator[list[TriggerRow]]:
        """Give an event to all who wait with such keys; yield those that received it, by pages.

        Each page is durable when it is yielded.  Who stops waiting meanwhile is passed over.
        """
        after: str | None = None
        at_once = most_of(payload, AT_ONCE, AT_ONCE_BYTES)
        while True:
            rows = await self._engine.views.waiting_triggers(
                project, prefix, limit=PAGE, after=after
            )
            if not rows:
                return
            after = rows[-1].key
            by_execution: dict[str, list[TriggerRow]] = {}
            for row in rows:
                by_execution.setdefault(row.execution, []).append(row)
            received: list[TriggerRow] = []
            for part in batched(by_execution, at_once):
                some = {id: by_execution[id] for id in part}
                received += await self._send_some(project, some, payload, sent_by, meta)
            yield received

    async def _send_some(
        self,
        project: str,
        rows: Mapping[str, Sequence[TriggerRow]],
        payload: Json,
        sent_by: str,
        meta: Meta,
    ) -> list[TriggerRow]:
        """Give an event to triggers, by execution, in one transaction; return who received it."""
        now = self._engine.clock.now()
        asks = {id: [_event(row, payload, sent_by, now) for row in rows[id]] for id in rows}
        answers = await self._engine.ask_many(asks, project=project, meta=meta)
        received: list[TriggerRow] = []
        for id, theirs in rows.items():
            for row, answer in zip(theirs, answers[id], strict=True):
                if isinstance(answer, Answer) and answer.changed:
                    received.append(after_of(answer.execution, row))
                elif isinstance(answer, MainspringError) and not isinstance(answer, Rejected):
                    raise answer  # it waits still: who asks again reaches it
        return received

    async def asks(self, rows: Sequence[TriggerRow]) -> dict[str, Json]:
        """Return what each of these triggers asks, by its id."""
        streams = [StreamId("execution", row.execution) for row in rows]
        histories = await self._engine.log.read(list(dict.fromkeys(streams)))
        found: dict[str, Json] = {}
        for row, stream in zip(rows, streams, strict=True):
            opened = event_of(histories[stream][row.ask_version - 1])
            found[row.id] = opened.ask if isinstance(opened, StepWaiting) else None
        return found

    async def emit(self, action: EmitEvent) -> str | None:
        """Send a step's event and return the trigger that took it; None when nobody waits.

        Sent again after a doubt, it finds the trigger that it has resolved already.
        """
        found = self._engine.views.trigger
        done = await found(project=action.project, key=action.key, sent_by=action.sender)
        if done is not None:
            return done.row.id
        waiting = await self._waiting(action.project, action.key)
        if waiting is None:
            return None
        meta = Meta(actor=action.sender, correlation=action.execution)
        try:
            await self.send(waiting.row, action.payload, sent_by=action.sender, meta=meta)
        except (IllegalTransition, NotFound):
            return None
        return waiting.row.id

    async def keep(
        self,
        project: str,
        key: str,
        payload: Json,
        *,
        sent_by: str,
        expires_at: float,
        meta: Meta,
    ) -> None:
        """Keep an event for the first trigger with its key; durable when it returns.

        A trigger that was opened meanwhile has it by then.  Raises `IllegalTransition` when as
        many are kept as may be, `VersionConflict`.
        """
        stream = buffer_stream(project, key)
        event = EventBuffered(
            key=key,
            payload=payload,
            sent_by=sent_by,
            expires_at=expires_at,
            at=self._engine.clock.now(),
        )
        async with self._engine.turns.of(str(stream)):
            for tried in range(TRIES):
                await self._engine.stand_aside(tried)
                buffer = await self._buffers.read(stream)
                _demand_room(buffer, key)
                if await self._record(stream, buffer.head, event, project=project, meta=meta):
                    break
            else:
                raise VersionConflict(f"events for {key!r} are being kept by others")
        await self.deliver(project, key)

    async def deliver(self, project: str, key: str) -> int:
        """Give kept events of a key to who waits for them; return how many were received."""
        stream, received = buffer_stream(project, key), 0
        while True:
            buffer = await self._buffers.read(stream)
            if not buffer.kept:
                return received
            first, head = buffer.kept[0], buffer.head
            event = await self._next(first, project, key)
            if event is None:
                return received
            if await self._record(stream, head, event, project=project, meta=ACTOR, of=first):
                received += isinstance(event, EventConsumed)

    async def purge(self, project: str, *, ended_before: float, meta: Meta) -> int:
        """Forget the triggers of a project that ended before an instant; return how many.

        Purges at once share them: each is counted by the one that removes it.
        """
        purged = 0
        while True:
            count = await self._purge(project, ended_before, meta)
            purged += count
            if count < PURGED_AT_ONCE:
                return purged

    async def _waiting(self, project: str, key: str) -> TriggerDetail | None:
        found = await self._engine.views.trigger(project=project, key=key)
        return found if found is not None and found.row.status == "waiting" else None

    async def _next(self, kept: KeptEvent, project: str, key: str) -> Buffering | None:
        """Take the next step of a kept event, and return what is to be recorded of it.

        It is offered first, on record, and sent after that: whoever finds the offer looks what
        became of it.  None: there is nothing to do now.
        """
        now = self._engine.clock.now()
        if kept.trigger is None:
            waiting = await self._waiting(project, key)
            if waiting is None:
                return None
            return EventOffered(kept=kept.version, trigger=waiting.row.id, at=now)
        offered = await self._engine.views.trigger(project=project, id=kept.trigger)
        if offered is None or _took(offered, kept.event):
            return EventConsumed(kept=kept.version, at=now)
        if offered.row.status != "waiting":
            return EventOffered(kept=kept.version, trigger=None, at=now)
        try:
            await self.send(offered.row, kept.event.payload, sent_by=kept.event.sent_by, meta=ACTOR)
        except (IllegalTransition, NotFound):
            return None  # its run is about to end the wait: a sweep looks again
        return EventConsumed(kept=kept.version, at=now)

    async def _record(
        self,
        stream: StreamId,
        head: Head,
        event: Buffering,
        *,
        project: str,
        meta: Meta,
        of: KeptEvent | None = None,
    ) -> bool:
        """Append an event of a buffer; False when another writer was first."""
        now = self._engine.clock.now()
        sealed = seal(stream, head, [event], meta=meta, project=project, now=now)
        before = _row(stream, project, of) if of is not None else None
        return await self._append(sealed, head, views.project_buffer(sealed[0], event, before))

    async def _purge(self, project: str, ended_before: float, meta: Meta) -> int:
        """Forget the first of them; nobody has removed any between the count and the event."""
        stream = project_stream(project)
        async with self._engine.turns.of(str(stream)):
            for tried in range(TRIES):
                await self._engine.stand_aside(tried)
                now = self._engine.clock.now()
                history = (await self._engine.log.read([stream]))[stream]
                head = head_of(history[-1]) if history else EMPTY
                part = await self._engine.views.purgeable(
                    project, ended_before=ended_before, limit=PURGED_AT_ONCE
                )
                if not part.count:
                    return 0
                event = TriggersPurged(ended_before=part.ended_before, at=now)
                sealed = seal(stream, head, [event], meta=meta, project=project, now=now)
                if await self._append(sealed, head, views.project_purge(sealed[0], event)):
                    return part.count
        raise VersionConflict(f"project {project} is being purged by others")

    async def _append(
        self, sealed: Sequence[Envelope], head: Head, changes: Sequence[Change]
    ) -> bool:
        append = Append(sealed[0].stream, head, tuple(sealed), tuple(changes))
        outcome = (await self._engine.log.append([append]))[0]
        if not isinstance(outcome, Appended):
            return False
        # crash here: it is durable, and nobody has heard of it; the same request finds it done
        crash.here("triggers.appended")
        await self._engine.publish([notices.of_other(sealed[-1])])
        return True


def _demand_room(buffer: Buffer, key: str) -> None:
    if len(buffer.kept) >= MOST_KEPT or buffer.weight >= MOST_KEPT_BYTES:
        detail = f"{len(buffer.kept)} are kept for {key!r} already"
        raise IllegalTransition("keep the event", "full", detail)


def after_of(x: Execution, row: TriggerRow) -> TriggerRow:
    """Return a trigger's row in a later state of its execution."""
    step = x.of(row.ref)
    if step is None or step.opened is None or step.opened.id != row.id:
        return row
    return views.trigger_row(x, step, step.opened)


def most_of(payload: Json, most: int, most_bytes: int) -> int:
    """Return how many copies of a payload may be together: by their number, and by their size."""
    return max(1, min(most, most_bytes // len(msgspec.json.encode(payload))))


def batched(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """Cut ids into parts of at most `size`."""
    rest = iter(ids)
    while part := list(islice(rest, size)):
        yield part


def _event(row: TriggerRow, payload: Json, sent_by: str, now: float) -> c.SendEvent:
    return c.SendEvent(
        ref=row.ref,
        visit=row.visit,
        attempt=row.attempt,
        payload=payload,
        sent_by=sent_by,
        now=now,
    )


def _took(trigger: TriggerDetail, event: EventBuffered) -> bool:
    """Say whether a trigger has received just this event."""
    row = trigger.row
    sent = row.status == "received" and row.sent_by == event.sent_by
    return sent and same(trigger.payload, event.payload)


def _row(stream: StreamId, project: str, kept: KeptEvent) -> BufferedRow:
    event = kept.event
    return BufferedRow(
        stream=stream.id,
        version=kept.version,
        project=project,
        key=event.key,
        sent_by=event.sent_by,
        buffered_at=event.at,
        expires_at=event.expires_at,
        trigger=kept.trigger,
    )
