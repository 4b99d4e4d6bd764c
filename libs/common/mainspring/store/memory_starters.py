"""The views of what starts runs by itself, in memory."""

from collections.abc import Iterable, Sequence

from mainspring.domain.rows import DefinitionRow, ExecutionRow, StarterRow
from mainspring.domain.starters import Starter
from mainspring.ports import DefinitionDetail, Page
from mainspring.store.details import definition_detail, starter_in
from mainspring.store.tables import Tables

WORDS = "sagas"
"""The dialect whose versions are words."""


class MemoryStarters:
    """The part of the Views port that tells of starters, and of how far their readers came."""

    _tables: Tables

    async def starter(self, id: str, *, project: str | None = None) -> Starter | None:
        """Return a starter by its id, also one that was removed."""
        row = self._tables.row(StarterRow, id)
        is_meant = row is not None and project in (None, row.project)
        return next(iter(self._told([row])), None) if row is not None and is_meant else None

    async def webhook(self, key: str) -> Starter | None:
        """Return the webhook that is found by a key."""
        rows = [row for row in self._tables.rows(StarterRow) if row.key == key]
        return next(iter(self._told(rows)), None)

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
        rows = [
            row
            for row in self._tables.rows(StarterRow)
            if project in (None, row.project)
            and row.removed_at is None
            and kind in (None, row.kind)
            and workflow in (None, row.workflow)
            and enabled in (None, row.enabled)
            and (before is None or (row.created_at, row.id) < (before.at, before.id))
        ]
        rows.sort(key=lambda row: (row.created_at, row.id), reverse=True)
        return self._told(rows[:limit])

    async def due_starters(
        self, partitions: Sequence[int], *, until: float, limit: int
    ) -> list[Starter]:
        """Return schedules due at `until` or before, in order of (due_at, id)."""
        rows = [(due_at, row) for due_at, row in self._coming(partitions) if due_at <= until]
        return self._told(row for _, row in rows[:limit])

    async def next_due(self, partitions: Sequence[int]) -> float | None:
        """Return when the next schedule falls due, or fell due already."""
        return next((due_at for due_at, _ in self._coming(partitions)), None)

    def _coming(self, partitions: Sequence[int]) -> list[tuple[float, StarterRow]]:
        rows = [
            (row.due_at, row)
            for row in self._tables.rows(StarterRow)
            if row.due_at is not None and row.partition in partitions
        ]
        return sorted(rows, key=lambda each: (each[0], each[1].id))

    async def followers(self, *, limit: int) -> list[Starter]:
        """Return enabled starters that follow the ends of runs, oldest first."""
        rows = [
            row
            for row in self._tables.rows(StarterRow)
            if row.follows is not None and row.enabled and row.removed_at is None
        ]
        rows.sort(key=lambda row: (row.created_at, row.id))
        return self._told(rows[:limit])

    async def newest_of(
        self, workflows: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], DefinitionDetail]:
        """Return the newest versions of workflows, by (project, id of the first version's row)."""
        found: dict[tuple[str, str], DefinitionDetail] = {}
        for project, id in workflows:
            first = self._tables.row(DefinitionRow, id)
            if first is None or first.project != project:
                continue
            rows = [
                row
                for row in self._tables.rows(DefinitionRow)
                if (row.project, row.name, row.dialect) == (project, first.name, first.dialect)
                and row.deleted_at is None
                and (first.dialect != WORDS or row.id == id)
            ]
            if rows:
                newest = max(rows, key=lambda row: (row.created_at, row.id))
                event = self._tables.event("definition", newest.id, 1)
                stored = (event.type, event.schema_version, event.body) if event else None
                found[project, id] = definition_detail(newest, stored)
        return found

    async def executions_by_id(self, ids: Sequence[str]) -> list[ExecutionRow]:
        """Return these executions, of any project."""
        return [row for id in ids if (row := self._tables.row(ExecutionRow, id)) is not None]

    async def cursor(self, name: str) -> int | None:
        """Return how far a reader of the log has come."""
        return self._tables.cursors.get(name)

    async def move_cursor(self, name: str, position: int) -> None:
        """Note how far a reader of the log has come."""
        self._tables.cursors[name] = max(position, self._tables.cursors.get(name, 0))

    def _told(self, rows: Iterable[StarterRow]) -> list[Starter]:
        found: list[Starter] = []
        for row in rows:
            event = self._tables.event("starter", row.id, row.set_version)
            stored = (event.type, event.schema_version, event.body) if event else None
            starter = starter_in(row, stored)
            found += [starter] if starter is not None else []
        return found
