"""Facts and reports in, decisions out: many executions in one transaction.

Whatever arrives while a batch is being written forms the next one, so the load sets the size of
the batches and an idle scheduler decides at once.  A message is acknowledged only when what
follows from it is durable; one that comes again finds its effect recorded and changes nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import get_args

import msgspec

from mainspring.bus import subjects
from mainspring.domain.envelope import Meta
from mainspring.domain.errors import Corrupt, LogUnavailable, MainspringError
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.decide import MOST_AT_ONCE, drafted
from mainspring.domain.execution.react import Dispatch, NotifyParent, StopAttempts
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import replace
from mainspring.domain.rows import TimerRow
from mainspring.domain.task import ChildEnded, Finished, Report, Task, partition_of
from mainspring.ports import Appended, Blobs, Outgoing, Refused
from mainspring.runtime import crash, notices
from mainspring.runtime.engine import Decided, Engine
from mainspring.telemetry import metrics, spans
from mainspring_scheduler.chores import Chores
from mainspring_scheduler.inbox import Inbox, Work

MOST = 256
"""Executions in one transaction."""

LANES = 2
"""Batches under way at once: while one is being written, the next one is decided."""

LARGE = 128 * 1024
"""Bytes of a task beyond which its values travel by reference, and then its request."""

SHOWN = 1024
"""Characters of the URL that still say whom a request is for that travels by reference."""

Ending = get_args(e.Terminal)

_DECIDED = metrics.DECISIONS.labels("decided")
_CONFLICT = metrics.DECISIONS.labels("conflict")
_NOTHING = metrics.DECISIONS.labels("nothing")

logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()


class Advancer:
    """Decides for the executions of this replica, one batch after another."""

    def __init__(self, engine: Engine, blobs: Blobs, inbox: Inbox, chores: Chores) -> None:
        self._engine = engine
        self._blobs = blobs
        self._inbox = inbox
        self._chores = chores
        self._idle = asyncio.Event()
        self._idle.set()
        self._busy = 0
        self._lanes = 0
        self.turns = 0

    async def run(self, note: Callable[[Iterable[TimerRow]], None]) -> None:
        """Decide batch after batch, telling `note` of the timers that were set, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(LANES):
                group.create_task(self._lane(note))

    async def _lane(self, note: Callable[[Iterable[TimerRow]], None]) -> None:
        self._lanes += 1
        try:
            await self._decide_on(note)
        finally:
            self._lanes -= 1

    async def _decide_on(self, note: Callable[[Iterable[TimerRow]], None]) -> None:
        while True:
            await self._inbox.filled()
            self._idle.clear()
            self._busy += 1
            try:
                note(await self.tick())
            except LogUnavailable as away:
                await self._engine.clock.sleep(away.delay)
            self._busy -= 1
            self.turns += 1
            if not self._busy and not len(self._inbox):
                self._idle.set()

    async def finish(self) -> None:
        """Return once nothing waits for a decision, or nobody is there to decide it.

        Who leaves before it has begun leaves what it was told to others: the sweep finds it.
        """
        while self._lanes and (len(self._inbox) or not self._idle.is_set()):
            await self._idle.wait()
            await self._engine.clock.sleep(0)

    async def tick(self) -> list[TimerRow]:
        """Decide one batch; return the timers that it set.  Raises `LogUnavailable`.

        When the log is away the batch goes back into the inbox.
        """
        works = self._inbox.take(MOST)
        try:
            return await self._batch(works)
        except LogUnavailable:
            for work in works:
                self._engine.forget(work.execution)
                self._inbox.put_back(work)
            raise
        finally:
            self._inbox.let_go(works)

    async def _batch(self, works: Sequence[Work]) -> list[TimerRow]:
        states = await self._states(works)
        pairs: list[tuple[Work, Decided]] = []
        settled: list[Work] = []
        for work in works:
            decided = await self._decide(work, states.get(work.execution))
            if decided is None:
                settled.append(work)
            else:
                pairs.append((work, decided))
        done = await self._append(pairs)
        # crash here: the decisions are durable, their tasks are not out; sweeps hand them out again
        if done:
            crash.here("advance.decided")
        messages = await self._messages([decided for _, decided in done])
        for work in [*settled, *(work for work, _ in done)]:
            for delivery in work.deliveries:
                delivery.ack()  # not awaited: it goes out in one write with what follows
        await self._engine.publish(messages)
        for _, decided in done:
            await self._engine.remember(decided)
        return [row for _, d in done for row in d.append.changes if isinstance(row, TimerRow)]

    async def _states(self, works: Sequence[Work]) -> dict[str, Execution]:
        """Return the states of executions; those that cannot be read are left out."""
        try:
            return await self._read(works)
        except Corrupt:
            # Each by itself: what is wrong with one is no reason to stop for the others.
            states: dict[str, Execution] = {}
            for work in works:
                try:
                    states |= await self._read([work])
                except Corrupt as error:
                    self._give_up(work, "read", error)
            return states

    async def _read(self, works: Sequence[Work]) -> dict[str, Execution]:
        versions = {work.execution: work.version for work in works}
        beginnings = {work.execution: work.first for work in works if work.first is not None}
        states = await self._engine.warm(versions, beginnings)
        for work in works:
            x = states.get(work.execution)
            if x is not None and x.version < work.version:
                states[work.execution] = await self._engine.refreshed(x)
        return states

    async def _decide(self, work: Work, x: Execution | None) -> Decided | None:
        """Return what follows for one execution; a fault in one never disturbs its neighbours."""
        if x is None:
            return None
        try:
            commands = await self._commands(work, x)
            with spans.span(spans.DECIDE, x.traceparent, {spans.EXECUTION_ID: x.id}):
                events, states = self._events(x, commands)
            if not events:
                return await self._decide_anew(work, x)
            meta = Meta(actor="scheduler", correlation=x.id, traceparent=x.traceparent)
            return self._engine.prepare(x, events, meta=meta, states=states)
        except LogUnavailable:
            raise
        except (MainspringError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            self._give_up(work, "decided about", error)
            return None

    def _give_up(self, work: Work, what: str, error: Exception) -> None:
        """Let go of an execution; the sweep brings it back."""
        extra = {"execution": work.execution}
        logger.error("an execution cannot be %s", what, exc_info=error, extra=extra)
        self._engine.forget(work.execution)

    async def _decide_anew(self, work: Work, x: Execution) -> Decided | None:
        """Look into the log before a turn is taken for one that changes nothing.

        While partitions change hands another replica may have gone on.  To a state that is behind,
        a report seems late and a timer early, and whoever says so is not heard again.
        """
        fresh = await self._engine.refreshed(x)
        if fresh.version > x.version:
            return await self._decide(work, fresh)
        _NOTHING.inc()
        return None

    async def _commands(self, work: Work, x: Execution) -> list[c.Recorded | c.Advance]:
        """Return what a turn takes in: reports, what was found out, and at least an advance."""
        now, seed = self._engine.clock.now(), self._engine.chance.seed()
        commands: list[c.Recorded | c.Advance] = [
            c.RecordReport(report=await self._whole(report), now=now, seed=seed)
            for report in work.reports
        ]
        commands += [replace(found, now=now, seed=seed) for found in work.records]
        commands += [
            replace(found, now=now, seed=seed)
            for ended in work.ended
            if (found := await self._chores.look(x, ended)) is not None
        ]
        if not commands or work.lost_before:
            commands.append(c.Advance(now=now, seed=seed, lost_before=work.lost_before))
        if work.taken_keys:
            taken = tuple(sorted(work.taken_keys))
            commands = [replace(command, taken_keys=taken) for command in commands]
        return commands

    def _events(
        self, x: Execution, commands: Sequence[c.Recorded | c.Advance]
    ) -> tuple[list[e.Event], list[Execution]]:
        """Return what happened, and the state after each event."""
        events: list[e.Event] = []
        states: list[Execution] = []
        for command in commands:
            draft = drafted(command, x)
            x = draft.x
            events += draft.events
            states += draft.states
        return events, states

    async def _whole(self, report: Report) -> Report:
        """Return a report with its large body fetched."""
        if not isinstance(report, Finished) or report.body_ref is None:
            return report
        data = await self._blobs.get(report.body_ref)
        body = None if data is None else msgspec.json.decode(data)
        return replace(report, exchange=replace(report.exchange, body=body), body_ref=None)

    async def _append(self, pairs: Sequence[tuple[Work, Decided]]) -> list[tuple[Work, Decided]]:
        """Append decisions; what another writer overtook is decided again from the log."""
        if not pairs:
            return []
        done: list[tuple[Work, Decided]] = []
        for work, decided, outcome in await self._written(pairs):
            if not isinstance(outcome, Appended):
                self._engine.forget(work.execution)
                if outcome.why == "name_taken":
                    work.taken_keys |= await self._taken(decided)
                work.first = None  # it has gone on since, and the log knows how
                self._inbox.put_back(work)
                _CONFLICT.inc()
                continue
            done.append((work, decided))
            _DECIDED.inc()
            if any(isinstance(event, Ending) for event in decided.events):
                metrics.EXECUTIONS_FINISHED.labels(decided.after.status).inc()
            if len(decided.append.events) >= MOST_AT_ONCE:
                self._inbox.poke(work.execution)
        return done

    async def _written(
        self, pairs: Sequence[tuple[Work, Decided]]
    ) -> list[tuple[Work, Decided, Appended | Refused]]:
        """Append decisions; those that the log cannot take are left out."""
        try:
            outcomes = await self._engine.log.append([decided.append for _, decided in pairs])
            return [(*pair, outcome) for pair, outcome in zip(pairs, outcomes, strict=True)]
        except Corrupt:
            # All were answered with the error of one; what was written is recognised.
            written: list[tuple[Work, Decided, Appended | Refused]] = []
            for work, decided in pairs:
                try:
                    (outcome,) = await self._engine.log.append([decided.append])
                    written.append((work, decided, outcome))
                except Corrupt as error:
                    self._give_up(work, "written", error)
                    for delivery in work.deliveries:
                        delivery.ack()
            return written

    async def _taken(self, decided: Decided) -> set[str]:
        """Return the event keys of a refused decision that others wait with."""
        taken: set[str] = set()
        for event in decided.events:
            if isinstance(event, e.StepWaiting) and event.kind == "event":
                project = decided.after.project
                found = await self._engine.views.waiting_triggers(project, event.key, limit=1)
                # Of keys with a common prefix the one that is the prefix comes first.
                if found and found[0].key == event.key and found[0].id != event.trigger:
                    taken.add(event.key)
        return taken

    async def _messages(self, done: Sequence[Decided]) -> list[Outgoing]:
        messages: list[Outgoing] = []
        for decided in done:
            for action in decided.actions:
                match action:
                    case Dispatch():
                        messages.append(await self._task(action.task))
                    case StopAttempts():
                        messages.append(notices.of_stop(action))
                    case NotifyParent():
                        messages.append(_ended(action))
                    case _:
                        self._chores.add(action)
            messages.append(decided.notice(settled=True))
        return messages

    async def _task(self, task: Task) -> Outgoing:
        data = _encoder.encode(task)
        if len(data) > LARGE:
            ref = await self._blobs.put(_encoder.encode(task.values))
            task = replace(task, values=None, values_ref=ref)
            data = _encoder.encode(task)
        if len(data) > LARGE:
            task = await self._shelled(task)
            data = _encoder.encode(task)
        id = f"{task.idempotency_key}:{task.call.attempt}:{task.redispatch}"
        return Outgoing(subjects.TASK_QUEUE, data, id)

    async def _shelled(self, task: Task) -> Task:
        """Return a task whose request, or whose plugin's input, stands in a blob."""
        plugin, request = task.plugin, task.request
        ref = await self._blobs.put(_encoder.encode(request if plugin is None else plugin))
        if plugin is not None:
            return replace(task, plugin=replace(plugin, input=None), request_ref=ref)
        if request is None:
            return task
        shell = replace(request, url=request.url[:SHOWN], headers={}, body=None)
        return replace(task, request=shell, request_ref=ref)


def _ended(action: NotifyParent) -> Outgoing:
    """Return the hint to a run that one which it started has ended."""
    ended = ChildEnded(execution=action.parent, ref=action.ref, child=action.child)
    subject = subjects.result(partition_of(action.parent))
    return Outgoing(subject, _encoder.encode(ended), f"{action.child}:ended")
