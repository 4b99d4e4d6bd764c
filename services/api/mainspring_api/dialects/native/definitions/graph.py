"""The shape of a workflow: what lies upstream of each step, and where it runs in a circle.

What is upstream is kept as the bits of one number a step: a thousand steps that all need each other
cost half a million unions, which sets would make slow.
"""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

Needs: TypeAlias = Mapping[str, Sequence[str]]
MOST_SHOWN = 10


def cycle_of(needs: Needs) -> list[str]:
    """Return the steps of a cycle, each needing the one before it; [] when there is none."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return [str(ref) for ref in error.args[1]]
    return []


def in_words(cycle: Sequence[str]) -> str:
    """Return a cycle as a message shows it."""
    return " → ".join(cycle[:MOST_SHOWN]) + (" → …" if len(cycle) > MOST_SHOWN else "")


class Upstream:
    """What each step of a graph without a cycle comes after."""

    def __init__(self, needs: Needs) -> None:
        self._order = tuple(TopologicalSorter(needs).static_order())
        bit = {ref: 1 << index for index, ref in enumerate(self._order)}
        self._of: dict[str, int] = {}
        for ref in self._order:
            mask = 0
            for need in needs.get(ref, ()):
                mask |= bit[need] | self._of[need]
            self._of[ref] = mask

    def of(self, ref: str) -> frozenset[str]:
        """Return all steps that have ended when this one begins."""
        mask = self._of.get(ref, 0)
        return frozenset(name for index, name in enumerate(self._order) if mask >> index & 1)
