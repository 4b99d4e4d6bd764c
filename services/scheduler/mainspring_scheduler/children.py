"""Runs that are started by other runs: begun, asked about, canceled.

A child's id follows from the attempt that started it, so starting is asking: if the id is taken,
the run is there.  What it came to is read from its own log, whoever says that it has ended.
"""

from mainspring.domain.definition import Definition
from mainspring.domain.envelope import Meta
from mainspring.domain.errors import (
    AlreadyExists,
    DefinitionInvalid,
    IllegalTransition,
    NotFound,
)
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.react import StartChild
from mainspring.domain.execution.state import Execution
from mainspring.domain.execution.waits import given
from mainspring.domain.message import Json
from mainspring.runtime import crash
from mainspring.runtime.beginnings import payload_of
from mainspring.runtime.engine import Engine, Start
from mainspring.runtime.starters import Workflow, workflow_of


class Children:
    """Keeps the children of executions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def ask(self, asked: StartChild) -> c.RecordChild | None:
        """Start a child that is not there, cancel one that is not wanted any more.

        Returns what its parent is to record once it has ended, or that it cannot be started.
        """
        x = await self._engine.load(asked.child)
        if x is None:
            missing = await self._start(asked)
            if missing is not None:
                return _report(asked, "missing", error=missing)
        if asked.let_go:
            return _report(asked, "begun", output={}, started_at=self._begun_at(x))
        if x is None and asked.cancel is None:
            return None
        if asked.cancel is not None and (x is None or not x.is_terminal):
            x = await self._cancel(asked, asked.cancel)
        return None if x is None else _ended(asked, x)

    def _begun_at(self, x: Execution | None) -> float:
        now = self._engine.clock.now()
        return (x.requested.at or now) if x is not None and x.requested is not None else now

    async def _start(self, asked: StartChild) -> str | None:
        """Start a child; return why it cannot be started, None when it is there."""
        found = await workflow_of(self._engine.views, asked.project, asked.workflow)
        hash = asked.hash or (found.newest.row.compiled if found is not None else None)
        if hash is None:
            return f"there is no workflow {asked.workflow!r}"
        try:
            definition = await self._engine.compiled(hash)
        except NotFound:
            return f"the pinned form of workflow {asked.workflow!r} is not there"
        try:
            start = _start_of(asked, definition, found)
            await self._engine.start(definition, start, _meta(asked))
            # crash here: the child is there, and its parent finds it by the id that it gave it
            crash.here("children.started")
        except DefinitionInvalid as refused:
            return "; ".join(refused.faults)
        except AlreadyExists:
            return None  # somebody else has just started it
        return None

    async def _cancel(self, asked: StartChild, reason: str) -> Execution | None:
        meta = Meta(actor="scheduler", correlation=asked.execution)
        command = c.RequestCancel(reason=reason)
        try:
            answer = await self._engine.ask(asked.child, command, project=asked.project, meta=meta)
        except IllegalTransition:
            return await self._engine.load(asked.child)  # it is ending, or has ended
        return answer.execution


def _meta(asked: StartChild) -> Meta:
    return Meta(actor="scheduler", correlation=asked.execution, traceparent=asked.traceparent)


def _start_of(asked: StartChild, definition: Definition, found: Workflow | None) -> Start:
    row = found.newest.row if found is not None else None
    # A pinned form is of a version of its own, whichever one is the newest of the workflow's.
    said = row if asked.hash is None and row is not None else definition
    dialect = row.dialect if row is not None else "native"
    return Start(
        id=asked.child,
        project=asked.project,
        dialect=dialect,
        name=said.name,
        version=said.version,
        catalog_id=found.id if found is not None else asked.workflow if asked.hash else None,
        payload=payload_of(definition, dialect, asked.payload, by="workflow"),
        triggered_by="workflow",
        parent=asked.execution,
        parent_step=asked.ref,
        depth=asked.depth,
        within=asked.within,
    )


def _ended(asked: StartChild, x: Execution) -> c.RecordChild | None:
    match x.status:
        case "succeeded":
            return _report(asked, "succeeded", output=given(x), started_at=x.started_at)
        case "failed" | "corrupted" | "canceled" | "timed_out":
            error = x.reason or ""
            return _report(asked, x.status, output=given(x), error=error, started_at=x.started_at)
        case _:
            return None


def _report(
    asked: StartChild,
    status: c.ChildStatus,
    *,
    output: Json = None,
    error: str = "",
    started_at: float | None = None,
) -> c.RecordChild:
    # The instant and the seed are those of the turn that records it.
    return c.RecordChild(
        ref=asked.ref,
        visit=asked.visit,
        attempt=asked.attempt,
        status=status,
        started_at=started_at,
        output=output,
        error=error,
        now=0.0,
        seed="",
    )
