"""Every route of approvals, with all that it answers."""

from typing import Final

from mainspring.http.contracts.answers import (
    AWAY,
    INVALID,
    JSON,
    KEYED,
    PAGE,
    PROJECT,
    UNKNOWN,
    conflict,
)
from mainspring.http.contracts.refusal import Refusal
from mainspring.http.operations import Operation, Query
from mainspring_api.dialects.native.approvals import decisions, links, reads, wire

TAG: Final = "approvals"
STEP: Final = "/v1/workflow-runs/{id}/steps/{ref}"
_NOT_YOURS: Final = {403: ("Who asks is none of the approvers.", Refusal)}
_DECIDED: Final = {
    200: ("The step after the decision.", wire.Decided),
    **INVALID,
    **UNKNOWN,
    **_NOT_YOURS,
    **conflict("It is no approval, has not begun, or was decided otherwise; the answer says how."),
    **KEYED,
    **JSON,
    **AWAY,
}
_PAGES: Final = {
    404: ("A page that says that there is nothing under this link.", "text/html"),
    409: ("A page that says what became of the approval.", "text/html"),
    410: ("A page that says that the link has expired.", "text/html"),
    503: ("A page that says to come back.", "text/html"),
}

OPERATIONS: Final = (
    Operation(
        "GET",
        "/v1/approvals",
        reads.get_all,
        "List approvals",
        {200: ("Approvals, newest first.", tuple[wire.Approval, ...]), **INVALID, **AWAY},
        query=(
            PROJECT,
            Query(
                "status",
                "Only approvals in these states (with commas between them).",
                {"type": "string", "examples": list(reads.STATUSES)},
            ),
            Query(
                "workflow_run_id",
                "Only approvals of this run.",
                {"type": "string", "format": "uuid"},
            ),
            *PAGE,
        ),
        tag=TAG,
    ),
    Operation(
        "GET",
        "/v1/approvals/{id}",
        reads.get,
        "Get an approval",
        {200: ("The approval.", wire.Approval), **INVALID, **UNKNOWN, **AWAY},
        query=(PROJECT,),
        tag=TAG,
    ),
    Operation(
        "POST",
        "/v1/approvals/{id}/link",
        links.make,
        "Make a link to an approval",
        {
            201: ("The link.", wire.Link),
            **INVALID,
            **UNKNOWN,
            403: ("Who is named is none of the approvers.", Refusal),
            **conflict("It is decided; the answer says how."),
            **KEYED,
            **JSON,
            503: ("No callback key is configured, or the log does not answer.", Refusal),
        },
        body=wire.NewLink,
        example={"approver": "alice", "expires_in_secs": 86_400},
        query=(PROJECT,),
        idempotent=True,
        detail="Who has the link decides in the approver's name, without any other credential.",
        tag=TAG,
    ),
    Operation(
        "GET",
        "/v1/approvals/link/{token}",
        links.show,
        "Show what a link asks",
        {200: ("A page with what is asked and two buttons.", "text/html"), **_PAGES},
        detail="It decides nothing.",
        tag=TAG,
    ),
    Operation(
        "POST",
        "/v1/approvals/link/{token}",
        links.decide,
        "Decide under a link",
        {
            200: ("A page that says what was decided.", "text/html"),
            400: ("A page that says what is wrong with the form.", "text/html"),
            403: (
                "A page that says that this is not for the link's bearer to decide.",
                "text/html",
            ),
            **_PAGES,
        },
        detail="The form that the page sends: `decision` (approve or reject) and `comment`.",
        tag=TAG,
    ),
    Operation(
        "POST",
        f"{STEP}/approve",
        decisions.approve,
        "Approve an approval step",
        _DECIDED,
        body=wire.Approve,
        example={"comment": "within budget"},
        query=(PROJECT,),
        idempotent=True,
        tag=TAG,
    ),
    Operation(
        "POST",
        f"{STEP}/reject",
        decisions.reject,
        "Reject an approval step",
        _DECIDED,
        body=wire.Reject,
        example={"reason": "over budget"},
        query=(PROJECT,),
        idempotent=True,
        tag=TAG,
    ),
)
