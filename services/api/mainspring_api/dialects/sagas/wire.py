"""The sagas dialect as it is sent: requests and answers, each field once.

The reader, the OpenAPI document and the answers all follow these structs.  Names on the wire are in
camel case.  What a struct cannot say (that a node exists, that a template parses) is in
`compile.py`.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from mainspring_api.dialects.reasons import Mover

LONGEST_NAME = 256
MOST_NODES = 1000
LONGEST_WAIT_MS = 315_360_000_000  # ten years
LONGEST_CALL_MS = 86_400_000  # a day

Name: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_NAME,
        pattern=r"^(?=[\s\S]*\S)[^\x00-\x1f\x7f]+$",
        extra={"fault": "must not be blank nor have control characters in it"},
    ),
]
NodeId: TypeAlias = Annotated[Name, Meta(description="The id of a node.")]
Status: TypeAlias = Annotated[int, Meta(ge=100, le=599)]
Statuses: TypeAlias = Annotated[tuple[Status, ...], Meta(min_length=1, max_length=500)]
WaitMillis: TypeAlias = Annotated[int, Meta(gt=0, le=LONGEST_WAIT_MS)]
DelayMillis: TypeAlias = Annotated[int, Meta(ge=0, le=LONGEST_WAIT_MS)]
CallMillis: TypeAlias = Annotated[int, Meta(gt=0, le=LONGEST_CALL_MS)]
Retries: TypeAlias = Annotated[
    int, Meta(ge=0, le=2_147_483_647, description="Retries after the first try.")
]
Rule: TypeAlias = Annotated[Any, Meta(description="JSON Logic, or a text that holds it.")]
Verb: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of all that is sent."""


class Wrapped(Wire, frozen=True, kw_only=True):
    """A template in its wrapped form."""

    value: str


Template: TypeAlias = str | Wrapped


class HttpCall(Wire, frozen=True, kw_only=True):
    """An HTTP call as Mustache templates."""

    url: Template
    verb: Verb
    headers: dict[str, Template | int | float | bool] = {}
    body: Annotated[
        Any,
        Meta(description='A text, {"value": "text"} with no other key, or any JSON as it is.'),
    ] = None
    success_status_codes: Statuses | None = None


class RetryHandling(Wire, frozen=True, kw_only=True, tag="retry", tag_field="type"):
    """Try again after the same delay each time."""

    max_attempts: Retries
    delay_millis: DelayMillis


class BackoffHandling(Wire, frozen=True, kw_only=True, tag="backoff", tag_field="type"):
    """Try again after delays that grow; the jitter comes after the cap."""

    max_attempts: Retries
    initial_delay_millis: DelayMillis
    max_delay_millis: DelayMillis
    multiplier: Annotated[float, Meta(gt=0, le=1000)] = 2.0
    jitter_ratio: Annotated[float, Meta(ge=0, le=1)] = 0.0


FailureHandling: TypeAlias = RetryHandling | BackoffHandling
RetryOn: TypeAlias = Annotated[
    tuple[str | int, ...],
    Meta(description="Statuses, 4xx, 5xx, timeout, connection.", max_length=100),
]


class CallbackRules(Wire, frozen=True, kw_only=True):
    """How long the answer of an asynchronous task is awaited, and what counts as success."""

    timeout_millis: WaitMillis
    success_when: Rule = None
    failure_when: Rule = None


class Action(Wire, frozen=True, kw_only=True):
    """What a task calls."""

    mode: Literal["sync", "async"]
    request: HttpCall
    success_status_codes: Statuses | None = None
    accepted_status_codes: Statuses | None = None
    callback: CallbackRules | None = None


class TaskNode(Wire, frozen=True, kw_only=True, tag="task", tag_field="kind"):
    """Calls a service; without `next` its path ends."""

    id: NodeId
    action: Action
    compensation: HttpCall | None = None
    next: NodeId | None = None
    failure_handling: FailureHandling | None = None
    retry_on: RetryOn | None = None
    timeout_millis: CallMillis | None = None


class SwitchCase(Wire, frozen=True, kw_only=True):
    """One way out of a switch."""

    when: Rule
    target: NodeId
    name: str | None = None


class SwitchNode(Wire, frozen=True, kw_only=True, tag="switch", tag_field="kind"):
    """Takes the first case that is truthy, else `default`."""

    id: NodeId
    cases: Annotated[tuple[SwitchCase, ...], Meta(min_length=1, max_length=MOST_NODES)]
    default: NodeId


class SleepNode(Wire, frozen=True, kw_only=True, tag="sleep", tag_field="kind"):
    """Waits for a time, or until an instant (RFC 3339)."""

    id: NodeId
    duration_millis: WaitMillis | None = None
    until: str | None = None
    next: NodeId | None = None


class SplitNode(Wire, frozen=True, kw_only=True, tag="split", tag_field="kind"):
    """Runs branches side by side up to its join."""

    id: NodeId
    branches: Annotated[tuple[NodeId, ...], Meta(min_length=2, max_length=MOST_NODES)]
    join: NodeId


class JoinNode(Wire, frozen=True, kw_only=True, tag="join", tag_field="kind"):
    """Goes on when all branches of its split are over."""

    id: NodeId
    on_branch_failure: Literal["fail", "continue"] = "fail"
    next: NodeId | None = None


Node: TypeAlias = TaskNode | SwitchNode | SleepNode | SplitNode | JoinNode


class SagaStep(Wire, frozen=True, kw_only=True):
    """A step of the older form: a call and the call that undoes it."""

    name: NodeId
    up: HttpCall
    down: HttpCall
    failure_handling: FailureHandling | None = None
    retry_on: RetryOn | None = None
    timeout_millis: CallMillis | None = None


class Head(Wire, frozen=True, kw_only=True):
    """What both forms of a definition have."""

    name: Name
    version: Name
    failure_handling: FailureHandling | None = None
    on_success_callback: HttpCall | None = None
    on_failure_callback: HttpCall | None = None


class NodeDefinition(Head, frozen=True, kw_only=True):
    """A graph of nodes, walked from `entrypoint`."""

    entrypoint: NodeId
    nodes: Annotated[tuple[Node, ...], Meta(min_length=1, max_length=MOST_NODES)]


class NodeHead(Head, frozen=True, kw_only=True):
    """A graph whose nodes are read one by one, so that one fault does not hide the others."""

    entrypoint: NodeId
    nodes: Any


class StepsHead(Head, frozen=True, kw_only=True):
    """The same for the older form."""

    steps: Any


class StepsDefinition(Head, frozen=True, kw_only=True):
    """The older form: steps in their order, undone in reverse."""

    steps: Annotated[tuple[SagaStep, ...], Meta(min_length=1, max_length=MOST_NODES)]


FORMS = (NodeDefinition, StepsDefinition)
SagaDefinition: TypeAlias = Annotated[
    Any,
    Meta(
        description="The key `nodes` tells the forms apart.",
        extra_json_schema={
            "oneOf": [{"$ref": f"#/components/schemas/{form.__name__}"} for form in FORMS]
        },
    ),
]


# Answers.

StatusWord: TypeAlias = Literal[
    "IN_PROGRESS",
    "WAITING_CALLBACK",
    "SLEEPING",
    "WAITING_JOIN",
    "SUCCEEDED",
    "FAILED",
    "CORRUPTED",
    "CANCELED",
]
Phase: TypeAlias = Literal["UP", "DOWN", "SWITCH", "CALLBACK", "SPLIT", "JOIN"]
WaitingPhase: TypeAlias = Literal["UP", "DOWN", "HOOK", "EMIT", "NOTIFY"]
NodeStatus: TypeAlias = Literal[
    "PENDING", "IN_PROGRESS", "WAITING_CALLBACK", "SLEEPING", "WAITING_JOIN"
]
WaitingFor: TypeAlias = Literal[
    "DECISION",
    "CALL",
    "SAGA",
    "RETRY",
    "CALLBACK",
    "SLEEP",
    "EVENT",
    "APPROVAL",
    "JOIN",
    "RESUME",
    "PLACE",
    "NODES",
    "ROOM",
    "KEY",
    "PATH",
    "EMIT",
    "NOTHING",
]
Instant: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class Answer(Wire, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=False):
    """Base of answers: what is absent is left out."""


class Started(Answer, frozen=True, kw_only=True):
    """A run that has been taken on."""

    id: str


class Asked(Answer, frozen=True, kw_only=True):
    """A request about a run that has been taken on."""

    id: str
    status: Literal["REQUEUED", "CANCELING"]


class SagaSummary(Answer, frozen=True, kw_only=True):
    """A run in a list."""

    id: str
    name: str
    version: str
    status: StatusWord
    started_at: Instant
    updated_at: Instant
    completed_at: Instant | None = None
    failure_description: str | None = None
    callback_warning: str | None = None


class Saga(SagaSummary, frozen=True, kw_only=True):
    """A run: where it stands, what it was given, and what came out."""

    payload: Any
    current_nodes: tuple[str, ...]
    output: Any


class StepResult(Answer, frozen=True, kw_only=True):
    """What one step came to: one for each try, and one for a callback."""

    id: int
    step_index: int
    step_name: str
    phase: Phase
    success: bool
    started_at: Instant
    created_at: Instant
    latency_ms: int
    step_started_at: Instant | None = None
    status_code: int | None = None
    response_body: Any = None
    error: str | None = None


class StepCall(Answer, frozen=True, kw_only=True):
    """One HTTP try; `attempt` counts the retries, from 0.  Secrets are masked, as recorded."""

    id: int
    step_name: str
    phase: Literal["UP", "DOWN"]
    attempt: int
    step_started_at: Instant
    created_at: Instant
    latency_ms: int
    request_url: str
    request_body: str | None = None
    status_code: int | None = None
    response_headers: dict[str, str] | None = None
    response_body: Any = None
    error: str | None = None


class WaitingNode(Answer, frozen=True, kw_only=True):
    """Why a node is not done: in a word, in a sentence, and who or what would move it.

    `waitsForNodes` are those that it waits for, whatever for.  `since` is when it began to wait,
    `until` when that is over by itself; `nextWakeUp` is when something happens to it, or to what it
    waits for.
    """

    node_id: str
    phase: WaitingPhase
    status: NodeStatus
    waiting_for: WaitingFor
    text: str
    since: Instant | None = None
    next_wake_up: Instant | None = None
    until: Instant | None = None
    waits_for_nodes: tuple[str, ...] = ()
    moved_by: tuple[Mover, ...] = ()


class SagaExplanation(Answer, frozen=True, kw_only=True):
    """Why a saga is where it is, and each of its nodes that has not ended.

    One that has not ended has a `nextWakeUp`, or somebody who would move it.
    """

    id: str
    status: StatusWord
    text: str
    waiting_for: WaitingFor | None = None
    since: Instant | None = None
    next_wake_up: Instant | None = None
    moved_by: tuple[Mover, ...] = ()
    nodes: tuple[WaitingNode, ...] = ()


class StoredDefinition(Answer, frozen=True, kw_only=True):
    """A stored definition, as it was sent."""

    id: str
    name: str
    version: str
    definition: Any
    created_at: Instant
    updated_at: Instant


class Refusal(Answer, frozen=True, kw_only=True):
    """Why a request was refused: every reason."""

    errors: tuple[str, ...]


class InlineRun(Wire, frozen=True, kw_only=True):
    """A definition and what to run it with."""

    definition: SagaDefinition
    payload: dict[str, Any] = {}


class StoredRun(Wire, frozen=True, kw_only=True):
    """What to run a stored definition with."""

    payload: dict[str, Any] = {}
