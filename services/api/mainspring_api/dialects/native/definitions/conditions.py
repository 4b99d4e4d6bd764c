"""When a step may be skipped: a typed condition or a CEL text, judged when it is stored.

A condition that cannot be evaluated would fail its run long after somebody wrote it, so its
syntax, its steps and its words are looked at here.
"""

import re
from collections.abc import Iterator
from typing import Final

from mainspring.domain.expression import Guard, guard_check, guard_references
from mainspring.domain.expression.values import kind
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, shown
from mainspring_api.dialects.native.definitions.names import ROOTS, Scope

ENDED: Final = ("completed", "failed", "skipped", "canceled")
"""What a step can be when another one that needs it is judged."""

_PLACED: Final = re.compile(r"[\w.\[\]]+: ")


def guard_of(rule: Json, place: str, scope: Scope, faults: Faults) -> Guard | None:
    """Return a condition in the engine's form; what is wrong with it is noted."""
    match rule:
        case str():
            guard = Guard("cel", rule)
        case dict():
            guard = Guard("condition", rule)
        case _:
            faults.add(place, f"a typed condition or a CEL text is wanted, not {kind(rule)}")
            return None
    if faults.is_full:
        return guard  # a thousand conditions, each with its hints, would take seconds
    wrong = guard_check(guard, scope.refs, ROOTS)
    for fault in wrong:
        _note(fault, place, faults)
    if not wrong:
        for path in sorted(guard_references(guard)):
            if path:
                scope.check(path, place, faults)
        for below, word in _words(rule, ""):
            if word not in ENDED:
                what = f'"{shown(word)}" is not one of {", ".join(ENDED)}'
                _note(f"{below}: {what}{faults.hint(word, ENDED)}", place, faults)
    return guard


def _note(fault: str, place: str, faults: Faults) -> None:
    """Add a fault below a place, which it may name more closely."""
    if _PLACED.match(fault):
        below, _, text = fault.partition(": ")
        faults.add(f"{place}.{below}", text)
    else:
        faults.add(place, fault)


def _words(rule: Json, place: str) -> Iterator[tuple[str, str]]:
    """Yield the words that a sound condition compares statuses with, each with its place."""
    at = f"{place}." if place else ""
    match rule:
        case {"type": "step_status", "status": str() as word}:
            yield f"{at}status", word
        case {"type": "step_status_in", "statuses": [*words]}:
            for index, word in enumerate(words):
                yield f"{at}statuses[{index}]", str(word)
        case {"condition": inner}:
            yield from _words(inner, f"{at}condition")
        case {"conditions": [*parts]}:
            for index, part in enumerate(parts):
                yield from _words(part, f"{at}conditions[{index}]")
        case {"type": "eq" | "ne", "left": {"step_ref": _}, "right": str() as word}:
            yield f"{at}right", word
        case {"type": "eq" | "ne", "right": {"step_ref": _}, "left": str() as word}:
            yield f"{at}left", word
        case _:
            return
