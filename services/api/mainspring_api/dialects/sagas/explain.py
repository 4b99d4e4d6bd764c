"""Why a saga is where it is, in the words of the dialect: nodes, phases, and its own statuses."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import NotFound
from mainspring.domain.execution.explain import Because, Waiting, Why, explain, since
from mainspring.domain.execution.state import Execution
from mainspring.domain.task import Phase
from mainspring.http.answers import json
from mainspring.http.caller import caller_of
from mainspring.http.instants import as_of, shown
from mainspring.http.query import query_of
from mainspring.store.views import execution_row
from mainspring_api.context import Api
from mainspring_api.dialects.reasons import (
    SHARED,
    Words,
    movers,
    run_movers,
    run_text,
    step_text,
)
from mainspring_api.dialects.sagas import present, wire
from mainspring_api.dialects.sagas.parts import saga_id

SAID: Final = Words(
    run="saga",
    step="node",
    workflow="definition",
    requests={
        **SHARED,
        "sleep": "POST /sagas/{id}/wake",
        "child": "GET /sagas/{child}/explain",
    },
)
REASONS: Final[dict[Because, wire.WaitingFor]] = {
    "decision": "DECISION",
    "task": "CALL",
    "child": "SAGA",
    "retry": "RETRY",
    "callback": "CALLBACK",
    "sleep": "SLEEP",
    "event": "EVENT",
    "approval": "APPROVAL",
    "join": "JOIN",
    "resume": "RESUME",
    "slot": "PLACE",
    "needs": "NODES",
    "room": "ROOM",
    "key": "KEY",
    "reach": "PATH",
    "emit": "EMIT",
    "unwinding": "NOTHING",
}
_PHASES: Final[dict[Phase, wire.WaitingPhase]] = {
    "up": "UP",
    "down": "DOWN",
    "hook": "HOOK",
    "emit": "EMIT",
    "notify": "NOTIFY",
}
_STATUSES: Final[dict[Because, wire.NodeStatus]] = {
    "callback": "WAITING_CALLBACK",
    "sleep": "SLEEPING",
    "join": "WAITING_JOIN",
}


async def get(api: Api, request: Request) -> Response:
    """Return why a saga is, or was, where it is."""
    caller, id, query = caller_of(request), saga_id(request), query_of(request)
    at = as_of(query["as_of"]) if "as_of" in query else None
    x = await api.engine.load(id, project=caller.project, as_of=at)
    if x is None:
        raise NotFound(f"no saga {id}" + ("" if at is None else ", or none yet at that time"))
    return json(explanation(x, explain(x)))


def explanation(x: Execution, why: Why) -> wire.SagaExplanation:
    """Return why a saga is where it is; `since` is when anything happened to it last."""
    because = why.waiting_for
    return wire.SagaExplanation(
        id=x.id,
        status=present.status(execution_row(x)),
        waiting_for=None if because is None else REASONS[because],
        text=run_text(x, why, SAID),
        since=None if because is None else shown(x.updated_at),
        next_wake_up=shown(why.wake_at),
        moved_by=run_movers(x, why, SAID),
        nodes=tuple(_node(x, one) for one in why.steps),
    )


def _node(x: Execution, one: Waiting) -> wire.WaitingNode:
    because = one.cause.waiting_for
    begun: wire.NodeStatus = _STATUSES.get(because, "IN_PROGRESS")
    return wire.WaitingNode(
        node_id=one.ref,
        phase=_PHASES[one.phase],
        status="PENDING" if one.status is None else begun,
        waiting_for=REASONS[because],
        text=step_text(one.cause, SAID),
        since=shown(since(x, one)),
        next_wake_up=shown(one.wake_at),
        until=shown(one.cause.until),
        waits_for_nodes=one.cause.refs,
        moved_by=movers(x, one, SAID),
    )
