"""What templates of a flow may name, and the place of each that names something else.

`inputs`, `outputs`, `steps`, `trigger`, `vars`, `flow`, `execution` and `task` are there always,
`kv` where the executor renders, `item`, `index` and `key` inside of a loop.  A task may read what
lies upstream of it, since that has ended when it begins; a name that would be there or not by
chance is a fault, told before anything runs.
"""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple, cast

from mainspring.domain.execution import lane
from mainspring.domain.expression import ExpressionError, Path, compile_template
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below, item, shown
from mainspring_api.dialects.templates import Tree, check_below

LANGUAGE: Final = "jinja"
ALIASES: Final = {
    "inputs": "payload.inputs",
    "trigger": "payload.trigger",
    "execution": "run",
    "task": "call",
    "taskrun": "call",
}
"""The names of the dialect that are others in the engine."""

WITH_ENV: Final = {**ALIASES, "env": "payload.env"}
"""Those of a flow that reads the environment: whoever starts it knows by that to bring it."""

WORDS: Final = {
    "pending": "PENDING",
    "waiting": "WAITING",
    "running": "RUNNING",
    "succeeded": "SUCCESS",
    "failed": "FAILED",
    "skipped": "SKIPPED",
    "canceled": "CANCELLED",
    "timed_out": "TIMED_OUT",
}
"""The dialect's words for the engine's statuses."""

LOOP: Final = ("item", "index", "key")
MOST_TEMPLATES: Final = 5000
_MARKS: Final = ("{{", "{%", "{#")
_LEAF: Final[Tree] = {}
_RUN: Final[Tree] = {
    **dict.fromkeys(("id", "name", "version", "project", "started_at", "status"), _LEAF),
    **dict.fromkeys(("startedAt", "attempt"), _LEAF),
    **dict.fromkeys(("error", "failed_step", "duration_ms"), _LEAF),
    "tags": None,
}
_STEP: Final[Tree] = {"output": None, "status": _LEAF, "response": None, "error": _LEAF}
_TREES: Final[dict[str, Tree | None]] = {
    "flow": dict.fromkeys(("id", "name", "namespace", "revision"), _LEAF),
    "execution": _RUN,
    "task": dict.fromkeys(("name", "type", "attempt", "step", "phase"), _LEAF),
    "taskrun": dict.fromkeys(("id", "attempt"), _LEAF),
    "trigger": None,
    "env": None,
    "kv": None,
    **dict.fromkeys(LOOP),
}


def is_template(text: str) -> bool:
    """Say whether a text has anything in it that is rendered."""
    return any(mark in text for mark in _MARKS)


def has_template(value: Json) -> bool:
    """Say whether any text in a value is a template."""
    return any(is_template(text) for text, _ in texts(value, ""))


def texts(value: Json, place: str) -> Iterator[tuple[str, str]]:
    """Yield the texts of a value, each with its place; names of members are none."""
    if isinstance(value, str):
        yield value, place
    elif isinstance(value, dict):
        for key, each in cast("dict[str, Json]", value).items():
            yield from texts(each, below(place, key))
    elif isinstance(value, list):
        for index, each in enumerate(cast("list[Json]", value)):
            yield from texts(each, item(place, index))


class Room:
    """How many templates of one flow are still looked at: each costs some of a millisecond.

    `roots` are the first names that those read which were looked at; "" where they are computed.
    """

    def __init__(self) -> None:
        self._left = MOST_TEMPLATES
        self.roots: set[str] = set()

    def take(self, place: str, faults: Faults) -> bool:
        """Say whether there is room for one more; the first that has none is noted."""
        self._left -= 1
        if self._left == -1:
            faults.add(place, f"a flow has at most {MOST_TEMPLATES} templates")
        return self._left >= 0


class Scope(NamedTuple):
    """What is in view: all tasks that there are, and those whose outputs are there by then."""

    tasks: Collection[str]
    seen: Collection[str]
    inputs: Collection[str]
    vars: Collection[str]
    room: Room
    in_loop: bool = False
    has_store: bool = True

    def check(self, value: Json, place: str, faults: Faults) -> None:
        """Note what is wrong with the templates in a value, each at its place."""
        for text, at in texts(value, place):
            if is_template(text) and self.room.take(at, faults):
                self._check_text(text, at, faults)

    def _check_text(self, text: str, place: str, faults: Faults) -> None:
        try:
            paths = compile_template(text, LANGUAGE).references
        except ExpressionError as error:
            faults.add(place, str(error))
            return
        self.check_paths(paths, place, faults)

    def check_early(self, text: str, place: str, faults: Faults) -> None:
        """Note what is wrong with a template that is rendered before there is an execution."""
        if not is_template(text) or not self.room.take(place, faults):
            return
        try:
            paths = compile_template(text, LANGUAGE).references
        except ExpressionError as error:
            faults.add(place, str(error))
            return
        late = {path[0] for path in paths if path} - set(lane.ROOTS)
        for root in sorted(late):
            faults.add(place, f'"{shown(root)}" is not known yet: {", ".join(lane.ROOTS)} are')
        self.check_paths([path for path in paths if path and path[0] not in late], place, faults)

    def check_paths(self, paths: Collection[Path], place: str, faults: Faults) -> None:
        """Note the paths that lead nowhere."""
        for path in sorted(paths):
            self.room.roots.add(path[0] if path else "")
            if path:
                self._check_path(path, place, faults)

    def _check_path(self, path: Path, place: str, faults: Faults) -> None:
        root = path[0]
        if root in LOOP and not self.in_loop:
            faults.add(place, f'"{root}" is only there inside of a loop (forEach)')
        elif root == "kv" and not self.has_store:
            # The scheduler renders this, and does not ask the store.
            faults.add(place, "kv() cannot be read here: a task before can, and give it as output")
        elif root in ("outputs", "steps"):
            self._check_task(path, place, faults)
        elif root in ("inputs", "vars"):
            self._check_declared(path, place, faults)
        elif root in _TREES:
            check_below(path, _TREES[root], 1, place, faults)
        else:
            known = [*_TREES, "outputs", "steps", "inputs", "vars"]
            faults.unknown(place, "name", root, known)

    def _check_declared(self, path: Path, place: str, faults: Faults) -> None:
        what, known = ("input", self.inputs) if path[0] == "inputs" else ("variable", self.vars)
        if len(path) > 1 and path[1] not in known:
            faults.unknown(place, what, path[1], known)

    def _check_task(self, path: Path, place: str, faults: Faults) -> None:
        if len(path) == 1:
            return  # the name is computed: what it comes to is not known before
        name = path[1]
        if name not in self.tasks:
            faults.unknown(place, "task", name, self.tasks)
        elif name not in self.seen:
            faults.add(place, f'task "{shown(name)}" is not upstream of this one: dependsOn it')
        elif path[0] == "steps":
            check_below(path, _STEP, 2, place, faults)
