"""The steps of a dag by their places in the definition, and sets of them as bits of one number.

A set of a thousand steps is 125 bytes, its first member is found in a few words, and two sets are
joined in one operation: so what a planner keeps of a run costs each event next to nothing, and a
turn looks at the steps that may go instead of all that there are.  Steps of loops' items are not
among them: a loop plans these itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple


class Node(NamedTuple):
    """What a graph is made from: a step, what it needs, and the ends that it comes after."""

    ref: str
    needs: tuple[str, ...]
    after: tuple[str, ...]


class Graph(NamedTuple):
    """Steps by rank, their order in the definition; needs are those on their own side of the end.

    `needs` and `below` are sets by rank, `roots` the steps that need nothing, `work` and `epilogue`
    the two sides, `told` the steps that come after each end.
    """

    refs: tuple[str, ...]
    ranks: Mapping[str, int]
    needs: tuple[int, ...]
    below: tuple[int, ...]
    roots: int
    work: int
    epilogue: int
    told: Mapping[str, int]


def graph_of(nodes: Sequence[Node]) -> Graph:
    """Return the graph of the steps of a definition."""
    ranks = {node.ref: rank for rank, node in enumerate(nodes)}
    needs: list[int] = []
    below = [0] * len(nodes)
    told: dict[str, int] = {}
    for rank, node in enumerate(nodes):
        own = [ranks[n] for n in node.needs if bool(nodes[ranks[n]].after) == bool(node.after)]
        needs.append(union(1 << need for need in own))
        for need in own:
            below[need] |= 1 << rank
        for ending in node.after:
            told[ending] = told.get(ending, 0) | 1 << rank
    epilogue = union(1 << rank for rank, node in enumerate(nodes) if node.after)
    return Graph(
        refs=tuple(ranks),
        ranks=ranks,
        needs=tuple(needs),
        below=tuple(below),
        roots=union(1 << rank for rank, needed in enumerate(needs) if not needed),
        work=(1 << len(nodes)) - 1 & ~epilogue,
        epilogue=epilogue,
        told=told,
    )


def union(sets: Iterable[int]) -> int:
    """Return what is in any of some sets."""
    whole = 0
    for one in sets:
        whole |= one
    return whole


def members(ranks: int) -> Iterator[int]:
    """Yield the ranks in a set, lowest first."""
    while ranks:
        lowest = ranks & -ranks
        yield lowest.bit_length() - 1
        ranks ^= lowest
