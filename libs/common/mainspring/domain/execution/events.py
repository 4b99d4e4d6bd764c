"""All that can happen to an execution.

Facts (…Requested, CallbackReceived) may be added by any service, guarded by the stream's version;
they state a wish or an answer and decide nothing.  All other events are the scheduler's.  Instants
are seconds since the epoch.  An event names its step by `ref`, `phase` and `visit`: loops visit a
step again, and a compensation is the same step in phase `down`.
"""

from typing import Literal, TypeAlias

import msgspec

from mainspring.domain.definition import Ending
from mainspring.domain.message import Json, Message
from mainspring.domain.task import Exchange, Fault, LogLine, Phase

StepFault: TypeAlias = (
    Fault
    | Literal[
        "status",
        "callback",
        "expression",
        "visits",
        "event_timeout",
        "rejected",
        "canceled_by_user",
        "key_taken",
        "child",
        "items",
        "branches",
    ]
)
WaitKind: TypeAlias = Literal["event", "approval"]
Outcome: TypeAlias = Literal["failed", "canceled", "timed_out"]


class StepEvent(Message, frozen=True, kw_only=True):
    """Base of the events of one step."""

    ref: str
    phase: Phase = "up"
    visit: int = 1


# Facts, from people and from the world.


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run that retries another takes over of a step that had succeeded."""

    output: Json = None
    exchange: Exchange | None = None


class ExecutionRequested(Message, frozen=True, kw_only=True):
    """The first event of every execution.

    `kept` are results of the run that this one retries: their steps count as done.  `depth` is how
    many runs stand above it, `within` the bounded workflows among those: of these it needs no
    place.  `expires` is an instant at which the run has taken too long, beside the definition's own
    limit.  `lane` is what the definition's template of that name came to.
    `attempt` counts the runs that retry each other, this one included.
    """

    definition: str
    name: str
    version: str
    dialect: str
    payload: Json = None
    catalog_id: str | None = None
    triggered_by: str = "api"
    tags: dict[str, str] = {}
    retry_of: str | None = None
    parent: str | None = None
    parent_step: str | None = None
    kept: dict[str, Kept] = {}
    depth: int = 0
    within: tuple[str, ...] = ()
    expires: float | None = None
    lane: str = ""
    attempt: int = 1
    at: float


class RunAdmitted(Message, frozen=True, kw_only=True):
    """The run may begin: it holds a place among the runs of its workflow, or needs none."""

    at: float


class RunRejected(Message, frozen=True, kw_only=True):
    """The run may not begin: there are as many runs of its workflow as there may be."""

    reason: str
    at: float


class CancelRequested(Message, frozen=True, kw_only=True):
    reason: str = ""


class PauseRequested(Message, frozen=True, kw_only=True):
    reason: str = ""


class ResumeRequested(Message, frozen=True, kw_only=True):
    pass


class RetryRequested(Message, frozen=True, kw_only=True):
    """Resume a failed run at its failed steps, or the failed compensations of a corrupted one."""


class StepResetRequested(Message, frozen=True, kw_only=True):
    """Run a terminal step again, in place; with `subtree`, all that came after it too."""

    ref: str
    subtree: bool = False


class WakeRequested(Message, frozen=True, kw_only=True):
    """End a sleep early; without `ref`, every sleep that is on."""

    ref: str | None = None


class CallbackReceived(StepEvent, frozen=True, kw_only=True):
    """The answer to an asynchronous call; may come before the call's own answer was recorded."""

    attempt: int
    nonce: str
    body: Json = None
    at: float


class TriggerReceived(StepEvent, frozen=True, kw_only=True):
    """The event that a step waits for has come; its payload is the step's output."""

    attempt: int
    payload: Json = None
    sent_by: str = ""
    at: float


class TriggerCancelRequested(StepEvent, frozen=True, kw_only=True):
    attempt: int
    reason: str = ""
    by: str = ""
    at: float


class StepApproved(StepEvent, frozen=True, kw_only=True):
    """Somebody has approved; it is decided when as many have as the step wants."""

    attempt: int
    by: str
    comment: str = ""
    payload: Json = None
    at: float


class StepRejected(StepEvent, frozen=True, kw_only=True):
    attempt: int
    by: str
    reason: str = ""
    at: float


class SkipRequested(Message, frozen=True, kw_only=True):
    """A step is not to run, or not to go on; it counts as satisfied."""

    ref: str
    reason: str = ""
    by: str = ""
    at: float


class CompleteRequested(Message, frozen=True, kw_only=True):
    """A step is to count as done, with this output."""

    ref: str
    result: Json = None
    by: str = ""
    at: float


class FailRequested(Message, frozen=True, kw_only=True):
    """A step is to count as failed for good."""

    ref: str
    reason: str = ""
    by: str = ""
    at: float


# Decisions of the scheduler.


class ExecutionStarted(Message, frozen=True, kw_only=True):
    at: float


class SlotAwaited(Message, frozen=True, kw_only=True):
    """The run waits for a place among the runs of its workflow: to begin, or to be reopened."""

    at: float


class StepScheduled(StepEvent, frozen=True, kw_only=True):
    """An attempt is owed.  `token` is the walker that stands on the step (path planner).

    `key` is the key of the event that is sent (phase `emit`), or the trigger that is told of (phase
    `notify`); `payload` is what a child run gets.
    """

    attempt: int = 1
    token: str = ""
    nonce: str = ""
    key: str = ""
    payload: Json = None
    at: float


class StepRedispatched(StepEvent, frozen=True, kw_only=True):
    """The same attempt was handed out again, because nothing was heard by its deadline."""

    attempt: int
    at: float


class StepStarted(StepEvent, frozen=True, kw_only=True):
    attempt: int
    at: float


class StepLogged(StepEvent, frozen=True, kw_only=True):
    """What an attempt said while it worked, or at its end just before its outcome."""

    attempt: int
    lines: tuple[LogLine, ...]


class StepAccepted(StepEvent, frozen=True, kw_only=True):
    """The peer took an asynchronous call; its callback is awaited until `expires_at`."""

    attempt: int
    exchange: Exchange
    expires_at: float
    at: float


class StepSucceeded(StepEvent, frozen=True, kw_only=True):
    """`output` is what later steps see: the answer's body for a call, a record for other kinds."""

    attempt: int = 1
    token: str = ""
    output: Json = None
    exchange: Exchange | None = None
    at: float


class StepFailed(StepEvent, frozen=True, kw_only=True):
    """An attempt failed.  `retry_at` None: this was the last one, and the step has failed.

    `output` is what a loop has come to whose items have not all succeeded.
    """

    attempt: int = 1
    token: str = ""
    reason: str
    fault: StepFault = "status"
    output: Json = None
    exchange: Exchange | None = None
    retry_at: float | None = None
    at: float


class StepSlept(StepEvent, frozen=True, kw_only=True):
    """A sleep began; it ends at `wake_at` or by a wake."""

    attempt: int = 1
    token: str = ""
    wake_at: float
    at: float


class StepWaiting(StepEvent, frozen=True, kw_only=True):
    """A step waits for an event or for an approval: `trigger` is the id of what was opened."""

    attempt: int = 1
    token: str = ""
    kind: WaitKind
    trigger: str
    key: str = ""
    expires_at: float | None = None
    approvers: tuple[str, ...] = ()
    ask: Json = None
    notify_url: str | None = None
    at: float


class StepFannedOut(StepEvent, frozen=True, kw_only=True):
    """The steps of a loop are to be done once for each item.

    `items` None: it goes on with those that it had, where it was left.  `keyed`: they are the
    entries of an object.
    """

    attempt: int = 1
    items: tuple[Json, ...] | None = None
    keyed: bool = False
    at: float


class StepRouted(StepEvent, frozen=True, kw_only=True):
    """A switch chose; `case` is the index of the case, None for the default."""

    token: str = ""
    target: str
    case: int | None = None
    case_name: str | None = None
    at: float


class StepSplit(StepEvent, frozen=True, kw_only=True):
    """A token became one token a branch; it waits at the join."""

    token: str = ""
    tokens: tuple[str, ...]
    at: float


class StepSkipped(StepEvent, frozen=True, kw_only=True):
    reason: str
    at: float


class StepCanceled(StepEvent, frozen=True, kw_only=True):
    """A step that was waiting for something will not go on."""

    attempt: int = 1
    reason: str
    at: float


class StepReset(StepEvent, frozen=True, kw_only=True):
    """A terminal step is as if it had not run; its attempts go on counting."""

    at: float


class ExecutionResumed(Message, frozen=True, kw_only=True):
    """The scheduler took note of a resume; what the pause held back follows."""

    at: float


class UnwindingStarted(Message, frozen=True, kw_only=True):
    """No more forward work.  What is in flight is awaited, then completed steps are undone."""

    outcome: Outcome
    reason: str
    at: float


class EpilogueBegun(Message, frozen=True, kw_only=True):
    """The work has come to an end, and the steps for that end begin; the run ends so after them.

    `step` is the step whose failure has failed the work, `result` the one whose output is the run's
    output.
    """

    outcome: Ending
    reason: str | None = None
    step: str | None = None
    result: str | None = None
    at: float


class EpilogueCut(Message, frozen=True, kw_only=True):
    """The steps after the end of the work go on no more: a cancel was asked for, or it is late."""

    reason: str
    at: float


class ExecutionReopened(Message, frozen=True, kw_only=True):
    """A failed or corrupted run goes on: forward, or with its failed compensations."""

    unwinding: bool = False
    at: float


class ExecutionSucceeded(Message, frozen=True, kw_only=True):
    """`result` is the step whose output is the run's output, if there is one."""

    result: str | None = None
    at: float


class ExecutionFailed(Message, frozen=True, kw_only=True):
    reason: str
    at: float


class ExecutionCorrupted(Message, frozen=True, kw_only=True):
    """The run failed and so did at least one compensation: `steps` names those."""

    reason: str
    steps: tuple[str, ...]
    at: float


class ExecutionCanceled(Message, frozen=True, kw_only=True):
    reason: str
    at: float


class ExecutionTimedOut(Message, frozen=True, kw_only=True):
    reason: str
    at: float


Event: TypeAlias = (
    ExecutionRequested
    | RunAdmitted
    | RunRejected
    | CancelRequested
    | PauseRequested
    | ResumeRequested
    | RetryRequested
    | StepResetRequested
    | WakeRequested
    | CallbackReceived
    | TriggerReceived
    | TriggerCancelRequested
    | StepApproved
    | StepRejected
    | SkipRequested
    | CompleteRequested
    | FailRequested
    | SlotAwaited
    | ExecutionStarted
    | StepScheduled
    | StepRedispatched
    | StepStarted
    | StepLogged
    | StepAccepted
    | StepSucceeded
    | StepFailed
    | StepSlept
    | StepWaiting
    | StepFannedOut
    | StepRouted
    | StepSplit
    | StepSkipped
    | StepCanceled
    | StepReset
    | ExecutionResumed
    | UnwindingStarted
    | EpilogueBegun
    | EpilogueCut
    | ExecutionReopened
    | ExecutionSucceeded
    | ExecutionFailed
    | ExecutionCorrupted
    | ExecutionCanceled
    | ExecutionTimedOut
)

Fact: TypeAlias = (
    ExecutionRequested
    | RunAdmitted
    | RunRejected
    | CancelRequested
    | PauseRequested
    | ResumeRequested
    | RetryRequested
    | StepResetRequested
    | WakeRequested
    | CallbackReceived
    | TriggerReceived
    | TriggerCancelRequested
    | StepApproved
    | StepRejected
    | SkipRequested
    | CompleteRequested
    | FailRequested
)

Forced: TypeAlias = SkipRequested | CompleteRequested | FailRequested

Terminal: TypeAlias = (
    ExecutionSucceeded
    | ExecutionFailed
    | ExecutionCorrupted
    | ExecutionCanceled
    | ExecutionTimedOut
)
