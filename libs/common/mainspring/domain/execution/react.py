"""What the shell owes the world once an event is durable: tasks to hand out, attempts to stop.

All of it may be lost after the commit and is then owed again: an attempt that nobody reports on is
dispatched anew, and a report about a stopped step changes nothing.  So every action may be carried
out twice, and says by its ids that it is the same one.
"""

from typing import TypeAlias
from urllib.parse import quote

from mainspring.domain.definition import Child
from mainspring.domain.execution import events as e
from mainspring.domain.execution import fans
from mainspring.domain.execution.context import Viewpoint, everything, rfc3339, values
from mainspring.domain.execution.expansion import place_of
from mainspring.domain.execution.state import IN_FLIGHT, Execution, StepState, Waiting
from mainspring.domain.execution.steps import LISTEN
from mainspring.domain.execution.waits import child_of_attempt
from mainspring.domain.expression import ROOT
from mainspring.domain.message import Json, Message
from mainspring.domain.task import CallId, Task

TOKEN_LIFE = 60.0
"""Seconds that a callback's token outlives its deadline, so that lateness is told from forgery."""


class Dispatch(Message, frozen=True, kw_only=True):
    """Hand a task to an executor."""

    task: Task


class StartChild(Message, frozen=True, kw_only=True):
    """Start the run that a step waits for, or ask what became of it: its id is always the same.

    `cancel` is why it is to be canceled, None while it is wanted.  One that was never started is
    started and canceled too, so that its id is taken and a late start cannot bring it to life.
    Of one that is `let_go` nothing is asked but that it is there, and nothing cancels it.
    """

    execution: str
    ref: str
    visit: int
    attempt: int
    child: str
    project: str
    workflow: str
    hash: str | None
    payload: Json
    depth: int
    within: tuple[str, ...] = ()
    traceparent: str = ""
    cancel: str | None = None
    let_go: bool = False


class NotifyParent(Message, frozen=True, kw_only=True):
    """Tell the run that started this one that it has ended."""

    parent: str
    ref: str
    child: str


class EmitEvent(Message, frozen=True, kw_only=True):
    """Send a step's output to whoever waits with a key, and record that it was sent."""

    execution: str
    ref: str
    visit: int
    attempt: int
    project: str
    key: str
    payload: Json

    @property
    def sender(self) -> str:
        """Who sends: the same for every try, so that a repetition is recognised."""
        return f"step:{self.execution}:{self.ref}:{self.visit}:{self.attempt}"


class OfferKept(Message, frozen=True, kw_only=True):
    """A trigger waits: an event that was kept for its key is its own."""

    project: str
    key: str


class TendGate(Message, frozen=True, kw_only=True):
    """See who may begin of the runs of a workflow that bounds them; `lane` is what they share."""

    project: str
    workflow: str
    lane: str = ""


class StopAttempts(Message, frozen=True, kw_only=True):
    """Tell executors to stop what they do for an execution, or `within` one of its loops."""

    execution: str
    within: str = ""


Chore: TypeAlias = StartChild | NotifyParent | EmitEvent | OfferKept | TendGate
"""What the scheduler does itself, on the log."""

Action: TypeAlias = Dispatch | StopAttempts | Chore


def react(event: e.Event, x: Execution) -> list[Action]:
    """Return what is owed after `event`; `x` is the state after it or after later ones."""
    match event:
        case e.StepScheduled() | e.StepRedispatched():
            state = x.of(event.ref, event.phase)
            if state is None or (state.visit, state.attempt) != (event.visit, event.attempt):
                return []
            # One that is closed again within the same decision is owed nothing.
            return [_handed_out(x, state)] if state.status in IN_FLIGHT else []
        case e.StepWaiting(kind="event", key=key):
            return [OfferKept(project=x.project, key=key)]
        case e.SlotAwaited() | e.ExecutionResumed():
            return _gate(x) if x.slot == "awaited" else []
        case e.UnwindingStarted():
            stop = [StopAttempts(execution=x.id)] if event.outcome != "failed" else []
            return [*stop, *children(x)]
        case e.StepFailed(retry_at=None):
            return _failed(event, x)
        case e.EpilogueCut():
            return [StopAttempts(execution=x.id), *children(x)]
        case _:
            return _ended(event, x)


def _failed(event: e.StepFailed, x: Execution) -> list[Action]:
    step = x.definition.by_ref.get(event.ref)
    is_late = event.fault == "timeout" and step is not None and step.kind == "each"
    stop = [StopAttempts(execution=x.id, within=event.ref)] if is_late else []
    if place_of(event.ref) is None:
        return [*stop]
    # The runs that its item, or its loop, has begun are not wanted any more.
    return [*stop, *(one for one in children(x) if one.cancel is not None)]


def _handed_out(x: Execution, state: StepState) -> Action:
    if state.phase == "emit":
        told = x.of(state.ref)
        return EmitEvent(
            execution=x.id,
            ref=state.ref,
            visit=state.visit,
            attempt=state.attempt,
            project=x.project,
            key=state.key,
            payload=told.output if told else None,
        )
    child = child_of(x, state)
    return child if child is not None else Dispatch(task=task_of(x, state))


def _ended(event: e.Event, x: Execution) -> list[Action]:
    asked = x.requested
    if not isinstance(event, e.Terminal) or asked is None:
        return []
    if asked.parent is None:
        return _gate(x)
    return [*_gate(x), NotifyParent(parent=asked.parent, ref=asked.parent_step or "", child=x.id)]


def _gate(x: Execution) -> list[Action]:
    asked = x.requested
    if asked is None or x.definition.max_runs is None:
        return []
    return [TendGate(project=x.project, workflow=asked.name, lane=asked.lane)]


def children(x: Execution) -> list[StartChild]:
    """Return a question about each run that a step waits for, in the order of the steps."""
    found = (child_of(x, state) for state in x.open_steps())
    return [child for child in found if child is not None]


def child_of(x: Execution, state: StepState) -> StartChild | None:
    """Return what to do about the run that a step waits for; None when it waits for none."""
    step = x.definition.by_ref.get(state.ref)
    asked = x.requested
    if step is None or step.child is None or asked is None:
        return None
    if state.phase != "up" or state.status not in IN_FLIGHT:
        return None
    let_go = step.child.begun is not None
    return StartChild(
        execution=x.id,
        ref=state.ref,
        visit=state.visit,
        attempt=state.attempt,
        child=child_of_attempt(x, state.ref, state.visit, state.attempt),
        project=x.project,
        workflow=step.child.workflow,
        hash=_form(step.child, asked),
        payload=state.payload,
        depth=asked.depth + 1,
        # Nobody waits for one that is let go, so it can wait for a place as others do.
        within=() if let_go else _within(x, asked),
        traceparent=x.traceparent,
        cancel=None if let_go else fans.closing(x, state.ref),
        let_go=let_go,
    )


def _form(child: Child, asked: e.ExecutionRequested) -> str | None:
    """Return the form that a child runs: that of the run, where a workflow runs itself."""
    is_itself = child.hash is None and child.workflow == asked.catalog_id
    return asked.definition if is_itself else child.hash


def _within(x: Execution, asked: e.ExecutionRequested) -> tuple[str, ...]:
    """Return the bounded workflows that a run, or one above it, is a run of."""
    if x.definition.max_runs is None or asked.name in asked.within:
        return asked.within
    return (*asked.within, asked.name)


def task_of(x: Execution, state: StepState) -> Task:
    """Return the task of a step's present attempt, with just the values that its templates name.

    Its idempotency key is the same for all tries of the step's visit, so that a peer can tell a
    repetition from a new wish.
    """
    definition = x.definition
    request = definition.request_of(state.ref, state.phase)
    plugin = definition.plugin_of(state.ref, state.phase) if request is None else None
    if request is None and plugin is None:
        raise LookupError(f"{state.ref} in phase {state.phase} calls nothing")
    phase = "UP" if state.phase == "up" else "DOWN"
    view = Viewpoint(state.token, state.ref, phase, state.attempt)
    timeout = definition.timeout_of(state.ref, state.phase)
    is_notice = state.phase == "notify"
    callback = definition.by_ref[state.ref].callback if state.nonce else None
    expires = state.dispatched_at + timeout + callback.timeout if callback else None
    return Task(
        call=CallId(
            execution=x.id,
            ref=state.ref,
            phase=state.phase,
            visit=state.visit,
            attempt=state.attempt,
        ),
        request=request,
        plugin=plugin,
        language=definition.language if plugin is not None else "mustache",
        deadline=state.dispatched_at + LISTEN,
        timeout=timeout,
        idempotency_key=f"{x.id}:{state.phase}:{state.ref}:{state.visit}",
        project=x.project,
        traceparent=x.traceparent,
        values=_notice(x, state) if is_notice else _named(x, state, view),
        nonce=state.nonce,
        callback_expires_at=expires and expires + TOKEN_LIFE,
        redispatch=state.redispatches,
        sign=is_notice,
    )


def _named(x: Execution, state: StepState, view: Viewpoint) -> Json:
    """Return what the templates of a call name; all there is, when that cannot be known."""
    paths = x.definition.names[state.ref, state.phase]
    return everything(x, view) if ROOT in paths else values(x, paths, view)


def _question(x: Execution, state: StepState, opened: Waiting) -> Json:
    """Return what the notice of an approval says to the first of those who are still to know."""
    url, message = "", None
    match state.payload:
        case {"urls": [str() as url, *_], "ask": {"message": message}}:
            pass
        case _:
            pass
    return {
        "url": url,
        "executionId": x.id,
        "taskName": state.ref,
        "approvalId": opened.id,
        "namespace": x.project,
        "message": message,
        "expiresAt": None if opened.expires_at is None else rfc3339(opened.expires_at),
    }


def _notice(x: Execution, state: StepState) -> Json:
    """Return what the notice of a wait says; its trigger is the one that stood open then."""
    told = x.of(state.ref)
    opened = told.opened if told is not None else None
    if opened is None:
        return {}
    if opened.kind == "approval":
        return {"notify": _question(x, state, opened)}
    return {
        "notify": {
            "url": opened.notify_url,
            "event_key": opened.key,
            "trigger_id": opened.id,
            "project_id": x.project,
            "expires_at": None if opened.expires_at is None else rfc3339(opened.expires_at),
            "callback_url": f"/v1/events/{quote(opened.key, safe='')}/send",
        }
    }
