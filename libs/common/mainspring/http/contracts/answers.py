"""What routes of the native dialect answer when they refuse: in one table for all its parts."""

from typing import Any, Final

from mainspring.http.contracts.refusal import Refusal
from mainspring.http.operations import Query

Answers = dict[int, tuple[str, Any]]

INVALID: Final[Answers] = {400: ("What was sent has faults: all of them.", Refusal)}
UNKNOWN: Final[Answers] = {404: ("There is no such thing in this project.", Refusal)}
KEYED: Final[Answers] = {422: ("The idempotency key was used for another request.", Refusal)}
JSON: Final[Answers] = {
    413: ("The body is too large.", Refusal),
    415: ("The body is not JSON.", Refusal),
}
AWAY: Final[Answers] = {503: ("Too much is asked, or the log is away; try again.", Refusal)}
LIMITED: Final[Answers] = {429: ("A limit is reached, which is named; try again.", Refusal)}


def conflict(text: str) -> Answers:
    """Return the answer to what the present state forbids."""
    return {409: (text, Refusal)}


PROJECT: Final = Query(
    "project_id", "The project; the header X-Project-Id does as well.", {"type": "string"}
)
AS_OF: Final = Query("as_of", "A position of the log or an instant: as it was then.")
TAGGED: Final = (
    Query("tag_key", "Only those with this tag."),
    Query("tag_value", "And only with this value of it."),
)
PAGE: Final = (
    Query(
        "limit",
        "How many, from 1 to 500.",
        {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
    ),
    Query("cursor", "Where to go on: the `X-Next-Cursor` of the page before."),
)
