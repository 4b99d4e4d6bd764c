"""Lets runs begin where their workflow bounds how many go on at once.

A gate is looked at when a run comes to it, when one of its runs has ended, and by the sweep, so
whoever is lost between the gate's stream and the run's own is found again: a place whose run has
ended is free, and a run that has a place and waits is told so once more.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, cast

from mainspring.domain import gate
from mainspring.domain.envelope import EMPTY, Head, Meta, StreamId, head_of, seal
from mainspring.domain.errors import NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.react import TendGate
from mainspring.domain.rows import ExecutionRow
from mainspring.domain.upcast import event_in
from mainspring.ports import Append, Appended
from mainspring.runtime.engine import Engine

MOST: Final = 256
"""Runs that are let in at one look; a gate with more of them is looked at again at once."""

REMEMBERED: Final = 4096
"""Gates whose state this process keeps."""

DEEPEST: Final = 32
"""How far up the line of a run's parents is followed."""

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
        stream = gate.gate_stream(asked.project, asked.workflow)
        async with self._engine.turns.of(str(stream)):
            head, holders = await self._read(stream)
            rows = await self._engine.views.queued(asked.project, asked.workflow, limit=MOST)
            ended = await self._engine.views.ended_among(holders)
            related = {row.id for row in rows if await self._is_within(row, holders)}
            waiting = [await self._waiting(row) for row in rows if row.id not in related]
            change = gate.decide(holders, ended, waiting)
            if not await self._record(stream, head, holders, change, asked.project):
                return True
        let_in = {*related, *change.taken, *(row.id for row in rows if row.id in holders)}
        now = self._engine.clock.now()
        await self._tell([id for id in let_in if id not in ended], c.Admit(now=now))
        for each in waiting:
            if each.execution in change.rejected:
                text = f"at most {each.most} runs of {asked.workflow} go on at once"
                await self._tell([each.execution], c.TurnAway(reason=text, now=now))
        return len(rows) == MOST and bool(let_in or change.rejected)

    async def _read(self, stream: StreamId) -> tuple[Head, tuple[str, ...]]:
        head, holders = self._known.get(stream, (EMPTY, ()))
        history = (await self._engine.log.read([stream], after=head.version))[stream]
        for envelope in history:
            holders = gate.evolve(holders, cast("gate.SlotsChanged", event_in(envelope)))
            head = head_of(envelope)
        self._remember(stream, head, holders)
        return head, holders

    def _remember(self, stream: StreamId, head: Head, holders: tuple[str, ...]) -> None:
        self._known[stream] = (head, holders)
        self._known.move_to_end(stream)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _waiting(self, row: ExecutionRow) -> gate.Waiting:
        definition = await self._engine.compiled(row.definition)
        return gate.Waiting(row.id, definition.max_runs or MOST, definition.on_limit)

    async def _is_within(self, row: ExecutionRow, holders: Sequence[str]) -> bool:
        """Say whether a run was started, at whatever depth, by one that holds a place here."""
        parent = row.parent
        for _ in range(DEEPEST):
            if parent is None or parent in holders:
                return parent is not None
            found = await self._engine.views.execution(parent)
            parent = found.row.parent if found is not None else None
        return False

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
        self._remember(stream, head_of(sealed[-1]), gate.evolve(holders, event))
        return True

    async def _tell(self, ids: Sequence[str], command: c.Admit | c.TurnAway) -> None:
        async def one(id: str) -> None:
            try:
                await self._engine.ask(id, command, project=None, meta=ACTOR)
            except NotFound:
                return

        await asyncio.gather(*map(one, ids))
