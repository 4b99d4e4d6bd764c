"""The views in memory: each query is a filter and an order over rows."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from mainspring.domain.execution.state import TERMINAL
from mainspring.domain.rows import (
    AttemptRow,
    DefinitionRow,
    ExecutionRow,
    IdempotencyRow,
    StepRow,
    TimerRow,
)
from mainspring.ports import (
    AttemptDetail,
    Backlog,
    DefinitionDetail,
    ExecutionDetail,
    Lineage,
    Page,
    StepDetail,
)
from mainspring.store.details import (
    attempt_detail,
    definition_detail,
    execution_detail,
    payload_in,
    step_detail,
)
from mainspring.store.memory_ailing import MemoryAiling, is_stuck
from mainspring.store.memory_kv import MemoryKeyValues
from mainspring.store.memory_starters import MemoryStarters
from mainspring.store.memory_waits import MemoryWaits


class MemoryViews(MemoryWaits, MemoryKeyValues, MemoryStarters, MemoryAiling):
    """The Views port over dicts."""

    async def execution(self, id: str, *, project: str | None = None) -> ExecutionDetail | None:
        row = self._tables.row(ExecutionRow, id)
        if row is None or project not in (None, row.project):
            return None
        asked = self._stored("execution", id, 1)
        return execution_detail(row, asked, self._stored("execution", id, row.output_version))

    async def executions(  # noqa: PLR0913 - what may be asked for of a list
        self,
        project: str | None,
        *,
        status: Sequence[str] = (),
        name: str | None = None,
        text: str | None = None,
        tags: Sequence[tuple[str, str | None]] = (),
        since: float | None = None,
        until: float | None = None,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[ExecutionRow]:
        """Return executions, newest first by (created_at, id), back to `since`."""
        rows = [
            row
            for row in self._tables.rows(ExecutionRow)
            if project in (None, row.project)
            and (not status or not _standings(row).isdisjoint(status))
            and name in (None, row.name)
            and (text is None or _lower(text) in _lower(row.name))
            and (since is None or row.created_at >= since)
            and (until is None or row.created_at <= until)
            and all(key in row.tags and value in (None, row.tags[key]) for key, value in tags)
            and (before is None or (row.created_at, row.id) < (before.at, before.id))
        ]
        return sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)[:limit]

    async def payloads(self, executions: Sequence[str]) -> dict[str, object]:
        """Return what each of these executions was started with, by its id."""
        stored = {id: self._stored("execution", id, 1) for id in executions}
        return {id: payload_in(asked) for id, asked in stored.items() if asked}

    async def children(self, execution: str, *, limit: int = 1000) -> list[ExecutionRow]:
        """Return the executions that one has started, oldest first."""
        rows = [row for row in self._tables.rows(ExecutionRow) if row.parent == execution]
        return sorted(rows, key=lambda row: (row.created_at, row.id))[:limit]

    async def steps(self, execution: str) -> list[StepDetail]:
        """Return the step visits of an execution in order of `seq`."""
        rows = [row for row in self._tables.rows(StepRow) if row.execution == execution]
        rows.sort(key=lambda row: (row.seq, row.ref, row.phase, row.visit))
        return [
            step_detail(row, self._stored("execution", execution, row.output_version))
            for row in rows
        ]

    async def attempts(self, execution: str) -> list[AttemptDetail]:
        """Return the HTTP tries of an execution in order of their event's version."""
        rows = [row for row in self._tables.rows(AttemptRow) if row.execution == execution]
        rows.sort(key=lambda row: row.version)
        return [
            attempt_detail(row, self._stored("execution", execution, row.version)) for row in rows
        ]

    async def definition(
        self, *, project: str, id: str | None = None, name: str = "", version: str = ""
    ) -> DefinitionDetail | None:
        """Return a stored definition by id, or by name and version; deleted ones are not found."""
        for row in self._definitions(project):
            is_meant = (row.name, row.version) == (name, version) if id is None else row.id == id
            if is_meant:
                return self._detail(row)
        return None

    async def newest_definition(self, *, project: str, name: str) -> DefinitionDetail | None:
        """Return the definition of a name that was stored last and is not deleted."""
        rows = [row for row in self._definitions(project) if row.name == name]
        newest = max(rows, key=lambda row: (row.created_at, row.id), default=None)
        return self._detail(newest) if newest else None

    async def definitions(
        self,
        project: str,
        *,
        dialect: str | None = None,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[DefinitionDetail]:
        """Return stored definitions that are not deleted, newest first by (created_at, id)."""
        rows = [
            row
            for row in self._definitions(project)
            if dialect in (None, row.dialect)
            and (before is None or (row.created_at, row.id) < (before.at, before.id))
        ]
        rows.sort(key=lambda row: (row.created_at, row.id), reverse=True)
        return [self._detail(row) for row in rows[:limit]]

    async def versions(
        self,
        project: str,
        dialect: str,
        name: str,
        *,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[DefinitionDetail]:
        """Return the versions of a name that are not deleted, newest first by (created_at, id)."""
        rows = [
            row
            for row in self._line(project, dialect, name)
            if row.deleted_at is None
            and (before is None or (row.created_at, row.id) < (before.at, before.id))
        ]
        return [self._detail(row) for row in reversed(rows[-limit:])]

    async def lineage(
        self, project: str | None, dialect: str, *, id: str | None = None, name: str = ""
    ) -> Lineage | None:
        """Return the versions of a name, or those whose first one has this id."""
        for row in self._tables.rows(DefinitionRow):
            is_first = _begins(row, project, dialect)
            if is_first and (row.name == name if id is None else row.id == id):
                return self._lineage(row)
        return None

    async def lineages(
        self, project: str | None, dialect: str, *, limit: int = 50, before: Page | None = None
    ) -> list[Lineage]:
        """Return the lineages that are not all deleted, newest first by (began_at, id)."""
        found = [
            (one.began_at, one.id, one)
            for row in self._tables.rows(DefinitionRow)
            if _begins(row, project, dialect)
            and (one := self._lineage(row)).began_at is not None
            and (before is None or (one.began_at, one.id) < (before.at, before.id))
        ]
        found.sort(key=lambda each: each[:2], reverse=True)
        return [one for _, _, one in found[:limit]]

    async def idempotency(
        self, project: str, actor: str, route: str, key: str
    ) -> IdempotencyRow | None:
        return self._tables.row(IdempotencyRow, (project, actor, route, key))

    async def forget_keys(self, *, before: float, limit: int) -> int:
        """Delete answers under idempotency keys from before an instant; return how many."""
        old = [row for row in self._tables.rows(IdempotencyRow) if row.at < before]
        old.sort(key=lambda row: row.at)
        for row in old[:limit]:
            self._tables.forget(row)
        return len(old[:limit])

    async def queued(
        self, project: str, name: str, lane: str = "", *, limit: int
    ) -> list[ExecutionRow]:
        """Return runs of a workflow that wait for a place, oldest first by (created_at, id)."""
        gate = (project, name, lane)
        rows = [row for row in self._waiting() if (row.project, row.name, row.lane) == gate]
        return sorted(rows, key=lambda row: (row.created_at, row.id))[:limit]

    async def gates(self, *, limit: int) -> list[tuple[str, str, str]]:
        """Return (project, name, lane) of workflows whose runs wait for a place."""
        return sorted({(row.project, row.name, row.lane) for row in self._waiting()})[:limit]

    async def ended_among(self, executions: Sequence[str]) -> set[str]:
        """Return which of these executions have ended."""
        rows = (self._tables.row(ExecutionRow, id) for id in executions)
        return {row.id for row in rows if row is not None and row.status in TERMINAL}

    def _waiting(self) -> list[ExecutionRow]:
        return [row for row in self._tables.rows(ExecutionRow) if row.waiting_for == "slot"]

    async def unhandled(self, partitions: Sequence[int], *, before: float, limit: int) -> list[str]:
        """Return executions, oldest first, with facts older than `before` and undecided."""
        found = sorted(
            (row.updated_at, row.id)
            for row in self._tables.rows(ExecutionRow)
            if row.handled_version < row.stream_version
            and row.updated_at < before
            and row.partition in partitions
        )
        return [id for _, id in found[:limit]]

    async def backlog(self, *, limit: int) -> list[Backlog]:
        """Return how many executions of each workflow nobody has decided about."""
        waiting = sorted(
            (row.updated_at, row.project, row.name)
            for row in self._tables.rows(ExecutionRow)
            if row.handled_version < row.stream_version
        )[:limit]
        since = {(project, name): at for at, project, name in reversed(waiting)}
        runs = Counter((project, name) for _, project, name in waiting)
        return [Backlog(*key, runs[key], since[key]) for key in sorted(runs)]

    async def live(self, project: str, workflow: str = "", *, most: int) -> int:
        """Return how many executions of a project, or of one name, have not ended."""
        found = (
            row
            for row in self._tables.rows(ExecutionRow)
            if row.project == project and row.status not in TERMINAL
            if not workflow or row.name == workflow
        )
        return sum(1 for _ in islice(found, most))

    async def overdue(self, partitions: Sequence[int], *, before: float, limit: int) -> list[str]:
        """Return executions, most overdue first, whose `wake_at` lies before `before`."""
        found = sorted(
            (row.wake_at, row.id)
            for row in self._tables.rows(ExecutionRow)
            if row.wake_at is not None and row.wake_at < before and row.partition in partitions
        )
        return [id for _, id in found[:limit]]

    async def timers(
        self, partitions: Sequence[int], *, before: float, limit: int
    ) -> list[TimerRow]:
        """Return timers due before `before`, in order of (due_at, execution, key)."""
        rows = [
            row
            for row in self._tables.rows(TimerRow)
            if row.due_at < before and row.partition in partitions
        ]
        return sorted(rows, key=lambda row: (row.due_at, row.execution, row.key))[:limit]

    async def without_wakeup(self) -> int:
        """Return how many executions are not terminal and have no reason or no next wake-up."""
        return sum(map(is_stuck, self._tables.rows(ExecutionRow)))

    def _definitions(self, project: str) -> list[DefinitionRow]:
        rows = self._tables.rows(DefinitionRow)
        return [row for row in rows if row.project == project and row.deleted_at is None]

    def _line(self, project: str, dialect: str, name: str) -> list[DefinitionRow]:
        rows = [
            row
            for row in self._tables.rows(DefinitionRow)
            if (row.project, row.dialect, row.name) == (project, dialect, name)
        ]
        return sorted(rows, key=lambda row: (row.created_at, row.id))

    def _lineage(self, first: DefinitionRow) -> Lineage:
        rows = self._line(first.project, first.dialect, first.name)
        there = [row for row in rows if row.deleted_at is None]
        return Lineage(
            id=first.id,
            last=rows[-1].version,
            last_at=rows[-1].created_at,
            began_at=there[0].created_at if there else None,
            newest=self._detail(there[-1]) if there else None,
        )

    def _detail(self, row: DefinitionRow) -> DefinitionDetail:
        return definition_detail(row, self._stored("definition", row.id, 1))


def _begins(row: DefinitionRow, project: str | None, dialect: str) -> bool:
    """Say whether a row is the first version of a name, in a project or in any."""
    return project in (None, row.project) and (row.dialect, row.version) == (dialect, "1")


def _lower(text: str) -> bytes:
    """Return a text with the letters of ASCII in lower case, as the collation C has it."""
    return text.encode(errors="surrogatepass").lower()


def _standings(row: ExecutionRow) -> set[str]:
    """Return all that a filter may call the state of an execution."""
    fate = "undone" if row.undone else "standing"
    return {row.status, f"{row.status}:{row.waiting_for}", f"{row.status}:{fate}"}
