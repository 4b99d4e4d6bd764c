"""The views of what steps wait for, on Postgres."""

from collections.abc import Sequence

from mainspring.domain.rows import ApprovalRow, TriggerRow
from mainspring.ports import (
    ApprovalDetail,
    Page,
    Purgeable,
    TriggerDetail,
    TriggerStats,
)
from mainspring.store.connection import Link, Record
from mainspring.store.details import approval_detail, trigger_detail
from mainspring.store.records import row_in, stored_in
from mainspring.store.statements import SQL


class PostgresWaits:
    """The part of the Views port that tells of triggers, approvals and kept events."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def trigger(
        self,
        *,
        project: str | None,
        id: str | None = None,
        key: str = "",
        sent_by: str | None = None,
    ) -> TriggerDetail | None:
        """Return a trigger by id, or of a key the one that waits, else the newest (of a sender)."""
        if id is not None:
            rows = await self._link.find(SQL["trigger_by_id"], project, id)
        else:
            rows = await self._link.find(SQL["trigger_by_key"], project, key, sent_by)
        return next((_trigger(row) for row in rows), None)

    async def triggers(
        self,
        project: str,
        *,
        status: Sequence[str] = (),
        execution: str | None = None,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[TriggerDetail]:
        """Return triggers of a project, newest first by (requested_at, id)."""
        asked = (project, status, *_seen(before), limit)
        if execution is None:
            rows = await self._link.find(SQL["triggers"], *asked)
        else:
            rows = await self._link.find(SQL["triggers_of_execution"], *asked, execution)
        return [_trigger(row) for row in rows]

    async def waiting_triggers(
        self, project: str, prefix: str, *, limit: int = 1000, after: str | None = None
    ) -> list[TriggerRow]:
        """Return waiting triggers with such keys, in order of the key, those behind `after`."""
        rows = await self._link.find(SQL["triggers_waiting"], project, prefix, after, limit)
        return [row_in(TriggerRow, row) for row in rows]

    async def trigger_stats(self, project: str) -> TriggerStats:
        rows = await self._link.find(SQL["trigger_stats"], project)
        waited = {row["status"]: row["waited"] for row in rows}
        return TriggerStats(
            {row["status"]: row["count"] for row in rows}, waited.get("received") or 0.0
        )

    async def purgeable(
        self, project: str, *, ended_before: float, limit: int | None = None
    ) -> Purgeable:
        """Return how many triggers ended before an instant, counting the first up to `limit`."""
        for row in await self._link.find(SQL["purgeable"], project, ended_before, limit):
            return Purgeable(row["count"], row["at"])
        return Purgeable(0, ended_before)

    async def approval(self, *, project: str | None, id: str) -> ApprovalDetail | None:
        rows = await self._link.find(SQL["approval_by_id"], project, id)
        return next((_approval(row) for row in rows), None)

    async def approvals(
        self,
        project: str | None,
        *,
        status: Sequence[str] = (),
        execution: str | None = None,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[ApprovalDetail]:
        """Return approvals, newest first by (requested_at, id)."""
        asked = (status, *_seen(before), limit)
        if execution is not None:
            rows = await self._link.find(SQL["approvals_of_execution"], project, *asked, execution)
        elif project is None:
            rows = await self._link.find(SQL["approvals_anywhere"], *asked)
        else:
            rows = await self._link.find(SQL["approvals"], project, *asked)
        return [_approval(row) for row in rows]

    async def deliverable(self, *, now: float, limit: int) -> list[tuple[str, str]]:
        """Return (project, key) pairs where a kept event may go on its way."""
        rows = await self._link.find(SQL["deliverable"], now, limit)
        return sorted((row["project"], row["key"]) for row in rows)


def _seen(before: Page | None) -> tuple[float | None, str | None]:
    return (before.at, before.id) if before else (None, None)


def _trigger(row: Record) -> TriggerDetail:
    asked, came = stored_in(row, "asked"), stored_in(row, "came")
    return trigger_detail(row_in(TriggerRow, row), asked, came)


def _approval(row: Record) -> ApprovalDetail:
    return approval_detail(row_in(ApprovalRow, row), stored_in(row, "asked"))
