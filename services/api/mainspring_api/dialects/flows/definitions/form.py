"""A flow's YAML as structs: each key once.

What a struct cannot say (that a task is there, that a template parses, that there is no cycle) is
in `compile.py`.  Lists of tasks are read one by one, so they are anything here; keys that have
several spellings are brought to one before (`spellings.py`).
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

MOST_TASKS = 1000
MOST_LABELS = 50
LONGEST_NAME = 255

FlowName: TypeAlias = Annotated[
    str,
    Meta(
        max_length=LONGEST_NAME,
        pattern=r"^[A-Za-z0-9_](?:[A-Za-z0-9 ._-]*[A-Za-z0-9._-])?$",
        extra={"fault": "must be letters, digits, spaces and . _ - and not begin with a dot"},
        description="The name of a flow, unique in its namespace.",
    ),
]
TaskName: TypeAlias = Annotated[
    str,
    Meta(
        max_length=128,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$",
        extra={"fault": "must be letters, digits and . _ - and begin with a letter or a digit"},
    ),
]
Namespace: TypeAlias = Annotated[
    str,
    Meta(
        max_length=128,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]*$",
        extra={"fault": "must be 1 to 128 letters, digits and . _ : @ -"},
    ),
]
Description: TypeAlias = Annotated[str, Meta(max_length=2000)]
EnvText: TypeAlias = Annotated[str, Meta(max_length=10_000)]
Label: TypeAlias = Annotated[
    str,
    Meta(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$", extra={"fault": "has control characters"}),
]
Span: TypeAlias = Annotated[str | float, Meta(description="30s, 5m, 1h30m, PT90S, or seconds.")]
Names: TypeAlias = Annotated[tuple[str, ...], Meta(max_length=MOST_TASKS)] | str


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of all that stands in a flow's text."""


class RetryForm(Form, frozen=True, kw_only=True):
    """How often and how soon a task is tried again; `maxAttempts` counts all tries."""

    max_attempts: Annotated[int, Meta(ge=1, le=1000)]
    delay: Span = 1.0
    backoff: Literal["constant", "linear", "exponential"] = "constant"
    factor: Annotated[float, Meta(ge=1, le=1000)] | None = None
    max_delay: Span = 3600.0
    max_duration: Span | None = None
    jitter: Annotated[float, Meta(ge=0, le=1)] | bool = 0.0
    retry_on: Annotated[tuple[str | int, ...], Meta(max_length=100)] | str | None = None


class EachForm(Form, frozen=True, kw_only=True):
    """What a task is done for, item by item."""

    items: Any
    concurrency: Annotated[int, Meta(ge=0, le=1000)] = 1
    fail_fast: bool = False
    timeout: Span | None = None
    batch_size: Annotated[int, Meta(ge=1, le=100_000)] = 1


class CacheForm(Form, frozen=True, kw_only=True):
    """How long what a task gave stands for equal ones, or for those with the same key."""

    ttl: Span = 86_400.0
    key: Annotated[str, Meta(min_length=1, max_length=1000)] | None = None


class TaskForm(Form, frozen=True, kw_only=True):
    """One task; `type` is the id of a plugin."""

    name: TaskName
    type: Annotated[str, Meta(max_length=128)]
    properties: dict[str, Any] = {}
    depends_on: Names | None = None
    when: str | bool | None = None
    for_each: Any = None
    retry: Annotated[Any, Meta(description="A `RetryForm`, read apart.")] = None
    timeout: Span | None = None
    cache: Annotated[Any, Meta(description="true, a span, or a `CacheForm`.")] = None
    continue_on_error: bool = False
    disabled: bool = False
    description: Description | None = None


class ConcurrencyForm(Form, frozen=True, kw_only=True):
    """How many executions of the flow, or of one key, go on at once; what becomes of one more."""

    limit: Annotated[int, Meta(ge=1, le=1_000_000)]
    behavior: Literal["QUEUE", "FAIL", "CANCEL"] = "QUEUE"
    key: Annotated[str, Meta(min_length=1, max_length=1000)] | None = None


class InputForm(Form, frozen=True, kw_only=True):
    """One declared input."""

    name: Annotated[str, Meta(max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]
    type: str = "any"
    required: bool = False
    default: Any = None
    description: Description = ""
    enum: Annotated[tuple[Any, ...], Meta(min_length=1, max_length=1000)] | None = None
    pattern: Annotated[str, Meta(max_length=1000)] | None = None
    min: float | None = None
    max: float | None = None


class FlowForm(Form, frozen=True, kw_only=True):
    """A whole flow."""

    tasks: Any
    name: FlowName | None = None
    namespace: Namespace | None = None
    description: Description | None = None
    labels: dict[str, Label | float | bool] = {}
    inputs: Any = None
    variables: dict[str, Any] = {}
    env: dict[str, EnvText | float | bool] = {}
    triggers: Any = None
    outputs: dict[str, Any] = {}
    concurrency: ConcurrencyForm | None = None
    timeout: Span | None = None
    retry: RetryForm | None = None
    on_error: Any = None
    on_success: Any = None
    finally_: Any = msgspec.field(default=None, name="finally")
    disabled: bool = False
