"""What queries see: rows that follow from the log, written in the same transaction."""

from collections.abc import Sequence
from typing import Protocol

from mainspring.domain.ailments import GRACE, Ailment
from mainspring.domain.rows import ExecutionRow, IdempotencyRow, TimerRow, TriggerRow
from mainspring.domain.starters import Starter
from mainspring.ports.details import (
    ApprovalDetail,
    AttemptDetail,
    Backlog,
    DefinitionDetail,
    ExecutionDetail,
    KeyValueDetail,
    Lateness,
    Lineage,
    Page,
    Purgeable,
    StepDetail,
    TriggerDetail,
    TriggerStats,
)


class Views(Protocol):
    """What queries see.  Every method reads committed rows.  Raises `LogUnavailable`.

    `project` None means: of any project (for the services themselves).
    """

    async def execution(self, id: str, *, project: str | None = None) -> ExecutionDetail | None: ...

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
        """Return executions, newest first by (created_at, id), created from `since` to `until`.

        They have all of the `tags`, and `text` in their name; case is that of ASCII.  A `status`
        is one of the engine's, or one with what is waited for, `running:callback`, or with whether
        what was done was compensated: `failed:undone`, `failed:standing`.
        """
        ...

    async def payloads(self, executions: Sequence[str]) -> dict[str, object]:
        """Return what each of these executions was started with, by its id."""
        ...

    async def children(self, execution: str, *, limit: int = 1000) -> list[ExecutionRow]:
        """Return the executions that one has started, oldest first."""
        ...

    async def steps(self, execution: str) -> list[StepDetail]:
        """Return the step visits of an execution in order of `seq`."""
        ...

    async def attempts(self, execution: str) -> list[AttemptDetail]:
        """Return the HTTP tries of an execution in order of their event's version."""
        ...

    async def definition(
        self, *, project: str, id: str | None = None, name: str = "", version: str = ""
    ) -> DefinitionDetail | None:
        """Return a stored definition by id, or by name and version; deleted ones are not found."""
        ...

    async def newest_definition(self, *, project: str, name: str) -> DefinitionDetail | None:
        """Return the definition of a name that was stored last and is not deleted."""
        ...

    async def trigger(
        self,
        *,
        project: str | None,
        id: str | None = None,
        key: str = "",
        sent_by: str | None = None,
    ) -> TriggerDetail | None:
        """Return a trigger by id, or of a key the one that waits, else the newest (of a sender).

        A key needs a project.
        """
        ...

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
        ...

    async def waiting_triggers(
        self, project: str, prefix: str, *, limit: int = 1000, after: str | None = None
    ) -> list[TriggerRow]:
        """Return waiting triggers with such keys, in order of the key, those behind `after`."""
        ...

    async def trigger_stats(self, project: str) -> TriggerStats: ...

    async def purgeable(
        self, project: str, *, ended_before: float, limit: int | None = None
    ) -> Purgeable:
        """Return how many triggers ended before an instant, counting the first up to `limit`.

        The answer's instant is one before which just these have ended; more than `limit` only when
        several ended at once.
        """
        ...

    async def approval(self, *, project: str | None, id: str) -> ApprovalDetail | None: ...

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
        ...

    async def deliverable(self, *, now: float, limit: int) -> list[tuple[str, str]]:
        """Return (project, key) pairs where a kept event may go on its way."""
        ...

    async def definitions(
        self,
        project: str,
        *,
        dialect: str | None = None,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[DefinitionDetail]:
        """Return stored definitions that are not deleted, newest first by (created_at, id)."""
        ...

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
        ...

    async def lineage(
        self, project: str | None, dialect: str, *, id: str | None = None, name: str = ""
    ) -> Lineage | None:
        """Return the versions of a name, or those whose first one has this id.

        The first one is version 1; names whose versions are words have no lineage.  A name needs a
        project.
        """
        ...

    async def lineages(
        self, project: str | None, dialect: str, *, limit: int = 50, before: Page | None = None
    ) -> list[Lineage]:
        """Return the lineages that are not all deleted, newest first by (began_at, id)."""
        ...

    async def kv_get(self, project: str, key: str, *, now: float) -> KeyValueDetail | None:
        """Return the value of a key; None when it has none, or one that has expired."""
        ...

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
        ...

    async def starter(self, id: str, *, project: str | None = None) -> Starter | None:
        """Return a starter by its id, also one that was removed."""
        ...

    async def webhook(self, key: str) -> Starter | None:
        """Return the webhook that is found by a key (`starters.address`)."""
        ...

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
        ...

    async def due_starters(
        self, partitions: Sequence[int], *, until: float, limit: int
    ) -> list[Starter]:
        """Return schedules due at `until` or before, in order of (due_at, id)."""
        ...

    async def next_due(self, partitions: Sequence[int]) -> float | None:
        """Return when the next schedule falls due, or fell due already."""
        ...

    async def followers(self, *, limit: int) -> list[Starter]:
        """Return enabled starters that follow the ends of runs, oldest first."""
        ...

    async def newest_of(
        self, workflows: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], DefinitionDetail]:
        """Return the newest versions of workflows, by (project, id of the first version's row).

        Deleted ones are left out; of those whose versions are words each stands for itself.
        """
        ...

    async def executions_by_id(self, ids: Sequence[str]) -> list[ExecutionRow]:
        """Return these executions, of any project, in no order that matters."""
        ...

    async def cursor(self, name: str) -> int | None:
        """Return how far a reader of the log has come; None before it noted that."""
        ...

    async def move_cursor(self, name: str, position: int) -> None:
        """Note how far a reader of the log has come; durable when it returns, and never back.

        No row follows from it, and no event says it: read from further back, all is done again.
        """
        ...

    async def idempotency(
        self, project: str, actor: str, route: str, key: str
    ) -> IdempotencyRow | None: ...

    async def forget_keys(self, *, before: float, limit: int) -> int:
        """Delete answers under idempotency keys from before an instant, the oldest first.

        Returns how many, at most `limit`.  It writes, as `move_cursor` does: what it deletes is
        found again only by a rebuild, and means nothing any more.
        """
        ...

    async def queued(
        self, project: str, name: str, lane: str = "", *, limit: int
    ) -> list[ExecutionRow]:
        """Return runs of a workflow that wait for a place, oldest first by (created_at, id)."""
        ...

    async def gates(self, *, limit: int) -> list[tuple[str, str, str]]:
        """Return (project, name, lane) of workflows whose runs wait for a place."""
        ...

    async def ended_among(self, executions: Sequence[str]) -> set[str]:
        """Return which of these executions have ended."""
        ...

    async def unhandled(self, partitions: Sequence[int], *, before: float, limit: int) -> list[str]:
        """Return executions, oldest first, with facts older than `before` and undecided."""
        ...

    async def backlog(self, *, limit: int) -> list[Backlog]:
        """Return, for each workflow, how many executions `unhandled` would find now.

        Only the oldest `limit` of all are counted.  They are in order of (project, workflow).
        """
        ...

    async def live(self, project: str, workflow: str = "", *, most: int) -> int:
        """Return how many executions of a project, or of one name, have not ended, up to `most`."""
        ...

    async def overdue(self, partitions: Sequence[int], *, before: float, limit: int) -> list[str]:
        """Return executions, most overdue first, whose `wake_at` lies before `before`."""
        ...

    async def timers(
        self, partitions: Sequence[int], *, before: float, limit: int
    ) -> list[TimerRow]:
        """Return timers due before `before`, in order of (due_at, execution, key)."""
        ...

    async def without_wakeup(self) -> int:
        """Return how many executions are not terminal and have no reason or no next wake-up."""
        ...

    async def stuck(self, partitions: Sequence[int], *, limit: int) -> list[str]:
        """Return executions that are not terminal and have no reason or no next wake-up."""
        ...

    async def ailing(self, *, now: float, grace: float = GRACE, limit: int) -> list[Ailment]:
        """Return what has not ended and will not move as it should, in order of (since, kind, id).

        What is late, and what is owed, counts when it has been so for `grace` seconds.
        """
        ...

    async def lateness(self, *, before: float) -> Lateness:
        """Return how much was to have moved before an instant, and since when."""
        ...
