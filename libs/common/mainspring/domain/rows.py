"""The rows of the views: what a query sees, written from events in the same transaction.

A view never holds a body.  Outputs, answers and payloads stand once, in the log, and a row names
the version of the event that has them (`…_version`); detail reads join them back.  Instants are
seconds since the epoch.  All fields are what the events say, so a rebuild gives equal rows.
"""

from typing import TypeAlias

import msgspec


class Row(msgspec.Struct, frozen=True):
    """Base of all rows."""


class ExecutionRow(Row, frozen=True):
    """One execution.  `waiting_for` and `wake_at` are its reason and its next wake-up.

    `handled_version` is the version up to which the scheduler has decided; when it is behind
    `stream_version` there are facts that wait for a decision.  `current` are the open steps' refs.
    `output_version` is the event whose output is the run's output.  `undone`: it did not end
    well, and something that it had done was compensated.
    """

    id: str
    project: str
    partition: int
    definition: str
    dialect: str
    name: str
    version: str
    status: str
    stream_version: int
    handled_version: int
    created_at: float
    updated_at: float
    reason: str | None = None
    warning: str | None = None
    current: tuple[str, ...] = ()
    waiting_for: str | None = None
    wake_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    output_version: int | None = None
    catalog_id: str | None = None
    triggered_by: str = "api"
    created_by: str = "system"
    retry_of: str | None = None
    parent: str | None = None
    parent_step: str | None = None
    tags: dict[str, str] = {}
    undone: bool = False
    lane: str = ""


class StepRow(Row, frozen=True):
    """One visit of one step in one phase; `seq` is the order in which visits were begun."""

    execution: str
    ref: str
    phase: str
    visit: int
    seq: int
    kind: str
    status: str
    attempt: int
    scheduled_at: float
    reason: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    due_at: float | None = None
    output_version: int | None = None


class AttemptRow(Row, frozen=True):
    """One HTTP try that ended; its exchange stands in the event at `version`."""

    execution: str
    ref: str
    phase: str
    visit: int
    attempt: int
    version: int
    ok: bool
    started_at: float
    latency: float
    status: int | None = None
    fault: str | None = None


class TimerRow(Row, frozen=True):
    """An instant at which something falls due in an execution."""

    execution: str
    key: str
    kind: str
    partition: int
    due_at: float


class TimerGone(Row, frozen=True):
    """Removal of a timer."""

    execution: str
    key: str


class TriggerRow(Row, frozen=True):
    """What a step waits, or has waited, for: of one key and project at most one is waiting.

    `ask_version` is the event that opened it, `payload_version` the one that brought its payload.
    `timeout` is in seconds; `notify_status` is pending, sent, failed or canceled.
    """

    id: str
    project: str
    key: str
    execution: str
    ref: str
    visit: int
    attempt: int
    status: str
    ask_version: int
    requested_at: float
    timeout: float | None = None
    expires_at: float | None = None
    received_at: float | None = None
    ended_at: float | None = None
    error: str | None = None
    notify_url: str | None = None
    notify_status: str | None = None
    sent_by: str | None = None
    payload_version: int | None = None


class TriggersGone(Row, frozen=True):
    """Removal of a project's triggers that ended before an instant."""

    project: str
    ended_before_at: float


class ApprovalRow(Row, frozen=True):
    """A decision that a step waits, or has waited, for; `ask_version` is the event that asked."""

    id: str
    project: str
    execution: str
    ref: str
    visit: int
    attempt: int
    status: str
    ask_version: int
    requested_at: float
    approvers: tuple[str, ...] = ()
    expires_at: float | None = None
    decided_at: float | None = None
    decided_by: str | None = None
    reason: str | None = None


class BufferedRow(Row, frozen=True):
    """An event that is kept for a key; `trigger` is who it was offered to last."""

    stream: str
    version: int
    project: str
    key: str
    sent_by: str
    buffered_at: float
    expires_at: float
    trigger: str | None = None


class BufferedExpired(Row, frozen=True):
    """Removal of the events that a project kept until before an instant."""

    project: str
    expired_before_at: float


class BufferedGone(Row, frozen=True):
    """Removal of an event that was kept, since it was received."""

    stream: str
    version: int


class CompiledRow(Row, frozen=True):
    """A compiled definition: its event is the body."""

    hash: str
    name: str
    version: str


class DefinitionRow(Row, frozen=True):
    """A stored definition; its source stands in the event at version 1."""

    id: str
    project: str
    name: str
    version: str
    dialect: str
    compiled: str
    created_at: float
    deleted_at: float | None = None


class KeyValueRow(Row, frozen=True):
    """The value of a key; it stands in the event at `version` of the stream."""

    stream: str
    project: str
    key: str
    version: int
    created_at: float
    updated_at: float
    expires_at: float | None = None


class KeyValueGone(Row, frozen=True):
    """Removal of a value."""

    stream: str


class StarterRow(Row, frozen=True):
    """What starts runs by itself: a schedule, a webhook or a follower.

    What it is to do stands in the event at `set_version`.  `stream_version` and `stream_hash` are
    the end of its stream, so that who fires it need not read that.  `next_at` is the instant that
    comes next, `due_at` when it is fired; `key` what a webhook is found by, `follows` whose runs'
    ends start a run.  `last_error` says why the last time no run could be started.
    """

    id: str
    project: str
    partition: int
    dialect: str
    workflow: str
    kind: str
    name: str
    origin: str
    enabled: bool
    created_at: float
    updated_at: float
    set_version: int
    stream_version: int
    stream_hash: str
    key: str | None = None
    follows: str | None = None
    next_at: float | None = None
    due_at: float | None = None
    last_at: float | None = None
    last_execution: str | None = None
    last_error: str | None = None
    note: str | None = None
    removed_at: float | None = None


class AuditRow(Row, frozen=True):
    """Who asked for what: one row for each event that a person or a peer caused."""

    category: str
    stream: str
    version: int
    project: str
    actor: str
    action: str
    at: float
    request_id: str = ""


class IdempotencyRow(Row, frozen=True):
    """An answer to give again for the same key."""

    project: str
    actor: str
    route: str
    key: str
    request_hash: str
    status: int
    response: str
    location: str
    at: float


Change: TypeAlias = (
    ExecutionRow
    | StepRow
    | AttemptRow
    | TimerRow
    | TimerGone
    | TriggerRow
    | TriggersGone
    | ApprovalRow
    | BufferedRow
    | BufferedGone
    | BufferedExpired
    | CompiledRow
    | DefinitionRow
    | StarterRow
    | AuditRow
    | IdempotencyRow
    | KeyValueRow
    | KeyValueGone
)
"""A row to write (insert, or replace by primary key), or what to remove."""
