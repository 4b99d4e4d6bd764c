"""Lets runs begin where their workflow bounds how many go on at once.

A gate is looked at when a run comes to it, when one of its runs has ended, and by the sweep, so
whoever is lost between the gate's stream and the run's own is found again: a place whose run has
ended is free, and a run that has a place and waits is told so once more.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, cast

import msgspec

from mainspring.domain import gate
from mainspring.domain.envelope import EMPTY, Head, Meta, StreamId, head_of, seal
from mainspring.domain.errors import NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.react import TendGate
from mainspring.domain.rows import ExecutionRow
from mainspring.domain.upcast import event_in
from mainspring.ports import Append, Appended
from mainspring.runtime import notices
from mainspring.runtime.engine import Engine

MOST: Final = 64
"""Runs that are looked at together; a gate with more of them is looked at again at once."""

REMEMBERED: Final = 4096
"""Gates whose state this process keeps."""

SAVED_EVERY: Final = 256
"""Changes of a gate after which its state is saved, so that nobody has to read all of it."""

ACTOR: Final = Meta(actor="scheduler")


class Gates:
    """The gates of all workflows, as far as this process has looked at them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: OrderedDict[StreamId, tuple[Head, tuple[str, ...]]] = OrderedDict()

    async def tend(self, asked: TendGate) -> bool:
        """Let in who may begin; return whether there is more to do at once.

        Raises `LogUnavailable`.  A gate that another process has just changed is more to do.
        """
        stream = gate.gate_stream(asked.project, asked.workflow, asked.lane)
        async with self._engine.turns.of(str(stream)):
            head, holders = await self._read(stream)
            rows = await self._queued(asked)
            ended = await self._engine.views.ended_among(holders)
            waiting = [await self._waiting(row) for row in rows]
            change = gate.decide(holders, ended, waiting)
            if not await self._record(stream, head, holders, change, asked.project):
                return True
        let_in = [*change.taken, *(row.id for row in rows if row.id in holders)]
        now = self._engine.clock.now()
        await self._tell([id for id in let_in if id not in ended], c.Admit(now=now))
        for each in waiting:
            if each.execution in change.rejected:
                reason = _full(asked, each.most)
                await self._tell([each.execution], c.TurnAway(reason=reason, now=now))
        return len(rows) == MOST and bool(let_in or change.rejected)

    async def holders(self, asked: TendGate) -> tuple[str, ...]:
        """Return the runs that have a place, as the log says now."""
        stream = gate.gate_stream(asked.project, asked.workflow, asked.lane)
        return (await self._read(stream))[1]

    async def _queued(self, asked: TendGate) -> list[ExecutionRow]:
        views = self._engine.views
        return await views.queued(asked.project, asked.workflow, asked.lane, limit=MOST)

    async def _read(self, stream: StreamId) -> tuple[Head, tuple[str, ...]]:
        head, holders = self._known.get(stream) or await self._saved(stream)
        history = (await self._engine.log.read([stream], after=head.version))[stream]
        for envelope in history:
            holders = gate.evolve(holders, cast("gate.SlotsChanged", event_in(envelope)))
            head = head_of(envelope)
        self._remember(stream, head, holders)
        return head, holders

    async def _saved(self, stream: StreamId) -> tuple[Head, tuple[str, ...]]:
        saved = (await self._engine.snapshots.load([stream])).get(stream)
        if saved is None:
            return EMPTY, ()
        head, data = saved
        history = (await self._engine.log.read([stream], after=head.version - 1))[stream]
        if not history or head_of(history[0]) != head:
            return EMPTY, ()  # a state to which the log never led: what it decides would be refused
        return head, msgspec.json.decode(data, type=tuple[str, ...])

    def _remember(self, stream: StreamId, head: Head, holders: tuple[str, ...]) -> None:
        self._known[stream] = (head, holders)
        self._known.move_to_end(stream)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _waiting(self, row: ExecutionRow) -> gate.Waiting:
        definition = await self._engine.compiled(row.definition)
        # Who has been a run before waits to go on, whatever becomes of those that come anew.
        on_limit = "queue" if row.started_at is not None else definition.on_limit
        return gate.Waiting(row.id, definition.max_runs or MOST, on_limit)

    async def _record(
        self,
        stream: StreamId,
        head: Head,
        holders: tuple[str, ...],
        change: gate.Change,
        project: str,
    ) -> bool:
        """Append what becomes of the gate, if anything; False when another writer was first."""
        if not change.freed and not change.taken:
            return True
        now = self._engine.clock.now()
        event = gate.SlotsChanged(freed=change.freed, taken=change.taken, at=now)
        sealed = seal(stream, head, [event], meta=ACTOR, project=project, now=now)
        (outcome,) = await self._engine.log.append([Append(stream, head, sealed, ())])
        if not isinstance(outcome, Appended):
            self._known.pop(stream, None)
            return False
        await self._engine.publish([notices.of_other(sealed[-1])])
        head, holders = head_of(sealed[-1]), gate.evolve(holders, event)
        self._remember(stream, head, holders)
        if head.version % SAVED_EVERY == 0:
            await self._engine.snapshots.save(stream, head, msgspec.json.encode(holders))
        return True

    async def _tell(self, ids: Sequence[str], command: c.Admit | c.TurnAway) -> None:
        async def one(id: str) -> None:
            try:
                await self._engine.ask(id, command, project=None, meta=ACTOR)
            except NotFound:
                return

        await asyncio.gather(*map(one, ids))


def _full(asked: TendGate, most: int) -> str:
    whose = f"{asked.workflow} with the key {asked.lane!r}" if asked.lane else asked.workflow
    if most == 1:
        return f"at most 1 run of {whose} goes on at once"
    return f"at most {most} runs of {whose} go on at once"
