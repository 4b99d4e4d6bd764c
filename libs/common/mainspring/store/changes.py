"""Which rows an append leaves behind: of several with one key, the last.

Both adapters reduce with this function, so that they cannot disagree; and Postgres could not
upsert one row twice in a statement anyway.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final, TypeAlias

from mainspring.domain.message import replace
from mainspring.domain.rows import (
    ApprovalRow,
    AttemptRow,
    AuditRow,
    BufferedExpired,
    BufferedGone,
    BufferedRow,
    Change,
    CompiledRow,
    DefinitionRow,
    ExecutionRow,
    IdempotencyRow,
    KeyValueGone,
    KeyValueRow,
    Row,
    StarterRow,
    StepRow,
    TimerGone,
    TimerRow,
    TriggerRow,
    TriggersGone,
)

Key: TypeAlias = Any

TABLES: Final[Mapping[type[Row], str]] = {
    ExecutionRow: "executions",
    StepRow: "steps",
    AttemptRow: "attempts",
    TimerRow: "timers",
    TimerGone: "timers",
    TriggerRow: "triggers",
    TriggersGone: "triggers",
    ApprovalRow: "approvals",
    BufferedRow: "buffered",
    BufferedGone: "buffered",
    BufferedExpired: "buffered",
    CompiledRow: "compiled",
    DefinitionRow: "definitions",
    AuditRow: "audit",
    IdempotencyRow: "idempotency",
    KeyValueRow: "kv",
    KeyValueGone: "kv",
    StarterRow: "starters",
}

PRIMARY_KEYS: Final[dict[str, Callable[[Change], Key]]] = {
    "executions": attrgetter("id"),
    "steps": attrgetter("execution", "ref", "phase", "visit"),
    "attempts": attrgetter("execution", "version"),
    "timers": attrgetter("execution", "key"),
    "triggers": attrgetter("id"),
    "approvals": attrgetter("id"),
    "buffered": attrgetter("stream", "version"),
    "compiled": attrgetter("hash"),
    "definitions": attrgetter("id"),
    "audit": attrgetter("category", "stream", "version"),
    "idempotency": attrgetter("project", "actor", "route", "key"),
    "kv": attrgetter("stream"),
    "starters": attrgetter("id"),
}

KEY_LIFETIME_S: Final = 24 * 60 * 60
"""An idempotency key may be taken again this long after its answer; `append.sql` says it too."""


def last_per_key(changes: Iterable[Change]) -> list[Change]:
    """Return the changes that hold at the end: the last of each primary key."""
    held: dict[tuple[str, Key], Change] = {}
    for change in changes:
        if isinstance(change, TriggersGone | BufferedExpired):
            # Of a project's purges the last goes furthest back from now, and covers the others.
            held[type(change).__name__, change.project] = change
            continue
        table = TABLES[type(change)]
        held[table, PRIMARY_KEYS[table](change)] = change
    return list(held.values())


def storable(change: Change) -> Change:
    """Return a row with U+FFFD in place of each NUL, which a text of Postgres cannot hold."""
    texts = {
        name: cell.replace("\0", "\ufffd")
        for name in change.__struct_fields__
        if isinstance(cell := getattr(change, name), str) and "\0" in cell
    }
    return replace(change, **texts) if texts else change
