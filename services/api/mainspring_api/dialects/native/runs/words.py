"""The dialect's words for where a run and a step of it stand, and back for filters.

A run that is being wound up shows as `compensating`: it waits for what is in flight, and undoes
what it has done.  One that ended badly shows as `compensated` when anything was undone, and else by
how it ended; why it did stands in its `error` either way.
"""

from typing import Final, Literal, TypeAlias, get_args

from mainspring.domain.execution.state import StepStatus

RunStatus: TypeAlias = Literal[
    "pending",
    "running",
    "paused",
    "completed",
    "failed",
    "timed_out",
    "canceled",
    "compensating",
    "compensated",
    "compensation_failed",
]
StepWord: TypeAlias = Literal[
    "pending", "running", "waiting", "completed", "failed", "skipped", "canceled"
]

_RUN: Final[dict[str, RunStatus]] = {
    "pending": "pending",
    "running": "running",
    "paused": "paused",
    "unwinding": "compensating",
    "succeeded": "completed",
    "failed": "failed",
    "corrupted": "compensation_failed",
    "canceled": "canceled",
    "timed_out": "timed_out",
}
_UNDOABLE: Final = ("failed", "timed_out", "canceled")
FILTERS: Final[dict[str, tuple[str, ...]]] = {
    **{word: (status,) for status, word in _RUN.items()},
    **{_RUN[status]: (f"{status}:standing",) for status in _UNDOABLE},
    "compensated": tuple(f"{status}:undone" for status in _UNDOABLE),
}
"""For each word, how the views are asked for what it stands for."""

_STEP: Final[dict[str, StepWord]] = {
    "scheduled": "running",
    "running": "running",
    "retrying": "running",
    "accepted": "waiting",
    "sleeping": "waiting",
    "waiting": "waiting",
    "succeeded": "completed",
    "failed": "failed",
    "skipped": "skipped",
    "canceled": "canceled",
    "reset": "pending",
    "splitting": "running",
}
assert set(_STEP) == set(get_args(StepStatus))  # noqa: S101 - a new status needs a word here


def run_status(status: str, *, undone: bool = False) -> RunStatus:
    """Return the word for an engine's status; `undone`: what it had done was compensated."""
    return "compensated" if undone and status in _UNDOABLE else _RUN[status]


def step_status(status: str | None) -> StepWord:
    """Return the word for a step's status; None is a step that has not begun."""
    return "pending" if status is None else _STEP[status]
