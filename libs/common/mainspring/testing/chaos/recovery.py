"""How soon the work goes on after a fault: read from the log, which alone saw all of it.

The measure is runs that end a second.  It is back when over two seconds it is nine tenths of what
it was before the first fault; what waited meanwhile counts when it ends, as it does for a user.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import msgspec

from mainspring.testing.chaos.faults import Struck

SHARE: Final = 0.9
WINDOW_S: Final = 2.0
STEP_S: Final = 0.1
WITHIN_S: Final = 10.0
HORIZON_S: Final = 60.0


class Recovery(msgspec.Struct):
    """What became of the work in one fault; `back_s` None when it was never seen to be back."""

    name: str
    at_s: float
    lasted_s: float
    least: float
    back_s: float | None

    @property
    def is_late(self) -> bool:
        """Whether it took longer than it may."""
        return self.back_s is None or self.back_s > WITHIN_S


class Pace:
    """How many runs ended when."""

    def __init__(self, ends: Sequence[float]) -> None:
        self._ends = sorted(ends)

    def between(self, since: float, until: float) -> float:
        """Return how many runs ended a second in a span."""
        count = bisect_left(self._ends, until) - bisect_left(self._ends, since)
        return count / (until - since)

    def recovery(self, struck: Struck, *, began: float, steady: float, ended: float) -> Recovery:
        """Return what became of the work in a fault; the load began and ended at these instants."""
        least = self._least(struck.began, max(struck.over, struck.began + WINDOW_S))
        return Recovery(
            name=struck.name,
            at_s=round(struck.began - began, 1),
            lasted_s=round(struck.over - struck.began, 1),
            least=round(least / steady, 2),
            back_s=self._back(struck.over, steady, ended),
        )

    def _least(self, since: float, until: float) -> float:
        steps = max(1, int((until - since) / STEP_S))
        instants = [since + STEP_S * step for step in range(steps)]
        return min(self.between(at, at + WINDOW_S / 2) for at in instants)

    def _back(self, over: float, steady: float, ended: float) -> float | None:
        for step in range(int(HORIZON_S / STEP_S)):
            at = over + STEP_S * step
            if at + WINDOW_S > ended:
                return None
            if self.between(at, at + WINDOW_S) >= SHARE * steady:
                return round(STEP_S * step, 1)
        return None


def table(found: Sequence[Recovery]) -> str:
    """Return what a person reads."""
    lines = [
        "| fault | at, s | lasted, s | least pace | back after, s |",
        "|---|---|---|---|---|",
    ]
    for each in found:
        back = "never" if each.back_s is None else f"{each.back_s:.1f}"
        what = (
            f"| {each.name} | {each.at_s:.0f} | {each.lasted_s:.1f} | {each.least:.0%} | {back} |"
        )
        lines.append(what)
    return "\n".join(lines)
