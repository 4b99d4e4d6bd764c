"""Durations as Go writes them: `300ms`, `90s`, `1h30m`.  A bare number is refused, not guessed."""

import re
from typing import Final

from mainspring.domain.durations import duration
from mainspring.domain.expression.values import kind
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, shown

LONGEST_S: Final = 315_360_000.0  # ten years
LONGEST_CALL_S: Final = 86_400.0  # a day
_FORM: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d))+")


def span(
    value: Json, place: str, faults: Faults, *, least: float = 0.001, most: float = LONGEST_S
) -> float | None:
    """Return the seconds of a duration, None for none; what is wrong with it is noted."""
    if value is None:
        return None
    if not isinstance(value, str):
        faults.add(place, f"a duration is wanted, such as 30s or 1h30m, not {kind(value)}")
        return None
    seconds = duration(value.strip()) if _FORM.fullmatch(value.strip()) else None
    if seconds is None:
        text = f'"{shown(value)}" is no duration: write it as 300ms, 90s or 1h30m'
        faults.add(place, text)
    elif not least <= seconds <= most:
        faults.add(
            place, f"must be {_shown(least)} or more" if seconds < least else _too_long(most)
        )
        return None
    return seconds


def _too_long(most: float) -> str:
    return f"must be {_shown(most)} or less"


def _shown(seconds: float) -> str:
    if seconds == 0:
        return "0s"
    return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds / 3600:.0f}h"
