"""From what the domain says of a run to the wire: words, sentences, instants."""

from collections.abc import Iterable
from typing import Final, cast

from mainspring.domain.execution.explain import Because, Party, Waiting, Why, since
from mainspring.domain.execution.state import Execution
from mainspring.domain.execution.timeline import Line
from mainspring.http.instants import millis, shown
from mainspring_api.dialects.native.insight import wire
from mainspring_api.dialects.native.runs.present import state, status
from mainspring_api.dialects.native.runs.words import step_status
from mainspring_api.dialects.reasons import SHARED, Words, movers, run_text, step_text

SAID: Final = Words(
    run="run",
    step="step",
    workflow="workflow",
    requests={
        **SHARED,
        "child": "GET /v1/workflow-runs/{child}/explain",
    },
)
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
        text=run_text(x, why, SAID),
        since=None if why.waiting_for is None else shown(x.updated_at),
        next_wake_up=shown(why.wake_at),
        depends_on=tuple(_outsider(party) for party in why.parties),
        steps=tuple(_step(x, one) for one in why.steps),
    )


def _outsider(party: Party) -> wire.Outsider:
    named = party.name or None
    texts = {
        "approver": f"{named or 'anyone'} may approve or reject",
        "sender": f"whoever sends the event {named}",
        "operator": "whoever resumes or cancels the run",
        "run": f"another run of {named} that ends",
    }
    return wire.Outsider(role=party.role, name=named, text=texts[party.role])


def _step(x: Execution, one: Waiting) -> wire.WaitingStep:
    cause = one.cause
    word = _word(cause.waiting_for)
    return wire.WaitingStep(
        step_ref=one.ref,
        phase=one.phase,
        status=step_status(one.status),
        waiting_for=word,
        text=step_text(cause, SAID),
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
        since=shown(since(x, one)),
        until=shown(cause.until),
        moved_by=movers(x, one, SAID),
    )


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
