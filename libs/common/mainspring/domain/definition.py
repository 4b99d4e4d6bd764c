"""A workflow in the engine's own form: what every dialect compiles to.

It says nothing of the wire it came from.  Two planners read it: `path` follows `next`, cases and
branches from the entrypoint; `dag` follows `needs`, `when` and the failure policies.  Names that
a dialect gives to the engine's values are in `aliases`, so that templates keep their words and
the engine keeps its own.  A definition is immutable and known by the hash of its content.
"""

import hashlib
from functools import cached_property
from typing import Literal, TypeAlias

import msgspec

from mainspring.domain.message import Json

Kind: TypeAlias = Literal["task", "switch", "sleep", "split", "join"]
Verb: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
OnFailure: TypeAlias = Literal["fail", "skip_dependents", "continue"]


class Value(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of the parts of a definition: plain, frozen, strict when read."""


class Request(Value, frozen=True):
    """An HTTP call as templates; `success` are the statuses that count as done."""

    url: str
    verb: Verb = "POST"
    headers: dict[str, str] = {}
    body: Json = None
    has_body: bool = False
    success: tuple[int, ...] = (200, 201, 202)


class Retry(Value, frozen=True):
    """How often and how soon to try again.  `retries` counts tries after the first one.

    The n-th delay is `min(delay * multiplier**(n-1), max_delay)`, then plus or minus up to
    `jitter` of itself (the jitter comes after the cap).  `retry_on` narrows what is retried:
    statuses as text, `4xx`, `5xx`, `timeout`, `connection`; None retries every failure.
    """

    retries: int = 0
    delay: float = 0.0
    max_delay: float = 3600.0
    multiplier: float = 1.0
    jitter: float = 0.0
    retry_on: tuple[str, ...] | None = None


class Callback(Value, frozen=True):
    """How an asynchronous task is answered: seconds to wait, and JSON Logic over the answer."""

    timeout: float
    success_when: Json = None
    failure_when: Json = None


class Case(Value, frozen=True):
    """One way out of a switch: taken when its JSON Logic is truthy."""

    when: Json
    target: str
    name: str | None = None


class Step(Value, frozen=True):
    """One node of the graph.  Which fields matter depends on `kind`; the dialect has checked them.

    `task`: request, asynchronous (accepted, callback), retry, timeout, compensation.
    `switch`: cases, default.  `sleep`: duration in seconds, or `until` as an instant.
    `split`: branches, join.  `join`: on_branch_failure.
    `next` belongs to the path planner; needs, when and on_failure to the dag planner.
    """

    ref: str
    kind: Kind = "task"
    next: str | None = None
    request: Request | None = None
    asynchronous: bool = False
    accepted: tuple[int, ...] | None = None
    callback: Callback | None = None
    retry: Retry | None = None
    timeout: float | None = None
    compensation: Request | None = None
    cases: tuple[Case, ...] = ()
    default: str = ""
    duration: float | None = None
    until: float | None = None
    branches: tuple[str, ...] = ()
    join: str = ""
    on_branch_failure: Literal["fail", "continue"] = "fail"
    needs: tuple[str, ...] = ()
    when: Json = None
    on_failure: OnFailure = "fail"


class Definition(Value, frozen=True, dict=True):
    """A whole workflow.  `retry` and `timeout` (seconds an attempt) hold where a step has none."""

    name: str
    version: str
    planner: Literal["path", "dag"]
    steps: tuple[Step, ...]
    entrypoint: str = ""
    retry: Retry = Retry()
    timeout: float = 30.0
    run_timeout: float | None = None
    on_success: Request | None = None
    on_failure: Request | None = None
    max_parallel: int | None = None
    max_visits: int = 10_000
    language: Literal["mustache"] = "mustache"
    aliases: dict[str, str] = {}

    @cached_property
    def by_ref(self) -> dict[str, Step]:
        """The steps by their reference."""
        return {step.ref: step for step in self.steps}

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of the content, in hex: the definition's identity."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    @cached_property
    def split_of(self) -> dict[str, str]:
        """For each join, the split that owns it."""
        return {step.join: step.ref for step in self.steps if step.kind == "split"}

    @cached_property
    def dependants(self) -> dict[str, tuple[str, ...]]:
        """For each step of a dag, the steps that need it."""
        found: dict[str, list[str]] = {step.ref: [] for step in self.steps}
        for step in self.steps:
            for need in step.needs:
                found[need].append(step.ref)
        return {ref: tuple(refs) for ref, refs in found.items()}

    def retry_of(self, step: Step) -> Retry:
        """Return the policy of a step: its own, or the definition's."""
        return step.retry or self.retry

    def timeout_of(self, step: Step) -> float:
        """Return the seconds that one attempt of a step may take."""
        return step.timeout or self.timeout
