"""Instants on the wire: RFC 3339 in UTC, with `Z` and milliseconds; and positions beside them."""

from datetime import UTC, datetime
from typing import Final, overload

import msgspec

from mainspring.domain.errors import DefinitionInvalid

_FIRST: Final = -62_135_596_800.0
_LAST: Final = 253_402_300_799.0
LONGEST_POSITION: Final = 18  # digits: a position fits in 64 bits


@overload
def shown(at: float) -> str: ...
@overload
def shown(at: None) -> None: ...
def shown(at: float | None) -> str | None:
    """Return an instant as clients read it; None stays None.

    What a zone leads out of the years 1 to 9999 is shown as the end of them that it is behind.
    """
    if at is None:
        return None
    return (
        datetime.fromtimestamp(min(max(at, _FIRST), _LAST), UTC).isoformat(timespec="milliseconds")[
            :-6
        ]
        + "Z"
    )


def millis(seconds: float) -> int:
    """Return a span in whole milliseconds."""
    return round(seconds * 1000)


def as_of(text: str) -> float:
    """Return what `as_of` asks for: a position of the log is an int, an instant a float.

    Raises `DefinitionInvalid`.
    """
    if text.isascii() and text.isdecimal() and len(text) <= LONGEST_POSITION:
        return int(text)
    try:
        # A plus that was not encoded has become a space on the way.
        instant = msgspec.convert(text.replace(" ", "+"), datetime)
        if instant.tzinfo is not None:
            return _whole(instant).timestamp()
    except (msgspec.ValidationError, OverflowError, ValueError):
        pass
    raise DefinitionInvalid(["as_of: must be a position of the log or an instant with its zone"])


def _whole(instant: datetime) -> datetime:
    # Instants are shown cut to milliseconds, so one that came from us means all of its millisecond.
    cut = instant.microsecond % 1000 == 0
    return instant.replace(microsecond=instant.microsecond + 999) if cut else instant
