"""What a run tells of itself, as it is sent.  It is the same for runs of every dialect."""

from typing import Any, Literal, TypeAlias

import msgspec

from mainspring_api.dialects.native.runs.words import RunStatus, StepWord
from mainspring_api.dialects.reasons import Mover

Phase: TypeAlias = Literal["up", "down", "hook", "emit", "notify"]
WaitingFor: TypeAlias = Literal[
    "decision",
    "executor",
    "child_run",
    "retry",
    "callback",
    "sleep",
    "event",
    "approval",
    "join",
    "resume",
    "run_slot",
    "needs",
    "max_parallel",
    "concurrency_key",
    "walker",
    "emit",
    "unwinding",
]


class HistoryEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a run.  `position` is its place in the log, `version` that in the run."""

    position: int
    version: int
    id: str
    type: str
    schema_version: int
    recorded_at: str
    actor: str
    request_id: str
    data: Any


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A step, and how it stands."""

    step_ref: str
    step_type: str
    status: StepWord
    attempt: int
    depends_on: tuple[str, ...]
    on_failure: str
    conditional: bool


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """A way from one step to another; `kind` says which."""

    source: str
    target: str
    kind: Literal["needs", "next", "case", "default", "branch"]
    label: str | None = None


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """A run as a graph: its steps in the order of the definition, and the ways between them."""

    workflow_run_id: str
    status: RunStatus
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a step: how long it was queued, how long it ran, and both together."""

    step_ref: str
    phase: Phase
    visit: int
    attempt: int
    status: StepWord
    scheduled_at: str
    started_at: str | None
    finished_at: str | None
    queued_ms: int | None
    ran_ms: int | None
    total_ms: int | None
    retry_at: str | None
    redispatches: int
    error: str | None


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All attempts of a run, in the order in which they were owed."""

    workflow_run_id: str
    status: RunStatus
    created_at: str
    started_at: str | None
    finished_at: str | None
    total_ms: int | None
    attempts: tuple[Attempt, ...]


class WaitingStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a step is not running, or has not ended: in a word, in a sentence, and in particulars.

    `needs` are the steps that it waits for, whatever for.  `since` is when it began to wait,
    `until` when that is over by itself.  `moved_by` are those that would move it.
    """

    step_ref: str
    phase: Phase
    status: StepWord
    waiting_for: WaitingFor
    text: str
    next_wake_up: str | None
    needs: tuple[str, ...] = ()
    max_parallel_steps: int | None = None
    concurrency_key: str | None = None
    event_key: str | None = None
    event_trigger_id: str | None = None
    approval_id: str | None = None
    approvers: tuple[str, ...] = ()
    child_workflow_run_id: str | None = None
    settled_by: str | None = None
    since: str | None = None
    until: str | None = None
    moved_by: tuple[Mover, ...] = ()


class Outsider(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody without whom nothing may happen; a name that is null is anyone's."""

    role: Literal["approver", "sender", "operator", "run"]
    name: str | None
    text: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run is where it is.

    One that has not ended has a next wake-up, or somebody that it depends on.  `since` is when
    anything happened to it last.
    """

    workflow_run_id: str
    status: RunStatus
    waiting_for: WaitingFor | None
    text: str
    since: str | None
    next_wake_up: str | None
    depends_on: tuple[Outsider, ...]
    steps: tuple[WaitingStep, ...]
