"""Workflow runs as they are sent: the shapes of the page, and what this server adds to them."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mainspring_api.dialects.native.runs.words import RunStatus, StepWord

MOST_AT_ONCE = 1000
LONGEST_REASON = 4096


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a workflow.  What does not apply is null.

    `max_parallel_steps` 0 is without a limit; `workflow_version` 0 is a version with another name.
    """

    id: str
    workflow_id: str | None
    project_id: str
    status: RunStatus
    triggered_by: str
    workflow_version: int
    max_parallel_steps: int
    payload: Any
    error: str | None
    started_at: str | None
    finished_at: str | None
    expires_at: str | None
    retry_of_run_id: str | None
    parent_workflow_run_id: str | None
    parent_step_run_id: str | None
    tags: dict[str, str]
    workflow_version_id: str | None
    created_by: str
    created_at: str
    workflow_name: str
    waiting_for: str | None
    warning: str | None


class RunDetail(Run, frozen=True, kw_only=True):
    """A run with what came of it."""

    output: Any = None


class StepRun(msgspec.Struct, frozen=True, kw_only=True):
    """A step in a run; one that has not begun is `pending`, and has its id already."""

    id: str
    workflow_run_id: str
    workflow_step_id: str
    step_ref: str
    step_type: str
    job_run_id: str | None
    attempt: int
    status: StepWord
    deps_completed: int
    deps_required: int
    output: Any
    error: str | None
    started_at: str | None
    finished_at: str | None
    created_at: str
    child_workflow_run_id: str | None = None


class StepChanged(msgspec.Struct, frozen=True):
    """A step after it was changed."""

    step_run: StepRun


class SubtreeReset(msgspec.Struct, frozen=True):
    """How many steps will run again."""

    reset_steps: int


Reason = Annotated[
    str,
    Meta(
        max_length=LONGEST_REASON,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$",
        extra={"fault": "has control characters"},
    ),
]


class Why(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why something is done: shown with the step or the run."""

    reason: Reason = ""


class Completion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a step that is completed by hand gives to those behind it."""

    result: Any = None


class RunIds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs."""

    workflow_run_ids: Annotated[tuple[str, ...], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class Canceled(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one run of many."""

    workflow_run_id: str
    status: str
    error: str | None = None


class BulkCanceled(msgspec.Struct, frozen=True):
    """How many runs were canceled and how many could not be, and each of them."""

    canceled: int
    failed: int
    results: tuple[Canceled, ...]


class Replayed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one run of many: the run that goes on in its place, or why there is none."""

    workflow_run_id: str
    status: str
    new_workflow_run_id: str | None = None
    error: str | None = None


class BulkReplayed(msgspec.Struct, frozen=True):
    """How many runs were replayed and how many could not be, and each of them."""

    replayed: int
    failed: int
    results: tuple[Replayed, ...]
