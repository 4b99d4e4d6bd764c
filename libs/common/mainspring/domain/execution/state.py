"""An execution as its events have made it.

Steps live in a persistent map (a hash trie), so that folding one event into a run of ten thousand
steps copies a few nodes and not the run; the completed steps are a linked stack, newest first,
which is the order in which they will be undone.  The rival, plain dicts copied at each event,
makes the cost of a step grow with the run.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

import msgspec
from immutables import Map

from mainspring.domain.definition import Definition, Ending, Step
from mainspring.domain.envelope import GENESIS, Head
from mainspring.domain.execution.events import (
    ExecutionRequested,
    Outcome,
    StepResetRequested,
    WaitKind,
)
from mainspring.domain.execution.front import Front
from mainspring.domain.message import Json
from mainspring.domain.task import Exchange, Phase

Status: TypeAlias = Literal[
    "absent",
    "pending",
    "running",
    "paused",
    "unwinding",
    "succeeded",
    "failed",
    "corrupted",
    "canceled",
    "timed_out",
]
TERMINAL: frozenset[Status] = frozenset(
    {"succeeded", "failed", "corrupted", "canceled", "timed_out"}
)

StepStatus: TypeAlias = Literal[
    "scheduled",
    "running",
    "retrying",
    "accepted",
    "sleeping",
    "waiting",
    "splitting",
    "succeeded",
    "failed",
    "skipped",
    "canceled",
    "reset",
]
OPEN: frozenset[StepStatus] = frozenset(
    {"scheduled", "running", "retrying", "accepted", "sleeping", "waiting", "splitting"}
)
IN_FLIGHT: frozenset[StepStatus] = frozenset({"scheduled", "running"})


SIDE: frozenset[Phase] = frozenset({"emit", "notify"})
"""What a run sends beside its work: nothing waits for it, and it may outlive the run."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What a step opened when it began to wait; `version` is the event that opened it."""

    id: str
    kind: WaitKind
    version: int
    at: float
    key: str = ""
    expires_at: float | None = None
    approvers: tuple[str, ...] = ()
    notify_url: str | None = None


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has settled about a step; the scheduler carries it out on its next turn."""

    how: Literal["received", "canceled", "approved", "rejected", "skipped", "completed", "failed"]
    by: str
    at: float
    version: int
    reason: str = ""
    payload: Json = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What one person has decided about a step; `payload` is what an approval brought with it."""

    actor: str
    decision: Literal["approved", "rejected"]
    at: float
    comment: str = ""
    payload: Json = None


class StepState(msgspec.Struct, frozen=True, kw_only=True):
    """The latest visit of one step in one phase.

    `attempt` counts over the whole visit, resets included; `tries` counts since the last reset and
    is what the retry policy sees, with `first_at`, when the first of these began.  `callback` is an
    answer that came and was not judged yet.  `fault` is what the last failure was of.
    `logged_at` is the instant of the last line that the attempt has logged.
    `opened`, `decisions` and `resolution` stay after a wait is over, until the step is reset.
    """

    ref: str
    phase: Phase
    kind: str
    visit: int
    seq: int
    status: StepStatus
    scheduled_at: float
    attempt: int = 1
    tries: int = 1
    first_at: float | None = None
    token: str = ""
    dispatched_at: float = 0.0
    redispatches: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    retry_at: float | None = None
    wake_at: float | None = None
    expires_at: float | None = None
    nonce: str = ""
    reason: str | None = None
    fault: str | None = None
    output: Json = None
    output_version: int | None = None
    exchange: Exchange | None = None
    callback: tuple[Json] | None = None
    target: str | None = None
    tokens: tuple[str, ...] = ()
    completed_as: int | None = None
    opened: Waiting | None = None
    resolution: Resolution | None = None
    decisions: tuple[Decision, ...] = ()
    key: str = ""
    payload: Json = None
    logged_at: float = 0.0


class Token(msgspec.Struct, frozen=True):
    """A walker of the path planner.  `ready` wants to enter `target` (None: its path has ended).

    A branch's id is its parent's id, the visit of the split that made it, and its number.  `done`
    is the step that it completed last: the source of `prev`.
    """

    id: str
    status: Literal["ready", "busy", "split", "failed", "ended"]
    at: str = ""
    target: str | None = None
    done: str | None = None


class Completed(NamedTuple):
    """A stack of refs of completed steps that have a compensation, newest first."""

    ref: str
    below: "Completed | None"


def stacked(top: Completed | None) -> Iterator[str]:
    """Yield the refs of a stack, newest first."""
    while top is not None:
        yield top.ref
        top = top.below


def without(top: Completed | None, ref: str) -> Completed | None:
    """Return a stack without one ref."""
    kept = [each for each in stacked(top) if each != ref]
    below: Completed | None = None
    for each in reversed(kept):
        below = Completed(each, below)
    return below


class Unwinding(msgspec.Struct, frozen=True):
    """Why and to what end an execution is being wound up."""

    outcome: Outcome
    reason: str


class Epilogue(msgspec.Struct, frozen=True, kw_only=True):
    """How the work has ended, while the steps for that end run and after them.

    `step` is the step that has failed the work, `result` the one that gives the run's output; `cut`
    is why no more of these steps is done.
    """

    outcome: Ending
    at: float
    reason: str | None = None
    step: str | None = None
    result: str | None = None
    cut: str | None = None


class Fan(msgspec.Struct, frozen=True, kw_only=True):
    """The items of a loop and how far it is with them.

    `grown` says at which versions it came to how many items; `spare` are those beyond the present
    ones that it had before it was done again with fewer: what was done for them may be undone yet.
    `queue` are the items that are to be done, `cursor` how many of these were begun or passed over;
    `live` are under way, `busy` those of them in which something may be begun or closed, `failed`
    those that have failed since the loop was entered last.
    """

    items: tuple[Json, ...]
    grown: tuple[tuple[int, int], ...] = ()
    spare: tuple[Json, ...] = ()
    keyed: bool = False
    queue: tuple[int, ...] = ()
    cursor: int = 0
    live: frozenset[int] = frozenset()
    busy: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One run.  `version` is how many events made it what it is, `hash` that of the last one.

    `definition` has the steps of each item besides those that it began with; `loops` are the steps
    whose items are under way.  `front` is how far the steps of a dag are.
    `slot` is how it stands with a place among the runs of its workflow, where these are bounded:
    one that has ended has none.
    `handled` is the version up to which nothing is left to decide: behind `version` there are facts
    that the scheduler has not answered yet.  `ended_after` is how many visits had begun when the
    run ended last: what was begun after that tells of this end.
    """

    id: str
    definition: Definition
    project: str = ""
    created_by: str = "system"
    traceparent: str = ""
    updated_at: float = 0.0
    version: int = 0
    handled: int = 0
    hash: bytes = GENESIS
    status: Status = "absent"
    requested: ExecutionRequested | None = None
    steps: Map[str, StepState] = Map()
    open: Map[str, None] = Map()
    fans: Map[str, Fan] = Map()
    front: Front = Front()
    loops: frozenset[str] = frozenset()
    tokens: Map[str, Token] = Map()
    stack: Completed | None = None
    completed: Map[int, str] = Map()
    begun: int = 0
    slot: Literal["", "awaited", "granted"] = ""
    rejected: str | None = None
    cancel: str | None = None
    paused: bool = False
    resumed: bool = False
    retry: bool = False
    resets: tuple[StepResetRequested, ...] = ()
    forced: Map[str, Resolution] = Map()
    wakes: tuple[str | None, ...] = ()
    woken: bool = False
    unwinding: Unwinding | None = None
    epilogue: Epilogue | None = None
    corrupted: tuple[str, ...] = ()
    reason: str | None = None
    warning: str | None = None
    result: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    reopened_at: float | None = None
    ended_after: int = 0

    @property
    def head(self) -> Head:
        """Where the stream ends: what an append on top of this state expects."""
        return Head(self.version, self.hash)

    @property
    def ends_at(self) -> float | None:
        """When the run has taken too long, if it may; one that was reopened begins anew.

        What comes after the end of the work has a limit of its own.
        """
        if self.requested is None:
            return None
        if self.epilogue is not None and self.in_epilogue:
            limit = self.definition.after_timeout
            bounded = limit is not None and self.epilogue.cut is None
            return self.epilogue.at + limit if bounded and limit is not None else None
        limit = self.definition.run_timeout
        at = None if limit is None else (self.reopened_at or self.requested.at) + limit
        expires = None if self.reopened_at else self.requested.expires
        return min(at, expires) if at is not None and expires is not None else at or expires

    @property
    def goes_on(self) -> bool:
        """True between the wish to take up a run that has ended and its being reopened."""
        return self.retry or (bool(self.resets) and self.finished_at is not None)

    @property
    def in_epilogue(self) -> bool:
        """True between the end of the work and the end of the run."""
        return self.epilogue is not None and not self.is_terminal and not self.goes_on

    @property
    def closing(self) -> str | None:
        """Why nothing of the run is to go on any more, None while it may."""
        if self.unwinding is not None:
            return self.unwinding.reason
        return self.epilogue.cut if self.epilogue is not None and self.in_epilogue else None

    @property
    def needs_place(self) -> bool:
        """True when it may not go on before it has a place among the runs of its workflow.

        Whoever was started by one of these goes in with it, and would else wait for it for ever;
        once it has ended it is on its own.
        """
        asked = self.requested
        if self.definition.max_runs is None or self.slot == "granted" or asked is None:
            return False
        return self.goes_on or (self.status == "pending" and asked.name not in asked.within)

    @property
    def is_queued(self) -> bool:
        """True while a place is all that it waits for."""
        return self.status == "pending" and self.cancel is None and self.needs_place

    @property
    def is_terminal(self) -> bool:
        """True when the run has ended; a notice of its end may still be owed."""
        return self.status in TERMINAL

    def of(self, ref: str, phase: Phase = "up") -> StepState | None:
        """Return the latest visit of a step in a phase, or None when it has none."""
        return self.steps.get(key_of(ref, phase))

    def open_steps(self) -> list[StepState]:
        """Return the steps that wait for something, in the order in which they were begun."""
        return sorted((self.steps[key] for key in self.open), key=_by_seq)

    def working(self) -> bool:
        """Say whether a step or a compensation is open: what the end of the run waits for."""
        return any(self.steps[key].phase in ("up", "down") for key in self.open)

    def step(self, ref: str) -> Step:
        """Return the definition's step."""
        return self.definition.by_ref[ref]


def _by_seq(step: StepState) -> int:
    return step.seq


def key_of(ref: str, phase: Phase) -> str:
    """Return the key of a step's state; hooks and compensations have keys of their own."""
    return ref if phase == "up" else f"{phase}:{ref}"


def callback_timeout(ref: str) -> str:
    """Return the reason of a step whose callback did not come in time."""
    return f"callback timeout for node {ref}"


def absent(id: str, definition: Definition) -> Execution:
    """Return the state before the first event."""
    return Execution(id=id, definition=definition)
