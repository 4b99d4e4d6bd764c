"""Approvals as they are sent."""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from mainspring_api.dialects.native.definitions.wire import Name
from mainspring_api.dialects.native.runs.wire import Reason, StepRun

LONGEST_LINK_S = 2_592_000.0
LINK_S = 604_800.0

ApprovalStatus: TypeAlias = Literal["pending", "approved", "rejected", "timed_out", "canceled"]


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that a step waits, or has waited, for.

    Without approvers anyone may take it.  `payload` is what the step asks, `reason` the comment of
    who approved, or why it was rejected, canceled or timed out.  A pending one has in `link` where
    links to its page are made; no list shows such a link itself, since who has it decides.
    """

    id: str
    project_id: str
    workflow_run_id: str
    step_run_id: str
    step_ref: str
    status: ApprovalStatus
    approvers: tuple[str, ...]
    payload: Any
    requested_at: str
    expires_at: str | None
    decided_at: str | None
    decided_by: str | None
    reason: str | None
    link: str | None


class Decided(msgspec.Struct, frozen=True):
    """The step after a decision."""

    step_run: StepRun


class Approve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A yes; the comment is shown with it."""

    comment: Reason = ""


class Reject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A no; the reason becomes the step's error."""

    reason: Reason = ""


class NewLink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In whose name the bearer of a link decides, and for how long it works."""

    approver: Name | None = None
    expires_in_secs: Annotated[float, Meta(ge=1, le=LONGEST_LINK_S)] = LINK_S


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link under which one approval can be decided, by whoever has it."""

    url: str
    expires_at: str
