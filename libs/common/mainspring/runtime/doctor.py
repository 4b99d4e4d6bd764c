"""Mends what does not move, by the paths that move everything else.

Rows are written anew from the log by the projection that wrote them; then a run takes the turn
that it is owed, a schedule fires what is due, a kept event is offered.  No event is recorded that a
scheduler would not record, so whoever is called without need changes nothing.  Deciding by another
rule what a sick run should have become, the rival, would make the doctor a second engine.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from mainspring.bus import subjects
from mainspring.domain.ailments import Ailment
from mainspring.domain.envelope import Meta, StreamId
from mainspring.domain.errors import MainspringError, VersionConflict
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.decide import decide
from mainspring.domain.execution.react import (
    Action,
    Dispatch,
    OfferKept,
    StopAttempts,
    TendGate,
)
from mainspring.domain.triggers import buffer_stream
from mainspring.ports import Appended, Outgoing
from mainspring.runtime import notices
from mainspring.runtime.engine import Decided, Engine
from mainspring.runtime.fires import Fires
from mainspring.runtime.gates import Gates
from mainspring.runtime.triggers import Triggers
from mainspring.runtime.turns import TRIES

LARGEST: Final = 128 * 1024
"""Bytes of a task that travels whole; a larger one is handed out by a scheduler, in its time."""

TURNS: Final = 100
"""Turns in a row, each of which decides a thousand things at most."""

_encode = msgspec.json.Encoder().encode


class Rows(Protocol):
    """What writes the rows of a stream anew from the log."""

    async def rows(self, stream: StreamId, *, now: float) -> int:
        """Return how many rows were not as the log has them."""
        ...


class Treated(NamedTuple):
    """What was done about an ailment."""

    ailment: Ailment
    done: str


class Doctor:
    """Mends ailments, each patient once."""

    def __init__(self, engine: Engine, rows: Rows) -> None:
        self._engine = engine
        self._rows = rows
        self._fires = Fires(engine)
        self._gates = Gates(engine)
        self._triggers = Triggers(engine)

    async def mend(self, ailments: Sequence[Ailment]) -> list[Treated]:
        """Mend what is wrong, and return what was done, in this order.

        What cannot be mended says why.  Raises `LogUnavailable` when nothing can be.
        """
        done: dict[tuple[str, str, str], str] = {}
        for one in ailments:
            if _patient(one) not in done:
                done[_patient(one)] = await self._treat(one)
        return [Treated(one, done[_patient(one)]) for one in ailments]

    async def _treat(self, one: Ailment) -> str:
        try:
            match one.kind:
                case "event_undelivered":
                    return await self._deliver(one.project, one.subject)
                case "starter_overdue" | "starter_stuck":
                    return await self._fire(one.subject)
                case "place_held":
                    return await self._let_in(one.subject)
                case _:
                    return await self._move(one.subject)
        except MainspringError as error:
            return f"could not be mended: {error}"

    async def _deliver(self, project: str, key: str) -> str:
        said = await self._write_anew(buffer_stream(project, key))
        received = await self._triggers.deliver(project, key)
        return f"{said}; {received} kept events were received"

    async def _fire(self, id: str) -> str:
        said = await self._write_anew(StreamId("starter", id))
        starter = await self._engine.views.starter(id)
        now = self._now()
        fired = await self._fires.fire([starter], now) if starter is not None else 0
        return f"{said}; what was due was fired" if fired else f"{said}; nothing was due"

    async def _let_in(self, id: str) -> str:
        """Let in who may begin; a place of a run of which no row says that it has ended is free."""
        said = await self._move(id)
        found = await self._engine.views.execution(id)
        if found is None:
            return said
        row = found.row
        gate = TendGate(project=row.project, workflow=row.name, lane=row.lane)
        holders = await self._gates.holders(gate)
        changed = [
            await self._rows.rows(StreamId("execution", one), now=self._now()) for one in holders
        ]
        for _ in range(TURNS):
            if not await self._gates.tend(gate):
                break
        return (
            f"{said}; {sum(changed)} rows of who has a place written anew; who may begin was let in"
        )

    def _now(self) -> float:
        return self._engine.clock.now()

    async def _move(self, id: str) -> str:
        said = await self._write_anew(StreamId("execution", id))
        events = await self._turns(id)
        return f"{said}; its turn decided {events} events" if events else f"{said}; no turn was due"

    async def _write_anew(self, stream: StreamId) -> str:
        changed = await self._rows.rows(stream, now=self._now())
        return f"{changed} of its rows written anew" if changed else "its rows are as the log says"

    async def _turns(self, id: str) -> int:
        """Take turns until nothing is left to decide; return how many events came of it."""
        decided = tried = 0
        for _ in range(TURNS):
            new = await self._turn(id)
            if new == 0:
                break
            decided, tried = (decided, tried + 1) if new is None else (decided + new, 0)
            if tried == TRIES:
                raise VersionConflict(f"execution {id} is being changed by others")
            await self._engine.stand_aside(tried)
        return decided

    async def _turn(self, id: str) -> int | None:
        """Take a turn as a scheduler does; return how many events, None when others were first."""
        x = await self._engine.load(id)
        if x is None:
            return 0
        now, seed = self._now(), self._engine.chance.seed()
        events = decide(c.Advance(now=now, seed=seed), x)
        if not events:
            return 0
        meta = Meta(actor="scheduler", correlation=x.id, traceparent=x.traceparent)
        decided = self._engine.prepare(x, events, meta=meta)
        outcome = (await self._engine.log.append([decided.append]))[0]
        if not isinstance(outcome, Appended):
            return None
        await self._carry_out(decided)
        return len(events)

    async def _carry_out(self, decided: Decided) -> None:
        """Do what a turn owes the world; what is not done here is owed again in its time."""
        messages = [message for action in decided.actions for message in _messages(action)]
        await self._engine.publish(
            [
                *messages,
                decided.notice(settled=True),
            ]
        )
        for action in decided.actions:
            if isinstance(action, OfferKept):
                await self._triggers.deliver(action.project, action.key)


def _messages(action: Action) -> list[Outgoing]:
    match action:
        case Dispatch(task=task):
            data = _encode(task)
            id = f"{task.idempotency_key}:{task.call.attempt}:{task.redispatch}"
            is_small = len(data) <= LARGEST
            return [Outgoing(subjects.TASK_QUEUE, data, id)] if is_small else []
        case StopAttempts():
            return [notices.of_stop(action)]
        case _:
            return []


def _patient(one: Ailment) -> tuple[str, str, str]:
    """Return what has to be mended: several ailments may be of one."""
    if one.kind == "event_undelivered":
        return ("kept", one.project, one.subject)
    if one.kind == "place_held":
        return ("place", "", one.subject)
    return ("starter" if one.kind.startswith("starter") else "run", "", one.subject)
