"""What the scheduler asks of an executor, and what it hears back.

A task is one attempt of one call, over HTTP or of a plugin.  It carries the call's templates and
just the values that they name, so an executor needs no state.  A result is a report, never a
verdict: whether an answer counts as success is decided by the execution's decider, from the
definition.
"""

from typing import Final, Literal, TypeAlias

import msgspec

from mainspring.domain.definition import Plugin, Request, TemplateLanguage
from mainspring.domain.message import Json

Phase: TypeAlias = Literal["up", "down", "hook", "emit", "notify"]
"""Forward work, compensation, the notice at a run's end; the event that a step sends when it has
succeeded, and the notice that a wait has begun.  These last three may outlive the run."""

Fault: TypeAlias = Literal[
    "timeout",
    "connection",
    "refused",
    "template",
    "too_large",
    "canceled",
    "lost",
    "internal",
    "failed",
]
"""Why a call has no answer.  `refused` is the egress guard's no; `lost` an executor that died;
`failed` is a plugin that could not do what it was asked."""

Level: TypeAlias = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]

PLUGIN: Final = "PLUGIN"
"""What stands for the verb in the record of a plugin's call."""


class LogLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a plugin said while it worked.  Within an attempt each line is later than the last."""

    at: float
    level: Level = "INFO"
    message: str = ""


class CallId(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which attempt of which step: the fence that makes a late report harmless."""

    execution: str
    ref: str
    phase: Phase = "up"
    visit: int = 1
    attempt: int = 1


class Task(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """One attempt to make.  `deadline` is the instant after which it must not be begun.

    It is a `request`, whose templates are Mustache, or a call of a `plugin`, whose input's
    templates are in `language`.  `values` are what the templates name; when they are large,
    `values_ref` names the blob that holds them.  When the request (or the plugin with its input)
    itself is large, `request_ref` names the blob that holds it, and `request` (or `plugin`) says
    only whom it is for.  `nonce` and `callback_expires_at` are set for asynchronous steps, whose
    templates also see `callback.url` and `callback.token`.  With `sign` the body is signed.
    """

    call: CallId
    deadline: float
    timeout: float
    idempotency_key: str
    request: Request | None = None
    plugin: Plugin | None = None
    language: TemplateLanguage = "mustache"
    project: str = "default"
    values: Json = None
    values_ref: str | None = None
    request_ref: str | None = None
    traceparent: str = ""
    nonce: str = ""
    callback_expires_at: float | None = None
    aliases: dict[str, str] = {}
    redispatch: int = 0
    sign: bool = False


class Started(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A call that is taking longer than a moment has been under way since `at`."""

    call: CallId
    at: float
    executor: str = ""


class Exchange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One try as it was made: what went out, what came back or why nothing did.

    Of a plugin's call the verb is `PLUGIN` and the URL its id; `body` is its output, also what a
    failed one left behind.  A `final` failure comes again however often it is tried.
    With `cached` it was not made: `body` is what an equal one had given before.

    `body` is the parsed value when the answer was JSON, else its text.  `latency` is in seconds.
    `retry_after` is the peer's wish in seconds.  Secrets among the headers are already redacted.
    """

    verb: str
    url: str
    started_at: float
    latency: float
    request_body: str | None = None
    status: int | None = None
    headers: dict[str, str] = {}
    body: Json = None
    fault: Fault | None = None
    error: str | None = None
    retry_after: float | None = None
    final: bool = False
    cached: bool = False


class Finished(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A call that ended, with an answer or with a fault.

    When the answer is large, `body_ref` names the blob that holds the JSON of its body.  `logs` are
    what was said since the last `Logged`.
    """

    call: CallId
    exchange: Exchange
    executor: str = ""
    body_ref: str | None = None
    logs: tuple[LogLine, ...] = ()


class Logged(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """What a call said so far that is still under way."""

    call: CallId
    lines: tuple[LogLine, ...]
    executor: str = ""


Report: TypeAlias = Started | Finished | Logged


class ChildEnded(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A run that another one started has ended: a hint to its parent, which looks for itself."""

    execution: str
    ref: str
    child: str


PARTITIONS = 8
"""Executions are spread over this many partitions; a constant of the deployment's data."""


def partition_of(execution: str) -> int:
    """Return the partition of an execution, from the random tail of its UUIDv7."""
    return int(execution[-4:], 16) % PARTITIONS
