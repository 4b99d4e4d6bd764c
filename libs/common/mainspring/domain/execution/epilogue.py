"""The end of a run, and the steps that come between the end of its work and that.

They run as a dag among themselves, for the end to which the work has come; whatever becomes of
them, the run ends so.  A cancel that is asked for meanwhile, and the time limit that they have in
all, cut them short: the run then ends as its work did, for that has happened already.  A run whose
work never began has nothing to come after it.
"""

from mainspring.domain.definition import Ending
from mainspring.domain.execution import attempts
from mainspring.domain.execution import events as e
from mainspring.domain.execution.draft import Draft
from mainspring.domain.execution.state import IN_FLIGHT, Epilogue, Execution, StepState


def end(
    draft: Draft, outcome: Ending, reason: str | None = None, *, result: str | None = None
) -> None:
    """End the work: with the steps for that end first, if there are any."""
    x = draft.x
    if x.in_epilogue:
        _end_as(draft, x.epilogue)
    elif x.definition.epilogue and x.started_at is not None:
        step = _failed_step(x) if outcome == "failed" else None
        draft.emit(
            e.EpilogueBegun(outcome=outcome, reason=reason, step=step, result=result, at=draft.now)
        )
    else:
        _end_as(draft, Epilogue(outcome=outcome, reason=reason, result=result, at=draft.now))


def end_early(draft: Draft) -> None:
    """Cut short what comes after the work, on a cancel or when it has taken too long."""
    x = draft.x
    if x.closing is not None:
        return
    if x.cancel is not None:
        draft.emit(e.EpilogueCut(reason=x.cancel, at=draft.now))
    elif not x.paused and x.ends_at is not None and x.ends_at <= draft.now:
        reason = f"what comes after its work took longer than {x.definition.after_timeout:g} s"
        draft.emit(e.EpilogueCut(reason=reason, at=draft.now))


def close(draft: Draft) -> None:
    """Cancel what is open of an epilogue that was cut short, then end the run.

    Only a run of another workflow is waited for, until it is canceled too: it must not go on alone.
    """
    reason = draft.x.closing or ""
    for state in draft.x.open_steps():
        if state.phase == "up" and not _is_child_under_way(state):
            attempts.cancel(draft, state, reason)
    if not draft.x.working():
        _end_as(draft, draft.x.epilogue)


def _is_child_under_way(state: StepState) -> bool:
    return state.kind == "child" and state.status in IN_FLIGHT


def _failed_step(x: Execution) -> str | None:
    """Return the step whose failure has failed the work: the first one that nobody tolerates."""
    failed = [state for step in x.definition.work if (state := _failed(x, step.ref)) is not None]
    return (
        min(failed, key=lambda state: (state.finished_at or 0.0, state.seq)).ref if failed else None
    )


def _failed(x: Execution, ref: str) -> StepState | None:
    state = x.of(ref)
    if state is None or state.status != "failed":
        return None
    if x.definition.planner == "dag":
        return None if x.step(ref).on_failure == "continue" else state
    return state if any(token.at == ref for token in x.tokens.values()) else None


def _end_as(draft: Draft, ended: Epilogue | None) -> None:
    if ended is None:
        return
    reason = ended.reason or ""
    if draft.x.corrupted:
        text = f"{reason}; compensation failed: {', '.join(draft.x.corrupted)}"
        draft.emit(e.ExecutionCorrupted(reason=text, steps=draft.x.corrupted, at=draft.now))
        return
    match ended.outcome:
        case "succeeded":
            draft.emit(e.ExecutionSucceeded(result=ended.result, at=draft.now))
        case "failed":
            draft.emit(e.ExecutionFailed(reason=reason, at=draft.now))
        case "canceled":
            draft.emit(e.ExecutionCanceled(reason=reason, at=draft.now))
        case "timed_out":
            draft.emit(e.ExecutionTimedOut(reason=reason, at=draft.now))
