"""Every operation on workflows, with all that it answers."""

from typing import Final

from mainspring.http.contracts.answers import (
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
from mainspring.http.operations import Operation
from mainspring_api.dialects.native.definitions import begin, changes, examples, reads, wire
from mainspring_api.dialects.native.runs.wire import Run

_TAG: Final = "workflows"
_SERVED: Final = conflict("A request with this idempotency key is being served.")

OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/workflows",
        changes.create,
        "Create workflow",
        {
            201: ("The stored workflow, in its first version.", wire.Workflow),
            **INVALID,
            **conflict("The slug is taken."),
            **JSON,
            **KEYED,
            **AWAY,
        },
        body=wire.NewWorkflow,
        query=(PROJECT,),
        example=examples.ORDER,
        idempotent=True,
        tag=_TAG,
    ),
    Operation(
        "GET",
        "/v1/workflows",
        reads.get_all,
        "List workflows",
        {
            200: ("Workflows in their newest versions, newest first.", tuple[wire.Workflow, ...]),
            **INVALID,
        },
        query=(PROJECT, *TAGGED, *PAGE),
        tag=_TAG,
    ),
    Operation(
        "GET",
        "/v1/workflows/{id}",
        reads.get,
        "Get workflow",
        {200: ("The workflow in its newest version.", wire.Workflow), **UNKNOWN},
        query=(PROJECT,),
        detail="By id or slug.",
        tag=_TAG,
    ),
    Operation(
        "PATCH",
        "/v1/workflows/{id}",
        changes.change,
        "Change workflow",
        {
            200: ("The workflow; in a new version, unless it is the same.", wire.Workflow),
            **INVALID,
            **UNKNOWN,
            **_SERVED,
            **JSON,
            **KEYED,
            **AWAY,
        },
        body=wire.WorkflowChange,
        query=(PROJECT,),
        example={"max_parallel_steps": 4},
        idempotent=True,
        detail="Fields that are given replace those of the newest version.",
        tag=_TAG,
    ),
    Operation(
        "DELETE",
        "/v1/workflows/{id}",
        changes.delete,
        "Delete workflow",
        {204: ("It is deleted in all its versions; runs in flight go on.", None), **UNKNOWN},
        query=(PROJECT,),
        tag=_TAG,
    ),
    Operation(
        "GET",
        "/v1/workflows/{id}/versions",
        reads.get_versions,
        "List versions of workflow",
        {
            200: ("The workflow's versions, newest first.", tuple[wire.Workflow, ...]),
            **INVALID,
            **UNKNOWN,
        },
        query=(PROJECT, *PAGE),
        tag=_TAG,
    ),
    Operation(
        "GET",
        "/v1/workflows/{id}/versions/{version}",
        reads.get_version,
        "Get version of workflow",
        {200: ("The workflow in this version.", wire.Workflow), **UNKNOWN},
        query=(PROJECT,),
        tag=_TAG,
    ),
    Operation(
        "POST",
        "/v1/workflows/{id}/trigger",
        begin.trigger,
        "Trigger workflow",
        {
            202: ("The run: it is durable and will be carried out.", Run),
            **INVALID,
            **UNKNOWN,
            **_SERVED,
            **JSON,
            **KEYED,
            **LIMITED,
            **AWAY,
        },
        body=wire.Trigger,
        query=(PROJECT,),
        example=examples.TRIGGER,
        idempotent=True,
        tag=_TAG,
    ),
)
