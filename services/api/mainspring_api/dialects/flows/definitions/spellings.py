"""Keys that have several spellings, brought to one; two of them at once are a fault.

Faults are told with the key that was written, so that their lines are those of the text.
"""

import re
from collections.abc import Mapping
from typing import Final

from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below

Spellings = Mapping[str, str]

OF_FLOWS: Final[Spellings] = {"vars": "variables"}
OF_TASKS: Final[Spellings] = {
    **dict.fromkeys(("depends_on", "depends", "needs"), "dependsOn"),
    **dict.fromkeys(("condition", "if", "runIf"), "when"),
    "allowFailure": "continueOnError",
}
_NEXT: Final = re.compile(r"[.:\[]|\Z")


class Written:
    """Remembers what was written where another key is read."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._written: list[tuple[str, str]] = []

    def one(self, given: Mapping[str, Json], spellings: Spellings, place: str) -> dict[str, Json]:
        """Return the members of an object, each under its one key."""
        found: dict[str, Json] = {}
        first: dict[str, str] = {}
        for key, value in given.items():
            known = spellings.get(key, key)
            if known in first:
                self._faults.add(below(place, key), f"is the same as {first[known]}: give only one")
                continue
            first[known] = key
            found[known] = value
            if known != key:
                self._written.append((below(place, known), below(place, key)))
        return found

    def restore(self) -> None:
        """Put what was written back into the places of the faults."""
        for at, text in enumerate(self._faults.found):
            self._faults.found[at] = self._restored(text)

    def _restored(self, text: str) -> str:
        for read, written in self._written:
            if text.startswith(read) and _NEXT.match(text, len(read)):
                return written + text[len(read) :]
        return text
