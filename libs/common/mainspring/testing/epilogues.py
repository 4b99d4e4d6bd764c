"""Books of what comes after the work of one execution, kept from the raw events.

The work has come to its end before any of it begins, nothing of the work begins after that, and
how the work ended is how the run ends, whatever becomes of what came after.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from mainspring.domain.definition import Definition, Ending
from mainspring.domain.execution import events as e
from mainspring.domain.execution.expansion import within
from mainspring.testing.fault import Fault

LAWS: Final[Mapping[str, str]] = {
    "epilogue": "what comes after the work begins when that has ended, and changes no end",
    "lines": "what an attempt says is heard before its outcome",
}
_BEGINS: Final = (e.StepScheduled, e.StepSlept, e.StepWaiting, e.StepFannedOut)
_ENDS: Final = (e.StepSucceeded, e.StepSkipped, e.StepCanceled)
_ENDINGS: Final[Mapping[type[e.Event], tuple[Ending, ...]]] = {
    e.ExecutionSucceeded: ("succeeded",),
    e.ExecutionFailed: ("failed",),
    # However the work has ended that could not be undone.
    e.ExecutionCorrupted: ("failed", "canceled", "timed_out"),
    e.ExecutionCanceled: ("canceled",),
    e.ExecutionTimedOut: ("timed_out",),
}


class Epilogues:
    """The end of the work of one execution; `note` enters the next event."""

    def __init__(self, definition: Definition) -> None:
        self._after = {step.ref: step.after for step in definition.steps}
        self._open: set[str] = set()
        self._outcome: Ending | None = None

    def note(self, event: e.Event) -> Iterator[Fault]:
        """Enter an event; yield what it breaks."""
        if isinstance(event, e.EpilogueBegun):
            if self._open:
                yield Fault("epilogue", f"the work is said to be over, {sorted(self._open)} is not")
            self._outcome = event.outcome
        elif isinstance(event, e.ExecutionReopened):
            self._outcome = None
        elif isinstance(event, e.Terminal):
            if self._outcome is not None and self._outcome not in _ENDINGS[type(event)]:
                name = type(event).__name__
                yield Fault("epilogue", f"its work was {self._outcome}, and it ends by {name}")
        elif isinstance(event, e.StepEvent) and event.phase == "up":
            yield from self._step(event)

    def _step(self, event: e.StepEvent) -> Iterator[Fault]:
        after = self._endings(event.ref)
        if isinstance(event, _BEGINS):
            if after and self._outcome is None:
                yield Fault("epilogue", f"{event.ref} begins before the work has ended")
            elif after and self._outcome not in after:
                yield Fault("epilogue", f"{event.ref} is not for work that was {self._outcome}")
            elif not after and self._outcome is not None:
                yield Fault("epilogue", f"{event.ref} begins after the work has ended")
            if not after:
                self._open.add(event.ref)
        elif isinstance(event, _ENDS) or (
            isinstance(event, e.StepFailed) and event.retry_at is None
        ):
            self._open.discard(event.ref)

    def _endings(self, ref: str) -> tuple[Ending, ...]:
        """Return for which ends of the work a step is; what stands in a loop is for the loop's."""
        outermost = ref
        for place in within(ref):
            outermost = place.loop
        return self._after.get(outermost, ())
