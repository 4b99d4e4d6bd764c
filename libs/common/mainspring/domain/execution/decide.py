"""What happens next in an execution: the one decider.

`decide` answers a command with events.  Requests are judged in `requests.py`.  A report is
recorded if it speaks of the attempt that is now in flight, else it changes nothing: that is the
fence against late, repeated and reordered reports.  After every change all that follows is
decided at once, from the state alone, until nothing follows any more: a crash at any point is
healed by deciding again.
"""

from mainspring.domain.errors import Corrupt
from mainspring.domain.execution import (
    attempts,
    epilogue,
    fanning,
    fans,
    requests,
    reset,
    steps,
    unwind,
    waits,
)
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.draft import Draft
from mainspring.domain.execution.state import OPEN, Execution
from mainspring.domain.planner import dag, path
from mainspring.domain.planner.plan import (
    Broken,
    Done,
    Enter,
    Failed,
    Gather,
    Join,
    Move,
    Skip,
    Stop,
)

MOST_AT_ONCE = 1000
"""Events that one decision may hold; what is left is decided by the next one."""


def decide(command: c.Command, x: Execution) -> list[e.Event]:
    """Return what happened; raise `Rejected` if nothing may.  Advancing an idle run returns []."""
    if x.requested is None:
        raise Corrupt(f"execution {x.id} has no first event")
    match command:
        case c.RecordReport() | c.RecordChild() | c.RecordEmission() | c.Advance():
            return drafted(command, x).events
        case _:
            return requests.decide(command, x)


def drafted(command: c.Recorded | c.Advance, x: Execution) -> Draft:
    """Return what happened, with the state after each event.

    Who writes them down needs those states, and would fold the events once more.
    """
    if x.requested is None:
        raise Corrupt(f"execution {x.id} has no first event")
    draft = Draft(x, command.now, command.seed, command.taken_keys)
    _take_in(draft, command)
    advance(draft)
    return draft


def _take_in(draft: Draft, command: c.Recorded | c.Advance) -> None:
    match command:
        case c.RecordReport():
            steps.record(draft, command.report)
        case c.RecordChild():
            waits.record_child(draft, command)
        case c.RecordEmission():
            waits.record_emission(draft, command)
        case c.Advance():
            steps.redispatch(draft, command.lost_before)


def advance(draft: Draft) -> None:
    """Decide all that follows from the state as it is."""
    if draft.x.resumed:
        draft.emit(e.ExecutionResumed(at=draft.now))
    _reopen(draft)
    _begin(draft)
    if draft.x.status == "pending":
        steps.fall_due(draft)  # it waits for a place; a notice of its last end may be on its way
        return
    while len(draft.events) < MOST_AT_ONCE:
        before = len(draft.events)
        _once(draft)
        if len(draft.events) == before:
            return


def _once(draft: Draft) -> None:
    x = draft.x
    if x.is_terminal:
        unwind.notify_end(draft)
        steps.fall_due(draft)
        return
    _end_early(draft)
    if draft.x.unwinding is not None:
        steps.fall_due(draft)
        unwind.go_on(draft)
    elif draft.x.in_epilogue and draft.x.closing is not None:
        epilogue.close(draft)
        steps.fall_due(draft)
    elif not draft.x.paused and draft.x.status == "running":
        waits.keep(draft)
        waits.force(draft)
        steps.fall_due(draft)
        _plan(draft)


def _begin(draft: Draft) -> None:
    x = draft.x
    if x.status != "pending" or x.goes_on:
        return
    if x.cancel is not None:
        draft.emit(e.ExecutionCanceled(reason=x.cancel, at=draft.now))
    elif x.rejected is not None and x.definition.on_limit == "cancel":
        draft.emit(e.ExecutionCanceled(reason=x.rejected, at=draft.now))
    elif x.rejected is not None:
        draft.emit(e.ExecutionFailed(reason=x.rejected, at=draft.now))
    elif not x.needs_place:
        draft.emit(e.ExecutionStarted(at=draft.now))
    elif x.ends_at is not None and x.ends_at <= draft.now:
        seconds = x.ends_at - (x.reopened_at or (x.requested.at if x.requested else 0.0))
        draft.emit(
            e.ExecutionTimedOut(reason=f"it found no place within {seconds:g} s", at=draft.now)
        )
    elif not x.slot:
        draft.emit(e.SlotAwaited(at=draft.now))


def _end_early(draft: Draft) -> None:
    """Start to unwind on a cancel, or when the run has taken too long."""
    x = draft.x
    if x.unwinding is not None:
        return
    if x.in_epilogue:
        epilogue.end_early(draft)
    elif x.cancel is not None:
        unwind.begin(draft, "canceled", x.cancel)
    elif not x.paused and x.ends_at is not None and x.ends_at <= draft.now:
        unwind.begin(draft, "timed_out", f"it took longer than {x.definition.run_timeout:g} s")


def _plan(draft: Draft) -> None:
    is_path = draft.x.definition.planner == "path" and not draft.x.in_epilogue
    planner = path if is_path else dag
    match planner.verdict(draft.x):
        case Failed(reason):
            unwind.begin(draft, "failed", reason)
        case Done(result):
            epilogue.end(draft, "succeeded", result=result)
        case None:
            for move in list(planner.moves(draft.x)):
                _move(draft, move)


def _move(draft: Draft, move: Move) -> None:
    match move:
        case Enter() | Skip() | Broken() if _is_overtaken(draft, move):
            pass
        case Enter():
            steps.enter(draft, move.ref, move.token)
        case Join():
            steps.join(draft, move)
        case Gather():
            fanning.gather(draft, move.ref)
        case Stop():
            state = draft.x.of(move.ref)
            if state is not None and fans.may_be_closed(draft.x, move.ref):
                attempts.cancel(draft, state, move.reason)
        case Broken():
            attempts.fail_at_entry(draft, move.ref, move.reason)
        case Skip():
            visit = draft.next_visit(move.ref)
            draft.emit(e.StepSkipped(ref=move.ref, visit=visit, reason=move.reason, at=draft.now))


def _is_overtaken(draft: Draft, move: Enter | Skip | Broken) -> bool:
    """Say whether what was begun before in the same turn has failed, and with it their item."""
    if fans.closing(draft.x, move.ref) is None:
        return False
    return not (isinstance(move, Skip) and move.reason in fans.SPARED)


def _reopen(draft: Draft) -> None:
    """Carry out a retry of the run, or resets of single steps; a pause holds back both.

    A run that has ended has given up its place, and waits for another one.  One that is canceled
    meanwhile has nothing left to do, and needs none.
    """
    x = draft.x
    if x.paused or not (x.retry or x.resets):
        return
    if x.needs_place and x.cancel is None:
        if not x.slot:
            draft.emit(e.SlotAwaited(at=draft.now))
        return
    corrupted = x.corrupted if x.retry else ()
    draft.emit(e.ExecutionReopened(unwinding=bool(corrupted), at=draft.now))
    for state in draft.x.open_steps():
        if state.phase == "hook":
            # The end is taken back before it was told: a late notice of it would mislead.
            attempts.cancel(draft, state, "the run goes on")
    for ref in corrupted:
        _reset(draft, ref, "down")
    for ref in reset.chosen(x) if not corrupted else sorted(reset.told(x)):
        _reset(draft, ref, "up")


def _reset(draft: Draft, ref: str, phase: e.Phase) -> None:
    step = draft.x.of(ref, phase)
    if step is not None and step.status not in OPEN and step.status != "reset":
        told = draft.x.of(ref, "notify")
        if told is not None and told.status in OPEN:
            # While the step still knows the trigger that this notice tells of.
            attempts.cancel(draft, told, "the step is reset")
        draft.emit(e.StepReset(ref=ref, phase=phase, visit=step.visit, at=draft.now))
