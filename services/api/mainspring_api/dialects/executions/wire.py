"""Executions on the wire: one document for the clients of both dialects.

The flat fields and `steps` are of the one dialect, `execution` and `tasks` of the other; each
leaves the other's fields alone.
"""

from typing import Any

import msgspec

from mainspring.domain.execution.explain import Because
from mainspring.domain.execution.outlook import Reason
from mainspring.domain.task import Phase
from mainspring_api.dialects.executions.words import FlowWord, RunWord, StepWord, TaskWord
from mainspring_api.dialects.reasons import Mover


class Item(msgspec.Struct, kw_only=True):
    """An execution in a list.  `version` is a number where the workflow counts its versions."""

    id: str
    workflow: str
    version: int | str
    status: RunWord
    started_at: str | None
    completed_at: str | None
    created_at: str
    namespace: str
    dialect: str
    triggered_by: str
    error: str | None = None
    flow_id: str | None = msgspec.field(name="flowId", default=None)
    retry_of: str | None = None
    parent: str | None = None


class Items(msgspec.Struct):
    """A page of executions, newest first."""

    executions: tuple[Item, ...]


class Step(msgspec.Struct, kw_only=True):
    """A step of an execution, begun or not."""

    name: str
    status: StepWord
    started_at: str | None
    completed_at: str | None
    output: Any = None
    error: str | None = None
    attempts: int = 0


class Execution(msgspec.Struct, kw_only=True, rename="camel"):
    """An execution of a flow.  `durationMs` is there once it has ended."""

    id: str
    flow_id: str | None
    status: FlowWord
    tasks_total: int
    tasks_executed: int
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    flow_name: str
    namespace: str
    revision: int | str
    created_at: str
    inputs: Any
    trigger: Any
    triggered_by: str
    error: str | None
    warning: str | None
    retry_of: str | None
    waiting_for: str | None


class Task(msgspec.Struct, kw_only=True, rename="camel"):
    """A task of an execution; `outputs` is a JSON text, or its value where `parse` is asked for.

    `cached` is there, and true, where it was not done: an equal one had given these outputs before.
    """

    task_name: str
    task_type: str
    status: TaskWord
    outputs: Any
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    attempt: int
    error: str | None
    cached: bool | msgspec.UnsetType = msgspec.UNSET


class Detail(Item, kw_only=True):
    """An execution with all its steps."""

    inputs: Any = None
    trigger: Any = None
    outputs: Any = None
    steps: tuple[Step, ...] = ()
    execution: Execution
    tasks: tuple[Task, ...] = ()


class Canceled(msgspec.Struct, rename="camel"):
    """What became of a request to cancel, pause or resume."""

    execution_id: str
    status: FlowWord


class Begun(msgspec.Struct, rename="camel"):
    """An execution that has been begun."""

    execution_id: str
    status: FlowWord
    tasks_total: int


class ExplainedStep(msgspec.Struct, frozen=True, kw_only=True):
    """Why a step has not ended: in a word, in a sentence, and who or what would move it.

    `waits_for` are the steps that it waits for, whatever for.  `since` is when it began to wait,
    `until` when that is over by itself.
    """

    name: str
    phase: Phase
    status: StepWord
    waiting_for: Because
    text: str
    since: str | None
    next_wake_up: str | None
    until: str | None
    waits_for: tuple[str, ...]
    moved_by: tuple[Mover, ...]


class ExplainedTask(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The same of a task."""

    task_name: str
    phase: Phase
    status: TaskWord
    waiting_for: Because
    text: str
    since: str | None
    next_wake_up: str | None
    until: str | None
    waits_for: tuple[str, ...]
    moved_by: tuple[Mover, ...]


class ExplainedExecution(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why an execution of a flow is where it is."""

    id: str
    flow_name: str
    status: FlowWord
    waiting_for: Reason | None
    text: str
    since: str | None
    next_wake_up: str | None
    moved_by: tuple[Mover, ...]


class ExecutionExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why an execution is where it is.

    One that has not ended has a next wake-up, or somebody who would move it.
    """

    id: str
    workflow: str
    status: RunWord
    waiting_for: Reason | None
    text: str
    since: str | None
    next_wake_up: str | None
    moved_by: tuple[Mover, ...]
    steps: tuple[ExplainedStep, ...]
    execution: ExplainedExecution
    tasks: tuple[ExplainedTask, ...]
