"""Every route of gates' approvals, with all that it answers."""

from typing import Any, Final

from mainspring.http.contracts.answers import PAGE
from mainspring.http.contracts.plain import (
    AWAY,
    BODY,
    INVALID,
    KEYED,
    UNKNOWN,
    Refused,
    conflict,
)
from mainspring.http.operations import Operation, Query
from mainspring_api.dialects.executions.routes import NAMESPACE
from mainspring_api.dialects.gates import handlers, wire

TAG: Final = "approvals"
ALL: Final = "/api/v1/approvals"
ONE: Final = f"{ALL}/{{id}}"
_DECIDED: Final[dict[int, tuple[str, Any]]] = {
    200: ("The approval after the decision.", wire.Approval),
    **INVALID,
    403: ("Who asks is none of the approvers.", Refused),
    **UNKNOWN,
    **conflict("It was decided otherwise, or is over; the answer says how."),
    **KEYED,
    **BODY,
    **AWAY,
}

OPERATIONS: Final = (
    Operation(
        "GET",
        ALL,
        handlers.get_all,
        "List approvals of gates",
        {200: ("Approvals, newest first.", tuple[wire.Approval, ...]), **INVALID, **AWAY},
        query=(
            NAMESPACE,
            Query("status", "Only approvals in these states.", {"examples": ["PENDING"]}),
            Query("executionId", "Only of this execution.", {"type": "string", "format": "uuid"}),
            *PAGE,
        ),
        tag=TAG,
        name="listGateApprovals",
    ),
    Operation(
        "GET",
        ONE,
        handlers.get,
        "Get a gate's approval",
        {200: ("The approval.", wire.Approval), **INVALID, **UNKNOWN, **AWAY},
        query=(NAMESPACE,),
        tag=TAG,
        name="getGateApproval",
    ),
    Operation(
        "POST",
        f"{ONE}/approve",
        handlers.approve,
        "Approve a gate",
        _DECIDED,
        body=wire.Approving,
        query=(NAMESPACE,),
        example={"comment": "looks good"},
        idempotent=True,
        tag=TAG,
        name="approveGate",
    ),
    Operation(
        "POST",
        f"{ONE}/reject",
        handlers.reject,
        "Reject a gate",
        _DECIDED,
        body=wire.Rejecting,
        query=(NAMESPACE,),
        example={"comment": "not yet"},
        idempotent=True,
        tag=TAG,
        name="rejectGate",
    ),
)
