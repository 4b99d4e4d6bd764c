"""What can be asked of an execution.

Requests come from people and peers through the api and yield facts or a refusal.  `Report` and
`Advance` are the scheduler's: the first records what an executor said, the second decides all that
follows from the state as it is.  `now` is seconds since the epoch; `seed` is where jitter and
nonces are derived from.
"""

from typing import Literal, TypeAlias

from mainspring.domain.message import Json, Message
from mainspring.domain.task import Report

ChildStatus: TypeAlias = Literal[
    "succeeded", "failed", "corrupted", "canceled", "timed_out", "missing", "begun"
]
"""How a child ended; `missing`: it could not be started, `error` says why; `begun`: it is there,
and nobody waits for its end."""


class Admit(Message, frozen=True, kw_only=True):
    """Let a run begin that waits for a place."""

    now: float


class TurnAway(Message, frozen=True, kw_only=True):
    """End a run that found no place."""

    reason: str
    now: float


class RequestCancel(Message, frozen=True, kw_only=True):
    reason: str = ""


class RequestPause(Message, frozen=True, kw_only=True):
    reason: str = ""


class RequestResume(Message, frozen=True, kw_only=True):
    pass


class RequestRetry(Message, frozen=True, kw_only=True):
    """Failed: go on at the failed steps.  Corrupted: run the failed compensations again."""


class RequestStepReset(Message, frozen=True, kw_only=True):
    ref: str
    subtree: bool = False


class RequestWake(Message, frozen=True, kw_only=True):
    ref: str | None = None


class DeliverCallback(Message, frozen=True, kw_only=True):
    """The answer to an asynchronous call; `attempt` and `nonce` come from its verified token."""

    ref: str
    visit: int
    attempt: int
    nonce: str
    body: Json = None
    now: float


class SendEvent(Message, frozen=True, kw_only=True):
    """The event that a trigger waits for; the trigger's row says which attempt of which step."""

    ref: str
    visit: int
    attempt: int
    payload: Json = None
    sent_by: str = ""
    now: float


class CancelTrigger(Message, frozen=True, kw_only=True):
    ref: str
    visit: int
    attempt: int
    reason: str = ""
    by: str = ""
    now: float


class Approve(Message, frozen=True, kw_only=True):
    """`approval` is the id of the one that is meant; without it, the one that is open now.

    `payload` is what the approval brings with it.
    """

    ref: str
    actor: str
    comment: str = ""
    payload: Json = None
    approval: str = ""
    now: float


class Reject(Message, frozen=True, kw_only=True):
    ref: str
    actor: str
    reason: str = ""
    approval: str = ""
    now: float


class SkipStep(Message, frozen=True, kw_only=True):
    ref: str
    reason: str = ""
    actor: str = ""
    now: float


class CompleteStep(Message, frozen=True, kw_only=True):
    ref: str
    result: Json = None
    actor: str = ""
    now: float


class FailStep(Message, frozen=True, kw_only=True):
    ref: str
    reason: str = ""
    actor: str = ""
    now: float


class Turn(Message, frozen=True, kw_only=True):
    """Base of the scheduler's commands.

    `taken_keys` are event keys that others wait with: a step that would wait with one fails.
    """

    now: float
    seed: str
    taken_keys: tuple[str, ...] = ()


class RecordReport(Turn, frozen=True, kw_only=True):
    report: Report


class RecordChild(Turn, frozen=True, kw_only=True):
    """What became of the run that a step started.  `status` is the child's.

    `output` is what the child gives, `error` why it has not succeeded.
    """

    ref: str
    visit: int
    attempt: int
    status: ChildStatus
    started_at: float | None = None
    output: Json = None
    error: str = ""


class RecordEmission(Turn, frozen=True, kw_only=True):
    """A step's event was sent; `trigger` is who had waited for it, None when nobody had."""

    ref: str
    visit: int
    attempt: int
    trigger: str | None = None


class Advance(Turn, frozen=True, kw_only=True):
    """Decide what follows.  Attempts that were handed out before `lost_before` are lost."""

    lost_before: float = 0.0


Admission: TypeAlias = Admit | TurnAway
Force: TypeAlias = SkipStep | CompleteStep | FailStep
Settling: TypeAlias = SendEvent | CancelTrigger | Approve | Reject | Force
Request: TypeAlias = (
    Admission
    | RequestCancel
    | RequestPause
    | RequestResume
    | RequestRetry
    | RequestStepReset
    | RequestWake
    | DeliverCallback
    | Settling
)
Recorded: TypeAlias = RecordReport | RecordChild | RecordEmission
Command: TypeAlias = Request | Recorded | Advance
