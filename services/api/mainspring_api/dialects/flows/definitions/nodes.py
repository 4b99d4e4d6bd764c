"""The tasks of a flow as nodes: read one by one, nested ones laid out flat, each with its needs.

A list in which no task names another runs in its order: each task needs the one before it.  A list
in which one does is a graph, and a task that names none is a root of it.  Tasks inside of `if` and
`switch` become tasks of the same graph, which need the one that they stand in and are guarded by
its choice; who needs that one needs them too.  So do those that a gate has for its rejection; what
comes after the gate is then skipped.  Those of a `parallel` are its elders: they need what it needs
and are guarded by its own condition, and it waits for them, to give what its branches came to.
Those of a loop are a graph of their own, done once for each item.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final, Literal, cast

from mainspring.domain.expression.values import kind
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below, item, shown
from mainspring.http.reading import read
from mainspring_api.dialects.flows.definitions.form import MOST_TASKS, TaskForm
from mainspring_api.dialects.flows.definitions.guards import rule_of
from mainspring_api.dialects.flows.definitions.spellings import OF_TASKS, Written
from mainspring_api.dialects.native.definitions.graph import Upstream, cycle_of, in_words

Order = Literal["sequential", "graph"]
MOST_DEPTH: Final = 16
DEFAULT: Final = "default"
_BASIC: Final = frozenset({"name", "type", "properties", "dependsOn"})
"""Members of a task without which it would have faults that it does not have."""


def _legible(given: Json) -> TaskForm | None:
    """Return a task as far as it can be read, so that what can is looked at all the same."""
    if not isinstance(given, dict):
        return None
    members = cast("dict[str, Json]", given)
    unread = {key for key, value in members.items() if not _is_read(key, value)}
    if unread & _BASIC:
        return None
    rest = {key: value for key, value in members.items() if key not in unread}
    return read(rest, TaskForm, Faults())


def _is_read(key: str, value: Json) -> bool:
    return read({"name": "a", "type": "a", key: value}, TaskForm, Faults()) is not None


class Node:
    """One task: where it stands, what it needs, and what stands inside of it."""

    __slots__ = (
        "awaits",
        "branches",
        "form",
        "guard",
        "inner",
        "loop",
        "name",
        "needs",
        "outer",
        "own",
        "place",
    )

    def __init__(self, name: str, place: str, form: TaskForm | None, outer: "Node | None") -> None:
        self.name = name
        self.place = place
        self.form = form
        self.outer = outer
        self.guard = ""
        self.own: dict[str, Json] = dict(form.properties) if form else {}
        self.needs: tuple[str, ...] = ()
        self.awaits: tuple[str, ...] = ()
        self.inner: list[Node] = []
        self.branches: dict[str, list[Node]] = {}
        self.loop: Graph | None = None

    @property
    def reached(self) -> list[str]:
        """The names that stand for the task as a whole: itself and all inside of it."""
        return [self.name, *(name for one in self.inner for name in one.reached)]

    @property
    def is_parallel(self) -> bool:
        """True when it is done by the branches inside of it, which go before it."""
        return self.form is not None and self.form.type == "core.parallel"

    @property
    def guards(self) -> list[str]:
        """The conditions that hold for it beside its own; in a branch also that of the branching.

        What that one reads is settled before it: whenever it is asked, the answer is the same.
        """
        over = self.outer
        if over is None or not over.is_parallel or over.form is None:
            return [self.guard]
        rule = "false" if over.form.disabled else rule_of(over.form.when, "", Faults())
        return [*over.guards, rule, self.guard]

    @property
    def joins(self) -> dict[str, tuple[str, ...]]:
        """The tasks of each of its branches, with all inside of them."""
        return {name: _reached(inner) for name, inner in self.branches.items()}

    def around(self) -> Iterator["Node"]:
        """Yield the tasks that this one stands in, the nearest first."""
        node = self.outer
        while node is not None:
            yield node
            node = node.outer


class Graph:
    """Tasks that are planned together, in the order of the text."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.order: Order = "sequential"
        self._upstream: Upstream | None = None

    @property
    def by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @property
    def names(self) -> list[str]:
        return [node.name for node in self.nodes]

    def close(self, faults: Faults) -> None:
        """Learn what is upstream of what; a circle is noted."""
        needs = {node.name: node.needs for node in self.nodes}
        cycle = cycle_of(needs)
        if cycle:
            place = f"{self.by_name[cycle[0]].place}.dependsOn"
            faults.add(place, f"tasks depend on each other in a cycle: {in_words(cycle)}")
        else:
            self._upstream = Upstream(needs)

    def upstream(self, name: str) -> Collection[str]:
        """Return the tasks that have ended when this one begins."""
        # In a circle nothing is upstream of anything: that is one fault and not many.
        return self.names if self._upstream is None else self._upstream.of(name)


class Reader:
    """One reading of one flow: all names that there are, over all of its graphs."""

    def __init__(self, faults: Faults, written: Written) -> None:
        self.faults = faults
        self.written = written
        self.names: dict[str, str] = {}
        self._count = 0

    def graph(self, given: Json, place: str, depth: int = 0) -> Graph:
        """Return a list of tasks as a graph of its own."""
        graph = Graph()
        siblings = self._list(given, place, graph, None, depth)
        self._order(siblings, graph, None)
        if _is_graph(siblings):
            graph.order = "graph"
        return graph

    def _list(
        self, given: Json, place: str, graph: Graph, outer: Node | None, depth: int
    ) -> list[Node]:
        if not isinstance(given, list):
            self.faults.add(place, f"a list of tasks is wanted, not {kind(given)}")
            return []
        if depth > MOST_DEPTH:
            self.faults.add(place, f"tasks are nested more than {MOST_DEPTH} deep")
            return []
        found = [
            self._task(one, item(place, index), graph, outer, depth)
            for index, one in enumerate(cast("list[Json]", given))
            if self._has_room(place)
        ]
        return [node for node in found if node is not None]

    def _has_room(self, place: str) -> bool:
        self._count += 1
        if self._count == MOST_TASKS + 1:
            self.faults.add(place, f"a flow has at most {MOST_TASKS} tasks")
        return self._count <= MOST_TASKS

    def _task(
        self, given: Json, place: str, graph: Graph, outer: Node | None, depth: int
    ) -> Node | None:
        if isinstance(given, dict):
            given = self.written.one(cast("dict[str, Json]", given), OF_TASKS, place)
        form = read(given, TaskForm, self.faults, place) or _legible(given)
        name = cast("dict[str, Json]", given).get("name") if isinstance(given, dict) else None
        if not isinstance(name, str):
            return None
        if self.names.setdefault(name, place) != place:
            first = self.names[name]
            self.faults.add(f"{place}.name", f'"{shown(name)}" is that of {first} too')
            return None
        node = Node(name, place, form, outer)
        graph.nodes.append(node)
        self._nest(node, graph, depth + 1)
        return node

    def _nest(self, node: Node, graph: Graph, depth: int) -> None:
        """Read what stands inside of a task that has others inside."""
        match node.form.type if node.form else "":
            case "core.if":
                self._branch(node, "then", f'{_choice(node, "branch")} == "then"', graph, depth)
                self._branch(node, "else", f'{_choice(node, "branch")} == "else"', graph, depth)
            case "core.switch":
                self._cases(node, graph, depth)
            case "core.parallel":
                self._parallel(node, graph, depth)
            case "core.gate":
                self._branch(
                    node, "onReject", f"{_choice(node, 'approved')} == false", graph, depth
                )
            case "core.forEach":
                place = f"{node.place}.properties.tasks"
                node.loop = self.graph(node.own.pop("tasks", None) or [], place, depth)
            case _:
                pass

    def _branch(self, node: Node, key: str, guard: str, graph: Graph, depth: int) -> None:
        given = node.own.pop(key, None)
        if given is not None:
            place = below(f"{node.place}.properties", key)
            self._inside(node, given, place, guard, graph, depth)

    def _inside(
        self, node: Node, given: Json, place: str, guard: str, graph: Graph, depth: int
    ) -> list[Node]:
        siblings = self._list(given, place, graph, node, depth)
        for one in siblings:
            one.guard = guard
        node.inner += siblings
        self._order(siblings, graph, node)
        return siblings

    def _cases(self, node: Node, graph: Graph, depth: int) -> None:
        given = node.own.get("cases")
        cases = cast("dict[str, Json]", given) if isinstance(given, dict) else {}
        choice = _choice(node, "matched")
        for name, tasks in cases.items():
            place = below(f"{node.place}.properties.cases", name)
            if name == DEFAULT:
                self.faults.add(
                    place, "stands for no case: give its tasks under properties.default"
                )
            self._inside(node, tasks, place, f"{choice} == {_quoted(name)}", graph, depth)
        self._branch(node, DEFAULT, f'{choice} == "{DEFAULT}"', graph, depth)
        if isinstance(given, dict):
            node.own["cases"] = {name: [] for name in cases}

    def _parallel(self, node: Node, graph: Graph, depth: int) -> None:
        given = node.own.pop("branches", None)
        branches = cast("dict[str, Json]", given) if isinstance(given, dict) else {}
        width = node.own.pop("concurrency", None)
        lanes: list[list[Node]] = []
        for name, tasks in branches.items():
            place = below(f"{node.place}.properties.branches", name)
            lane = self._inside(node, tasks, place, "", graph, depth)
            # At most so many at once: a branch begins when the one that many before it has ended.
            if isinstance(width, int) and 0 < width <= len(lanes):
                _follow(lane, lanes[len(lanes) - width])
            lanes.append(lane)
            node.branches[name] = lane

    def _order(self, siblings: list[Node], graph: Graph, outer: Node | None) -> None:
        """Give the tasks of one list their needs."""
        base = [outer.name] if outer is not None else []
        if _is_graph(siblings):
            for node in siblings:
                node.needs = _unique([*base, *self._named(node)])
            return
        before: Node | None = None
        for node in siblings:
            node.needs = _unique([*base, *(before.reached if before else ())])
            before = node

    def _named(self, node: Node) -> list[str]:
        given = node.form.depends_on if node.form else None
        return list((given,) if isinstance(given, str) else given or ())

    def resolve(self, graph: Graph) -> None:
        """Put for each name of a task what stands for it as a whole; unknown ones are noted."""
        known = graph.by_name
        for node in graph.nodes:
            self._resolve(node, known)
            if node.loop is not None:
                self.resolve(node.loop)
        for node in graph.nodes:
            _await_branches(node)
        graph.close(self.faults)
        _part_at_gates(graph)

    def _resolve(self, node: Node, known: dict[str, Node]) -> None:
        around = {each.name: each for each in node.around()}
        place = f"{node.place}.dependsOn"
        needs: list[str] = []
        held: list[str] = []
        awaits = [*node.awaits]
        told = self._named(node)
        for need in node.needs:
            if need == node.name:
                self.faults.add(place, "a task cannot depend on itself")
            elif need in around and around[need].is_parallel:
                needs += around[need].needs
                awaits += around[need].awaits
            elif need in around or need not in told:
                needs.append(need)
            elif need in known:
                held += known[need].reached
                needs += known[need].reached
            elif need in self.names:
                self.faults.add(place, f'task "{shown(need)}" is not in the same list of tasks')
            else:
                self.faults.unknown(place, "task", need, self.names)
        node.needs = _unique(needs)
        node.awaits = _unique(name for name in awaits if name in needs and name not in held)


def _await_branches(node: Node) -> None:
    """Let a task wait for its branches; how they end is what it tells, and cuts it from nothing."""
    ended = _reached(node.inner) if node.is_parallel else ()
    node.needs = _unique([*node.needs, *ended])
    node.awaits = _unique([*node.awaits, *ended])


def _part_at_gates(graph: Graph) -> None:
    """Let what comes after a gate be skipped where its rejection has tasks of its own."""
    for gate in graph.nodes:
        if gate.form is None or gate.form.type != "core.gate" or not gate.inner:
            continue
        inside, rule = set(gate.reached), f"{_choice(gate, 'approved')} != false"
        for node in graph.nodes:
            if node.name not in inside and gate.name in graph.upstream(node.name):
                node.guard = f"({node.guard}) and {rule}" if node.guard else rule


def _is_graph(siblings: Iterable[Node]) -> bool:
    return any(node.form is not None and node.form.depends_on is not None for node in siblings)


def _follow(lane: list[Node], before: list[Node]) -> None:
    ended = _reached(before)
    for node in lane:
        node.needs = _unique([*node.needs, *ended])
        node.awaits = ended


def _reached(nodes: Iterable[Node]) -> tuple[str, ...]:
    return tuple(name for node in nodes for name in node.reached)


def _choice(node: Node, field: str) -> str:
    # A task that was skipped has chosen nothing, and an error would fail the run for that.
    return f'(steps[{_quoted(node.name)}]["output"]["{field}"] | default(""))'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
