"""What CEL makes of values: kinds, equality, order and arithmetic.

Equality never fails: values of different kinds are unequal.  Order and arithmetic fail on what
they do not know.  Whole numbers are of 64 bits when computed and exact when compared.  One
departure from the specification, where that has an error: a whole and a fractional number may
be added and multiplied.  JSON has one kind of number and many senders write 2.0 as 2, so a rule
would otherwise fail on some amounts only.
"""

import operator
from collections.abc import Callable
from math import copysign, inf, isnan, nan
from typing import Final, TypeAlias, Union

import msgspec

from mainspring.domain.expression.cel.instants import Instant, Span, instant, span
from mainspring.domain.expression.equality import Spend, same
from mainspring.domain.expression.errors import ExpressionFailed


class Kind(msgspec.Struct, frozen=True):
    """A type as a value, for `type(x) == string`."""

    name: str


Val: TypeAlias = Union[  # noqa: UP007
    dict[str | int, "Val"], list["Val"], str, int, float, bool, Instant, Span, Kind, None
]
Number: TypeAlias = int | float

KINDS: Final = {
    name: Kind(name)
    for name in ("bool", "int", "double", "string", "list", "map", "null_type", "type")
}
_LEAST: Final = -(1 << 63)
_MOST: Final = (1 << 63) - 1


_KIND_OF: Final[dict[type, Kind]] = {
    bool: KINDS["bool"],
    int: KINDS["int"],
    float: KINDS["double"],
    str: KINDS["string"],
    list: KINDS["list"],
    dict: KINDS["map"],
    type(None): KINDS["null_type"],
    Kind: KINDS["type"],
    Instant: Kind("google.protobuf.Timestamp"),
    Span: Kind("google.protobuf.Duration"),
}


def kind_of(value: Val) -> Kind:
    """Return the type of `value` as CEL names it."""
    return _KIND_OF[type(value)]


_WORDS: Final = {
    "null_type": "null",
    "bool": "a boolean",
    "int": "a whole number",
    "double": "a number",
    "string": "a text",
    "list": "a list",
    "map": "an object",
    "type": "a type",
    "google.protobuf.Timestamp": "a timestamp",
    "google.protobuf.Duration": "a duration",
}


def word(value: Val) -> str:
    """Return the word for the kind of `value` that messages use in its place."""
    return _WORDS[kind_of(value).name]


def holds(where: Val, wanted: Val, spend: Spend) -> bool:
    """Return what `wanted in where` says; raise `ExpressionFailed` for what holds nothing."""
    if isinstance(where, list):
        return any(same(wanted, item, spend) for item in where)
    if isinstance(where, dict):
        return is_key(wanted) and wanted in where
    raise ExpressionFailed(f"in: {word(where)} is no list and no object")


def is_key(value: Val) -> bool:
    """Return whether objects may have `value` as a key: a boolean would be the number 1."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


_ORDERS: Final[dict[str, Callable[..., bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def ordered(name: str, left: Val, right: Val, spend: Spend) -> bool:
    """Return what one of `< <= > >=` says; raise `ExpressionFailed` for what has no order."""
    match left, right:
        case str(), str():
            spend(min(len(left), len(right)) >> 4)
        case (bool(), bool()) | (Instant(), Instant()) | (Span(), Span()):
            pass
        case ((int() | float()), (int() | float())) if not _any_bool(left, right):
            pass
        case _:
            raise _no_such(name, left, right)
    return _ORDERS[name](left, right)


def _any_bool(left: Val, right: Val) -> bool:
    return isinstance(left, bool) or isinstance(right, bool)


def _no_such(name: str, left: Val, right: Val) -> ExpressionFailed:
    return ExpressionFailed(f"{name}: {word(left)} and {word(right)} do not go together")


def computed(name: str, left: Val, right: Val, spend: Spend) -> Val:
    """Return what one of `+ - * / %` makes of both; raise `ExpressionFailed`."""
    match left, right:
        case ((int() | float()), (int() | float())) if not _any_bool(left, right):
            if isinstance(left, int) and isinstance(right, int):
                return _whole(_WHOLE[name](left, right))
            return _fractional(name, left, right)
        case str(), str() if name == "+":
            spend((len(left) + len(right)) >> 4)
            return left + right
        case list(), list() if name == "+":
            spend(len(left) + len(right))
            return left + right
        case _:
            return _moved(name, left, right)


def _moved(name: str, left: Val, right: Val) -> Val:
    match name, left, right:
        case "+", Instant(), Span():
            return instant(left.nanos + right.nanos)
        case "+", Span(), Instant():
            return instant(left.nanos + right.nanos)
        case "-", Instant(), Span():
            return instant(left.nanos - right.nanos)
        case "-", Instant(), Instant():
            return span(left.nanos - right.nanos)
        case "+", Span(), Span():
            return span(left.nanos + right.nanos)
        case "-", Span(), Span():
            return span(left.nanos - right.nanos)
        case _:
            raise _no_such(name, left, right)


def negated(value: Val) -> Val:
    """Return `-value`; raise `ExpressionFailed` for what is no number."""
    match value:
        case int() if not isinstance(value, bool):
            return _whole(-value)
        case float():
            return -value
        case Span():
            return span(-value.nanos)
        case _:
            raise ExpressionFailed(f"-: {word(value)} is not a number")


def _whole(value: int) -> int:
    if not _LEAST <= value <= _MOST:
        raise ExpressionFailed("a whole number is out of range")
    return value


def _divided(left: int, right: int) -> int:
    if right == 0:
        raise ExpressionFailed("division by zero")
    whole = abs(left) // abs(right)  # towards zero, where Python rounds down
    return whole if (left < 0) == (right < 0) else -whole


def _rest(left: int, right: int) -> int:
    if right == 0:
        raise ExpressionFailed("modulus by zero")
    rest = abs(left) % abs(right)  # with the sign of the dividend
    return -rest if left < 0 else rest


_WHOLE: Final[dict[str, Callable[[int, int], int]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
    "%": _rest,
}


def as_double(value: Number) -> float:
    """Return the nearest fractional number; raise `ExpressionFailed` if there is none."""
    try:
        return float(value)
    except OverflowError:
        raise ExpressionFailed("a number is out of range") from None


def _fractional(name: str, left: Number, right: Number) -> float:
    a, b = as_double(left), as_double(right)
    match name:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / b if b else _over_nothing(a, b)
        case _:
            raise ExpressionFailed("%: only whole numbers have a remainder")


def _over_nothing(a: float, b: float) -> float:
    if a == 0 or isnan(a):
        return nan
    return copysign(inf, a) * copysign(1.0, b)
