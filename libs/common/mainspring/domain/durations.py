"""Spans of time as people write them: seconds, `1h30m` as Go writes it, `PT1H30M` as ISO 8601 does.

One reading for all dialects.  Months and years of ISO 8601 have no one length and are none here.
"""

import re
from typing import Final

from mainspring.domain.message import Json

LONGEST_S: Final = 100 * 365 * 86400.0
"""No span is longer than this."""

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d|w)")
_ISO: Final = re.compile(
    r"P(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9}(?:\.[0-9]{1,9})?)S)?)?"
)
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_ISO_UNITS: Final = (604800.0, 86400.0, 3600.0, 60.0, 1.0)


def duration(value: Json) -> float | None:
    """Return the seconds of a span, None for what is none; a number counts as seconds."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        seconds = float(value) if 0 <= value <= LONGEST_S else None
    elif isinstance(value, str):
        seconds = _read(value.strip())
    else:
        return None
    return seconds if seconds is not None and seconds <= LONGEST_S else None


def _read(text: str) -> float | None:
    if _NUMBER.fullmatch(text):
        return float(text)
    if text.startswith("P"):
        return _iso(text)
    total, at = 0.0, 0
    while match := _PART.match(text, at):
        total += float(match[1]) * _UNITS[match[2]]
        at = match.end()
    return total if text and at == len(text) else None


def _iso(text: str) -> float | None:
    found = _ISO.fullmatch(text)
    if found is None or text.endswith(("P", "T")):
        return None
    return sum(
        float(number) * unit
        for number, unit in zip(found.groups(), _ISO_UNITS, strict=True)
        if number is not None
    )
