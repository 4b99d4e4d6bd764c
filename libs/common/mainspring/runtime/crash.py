"""The places at which a process may end and leave something half told, each by its name.

Between two durable effects lies a moment in which the first is there and the second is not.  Code
says so with a comment, `# crash here: ...`, and a call of `here`, which does nothing: an operator
who wants to see one, and the chaos run, set `MAINSPRING_CRASH_AT=name:count`, and the process kills
itself when it comes to that place for the count-th time.  The simulation arms `here` with a
function of its own.  A random kill lost as the only means: the moment is a millisecond long, and
who waits for luck cannot say which of them was seen.
"""

import os
import signal
from collections.abc import Callable, Mapping
from typing import Final

VARIABLE: Final = "MAINSPRING_CRASH_AT"

POINTS: Final[Mapping[str, str]] = {
    "engine.started": "a run is durable, and neither its client nor a scheduler has heard of it",
    "engine.asked": "a request to a run is durable, and neither its client nor a scheduler knows",
    "advance.decided": "decisions are durable, their tasks are not out",
    "children.started": "a child is there, its parent has not taken note",
    "fires.appended": "what starters start is durable, and nobody has heard of it",
    "followers.started": "what follows an end is durable, how far was read is not",
    "executor.answered": "the peer has done its work, and nobody was told",
    "executor.reported": "the broker has the reports, and the tasks come again",
    "triggers.appended": "what became of a kept event is durable, and nobody has heard of it",
    "flows.stored": "a flow's revision is durable, its triggers are not",
    "flows.deleted": "a flow is gone, its triggers are not",
    "flows.imported": "an imported flow is there, the triggers of its document are not",
    "native.stored": "a workflow's version is durable, its schedule is not",
    "native.deleted": "a workflow is gone, its schedule is not",
    "runs.stored": "a workflow's version is durable, what starts it is as before",
}
"""Every place, and what is half told there."""

Hook = Callable[[str], None]


class UnknownPoint(ValueError):
    """`MAINSPRING_CRASH_AT` names no point, or no count."""


def here(point: str) -> None:
    """Do nothing; armed, hear that the process is at a point."""
    if _hook is not None:
        _hook(point)


def arm(hook: Hook | None) -> None:
    """Have `here` call a function, or nothing again."""
    global _hook  # noqa: PLW0603 - one process has one hook, and `here` must cost nothing
    _hook = hook


def hook_from(order: str | None, end: Callable[[], None]) -> Hook | None:
    """Return what calls `end` at the place that `name` or `name:count` tells; None without one.

    Raises `UnknownPoint`.
    """
    if not order:
        return None
    name, _, count = order.partition(":")
    if name not in POINTS or not (count or "1").isdecimal() or int(count or "1") < 1:
        raise UnknownPoint(f"{VARIABLE}={order} is not a name and a count; names: {[*POINTS]}")
    left = int(count or "1")

    def hook(point: str) -> None:
        nonlocal left
        left -= point == name
        if point == name and left <= 0:
            end()

    return hook


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


_hook: Hook | None = hook_from(os.environ.get(VARIABLE), _end)
