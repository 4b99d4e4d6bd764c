"""What the routes of flows take, and how the faults of a text are told."""

from typing import Final

import msgspec

from mainspring.http.contracts.answers import PAGE
from mainspring.http.operations import Query

__all__ = ["IF_MATCH", "NAMESPACE", "PAGE", "FlowFault"]

NAMESPACE: Final = Query(
    "namespace", "The namespace; the header X-Project-Id does as well.", {"type": "string"}
)
IF_MATCH: Final = Query("If-Match", "The revision that the flow must have, as its ETag says.")


class FlowFault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a flow's text; line and column count from 1, null where it has no place."""

    line: int | None
    column: int | None
    path: str
    message: str
