"""The view of the key-value store, in memory."""

from mainspring.domain.rows import KeyValueRow
from mainspring.ports import KeyValueDetail
from mainspring.store.details import kv_detail
from mainspring.store.tables import Tables


class MemoryKeyValues:
    """The part of the Views port that tells of values by key."""

    _tables: Tables

    async def kv_get(self, project: str, key: str, *, now: float) -> KeyValueDetail | None:
        """Return the value of a key; None when it has none, or one that has expired."""
        found = (row for row in self._valid(project, now) if row.key == key)
        return next((self._kept(row, values=True) for row in found), None)

    async def kv_keys(
        self,
        project: str,
        *,
        now: float,
        prefix: str = "",
        after: str | None = None,
        limit: int = 50,
        values: bool = False,
    ) -> list[KeyValueDetail]:
        """Return a project's keys in order, those behind `after`, with their values if wanted."""
        rows = [
            row
            for row in self._valid(project, now)
            if row.key.startswith(prefix) and (after is None or row.key.encode() > after.encode())
        ]
        rows.sort(key=lambda row: row.key.encode())
        return [self._kept(row, values=values) for row in rows[:limit]]

    def _valid(self, project: str, now: float) -> list[KeyValueRow]:
        return [
            row
            for row in self._tables.rows(KeyValueRow)
            if row.project == project and (row.expires_at is None or row.expires_at > now)
        ]

    def _kept(self, row: KeyValueRow, *, values: bool) -> KeyValueDetail:
        event = self._tables.event("kv", row.stream, row.version) if values else None
        return kv_detail(row, (event.type, event.schema_version, event.body) if event else None)
