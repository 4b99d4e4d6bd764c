"""The end of work that cannot go on: stop, wait for what is in flight, undo, say so.

Compensations run one at a time, newest completed step first, each with its retry policy.  One that
fails for good does not keep the others from running; the run then ends corrupted and names it.
"""

from mainspring.domain.execution import attempts, epilogue
from mainspring.domain.execution import events as e
from mainspring.domain.execution.draft import Draft
from mainspring.domain.execution.state import IN_FLIGHT, key_of

ON_SUCCESS = "on_success"
ON_FAILURE = "on_failure"


def begin(draft: Draft, outcome: e.Outcome, reason: str) -> None:
    """Stop forward work.  A run with nothing to stop and nothing to undo ends at once."""
    if not draft.x.working() and draft.x.stack is None:
        epilogue.end(draft, outcome, reason)
        return
    draft.emit(e.UnwindingStarted(outcome=outcome, reason=reason, at=draft.now))


def go_on(draft: Draft) -> None:
    """Cancel what only waits; when nothing is in flight, undo the next step, or end."""
    unwinding = draft.x.unwinding
    if unwinding is None:
        return
    for state in draft.x.open_steps():
        if state.phase == "up" and state.status not in IN_FLIGHT:
            attempts.cancel(draft, state, unwinding.reason)
    if draft.x.working():
        return
    if draft.x.stack is not None:
        attempts.schedule(draft, draft.x.stack.ref, phase="down")
    else:
        epilogue.end(draft, unwinding.outcome, unwinding.reason)


def owed_notice(status: str) -> str | None:
    """Return the hook that the end of a run calls for."""
    if status == "succeeded":
        return ON_SUCCESS
    return ON_FAILURE if status in ("failed", "corrupted", "timed_out") else None


def notify_end(draft: Draft) -> None:
    """Owe the notice of the run's end, once an end."""
    x = draft.x
    ref = owed_notice(x.status)
    if ref is None or x.definition.request_of(ref, "hook") is None:
        return
    told = x.steps.get(key_of(ref, "hook"))
    if told is None or told.seq <= x.ended_after:
        attempts.schedule(draft, ref, phase="hook")
