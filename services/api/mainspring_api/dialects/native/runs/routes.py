"""Every route of workflow runs, with all that it answers."""

from typing import Any, Final

from mainspring.http.contracts.answers import (
    AS_OF,
    AWAY,
    INVALID,
    JSON,
    KEYED,
    LIMITED,
    PAGE,
    PROJECT,
    TAGGED,
    UNKNOWN,
    conflict,
)
from mainspring.http.operations import Handler, Operation, Query
from mainspring_api.dialects.native.runs import bulk, changes, reads, steps, wire
from mainspring_api.dialects.native.runs.words import FILTERS

TAG: Final = "workflow runs"
RUN: Final = "/v1/workflow-runs/{id}"
STEP: Final = f"{RUN}/steps/{{ref}}"
_CHANGED: Final = {200: ("The run after the change.", wire.RunDetail)}
_STEP: Final = {200: ("The step after the change.", wire.StepChanged)}


def _post(  # noqa: PLR0913 - one argument for each thing that differs
    path: str,
    handler: Handler,
    summary: str,
    answers: dict[int, tuple[str, Any]],
    *,
    wrong_state: str,
    body: Any = None,  # noqa: ANN401 - a struct
    example: Any = None,  # noqa: ANN401 - any JSON
) -> Operation:
    refusals = {**INVALID, **UNKNOWN, **conflict(wrong_state), **KEYED, **AWAY}
    return Operation(
        "POST",
        path,
        handler,
        summary,
        {**answers, **refusals, **(JSON if body is not None else {})},
        body=body,
        example=example,
        query=(PROJECT,),
        idempotent=True,
        tag=TAG,
    )


OPERATIONS: Final = (
    Operation(
        "GET",
        "/v1/workflow-runs",
        reads.get_all,
        "List workflow runs",
        {200: ("Runs, newest first.", tuple[wire.Run, ...]), **INVALID, **AWAY},
        query=(
            PROJECT,
            Query(
                "status",
                "Only runs in these states (with commas between them).",
                {"type": "string", "examples": list(FILTERS)},
            ),
            Query("workflow_id", "Only runs of this workflow, by its id or slug."),
            *TAGGED,
            *PAGE,
        ),
        tag=TAG,
    ),
    Operation(
        "GET",
        RUN,
        reads.get,
        "Get a workflow run",
        {200: ("The run.", wire.RunDetail), **INVALID, **UNKNOWN, **AWAY},
        query=(PROJECT, AS_OF),
        tag=TAG,
    ),
    Operation(
        "DELETE",
        RUN,
        changes.cancel,
        "Cancel a workflow run",
        {
            204: ("It is canceled, with its child runs, waits and timers.", None),
            **INVALID,
            **UNKNOWN,
            **conflict("It has ended, or what it has done is being compensated."),
            **KEYED,
            **AWAY,
        },
        query=(PROJECT,),
        idempotent=True,
        tag=TAG,
    ),
    Operation(
        "GET",
        f"{RUN}/steps",
        reads.get_steps,
        "List step runs",
        {
            200: ("Steps, in the order of the definition.", tuple[wire.StepRun, ...]),
            **INVALID,
            **UNKNOWN,
            **AWAY,
        },
        query=(PROJECT, AS_OF, *PAGE),
        tag=TAG,
    ),
    _post(
        f"{RUN}/pause",
        changes.pause,
        "Pause a workflow run",
        _CHANGED,
        wrong_state="It has ended, or is being wound up.",
    ),
    _post(
        f"{RUN}/resume",
        changes.resume,
        "Resume a workflow run",
        _CHANGED,
        wrong_state="It is not paused.",
    ),
    _post(
        f"{RUN}/retry",
        changes.retry,
        "Retry from first failed step",
        {201: ("The new run.", wire.RunDetail), **LIMITED},
        wrong_state="It has not failed, timed out or been canceled.",
    ),
    _post(
        f"{STEP}/skip",
        steps.skip,
        "Skip a step",
        _STEP,
        wrong_state="The step is in flight or has ended, or the run is being wound up.",
        body=wire.Why,
        example={"reason": "not needed this time"},
    ),
    _post(
        f"{STEP}/force-complete",
        steps.complete,
        "Force-complete a step",
        _STEP,
        wrong_state="The step is in flight or has ended, or the run is being wound up.",
        body=wire.Completion,
        example={"result": {"paid": True}},
    ),
    _post(
        f"{STEP}/fail",
        steps.fail,
        "Fail a step",
        _STEP,
        wrong_state="The step is in flight or has ended, or the run is being wound up.",
        body=wire.Why,
        example={"reason": "the supplier is closed"},
    ),
    _post(
        f"{STEP}/retry",
        steps.retry,
        "Retry a single workflow step",
        _STEP,
        wrong_state="The step has not ended, or one behind it is running.",
    ),
    _post(
        f"{STEP}/replay-subtree",
        steps.replay,
        "Replay a step subtree",
        {200: ("How many steps run again.", wire.SubtreeReset)},
        wrong_state="The step has not ended, or one behind it is running.",
    ),
    _post(
        "/v1/workflow-runs/bulk-cancel",
        bulk.cancel,
        "Bulk cancel workflow runs",
        {200: ("What became of each run.", wire.BulkCanceled)},
        wrong_state="A request with this idempotency key is being served.",
        body=wire.RunIds,
    ),
    _post(
        "/v1/workflow-runs/bulk-replay",
        bulk.replay,
        "Bulk replay workflow runs",
        {200: ("What became of each run.", wire.BulkReplayed)},
        wrong_state="A request with this idempotency key is being served.",
        body=wire.RunIds,
    ),
)
