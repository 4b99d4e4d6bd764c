"""Which event is legal in which state: the rules of a life, said once more and not by the decider.

`illegal` is a total table over the events of an execution.  It asks what must hold in the state
before an event for the event to have been right, whatever code decided it; so it judges logs of any
version, and a decider that breaks a rule is caught by a judge that does not share its code.  It
says nothing of what should have happened and did not: that is the outlook's matter.
"""

from collections.abc import Iterator

from mainspring.domain.execution import events as e
from mainspring.domain.execution.expansion import instance, within
from mainspring.domain.execution.settling import is_approval
from mainspring.domain.execution.state import IN_FLIGHT, OPEN, Execution, StepState

RETRYABLE = frozenset({"failed", "corrupted"})
SETTLES = e.TriggerReceived | e.TriggerCancelRequested | e.StepApproved | e.StepRejected
FORCIBLE = frozenset({"waiting", "sleeping", "retrying", "reset"})
RESETTABLE = frozenset({"running", "paused", "failed", "timed_out", "canceled"})


def illegal(event: e.Event, x: Execution) -> str | None:
    """Return why `event` could not rightly follow the state `x`; None when it could."""
    return next(_faults(event, x), None)


def _faults(event: e.Event, x: Execution) -> Iterator[str]:
    if isinstance(event, e.ExecutionRequested) != (x.requested is None):
        yield "the first event, and no other, says what was requested"
    elif isinstance(event, e.CallbackReceived):
        yield from _callback(event, x)
    elif isinstance(event, SETTLES):
        yield from _settled(event, x)
    elif isinstance(event, e.StepEvent):
        yield from _step(event, x)
    elif isinstance(event, e.Fact):
        yield from _fact(event, x)
    elif isinstance(event, e.Terminal):
        yield from _end(event, x)
    else:
        yield from _turn(event, x)


def _demand(holds: object, why: str) -> Iterator[str]:
    if not holds:
        yield why


def _fact(event: e.Event, x: Execution) -> Iterator[str]:
    match event:
        case e.CancelRequested():
            yield from _demand(not x.is_terminal, "a run that has ended cannot be canceled")
            yield from _demand(x.cancel is None, "it was canceled already")
            yield from _demand(x.unwinding is None, "it is being undone already")
        case e.PauseRequested():
            yield from _demand(not x.is_terminal, "a run that has ended cannot be paused")
            yield from _demand(x.unwinding is None, "a run that is being undone cannot be paused")
            yield from _demand(not x.paused, "it was paused already")
            yield from _demand(x.cancel is None, "it is being canceled")
            yield from _demand(x.closing is None, "it is ending")
        case e.ResumeRequested():
            yield from _demand(x.paused, "it was not paused")
        case e.RetryRequested():
            yield from _demand(x.status in RETRYABLE, f"a run that is {x.status} is not retried")
        case e.StepResetRequested():
            yield from _demand(x.status in RESETTABLE, f"no step of a {x.status} run is reset")
            yield from _demand(not x.in_epilogue, "no step is reset after the end of the work")
            step = x.of(event.ref)
            yield from _demand(step and step.status not in OPEN, "an open step is not reset")
        case e.RunAdmitted() | e.RunRejected():
            yield from _demand(x.is_queued, "it waits for no place")
        case e.WakeRequested():
            asleep = any(step.status == "sleeping" for step in x.open_steps())
            yield from _demand(asleep, "nothing sleeps")
        case e.SkipRequested() | e.CompleteRequested() | e.FailRequested():
            yield from _forced(event, x)
        case _:
            pass


def _callback(event: e.CallbackReceived, x: Execution) -> Iterator[str]:
    step = x.of(event.ref)
    if step is None or (step.visit, step.attempt) != (event.visit, event.attempt):
        yield "it answers an attempt that is not the present one"
    elif step.nonce != event.nonce or not step.nonce:
        yield "its nonce is not the attempt's"
    elif step.callback is not None:
        yield "the attempt was answered already"
    elif step.status != "accepted" and step.status not in IN_FLIGHT:
        yield f"a step that is {step.status} awaits no callback"


def _forced(event: e.Forced, x: Execution) -> Iterator[str]:
    step = x.of(event.ref)
    yield from _demand(x.definition.planner == "dag", "no step of a path is settled by force")
    yield from _demand(event.ref in x.definition.by_ref, f"there is no step {event.ref}")
    free = step is None or step.status in FORCIBLE
    yield from _demand(free, f"it is {step.status if step else 'absent'}, not waiting")
    yield from _demand(event.ref not in x.forced, "it was settled already")
    yield from _demand(x.cancel is None and x.unwinding is None, "the run is being wound up")


def _settled(
    event: e.TriggerReceived | e.TriggerCancelRequested | e.StepApproved | e.StepRejected,
    x: Execution,
) -> Iterator[str]:
    """Judge the answer to a wait: for the one that is open, in time, once."""
    step = x.of(event.ref)
    kind = "approval" if isinstance(event, e.StepApproved | e.StepRejected) else "event"
    if step is None or (step.visit, step.attempt) != (event.visit, event.attempt):
        yield "it answers a wait that is not the present one"
    elif step.status != "waiting" or step.opened is None or step.opened.kind != kind:
        yield f"it waits for no {kind}"
    elif step.resolution is not None:
        yield "the wait was answered already"
    elif step.expires_at is not None and event.at >= step.expires_at:
        yield "the wait is over"
    else:
        yield from _demand(x.cancel is None and x.unwinding is None, "the run is being wound up")


def _turn(event: e.Event, x: Execution) -> Iterator[str]:
    match event:
        case e.ExecutionStarted():
            yield from _demand(x.status == "pending", f"a run that is {x.status} does not begin")
            yield from _demand(x.cancel is None, "it was canceled before it began")
            yield from _demand(not x.needs_place, "it has no place among the runs of its workflow")
        case e.SlotAwaited():
            yield from _demand(x.needs_place, "it needs no place")
            yield from _demand(not x.slot, "it waits for a place already")
            yield from _demand(not x.paused and x.cancel is None, "it is held back, or wound up")
        case e.ExecutionResumed():
            yield from _demand(x.resumed, "no resume was asked for")
        case e.ExecutionReopened():
            yield from _demand(x.retry or x.resets, "neither a retry nor a reset was asked for")
            yield from _demand(not x.paused, "a paused run is not reopened")
            placed = x.cancel is not None or not x.needs_place
            yield from _demand(placed, "it has no place among the runs of its workflow")
            yield from _demand(event.unwinding == bool(x.retry and x.corrupted), "the wrong way")
        case e.UnwindingStarted():
            yield from _demand(x.unwinding is None, "it is being undone already")
            yield from _demand(not x.is_terminal, "a run that has ended is not undone")
            yield from _demand(not x.in_epilogue, "its work has ended already")
            yield from _outcome(event.outcome, x)
        case e.EpilogueBegun():
            yield from _end_of_work(event, x)
        case e.EpilogueCut():
            yield from _demand(x.in_epilogue, "the work has not ended")
            yield from _demand(x.closing is None, "it was cut already")
        case _:
            pass


def _end_of_work(event: e.EpilogueBegun, x: Execution) -> Iterator[str]:
    yield from _demand(x.definition.epilogue, "nothing comes after the end of its work")
    yield from _demand(not x.in_epilogue and not x.is_terminal, "its work has ended already")
    yield from _demand(x.started_at is not None, "its work never began")
    yield from _nothing_open(x)
    if event.outcome == "succeeded":
        yield from _demand(x.status == "running", f"a run that is {x.status} cannot succeed")
        yield from _demand(x.cancel is None, "a cancel that was asked for goes first")
    else:
        yield from _demand(x.stack is None, "undone things")
        yield from _ends_as(event.outcome, x)


def _nothing_open(x: Execution) -> Iterator[str]:
    work = [step.ref for step in x.open_steps() if step.phase in ("up", "down")]
    yield from _demand(not work, f"{', '.join(work)} had not ended")


def _outcome(outcome: str, x: Execution) -> Iterator[str]:
    if outcome == "canceled":
        away = x.rejected is not None and x.definition.on_limit == "cancel"
        yield from _demand(x.cancel is not None or away, "no cancel was asked for")
    else:
        yield from _demand(x.cancel is None, "a cancel that was asked for goes first")


def _end(event: e.Event, x: Execution) -> Iterator[str]:
    yield from _demand(not x.is_terminal, "it has ended already")
    yield from _nothing_open(x)
    due = x.definition.epilogue and x.started_at is not None
    yield from _demand(not due or x.in_epilogue, "what comes after its work did not begin")
    yield from _demand(x.stack is None or isinstance(event, e.ExecutionSucceeded), "undone things")
    match event:
        case e.ExecutionSucceeded():
            yield from _demand(x.status == "running", f"a run that is {x.status} cannot succeed")
            yield from _demand(x.cancel is None, "a cancel that was asked for goes first")
        case e.ExecutionCorrupted():
            yield from _demand(x.corrupted, "no compensation failed")
            yield from _demand(event.steps == x.corrupted, "it does not name what is not undone")
        case e.ExecutionCanceled():
            yield from _closing("canceled", x)
        case e.ExecutionTimedOut():
            yield from _closing("timed_out", x)
        case e.ExecutionFailed():
            yield from _closing("failed", x)
        case _:
            pass


def _closing(outcome: str, x: Execution) -> Iterator[str]:
    yield from _demand(not x.corrupted, "a compensation failed, so it is corrupted")
    yield from _ends_as(outcome, x)


def _ends_as(outcome: str, x: Execution) -> Iterator[str]:
    if x.epilogue is not None and x.in_epilogue:
        yield from _demand(x.epilogue.outcome == outcome, f"its work was {x.epilogue.outcome}")
    elif x.unwinding is not None:
        yield from _demand(x.unwinding.outcome == outcome, f"it began as {x.unwinding.outcome}")
    else:
        yield from _outcome(outcome, x)


def _step(event: e.StepEvent, x: Execution) -> Iterator[str]:
    if event.phase != "hook" and event.ref not in x.definition.by_ref:
        yield f"the definition has no step {event.ref}"
        return
    step = x.of(event.ref, event.phase)
    match event:
        case e.StepScheduled():
            yield from _scheduled(event, x, step)
        case e.StepSkipped() if step is not None and event.ref in x.forced:
            yield from _demand(
                step.status in FORCIBLE, f"it is {step.status} and cannot be skipped"
            )
        case (
            e.StepSlept()
            | e.StepWaiting()
            | e.StepFannedOut()
            | e.StepRouted()
            | e.StepSplit()
            | e.StepSkipped()
        ):
            yield from _entered(event, x, step)
        case e.StepReset():
            ended = step and step.status not in OPEN and step.status != "reset"
            yield from _demand(ended, "only a step that has ended is reset")
        case e.StepSucceeded() | e.StepFailed():
            yield from _ended(event, x, step)
        case _:
            yield from _moved(event, x, step)


def _scheduled(event: e.StepScheduled, x: Execution, step: StepState | None) -> Iterator[str]:
    yield from _demand(_calls(event, x), "it calls nothing")
    goes_on = step is not None and step.status in ("retrying", "reset")
    if step is not None and goes_on:
        yield from _demand(event.visit == step.visit, "a retry belongs to the visit that failed")
    else:
        yield from _begins(event, step)
    match event.phase:
        case "up":
            yield from _forward(x)
            yield from _in_its_time(event, x)
        case "down":
            yield from _backward(event, x)
        case "hook":
            yield from _demand(x.is_terminal or goes_on, "a notice comes after the end")
        case "emit":
            told = x.of(event.ref)
            done = told is not None and told.status == "succeeded"
            yield from _demand(done or goes_on, "a step sends its event when it has succeeded")
        case "notify":
            told = x.of(event.ref)
            waits = told is not None and told.status == "waiting"
            yield from _demand(waits, "a notice is sent of a wait that goes on")


def _calls(event: e.StepScheduled, x: Execution) -> bool:
    if event.phase == "emit":
        return x.definition.by_ref[event.ref].emit_key is not None
    if event.phase == "up" and x.definition.by_ref[event.ref].kind == "child":
        return True
    if x.definition.plugin_of(event.ref, event.phase) is not None:
        return True
    return x.definition.request_of(event.ref, event.phase) is not None


def _begins(event: e.StepEvent, step: StepState | None) -> Iterator[str]:
    """Judge the first event of a visit: nothing else is open there, and visits count by one."""
    if step is None:
        yield from _demand(event.visit == 1, "the first visit is number 1")
        return
    yield from _demand(step.status not in OPEN, f"its visit {step.visit} is {step.status}")
    same = event.visit == step.visit and step.status == "reset"
    yield from _demand(same or event.visit == step.visit + 1, "visits count by one")


def _in_its_time(event: e.StepEvent, x: Execution) -> Iterator[str]:
    """Judge that the work is done before its end, and what comes after it then."""
    after = bool(x.definition.by_ref[event.ref].after)
    right = after == x.in_epilogue or event.ref in x.forced
    yield from _demand(right, "it begins on the wrong side of the work's end")


def _forward(x: Execution) -> Iterator[str]:
    """Judge new forward work: only a run that is running does any."""
    yield from _demand(not x.is_terminal, "nothing is begun after the end")
    yield from _demand(x.unwinding is None, "nothing is begun while the run is being undone")
    yield from _demand(not x.paused, "nothing is begun while the run is paused")
    yield from _demand(x.closing is None, "nothing is begun in a run that is ending")
    yield from _demand(x.status == "running", f"nothing is begun while the run is {x.status}")
    yield from _demand(x.cancel is None, "nothing is begun after a cancel")


def _backward(event: e.StepEvent, x: Execution) -> Iterator[str]:
    yield from _demand(x.unwinding is not None, "nothing is undone before the run is wound up")
    work = [step for step in x.open_steps() if step.phase in ("up", "down")]
    others = [step.ref for step in work if step.ref != event.ref or step.phase == "up"]
    yield from _demand(not others, f"{', '.join(others)} had not ended")
    top = x.stack.ref if x.stack is not None else None
    yield from _demand(top == event.ref, f"the newest thing to undo is {top}")


KINDS: dict[type[e.StepEvent], str] = {
    e.StepSlept: "sleep",
    e.StepRouted: "switch",
    e.StepSplit: "split",
    e.StepFannedOut: "each",
}


def _entered(event: e.StepEvent, x: Execution, step: StepState | None) -> Iterator[str]:
    kind = KINDS.get(type(event))
    found = x.definition.by_ref[event.ref].kind
    if isinstance(event, e.StepWaiting):
        kind = "approval" if event.kind == "approval" else "wait"
    yield from _demand(kind in (None, found), f"it is a {found}")
    skips = isinstance(event, e.StepSkipped)
    yield from _demand(not skips or x.definition.planner == "dag", "no step of a path is skipped")
    yield from _begins(event, step)
    yield from _forward(x)
    yield from _in_its_time(event, x)


def _ended(
    event: e.StepSucceeded | e.StepFailed, x: Execution, step: StepState | None
) -> Iterator[str]:
    waits = step is not None and step.status in OPEN and step.visit == event.visit
    if event.phase == "up" and event.ref in x.forced:
        free = step is None or step.status in FORCIBLE
        yield from _demand(free, f"it is {step.status if step else 'absent'}, not waiting")
        yield from _forward(x)
    elif waits:
        yield from _demand(step and step.status != "retrying", "it waits for its next attempt")
        yield from _demand(step and step.attempt == event.attempt, "another attempt is open")
        if isinstance(event, e.StepSucceeded) and step and step.status == "waiting":
            answered = step.resolution or _approves_late(event, x, step)
            yield from _demand(answered, "nobody has answered the wait")
    elif isinstance(event, e.StepSucceeded) and _is_kept(event, x):
        yield from _demand(step is None, "it is more than kept")
    elif event.phase not in ("up", "down"):
        yield from _demand(isinstance(event, e.StepFailed), "what was not sent cannot arrive")
    elif isinstance(event, e.StepSucceeded):
        kind = x.definition.by_ref[event.ref].kind if event.phase == "up" else event.phase
        yield from _demand(kind == "join", f"a {kind} that is not open cannot succeed")
        yield from _forward(x)
    else:
        yield from _demand(event.retry_at is None, "what fails before it began is not tried again")
        yield from _begins(event, step)
        yield from _forward(x)


def _approves_late(event: e.StepSucceeded, x: Execution, step: StepState) -> bool:
    approval = x.definition.by_ref[event.ref].approval
    if approval is None or step.expires_at is None:
        return False
    decides = "reject" if approval.tolerant and not is_approval(event.output) else "approve"
    return approval.on_timeout == decides


def _is_spared(x: Execution, ref: str) -> bool:
    """Say whether a step belongs to an item, or to a loop, in which something has failed."""
    for place in within(ref):
        each, loop = x.step(place.loop).each, x.of(place.loop)
        if each is None:
            continue
        if loop is not None and loop.status == "failed":
            return True
        items = range(len(x.fans[place.loop].items)) if each.fail_fast else [place.number]
        for state in (x.of(instance(place.loop, n, s.ref)) for n in items for s in each.steps):
            if state is not None and state.status in ("failed", "canceled"):
                return True
    return False


def _is_kept(event: e.StepSucceeded, x: Execution) -> bool:
    """Say whether it is a result of the run that this one retries."""
    return event.phase == "up" and x.requested is not None and event.ref in x.requested.kept


def _moved(event: e.StepEvent, x: Execution, step: StepState | None) -> Iterator[str]:
    if step is None or step.visit != event.visit:
        yield "no such visit is open"
        return
    match event:
        case e.StepStarted():
            yield from _demand(step.status == "scheduled", f"a {step.status} step does not start")
            yield from _demand(step.attempt == event.attempt, "another attempt is in flight")
        case e.StepAccepted():
            yield from _demand(step.status in IN_FLIGHT, f"it is {step.status}, not in flight")
            yield from _demand(step.attempt == event.attempt, "another attempt is in flight")
            asks = event.phase == "up" and x.definition.by_ref[event.ref].asynchronous
            yield from _demand(asks, "it is not asynchronous")
        case e.StepLogged():
            yield from _demand(step.status == "running", f"a {step.status} step says nothing")
            yield from _demand(step.attempt == event.attempt, "another attempt is in flight")
            instants = [step.logged_at, *(line.at for line in event.lines)]
            yield from _demand(instants == sorted(set(instants)), "a line is not later than before")
        case e.StepRedispatched():
            yield from _demand(step.status in IN_FLIGHT, f"it is {step.status}, not in flight")
            yield from _demand(step.attempt == event.attempt, "another attempt is in flight")
        case e.StepCanceled():
            yield from _demand(step.status in OPEN, f"it is {step.status} already")
            aside = event.phase not in ("up", "down")
            closing = aside or x.closing is not None or _is_spared(x, event.ref)
            yield from _demand(closing, "nothing is closed in a run that goes on")
        case _:
            pass
