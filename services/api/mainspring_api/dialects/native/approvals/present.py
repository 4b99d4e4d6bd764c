"""From the engine's rows to approvals on the wire."""

from typing import cast

from mainspring.domain.identity import step_run_id
from mainspring.http.instants import shown
from mainspring.ports import ApprovalDetail
from mainspring_api.dialects.native.approvals import wire


def approval(found: ApprovalDetail) -> wire.Approval:
    """Return an approval as clients read it."""
    row = found.row
    return wire.Approval(
        id=row.id,
        project_id=row.project,
        workflow_run_id=row.execution,
        step_run_id=step_run_id(row.execution, row.ref),
        step_ref=row.ref,
        status=cast("wire.ApprovalStatus", row.status),
        approvers=row.approvers,
        payload=found.ask,
        requested_at=shown(row.requested_at),
        expires_at=shown(row.expires_at),
        decided_at=shown(row.decided_at),
        decided_by=row.decided_by,
        reason=row.reason,
        link=f"/v1/approvals/{row.id}/link" if row.status == "pending" else None,
    )
