"""Every route of executions, with all that it answers."""

from typing import Any, Final

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from mainspring.http.contracts.answers import AS_OF, PAGE
from mainspring.http.contracts.plain import AWAY, INVALID, KEYED, LIMITED, UNKNOWN, conflict
from mainspring.http.operations import Operation, Query
from mainspring_api.context import Api
from mainspring_api.dialects.executions import changes, explain, logs, reads, wire
from mainspring_api.dialects.executions.frames import LEVELS, Frame
from mainspring_api.dialects.executions.words import FILTERS

TAG: Final = "executions"
ALL: Final = "/api/v1/executions"
ONE: Final = f"{ALL}/{{id}}"
NAMESPACE: Final = Query("namespace", "The namespace; the header X-Project-Id does as well.")
_LOGS: Final[dict[int, tuple[str, Any]]] = {
    200: (
        "Lines in order; a stream of frames where text/event-stream is accepted.",
        tuple[Frame, ...],
    ),
    **INVALID,
    **UNKNOWN,
    **AWAY,
}


def _steers(text: str) -> dict[int, tuple[str, Any]]:
    return {
        200: ("What becomes of it.", wire.Canceled),
        **INVALID,
        **UNKNOWN,
        **conflict(text),
        **KEYED,
        **AWAY,
    }


OPERATIONS: Final = (
    Operation(
        "GET",
        ALL,
        reads.get_all,
        "List executions",
        {200: ("Executions, newest first.", wire.Items), **INVALID, **AWAY},
        query=(
            NAMESPACE,
            Query("workflow", "Only executions of the workflow of this name."),
            Query("flowId", "Only executions of this flow.", {"type": "string", "format": "uuid"}),
            Query(
                "status",
                "Only executions in these states (with commas between them).",
                {"type": "string", "examples": list(FILTERS)},
            ),
            Query("since", "Only those begun since then: `90m`, `1h30m`, `7d`, or an instant."),
            Query("from", "Only those begun at this instant or later."),
            Query("to", "Only those begun at this instant or earlier."),
            Query("q", "Only those whose workflow has this in its name."),
            Query("labels", "Only those with these labels: `team:shop,tier`."),
            *PAGE,
        ),
        tag=TAG,
        name="listExecutions",
    ),
    Operation(
        "GET",
        ONE,
        reads.get,
        "Get an execution with its steps and tasks",
        {200: ("The execution.", wire.Detail), **INVALID, **UNKNOWN, **AWAY},
        query=(
            NAMESPACE,
            AS_OF,
            Query("parse", "Show outputs of tasks as values, not as texts.", {"type": "boolean"}),
        ),
        tag=TAG,
        name="getExecution",
    ),
    Operation(
        "GET",
        f"{ONE}/explain",
        explain.get,
        "Explain why an execution is where it is",
        {
            200: (
                "What it waits for, and each step that has not ended.",
                wire.ExecutionExplanation,
            ),
            **INVALID,
            **UNKNOWN,
            **AWAY,
        },
        query=(NAMESPACE, AS_OF),
        tag=TAG,
        name="explainExecution",
    ),
    Operation(
        "GET",
        f"{ONE}/logs",
        logs.get,
        "Read or follow an execution's log",
        _LOGS,
        query=(
            NAMESPACE,
            Query("since", "Only what comes behind the frame of this number.", {"type": "integer"}),
            Query("level", "Only lines of this level and above.", {"enum": list(LEVELS)}),
            Query("task", "Only what this task says."),
            Query("types", "Kinds of frames: log, status, end."),
            PAGE[0],
        ),
        detail="A WebSocket upgrade of the same path sends every frame as a text message.",
        tag=TAG,
        name="getExecutionLogs",
        also=("text/event-stream",),
    ),
    Operation(
        "POST",
        f"{ONE}/cancel",
        changes.cancel,
        "Cancel an execution",
        _steers("It has ended; the answer says how."),
        query=(NAMESPACE,),
        idempotent=True,
        tag=TAG,
        name="cancelFlowExecution",
    ),
    Operation(
        "POST",
        f"{ONE}/pause",
        changes.pause,
        "Pause an execution",
        _steers("It cannot be paused; the answer says why."),
        query=(NAMESPACE,),
        idempotent=True,
        tag=TAG,
        name="pauseExecution",
    ),
    Operation(
        "POST",
        f"{ONE}/resume",
        changes.resume,
        "Resume an execution",
        _steers("It is not paused."),
        query=(NAMESPACE,),
        idempotent=True,
        tag=TAG,
        name="resumeExecution",
    ),
    Operation(
        "POST",
        f"{ONE}/retry",
        changes.retry,
        "Run a failed execution again",
        {
            202: ("The new execution.", wire.Begun),
            **INVALID,
            **UNKNOWN,
            **conflict("It has not failed."),
            **KEYED,
            **LIMITED,
            **AWAY,
        },
        query=(
            NAMESPACE,
            Query("fromFailed", "Keep what had succeeded.", {"type": "boolean"}),
        ),
        idempotent=True,
        tag=TAG,
        name="retryFlowExecution",
    ),
)


def sockets(api: Api) -> list[BaseRoute]:
    """Return the routes that speak WebSocket."""
    socket = logs.Socket(api)

    async def serve(websocket: WebSocket) -> None:
        await socket(websocket)

    return [WebSocketRoute(f"{ONE}/logs", serve)]
