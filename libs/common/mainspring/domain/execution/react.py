"""What the shell owes the world once an event is durable: tasks to hand out, attempts to stop.

Both may be lost after the commit and are then owed again: an attempt that nobody reports on is
dispatched anew, and a report about a stopped step changes nothing.
"""

from typing import TypeAlias

from mainspring.domain.execution import events as e
from mainspring.domain.execution.context import Viewpoint, values
from mainspring.domain.execution.state import Execution, StepState
from mainspring.domain.execution.steps import LISTEN
from mainspring.domain.message import Message
from mainspring.domain.task import CallId, Task

TOKEN_LIFE = 60.0
"""Seconds that a callback's token outlives its deadline, so that lateness is told from forgery."""


class Dispatch(Message, frozen=True, kw_only=True):
    """Hand a task to an executor."""

    task: Task


class StopAttempts(Message, frozen=True, kw_only=True):
    """Tell executors to stop what they do for an execution."""

    execution: str


Action: TypeAlias = Dispatch | StopAttempts


def react(event: e.Event, x: Execution) -> list[Action]:
    """Return what is owed after `event`; `x` is the state after it or after later ones."""
    match event:
        case e.StepScheduled() | e.StepRedispatched():
            state = x.of(event.ref, event.phase)
            if state is None or (state.visit, state.attempt) != (event.visit, event.attempt):
                return []
            return [Dispatch(task=task_of(x, state))]
        case e.UnwindingStarted():
            return [StopAttempts(execution=x.id)] if event.outcome != "failed" else []
        case _:
            return []


def task_of(x: Execution, state: StepState) -> Task:
    """Return the task of a step's present attempt, with just the values that its templates name.

    Its idempotency key is the same for all tries of the step's visit, so that a peer can tell a
    repetition from a new wish.
    """
    definition = x.definition
    request = definition.request_of(state.ref, state.phase)
    if request is None:
        raise LookupError(f"{state.ref} in phase {state.phase} calls nothing")
    phase = "UP" if state.phase == "up" else "DOWN"
    view = Viewpoint(state.token, state.ref, phase, state.attempt)
    timeout = definition.timeout_of(state.ref)
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
        deadline=state.dispatched_at + LISTEN,
        timeout=timeout,
        idempotency_key=f"{x.id}:{state.phase}:{state.ref}:{state.visit}",
        project=x.project,
        traceparent=x.traceparent,
        values=values(x, definition.names[state.ref, state.phase], view),
        nonce=state.nonce,
        callback_expires_at=expires and expires + TOKEN_LIFE,
        redispatch=state.redispatches,
    )
