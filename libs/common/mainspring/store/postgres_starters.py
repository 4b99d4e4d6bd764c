"""The views of what starts runs by itself, on Postgres."""

from collections.abc import Sequence

from mainspring.domain.rows import DefinitionRow, ExecutionRow, StarterRow
from mainspring.domain.starters import Starter
from mainspring.ports import DefinitionDetail, Page
from mainspring.store.connection import Link, Record
from mainspring.store.details import definition_detail, starter_in
from mainspring.store.records import row_in, stored_in
from mainspring.store.statements import SQL


class PostgresStarters:
    """The part of the Views port that tells of starters, and of how far their readers came."""

    _link: Link

    async def starter(self, id: str, *, project: str | None = None) -> Starter | None:
        """Return a starter by its id, also one that was removed."""
        return _one(await self._link.find(SQL["starter_by_id"], project, id))

    async def webhook(self, key: str) -> Starter | None:
        """Return the webhook that is found by a key."""
        return _one(await self._link.find(SQL["starter_by_key"], key))

    async def starters(
        self,
        project: str | None,
        *,
        kind: str | None = None,
        workflow: str | None = None,
        enabled: bool | None = None,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[Starter]:
        """Return starters that are there, newest first by (created_at, id)."""
        seen = (before.at, before.id) if before else (None, None)
        asked = (*seen, limit, kind, workflow, enabled)
        if project is None:
            return _all(await self._link.find(SQL["starters_anywhere"], *asked))
        return _all(await self._link.find(SQL["starters"], project, *asked))

    async def due_starters(
        self, partitions: Sequence[int], *, until: float, limit: int
    ) -> list[Starter]:
        """Return schedules due at `until` or before, in order of (due_at, id)."""
        return _all(await self._link.find(SQL["starters_due"], partitions, until, limit))

    async def next_due(self, partitions: Sequence[int]) -> float | None:
        """Return when the next schedule falls due, or fell due already."""
        rows = await self._link.find(SQL["starters_next_due"], partitions)
        return rows[0]["due_at"] if rows else None

    async def followers(self, *, limit: int) -> list[Starter]:
        """Return enabled starters that follow the ends of runs, oldest first."""
        return _all(await self._link.find(SQL["starters_following"], limit))

    async def newest_of(
        self, workflows: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], DefinitionDetail]:
        """Return the newest versions of workflows, by (project, id of the first version's row)."""
        asked = list(dict.fromkeys(workflows))
        if not asked:
            return {}
        rows = await self._link.find(SQL["definitions_newest_of"], *zip(*asked, strict=True))
        return {
            (row["project"], row["asked_id"]): definition_detail(
                row_in(DefinitionRow, row), stored_in(row, "result")
            )
            for row in rows
        }

    async def executions_by_id(self, ids: Sequence[str]) -> list[ExecutionRow]:
        """Return these executions, of any project."""
        rows = await self._link.find(SQL["executions_by_id"], ids) if ids else ()
        return [row_in(ExecutionRow, row) for row in rows]

    async def cursor(self, name: str) -> int | None:
        """Return how far a reader of the log has come."""
        rows = await self._link.find(SQL["cursor"], name)
        return rows[0]["position"] if rows else None

    async def move_cursor(self, name: str, position: int) -> None:
        """Note how far a reader of the log has come."""
        await self._link.run(SQL["cursor_move"], name, position)


def _one(rows: Sequence[Record]) -> Starter | None:
    return next(iter(_all(rows)), None)


def _all(rows: Sequence[Record]) -> list[Starter]:
    found = (starter_in(row_in(StarterRow, row), stored_in(row, "set")) for row in rows)
    return [starter for starter in found if starter is not None]
