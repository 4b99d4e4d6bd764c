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


def caller_of(request: Request) -> Caller:
    """Return who asks; raise `DefinitionInvalid` when the headers do not say it in a usable way."""
    project = request.headers.get("x-project-id", DEFAULT_PROJECT)
    actor = request.headers.get("x-actor-id", ANONYMOUS)
    faults: list[str] = []
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
