"""Refusals of the runs and flows dialects: their body, and what routes answer when they refuse."""

from typing import Any, Final

import msgspec

Answers = dict[int, tuple[str, Any]]


class Refused(msgspec.Struct):
    """The body of every answer of 400 and above: a sentence, a code, every fault with its place."""

    error: str
    code: str
    details: tuple[Any, ...] = ()


INVALID: Final[Answers] = {400: ("What was sent has faults: all of them.", Refused)}
UNKNOWN: Final[Answers] = {404: ("There is no such thing in this namespace.", Refused)}
KEYED: Final[Answers] = {422: ("The idempotency key was used for another request.", Refused)}
BODY: Final[Answers] = {
    413: ("The body is too large.", Refused),
    415: ("The body is of another type.", Refused),
}
STALE: Final[Answers] = {412: ("It has another version than If-Match says.", Refused)}
AWAY: Final[Answers] = {503: ("Too much is asked, or the log is away; try again.", Refused)}
LIMITED: Final[Answers] = {429: ("A limit is reached, which is named; try again.", Refused)}


def conflict(text: str) -> Answers:
    """Return the answer to what the present state forbids."""
    return {409: (text, Refused)}
