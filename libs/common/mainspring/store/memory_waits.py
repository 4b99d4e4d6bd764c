"""The views of what steps wait for, in memory."""

from collections.abc import Sequence
from itertools import groupby

from mainspring.domain.rows import ApprovalRow, BufferedRow, TriggerRow
from mainspring.ports import (
    ApprovalDetail,
    Page,
    Purgeable,
    TriggerDetail,
    TriggerStats,
)
from mainspring.store.details import Stored, approval_detail, trigger_detail
from mainspring.store.tables import Tables

MICROSECOND = 1e-6


class MemoryWaits:
    """The part of the Views port that tells of triggers, approvals and kept events."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

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
            row = self._tables.row(TriggerRow, id)
            return self._trigger(row) if row and project in (None, row.project) else None
        rows = [
            row
            for row in self._tables.rows(TriggerRow)
            if (row.project, row.key) == (project, key) and sent_by in (None, row.sent_by)
        ]
        first = max(rows, key=lambda row: (row.status == "waiting", _place(row)), default=None)
        return self._trigger(first) if first else None

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
        rows = [
            row
            for row in self._tables.rows(TriggerRow)
            if row.project == project and _is_meant(row, status, execution, before)
        ]
        rows.sort(key=_place, reverse=True)
        return [self._trigger(row) for row in rows[:limit]]

    async def waiting_triggers(
        self, project: str, prefix: str, *, limit: int = 1000, after: str | None = None
    ) -> list[TriggerRow]:
        """Return waiting triggers with such keys, in order of the key, those behind `after`."""
        rows = [
            row
            for row in self._tables.rows(TriggerRow)
            if (row.project, row.status) == (project, "waiting")
            and row.key.startswith(prefix)
            and (after is None or row.key.encode() > after.encode())
        ]
        return sorted(rows, key=lambda row: row.key.encode())[:limit]

    async def trigger_stats(self, project: str) -> TriggerStats:
        rows = sorted(
            (row for row in self._tables.rows(TriggerRow) if row.project == project),
            key=lambda row: row.status,
        )
        counts = {status: len(list(of)) for status, of in groupby(rows, lambda row: row.status)}
        waits = [row.received_at - row.requested_at for row in rows if row.received_at is not None]
        return TriggerStats(counts, sum(waits) / len(waits) if waits else 0.0)

    async def purgeable(
        self, project: str, *, ended_before: float, limit: int | None = None
    ) -> Purgeable:
        """Return how many triggers ended before an instant, counting the first up to `limit`."""
        ended = sorted(
            row.ended_at
            for row in self._tables.rows(TriggerRow)
            if row.project == project and row.ended_at is not None and row.ended_at < ended_before
        )
        if not ended or limit == 0:
            return Purgeable(0, ended_before)
        last = ended[-1] if limit is None else ended[min(limit, len(ended)) - 1]
        return Purgeable(sum(at <= last for at in ended), last + MICROSECOND)

    async def approval(self, *, project: str | None, id: str) -> ApprovalDetail | None:
        row = self._tables.row(ApprovalRow, id)
        return self._approval(row) if row and project in (None, row.project) else None

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
        rows = [
            row
            for row in self._tables.rows(ApprovalRow)
            if project in (None, row.project) and _is_meant(row, status, execution, before)
        ]
        rows.sort(key=_place, reverse=True)
        return [self._approval(row) for row in rows[:limit]]

    async def deliverable(self, *, now: float, limit: int) -> list[tuple[str, str]]:
        """Return (project, key) pairs where a kept event may go on its way."""
        waiting = {
            (row.project, row.key)
            for row in self._tables.rows(TriggerRow)
            if row.status == "waiting"
        }
        found = {
            (row.project, row.key)
            for row in self._tables.rows(BufferedRow)
            if row.trigger is not None
            or (row.expires_at > now and (row.project, row.key) in waiting)
        }
        return sorted(found)[:limit]

    def _trigger(self, row: TriggerRow) -> TriggerDetail:
        asked = self._stored("execution", row.execution, row.ask_version)
        came = self._stored("execution", row.execution, row.payload_version)
        return trigger_detail(row, asked, came)

    def _approval(self, row: ApprovalRow) -> ApprovalDetail:
        return approval_detail(row, self._stored("execution", row.execution, row.ask_version))

    def _stored(self, category: str, id: str, version: int | None) -> Stored:
        event = self._tables.event(category, id, version)
        return (event.type, event.schema_version, event.body) if event else None


def _place(row: TriggerRow | ApprovalRow) -> tuple[float, str]:
    return (row.requested_at, row.id)


def _is_meant(
    row: TriggerRow | ApprovalRow,
    status: Sequence[str],
    execution: str | None,
    before: Page | None,
) -> bool:
    return (
        (not status or row.status in status)
        and execution in (None, row.execution)
        and (before is None or _place(row) < (before.at, before.id))
    )
