"""The shape of a graph: branches that stay apart up to their join, nothing that is never reached.

A token walks each branch, and a node's state is one, so a node may belong to one branch only; it
belongs to the way on which it is first reached.  A path of a branch ends at its join, or by itself,
which is the same.  Where a compensation exists the graph has no cycle: what is undone in reverse
order must have been done once.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple, TypeAlias

from mainspring.domain.definition import Step
from mainspring.http.faults import Faults, item

Way: TypeAlias = tuple[tuple[str, int], ...]
"""The splits around a node, outermost first, each with the number of the branch."""


class Edge(NamedTuple):
    """A place in the definition that leads to a node."""

    place: str
    target: str


def edges(step: Step, place: str) -> Iterator[Edge]:
    """Yield where a walker may go from a node; a split's branches are not among it."""
    if step.next is not None:
        yield Edge(f"{place}.next", step.next)
    for index, case in enumerate(step.cases):
        yield Edge(f"{place}.cases[{index}].target", case.target)
    if step.kind == "switch":
        yield Edge(f"{place}.default", step.default)


def check_shape(steps: Mapping[str, Step], entrypoint: str, faults: Faults) -> None:
    """Note what is wrong with a graph whose references all hold; nodes are in wire order."""
    before = len(faults.found)
    walk = _Walk(steps, faults)
    walk.go(entrypoint)
    if len(faults.found) > before:
        return  # a node that seems to be unreachable may only be a consequence
    for ref in steps:
        if ref not in walk.ways:
            faults.add(walk.places[ref], f'"{ref}" cannot be reached from the entrypoint')
    _check_cycles(walk, faults)


class _Walk:
    def __init__(self, steps: Mapping[str, Step], faults: Faults) -> None:
        self.steps = steps
        self.places = {ref: item("nodes", index) for index, ref in enumerate(steps)}
        self.ways: dict[str, Way] = {}
        self._faults = faults
        self._todo: deque[tuple[Edge, Way]] = deque()
        self._owners = self._joins()

    def _joins(self) -> dict[str, str]:
        """Return which split owns each join."""
        owners: dict[str, str] = {}
        for ref, step in self.steps.items():
            if step.kind != "split":
                continue
            other = owners.setdefault(step.join, ref)
            if other != ref:
                place = f"{self.places[ref]}.join"
                self._faults.add(place, f'"{step.join}" is the join of "{other}" already')
        for ref, step in self.steps.items():
            if step.kind == "join" and ref not in owners:
                self._faults.add(self.places[ref], f'no split has "{ref}" as its join')
        return owners

    def go(self, entrypoint: str) -> None:
        """Reach all that can be reached."""
        self._follow(Edge("entrypoint", entrypoint), ())
        while self._todo:
            edge, way = self._todo.popleft()
            known = self.ways.get(edge.target)
            if known is None:
                self.ways[edge.target] = way
                self._leave(self.steps[edge.target], way)
            elif known != way:
                self._mixed(edge, known, way)

    def _leave(self, step: Step, way: Way) -> None:
        place = self.places[step.ref]
        for edge in edges(step, place):
            self._follow(edge, way)
        if step.kind == "split":
            for index, branch in enumerate(step.branches):
                inside = (*way, (step.ref, index))
                self._enter(Edge(f"{place}.branches[{index}]", branch), inside)
            self._todo.append((Edge(f"{place}.join", step.join), way))

    def _enter(self, edge: Edge, way: Way) -> None:
        if self.steps[edge.target].kind == "join":
            self._faults.add(edge.place, f'"{edge.target}" is a join: a branch needs a node')
        else:
            self._todo.append((edge, way))

    def _follow(self, edge: Edge, way: Way) -> None:
        if self.steps[edge.target].kind != "join":
            self._todo.append((edge, way))
            return
        owner = self._owners.get(edge.target)
        if owner is not None and (not way or way[-1][0] != owner):
            text = f'"{edge.target}" is the join of "{owner}": only its branches may lead to it'
            self._faults.add(edge.place, text)

    def _mixed(self, edge: Edge, known: Way, way: Way) -> None:
        text = f'"{edge.target}" belongs to {_where(known)} and is reached from {_where(way)}'
        self._faults.add(edge.place, f"{text}: branches meet at their join and nowhere else")


def _where(way: Way) -> str:
    if not way:
        return "the main path"
    split, index = way[-1]
    return f'branch {index} of "{split}"'


def _check_cycles(walk: _Walk, faults: Faults) -> None:
    undoing = [ref for ref, step in walk.steps.items() if step.compensation is not None]
    cycle = _cycle(walk.steps) if undoing else None
    if cycle:
        shown = " → ".join(cycle[:10]) + (" → …" if len(cycle) > 10 else "")
        for ref in undoing:
            place = f"{walk.places[ref]}.compensation"
            faults.add(place, f"is not allowed where the graph has a cycle ({shown})")


def _cycle(steps: Mapping[str, Step]) -> list[str] | None:
    """Return the nodes of a cycle in walking order, if there is one."""
    ways = {
        ref: [
            *(edge.target for edge in edges(step, "")),
            *step.branches,
            *filter(None, [step.join]),
        ]
        for ref, step in steps.items()
    }
    try:
        TopologicalSorter(ways).prepare()
    except CycleError as error:
        return [str(ref) for ref in reversed(error.args[1])]
    return None
