"""What a run that retries another takes over of it: the results of the steps that had succeeded.

A step that was undone since is done no more, so it runs again.  Results come in the order in which
they were completed, because that is the order in which they would be undone.
"""

from mainspring.domain.errors import IllegalTransition
from mainspring.domain.execution.events import Kept
from mainspring.domain.execution.expansion import place_of
from mainspring.domain.execution.state import Execution

RETRIED = frozenset({"failed", "corrupted", "timed_out", "canceled"})
"""Statuses in which a run may be retried by a new one."""

FROM_STEP = "retry from "
"""What begins a retry from a step, before the step's name: it and what depends on it is done anew.
"""


def kept_of(x: Execution) -> dict[str, Kept]:
    """Return what a new run keeps of `x`; raise `IllegalTransition` when `x` cannot be retried."""
    if x.status not in RETRIED:
        raise IllegalTransition("retry", x.status, f"it is {x.status}, not failed")
    return {ref: kept for ref in _completed(x) if (kept := _kept(x, ref)) is not None}


def _completed(x: Execution) -> list[str]:
    """Return the steps by when they were completed last."""
    last = {x.completed[n]: n for n in range(len(x.completed))}
    return sorted(last, key=lambda ref: last[ref])


def _kept(x: Execution, ref: str) -> Kept | None:
    step, undone = x.of(ref), x.of(ref, "down")
    if step is None or step.status != "succeeded" or undone is not None:
        return None
    if place_of(ref) is not None or x.step(ref).after:
        return None  # the items may be others then; and what comes after the work comes anew
    if x.step(ref).joins and step.resolution is None:
        return None  # its branches may come to something else: those are kept, and it tells of them
    return Kept(output=step.output, exchange=step.exchange)
