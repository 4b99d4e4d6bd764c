"""The names that templates and rules of a saga may use, checked before anything runs.

A misspelt name would print nothing and a misspelt node would never be there, so both are faults of
the definition.  Inside a section a name may belong to the section's item: there only names of ours
are looked at, and a plain word passes.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from mainspring.domain.expression import (
    ROOT,
    ExpressionError,
    Path,
    check,
    parse,
    rule_references,
)
from mainspring.domain.message import Json
from mainspring.http.faults import Faults
from mainspring_api.dialects import templates
from mainspring_api.dialects.templates import Tree, check_below, dotted

ALIASES: Final = {
    "input": "payload",
    "sagaId": "run.id",
    "sagaName": "run.name",
    "sagaVersion": "run.version",
    "stepName": "call.step",
    "phase": "call.phase",
}
"""The dialect's names for the engine's values."""

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
    templates.check_text(template, place, faults, _judge(names, faults))


def check_body(body: Json, place: str, names: Names, faults: Faults) -> None:
    """Note what is wrong with the templates of a body, each at the place where it stands."""
    templates.check_body(body, place, faults, _judge(names, faults))


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


def _judge(names: Names, faults: Faults) -> templates.Judge:
    def judge(path: Path, is_ours: bool, place: str) -> None:
        if is_ours or path[:1] in _OURS:
            _check_path(path, place, names, faults)

    return judge


def _check_path(path: Path, place: str, names: Names, faults: Faults) -> None:
    if not path:
        faults.add(place, '"." names nothing here')
        return
    root, rest = path[0], path[1:]
    if root == "runtime" and root not in names.roots:
        faults.add(place, f'"{dotted(path)}" is there for the request of an async task only')
    elif root not in names.roots:
        faults.unknown(place, "name", root, names.roots)
    elif root in _STEPS:
        if rest:
            _check_node(path, place, names, faults)
    else:
        check_below(path, names.roots[root], 1, place, faults)


def _check_node(path: Path, place: str, names: Names, faults: Faults) -> None:
    root, ref = path[0], path[1]
    if ref not in names.ids and not (root == "step" and ref.isdecimal()):
        faults.unknown(place, "node", ref, names.ids)
        return
    check_below(path, _NODE if root == "nodes" else _STEP, 2, place, faults)
