"""Who asks, on whose behalf, and under which trace."""

import re
from typing import Final, NamedTuple

from starlette.requests import Request

from mainspring.domain.envelope import Idempotency, Meta
from mainspring.domain.errors import DefinitionInvalid

DEFAULT_PROJECT: Final = "default"
ANONYMOUS: Final = "anonymous"
_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")
_ACTOR: Final = re.compile(r"[!-~](?:[ -~]{0,254}[!-~])?")


class Caller(NamedTuple):
    """Everything about a request that goes into the log beside what it asks."""

    project: str
    actor: str
    request_id: str
    traceparent: str

    def meta(self, idempotency: Idempotency | None = None) -> Meta:
        """Return the metadata of the event that the request leads to."""
        return Meta(
            actor=self.actor,
            correlation=self.request_id,
            traceparent=self.traceparent,
            request_id=self.request_id,
            idempotency=idempotency,
        )


def native_caller_of(request: Request) -> Caller:
    """Return who asks where `project_id` in the query names the project; else as `caller_of`."""
    return caller_of(request, project=request.query_params.get("project_id"))


def caller_of(request: Request, *, project: str | None = None) -> Caller:
    """Return who asks; raise `DefinitionInvalid` when the request does not say it usably.

    `project` is the one that the request names elsewhere; a header that says another is a fault.
    """
    header = request.headers.get("x-project-id")
    differ = project is not None and header is not None and project != header
    project = next((name for name in (project, header) if name is not None), DEFAULT_PROJECT)
    actor = request.headers.get("x-actor-id", ANONYMOUS)
    faults: list[str] = []
    if differ:
        faults.append("project_id: is not the project that X-Project-Id names")
    if not _PROJECT.fullmatch(project):
        faults.append("X-Project-Id: must be 1 to 128 letters, digits and . _ : @ -")
    if not _ACTOR.fullmatch(actor):
        faults.append("X-Actor-Id: must be 1 to 256 printable ASCII characters")
    if faults:
        raise DefinitionInvalid(faults)
    state = request.state
    return Caller(
        project,
        actor,
        getattr(state, "request_id", ""),
        getattr(state, "traceparent", ""),
    )
