"""What views answer beside rows: bodies that rows refer to, counts, places in lists."""

import msgspec

from mainspring.domain.rows import (
    ApprovalRow,
    AttemptRow,
    DefinitionRow,
    ExecutionRow,
    KeyValueRow,
    StepRow,
    TriggerRow,
)
from mainspring.domain.task import Exchange


class ExecutionDetail(msgspec.Struct, frozen=True):
    """An execution row with the bodies that it refers to."""

    row: ExecutionRow
    payload: object = None
    output: object = None


class StepDetail(msgspec.Struct, frozen=True):
    """A step row with its output."""

    row: StepRow
    output: object = None


class AttemptDetail(msgspec.Struct, frozen=True):
    """An attempt row with its exchange."""

    row: AttemptRow
    exchange: Exchange


class DefinitionDetail(msgspec.Struct, frozen=True):
    """A definition row with the source as it was stored."""

    row: DefinitionRow
    source: object = None


class Lineage(msgspec.Struct, frozen=True):
    """The versions of a name, one after the other; `id` is that of the first one's row.

    `last` and `last_at` are the version that was stored last and its instant, also of a deleted
    one: the next one comes after it.  `began_at` is when the oldest of those that are there was
    stored.  `newest` is None when all are deleted.
    """

    id: str
    last: str
    last_at: float
    began_at: float | None = None
    newest: DefinitionDetail | None = None


class TriggerDetail(msgspec.Struct, frozen=True):
    """A trigger row with what it asks and what it received."""

    row: TriggerRow
    ask: object = None
    payload: object = None


class ApprovalDetail(msgspec.Struct, frozen=True):
    """An approval row with what it asks."""

    row: ApprovalRow
    ask: object = None


class KeyValueDetail(msgspec.Struct, frozen=True):
    """A key's row with its value."""

    row: KeyValueRow
    value: object = None


class TriggerStats(msgspec.Struct, frozen=True):
    """How many triggers there are by status; `waited` is the mean of the received ones."""

    counts: dict[str, int]
    waited: float


class Purgeable(msgspec.Struct, frozen=True):
    """How many triggers would be purged, and the instant before which these have ended."""

    count: int
    ended_before: float


class Lateness(msgspec.Struct, frozen=True):
    """How many executions and starters are late, and since when the latest of the executions is."""

    executions: int = 0
    since: float | None = None
    starters: int = 0


class Backlog(msgspec.Struct, frozen=True):
    """How many runs of a workflow nobody has decided about, and since when the oldest waits."""

    project: str
    workflow: str
    runs: int
    since: float


class Page(msgspec.Struct, frozen=True):
    """Where a list goes on: rows created before (`at`, `id`), newest first."""

    at: float
    id: str
