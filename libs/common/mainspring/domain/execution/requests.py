"""What people and peers may ask, by the state an execution is in: a fact, nothing, or a refusal.

A request that is already fulfilled yields nothing (asking twice is no error where both want the
same); one that the state forbids raises `IllegalTransition` with the present state in words.
"""

from collections.abc import Iterable

from mainspring.domain.errors import Expired, IllegalTransition, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution import settling
from mainspring.domain.execution.expansion import place_of
from mainspring.domain.execution.state import (
    IN_FLIGHT,
    OPEN,
    Execution,
    StepState,
    callback_timeout,
)


def decide(command: c.Request, x: Execution) -> list[e.Event]:
    """Return the fact that a request leads to, or [] when it is so already."""
    if isinstance(command, c.Settling | c.Admission):
        return _aside(command, x)
    match command:
        case c.RequestCancel():
            return _cancel(command, x)
        case c.RequestPause():
            return _pause(command, x)
        case c.RequestResume():
            return _resume(x)
        case c.RequestRetry():
            return _retry(x)
        case c.RequestStepReset():
            return _reset(command, x)
        case c.RequestWake():
            return _wake(command, x)
        case c.DeliverCallback():
            return _callback(command, x)


def _aside(command: c.Settling | c.Admission, x: Execution) -> list[e.Event]:
    if isinstance(command, c.Admit | c.TurnAway):
        return _admitted(command, x)
    return settling.decide(command, x)


def _admitted(command: c.Admission, x: Execution) -> list[e.Event]:
    """Let a run begin, or not; one that does not wait for that has been told."""
    if not x.is_queued:
        return []
    match command:
        case c.Admit(now=now):
            return [e.RunAdmitted(at=now)]
        case c.TurnAway(reason=reason, now=now):
            return [e.RunRejected(reason=reason, at=now)]


def _cancel(command: c.RequestCancel, x: Execution) -> list[e.Event]:
    if x.is_terminal:
        raise IllegalTransition("cancel", x.status)
    if x.cancel is not None or (x.in_epilogue and x.closing is not None):
        return []
    if x.unwinding is not None:
        raise IllegalTransition("cancel", x.status, "it has failed and is being compensated")
    return [e.CancelRequested(reason=command.reason)]


def _pause(command: c.RequestPause, x: Execution) -> list[e.Event]:
    if x.is_terminal or x.unwinding is not None:
        raise IllegalTransition("pause", x.status)
    if x.cancel is not None:
        raise IllegalTransition("pause", x.status, "it is being canceled")
    if x.closing is not None:
        raise IllegalTransition("pause", x.status, "it is ending")
    return [] if x.paused else [e.PauseRequested(reason=command.reason)]


def _resume(x: Execution) -> list[e.Event]:
    if not x.paused:
        raise IllegalTransition("resume", x.status)
    return [e.ResumeRequested()]


def _retry(x: Execution) -> list[e.Event]:
    if x.status not in ("failed", "corrupted"):
        raise IllegalTransition("retry", x.status, f"it is {x.status}, not failed")
    return [e.RetryRequested()]


def _reset(command: c.RequestStepReset, x: Execution) -> list[e.Event]:
    asked = f"reset step {command.ref}"
    if command.ref not in x.definition.by_ref:
        raise NotFound(f"no step {command.ref!r}")
    if x.definition.planner != "dag":
        raise IllegalTransition(asked, x.status, "steps of a path are retried with their run")
    if x.status not in ("running", "paused", "failed", "timed_out", "canceled"):
        raise IllegalTransition(asked, x.status)
    if x.retry:
        raise IllegalTransition(asked, x.status, "a retry of the run is about to begin")
    if x.in_epilogue:
        raise IllegalTransition(asked, x.status, "its work has ended; reset it when the run has")
    state = x.of(command.ref)
    if state is None or state.status in OPEN or state.status == "reset":
        raise IllegalTransition(asked, state.status if state else "not yet run")
    for ref in descendants(x, command.ref):
        below = x.of(ref)
        if below is not None and below.status in OPEN:
            raise IllegalTransition(asked, below.status, f"step {ref} is {below.status}")
    fact = e.StepResetRequested(ref=command.ref, subtree=command.subtree)
    return [] if fact in x.resets else [fact]


def descendants(x: Execution, ref: str) -> list[str]:
    """Return the steps of a dag that come after `ref`, in definition order."""
    found = below(x, [ref]) - {ref}
    return [step.ref for step in x.definition.steps if step.ref in found]


def below(x: Execution, refs: Iterable[str]) -> set[str]:
    """Return steps of a dag with all that comes after them; after the steps of an item its loop."""
    found = set(refs)
    todo = list(found)
    while todo:
        ref = todo.pop()
        place = place_of(ref)
        loop = () if place is None else (place.loop,)
        for other in (*x.definition.dependants[ref], *loop):
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


def _wake(command: c.RequestWake, x: Execution) -> list[e.Event]:
    if command.ref is not None and command.ref not in x.definition.by_ref:
        raise NotFound(f"no step {command.ref!r}")
    asleep = [
        step
        for step in x.open_steps()
        if step.status == "sleeping" and command.ref in (None, step.ref)
    ]
    pending = command.ref in x.wakes or None in x.wakes
    woken = x.woken if command.ref is None else pending
    if (asleep and pending) or (not asleep and woken and not x.is_terminal):
        return []
    if not asleep:
        raise IllegalTransition("wake", x.status, f"it is not sleeping ({x.status})")
    return [e.WakeRequested(ref=command.ref)]


def _callback(command: c.DeliverCallback, x: Execution) -> list[e.Event]:
    """Take an answer once, for the attempt now waiting; before the accepting answer too."""
    asked = f"answer step {command.ref}"
    step = x.of(command.ref)
    if command.ref not in x.definition.by_ref or step is None:
        raise NotFound(f"no step {command.ref!r} has been begun")
    if (step.visit, step.attempt, step.nonce) != (command.visit, command.attempt, command.nonce):
        raise IllegalTransition(asked, step.status, "the token is of an older attempt")
    is_late = step.expires_at is not None and command.now >= step.expires_at
    if is_late or (not _awaits(step) and step.reason == callback_timeout(step.ref)):
        raise Expired(f"the callback of step {command.ref} came after its deadline")
    if step.callback is not None or not _awaits(step):
        raise IllegalTransition(asked, step.status, f"it was answered already or is {step.status}")
    return [
        e.CallbackReceived(
            ref=command.ref,
            visit=command.visit,
            attempt=command.attempt,
            nonce=command.nonce,
            body=command.body,
            at=command.now,
        )
    ]


def _awaits(step: StepState) -> bool:
    return step.status == "accepted" or step.status in IN_FLIGHT
