"""Why an execution is where it is: one document in the words of both dialects.

As in the document of the execution itself, the flat fields and `steps` are of the one dialect,
`execution` and `tasks` of the other.  Reasons are the words that `waitingFor` has there.
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.execution.explain import Because, Waiting, Why, explain, since
from mainspring.domain.execution.state import Execution
from mainspring.http.answers import json
from mainspring.http.instants import as_of, shown
from mainspring.http.query import query_of
from mainspring.store.views import execution_row
from mainspring_api.context import Api
from mainspring_api.dialects.executions import present, wire
from mainspring_api.dialects.executions.parts import known, state_of
from mainspring_api.dialects.executions.words import TaskWord, flow_word, run_word, step_word
from mainspring_api.dialects.reasons import (
    SHARED,
    Words,
    movers,
    run_movers,
    run_text,
    step_text,
)

_ALL: Final = "/api/v1/executions"
_REQUESTS: Final[dict[Because, str]] = {
    **SHARED,
    "resume": f"POST {_ALL}/{{id}}/resume",
    "approval": "POST /api/v1/approvals/{opened}/approve",
    "child": f"GET {_ALL}/{{child}}/explain",
}
RUN: Final = Words("execution", "step", "workflow", _REQUESTS)
FLOW: Final = Words("execution", "task", "flow", _REQUESTS)


async def get(api: Api, request: Request) -> Response:
    """Return why an execution is, or was, where it is."""
    query = query_of(request)
    at = as_of(query["as_of"]) if "as_of" in query else None
    x = await state_of(api, await known(api, request), as_of=at)
    return json(explanation(x, explain(x)))


def explanation(x: Execution, why: Why) -> wire.ExecutionExplanation:
    """Return why an execution is where it is; `since` is when anything happened to it last."""
    row = execution_row(x)
    return wire.ExecutionExplanation(
        id=x.id,
        workflow=row.name,
        status=run_word(row.status, row.waiting_for),
        **_run(x, why, RUN),
        steps=tuple(_step(x, one) for one in why.steps),
        execution=wire.ExplainedExecution(
            id=x.id,
            flow_name=row.name,
            status=flow_word(row.status, row.waiting_for),
            **_run(x, why, FLOW),
        ),
        tasks=tuple(_task(x, one) for one in why.steps if not one.ref.startswith("$")),
    )


def _run(x: Execution, why: Why, words: Words) -> dict[str, Any]:
    return {
        "waiting_for": why.waiting_for,
        "text": run_text(x, why, words),
        "since": None if why.waiting_for is None else shown(x.updated_at),
        "next_wake_up": shown(why.wake_at),
        "moved_by": run_movers(x, why, words),
    }


def _step(x: Execution, one: Waiting) -> wire.ExplainedStep:
    return wire.ExplainedStep(
        name=one.ref,
        phase=one.phase,
        status=step_word(_word(x, one)),
        **_part(x, one, RUN),
    )


def _task(x: Execution, one: Waiting) -> wire.ExplainedTask:
    return wire.ExplainedTask(
        task_name=one.ref,
        phase=one.phase,
        status=_word(x, one),
        **_part(x, one, FLOW),
    )


def _part(x: Execution, one: Waiting, words: Words) -> dict[str, Any]:
    cause = one.cause
    return {
        "waiting_for": cause.waiting_for,
        "text": step_text(cause, words),
        "since": shown(since(x, one)),
        "next_wake_up": shown(one.wake_at),
        "until": shown(cause.until),
        "waits_for": cause.refs,
        "moved_by": movers(x, one, words),
    }


def _word(x: Execution, one: Waiting) -> TaskWord:
    """Return the word for a task; one that is being undone, or tells of the end, is under way."""
    return present.word_of(x, x.step(one.ref)) if one.phase == "up" else "RUNNING"
