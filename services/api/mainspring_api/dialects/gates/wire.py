"""Approvals of gates on the wire."""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

Status: TypeAlias = Literal["PENDING", "APPROVED", "REJECTED", "EXPIRED", "CANCELLED"]
Comment = Annotated[str, Meta(max_length=4096)]


class Verdict(msgspec.Struct, kw_only=True, rename="camel"):
    """What one person has decided."""

    actor: str
    decision: Literal["approve", "reject"]
    comment: str
    at: str


class Approval(msgspec.Struct, kw_only=True, rename="camel"):
    """A gate's approval: what is asked, of whom, how many must agree, and what was decided."""

    id: str
    execution_id: str
    task_name: str
    namespace: str
    status: Status
    message: Any
    approvers: tuple[str, ...]
    required_approvals: int
    decisions: tuple[Verdict, ...]
    inputs_schema: Any
    created_at: str
    expires_at: str | None
    decided_at: str | None
    decided_by: str | None
    comment: str | None


class Approving(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A yes, with what the gate asks for."""

    comment: Comment = ""
    inputs: dict[str, Any] = {}


class Rejecting(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A no, and why."""

    comment: Comment = ""
    reason: Comment = ""
