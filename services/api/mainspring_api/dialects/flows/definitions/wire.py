"""Flows as they are sent and answered: each field once.

Names on the wire are in camel case, as the page writes them.  What is absent is left out.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mainspring_api.dialects.flows.definitions.form import Description, FlowName, Namespace
from mainspring_api.dialects.flows.refusals import FlowFault

MOST_REVISION = 2_147_483_647
Yaml: TypeAlias = Annotated[str, Meta(max_length=1 << 20, description="The flow's text.")]
Revision: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_REVISION)]


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of all that is sent."""


class NewFlow(Wire, frozen=True, kw_only=True):
    """A flow to store; its name may stand in its text alone."""

    yaml_content: Yaml
    name: FlowName | None = None
    namespace: Namespace | None = None
    description: Description | None = None
    comment: Annotated[str, Meta(max_length=500)] | None = None


class FlowChange(Wire, frozen=True, kw_only=True):
    """What is to be another way: the fields that are given."""

    yaml_content: Yaml | None = None
    name: FlowName | None = None
    namespace: Namespace | None = None
    description: Description | None = None
    comment: Annotated[str, Meta(max_length=500)] | None = None


class FlowText(Wire, frozen=True, kw_only=True):
    """A flow's text to look at; nothing is stored."""

    yaml_content: Yaml
    name: FlowName | None = None
    namespace: Namespace | None = None


class NewExecution(Wire, frozen=True, kw_only=True):
    """What to execute a flow with; without a revision its newest one is executed."""

    inputs: dict[str, Any] = {}
    revision: Revision | None = None


class Restoring(Wire, frozen=True, kw_only=True):
    """Why a revision is restored."""

    comment: Annotated[str, Meta(max_length=500)] | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all that is answered."""


class Flow(Answer, frozen=True, kw_only=True):
    """A flow in its present revision."""

    id: str
    name: str
    namespace: str
    yaml_content: str
    created_at: str
    updated_at: str
    revision: int
    description: str | UnsetType = UNSET
    labels: dict[str, str]
    disabled: bool
    tasks_total: int


class FlowRevision(Answer, frozen=True, kw_only=True):
    """One revision of a flow, with who made it and why."""

    revision: int
    yaml_content: str
    created_at: str
    author: str
    description: str | UnsetType = UNSET
    comment: str | UnsetType = UNSET


class FlowDiff(Answer, frozen=True, kw_only=True, rename="camel"):
    """What is another way in one revision than in another, as a unified diff."""

    from_: int = msgspec.field(name="from")
    to: int
    diff: str


class Validation(Answer, frozen=True, kw_only=True):
    """Whether a flow's text could be stored as it is, and in which order its tasks would run."""

    valid: bool
    errors: tuple[FlowFault, ...]
    warnings: tuple[FlowFault, ...]
    order: Literal["sequential", "graph"] | None
    tasks_total: int | None


class FlowExecution(Answer, frozen=True, kw_only=True):
    """An execution that was begun."""

    execution_id: str
    status: Literal["QUEUED"]
    tasks_total: int


class FlowContent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a flow is made of, wherever it is."""

    name: str
    namespace: str
    yaml_content: str
    description: str | None = None


class FlowTrigger(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger that was added to a flow, without what is secret of it."""

    type: str
    name: str = ""
    config: dict[str, Any] = {}
    enabled: bool = True
    inputs: dict[str, Any] = {}


class FlowDocument(Answer, frozen=True, kw_only=True):
    """A flow to carry elsewhere; secrets are left out, and `redacted` says where."""

    version: Literal[1] = 1
    kind: Literal["mainspring.flow"] = "mainspring.flow"
    exported_at: str
    revision: int
    flow: FlowContent
    triggers: tuple[FlowTrigger, ...] = ()
    credentials: tuple[str, ...] = ()
    redacted: tuple[str, ...] = ()


class Incoming(Wire, frozen=True, kw_only=True):
    """A document that `export` gave, here or at another place."""

    flow: Any
    version: int = 1
    kind: str = "mainspring.flow"
    exported_at: Any = None
    revision: Any = None
    triggers: Any = None
    credentials: Any = None
    redacted: Any = None


class IncomingFlow(Wire, frozen=True, kw_only=True):
    """A flow as it stands in a document, or as the api answers with it."""

    name: FlowName
    yaml_content: Yaml
    namespace: Namespace | None = None
    description: Description | None = None
    id: Any = None
    created_at: Any = None
    updated_at: Any = None
    revision: Any = None
    labels: Any = None
    disabled: Any = None
    tasks_total: Any = None
