"""Keeps starters: made and changed by people, or made to be what a definition declares.

Each is one stream; who changes it decides on its row and names the end of that stream, so two who
change it at once, or a schedule that fires meanwhile, cost a second look and never an update.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from mainspring.domain import starters as s
from mainspring.domain.envelope import EMPTY, Meta, StreamId, seal
from mainspring.domain.errors import (
    AlreadyExists,
    NotFound,
    StillRunning,
    VersionConflict,
)
from mainspring.domain.message import Json, replace
from mainspring.domain.rows import Change, StarterRow
from mainspring.ports import Append, Appended, DefinitionDetail, Page, Refused, Views
from mainspring.runtime import notices
from mainspring.runtime.engine import Engine
from mainspring.runtime.turns import TRIES
from mainspring.store.views import project_starter

PAGE: Final = 500
UNNUMBERED: Final = "sagas"
"""The dialect whose versions are words: each is a workflow of its own."""

Decide: TypeAlias = Callable[[s.Starter | None, float], list[s.Event]]
"""From a starter as it is, and the time, to what happens."""


class NewStarter(NamedTuple):
    """A starter to make; without an id it gets one."""

    project: str
    dialect: str
    workflow: str
    spec: s.Spec
    input: Json = None
    enabled: bool = True
    name: str = ""
    id: str | None = None


class Wanted(NamedTuple):
    """A starter that a definition declares; its name, or else its place, tells it from others."""

    spec: s.Spec
    name: str = ""
    input: Json = None
    enabled: bool = True


class Workflow(NamedTuple):
    """What runs are started of: the id of its first version's row, and its newest version."""

    id: str
    newest: DefinitionDetail


async def workflow_of(views: Views, project: str, named: str) -> Workflow | None:
    """Return a workflow of any dialect by its id or its name; None when it is not there."""
    found = (await views.newest_of([(project, named)])).get((project, named))
    found = found or await views.newest_definition(project=project, name=named)
    if found is None:
        return None
    row = found.row
    if row.dialect == UNNUMBERED:
        return Workflow(row.id, found)
    line = await views.lineage(project, row.dialect, name=row.name)
    return Workflow(row.id if line is None else line.id, found)


class Starters:
    """Makes starters, changes them, and takes them away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def create(self, new: NewStarter, meta: Meta) -> s.Starter:
        """Make a starter; durable when it returns.

        Raises `AlreadyExists` when its key or its path is another's, `StillRunning`.
        """
        id = new.id or self._engine.ids.uuid7()
        wish = s.Wish(
            dialect=new.dialect,
            workflow=new.workflow,
            spec=self._keyed(new.spec),
            input=new.input,
            enabled=new.enabled,
            name=new.name,
        )
        return await self._write(
            id, new.project, lambda before, now: s.wanted(id, wish, before, now=now), meta
        )

    async def change(
        self, id: str, project: str, change: Callable[[s.Starter], s.Wish], meta: Meta
    ) -> s.Starter:
        """Make a starter what `change` says; a webhook without a key or a path keeps its own.

        Raises `NotFound`, `AlreadyExists`, and what `change` raises.
        """

        def decide(before: s.Starter | None, now: float) -> list[s.Event]:
            there = _there(before, id)
            wish = change(there)
            keyed = wish._replace(spec=self._keyed(wish.spec, there))
            events = s.wanted(id, keyed, there, now=now)
            # Paused and told to be enabled, or the other way round, as it was told before.
            toggle = s.resumed if keyed.enabled else s.paused
            return events or toggle(there, now=now)

        return await self._write(id, project, decide, meta)

    async def pause(self, id: str, project: str, meta: Meta) -> s.Starter:
        """Let a starter start nothing until it is resumed.  Raises `NotFound`."""
        return await self._write(
            id, project, lambda before, now: s.paused(_there(before, id), now=now), meta
        )

    async def resume(self, id: str, project: str, meta: Meta) -> s.Starter:
        """Let a starter go on; what it missed meanwhile is not made up for.  Raises `NotFound`."""
        return await self._write(
            id, project, lambda before, now: s.resumed(_there(before, id), now=now), meta
        )

    async def remove(self, id: str, project: str, meta: Meta) -> None:
        """Take a starter away; the runs that it has started go on.  Raises `NotFound`."""
        await self._write(
            id, project, lambda before, now: s.removed(_there(before, id), now=now), meta
        )

    async def note(self, id: str, project: str, event: s.Event, meta: Meta) -> None:
        """Record what has happened to a starter.  Raises `NotFound`."""

        def decide(before: s.Starter | None, _now: float) -> list[s.Event]:
            _there(before, id)
            return [event]

        await self._write(id, project, decide, meta)

    async def taken(self, project: str, workflow: str, wanted: Sequence[Wanted]) -> list[int]:
        """Return which of the webhooks that a definition is to declare are of somebody else."""
        found: list[int] = []
        for place, one in enumerate(wanted):
            if isinstance(one.spec, s.Webhook) and (one.spec.key or one.spec.path):
                other = await self._engine.views.webhook(s.address(project, one.spec))
                if other is not None and not _is_declared_by(other, workflow):
                    found.append(place)
        return found

    async def sync(
        self,
        project: str,
        dialect: str,
        workflow: str,
        specs: Sequence[Wanted],
        meta: Meta,
    ) -> list[s.Starter]:
        """Make the starters that a definition declares be just these; return them in order.

        Those that are unchanged keep their state, also whether a person has paused them.  Durable
        when it returns; again with the same specs it changes nothing.  Raises `AlreadyExists` when
        a webhook's key or path is another's.
        """
        for tried in range(TRIES):
            await self._engine.stand_aside(tried)
            found = await self._synced(project, dialect, workflow, specs, meta)
            if found is not None:
                return found
        raise VersionConflict(f"the starters of {workflow} are being changed by others")

    async def _synced(
        self, project: str, dialect: str, workflow: str, specs: Sequence[Wanted], meta: Meta
    ) -> list[s.Starter] | None:
        """Write what differs; None when another writer was first."""
        now = self._engine.clock.now()
        named = _named(workflow, specs)
        pairs: list[tuple[s.Starter, Append]] = []
        for old in await self.declared(project, workflow):
            if old.row.id not in named:
                # First, so that a key that one gives up is free for another.
                gone = s.removed(old, now=now)
                pairs.append(self.append_of(old.row.id, project, old, gone, meta))
        result: dict[str, s.Starter] = {}
        for id, one in named.items():
            before = await self._engine.views.starter(id)
            spec = self._keyed(one.spec, before)
            wish = s.Wish(dialect, workflow, spec, one.input, one.enabled, "definition", one.name)
            events = s.wanted(id, wish, before, now=now)
            if events:
                pairs.append(self.append_of(id, project, before, events, meta))
                result[id] = pairs[-1][0]
            elif before is not None:
                result[id] = before
        return list(result.values()) if await self._append(pairs) else None

    async def _append(self, pairs: Sequence[tuple[s.Starter, Append]]) -> bool:
        if not pairs:
            return True
        outcomes = await self._engine.log.append([append for _, append in pairs])
        await self._engine.publish([notices.of_other(append.events[-1]) for _, append in pairs])
        for (starter, _), outcome in zip(pairs, outcomes, strict=True):
            if isinstance(outcome, Refused) and outcome.why != "conflict":
                raise _refused(outcome, starter)
        return all(isinstance(outcome, Appended) for outcome in outcomes)

    async def declared(self, project: str, workflow: str) -> list[s.Starter]:
        """Return the starters that a workflow's definition declares."""
        return [
            each for each in await self.all_of(project, workflow) if each.row.origin == "definition"
        ]

    async def all_of(self, project: str, workflow: str) -> list[s.Starter]:
        """Return all starters of a workflow, newest first."""
        found: list[s.Starter] = []
        before: Page | None = None
        while page := await self._engine.views.starters(
            project, workflow=workflow, limit=PAGE, before=before
        ):
            found += page
            before = Page(page[-1].row.created_at, page[-1].row.id)
        return found

    def _keyed(self, spec: s.Spec, before: s.Starter | None = None) -> s.Spec:
        """Return a webhook with a key: the one it has, or else one that nobody guesses."""
        if not isinstance(spec, s.Webhook) or spec.key or spec.path:
            return spec
        old = before.form.spec if before is not None else None
        kept = old.key if isinstance(old, s.Webhook) else ""
        return replace(spec, key=kept or self._engine.chance.seed())

    async def _write(self, id: str, project: str, decide: Decide, meta: Meta) -> s.Starter:
        async with self._engine.turns.of(f"starter {id}"):
            for tried in range(TRIES):
                await self._engine.stand_aside(tried)
                before = await self._engine.views.starter(id)
                if before is not None and before.row.project != project:
                    raise NotFound(f"no trigger {id}")
                events = decide(before, self._engine.clock.now())
                if not events and before is not None:
                    return before
                after, append = self.append_of(id, project, before, events, meta)
                if await self._append([(after, append)]):
                    return after
        raise VersionConflict(f"trigger {id} is being changed by others")

    def append_of(
        self,
        id: str,
        project: str,
        before: s.Starter | None,
        events: Sequence[s.Event],
        meta: Meta,
    ) -> tuple[s.Starter, Append]:
        """Return a starter as it is after events, and the append that makes it so."""
        stream = StreamId("starter", id)
        head = EMPTY if before is None else before.head
        now = self._engine.clock.now()
        sealed = seal(stream, head, events, meta=meta, project=project, now=now)
        row = None if before is None else before.row
        form = None if before is None else before.form
        changes: list[Change] = []
        for envelope, event in zip(sealed, events, strict=True):
            new = project_starter(envelope, event, row)
            row = next((one for one in new if isinstance(one, StarterRow)), row)
            form = event if isinstance(event, s.StarterSet) else form
            changes += new
        assert row is not None, "a starter begins with what it is to do"  # noqa: S101
        assert form is not None, "a starter begins with what it is to do"  # noqa: S101
        return s.Starter(row, form), Append(stream, head, sealed, tuple(changes))


def _named(workflow: str, specs: Sequence[Wanted]) -> dict[str, Wanted]:
    """Return what is declared by the ids that follow from their kinds and names."""
    found: dict[str, Wanted] = {}
    for place, one in enumerate(specs):
        kind = s.kind_of(one.spec)
        id = s.declared_id(workflow, kind, one.name or str(place))
        if id in found:
            id = s.declared_id(workflow, kind, f"{one.name} {place}")
        found[id] = one
    return found


def _there(starter: s.Starter | None, id: str) -> s.Starter:
    if starter is None or starter.row.removed_at is not None:
        raise NotFound(f"no trigger {id}")
    return starter


def _is_declared_by(starter: s.Starter, workflow: str) -> bool:
    return starter.row.workflow == workflow and starter.row.origin == "definition"


def _refused(refused: Refused, starter: s.Starter) -> Exception:
    if refused.why == "key_taken":
        return StillRunning("the idempotency key is in use")
    spec = starter.form.spec
    is_path = isinstance(spec, s.Webhook) and not spec.key
    what = f"the path {spec.path}" if isinstance(spec, s.Webhook) and is_path else "the key"
    return AlreadyExists(f"{what} of the webhook is taken")
