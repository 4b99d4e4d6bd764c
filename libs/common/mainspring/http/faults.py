"""All that is wrong with a request at once, each fault with its place.

Where a known name is near the unknown one it is named too: `no node "chargee" (did you mean
"charge"?)`.  Readers note what they find and go on, so that a person mends a definition in one
round and not in ten.  Stopping at the first fault, as a decoder does, lost for that reason.  What
a hostile request can cost is bounded: after `MOST` faults they are only counted.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from mainspring.domain.errors import DefinitionInvalid

MOST: Final = 100
MOST_HINTS: Final = 20
MOST_NAMES: Final = 1000
LONGEST_SHOWN: Final = 64
_PLAIN: Final = re.compile(r"[A-Za-z_$][\w$-]*")


class Faults:
    """Faults in the order in which they were found."""

    __slots__ = ("_hints", "_more", "found")

    def __init__(self) -> None:
        self.found: list[str] = []
        self._more = 0
        self._hints = 0

    def add(self, place: str, text: str) -> None:
        """Note a fault; an empty place means the whole."""
        if len(self.found) >= MOST:
            self._more += 1
            return
        self.found.append(f"{place}: {text}" if place else text)

    def unknown(self, place: str, what: str, name: str, known: Iterable[str]) -> None:
        """Note that there is no `what` called `name`, with the nearest of those that there are."""
        self.add(place, f'no {what} "{shown(name)}"{self.hint(name, known)}')

    def hint(self, name: str, known: Iterable[str]) -> str:
        """Return ` (did you mean "…"?)`, or nothing when no known name is near."""
        self._hints += 1
        if self._hints > MOST_HINTS or len(name) > LONGEST_SHOWN:
            return ""  # the search is the costly part, so a hostile request gets few of them
        near = get_close_matches(name, list(known)[:MOST_NAMES], 1)
        return f' (did you mean "{shown(near[0])}"?)' if near else ""

    @property
    def is_full(self) -> bool:
        """Whether one more would only be counted: then nothing costly need be looked at."""
        return len(self.found) >= MOST

    def __bool__(self) -> bool:
        return bool(self.found)

    def all(self) -> list[str]:
        """Return all faults; the last line counts those that there was no room for."""
        return [*self.found, f"and {self._more} more"] if self._more else list(self.found)

    def check(self) -> None:
        """Raise `DefinitionInvalid` with everything that was found, if anything was."""
        if self.found:
            raise DefinitionInvalid(self.all())


def shown(text: str) -> str:
    """Return a name as a message may repeat it: short, and on one line."""
    text = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def below(place: str, name: str) -> str:
    """Return the place of a member of an object."""
    if not _PLAIN.fullmatch(name):
        return f'{place}["{shown(name)}"]'
    return f"{place}.{name}" if place else name


def item(place: str, index: int) -> str:
    """Return the place of an item of a list."""
    return f"{place}[{index}]"
