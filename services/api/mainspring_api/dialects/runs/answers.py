"""What the routes of the dialect take and answer, as it is on the wire."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from mainspring_api.dialects.yamls import Fault

MOST_VERSION = 999_999_999
Version = Annotated[int, Meta(ge=1, le=MOST_VERSION)]


class Sent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all that is sent."""


class Content(Sent, frozen=True, kw_only=True):
    """A workflow's YAML in JSON; the text itself does as well, as application/yaml."""

    content: str


class Run(Sent, frozen=True, kw_only=True):
    """What a run begins with; without a version the newest one runs."""

    inputs: dict[str, Any] = {}
    version: Version | Annotated[str, Meta(max_length=128, pattern=r"\S")] | None = None


class Rollback(Sent, frozen=True, kw_only=True):
    """The version whose content is to hold again; without it the one before the newest."""

    version: Version | None = None


class Retry(Sent, frozen=True, kw_only=True):
    """From which step a run is done again; without it from those that have failed."""

    from_step: Annotated[str, Meta(max_length=128)] | None = None


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow as it now holds; `changed` is False when it did so already."""

    name: str
    version: int
    changed: bool
    content_hash: str


class Validated(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a workflow could be applied, and everything that keeps it from that."""

    valid: bool
    errors: tuple[Fault, ...]
    name: str | None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow in a list."""

    name: str
    latest_version: int
    created_at: str
    updated_at: str


class Workflows(msgspec.Struct, frozen=True, kw_only=True):
    workflows: tuple[Listed, ...]


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow in one of its versions: its text, and the same read."""

    name: str
    version: int
    content_hash: str
    content: str
    definition: dict[str, Any]
    created_at: str


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A version in a list."""

    version: int
    content_hash: str
    created_at: str


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    versions: tuple[Stored, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One difference; a value that is not there is left out."""

    kind: Literal["added", "changed", "removed", "moved"]
    path: str
    before: Any = msgspec.UNSET
    after: Any = msgspec.UNSET


class StepChanges(msgspec.Struct, frozen=True, kw_only=True):
    """The names of the steps that differ."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What applying would do; a change of comments or layout alone is a version without changes."""

    name: str
    version: int | None
    next_version: int
    changed: bool
    summary: str
    steps: StepChanges
    changes: tuple[Change, ...]


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """An execution that is durable and will be carried out."""

    execution_id: str
    workflow: str
    version: int | str


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    execution_id: str
    status: Literal["cancelled"] = "cancelled"
