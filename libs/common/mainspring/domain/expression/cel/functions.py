"""The functions of CEL: name, how many values, and what is made of them.

A call `f(x)` and a call `x.f()` are two tables, as in the specification.  `uint` and `bytes` are
absent, for JSON has no such values, and so is everything that would read a clock.
"""

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Final

from mainspring.domain.expression.cel.extras import EXTRA_METHODS, EXTRAS, Act, to_string
from mainspring.domain.expression.cel.instants import (
    ACCESSORS,
    Instant,
    Span,
    instant,
    parse_instant,
    parse_span,
    part_of_instant,
    part_of_span,
)
from mainspring.domain.expression.cel.kinds import Spend, Val, as_double, kind_of, word
from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.pattern import COMPILING, compile_pattern

_INTEGER: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DOUBLE: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TRUTHS: Final = {
    **dict.fromkeys(("1", "t", "true", "TRUE", "True", "T"), True),
    **dict.fromkeys(("0", "f", "false", "FALSE", "False", "F"), False),
}


def _size(values: Sequence[Val], _: Spend) -> Val:
    (value,) = values
    if isinstance(value, str | list | dict):
        return len(value)
    raise ExpressionFailed(f"size: {word(value)} has no size")


def _to_int(values: Sequence[Val], _: Spend) -> Val:
    match values[0]:
        case int() as value if not isinstance(value, bool):
            return value
        case float() as value:
            if not isfinite(value) or not -(2.0**63) < value < 2.0**63:
                raise ExpressionFailed("int: a number is out of range")
            return int(value)
        case str() as value if _INTEGER.fullmatch(value) and -(1 << 63) <= int(value) < 1 << 63:
            return int(value)
        case Instant() as value:
            return value.nanos // 10**9
        case value:
            raise _not("int", value)


def _to_double(values: Sequence[Val], _: Spend) -> Val:
    match values[0]:
        case int() | float() as value if not isinstance(value, bool):
            return as_double(value)
        case str() as value if len(value) <= 400 and _DOUBLE.fullmatch(value):
            return float(value)
        case value:
            raise _not("double", value)


def _to_bool(values: Sequence[Val], _: Spend) -> Val:
    value = values[0]
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUTHS:
        return _TRUTHS[value]
    raise _not("bool", value)


def _to_instant(values: Sequence[Val], _: Spend) -> Val:
    match values[0]:
        case Instant() as value:
            return value
        case str() as value:
            return parse_instant(value)
        case int() as value if not isinstance(value, bool):
            return instant(value * 10**9)
        case value:
            raise _not("timestamp", value)


def _to_span(values: Sequence[Val], spend: Spend) -> Val:
    match values[0]:
        case Span() as value:
            return value
        case str() as value:
            spend(len(value))
            return parse_span(value)
        case value:
            raise _not("duration", value)


def _not(name: str, value: Val) -> ExpressionFailed:
    return ExpressionFailed(f"{name}: {word(value)} cannot be read as one")


def _on_texts(name: str, act: Callable[[str, str], bool]) -> Act:
    def run(values: Sequence[Val], spend: Spend) -> Val:
        text, wanted = _texts(name, values)
        spend(len(text) >> 4)
        return act(text, wanted)

    return run


def _texts(name: str, values: Sequence[Val]) -> tuple[str, str]:
    text, wanted = values
    if not isinstance(text, str) or not isinstance(wanted, str):
        raise ExpressionFailed(f"{name}: {word(text)} and {word(wanted)} are not two texts")
    return text, wanted


def _matches(values: Sequence[Val], spend: Spend) -> Val:
    text, wanted = _texts("matches", values)
    spend(COMPILING)
    pattern = compile_pattern(wanted)
    spend(pattern.cost(text))
    return pattern.found(text)


def _part(name: str) -> Act:
    def run(values: Sequence[Val], _: Spend) -> Val:
        value, *rest = values
        zone = rest[0] if rest else "UTC"
        if isinstance(value, Instant) and isinstance(zone, str):
            return part_of_instant(name, value, zone)
        if isinstance(value, Span) and not rest:
            return part_of_span(name, value)
        raise ExpressionFailed(f"{name}: {word(value)} has no such part")

    return run


FUNCTIONS: Final[dict[str, tuple[int, int, Act]]] = {
    "size": (1, 1, _size),
    "matches": (2, 2, _matches),
    "int": (1, 1, _to_int),
    "double": (1, 1, _to_double),
    "string": (1, 1, to_string),
    "bool": (1, 1, _to_bool),
    "timestamp": (1, 1, _to_instant),
    "duration": (1, 1, _to_span),
    "type": (1, 1, lambda values, _: kind_of(values[0])),
    "dyn": (1, 1, lambda values, _: values[0]),
    **EXTRAS,
}
METHODS: Final[dict[str, tuple[int, int, Act]]] = {
    "size": (0, 0, _size),
    "contains": (1, 1, _on_texts("contains", lambda text, wanted: wanted in text)),
    "startsWith": (1, 1, _on_texts("startsWith", str.startswith)),
    "endsWith": (1, 1, _on_texts("endsWith", str.endswith)),
    "matches": (1, 1, _matches),
    **{name: (0, 1, _part(name)) for name in ACCESSORS},
    **EXTRA_METHODS,
}
MACROS: Final = ("all", "exists", "exists_one", "filter", "map")
_ABSENT: Final = {"uint": "unsigned numbers", "bytes": "bytes"}


def call_fault(name: str, count: int, *, method: bool) -> str | None:
    """Return why `name` cannot be called with `count` values, or None."""
    known = (METHODS if method else FUNCTIONS).get(name)
    if known is None:
        return _unknown(name, method=method)
    low, high, _ = known
    if low <= count <= high:
        return None
    takes = f"{low}" if low == high else f"{low} to {high}"
    return f"{name} takes {takes} values, got {count}"


def _unknown(name: str, *, method: bool) -> str:
    if name in _ABSENT and not method:
        return f"{_ABSENT[name]} are not supported: JSON has none"
    if name in (FUNCTIONS if method else METHODS) or (name in MACROS and not method):
        return f"{name} is written {f'{name}(x)' if method else f'x.{name}(...)'}"
    names = [*METHODS, *MACROS] if method else [*FUNCTIONS, "has", "default"]
    near = get_close_matches(name, names, 1)
    return f'unknown function "{name[:40]}"' + (f' (did you mean "{near[0]}"?)' if near else "")
