"""One execution played by hand: the decider, the log and the views, in memory, without a shell.

It does what the engine does between two awaits (decide, seal, project, react) and keeps every
decision with the state before it, so that a law can be judged over a whole life.  Time moves only
when it is told to.  The rival, the real engine over memory adapters, is what the simulation drives;
here a life of fifty events costs a few milliseconds.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from mainspring.domain import catalog
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import EMPTY, Envelope, Head, Meta, StreamId, seal
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.decide import MOST_AT_ONCE, decide
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.react import Dispatch, EmitEvent, StartChild, react
from mainspring.domain.execution.state import IN_FLIGHT, Execution, StepState, absent
from mainspring.domain.message import Json, Message, replace
from mainspring.domain.rows import Change
from mainspring.domain.task import (
    PLUGIN,
    CallId,
    Exchange,
    Fault,
    Finished,
    Logged,
    LogLine,
    Started,
    Task,
)
from mainspring.store import views
from mainspring.store.tables import Tables
from mainspring.testing.shapes import path, task
from mainspring.testing.spec import EXECUTION, START, requested

MOST_ROUNDS = 50
"""Decisions in a row after which a run is taken to decide without end; loops need a few."""


CHILD: Final = path(task("did"), name="other")
"""What a step of a kind `child` runs."""


class Decision(NamedTuple):
    """What a command led to, and the state that it was given in."""

    before: Execution
    command: c.Command | None
    events: tuple[e.Event, ...]


class Player:
    """An execution with all that was ever decided about it."""

    def __init__(
        self,
        definition: Definition,
        *,
        payload: Json = None,
        id: str = EXECUTION,
        seed: str = "player",
    ) -> None:
        self.now = START
        self.log: list[Envelope] = []
        self.tables = Tables()
        self.tasks: list[Task] = []
        self.chores: list[StartChild | EmitEvent] = []
        self.decisions: list[Decision] = []
        self.x = absent(id, definition)
        self._children: dict[str, Execution] = {}
        self._seed = seed
        self._record_definition(definition)
        self._append(None, [requested(definition, payload=payload)], actor="tester")

    def ask(self, command: c.Request) -> list[e.Event]:
        """Let a person or a peer ask; raises what the decider raises."""
        return self._give(command, actor="tester")

    def advance(self, *, lost_before: float = 0.0) -> list[e.Event]:
        """Let the scheduler decide, again while one decision was not enough."""
        events = self._give(self._advance(lost_before))
        more = events
        for _ in range(MOST_ROUNDS):
            if len(more) < MOST_AT_ONCE:
                return events
            more = self._give(self._advance(0.0))
            events += more
        raise AssertionError(f"it decides without end: {events[-3:]}")

    def starts(self, call: CallId) -> list[e.Event]:
        """Let an executor announce that it has begun."""
        return self._report(Started(call=call, at=self.now))

    def answers(
        self, call: CallId, status: int | None = 200, body: Json = None, fault: Fault | None = None
    ) -> list[e.Event]:
        """Let an executor report an answer, or with no status a fault."""
        exchange = Exchange(
            verb="POST",
            url=f"http://peer.test/{call.ref}",
            started_at=self.now,
            latency=0.05,
            status=status,
            body=body,
            fault=fault if status is None else None,
            error=fault if status is None else None,
        )
        return self._report(Finished(call=call, exchange=exchange))

    def says(self, call: CallId, *messages: str) -> list[e.Event]:
        """Let an executor report what a plugin has said, while it is still at work."""
        return self._report(Logged(call=call, lines=self._lines(messages)))

    def works(
        self,
        call: CallId,
        output: Json = None,
        *,
        failure: str = "",
        final: bool = False,
        says: Sequence[str] = (),
    ) -> list[e.Event]:
        """Let an executor report that a plugin is done, or has failed, and what it said."""
        exchange = Exchange(
            verb=PLUGIN,
            url="test.work",
            started_at=self.now,
            latency=0.05,
            body=output,
            fault="failed" if failure else None,
            error=failure or None,
            final=final,
        )
        return self._report(Finished(call=call, exchange=exchange, logs=self._lines(says)))

    def _lines(self, messages: Sequence[str]) -> tuple[LogLine, ...]:
        return tuple(
            LogLine(self.now + n / 1024, "INFO", message) for n, message in enumerate(messages)
        )

    def calls_back(self, call: CallId, nonce: str, body: Json = None) -> list[e.Event]:
        """Let a peer answer an asynchronous call; raises what the decider raises."""
        command = c.DeliverCallback(
            ref=call.ref,
            visit=call.visit,
            attempt=call.attempt,
            nonce=nonce,
            body=body,
            now=self.now,
        )
        return self._give(command, actor="callback")

    def child_ends(
        self, chore: StartChild, status: c.ChildStatus = "succeeded", output: Json = None
    ) -> list[e.Event]:
        """Let it be told that the run which a step started has come to its end."""
        return self._give(
            c.RecordChild(
                ref=chore.ref,
                visit=chore.visit,
                attempt=chore.attempt,
                status=status,
                output=output,
                error="" if status == "succeeded" else "it could not",
                now=self.now,
                seed=self._next_seed(),
            )
        )

    def plays_child(
        self, chore: StartChild, status: c.ChildStatus = "succeeded", output: Json = None
    ) -> list[e.Event]:
        """Let the run that a step started come to its end, in the log, and then be told of."""
        if status != "missing":
            output = self._end_child(chore, status, output)
        return self.child_ends(chore, status, output)

    def own(self) -> list[Envelope]:
        """Return what the log has of the run itself, and not of those that it started."""
        return [one for one in self.log if one.stream == StreamId("execution", self.x.id)]

    def _end_child(self, chore: StartChild, status: c.ChildStatus, output: Json) -> Json:
        """Play a child of one step to its end, unless that was done; return what it gives."""
        if chore.child not in self._children:
            if not self._children:
                self._record_definition(CHILD)
            self._children[chore.child] = self._play_child(chore, status, output)
        did = self._children[chore.child].of("did")
        return {"did": did.output} if did is not None and did.status == "succeeded" else {}

    def _play_child(self, chore: StartChild, status: c.ChildStatus, output: Json) -> Execution:
        asked = requested(CHILD, parent=chore.execution, parent_step=chore.ref, depth=chore.depth)
        x = self._written(absent(chore.child, CHILD), [asked])
        if status == "canceled":
            x = self._written(x, decide(c.RequestCancel(), x))
        x = self._written(x, decide(self._advance(0.0), x))
        if status == "canceled":
            return x
        exchange = Exchange(
            verb="POST",
            url="http://peer.test/did",
            started_at=self.now,
            latency=0.05,
            status=200 if status == "succeeded" else 500,
            body=output,
        )
        report = Finished(call=CallId(execution=x.id, ref="did"), exchange=exchange)
        command = c.RecordReport(report=report, now=self.now, seed=self._next_seed())
        return self._written(x, decide(command, x))

    def _written(self, x: Execution, events: Sequence[e.Event]) -> Execution:
        stream = StreamId("execution", x.id)
        changes, x = views.project(x, self._seal(stream, x.head, events, actor="child"), events)
        self._write(changes)
        return x

    def sent(self, chore: EmitEvent, trigger: str | None = None) -> list[e.Event]:
        """Let a step's event be sent, to a trigger or to nobody."""
        return self._give(
            c.RecordEmission(
                ref=chore.ref,
                visit=chore.visit,
                attempt=chore.attempt,
                trigger=trigger,
                now=self.now,
                seed=self._next_seed(),
            )
        )

    def owed(self) -> list[StartChild | EmitEvent]:
        """Return what the scheduler itself has to carry out and record, oldest first."""
        found: list[StartChild | EmitEvent] = []
        for state in self.x.open_steps():
            if state.status not in IN_FLIGHT:
                continue
            kind = EmitEvent if state.phase == "emit" else StartChild
            for chore in reversed(self.chores):
                same = (chore.ref, chore.visit, chore.attempt)
                if type(chore) is kind and same == (state.ref, state.visit, state.attempt):
                    found.append(chore)
                    break
        return found

    def waiting(self) -> list[StepState]:
        """Return the steps that wait for an event or an approval and were not answered yet."""
        return [
            state
            for state in self.x.open_steps()
            if state.status == "waiting" and state.resolution is None
        ]

    def pass_time(self, seconds: float) -> None:
        """Let time go by."""
        self.now += seconds

    def in_flight(self) -> list[Task]:
        """Return the tasks whose attempts are awaited, oldest first."""
        return [
            task
            for state in self.x.open_steps()
            if state.status in IN_FLIGHT
            and (task := self._task_of(state.ref, state.phase, state.visit, state.attempt))
        ]

    def jump(self) -> bool:
        """Let time go by up to the next wake-up; False when there is none."""
        wake_at = outlook(self.x).wake_at
        if wake_at is None:
            return False
        self.now = max(self.now, wake_at)
        return True

    def _task_of(self, ref: str, phase: str, visit: int, attempt: int) -> Task | None:
        for one in reversed(self.tasks):
            call = one.call
            if (call.ref, call.phase, call.visit, call.attempt) == (ref, phase, visit, attempt):
                return one
        return None

    def _advance(self, lost_before: float) -> c.Advance:
        return c.Advance(now=self.now, seed=self._next_seed(), lost_before=lost_before)

    def _report(self, report: Started | Finished | Logged) -> list[e.Event]:
        return self._give(c.RecordReport(report=report, now=self.now, seed=self._next_seed()))

    def _next_seed(self) -> str:
        return f"{self._seed}:{len(self.decisions)}"

    def _give(self, command: c.Command, actor: str = "scheduler") -> list[e.Event]:
        events = decide(command, self.x)
        self._append(command, events, actor=actor)
        return events

    def _append(self, command: c.Command | None, events: Sequence[e.Event], *, actor: str) -> None:
        self.decisions.append(Decision(self.x, command, tuple(events)))
        if not events:
            return
        sealed = self._seal(StreamId("execution", self.x.id), self.x.head, events, actor=actor)
        changes, self.x = views.project(self.x, sealed, events)
        self._write(changes)
        for event in events:
            for action in react(event, self.x):
                if isinstance(action, Dispatch):
                    self.tasks.append(action.task)
                elif isinstance(action, StartChild | EmitEvent):
                    self.chores.append(action)

    def _record_definition(self, definition: Definition) -> None:
        stream = StreamId("compiled", definition.hash)
        event = catalog.DefinitionCompiled(definition=definition)
        for envelope in self._seal(stream, EMPTY, [event], actor="system", project=""):
            self._write(views.project_catalog(envelope, event))

    def _seal(
        self,
        stream: StreamId,
        head: Head,
        events: Sequence[Message],
        *,
        actor: str,
        project: str = "default",
    ) -> list[Envelope]:
        meta = Meta(actor=actor, correlation=self.x.id)
        sealed = seal(stream, head, events, meta=meta, project=project, now=self.now)
        first = len(self.log) + 1
        placed = [replace(one, position=first + n) for n, one in enumerate(sealed)]
        self.log += placed
        return placed

    def _write(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.tables.write(change)
