"""How large the body of a request may be: more where it carries a payload or an output.

One limit for all, the rival, either cuts payloads short or lets anybody send megabytes to parse.
"""

import re
from collections.abc import Callable
from typing import Final, TypeAlias

Largest: TypeAlias = Callable[[str], int]
"""Takes a path as it was sent, and returns the most bytes of its body."""

ROOM: Final = 1 << 16
"""What may stand beside a payload: its name, tags, a version."""

_CARRIERS: Final = re.compile(
    r"/hooks/.+|/api/v1/(?:(?:run|webhook)/[^/]+|flows/[^/]+/execute)|/v1/(?:workflows/[^/]+/trigger"
    r"|events/(?:prefix/)?[^/]+/send"
    r"|workflow-runs/[^/]+/steps/[^/]+/force-complete)"
)


def largest(max_body: int, max_payload: int) -> Largest:
    """Return the limits of a service."""
    with_payload = max(max_body, max_payload + ROOM)

    def most(path: str) -> int:
        return with_payload if _CARRIERS.fullmatch(path) else max_body

    return most
