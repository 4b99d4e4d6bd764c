"""What can be asked of an execution.

Requests come from people and peers through the api and yield facts or a refusal.  `Report` and
`Advance` are the scheduler's: the first records what an executor said, the second decides all that
follows from the state as it is.  `now` is seconds since the epoch; `seed` is where jitter and
nonces are derived from.
"""

from typing import TypeAlias

from mainspring.domain.message import Json, Message
from mainspring.domain.task import Report


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


class RecordReport(Message, frozen=True, kw_only=True):
    report: Report
    now: float
    seed: str


class Advance(Message, frozen=True, kw_only=True):
    """Decide what follows.  Attempts that were handed out before `lost_before` are lost."""

    now: float
    seed: str
    lost_before: float = 0.0


Request: TypeAlias = (
    RequestCancel
    | RequestPause
    | RequestResume
    | RequestRetry
    | RequestStepReset
    | RequestWake
    | DeliverCallback
)
Command: TypeAlias = Request | RecordReport | Advance
