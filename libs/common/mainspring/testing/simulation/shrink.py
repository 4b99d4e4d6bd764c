"""From a history that is bad to a short script that is bad in the same way.

People are sent away, odd peers answer well and faults do not strike, as long as what is left breaks
the same law; halves first, then smaller pieces.  Each try is a whole history, so they are counted.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from mainspring.testing.simulation.run import History
from mainspring.testing.simulation.scripts import Script, told_of

Live = Callable[[Script], History]
MOST: Final = 150
"""Histories that are tried for one that is bad."""

PARTS: Final = ("people", "odd", "faults")
"""Of what in a script fewer may do."""

_OWN: Final = re.compile(r"'[^']*'|\b[\w-]*\d[\w.:-]*|\{.*|\[(?![a-z]+\]).*")


def nature(violation: str) -> str:
    """Return what a violation says whatever it says it of: its law, or its words without names."""
    first = violation.splitlines()[0]
    law = re.search(r"\[([a-z]+)\]", first)
    told = re.split(r"Answer\(|\{", first)[0]
    return law.group(1) if law is not None else " ".join(_OWN.sub("…", told)[:70].split())


class Shrinker:
    """Makes one history shorter; `tries` counts what that has cost."""

    def __init__(self, live: Live, *, most: int = MOST) -> None:
        self.tries = 0
        self._live = live
        self._most = most

    def shrunk(self, history: History) -> History:
        """Return a history that breaks one of the same laws with as little as was found."""
        wanted = nature(history.violations[0])
        best = history
        for _ in range(2):
            before = best.script
            for part in PARTS:
                best = self._fewer(best, wanted, part)
            best = self._tried(replace(best.script, in_order=True), wanted) or best
            if best.script == before:
                break
        return best

    def _tried(self, script: Script, wanted: str) -> History | None:
        if self.tries >= self._most:
            return None
        self.tries += 1
        history = self._live(script)
        return history if wanted in map(nature, history.violations) else None

    def _fewer(self, best: History, wanted: str, part: str) -> History:
        """Leave out as many of a part as can be left out."""
        size = len(getattr(best.script, part))
        at = 0
        while size >= 1:
            items: Sequence[object] = getattr(best.script, part)
            if at >= len(items):
                size, at = size // 2, 0
                continue
            left = [*items[:at], *items[at + size :]]
            found = self._tried(replace(best.script, **{part: left}), wanted)
            if found is None:
                at += size
            else:
                best = found
        return best


def told(history: History) -> str:
    """Return a history as a person reads it: what went wrong, when, and the script."""
    ends = [f"  {row.name} {row.id}: {row.status}" for row in history.rows.values()]
    return "\n".join(
        [
            f"{len(history.rows)} runs, {len(history.faults)} faults, {len(history.log)} events",
            *ends,
            *(f"  {line}" for line in told_of(history.faults)),
            *(f"  - {violation}" for violation in history.violations),
            "save this as a file, and live through it again with: make sim SCRIPT=file",
            history.script.text,
        ]
    )
