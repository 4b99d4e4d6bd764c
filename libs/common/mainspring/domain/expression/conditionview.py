"""The grammar of the typed conditions, and what it says without any data: faults and reads."""

from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from itertools import islice
from typing import Final, TypeAlias

from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.pattern import compile_pattern
from mainspring.domain.expression.values import Path, Value, kind

MAX_DEPTH: Final = 64
MAX_PATTERNS: Final = 10  # compiling the largest takes hundredths of a second
MAX_FAULTS: Final = 20
_MOST_HINTED: Final = 1000

_SIDES: Final = {"left": "operand", "right": "operand"}
FORMS: Final[dict[str, dict[str, str]]] = {
    "step_status": {"step_ref": "ref", "status": "text"},
    "step_status_in": {"step_ref": "ref", "statuses": "texts"},
    "not": {"condition": "condition"},
    "all_of": {"conditions": "conditions"},
    "any_of": {"conditions": "conditions"},
    "exists": {"operand": "operand"},
    **dict.fromkeys(("eq", "ne", "gt", "gte", "lt", "lte", "contains", "in"), _SIDES),
    "regex": {"left": "operand", "right": "pattern"},
}
"""Each type, its fields, and the sort of what stands in them."""

OPERANDS: Final = ("value", "step_ref", "payload", "output")

Faults: TypeAlias = Iterator[str]


class _Known:
    """The steps that there are, and the patterns that may still come."""

    def __init__(self, refs: Collection[str]) -> None:
        self.refs = refs
        self.patterns = MAX_PATTERNS


def check(condition: Value, refs: Collection[str]) -> list[str]:
    """Return every fault that needs no data to be seen, each with its place first.

    `refs` are the steps that there are.  Of very many faults, the first are returned.
    """
    return list(islice(faults(condition, refs), MAX_FAULTS))


def faults(condition: Value, refs: Collection[str]) -> Faults:
    """Yield the faults as they are found."""
    return _condition(condition, "", _Known(refs), MAX_DEPTH)


def _condition(condition: Value, place: str, known: _Known, depth: int) -> Faults:
    if not isinstance(condition, dict):
        yield _at(place, f"a condition is an object with a type, not {kind(condition)}")
        return
    if depth == 0:
        yield _at(place, f"nested more than {MAX_DEPTH} deep")
        return
    name = condition.get("type")
    if not isinstance(name, str) or name not in FORMS:
        yield _at(_below(place, "type"), _unknown("type", name, FORMS))
        return
    fields = FORMS[name]
    yield from (
        _at(place, _unknown("field", field, fields))
        for field in condition
        if field not in fields and field != "type"
    )
    for field, sort in fields.items():
        if field in condition:
            yield from _CHECKS[sort](condition[field], _below(place, field), known, depth - 1)
        else:
            yield _at(place, f'{name} needs "{field}"')


def _ref(value: Value, place: str, known: _Known, _depth: int) -> Faults:
    if not isinstance(value, str) or value not in known.refs:
        yield _at(place, _unknown("step", value, known.refs))


def _text(value: Value, place: str, _known: _Known, _depth: int) -> Faults:
    if not isinstance(value, str):
        yield _at(place, f"expected a text, found {kind(value)}")


def _listed(what: str, each: "Check") -> "Check":
    def run(value: Value, place: str, known: _Known, depth: int) -> Faults:
        if not isinstance(value, list):
            yield _at(place, f"expected a list of {what}, found {kind(value)}")
            return
        for index, item in enumerate(value):
            yield from each(item, f"{place}[{index}]", known, depth)

    return run


def _operand(value: Value, place: str, known: _Known, depth: int) -> Faults:
    if not isinstance(value, dict):
        return
    if len(value) != 1 or next(iter(value)) not in OPERANDS:
        names = ", ".join(OPERANDS)
        yield _at(place, f"an operand is a literal or has one key of {names}")
        return
    ((name, inner),) = value.items()
    below = _below(place, name)
    if name == "step_ref":
        yield from _ref(inner, below, known, depth)
    elif name != "value" and not isinstance(inner, str):
        yield _at(below, f"expected a path of names, found {kind(inner)}")
    elif name == "output" and isinstance(inner, str):
        yield from _ref(inner.partition(".")[0], below, known, depth)


def _pattern(value: Value, place: str, known: _Known, depth: int) -> Faults:
    yield from _operand(value, place, known, depth)
    literal = literal_of(value)
    if isinstance(literal, str):
        known.patterns -= 1
        if known.patterns < 0:
            yield _at(place, f"a condition has at most {MAX_PATTERNS} patterns")
            return
        try:
            compile_pattern(literal)
        except ExpressionFailed as error:
            yield _at(place, str(error))


Check: TypeAlias = Callable[[Value, str, _Known, int], Faults]

_CHECKS: Final[dict[str, Check]] = {
    "ref": _ref,
    "text": _text,
    "texts": _listed("texts", _text),
    "condition": _condition,
    "conditions": _listed("conditions", _condition),
    "operand": _operand,
    "pattern": _pattern,
}


def literal_of(operand: Value) -> Value:
    """Return the value that an operand spells out; null for one that reads."""
    return operand.get("value") if isinstance(operand, dict) else operand


def _below(place: str, field: str) -> str:
    return f"{place}.{field}" if place else field


def _at(place: str, fault: str) -> str:
    return f"{place}: {fault}" if place else fault


def _unknown(what: str, name: Value, known: Collection[str]) -> str:
    if not isinstance(name, str):
        return f"a {what} is a text, not {kind(name)}"
    return f'unknown {what} "{name[:40]}"{did_you_mean(name, known)}'


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a hint at the nearest of the known names, or an empty text."""
    near = get_close_matches(name[:100], known, 1) if len(known) <= _MOST_HINTED else []
    return f' (did you mean "{near[0]}"?)' if near else ""


def references(condition: Value) -> frozenset[Path]:
    """Return every path of `payload` and `steps` that `condition` may read.

    A step whose output is read brings its status along, so that it is there even without output.
    """
    found: set[Path] = set()
    _collect(condition, "condition", found, MAX_DEPTH)
    return frozenset(found)


def _collect(value: Value, sort: str, found: set[Path], depth: int) -> None:
    if depth < 0:
        return  # below the greatest depth nothing is evaluated
    match sort, value:
        case "condition", {"type": str() as name, **fields}:
            for field, inner in FORMS.get(name, {}).items():
                _collect(fields.get(field), inner, found, depth - 1)
        case "conditions", list():
            for item in value:
                _collect(item, "condition", found, depth)
        case ("ref", str() as ref) | ("operand" | "pattern", {"step_ref": str() as ref}):
            found.add(("steps", ref, "status"))
        case "operand" | "pattern", {"payload": str() as path}:
            found.add(payload_path(path))
        case "operand" | "pattern", {"output": str() as path}:
            found.add(output_path(path))
            found.add(("steps", path.partition(".")[0], "status"))
        case _:
            return


def payload_path(path: str) -> Path:
    """Return the path that `{"payload": path}` reads; an empty one is the whole payload."""
    return ("payload", *path.split(".")) if path else ("payload",)


def output_path(path: str) -> Path:
    """Return the path that `{"output": path}` reads."""
    ref, *rest = path.split(".")
    return ("steps", ref, "output", *rest)
