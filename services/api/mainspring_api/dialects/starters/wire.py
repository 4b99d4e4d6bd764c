"""What triggers look like on the wire, and what calling a webhook answers."""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, Meta(max_length=1024)]
Span: TypeAlias = float | str
Kind: TypeAlias = Literal["schedule", "webhook", "flow"]


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of what is sent and answered."""


class ScheduleConfig(Wire, frozen=True, kw_only=True):
    """When a schedule falls due: a cron pattern, every so often, or once.

    Spans are seconds, or durations such as `90s`, `1h30m` or `PT1H`.
    """

    cron: Text | None = None
    interval: Span | None = None
    at: Text | None = None
    timezone: Text = "UTC"
    catchup: Literal["none", "last", "all"] = "none"
    jitter: Span | None = None
    max_late: Span | None = None


class HmacConfig(Wire, frozen=True, kw_only=True):
    """How calls are signed: the digest of the body in a header, behind a prefix.

    The prefix is the algorithm's name with an equals sign, unless it is said; it may be empty.
    """

    secret: Text
    header: Text | None = None
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Text | None = None


class WebhookConfig(Wire, frozen=True, kw_only=True):
    """How a webhook is called; without a key it gets one that nobody guesses.

    A secret is never shown; asterisks in its place leave it as it is, and let nobody in where there
    is none.  Calls that do not meet all conditions start nothing: these are expressions over
    `body`, `headers`, `query` and `method`.
    """

    key: Text = ""
    methods: tuple[Text, ...] = ("POST",)
    secret: Text | None = None
    header: Text | None = None
    window: Span = 300.0
    max_bytes: int | None = None
    mode: Literal["immediate", "wait"] = "immediate"
    response_mode: Literal["immediate", "wait"] | None = None
    wait_seconds: float = 30.0
    path: Text | None = None
    hmac: HmacConfig | None = None
    conditions: tuple[str, ...] = ()


class FlowConfig(Wire, frozen=True, kw_only=True):
    """Whose ends are followed, by id or name, and which of them: without statuses all."""

    flow_id: Name | None = None
    flow: Name | None = None
    statuses: tuple[Text, ...] = ()


Config: TypeAlias = ScheduleConfig | WebhookConfig | FlowConfig


class NewTrigger(Wire, frozen=True, kw_only=True):
    """A trigger to make: which flow it starts, by id or name, when, and with which inputs."""

    flow_id: Name
    type: Kind
    name: Name | None = None
    enabled: bool = True
    config: dict[str, Any] = {}
    inputs: dict[str, Any] | None = None
    namespace: Text | None = None


class ChangedTrigger(Wire, frozen=True, kw_only=True):
    """What is to be otherwise about a trigger; what is left out stays."""

    flow_id: Name | None = None
    type: Kind | None = None
    name: Name | None = None
    enabled: bool | None = None
    config: dict[str, Any] | None = None
    inputs: dict[str, Any] | None = None
    namespace: Text | None = None


class Trigger(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A trigger.  `nextAt` is the instant that comes next, `lastAt` the one that came last.

    `nextRun` and `lastRun` say the same in the words of others.
    `lastError` says why the last one could start nothing, `note` which instants were left out.
    One whose origin is `definition` stands in the text of its flow, and is changed there.
    """

    id: str
    flow_id: str
    namespace: str
    type: str
    name: str | None
    enabled: bool
    origin: str
    config: dict[str, Any]
    inputs: Any
    url: str | None
    next_at: str | None
    next_run: str | None
    last_at: str | None
    last_run: str | None
    last_execution_id: str | None
    last_error: str | None
    note: str | None
    created_at: str
    updated_at: str


class Backfill(Wire, frozen=True, kw_only=True):
    """Instants to make up for: all from one to another, both included, with these inputs."""

    from_: Annotated[Text, Meta(description="The first instant, RFC 3339.")] = msgspec.field(
        name="from"
    )
    to: Text
    inputs: dict[str, Any] | None = None


class FilledInstant(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The execution of an instant: `QUEUED` by this backfill, or there before (`EXISTS`)."""

    execution_id: str
    scheduled_at: str
    status: Literal["QUEUED", "EXISTS"]


class Filled(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a backfill has started; `started` counts those that were not there."""

    trigger_id: str
    started: int
    executions: tuple[FilledInstant, ...]


class Delivered(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The execution that a webhook has begun."""

    execution_id: str
    status: str
    tasks_total: int


class Done(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The execution that a webhook has begun and waited for."""

    execution_id: str
    status: str
    outputs: Any


class Hooked(msgspec.Struct, frozen=True, kw_only=True):
    """The execution that a webhook of a workflow has begun."""

    execution_id: str
    workflow: str
    version: int | str


class HookDone(msgspec.Struct, frozen=True, kw_only=True):
    """The execution that a webhook of a workflow has begun and waited for."""

    execution_id: str
    workflow: str
    version: int | str
    status: str
    outputs: Any
