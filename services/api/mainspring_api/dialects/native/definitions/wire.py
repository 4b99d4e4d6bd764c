"""Workflows as they are sent and answered: each field once.

The reader, the OpenAPI document and the answers follow these structs.  Names on the wire are in
snake case, save inside `request`, which is written as the page writes it.  What a struct cannot say
(that a step exists, that a template parses, that there is no cycle) is in `compile.py`.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

MOST_STEPS = 1000
MOST_TAGS = 20
LONGEST_S = 315_360_000  # ten years
LONGEST_CALL_S = 86_400  # a day
LONGEST_TEMPLATE = 4096
LONGEST_REF = 128
LONGEST_SLUG = 255
MOST_VERSION = 2_147_483_647

_PLAIN = Meta(
    pattern=r"^(?=[\s\S]*\S)[^\x00-\x1f\x7f]+$",
    extra={"fault": "must not be blank nor have control characters in it"},
)
Name: TypeAlias = Annotated[str, _PLAIN, Meta(max_length=255)]
Key: TypeAlias = Annotated[str, _PLAIN, Meta(max_length=128)]
Slug: TypeAlias = Annotated[
    str,
    Meta(
        max_length=LONGEST_SLUG,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        extra={"fault": "must be letters, digits and . _ - and begin with a letter or a digit"},
        description="A name that is unique in the project, and is no UUID.",
    ),
]
StepRef: TypeAlias = Annotated[
    str,
    Meta(
        max_length=LONGEST_REF,
        pattern=r"^[A-Za-z0-9_-]+$",
        extra={"fault": "must be letters, digits, _ and -"},
        description="The name of a step, unique in its workflow.",
    ),
]
Text: TypeAlias = Annotated[
    str,
    Meta(
        max_length=LONGEST_TEMPLATE,
        pattern=r"\S",
        extra={"fault": "must not be blank"},
        description="A template.",
    ),
]
Label: TypeAlias = Annotated[
    str,
    Meta(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$", extra={"fault": "has control characters"}),
]
Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=LONGEST_S)]
CallSeconds: TypeAlias = Annotated[float, Meta(gt=0, le=LONGEST_CALL_S)]
Delay: TypeAlias = Annotated[float, Meta(ge=0, le=LONGEST_S)]
Limit: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000, description="0 is without a limit.")]
Status: TypeAlias = Annotated[int, Meta(ge=100, le=599)]
Verb: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
Tags: TypeAlias = dict[str, Label]


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all that is sent."""


class HttpRequest(Wire, frozen=True, kw_only=True, rename="camel"):
    """An HTTP call; its texts are templates."""

    url: Text
    verb: Verb = "POST"
    headers: dict[str, str | int | float | bool] = {}
    body: Any = None
    success_status_codes: (
        Annotated[tuple[Status, ...], Meta(min_length=1, max_length=500)] | None
    ) = None


class StepHead(Wire, frozen=True, kw_only=True):
    """What every step may have."""

    step_ref: StepRef
    depends_on: Annotated[tuple[str, ...], Meta(max_length=MOST_STEPS)] = ()
    condition: Annotated[
        Any, Meta(description="A typed condition, or a text in CEL over payload, steps and run.")
    ] = None
    on_failure: Literal["fail_workflow", "skip_dependents", "continue"] = "fail_workflow"
    concurrency_key: Key | None = None
    event_emit_key: Text | None = None
    compensation: HttpRequest | None = None


class Retried(StepHead, frozen=True, kw_only=True):
    """A step that is tried again; `retry_max_attempts` counts all tries."""

    retry_max_attempts: Annotated[int, Meta(ge=1, le=1000)] = 1
    retry_backoff: Literal["exponential", "fixed"] = "exponential"
    retry_initial_delay_secs: Delay = 1.0
    retry_max_delay_secs: Delay = 3600.0
    retry_max_duration_secs: Delay | None = None


class HttpStep(Retried, frozen=True, kw_only=True, tag_field="step_type", tag="http"):
    """Calls a service; without a body of its own the request sends `payload`."""

    request: HttpRequest
    payload: Any = None
    timeout_secs: CallSeconds | None = None


class JobStep(Retried, frozen=True, kw_only=True, tag_field="step_type", tag="job"):
    """The same as `http`, or a plugin."""

    request: HttpRequest | None = None
    payload: Any = None
    timeout_secs: CallSeconds | None = None
    plugin: str | None = None
    properties: dict[str, Any] | None = None


class ApprovalStep(StepHead, frozen=True, kw_only=True, tag_field="step_type", tag="approval"):
    """Waits for a person's decision; without approvers anyone may take it."""

    approval_approvers: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()
    approval_timeout_secs: Seconds | None = None
    payload: Any = None


class EventStep(StepHead, frozen=True, kw_only=True, tag_field="step_type", tag="wait_for_event"):
    """Waits for an event; without a time-out it waits for ever."""

    event_key: Text
    event_timeout_secs: Seconds | None = None
    event_notify_url: Text | None = None
    payload: Any = None


class SleepStep(StepHead, frozen=True, kw_only=True, tag_field="step_type", tag="sleep"):
    """Waits for a time."""

    sleep_duration_secs: Seconds


class SubWorkflowStep(
    Retried, frozen=True, kw_only=True, tag_field="step_type", tag="sub_workflow"
):
    """Runs another workflow, by id or slug; without a payload it gets that of the run."""

    sub_workflow_id: Annotated[str, Meta(max_length=LONGEST_SLUG)]
    payload: Any = None


Step: TypeAlias = HttpStep | JobStep | ApprovalStep | EventStep | SleepStep | SubWorkflowStep


class Head(Wire, frozen=True, kw_only=True):
    """A workflow without its steps, which are read one by one."""

    name: Name
    slug: Slug
    description: Annotated[str, Meta(max_length=2000)] | None = None
    tags: Tags = {}
    max_parallel_steps: Limit = 0
    max_concurrent_runs: Limit = 0
    timeout_secs: Annotated[float, Meta(ge=0, le=LONGEST_S)] = 0.0
    cron: Annotated[str, Meta(max_length=256)] | None = None
    cron_timezone: Annotated[str, Meta(max_length=64)] | None = None


class LooseHead(Head, frozen=True, kw_only=True):
    """The same, before its steps have been read."""

    steps: Any


class NewWorkflow(Head, frozen=True, kw_only=True):
    """A workflow to store; `project_id` may name the project here too."""

    steps: Annotated[tuple[Step, ...], Meta(min_length=1, max_length=MOST_STEPS)]
    project_id: str | None = None


class WorkflowChange(Wire, frozen=True, kw_only=True):
    """What is to be another way: the fields that are given; null takes a field away."""

    name: Name | None = None
    description: Annotated[str, Meta(max_length=2000)] | None = None
    tags: Tags | None = None
    max_parallel_steps: Limit | None = None
    max_concurrent_runs: Limit | None = None
    timeout_secs: Annotated[float, Meta(ge=0, le=LONGEST_S)] | None = None
    cron: str | None = None
    cron_timezone: str | None = None
    steps: Annotated[tuple[Step, ...], Meta(min_length=1, max_length=MOST_STEPS)] | None = None


class Trigger(Wire, frozen=True, kw_only=True):
    """What to begin a run with; without a version the newest one runs.

    Versions of workflows are numbers; those of other dialects' definitions may be texts.
    """

    payload: dict[str, Any] = {}
    tags: Tags = {}
    version: Annotated[int, Meta(ge=1, le=MOST_VERSION)] | Name | None = None
    triggered_by: Annotated[Name, Meta(description="What the run says began it.")] = "api"
    project_id: str | None = None


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored workflow in one of its versions; the steps are as they were sent."""

    id: str
    project_id: str
    name: str
    slug: str
    description: str | None
    tags: dict[str, str]
    version: int
    version_id: str
    max_parallel_steps: int
    max_concurrent_runs: int
    timeout_secs: float
    cron: str | None
    cron_timezone: str | None
    steps: list[Any]
    created_at: str
    updated_at: str
