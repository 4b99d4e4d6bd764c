"""The views on Postgres: one statement a query, bodies joined from the log."""

from collections.abc import Sequence
from typing import Final

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
from mainspring.store.connection import Record
from mainspring.store.details import (
    attempt_detail,
    definition_detail,
    execution_detail,
    payload_in,
    step_detail,
)
from mainspring.store.postgres_ailing import PostgresAiling
from mainspring.store.postgres_kv import PostgresKeyValues
from mainspring.store.postgres_starters import PostgresStarters
from mainspring.store.postgres_waits import PostgresWaits
from mainspring.store.records import row_in, stored_in
from mainspring.store.statements import SQL

LAST_NAME: Final = "\U0010ffff"
"""No name comes after it."""


class PostgresViews(PostgresWaits, PostgresKeyValues, PostgresStarters, PostgresAiling):
    """The Views port on Postgres."""

    async def execution(self, id: str, *, project: str | None = None) -> ExecutionDetail | None:
        for row in await self._link.find(SQL["execution"], id, project):
            asked, result = stored_in(row, "asked"), stored_in(row, "result")
            return execution_detail(row_in(ExecutionRow, row), asked, result)
        return None

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
        seen = (before.at, before.id) if before else (None, None)
        tagged = [key for key, _ in tags], [value for _, value in tags]
        asked = (status, name, *seen, limit, *tagged, since, until, text)
        if project is None:
            rows = await self._link.find(SQL["executions_anywhere"], *asked)
        else:
            rows = await self._link.find(SQL["executions"], project, *asked)
        return [row_in(ExecutionRow, row) for row in rows]

    async def payloads(self, executions: Sequence[str]) -> dict[str, object]:
        """Return what each of these executions was started with, by its id."""
        rows = await self._link.find(SQL["payloads"], executions) if executions else ()
        return {row["stream_id"]: payload_in(stored_in(row, "asked")) for row in rows}

    async def children(self, execution: str, *, limit: int = 1000) -> list[ExecutionRow]:
        """Return the executions that one has started, oldest first."""
        rows = await self._link.find(SQL["children"], execution, limit)
        return [row_in(ExecutionRow, row) for row in rows]

    async def steps(self, execution: str) -> list[StepDetail]:
        """Return the step visits of an execution in order of `seq`."""
        rows = await self._link.find(SQL["steps"], execution)
        return [step_detail(row_in(StepRow, row), stored_in(row, "result")) for row in rows]

    async def attempts(self, execution: str) -> list[AttemptDetail]:
        """Return the HTTP tries of an execution in order of their event's version."""
        rows = await self._link.find(SQL["attempts"], execution)
        return [attempt_detail(row_in(AttemptRow, row), stored_in(row, "result")) for row in rows]

    async def definition(
        self, *, project: str, id: str | None = None, name: str = "", version: str = ""
    ) -> DefinitionDetail | None:
        """Return a stored definition by id, or by name and version; deleted ones are not found."""
        if id is not None:
            rows = await self._link.find(SQL["definition_by_id"], project, id)
        else:
            rows = await self._link.find(SQL["definition_by_name"], project, name, version)
        return next(iter(_definitions(rows)), None)

    async def newest_definition(self, *, project: str, name: str) -> DefinitionDetail | None:
        """Return the definition of a name that was stored last and is not deleted."""
        rows = await self._link.find(SQL["definition_newest"], project, name)
        return next(iter(_definitions(rows)), None)

    async def definitions(
        self,
        project: str,
        *,
        dialect: str | None = None,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[DefinitionDetail]:
        """Return stored definitions that are not deleted, newest first by (created_at, id)."""
        seen = (before.at, before.id) if before else (None, None)
        rows = await self._link.find(SQL["definitions"], project, *seen, limit, dialect)
        return _definitions(rows)

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
        seen = (before.at, before.id) if before else (None, None)
        rows = await self._link.find(
            SQL["definition_versions"], project, dialect, name, *seen, limit
        )
        return _definitions(rows)

    async def lineage(
        self, project: str | None, dialect: str, *, id: str | None = None, name: str = ""
    ) -> Lineage | None:
        """Return the versions of a name, or those whose first one has this id."""
        if id is not None:
            rows = await self._link.find(SQL["lineage_by_id"], project, dialect, id)
        else:
            rows = await self._link.find(SQL["lineage_by_name"], project, dialect, name)
        return _lineage(rows[0]) if rows else None

    async def lineages(
        self, project: str | None, dialect: str, *, limit: int = 50, before: Page | None = None
    ) -> list[Lineage]:
        """Return the lineages that are not all deleted, newest first by (began_at, id)."""
        seen = (before.at, before.id) if before else (None, None)
        if project is None:
            rows = await self._link.find(SQL["lineages_anywhere"], dialect, *seen, limit)
        else:
            rows = await self._link.find(SQL["lineages"], project, dialect, *seen, limit)
        return [_lineage(row) for row in rows]

    async def idempotency(
        self, project: str, actor: str, route: str, key: str
    ) -> IdempotencyRow | None:
        for row in await self._link.find(SQL["idempotency"], project, actor, route, key):
            return row_in(IdempotencyRow, row)
        return None

    async def forget_keys(self, *, before: float, limit: int) -> int:
        """Delete answers under idempotency keys from before an instant; return how many."""
        return (await self._link.run(SQL["keys_forget"], before, limit))[0][0]

    async def queued(
        self, project: str, name: str, lane: str = "", *, limit: int
    ) -> list[ExecutionRow]:
        """Return runs of a workflow that wait for a place, oldest first by (created_at, id)."""
        rows = await self._link.find(SQL["queued"], project, name, lane, limit)
        return [row_in(ExecutionRow, row) for row in rows]

    async def gates(self, *, limit: int) -> list[tuple[str, str, str]]:
        """Return (project, name, lane) of workflows whose runs wait for a place."""
        found = await self._link.find(SQL["gates"], limit)
        return [(row["project"], row["name"], row["lane"]) for row in found]

    async def ended_among(self, executions: Sequence[str]) -> set[str]:
        """Return which of these executions have ended."""
        rows = await self._link.find(SQL["ended_among"], executions) if executions else ()
        return {str(row["id"]) for row in rows}

    async def unhandled(self, partitions: Sequence[int], *, before: float, limit: int) -> list[str]:
        """Return executions, oldest first, with facts older than `before` and undecided."""
        rows = await self._link.find(SQL["unhandled"], partitions, before, limit)
        return [str(row["id"]) for row in rows]

    async def backlog(self, *, limit: int) -> list[Backlog]:
        """Return how many executions of each workflow nobody has decided about."""
        return [Backlog(**dict(row)) for row in await self._link.find(SQL["backlog"], limit)]

    async def live(self, project: str, workflow: str = "", *, most: int) -> int:
        """Return how many executions of a project, or of one name, have not ended."""
        names = (workflow, workflow) if workflow else ("", LAST_NAME)
        return (await self._link.find(SQL["live"], project, *names, most))[0][0]

    async def overdue(self, partitions: Sequence[int], *, before: float, limit: int) -> list[str]:
        """Return executions, most overdue first, whose `wake_at` lies before `before`."""
        rows = await self._link.find(SQL["overdue"], partitions, before, limit)
        return [str(row["id"]) for row in rows]

    async def timers(
        self, partitions: Sequence[int], *, before: float, limit: int
    ) -> list[TimerRow]:
        """Return timers due before `before`, in order of (due_at, execution, key)."""
        rows = await self._link.find(SQL["timers"], partitions, before, limit)
        return [row_in(TimerRow, row) for row in rows]

    async def without_wakeup(self) -> int:
        """Return how many executions are not terminal and have no reason or no next wake-up."""
        rows = await self._link.find(SQL["without_wakeup"])
        return rows[0][0]


def _definitions(rows: Sequence[Record]) -> list[DefinitionDetail]:
    return [definition_detail(row_in(DefinitionRow, row), stored_in(row, "result")) for row in rows]


def _lineage(row: Record) -> Lineage:
    is_there = row["id"] is not None
    return Lineage(
        id=row["first_id"],
        last=row["last_version"],
        last_at=row["last_at"],
        began_at=row["began_at"],
        newest=_definitions([row])[0] if is_there else None,
    )
