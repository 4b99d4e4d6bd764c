"""The names that templates and rules of a saga may use, checked before anything runs.

A misspelt name would print nothing and a misspelt node would never be there, so both are faults of
the definition.  Inside a section a name may belong to the section's item: there only names of ours
are looked at, and a plain word passes.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias, cast

from mainspring.domain.expression import (
    ROOT,
    ExpressionError,
    Path,
    check,
    compile_body,
    compile_text,
    parse,
    rule_references,
)
from mainspring.domain.expression.tags import Nodes, Section
from mainspring.domain.expression.tags import parse as parse_tags
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below, item, shown

ALIASES: Final = {
    "input": "payload",
    "sagaId": "run.id",
    "sagaName": "run.name",
    "sagaVersion": "run.version",
    "stepName": "call.step",
    "phase": "call.phase",
}
"""The dialect's names for the engine's values."""

Tree: TypeAlias = Mapping[str, "Tree | None"]
"""What stands below a name; None: anything."""

_LEAF: Final[Tree] = {}
_RESPONSE: Final[Tree] = {"status": _LEAF, "headers": None, "body": None}
_NODE: Final[Tree] = {"response": _RESPONSE, "callback": {"body": None}}
_STEP: Final[Tree] = {"index": _LEAF, "name": _LEAF, "body": None}
_STEPS: Final[Tree] = {"nodes": _LEAF, "step": _LEAF}
_DATA: Final[Tree] = {"payload": None, "input": None, "prev": {"body": None}}
_SAGA: Final[Tree] = dict.fromkeys(("sagaId", "sagaName", "sagaVersion"), _LEAF)
_CALL: Final[Tree] = dict.fromkeys(("stepName", "phase"), _LEAF)
_CALLBACK: Final[Tree] = {"callback": {"url": _LEAF, "token": _LEAF}}
_OURS: Final = frozenset({("nodes",), ("step",), ("runtime",)})
MOST_DEPTH: Final = 64


class Names(NamedTuple):
    """What is in scope: the ids of the nodes, and the roots."""

    ids: Collection[str]
    roots: Tree

    @classmethod
    def of_call(cls, ids: Collection[str], *, asynchronous: bool = False) -> "Names":
        """Return what the templates of a call see."""
        runtime: Tree = {"runtime": _CALLBACK} if asynchronous else {}
        return cls(ids, {**_DATA, **_STEPS, **_SAGA, **_CALL, **runtime})

    @classmethod
    def of_rule(cls, ids: Collection[str], *, answered: bool = False) -> "Names":
        """Return what a rule sees; the rules of a callback see its answer too."""
        answer: Tree = {"callback": {"body": None}} if answered else {}
        return cls(ids, {**_DATA, **_STEPS, **_SAGA, **answer})


def check_text(template: str, place: str, names: Names, faults: Faults) -> None:
    """Note what is wrong with a template of one text."""
    if "{{" not in template:
        return
    try:
        compile_text(template)
    except ExpressionError as error:
        faults.add(place, str(error))
    else:
        _check_tags(template, place, names, faults)


def check_body(body: Json, place: str, names: Names, faults: Faults) -> None:
    """Note what is wrong with the templates of a body, each at the place where it stands."""
    if not isinstance(body, str):
        _check_value(body, place, names, faults, MOST_DEPTH)
        return
    if "{{" not in body:
        return
    try:
        compile_body(body)
    except ExpressionError as error:
        faults.add(place, str(error))
    else:
        _check_tags(body, place, names, faults)


def _check_value(value: Json, place: str, names: Names, faults: Faults, depth: int) -> None:
    if depth == 0:
        faults.add(place, f"is nested more than {MOST_DEPTH} deep")
    elif isinstance(value, str):
        check_text(value, place, names, faults)
    elif isinstance(value, dict):
        for key, each in cast("dict[str, Json]", value).items():
            _check_value(each, below(place, key), names, faults, depth - 1)
    elif isinstance(value, list):
        for index, each in enumerate(cast("list[Json]", value)):
            _check_value(each, item(place, index), names, faults, depth - 1)


def check_rule(rule: Json, place: str, names: Names, faults: Faults) -> Json:
    """Return a rule as JSON, also when it was given as text; its faults are noted."""
    try:
        parsed = parse(rule)
    except ExpressionError as error:
        faults.add(place, str(error))
        return None
    wrong = check(parsed)
    for fault in wrong:
        faults.add(place, fault)
    for path in sorted(rule_references(parsed) - {ROOT}):
        _check_path(path, place, names, faults)
    return parsed


def _check_tags(template: str, place: str, names: Names, faults: Faults) -> None:
    for path, is_ours in sorted(_named(parse_tags(template), inside=False)):
        if is_ours or path[:1] in _OURS:
            _check_path(path, place, names, faults)


def _named(nodes: Nodes, *, inside: bool) -> Iterable[tuple[Path, bool]]:
    """Yield the paths of a template; the flag is False where a section's item may have them."""
    for node in nodes:
        if isinstance(node, str):
            continue
        if node.path != ROOT or not inside:
            yield node.path, not inside
        if isinstance(node, Section):
            yield from _named(node.body, inside=inside or not node.is_inverted)


def _check_path(path: Path, place: str, names: Names, faults: Faults) -> None:
    if not path:
        faults.add(place, '"." names nothing here')
        return
    root, rest = path[0], path[1:]
    if root == "runtime" and root not in names.roots:
        faults.add(place, f'"{_dotted(path)}" is there for the request of an async task only')
    elif root not in names.roots:
        faults.unknown(place, "name", root, names.roots)
    elif root in _STEPS:
        if rest:
            _check_node(path, place, names, faults)
    else:
        _check_below(path, names.roots[root], 1, place, faults)


def _check_node(path: Path, place: str, names: Names, faults: Faults) -> None:
    root, ref = path[0], path[1]
    if ref not in names.ids and not (root == "step" and ref.isdecimal()):
        faults.unknown(place, "node", ref, names.ids)
        return
    _check_below(path, _NODE if root == "nodes" else _STEP, 2, place, faults)


def _check_below(path: Path, tree: Tree | None, at: int, place: str, faults: Faults) -> None:
    """Follow a path down what there is, from its part at `at`."""
    for index in range(at, len(path)):
        if tree is None:
            return
        name, above = path[index], _dotted(path[:index])
        if name not in tree:
            what = f'"{above}" has no "{shown(name)}"'
            faults.add(place, what + (faults.hint(name, tree) if tree else ""))
            return
        tree = tree[name]
        if name == "headers" and tree is None and index + 1 < len(path):
            _check_header(path[index + 1], place, faults)


def _check_header(name: str, place: str, faults: Faults) -> None:
    if name != name.lower():
        faults.add(
            place, f'headers have lower-case names: "{shown(name)}" is "{shown(name.lower())}"'
        )


def _dotted(path: Path) -> str:
    return shown(".".join(path))
