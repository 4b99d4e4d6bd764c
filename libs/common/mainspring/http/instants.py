"""Instants on the wire: RFC 3339 in UTC, with `Z` and milliseconds."""

from datetime import UTC, datetime
from typing import overload


@overload
def shown(at: float) -> str: ...
@overload
def shown(at: None) -> None: ...
def shown(at: float | None) -> str | None:
    """Return an instant of the log as clients read it; None stays None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def millis(seconds: float) -> int:
    """Return a span in whole milliseconds."""
    return round(seconds * 1000)
