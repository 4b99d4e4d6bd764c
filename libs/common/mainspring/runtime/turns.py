"""Turns: whoever changes one thing stands in line for it within this process, first come first.

Correctness never rests on a turn: every append names the head that it was decided on.  Without a
line, of fifty callers that change one run at once all but one are refused by the log each time, and
an unlucky one is refused until its tries are used up.  Other processes and the scheduler still
write between; `pause` says how long to stand aside for them.  A lock in the database lost: it
would cost every caller a round trip for what few need.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from mainspring.domain.errors import LogUnavailable
from mainspring.domain.retry import chance

TRIES: Final = 20
"""How often a request is decided anew after another writer was first."""

SHORTEST: Final = 0.005
LONGEST: Final = 0.1


class _Line:
    __slots__ = ("away", "length", "lock")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.length = 0
        self.away: LogUnavailable | None = None

    def look(self) -> None:
        if self.away is not None:
            raise LogUnavailable(str(self.away), self.away.delay)


class Turns:
    """Lines of those who wait to change a thing; one that nobody stands in takes no room."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def of(self, key: str) -> AsyncGenerator[None]:
        """Hold the turn of a thing.

        Raises `LogUnavailable` when somebody further ahead has found the log away: a line
        in which each waits for it anew would take longer than anybody waits for an answer.
        """
        line = self._lines.setdefault(key, _Line())
        line.length += 1
        try:
            async with line.lock:
                line.look()
                yield
        except LogUnavailable as away:
            line.away = away
            self._leave(key, line)
            raise
        finally:
            line.length -= 1
            if not line.length:
                self._leave(key, line)

    def _leave(self, key: str, line: _Line) -> None:
        """Let who comes from now on form a new line."""
        if self._lines.get(key) is line:
            del self._lines[key]

    def waiting(self, key: str) -> int:
        """Return how many stand in a line, the one who has the turn among them."""
        line = self._lines.get(key)
        return line.length if line else 0

    def __len__(self) -> int:
        return len(self._lines)


def pause(tries: int, seed: str) -> float:
    """Return the seconds to wait after so many refused tries: none at first, later by chance."""
    if tries < 2:
        return 0.0
    return min(LONGEST, SHORTEST * 2 ** (tries - 2)) * chance(seed, tries)
