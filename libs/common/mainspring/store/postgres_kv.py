"""The view of the key-value store, on Postgres."""

from mainspring.domain.rows import KeyValueRow
from mainspring.ports import KeyValueDetail
from mainspring.store.connection import Link, Record
from mainspring.store.details import kv_detail
from mainspring.store.records import row_in, stored_in
from mainspring.store.statements import SQL


class PostgresKeyValues:
    """The part of the Views port that tells of values by key."""

    _link: Link

    async def kv_get(self, project: str, key: str, *, now: float) -> KeyValueDetail | None:
        """Return the value of a key; None when it has none, or one that has expired."""
        rows = await self._link.find(SQL["kv_get"], project, key, now)
        return next((_detail(row) for row in rows), None)

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
        asked = (project, prefix, after, limit, now, values)
        return [_detail(row) for row in await self._link.find(SQL["kv_keys"], *asked)]


def _detail(row: Record) -> KeyValueDetail:
    return kv_detail(row_in(KeyValueRow, row), stored_in(row, "set"))
