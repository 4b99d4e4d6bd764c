"""From what the domain says of a run to the wire: words, sentences, instants."""

from collections.abc import Callable, Iterable
from typing import Final, cast

from mainspring.domain.execution.explain import Because, Cause, Party, Waiting, Why
from mainspring.domain.execution.state import Execution
from mainspring.domain.execution.timeline import Line
from mainspring.http.instants import millis, shown
from mainspring_api.dialects.native.insight import wire
from mainspring_api.dialects.native.runs.present import state, status
from mainspring_api.dialects.native.runs.words import step_status

MOST_NAMED: Final = 5
_WORDS: Final[dict[Because, wire.WaitingFor]] = {
    "task": "executor",
    "child": "child_run",
    "slot": "run_slot",
    "room": "max_parallel",
    "key": "concurrency_key",
    "reach": "walker",
}


def _word(because: Because) -> wire.WaitingFor:
    return _WORDS.get(because) or cast("wire.WaitingFor", because)


def explanation(x: Execution, why: Why) -> wire.Explanation:
    """Return why a run is where it is."""
    return wire.Explanation(
        workflow_run_id=x.id,
        status=status(x),
        waiting_for=None if why.waiting_for is None else _word(why.waiting_for),
        text=_run_text(x, why),
        next_wake_up=shown(why.wake_at),
        depends_on=tuple(_outsider(party) for party in why.parties),
        steps=tuple(_step(one) for one in why.steps),
    )


def _run_text(x: Execution, why: Why) -> str:
    match why.waiting_for:
        case None:
            return "it has ended" if x.is_terminal else "it waits for nothing"
        case "resume":
            return "it is paused: it goes on when somebody resumes it"
        case "slot":
            return "it waits for the end of another run of its workflow, whose runs are bounded"
        case "decision":
            return "the scheduler decides on its next turn"
        case _:
            return f"{_phase(x)}{_steps_text(why)}"


def _phase(x: Execution) -> str:
    if x.is_terminal:
        return "it has ended and gives notice of it: "
    if x.unwinding is not None:
        return f"it is being wound up ({x.unwinding.reason}): "
    return ""


def _steps_text(why: Why) -> str:
    going = sum(one.status is not None for one in why.steps)
    return f"{_count(going)} under way, {_count(len(why.steps) - going)} not begun"


def _count(number: int) -> str:
    return f"{number} step{'s' * (number != 1)}"


def _outsider(party: Party) -> wire.Outsider:
    named = party.name or None
    texts = {
        "approver": f"{named or 'anyone'} may approve or reject",
        "sender": f"whoever sends the event {named}",
        "operator": "whoever resumes or cancels the run",
        "run": f"another run of {named} that ends",
    }
    return wire.Outsider(role=party.role, name=named, text=texts[party.role])


def _step(one: Waiting) -> wire.WaitingStep:
    cause = one.cause
    word = _word(cause.waiting_for)
    return wire.WaitingStep(
        step_ref=one.ref,
        phase=one.phase,
        status=step_status(one.status),
        waiting_for=word,
        text=_TEXTS[cause.waiting_for](cause),
        next_wake_up=shown(one.wake_at),
        needs=cause.refs,
        max_parallel_steps=cause.limit,
        concurrency_key=(cause.key or None) if word == "concurrency_key" else None,
        event_key=(cause.key or None) if word in ("event", "emit") else None,
        event_trigger_id=(cause.opened or None) if word == "event" else None,
        approval_id=(cause.opened or None) if word == "approval" else None,
        approvers=cause.approvers,
        child_workflow_run_id=cause.child or None,
        settled_by=cause.by or None,
        since=shown(cause.since),
        until=shown(cause.until),
    )


def _named(names: Iterable[str]) -> str:
    """Return some names, and how many more there are."""
    all_names = list(names)
    more = len(all_names) - MOST_NAMED
    return ", ".join(all_names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _until(cause: Cause) -> str:
    return "" if cause.until is None else f" until {shown(cause.until)}"


def _since(cause: Cause) -> str:
    return "" if cause.since is None else f" since {shown(cause.since)}"


def _decision(cause: Cause) -> str:
    settled = f"{cause.by} has settled it; " if cause.by else ""
    return f"{settled}the scheduler decides on its next turn"


def _resume(cause: Cause) -> str:
    settled = f"{cause.by} has settled it, but the" if cause.by else "the"
    due = (
        "" if cause.until is None else f", and what is due at {shown(cause.until)} waits till then"
    )
    return f"{settled} run is paused{due}"


def _join(cause: Cause) -> str:
    return f"waits for its branches: {_named(cause.refs)}"


_TEXTS: Final[dict[Because, Callable[[Cause], str]]] = {
    "decision": _decision,
    "resume": _resume,
    "needs": lambda cause: f"waits for what it needs: {_named(cause.refs)}",
    "room": lambda cause: (
        f"waits for a place: {cause.limit} may run at once, and {_named(cause.refs)} do"
    ),
    "key": lambda cause: (
        f'waits for {_named(cause.refs)} with the same concurrency key "{cause.key}"'
    ),
    "event": lambda cause: f'waits for an event with key "{cause.key}"{_until(cause)}',
    "approval": lambda cause: (
        f"waits for an approval by {_named(cause.approvers) or 'anyone'}{_until(cause)}"
    ),
    "retry": lambda cause: f"is tried again at {shown(cause.until)}",
    "sleep": lambda cause: f"sleeps{_until(cause)}",
    "callback": lambda cause: f"was accepted, and waits for its callback{_until(cause)}",
    "child": lambda cause: f"waits for the run {cause.child}{_since(cause)}",
    "task": lambda cause: f"is with the executor{_since(cause)}",
    "emit": lambda cause: f'sends the event with key "{cause.key}"{_since(cause)}',
    "join": _join,
    "reach": lambda cause: (
        f"is not reached yet; the way leads there from {_named(cause.refs)}"
        if cause.refs
        else "is not reached, and no way leads there"
    ),
    "slot": lambda _: "waits with its run for the end of another run of the workflow",
    "unwinding": lambda _: "will not begin: the run is being wound up",
}


def timeline(x: Execution, lines: Iterable[Line]) -> wire.Timeline:
    """Return all attempts of a run."""
    run = state(x)
    began = x.requested.at if x.requested else x.updated_at
    return wire.Timeline(
        workflow_run_id=x.id,
        status=run.status,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        total_ms=_span(began, x.finished_at),
        attempts=tuple(_attempt(line) for line in lines),
    )


def _attempt(line: Line) -> wire.Attempt:
    return wire.Attempt(
        step_ref=line.ref,
        phase=line.phase,
        visit=line.visit,
        attempt=line.attempt,
        status=step_status(line.status),
        scheduled_at=shown(line.scheduled_at),
        started_at=shown(line.started_at),
        finished_at=shown(line.finished_at),
        queued_ms=_span(line.scheduled_at, line.started_at),
        ran_ms=_span(line.started_at, line.finished_at),
        total_ms=_span(line.scheduled_at, line.finished_at),
        retry_at=shown(line.retry_at),
        redispatches=line.redispatches,
        error=line.reason,
    )


def _span(begin: float | None, end: float | None) -> int | None:
    # The clocks of two machines may differ, so that an end seems to lie before its beginning.
    return None if begin is None or end is None else max(0, millis(end - begin))
