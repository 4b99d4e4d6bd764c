"""The words of the two dialects for where a run and a task of it stand, and back for filters."""

from typing import Final, Literal, TypeAlias, get_args

from mainspring.domain.execution.outlook import Reason
from mainspring.domain.execution.state import StepState, StepStatus

RunWord: TypeAlias = Literal[
    "pending", "queued", "running", "completed", "failed", "cancelled", "timed_out"
]
FlowWord: TypeAlias = Literal[
    "QUEUED", "RUNNING", "PAUSED", "SUCCESS", "FAILED", "CANCELLED", "TIMED_OUT"
]
TaskWord: TypeAlias = Literal[
    "PENDING", "WAITING", "RUNNING", "SUCCESS", "FAILED", "CANCELLED", "TIMED_OUT", "SKIPPED"
]
StepWord: TypeAlias = Literal[
    "pending", "running", "completed", "failed", "skipped", "cancelled", "timed_out"
]

_REASONS: Final[tuple[str, ...]] = get_args(Reason)
_ENDED: Final[dict[str, tuple[RunWord, FlowWord]]] = {
    "succeeded": ("completed", "SUCCESS"),
    "failed": ("failed", "FAILED"),
    "corrupted": ("failed", "FAILED"),
    "canceled": ("cancelled", "CANCELLED"),
    "timed_out": ("timed_out", "TIMED_OUT"),
}
_STEP: Final[dict[StepStatus, TaskWord]] = {
    "scheduled": "PENDING",
    "running": "RUNNING",
    "retrying": "RUNNING",
    "accepted": "RUNNING",
    "sleeping": "RUNNING",
    "splitting": "RUNNING",
    "waiting": "WAITING",
    "succeeded": "SUCCESS",
    "failed": "FAILED",
    "skipped": "SKIPPED",
    "canceled": "CANCELLED",
    "reset": "PENDING",
}
assert set(_STEP) == set(get_args(StepStatus))  # noqa: S101 - a new status needs a word here
_LOWER: Final[dict[TaskWord, StepWord]] = {
    "PENDING": "pending",
    "WAITING": "pending",
    "RUNNING": "running",
    "SUCCESS": "completed",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "TIMED_OUT": "timed_out",
    "SKIPPED": "skipped",
}
DONE: Final[frozenset[TaskWord]] = frozenset(
    {"SUCCESS", "FAILED", "CANCELLED", "TIMED_OUT", "SKIPPED"}
)
"""The words of a task that has ended."""


def _waiting(status: str, *reasons: str) -> tuple[str, ...]:
    return tuple(f"{status}:{reason}" for reason in reasons)


_OTHERS: Final = tuple(reason for reason in _REASONS if reason != "slot")
_WORK: Final = tuple(reason for reason in _REASONS if reason != "approval")
FILTERS: Final[dict[str, tuple[str, ...]]] = {
    "pending": _waiting("pending", *_OTHERS),
    "queued": _waiting("pending", "slot"),
    "running": ("running", "paused", "unwinding"),
    "QUEUED": ("pending",),
    "RUNNING": (*_waiting("running", *_WORK), "unwinding"),
    "PAUSED": ("paused", *_waiting("running", "approval")),
    **{
        word: tuple(status for status, words in _ENDED.items() if word in words)
        for words in _ENDED.values()
        for word in words
    },
}
"""For each word of either dialect, how the views are asked for what it stands for."""


def run_word(status: str, waiting_for: str | None) -> RunWord:
    """Return the runs dialect's word for an engine's status."""
    if status in _ENDED:
        return _ENDED[status][0]
    if status == "pending":
        return "queued" if waiting_for == "slot" else "pending"
    return "running"


def flow_word(status: str, waiting_for: str | None) -> FlowWord:
    """Return the flows dialect's word for an engine's status."""
    if status in _ENDED:
        return _ENDED[status][1]
    if status == "pending":
        return "QUEUED"
    return "PAUSED" if status == "paused" or waiting_for == "approval" else "RUNNING"


def task_word(state: StepState | None, *, ready: bool, ended: str | None) -> TaskWord:
    """Return the word for a task; `ended` is how its run has ended, if it has."""
    if state is None or (state.status == "reset" and ended):
        if ended is not None:
            return "CANCELLED" if ended == "canceled" else "SKIPPED"
        return "PENDING" if ready else "WAITING"
    # Of a try of its own, or of a loop as a whole.
    if state.status == "failed" and state.fault == "timeout":
        return "TIMED_OUT"
    return _STEP[state.status]


def step_word(word: TaskWord) -> StepWord:
    """Return the runs dialect's word for a task's."""
    return _LOWER[word]
