"""Which steps of a dag may go on: judged from the raw events, without the planner.

A step begins when all that it needs is settled, has room, and its key to itself; it is skipped for
a failure only behind one; a join ends as its branches did, when they have; and no run succeeds that
has left a step behind.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

from mainspring.domain.definition import Definition, Step
from mainspring.domain.execution import events as e
from mainspring.domain.execution.expansion import expanded
from mainspring.domain.execution.standing import CUT
from mainspring.testing.fault import Fault

LAWS: Final[Mapping[str, str]] = {
    "needs": "a step of a dag begins when what it needs is settled, within its limits, and no step"
    " is left behind",
}
Place: TypeAlias = Literal["open", "succeeded", "skipped", "cut", "failed", "canceled", "items"]
SETTLED: Final = frozenset({"succeeded", "skipped", "cut", "failed"})
_BEGINS: Final = (e.StepScheduled, e.StepSlept, e.StepWaiting, e.StepFannedOut)


class Readiness:
    """Where each step of one run of a dag stands; nothing is said of a path."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._is_dag = definition.planner == "dag"
        self._after: Literal["", "begun", "cut"] = ""
        self._places: dict[str, Place] = {}
        self._forced: set[str] = set()

    def note(self, event: e.Event) -> Iterator[Fault]:
        """Enter an event; yield what it breaks."""
        if not self._is_dag:
            return
        if isinstance(event, e.EpilogueBegun | e.EpilogueCut | e.ExecutionReopened):
            yield from self._turned(event)
        elif isinstance(event, e.Terminal):
            yield from self._all_settled(isinstance(event, e.ExecutionSucceeded))
            self._forced.clear()
        elif isinstance(event, e.SkipRequested | e.CompleteRequested | e.FailRequested):
            self._forced.add(event.ref)
        elif isinstance(event, e.StepEvent) and event.phase == "up":
            step = self._definition.by_ref.get(event.ref)
            if step is not None:
                yield from self._step(event, step)

    def _turned(
        self, event: e.EpilogueBegun | e.EpilogueCut | e.ExecutionReopened
    ) -> Iterator[Fault]:
        if isinstance(event, e.EpilogueBegun):
            yield from self._all_settled(event.outcome == "succeeded")
            self._after = "begun"
            self._forced = {ref for ref in self._forced if self._definition.by_ref[ref].after}
        else:
            self._after = "cut" if isinstance(event, e.EpilogueCut) else ""

    def _step(self, event: e.StepEvent, step: Step) -> Iterator[Fault]:
        if isinstance(event, _BEGINS) and self._places.get(step.ref) != "open":
            yield from self._begins(step)
        match event:
            case e.StepScheduled() | e.StepSlept() | e.StepWaiting():
                self._places[step.ref] = "open"
            case e.StepFannedOut():
                self._fanned_out(event)
            case e.StepSucceeded() | e.StepFailed(fault="branches") if self._joins(event, step):
                yield from self._joined(step, succeeds=isinstance(event, e.StepSucceeded))
                self._places[step.ref] = _ended(event)
            case e.StepSucceeded():
                self._places[step.ref] = "succeeded"
            case e.StepFailed(retry_at=None) | e.StepCanceled():
                failed = isinstance(event, e.StepFailed)
                self._places[step.ref] = "failed" if failed else "canceled"
            case e.StepReset():
                self._places.pop(step.ref, None)
            case e.StepSkipped():
                yield from self._skipped(event, step)
            case _:
                return
        if self._places.get(step.ref) not in ("open", "items"):
            self._forced.discard(step.ref)

    def _fanned_out(self, event: e.StepFannedOut) -> None:
        self._places[event.ref] = "items"
        if event.items is not None:
            self._definition = expanded(self._definition, event.ref, len(event.items))

    def _joins(self, event: e.StepSucceeded | e.StepFailed, step: Step) -> bool:
        # What somebody has settled, now or in a run that this one retries, its branches do not.
        return bool(step.joins) and step.ref not in self._forced and event.attempt > 0

    def _joined(self, step: Step, *, succeeds: bool) -> Iterator[Fault]:
        for need in self._needs(step):
            if self._places.get(need) not in SETTLED:
                yield Fault("needs", f"{step.ref} ends before {need}, which it waits for")
        refs = [ref for refs in step.joins.values() for ref in refs]
        bad = [ref for ref in refs if self._places.get(ref) == "failed" and not self._is_let(ref)]
        if succeeds is bool(bad):
            verb = "succeeds" if succeeds else "fails"
            yield Fault("needs", f"{step.ref} {verb}, and of its branches failed {bad}")

    def _is_let(self, ref: str) -> bool:
        return self._definition.by_ref[ref].on_failure == "continue"

    def _skipped(self, event: e.StepSkipped, step: Step) -> Iterator[Fault]:
        is_cut = event.reason == CUT and step.ref not in self._forced
        if is_cut and not any(self._cuts(need) for need in self._needs(step, cutting=True)):
            yield Fault("needs", f"{step.ref} is skipped, and nothing that it needs has failed")
        self._places[step.ref] = "cut" if is_cut else "skipped"

    def _needs(self, step: Step, *, cutting: bool = False) -> list[str]:
        """Return what a step needs of its own side of the work's end; or what of it may cut it."""
        by_ref = self._definition.by_ref
        needs = [need for need in step.needs if bool(by_ref[need].after) == bool(step.after)]
        return [need for need in needs if not (cutting and need in step.awaits)]

    def _begins(self, step: Step) -> Iterator[Fault]:
        for need in self._needs(step):
            awaited = need in step.awaits and self._places.get(need) in SETTLED
            if not awaited and not self._satisfies(need):
                place = self._places.get(need, "not begun")
                yield Fault("needs", f"{step.ref} begins, and {need}, which it needs, is {place}")
        others = [ref for ref, place in self._places.items() if place == "open"]
        limit, key = self._definition.max_parallel, step.concurrency_key
        if limit is not None and len(others) >= limit:
            yield Fault("needs", f"{step.ref} begins beside {others}, {limit} may be open")
        held = [
            ref for ref in others if key and self._definition.by_ref[ref].concurrency_key == key
        ]
        if held:
            yield Fault("needs", f"{step.ref} begins while {held} has its key {key!r}")

    def _satisfies(self, need: str) -> bool:
        place = self._places.get(need)
        return place in ("succeeded", "skipped") or (place == "failed" and self._is_let(need))

    def _cuts(self, need: str) -> bool:
        step = self._definition.by_ref[need]
        skips = step.on_failure == "skip_dependents"
        skips = skips or (bool(step.after) and step.on_failure != "continue")
        return self._places.get(need) == "cut" or (self._places.get(need) == "failed" and skips)

    def _all_settled(self, succeeds: bool) -> Iterator[Fault]:
        """Judge an end: of the work, if that succeeds, or of what comes after it."""
        if self._after == "cut" or not (succeeds or self._after):
            return
        for step in (*self._definition.work, *self._definition.epilogue):
            if bool(step.after) != bool(self._after):
                continue
            settled = self._places.get(step.ref) in SETTLED if step.after else False
            if not settled and not self._satisfies(step.ref):
                place = self._places.get(step.ref, "not begun")
                yield Fault("needs", f"all is said to be done, and {step.ref} is {place}")


def _ended(event: e.StepEvent) -> Place:
    return "succeeded" if isinstance(event, e.StepSucceeded) else "failed"
