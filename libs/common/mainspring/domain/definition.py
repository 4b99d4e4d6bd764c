"""A workflow in the engine's own form: what every dialect compiles to.

It says nothing of the wire it came from.  Two planners read it: `path` follows `next`, cases and
branches from the entrypoint; `dag` follows `needs`, `when` and the failure policies.  Names that
a dialect gives to the engine's values are in `aliases`, and its words for the statuses of steps in
`words`, so that templates and conditions keep their words and the engine keeps its own.  A
definition is immutable and known by the hash of its content.
"""

import hashlib
from functools import cached_property
from typing import Final, Literal, TypeAlias

import msgspec

from mainspring.domain.expression import (
    Guard,
    Path,
    TemplateLanguage,
    compile_body,
    compile_template,
    compile_text,
)
from mainspring.domain.graph import Graph, Node, graph_of
from mainspring.domain.inputs import Input
from mainspring.domain.message import Json

Kind: TypeAlias = Literal[
    "task", "switch", "sleep", "split", "join", "wait", "approval", "child", "each"
]
Verb: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
OnFailure: TypeAlias = Literal["fail", "skip_dependents", "continue"]
Ending: TypeAlias = Literal["succeeded", "failed", "timed_out", "canceled"]
OnLimit: TypeAlias = Literal["queue", "reject", "cancel"]


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
    `jitter` of itself (the jitter comes after the cap); with `linear` it is `delay * n`.
    `retry_on` narrows what is retried: statuses as text, `4xx`, `5xx`, `timeout`, `connection`,
    and so on with the faults of calls; None retries every failure.  No try begins later than
    `max_duration` seconds after the first one began.
    """

    retries: int = 0
    delay: float = 0.0
    max_delay: float = 3600.0
    multiplier: float = 1.0
    jitter: float = 0.0
    retry_on: tuple[str, ...] | None = None
    linear: bool = False
    max_duration: float | None = None


NOTIFY: Final = Request(
    url="{{{notify.url}}}",
    body={
        "event_key": "{{notify.event_key}}",
        "trigger_id": "{{notify.trigger_id}}",
        "project_id": "{{notify.project_id}}",
        "expires_at": "{{notify.expires_at}}",
        "callback_url": "{{notify.callback_url}}",
    },
    has_body=True,
    success=tuple(range(200, 300)),
)
"""The notice that a wait has begun: the same for every workflow."""

GATE_NOTIFY: Final = Request(
    url="{{{notify.url}}}",
    body={
        "executionId": "{{notify.executionId}}",
        "taskName": "{{notify.taskName}}",
        "approvalId": "{{notify.approvalId}}",
        "namespace": "{{notify.namespace}}",
        "message": "{{notify.message}}",
        "expiresAt": "{{notify.expiresAt}}",
    },
    has_body=True,
    success=tuple(range(200, 300)),
)
"""The notice that an approval is asked for."""

GATE_NOTIFY_RETRY: Final = Retry(retries=3, delay=2.0, multiplier=4.0, max_delay=60.0, jitter=0.2)
"""Shorter than that of waits: who is told next has to wait for it."""

NOTIFY_RETRY: Final = Retry(retries=4, delay=5.0, multiplier=5.0, max_delay=1800.0, jitter=0.2)
NOTIFY_TIMEOUT: Final = 15.0


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


class Wait(Value, frozen=True):
    """A durable wait for an event.  `key`, `notify_url` and the strings in `ask` are templates.

    `ask` is what the trigger shows to whoever is to send the event; `timeout` None waits for ever.
    """

    key: str
    timeout: float | None = None
    notify_url: str | None = None
    ask: Json = None


class Cache(Value, frozen=True):
    """For how many seconds what a call gave stands for calls of the same plugin with equal input.

    With a `key` (a template) it stands for those whose key comes to an equal value instead.
    """

    ttl: float
    key: str | None = None


class Plugin(Value, frozen=True):
    """A call of a plugin by its id; the strings in `input` are templates."""

    id: str
    input: Json = None
    cache: Cache | None = None

    @property
    def templates(self) -> Json:
        """All its templates as one value."""
        key = self.cache.key if self.cache is not None else None
        return self.input if key is None else {"input": self.input, "key": key}


class Approval(Value, frozen=True):
    """A decision that people take.  Without approvers anyone may; `ask` is a template.

    It is taken when `required` different people have approved, or one has rejected.  `on_timeout`
    is what is decided when nobody did in time.  `answer` is a JSON Schema of what an approval has
    to bring with it; None: it brings nothing.  The addresses in `notify` (templates) are told of it
    one after another.  With `tolerant` a rejection is an answer like another: the step succeeds.
    """

    approvers: tuple[str, ...] = ()
    timeout: float | None = None
    ask: Json = None
    required: int = 1
    on_timeout: Literal["fail", "approve", "reject"] = "fail"
    answer: Json = None
    notify: tuple[str, ...] = ()
    tolerant: bool = False


class Child(Value, frozen=True):
    """A run of another workflow: `workflow` is its id or its name, `hash` pins a compiled form.

    The strings in `payload` are templates; None hands on the payload of the run itself.  What the
    step gives is the outputs of the child's steps, or with `names` an object that has the child's
    id, how it ended, and those outputs under these names.

    With `begun` the child is not waited for: the step has succeeded when it is there, gives that
    word for how it stands, and what becomes of the parent is nothing to it.  A `tolerant` step
    succeeds too with a child that ended badly.
    """

    workflow: str
    payload: Json = None
    hash: str | None = None
    names: tuple[str, str, str] | None = None
    begun: str | None = None
    tolerant: bool = False


class Each(Value, frozen=True):
    """Steps that are done once for each item of a list.

    `items` is a template whose value is a list, or an object (its entries as `{key, value}`).  With
    `batch` above 1 an item is a list of so many.  At most `concurrency` items are under way at once
    (None: all).  An item whose steps fail fails this step when all are through, or with `fail_fast`
    at once.  One that goes on for more than `timeout` seconds fails, and what is open of it is
    closed: it must not hold runs of other workflows.  The instance of a step `s` for item 3 of the
    step `all` has the ref `all[3].s`.
    """

    items: Json
    steps: tuple["Step", ...]
    concurrency: int | None = 1
    fail_fast: bool = False
    batch: int = 1
    timeout: float | None = None


class Step(Value, frozen=True):
    """One node of the graph.  Which fields matter depends on `kind`; the dialect has checked them.

    `task`: request or plugin, asynchronous (accepted, callback), retry, timeout, compensation.
    `switch`: cases, default.  `sleep`: duration in seconds, or `until` as an instant, or `pause`: a
    template whose value is seconds, a duration (`90s`, `1h30m`, ISO 8601) or an RFC 3339 instant.
    `split`: branches, join.  `join`: on_branch_failure, or in a dag `joins`: the steps of each
    branch by its name, with which it fails and whose outputs it gives.  `wait`, `approval`,
    `child`: the part of that name.  When a step with an `emit_key` (a template) has succeeded, its
    output is sent to the wait with that key.
    `next` belongs to the path planner; needs, when, on_failure and concurrency_key (at most one
    open step of a run has it) to the dag planner.  Needs that stand in `awaits` too only have to be
    settled: their failures keep this step from nothing.
    A step with endings in `after` is no part of the work: it runs when the work has come to one of
    these ends and before the run ends so, whatever becomes of it.
    `type` is the dialect's own word for what kind of step it is.
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
    when: Guard | None = None
    on_failure: OnFailure = "fail"
    wait: Wait | None = None
    approval: Approval | None = None
    child: Child | None = None
    emit_key: str | None = None
    concurrency_key: str | None = None
    plugin: Plugin | None = None
    each: Each | None = None
    pause: Json = None
    after: tuple[Ending, ...] = ()
    type: str = ""
    awaits: tuple[str, ...] = ()
    joins: dict[str, tuple[str, ...]] = {}


class Definition(Value, frozen=True, dict=True):
    """A whole workflow.  `retry` and `timeout` (seconds an attempt) hold where a step has none.

    At most `max_runs` of its runs go on at once, over all its versions; `on_limit` says what
    becomes of one more: it waits, fails or is canceled.  With a template in `lane` those runs are
    counted together for which it comes to the same text.  `language` is that of the templates
    outside of requests, which are Mustache.  `inputs` are what a run takes, `vars` what its
    expressions see as `vars`; `env` is added to the environment that they see.  Steps with `after`
    may take `after_timeout` seconds in all.
    """

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
    max_runs: int | None = None
    on_limit: OnLimit = "queue"
    lane: str | None = None
    max_visits: int = 10_000
    language: TemplateLanguage = "mustache"
    aliases: dict[str, str] = {}
    words: dict[str, str] = {}
    inputs: tuple[Input, ...] = ()
    vars: dict[str, Json] = {}
    env: dict[str, str] = {}
    after_timeout: float | None = None

    @cached_property
    def by_ref(self) -> dict[str, Step]:
        """The steps by their reference."""
        return {step.ref: step for step in self.steps}

    @cached_property
    def work(self) -> tuple[Step, ...]:
        """The steps that make up the work: all but those that come after its end."""
        return tuple(step for step in self.steps if not step.after)

    @cached_property
    def epilogue(self) -> tuple[Step, ...]:
        """The steps that run when the work has come to an end, before the run ends."""
        return tuple(step for step in self.steps if step.after)

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of the content, in hex: the definition's identity."""
        # A value that only equals its default is written out, the default itself is left out.  So
        # the content is read back first: a definition and its stored form have one hash.
        settled = msgspec.json.decode(msgspec.json.encode(self), type=Definition)
        return hashlib.sha256(msgspec.json.encode(settled, order="sorted")).hexdigest()

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

    @cached_property
    def graph(self) -> Graph:
        """The steps of a dag and what they need, those of loops' items left out."""
        return graph_of([Node(step.ref, step.needs, step.after) for step in self.steps])

    @cached_property
    def names(self) -> dict[tuple[str, str], frozenset[Path]]:
        """For each call, by ref and phase, the paths that its templates read."""
        calls = {(step.ref, "up"): step.request for step in self.steps}
        calls |= {(step.ref, "down"): step.compensation for step in self.steps}
        calls |= {("on_success", "hook"): self.on_success, ("on_failure", "hook"): self.on_failure}
        named = {call: _names(request) for call, request in calls.items() if request is not None}
        for step in self.steps:
            if step.plugin is not None:
                compiled = compile_template(step.plugin.templates, self.language)
                named[step.ref, "up"] = compiled.references
        return named

    def policy_of(self, ref: str, phase: str = "up") -> Retry:
        """Return the retry policy of a step, or of a hook: its own, or the definition's."""
        step = self.by_ref.get(ref)
        if phase == "notify":
            return NOTIFY_RETRY if step is None or step.approval is None else GATE_NOTIFY_RETRY
        return (step.retry if step else None) or self.retry

    def timeout_of(self, ref: str, phase: str = "up") -> float:
        """Return the seconds that one attempt of a step, or of a hook, may take."""
        if phase == "notify":
            return NOTIFY_TIMEOUT
        step = self.by_ref.get(ref)
        return (step.timeout if step else None) or self.timeout

    def plugin_of(self, ref: str, phase: str) -> Plugin | None:
        """Return the plugin that a step calls, if it calls one."""
        step = self.by_ref.get(ref)
        return step.plugin if step is not None and phase == "up" else None

    def request_of(self, ref: str, phase: str) -> Request | None:
        """Return what is called: a step's request, its compensation, or a hook's request."""
        if phase == "hook":
            return self.on_success if ref == "on_success" else self.on_failure
        step = self.by_ref.get(ref)
        if step is None or phase == "emit":
            return None
        if phase == "notify":
            asks = step.approval is not None and step.approval.notify
            return NOTIFY if step.wait is not None else GATE_NOTIFY if asks else None
        return step.request if phase == "up" else step.compensation


def _names(request: Request) -> frozenset[Path]:
    texts = (request.url, *request.headers.values())
    named = [compile_text(text).references for text in texts]
    if request.has_body:
        named.append(compile_body(request.body).references)
    return frozenset[Path]().union(*named)
