"""What the scheduler does itself after a decision: child runs, events that steps send, kept events.

Chores run beside the decisions, because each is an append of its own to another stream.  They live
in memory only: what a crash loses is owed again, since the step that waits for it is handed out
again, and kept events are swept for.  So each may be done twice, and is known by its ids.
"""

import asyncio
import logging
from typing import Final, TypeAlias

from mainspring.domain.errors import Transient
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.react import (
    Chore,
    EmitEvent,
    NotifyParent,
    OfferKept,
    StartChild,
    TendGate,
    child_of,
)
from mainspring.domain.execution.state import Execution
from mainspring.domain.task import ChildEnded
from mainspring.runtime.engine import Engine
from mainspring.runtime.gates import Gates
from mainspring.runtime.triggers import Triggers
from mainspring_scheduler.children import Children
from mainspring_scheduler.inbox import Inbox

Key: TypeAlias = tuple[str, ...]

AT_ONCE: Final = 32
"""Chores under way at one time; their appends share transactions."""

logger = logging.getLogger(__name__)


class Chores:
    """A list of things to do, done in the order in which they came, some at a time."""

    def __init__(self, engine: Engine, inbox: Inbox) -> None:
        self._engine = engine
        self._inbox = inbox
        self._children = Children(engine)
        self._triggers = Triggers(engine)
        self._gates = Gates(engine)
        self._todo: dict[Key, Chore] = {}
        self._filled = asyncio.Event()

    def add(self, chore: Chore) -> None:
        """Note something to do; what waits to be done already is not noted twice."""
        self._todo[_key(chore)] = chore
        self._filled.set()

    async def run(self) -> None:
        """Do what there is to do until cancelled; what cannot be done yet stays on the list."""
        while True:
            await self._filled.wait()
            try:
                await self.tick()
            except Transient as away:
                await self._engine.clock.sleep(away.delay)

    async def finish(self) -> None:
        """Do what is on the list, as far as that can be done now."""
        try:
            while self._todo:
                await self.tick()
        except Transient:
            return

    async def tick(self) -> int:
        """Do the oldest chores; return how many.  Raises `Transient` when one has to wait."""
        batch = [self._todo.pop(key) for key in list(self._todo)[:AT_ONCE]]
        if not self._todo:
            self._filled.clear()
        results = await asyncio.gather(*map(self._do, batch), return_exceptions=True)
        waits: Transient | None = None
        for chore, result in zip(batch, results, strict=True):
            match result:
                case Transient():
                    waits = result
                    self.add(chore)
                case Exception():
                    # Whoever finds it owed again tries again.
                    named = {"chore": type(chore).__name__}
                    logger.error("cannot do a chore", exc_info=result, extra=named)
                case BaseException():
                    raise result
                case _:
                    pass
        if waits is not None:
            raise waits
        return len(batch)

    async def look(self, x: Execution, ended: ChildEnded) -> c.RecordChild | None:
        """Return what became of a child that says that it has ended, if its parent still waits."""
        state = x.of(ended.ref)
        asked = child_of(x, state) if state is not None else None
        if asked is None or asked.child != ended.child:
            return None
        return await self._children.ask(asked)

    async def _do(self, chore: Chore) -> None:
        match chore:
            case StartChild():
                found = await self._children.ask(chore)
                if found is not None:
                    self._inbox.record(chore.execution, found)
            case EmitEvent():
                trigger = await self._triggers.emit(chore)
                self._inbox.record(chore.execution, _emitted(chore, trigger))
            case OfferKept():
                await self._triggers.deliver(chore.project, chore.key)
            case TendGate():
                if await self._gates.tend(chore):
                    self.add(chore)
            case _:
                pass


def _key(chore: Chore) -> Key:
    """Return what a chore is about: two of one key are one."""
    match chore:
        case StartChild():
            return ("child", chore.child)
        case EmitEvent():
            return ("event", chore.sender)
        case OfferKept():
            return ("kept", chore.project, chore.key)
        case NotifyParent():
            return ("parent", chore.child)
        case TendGate():
            return ("gate", chore.project, chore.workflow, chore.lane)


def _emitted(chore: EmitEvent, trigger: str | None) -> c.RecordEmission:
    return c.RecordEmission(
        ref=chore.ref,
        visit=chore.visit,
        attempt=chore.attempt,
        trigger=trigger,
        now=0.0,
        seed="",
    )
