"""How long a sleep is that its definition leaves open: a template, rendered as the step begins.

Its value is a span (seconds, `90s`, `1h30m`, ISO 8601) or an RFC 3339 instant.  An instant that has
passed ends the sleep at once; a value that is neither is refused, with what it is.
"""

from datetime import datetime
from typing import Final

import msgspec

from mainspring.domain.durations import duration
from mainspring.domain.message import Json

SHOWN: Final = 100
"""Characters of a value that a reason shows."""


class PauseInvalid(ValueError):
    """A value says neither how long a sleep is nor until when."""


def wake_at(value: Json, now: float) -> float:
    """Return the instant at which a sleep ends that begins now.  Raises `PauseInvalid`."""
    seconds = duration(value)
    if seconds is not None:
        return now + seconds
    at = _instant(value.strip()) if isinstance(value, str) else None
    if at is None:
        shown = msgspec.json.encode(value).decode()[:SHOWN]
        raise PauseInvalid(
            f"{shown} is no duration (seconds, `90s`, `PT1H`) and no RFC 3339 instant"
        )
    return at


def _instant(text: str) -> float | None:
    try:
        at = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return None
    return None if at.tzinfo is None else at.timestamp()
