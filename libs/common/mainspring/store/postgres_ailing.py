"""What will not move as it should, on Postgres."""

from collections.abc import Sequence

from mainspring.domain.ailments import GRACE, Ailment
from mainspring.ports import Lateness
from mainspring.store.connection import Link
from mainspring.store.statements import SQL


class PostgresAiling:
    """The part of the Views port that tells of what has not ended and does not move."""

    _link: Link

    async def stuck(self, partitions: Sequence[int], *, limit: int) -> list[str]:
        """Return executions that are not terminal and have no reason or no next wake-up."""
        rows = await self._link.find(SQL["stuck"], partitions, limit)
        return [str(row["id"]) for row in rows]

    async def ailing(self, *, now: float, grace: float = GRACE, limit: int) -> list[Ailment]:
        """Return what will not move as it should, in order of (since, kind, id)."""
        rows = await self._link.find(SQL["ailing"], now, now - grace, limit)
        return [Ailment(**dict(row)) for row in rows]

    async def lateness(self, *, before: float) -> Lateness:
        """Return how much was to have moved before an instant, and since when."""
        return Lateness(**dict((await self._link.find(SQL["lateness"], before))[0]))
