"""What a plugin says while it works, bounded: a loop that logs must not fill the event log.

Every line is later than the one before it, by a microsecond where the clock stood still, so that
whoever records a report knows by the instants alone which of its lines it has already.
"""

from typing import Final, get_args

import msgspec

from mainspring.domain.secrets import without
from mainspring.domain.task import Level, LogLine
from mainspring.ports import Clock

MOST_LINES: Final = 1000
MOST_BYTES: Final = 256 * 1024
"""Bytes of JSON that the lines of one attempt may have."""

LONGEST: Final = 16 * 1024
"""Characters of one message; what is longer is cut."""

_LEVELS: Final = frozenset(get_args(Level))
_STEP: Final = 1e-6
_encode = msgspec.json.Encoder().encode


class Book:
    """The lines of one attempt; `take` hands over what nobody has taken yet."""

    __slots__ = ("_bytes", "_clock", "_dropped", "_last", "_lines", "_taken", "secrets")

    def __init__(self, clock: Clock) -> None:
        self.secrets = frozenset[str]()
        self._clock = clock
        self._lines: list[LogLine] = []
        self._taken = 0
        self._bytes = 0
        self._dropped = 0
        self._last = 0.0

    def write(self, message: object, level: Level = "INFO") -> None:
        """Add a line; beyond the bounds it is only counted."""
        text = without(_text(message), self.secrets)
        if len(text) > LONGEST:
            text = text[: LONGEST - 1] + "…"
        size = len(_encode(text))
        if self._taken + len(self._lines) >= MOST_LINES or self._bytes + size > MOST_BYTES:
            self._dropped += 1
            return
        self._bytes += size
        self._add(text, level if level in _LEVELS else "INFO")

    def take(self, *, closing: bool = False) -> tuple[LogLine, ...]:
        """Return the lines since the last call; when `closing`, also how many were dropped."""
        if closing and self._dropped:
            were = "line was" if self._dropped == 1 else "lines were"
            self._add(f"{self._dropped} more {were} dropped: the log of an attempt is full", "WARN")
            self._dropped = 0
        lines, self._lines = tuple(self._lines), []
        self._taken += len(lines)
        return lines

    def _add(self, text: str, level: Level) -> None:
        self._last = max(self._clock.now(), self._last + _STEP)
        self._lines.append(LogLine(self._last, level, text))


def _text(message: object) -> str:
    text = message if isinstance(message, str) else str(message)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
