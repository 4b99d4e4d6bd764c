"""The engine's shell: load, decide, append, publish.

It holds the warm states of the executions that this process works on.  Correctness never rests on
them: every append names the head that it was decided on, and a conflict drops the state and decides
again from the log.  What is published after a commit may be lost; the sweeps over the views find
what has not moved.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, NoReturn, cast

import msgspec

from mainspring.domain import catalog
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import EMPTY, Envelope, Meta, StreamId, head_of, seal
from mainspring.domain.errors import (
    AlreadyExists,
    Corrupt,
    MainspringError,
    NotFound,
    StillRunning,
    VersionConflict,
)
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution import snapshot
from mainspring.domain.execution.decide import decide
from mainspring.domain.execution.evolve import fold
from mainspring.domain.execution.history import replay
from mainspring.domain.execution.lane import lane_of
from mainspring.domain.execution.react import Action, react
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.message import Json
from mainspring.domain.rows import DefinitionRow
from mainspring.domain.upcast import decode
from mainspring.ports import (
    Append,
    Appended,
    Bus,
    Clock,
    EventLog,
    Ids,
    Outgoing,
    Random,
    Refused,
    Snapshots,
    Views,
)
from mainspring.runtime import crash, notices
from mainspring.runtime.admission import Door, OpenDoor
from mainspring.runtime.turns import TRIES, Turns, pause
from mainspring.runtime.warm import WarmStates
from mainspring.store import views
from mainspring.telemetry import metrics

NOTHING: Final[Mapping[str, Envelope]] = {}
COMPILED = 4096
"""How many compiled definitions a process keeps in memory."""

TICK_S = 0.001
"""The least time between two versions of a definition: what instants on the wire can show."""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """A run to begin."""

    id: str
    project: str
    dialect: str
    name: str
    version: str
    payload: Json = None
    catalog_id: str | None = None
    triggered_by: str = "api"
    tags: dict[str, str] = {}
    retry_of: str | None = None
    parent: str | None = None
    parent_step: str | None = None
    depth: int = 0
    within: tuple[str, ...] = ()
    kept: dict[str, e.Kept] = {}
    expires: float | None = None
    attempt: int = 1


class NewDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A definition to store; `after` is the instant of the one that it is the next version of.

    Versions are in the order of their instants, whatever the clocks of two processes say.
    """

    id: str
    project: str
    name: str
    version: str
    dialect: str
    source: Json
    compiled: Definition
    after: float = 0.0


class Answer(NamedTuple):
    """The state after a request; `changed` is False when it was so already."""

    execution: Execution
    changed: bool


class Decided(msgspec.Struct, frozen=True):
    """A decision that is ready to be appended: events, rows, and the state that they make."""

    append: Append
    events: tuple[e.Event, ...]
    after: Execution
    actions: tuple[Action, ...]

    def notice(self, *, settled: bool) -> Outgoing:
        """Return the message that the run has grown; `settled`: nothing is left to decide."""
        return notices.of_run(self.append, ended=self.after.is_terminal, settled=settled)


class Engine:
    """Loads, decides, appends, publishes.  One a process."""

    def __init__(  # noqa: PLR0913 - one argument a port
        self,
        *,
        log: EventLog,
        views: Views,
        snapshots: Snapshots,
        bus: Bus,
        clock: Clock,
        ids: Ids,
        chance: Random,
    ) -> None:
        self.log = log
        self.views = views
        self.snapshots = snapshots
        self.bus = bus
        self.clock = clock
        self.ids = ids
        self.chance = chance
        self.turns = Turns()
        self.door: Door = OpenDoor()
        self._warm = WarmStates()
        self._definitions: OrderedDict[str, Definition] = OrderedDict()

    # Definitions.

    async def compiled(self, hash: str) -> Definition:
        """Return the compiled definition of a hash.  Raises `NotFound`."""
        found = self._definitions.get(hash)
        if found is not None:
            return found
        stream = StreamId("compiled", hash)
        history = (await self.log.read([stream]))[stream]
        if not history:
            raise NotFound(f"no compiled definition {hash}")
        event = _catalog_event(history[0])
        if not isinstance(event, catalog.DefinitionCompiled):
            raise Corrupt(f"stream {stream} begins with {history[0].type}")
        return self._remember(event.definition, hash)

    async def compiled_many(self, hashes: Sequence[str]) -> dict[str, Definition]:
        """Return compiled definitions by their hashes, in one read.

        Those that are unknown, or cannot be read, are left out.
        """
        found = {hash: form for hash in hashes if (form := self._definitions.get(hash)) is not None}
        missing = [StreamId("compiled", hash) for hash in hashes if hash not in found]
        if missing:
            for stream, history in (await self.log.read(missing)).items():
                with suppress(Corrupt):
                    event = _catalog_event(history[0]) if history else None
                    if isinstance(event, catalog.DefinitionCompiled):
                        found[stream.id] = self._remember(event.definition, stream.id)
        return found

    def _remember(self, definition: Definition, hash: str) -> Definition:
        """Keep a definition under its name: the hash of its content as it was first recorded."""
        self._definitions[hash] = definition
        if len(self._definitions) > COMPILED:
            self._definitions.popitem(last=False)
        return definition

    def _recorded(self, definition: Definition) -> list[Append]:
        """Return the append that records a compiled definition, if this process has not yet.

        That it is refused is no fault: then another process has recorded the same content.
        """
        if definition.hash in self._definitions:
            return []
        stream = StreamId("compiled", definition.hash)
        sealed = seal(
            stream,
            EMPTY,
            [catalog.DefinitionCompiled(definition=definition)],
            meta=Meta(),
            project="",
            now=self.clock.now(),
        )
        changes = views.project_catalog(
            sealed[0], catalog.DefinitionCompiled(definition=definition)
        )
        return [Append(stream, EMPTY, sealed, tuple(changes))]

    async def store_definition(self, entry: NewDefinition, meta: Meta) -> DefinitionRow:
        """Store a definition; durable when it returns.  Raises `AlreadyExists`."""
        now = max(self.clock.now(), entry.after + TICK_S)
        stored = catalog.DefinitionStored(
            name=entry.name,
            version=entry.version,
            dialect=entry.dialect,
            source=entry.source,
            compiled=entry.compiled.hash,
            at=now,
        )
        stream = StreamId("definition", entry.id)
        sealed = seal(stream, EMPTY, [stored], meta=meta, project=entry.project, now=now)
        changes = views.project_catalog(sealed[0], stored)
        append = Append(stream, EMPTY, sealed, tuple(changes))
        outcome = (await self.log.append([*self._recorded(entry.compiled), append]))[-1]
        if isinstance(outcome, Refused):
            _raise_refused(outcome, f"definition {entry.name} {entry.version}", entry.id)
        self._remember(entry.compiled, entry.compiled.hash)
        await self.publish([notices.of_other(append.events[-1])])
        return next(row for row in changes if isinstance(row, DefinitionRow))

    async def delete_definition(self, id: str, *, project: str, meta: Meta) -> bool:
        """Delete a definition; False when there is none.  Runs in flight keep their own."""
        found = await self.views.definition(project=project, id=id)
        return found is not None and await self.delete_definitions([found.row], meta=meta) == 1

    async def delete_definitions(self, rows: Sequence[DefinitionRow], *, meta: Meta) -> int:
        """Delete definitions in one transaction; return how many nobody else had deleted."""
        histories = await self.log.read([StreamId("definition", row.id) for row in rows])
        appends = [
            self._deletion(row, histories[StreamId("definition", row.id)], meta) for row in rows
        ]
        outcomes = await self.log.append(appends)
        for row, outcome in zip(rows, outcomes, strict=True):
            if isinstance(outcome, Refused) and outcome.why != "conflict":
                _raise_refused(outcome, f"definition {row.id}", row.id)
        await self.publish([notices.of_other(append.events[-1]) for append in appends])
        return sum(isinstance(outcome, Appended) for outcome in outcomes)

    def _deletion(self, row: DefinitionRow, history: Sequence[Envelope], meta: Meta) -> Append:
        now = self.clock.now()
        deleted = catalog.DefinitionDeleted(at=now)
        stream, head = history[-1].stream, head_of(history[-1])
        sealed = seal(stream, head, [deleted], meta=meta, project=row.project, now=now)
        return Append(stream, head, sealed, tuple(views.project_catalog(sealed[0], deleted, row)))

    # Executions.

    async def start(self, definition: Definition, start: Start, meta: Meta) -> Execution:
        """Begin a run and return it; durable, and readable through the views, when it returns.

        Raises `StillRunning` when its idempotency key was taken meanwhile, `Limited`, `Overloaded`,
        `LogUnavailable`, and what `beginning` raises.
        """
        decided = self.beginning(definition, start, meta)
        async with self.door.passage(start.project, start.name):
            outcome = (await self.start_many([decided]))[0]
        if isinstance(outcome, Refused):
            _raise_refused(outcome, f"execution {start.id}", start.id)
        return decided.after

    def beginning(self, definition: Definition, start: Start, meta: Meta) -> Decided:
        """Return the beginning of a run, to be appended by `start_many`.

        Raises `DefinitionInvalid` where the key that its workflow counts it by cannot be rendered.
        """
        requested = e.ExecutionRequested(
            definition=definition.hash,
            name=start.name,
            version=start.version,
            dialect=start.dialect,
            payload=start.payload,
            catalog_id=start.catalog_id,
            triggered_by=start.triggered_by,
            tags=start.tags,
            retry_of=start.retry_of,
            parent=start.parent,
            parent_step=start.parent_step,
            depth=start.depth,
            within=start.within,
            kept=start.kept,
            expires=start.expires,
            lane=lane_of(definition, start.payload),
            attempt=start.attempt,
            at=self.clock.now(),
        )
        x = absent(start.id, definition)
        return self._seal(x, [requested], project=start.project, meta=meta)

    async def start_many(
        self, beginnings: Sequence[Decided], beside: Sequence[Append] = ()
    ) -> list[Appended | Refused]:
        """Begin runs, and append other streams in the same transaction; answer in this order.

        Durable, and readable through the views, when it returns.  Raises `LogUnavailable`.
        """
        forms = {one.after.definition.hash: one.after.definition for one in beginnings}
        recorded = [append for form in forms.values() for append in self._recorded(form)]
        batch = [*recorded, *(one.append for one in beginnings), *beside]
        outcomes = (await self.log.append(batch))[len(recorded) :]
        for hash, form in forms.items():
            self._remember(form, hash)
        begun = [
            one
            for one, outcome in zip(beginnings, outcomes, strict=False)
            if isinstance(outcome, Appended)
        ]
        for one in begun:
            asked = one.after.requested
            metrics.EXECUTIONS_STARTED.labels(asked.dialect if asked else "").inc()
        # crash here: the runs are durable, and nobody has heard of them; sweeps find them
        crash.here("engine.started")
        await self.announce(begun, settled=False)
        return outcomes

    async def ask(self, id: str, command: c.Request, *, project: str | None, meta: Meta) -> Answer:
        """Carry out a request; durable when it returns.

        Raises `NotFound`, `IllegalTransition`, `Expired`, `VersionConflict` when others were first
        again and again.
        """
        async with self.turns.of(id):
            for tried in range(TRIES):
                await self.stand_aside(tried)
                answer = await self._asked(id, command, project, meta)
                if answer is not None:
                    return answer
        raise VersionConflict(f"execution {id} is being changed by others")

    async def stand_aside(self, tried: int) -> None:
        """Wait as long as one should who was refused so many times."""
        if (seconds := pause(tried, self.chance.seed() if tried > 1 else "")) > 0:
            await self.clock.sleep(seconds)

    async def _asked(
        self, id: str, command: c.Request, project: str | None, meta: Meta
    ) -> Answer | None:
        """Decide a request once, and append it; None when another writer was first."""
        x = await self.load(id, project=project)
        if x is None:
            raise NotFound(f"no execution {id}")
        events = decide(command, x)
        if not events:
            return Answer(x, changed=False)
        decided = self._seal(x, events, project=x.project, meta=meta)
        outcome = (await self.log.append([decided.append]))[0]
        if isinstance(outcome, Appended):
            # crash here: the request is durable, and nobody has heard of it; sweeps find the run
            crash.here("engine.asked")
            await self.announce([decided], settled=False)
            return Answer(decided.after, changed=True)
        if outcome.why != "conflict":
            _raise_refused(outcome, f"execution {id}", id)
        return None

    async def ask_many(
        self, asks: Mapping[str, Sequence[c.Request]], *, project: str, meta: Meta
    ) -> dict[str, list[Answer | MainspringError]]:
        """Carry out requests about many executions; durable when it returns.

        What is refused is in the answer, as the error.  All are read at once and written together;
        one that another writer overtook is asked alone, as `ask` does.
        """
        streams = [StreamId("execution", id) for id in asks]
        answers: dict[str, list[Answer | MainspringError]] = {}
        decided: list[Decided] = []
        for stream, history in (await self.log.read(streams)).items():
            if not history or history[0].project != project:
                missing = NotFound(f"no execution {stream.id}")
                answers[stream.id] = [missing for _ in asks[stream.id]]
                continue
            x = await self._replayed(stream.id, history)
            answers[stream.id], events = _decided(asks[stream.id], x)
            if events:
                decided.append(self._seal(x, events, project=project, meta=meta))
        outcomes = await self.log.append([one.append for one in decided]) if decided else []
        pairs = list(zip(decided, outcomes, strict=True))
        await self.announce(
            [one for one, outcome in pairs if isinstance(outcome, Appended)], settled=False
        )
        for one, outcome in pairs:
            if not isinstance(outcome, Appended):
                id = one.after.id
                answers[id] = [
                    await self._alone(id, command, project, meta) for command in asks[id]
                ]
        return answers

    async def _alone(
        self, id: str, command: c.Request, project: str, meta: Meta
    ) -> Answer | MainspringError:
        try:
            return await self.ask(id, command, project=project, meta=meta)
        except MainspringError as error:
            return error

    async def load(
        self, id: str, *, project: str | None = None, as_of: float | None = None
    ) -> Execution | None:
        """Return an execution from the log, None when there is none (in this project).

        `as_of` an int is a log position, a float an instant: the state as it was then.
        """
        stream = StreamId("execution", id)
        history = (await self.log.read([stream]))[stream]
        if as_of is not None:
            # Clocks are apart, so instants may go back: what was is a beginning, without a gap.
            known = [n for n, envelope in enumerate(history, 1) if _was(envelope, as_of)]
            history = history[: max(known, default=0)]
        if not history or (project is not None and history[0].project != project):
            return None
        return await self._replayed(id, history)

    async def _replayed(self, id: str, history: Sequence[Envelope]) -> Execution:
        first = decode("execution", history[0].type, history[0].schema_version, history[0].body)
        if not isinstance(first, e.ExecutionRequested):
            raise Corrupt(f"execution {id} begins with {history[0].type}")
        return replay(absent(id, await self.compiled(first.definition)), history)

    async def warm(
        self, ids: Mapping[str, int], beginnings: Mapping[str, Envelope] = NOTHING
    ) -> dict[str, Execution]:
        """Return states for deciding, from memory or else from the log; unknown ids are left out.

        With each id comes the version that its stream is known to have, 0 when that is not known:
        a short history is folded without asking for a snapshot.  `beginnings` are first events that
        need not be read.  A state may be behind the log: an append on top of it is then refused.
        """
        found = {id: x for id in ids if (x := self._warm.get(id)) is not None}
        for id, first in beginnings.items():
            if id not in found:
                x = found[id] = await self._replayed(id, [first])
                self._warm.keep(x, len(first.body))
        cold = [id for id in ids if id not in found]
        long = [id for id in cold if not 0 < ids[id] < snapshot.FIRST]
        found |= await self._thawed(long)
        missing = [StreamId("execution", id) for id in cold if id not in found]
        if missing:
            for stream, history in (await self.log.read(missing)).items():
                if history:
                    x = found[stream.id] = await self._replayed(stream.id, history)
                    self._warm.keep(x, sum(len(envelope.body) for envelope in history))
        return found

    async def _thawed(self, ids: Sequence[str]) -> dict[str, Execution]:
        """Return the states that have a snapshot, brought up to the log."""
        found: dict[str, Execution] = {}
        if not ids:
            return found
        saved = await self.snapshots.load([StreamId("execution", id) for id in ids])
        for stream, (_, data) in saved.items():
            definition = snapshot.definition_of(data)
            x = definition and snapshot.thaw(data, await self.compiled(definition))
            x = x and await self._continued(stream, x)
            if x:
                found[stream.id] = x
                self._warm.keep(x, len(data))
        return found

    async def _continued(self, stream: StreamId, x: Execution) -> Execution | None:
        """Return a state that was kept brought up to the log; None if the log never led to it.

        What is decided on such a state would be refused for ever, whoever decides.
        """
        history = (await self.log.read([stream], after=x.version - 1))[stream]
        is_there = history and (history[0].version, history[0].hash) == (x.version, x.hash)
        return replay(x, history[1:]) if is_there and x.id == stream.id else None

    async def remember(self, decided: Decided) -> None:
        """Keep the state after a decision warm; save a snapshot when its history has doubled."""
        x, append = decided.after, decided.append
        self._warm.keep(x, sum(len(envelope.body) for envelope in append.events))
        if snapshot.is_due(append.expected.version, x.version):
            await self.snapshots.save(StreamId("execution", x.id), x.head, snapshot.freeze(x))

    async def refreshed(self, x: Execution) -> Execution:
        """Return a warm state brought up to the log."""
        stream = StreamId("execution", x.id)
        return replay(x, (await self.log.read([stream], after=x.version))[stream])

    def forget(self, id: str) -> None:
        """Let go of a state, after a conflict or a doubt."""
        self._warm.forget(id)

    def prepare(
        self,
        x: Execution,
        events: Sequence[e.Event],
        *,
        meta: Meta,
        states: Sequence[Execution] = (),
    ) -> Decided:
        """Seal a decision on top of `x`, with the rows and the actions that follow.

        `states` are those after each event, where they are known already.
        """
        return self._seal(x, events, project=x.project, meta=meta, states=states)

    def _seal(
        self,
        x: Execution,
        events: Sequence[e.Event],
        *,
        project: str,
        meta: Meta,
        states: Sequence[Execution] = (),
    ) -> Decided:
        stream = StreamId("execution", x.id)
        now = self.clock.now()
        sealed = seal(stream, x.head, events, meta=meta, project=project, now=now)
        changes, after = views.project(x, sealed, events, states)
        actions = [action for event in events for action in react(event, after)]
        append = Append(stream, x.head, sealed, tuple(changes))
        return Decided(append, tuple(events), after, tuple(actions))

    async def announce(self, decided: Sequence[Decided], *, settled: bool) -> None:
        """Publish what was appended; a broker that is away is no error: the sweeps catch up."""
        await self.publish([one.notice(settled=settled) for one in decided])

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish, and let it be when the broker is away."""
        try:
            await self.bus.publish(messages)
        except MainspringError:
            return


def _decided(
    commands: Sequence[c.Request], x: Execution
) -> tuple[list[Answer | MainspringError], list[e.Event]]:
    """Return what each request comes to, one after the other, and the events of all of them."""
    answers: list[Answer | MainspringError] = []
    events: list[e.Event] = []
    for command in commands:
        try:
            new = decide(command, x)
        except MainspringError as error:
            answers.append(error)
            continue
        x = fold(x, new)
        events += new
        answers.append(Answer(x, changed=bool(new)))
    return answers, events


def _was(envelope: Envelope, as_of: float) -> bool:
    if isinstance(as_of, int):
        return envelope.position <= as_of
    return envelope.recorded_at <= as_of


def _catalog_event(envelope: Envelope) -> catalog.Event:
    message = decode(
        envelope.stream.category, envelope.type, envelope.schema_version, envelope.body
    )
    return cast("catalog.Event", message)


def _raise_refused(refused: Refused, what: str, id: str) -> NoReturn:
    match refused.why:
        case "key_taken":
            raise StillRunning("the idempotency key is in use")
        case "name_taken":
            raise AlreadyExists(f"{what} already exists")
        case "conflict":
            raise AlreadyExists(f"the id {id} is taken")
