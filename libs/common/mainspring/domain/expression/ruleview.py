"""What can be said of a JSON Logic rule without any data: its faults, and what it reads."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.jsonlogic import FORMS, MAX_DEPTH
from mainspring.domain.expression.operators import PLAIN
from mainspring.domain.expression.rules import (
    key_path,
    operation,
    unknown,
    wrong_count,
    wrong_keys,
)
from mainspring.domain.expression.values import ROOT, Path, Value

_NEAR: Final = {"=": "==", "&&": "and", "||": "or", "not": "!", "eq": "==", "ne": "!="}
_SCOPED: Final = frozenset(("map", "filter", "all", "some", "none", "reduce"))


def check(rule: Value) -> list[str]:
    """Return every fault that needs no data to be seen, each with its place first.

    A place is the way down: `if[0].==` is the operation `==` in the first argument of `if`.
    """
    return list(_faults(rule, "", MAX_DEPTH))


def _faults(rule: Value, place: str, depth: int) -> Iterator[str]:
    if not isinstance(rule, dict | list):
        return
    if depth == 0:
        yield _at(place, f"nested more than {MAX_DEPTH} deep")
    elif isinstance(rule, list):
        for index, item in enumerate(rule):
            yield from _faults(item, f"{place}[{index}]", depth - 1)
    elif len(rule) != 1:
        yield _at(place, wrong_keys(rule))
    else:
        yield from _operation_faults(rule, place, depth)


def _operation_faults(rule: dict[str, Value], place: str, depth: int) -> Iterator[str]:
    name, args = operation(rule)
    below = f"{place}.{name}" if place else name
    known = FORMS.get(name) or PLAIN.get(name)
    if known is None:
        yield _at(place, unknown(name) + _hint(name))
        return
    if not known[0] <= len(args) <= known[1]:
        yield _at(below, wrong_count(len(args), known[0], known[1]))
    if name in ("var", "missing"):
        yield from _name_faults(name, args, below)
    listed = isinstance(rule[name], list)
    for index, arg in enumerate(args):
        yield from _faults(arg, f"{below}[{index}]" if listed else below, depth - 1)


def _name_faults(name: str, args: list[Value], place: str) -> Iterator[str]:
    for key in _literal_keys(name, args):
        try:
            key_path(key)
        except ExpressionFailed:
            yield _at(place, "a name is a text or a whole number")


def _literal_keys(name: str, args: list[Value]) -> list[Value]:
    keys = args[:1] if name == "var" else args
    if name == "missing" and keys and isinstance(keys[0], list):
        keys = keys[0]
    return [key for key in keys if not isinstance(key, dict)]


def _hint(name: str) -> str:
    near = [_NEAR[name]] if name in _NEAR else get_close_matches(name, [*FORMS, *PLAIN], 1)
    return f' (did you mean "{near[0]}"?)' if near else ""


def _at(place: str, fault: str) -> str:
    return f"{place}: {fault}" if place else fault


def references(rule: Value) -> frozenset[Path]:
    """Return every path of the data that `rule` may read.

    A name that is computed may be any: then `ROOT`, the empty path, is among them, and
    `select` carries everything.  What runs over a list reads the whole list.
    """
    found: set[Path] = set()
    _collect(rule, found, MAX_DEPTH)
    return frozenset(found)


def _collect(rule: Value, found: set[Path], depth: int) -> None:
    if not isinstance(rule, dict | list) or depth == 0:
        return  # below the greatest depth nothing is evaluated, so nothing is read
    if isinstance(rule, list):
        for item in rule:
            _collect(item, found, depth - 1)
    elif len(rule) == 1:
        name, args = operation(rule)
        if name == "var":
            _add(args[:1] or [""], found)
        elif name == "missing":
            _add(args[0] if args and isinstance(args[0], list) else args, found)
        elif name == "missing_some":
            keys = args[1] if len(args) > 1 else None
            _add(keys if isinstance(keys, list) else [keys], found)
        # The second argument of these sees the item alone, which is part of the list.
        read = [args[0], *args[2:]] if name in _SCOPED and args else args
        for arg in read:
            _collect(arg, found, depth - 1)


def _add(keys: list[Value], found: set[Path]) -> None:
    for key in keys:
        try:
            found.add(ROOT if isinstance(key, dict | list) else key_path(key))
        except ExpressionFailed:
            continue  # it fails before it reads
