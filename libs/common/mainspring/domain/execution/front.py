"""How far the steps of a dag are, kept by the fold so that a turn need not look at all of them.

It follows from the states of the steps alone and says nothing that they do not.  Before it was
kept, each turn asked of every step whether it was pending and whether it was blocked: in a chain of
a thousand a step cost the scheduler five times what it costs in a chain of a hundred.
"""

from typing import NamedTuple

from mainspring.domain.graph import Graph, members, union


class Standing(NamedTuple):
    """What matters to others of one step's state."""

    begun: bool
    settled: bool = False
    failed: bool = False
    odd: bool = False


class Front(NamedTuple):
    """Sets of steps by rank.

    `begun` are no longer pending, `settled` have ended, `freed` need something and all of it is
    settled, `failed` have failed the work, `odd` have ended without having succeeded, and of what
    `wary` need something is odd: only they may have to be skipped.
    """

    begun: int = 0
    settled: int = 0
    freed: int = 0
    failed: int = 0
    odd: int = 0
    wary: int = 0

    def ready(self, graph: Graph) -> int:
        """Return the steps that are pending and have all that they need settled."""
        return (graph.roots | self.freed) & ~self.begun

    def moved(self, graph: Graph, rank: int, now: Standing) -> "Front":
        """Return what holds when the step of a rank stands so."""
        bit = 1 << rank
        begun, settled = _put(self.begun, bit, now.begun), _put(self.settled, bit, now.settled)
        odd, freed, wary = _put(self.odd, bit, now.odd), self.freed, self.wary
        if settled != self.settled:
            freed = _freed(self.freed, graph, rank, settled)
        if odd != self.odd:
            # Whoever becomes odd makes those wary that need it; what was odd may not be alone.
            wary = wary | graph.below[rank] if now.odd else union(_below(graph, odd))
        return Front(begun, settled, freed, _put(self.failed, bit, now.failed), odd, wary)


def _put(ranks: int, bit: int, is_in: bool) -> int:
    return ranks | bit if is_in else ranks & ~bit


def _freed(freed: int, graph: Graph, rank: int, settled: int) -> int:
    """Return who has all it needs, now that a step is settled, or is not any more."""
    below = graph.below[rank]
    if not settled >> rank & 1:
        return freed & ~below
    return freed | union(1 << one for one in members(below) if not graph.needs[one] & ~settled)


def _below(graph: Graph, ranks: int) -> "list[int]":
    return [graph.below[rank] for rank in members(ranks)]
