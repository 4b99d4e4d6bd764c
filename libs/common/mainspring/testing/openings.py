"""Books of what the steps of one execution open: triggers and approvals, each with one end.

Kept from the raw events, beside the ledger and for the same reason: a wait that `evolve` and the
views forget in the same way would look closed to both.  An opening ends by what somebody settled
about it (received, canceled, approved, rejected, or a force on its step), else with its step (timed
out, or closed by the end of the run).  What it was settled as decides how its step may end.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from mainspring.domain.definition import Definition
from mainspring.domain.execution import events as e
from mainspring.domain.execution.expansion import expanded
from mainspring.domain.execution.settling import is_approval, same
from mainspring.domain.message import Json
from mainspring.testing.fault import ROUNDING, Fault

LAWS: Final[Mapping[str, str]] = {
    "trigger": "a trigger has one end: received in time, timed out when its time is over, or closed"
    " with its step; its step succeeds by what was received, or by force",
    "approval": "an approval is decided once, in time, by who may, and its step ends as decided",
}
KINDS: Final = ("wait", "approval")


class Opening(msgspec.Struct):
    """The latest wait of one step; `how` is what was settled about it, None while it is open."""

    id: str
    law: str
    visit: int
    attempt: int
    expires_at: float | None
    approvers: tuple[str, ...]
    approved: set[str] = msgspec.field(default_factory=set[str])
    how: str | None = None
    payload: Json = None
    ended: bool = False


SETTLES: Final[Mapping[type[e.Event], tuple[str, str]]] = {
    e.TriggerReceived: ("trigger", "received"),
    e.TriggerCancelRequested: ("trigger", "canceled"),
    e.StepApproved: ("approval", "approved"),
    e.StepRejected: ("approval", "rejected"),
}
FORCES: Final[Mapping[type[e.Event], str]] = {
    e.SkipRequested: "skipped",
    e.CompleteRequested: "completed",
    e.FailRequested: "failed",
}
SUCCEEDS: Final = ("received", "approved", "completed")
FAILS: Final = ("canceled", "rejected", "failed")


class Openings:
    """All waits of one execution; `note` enters the next event and yields what it breaks."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._latest: dict[str, Opening] = {}
        self._ids: set[str] = set()
        self._forced: dict[str, str] = {}
        self._kept: frozenset[str] = frozenset()

    def note(self, event: e.Event) -> Iterator[Fault]:
        """Enter an event; yield the laws of waits that it breaks."""
        match event:
            case e.ExecutionRequested():
                self._kept = frozenset(event.kept)
            case e.StepWaiting():
                yield from self._open(event)
            case e.StepFannedOut(items=tuple() as items):
                self._definition = expanded(self._definition, event.ref, len(items))
            case (
                e.TriggerReceived()
                | e.TriggerCancelRequested()
                | e.StepApproved()
                | e.StepRejected()
            ):
                yield from self._settle(event)
            case e.SkipRequested() | e.CompleteRequested() | e.FailRequested():
                yield from self._force(event)
            case e.StepEvent() if event.phase == "up":
                yield from self._move(event)
            case _ if isinstance(event, e.Terminal):
                yield from self._end_of_run()
            case _:
                pass

    def _open(self, event: e.StepWaiting) -> Iterator[Fault]:
        law = "approval" if event.kind == "approval" else "trigger"
        older = self._latest.get(event.ref)
        if event.trigger in self._ids:
            yield Fault(law, f"{event.trigger} is opened for a second time")
        if older is not None and not older.ended:
            yield Fault(law, f"{event.ref} opens another while {older.id} is open")
        self._ids.add(event.trigger)
        self._latest[event.ref] = Opening(
            event.trigger, law, event.visit, event.attempt, event.expires_at, event.approvers
        )

    def _settle(
        self,
        event: e.TriggerReceived | e.TriggerCancelRequested | e.StepApproved | e.StepRejected,
    ) -> Iterator[Fault]:
        law, how = SETTLES[type(event)]
        opening = self._of(event)
        if opening is None or opening.law != law:
            yield Fault(law, f"{how}, but attempt {event.attempt} of {event.ref} opened nothing")
            return
        if opening.how is not None or opening.ended:
            yield Fault(law, f"{how} after it was {opening.how or 'ended'}")
        if opening.expires_at is not None and event.at >= opening.expires_at:
            yield Fault(law, f"{how} {event.at - opening.expires_at:.3f} s after its time-out")
        if isinstance(event, e.StepApproved | e.StepRejected):
            if isinstance(event, e.StepApproved):
                opening.approved.add(event.by)
            if opening.approvers and event.by not in opening.approvers:
                yield Fault(law, f"{how} by {event.by!r}, who is none of {opening.approvers}")
        elif isinstance(event, e.TriggerReceived):
            opening.payload = event.payload
        approval = self._definition.by_ref[event.ref].approval
        wanted = approval.required if approval is not None else 1
        if how == "approved" and len(opening.approved) < wanted:
            return
        opening.how = how

    def _force(self, event: e.Forced) -> Iterator[Fault]:
        how = self._forced[event.ref] = FORCES[type(event)]
        opening = self._latest.get(event.ref)
        if opening is None or opening.ended:
            return
        if opening.how is not None:
            yield Fault(opening.law, f"its step is {how} by force after it was {opening.how}")
        opening.how = how

    def _move(self, event: e.StepEvent) -> Iterator[Fault]:
        """Judge how a step goes on that may have something open."""
        step = self._definition.by_ref.get(event.ref)
        if step is None or step.kind not in KINDS:
            return
        opening = self._of(event)
        match event:
            case e.StepSucceeded():
                yield from self._succeeded(event, opening)
            case e.StepFailed() if opening is not None:
                late = self._on_timeout(event.ref) == "reject" and opening.how is None
                yield from _in_time(event, opening) if late else _failed(event, opening)
            case e.StepSkipped() if opening is not None and not opening.ended:
                if opening.how != "skipped":
                    yield Fault(opening.law, f"its step is skipped, but it was {opening.how}")
            case e.StepReset() if opening is not None and not opening.ended:
                yield Fault(opening.law, "its step is reset while it is open")
            case _:
                pass
        if isinstance(event, e.StepSucceeded | e.StepFailed | e.StepSkipped | e.StepCanceled):
            self._forced.pop(event.ref, None)
            if opening is not None:
                opening.ended = True

    def _succeeded(self, event: e.StepSucceeded, opening: Opening | None) -> Iterator[Fault]:
        law = "approval" if self._definition.by_ref[event.ref].kind == "approval" else "trigger"
        if opening is None or opening.ended:
            known = self._forced.get(event.ref) == "completed"
            if not known and not (event.attempt == 0 and event.ref in self._kept):
                yield Fault(law, f"{event.ref} succeeds, and nothing was open")
        elif opening.how is None and self._on_timeout(event.ref) == _verdict(event):
            yield from _in_time(event, opening)
        elif opening.how == "rejected" and self._is_tolerant(event.ref):
            if is_approval(event.output):
                yield Fault(law, f"{event.ref} was rejected, and its output says otherwise")
        elif opening.how not in SUCCEEDS:
            yield Fault(law, f"{event.ref} succeeds, but it was {opening.how or 'not answered'}")
        elif opening.how == "received" and not same(event.output, opening.payload):
            yield Fault(law, f"the output of {event.ref} is not what was received")

    def _is_tolerant(self, ref: str) -> bool:
        approval = self._definition.by_ref[ref].approval
        return approval is not None and approval.tolerant

    def _on_timeout(self, ref: str) -> str:
        approval = self._definition.by_ref[ref].approval
        return approval.on_timeout if approval is not None else "fail"

    def _end_of_run(self) -> Iterator[Fault]:
        for ref, opening in self._latest.items():
            if not opening.ended:
                yield Fault(opening.law, f"{ref} waits on after the end of the run")
        self._forced.clear()

    def _of(self, event: e.StepEvent) -> Opening | None:
        found = self._latest.get(event.ref)
        same_one = found and (found.visit, found.attempt) == (event.visit, _attempt(event, found))
        return found if same_one else None


def _attempt(event: e.StepEvent, found: Opening) -> int:
    """Return the attempt that an event names; one that names none speaks of the present one."""
    return getattr(event, "attempt", found.attempt)


def _verdict(event: e.StepSucceeded) -> str:
    """Return what a success with nobody's decision says was decided by the time-out."""
    return "approve" if is_approval(event.output) else "reject"


def _in_time(event: e.StepSucceeded | e.StepFailed, opening: Opening) -> Iterator[Fault]:
    """Judge what is decided since nobody did in time: not before that is so."""
    if opening.ended:
        return
    if opening.expires_at is None or event.at < opening.expires_at - ROUNDING:
        yield Fault(opening.law, "it is decided by its time-out before that")


def _failed(event: e.StepFailed, opening: Opening) -> Iterator[Fault]:
    if opening.ended:
        return
    if event.fault != "event_timeout":
        if opening.how not in FAILS:
            yield Fault(opening.law, f"its step fails, but it was {opening.how or 'not answered'}")
        return
    if opening.how is not None:
        yield Fault(opening.law, f"it times out after it was {opening.how}")
    elif opening.expires_at is None:
        yield Fault(opening.law, "it times out and has no time-out")
    elif event.at < opening.expires_at - ROUNDING:
        yield Fault(opening.law, f"it times out {opening.expires_at - event.at:.3f} s too soon")
