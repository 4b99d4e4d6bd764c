"""Starts the runs of starters, each once.

A run's id follows from its starter and what made it start, so to start it is to ask for it: a
second start finds the first.  Starts and what is recorded of them are one transaction where they
can be; where another writer parts them, the schedule stays due and finds its run there.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias, cast

from mainspring.domain import starters as s
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import Meta, StreamId
from mainspring.domain.errors import (
    Corrupt,
    DefinitionInvalid,
    IllegalTransition,
    MainspringError,
    NotFound,
)
from mainspring.domain.execution.events import ExecutionRequested
from mainspring.domain.execution.waits import given
from mainspring.domain.message import Json, replace
from mainspring.domain.upcast import event_in
from mainspring.http.instants import shown
from mainspring.ports import Append, Appended, DefinitionDetail, ExecutionDetail, Refused
from mainspring.runtime import crash, notices
from mainspring.runtime.beginnings import TAKES_INPUTS, payload_of
from mainspring.runtime.engine import Decided, Engine, Start
from mainspring.runtime.starters import Starters
from mainspring.telemetry import metrics

AT_ONCE: Final = 512
"""Starters in one transaction."""

BREATH: Final = 64
"""Schedules after which whatever else waits in this process has its turn."""

LONGEST_ERROR: Final = 2000

Newest: TypeAlias = Mapping[tuple[str, str], DefinitionDetail]

logger = logging.getLogger(__name__)


class Told(NamedTuple):
    """What a run is started with beside what its starter says."""

    id: str
    trigger: dict[str, Json]
    depth: int = 0
    input: Json = None


class Filled(NamedTuple):
    """A run of a backfill, and whether it was started by this one."""

    instant: float
    execution: str
    is_new: bool


class _Plan(NamedTuple):
    """What one starter does at once: runs to begin, and the events that tell of them."""

    starter: s.Starter
    begun: tuple[Decided, ...]
    events: tuple[s.Event, ...]


class Fires:
    """Starts runs for starters."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._starters = Starters(engine)

    # Schedules.

    async def fire_due(self, partitions: Sequence[int], *, limit: int = AT_ONCE) -> int:
        """Fire the schedules that are due; return how many were fired.

        Raises `LogUnavailable`.  What another replica has fired meanwhile is left to it.
        """
        now = self._engine.clock.now()
        due = await self._engine.views.due_starters(partitions, until=now, limit=limit)
        return await self.fire(due, now) if due else 0

    async def fire(self, starters: Sequence[s.Starter], now: float) -> int:
        """Start what these schedules have to start now; return how many had something to."""
        newest, forms = await self._newest(starters)
        plans: list[_Plan] = []
        for place, one in enumerate(starters):
            if place % BREATH == BREATH - 1:
                await self._engine.clock.sleep(0)
            try:
                due = s.due(one, now=now)
                plans += [] if due is None else [self._plan(one, due, newest, forms, now)]
            except (ArithmeticError, LookupError, TypeError, ValueError):
                # What is wrong with one is no reason to stop for the others.
                logger.exception("a schedule cannot be fired", extra={"starter": one.row.id})
        await self._carry_out(plans, now)
        return len(plans)

    def _plan(
        self,
        starter: s.Starter,
        due: s.Due,
        newest: Newest,
        forms: Mapping[str, Definition],
        now: float,
    ) -> _Plan:
        events: list[s.Event] = []
        begun: list[Decided] = []
        if due.note is not None or not due.instants:
            note = due.note or "nothing was due"
            events.append(
                s.StarterSkipped(note=note, next_at=due.next_at, due_at=due.due_at, at=now)
            )
            logger.warning("a schedule: %s", note, extra={"starter": starter.row.id})
        for at in due.instants:
            told = Told(s.run_at(starter.row.id, at), _scheduled(starter, at))
            error = None
            try:
                begun.append(self._beginning(starter, newest, forms, told))
            except (NotFound, DefinitionInvalid, IllegalTransition) as refused:
                error = _said(refused)
            events.append(
                s.StarterFired(
                    instant=at,
                    execution=told.id,
                    error=error,
                    next_at=due.next_at,
                    due_at=due.due_at,
                    at=now,
                )
            )
        return _Plan(starter, tuple(begun), tuple(events))

    async def _carry_out(self, plans: Sequence[_Plan], now: float) -> None:
        try:
            await self._append(plans, now)
        except Corrupt:
            # All were answered with the error of one.
            for plan in plans:
                try:
                    await self._append([plan], now)
                except Corrupt as error:
                    await self._give_up(plan, error)

    async def _give_up(self, plan: _Plan, error: Corrupt) -> None:
        """Record that the log cannot keep a run: else its schedule would stay due for ever."""
        row = plan.starter.row
        logger.error("a run cannot be started", exc_info=error, extra={"starter": row.id})
        events = [
            replace(each, error="the log cannot keep the run")
            for each in plan.events
            if isinstance(each, s.StarterFired)
        ]
        append = self._told(_Plan(plan.starter, (), tuple(events)))
        await self._engine.log.append([append])

    async def _append(self, plans: Sequence[_Plan], now: float) -> None:
        begun = [one for plan in plans for one in plan.begun]
        beside = [self._told(plan) for plan in plans]
        outcomes = await self._engine.start_many(begun, beside)
        # crash here: all of it is durable, and nobody has heard of it; sweeps find the runs
        crash.here("fires.appended")
        await self._engine.publish([notices.of_other(append.events[-1]) for append in beside])
        _count(plans, outcomes, now)

    def _told(self, plan: _Plan) -> Append:
        row = plan.starter.row
        return self._starters.append_of(
            row.id, row.project, plan.starter, plan.events, _meta(row.id)
        )[1]

    async def backfill(
        self,
        starter: s.Starter,
        since: float,
        until: float,
        given: Json,
        meta: Callable[[list[Filled]], Meta],
    ) -> list[Filled]:
        """Start the runs of a schedule's instants in a span that have none; return all of them.

        `meta` makes the metadata of the event that tells of it.  Raises `DefinitionInvalid` when
        there are more than a thousand or the inputs do not fit, `NotFound` when the workflow is
        gone.
        """
        instants = s.instants_between(starter, since, until)
        if instants is None:
            raise DefinitionInvalid([f"to: there are more than {s.MOST} instants until then"])
        newest, forms = await self._newest([starter])
        told = [
            Told(s.run_at(starter.row.id, at), _scheduled(starter, at), input=given)
            for at in instants
        ]
        begun = [self._beginning(starter, newest, forms, one) for one in told]
        outcomes = await self._engine.start_many(begun) if begun else []
        filled = [
            Filled(at, one.id, isinstance(outcome, Appended))
            for at, one, outcome in zip(instants, told, outcomes, strict=True)
        ]
        fresh = sum(each.is_new for each in filled)
        event = s.StarterBackfilled(
            since=since, until=until, instants=fresh, at=self._engine.clock.now()
        )
        await self._starters.note(starter.row.id, starter.row.project, event, meta(filled))
        metrics.STARTER_FIRES.labels("backfill", "started").inc(fresh)
        return filled

    # Webhooks and followers.

    async def deliver(self, starter: s.Starter, told: Told, meta: Meta) -> Appended | Refused:
        """Start the run of a webhook's delivery; refused when it, or its key, is there already.

        Raises `NotFound` when the workflow is gone, `DefinitionInvalid` when its inputs do not
        fit, `IllegalTransition` when it is disabled, `Limited` and `Overloaded`.
        """
        newest, forms = await self._newest([starter])
        begun = self._beginning(starter, newest, forms, told, meta)
        async with self._engine.door.passage(starter.row.project, begun.after.definition.name):
            outcome = (await self._engine.start_many([begun]))[0]
        metrics.STARTER_FIRES.labels("webhook", _word(outcome)).inc()
        return outcome

    async def follow(self, starter: s.Starter, ended: ExecutionDetail) -> None:
        """Start the run that follows the end of another, once."""
        id = s.run_after(starter.row.id, ended.row.id)
        if starter.row.last_execution == id or await self._engine.views.executions_by_id([id]):
            return  # whoever did it died before it noted how far it came
        trigger = {"type": "flow", "execution": await self._ended(starter, ended)}
        told = Told(id, trigger, await self._depth(ended.row.id) + 1)
        now = self._engine.clock.now()
        begun, error = await self._following(starter, told)
        fired = s.StarterFired(instant=now, execution=id, error=error, at=now)
        await self._carry_out([_Plan(starter, begun, (fired,))], now)

    async def _following(
        self, starter: s.Starter, told: Told
    ) -> tuple[tuple[Decided, ...], str | None]:
        """Return the run that follows, or why there is none."""
        if told.depth > s.DEEPEST:
            return (), f"runs follow one another deeper than {s.DEEPEST}"
        newest, forms = await self._newest([starter])
        try:
            return (self._beginning(starter, newest, forms, told),), None
        except (NotFound, DefinitionInvalid, IllegalTransition) as refused:
            return (), _said(refused)

    async def _ended(self, starter: s.Starter, ended: ExecutionDetail) -> dict[str, Json]:
        return {
            "id": ended.row.id,
            "flowId": ended.row.catalog_id,
            "name": ended.row.name,
            "status": s.word_of(starter.row.dialect, ended.row.status),
            "outputs": await self.outputs(ended),
        }

    async def outputs(self, ended: ExecutionDetail) -> Json:
        """Return the outputs of a run: what it says, or those of its steps by their names."""
        x = await self._engine.load(ended.row.id)
        return {} if x is None else given(x)

    async def _depth(self, execution: str) -> int:
        """Return how many runs stand above a run."""
        stream = StreamId("execution", execution)
        first = await self._engine.log.read_all(after=0, limit=1, stream=stream)
        event = event_in(first[0]) if first else None
        return event.depth if isinstance(event, ExecutionRequested) else 0

    # Beginnings.

    async def _newest(self, starters: Iterable[s.Starter]) -> tuple[Newest, dict[str, Definition]]:
        """Return the newest versions of workflows, and what they mean, by their hashes."""
        asked = dict.fromkeys((one.row.project, one.row.workflow) for one in starters)
        newest = await self._engine.views.newest_of(list(asked))
        hashes = dict.fromkeys(found.row.compiled for found in newest.values())
        return newest, await self._engine.compiled_many(list(hashes))

    def _beginning(
        self,
        starter: s.Starter,
        newest: Newest,
        forms: Mapping[str, Definition],
        told: Told,
        meta: Meta | None = None,
    ) -> Decided:
        """Return the beginning of a run.  Raises `NotFound` and `DefinitionInvalid`."""
        found = newest.get((starter.row.project, starter.row.workflow))
        definition = forms.get(found.row.compiled) if found is not None else None
        if found is None or definition is None:
            raise NotFound("the workflow is not there any more")
        row = found.row
        if _says(found.source, "disabled") is True:
            raise IllegalTransition("start a run", "disabled", "the workflow is disabled")
        given = starter.form.input if told.input is None else told.input
        start = Start(
            id=told.id,
            project=row.project,
            dialect=row.dialect,
            name=row.name,
            version=row.version,
            payload=_payload(definition, row.dialect, given, told.trigger),
            catalog_id=starter.row.workflow,
            triggered_by=starter.row.kind,
            tags=_tags(found.source),
            depth=told.depth,
        )
        return self._engine.beginning(definition, start, meta or _meta(starter.row.id))


def _payload(definition: Definition, dialect: str, given: Json, trigger: dict[str, Json]) -> Json:
    """Return what a run is started with; free payloads have the trigger among their members."""
    if dialect in TAKES_INPUTS:
        return payload_of(definition, dialect, given, trigger=trigger)
    members = cast("dict[str, Json]", given) if isinstance(given, dict) else {}
    return {**members, "trigger": trigger}


def _tags(source: object) -> dict[str, str]:
    tags = _says(source, "tags") or _says(source, "labels")
    if not isinstance(tags, dict):
        return {}
    named = cast("dict[str, Json]", tags)
    return {name: text for name, text in named.items() if isinstance(text, str)}


def _says(source: object, name: str) -> Json:
    return cast("dict[str, Json]", source).get(name) if isinstance(source, dict) else None


def _scheduled(starter: s.Starter, at: float) -> dict[str, Json]:
    spec = cast("s.Schedule", starter.form.spec)
    said = spec.cron or (f"every {spec.interval:g}s" if spec.interval else shown(at))
    kind = "cron" if starter.row.dialect == "runs" else "schedule"
    return {"type": kind, "scheduled_at": shown(at), "schedule": said}


def _meta(starter: str) -> Meta:
    return Meta(actor="scheduler", causation=f"starter-{starter}")


def _said(refused: MainspringError) -> str:
    return str(refused)[:LONGEST_ERROR]


def _word(outcome: Appended | Refused) -> str:
    return "started" if isinstance(outcome, Appended) else "repeated"


def _count(plans: Sequence[_Plan], outcomes: Sequence[Appended | Refused], now: float) -> None:
    rest = iter(outcomes)
    for plan in plans:
        kind = plan.starter.row.kind
        for _ in plan.begun:
            metrics.STARTER_FIRES.labels(kind, _word(next(rest))).inc()
        for event in plan.events:
            if isinstance(event, s.StarterFired) and event.error is not None:
                metrics.STARTER_FIRES.labels(kind, "failed").inc()
            elif isinstance(event, s.StarterSkipped):
                metrics.STARTER_FIRES.labels(kind, "skipped").inc()
        if plan.starter.row.due_at is not None:
            metrics.STARTER_LATENESS.observe(max(0.0, now - plan.starter.row.due_at))
