"""The form of a workflow's YAML: each field once, strict, and read whole before it is judged.

What a struct cannot say (that a step exists, that an expression parses, that a plugin takes these
params) is in `compile.py` and what it stands on.
"""

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

MOST_STEPS: Final = 500
MOST_HOOKS: Final = 50
MOST_TRIGGERS: Final = 50
MOST_INPUTS: Final = 200
LONGEST_NAME: Final = 128

_NAMED: Final = r"^[a-z](?:[a-z0-9-]*[a-z0-9])?$"
Name: TypeAlias = Annotated[
    str,
    Meta(
        max_length=LONGEST_NAME,
        pattern=_NAMED,
        extra={
            "fault": "must be lower-case letters, digits and hyphens, begin with a letter and "
            "not end with a hyphen"
        },
    ),
]
Action: TypeAlias = Annotated[
    str,
    Meta(max_length=128, pattern=r"\S", extra={"fault": "must not be blank"}),
]
Text: TypeAlias = Annotated[str, Meta(max_length=2000)]
Limit: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000)]


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all that stands in a workflow."""


class Input(Form, frozen=True, kw_only=True):
    """A declared input; without a type it takes any value."""

    type: Literal["string", "number", "boolean"] | None = None
    description: Text = ""
    default: Any = None
    required: bool = False
    enum: Annotated[tuple[Any, ...], Meta(min_length=1, max_length=500)] | None = None


class Retry(Form, frozen=True, kw_only=True):
    """How often a step is tried in all, and how soon again; spans are durations."""

    max_attempts: Annotated[int, Meta(ge=1, le=1000)]
    backoff: Literal["fixed", "exponential"] = "fixed"
    delay: Any = None
    max_delay: Any = None


class HookStep(Form, frozen=True, kw_only=True):
    """A step of a hook: what every step may have."""

    name: Name
    action: Action
    params: dict[str, Any] = {}
    condition: str | bool | None = msgspec.field(name="if", default=None)
    retry: Retry | None = None
    timeout: Any = None
    continue_on_error: bool = False


class Step(HookStep, frozen=True, kw_only=True):
    """A step of the work."""

    depends_on: Annotated[tuple[str, ...], Meta(max_length=MOST_STEPS)] = ()


class LooseHooks(Form, frozen=True, kw_only=True):
    """The hooks, before their steps have been read one by one."""

    timeout: Any = None
    on_success: Any = None
    on_failure: Any = None
    on_finish: Any = None


class Cron(Form, frozen=True, kw_only=True, tag_field="type", tag="cron"):
    """Begins a run when its time has come."""

    schedule: Annotated[str, Meta(max_length=256)]
    timezone: Annotated[str, Meta(max_length=64)] | None = None
    inputs: dict[str, Any] = {}


class Webhook(Form, frozen=True, kw_only=True, tag_field="type", tag="webhook"):
    """Begins a run when somebody posts to its path; signed, when there is a secret."""

    path: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=r"^/?[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*$",
            extra={"fault": "must be a path of letters, digits and . _ ~ - such as /hooks/orders"},
        ),
    ]
    secret: Annotated[str, Meta(min_length=1, max_length=512, pattern=r"\S")] | None = None
    inputs: dict[str, Any] = {}


Trigger: TypeAlias = Cron | Webhook


class LooseWorkflow(Form, frozen=True, kw_only=True):
    """A workflow whose parts have not been read yet."""

    name: Name
    description: Text = ""
    inputs: Any = None
    triggers: Any = None
    steps: Any
    timeout: Any = None
    max_parallel_executions: Limit = 0
    on_limit: Literal["queue", "reject"] = "queue"
    hooks: Any = None
