"""The plain operators of JSON Logic: from values to a value, no rule in sight.

Coercion follows the reference implementation where it has an answer, and fails where that
answers "not a number" or compares what has no order: a rule that means nothing must not
pick a branch.  Two departures: lists and objects are equal by content, and integers are exact.
"""

import re
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise
from math import fmod, isfinite
from typing import Final, TypeAlias

from mainspring.domain.expression.equality import Spend, same
from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.values import Value, kind, printed

Number: TypeAlias = int | float
Operator: TypeAlias = Callable[[Sequence[Value], Spend], Value]

_NUMERAL: Final = re.compile(r"[+-]?(\d+|(?=\d*\.\d|\d+\.)\d*\.\d*)([eE][+-]?\d+)?", re.ASCII)
_LONGEST_NUMERAL: Final = 400
_WIDEST_INTEGER: Final = 1023  # bits; any such integer still fits a double


def truthy_inside(value: Value) -> bool:
    """Return what `if`, `and` and `!` make of `value`: the language's own rule."""
    return bool(value)


def number(value: Value) -> Number:
    """Return `value` as an operand of arithmetic; raise `ExpressionFailed` if it is none."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return finite(value)
    found = numeral(value) if isinstance(value, str) else None
    if found is None:
        raise ExpressionFailed(f"{kind(value)} is not a number")
    return found


def numeral(text: str) -> Number | None:
    """Return the number that `text` spells, or None."""
    text = text.strip()
    match = _NUMERAL.fullmatch(text) if len(text) <= _LONGEST_NUMERAL else None
    if match is None:
        return None
    found = int(text) if match[1].isdigit() and match[2] is None else float(text)
    return finite(found)


def finite(value: Number) -> Number:
    """Return `value`, which has a JSON form; raise `ExpressionFailed` for what has none."""
    is_fine = value.bit_length() <= _WIDEST_INTEGER if isinstance(value, int) else isfinite(value)
    if not is_fine:
        raise ExpressionFailed("a number is out of range")
    return value


def alike(left: Value, right: Value, spend: Spend) -> bool:
    """Return loose equality: numbers, booleans and numerals meet as numbers; null only null."""
    if type(left) is type(right):
        return same(left, right, spend)
    if not isinstance(left, bool | int | float | str) or not isinstance(
        right, bool | int | float | str
    ):
        return False
    a, b = _loose(left), _loose(right)
    return a is not None and a == b


def _loose(value: bool | float | str) -> Number | None:
    if isinstance(value, str):
        return numeral(value) if value.strip() else 0
    return number(value)


def _rank(value: Value) -> Number | None:
    if value is None:
        return 0  # what is not there counts as nothing, as in the reference
    return _loose(value) if isinstance(value, bool | int | float | str) else None


def _before(left: Value, right: Value, spend: Spend) -> int:
    """Return a number below, at or above zero as `left` is to `right`."""
    if isinstance(left, str) and isinstance(right, str):
        spend(min(len(left), len(right)) >> 4)
        return (left > right) - (left < right)
    a, b = _rank(left), _rank(right)
    if a is None or b is None:
        raise ExpressionFailed(f"{kind(left)} and {kind(right)} have no order")
    return (a > b) - (a < b)


def _ordered(holds: Callable[[int], bool]) -> Operator:
    def compare(values: Sequence[Value], spend: Spend) -> Value:
        return all(holds(_before(a, b, spend)) for a, b in pairwise(values))

    return compare


def _add(values: Sequence[Value], _spend: Spend) -> Value:
    return finite(sum(map(number, values)))


def _multiply(values: Sequence[Value], _spend: Spend) -> Value:
    def times(left: Number, right: Number) -> Number:
        return finite(left * right)

    return reduce(times, map(number, values))


def _subtract(values: Sequence[Value], _spend: Spend) -> Value:
    first, *rest = map(number, values)
    return finite(first - rest[0]) if rest else -first


def _divide(values: Sequence[Value], _spend: Spend) -> Value:
    left, right = map(number, values)
    if right == 0:
        raise ExpressionFailed("division by zero")
    if isinstance(left, int) and isinstance(right, int) and left % right == 0:
        return left // right
    return finite(left / right)


def _remainder(values: Sequence[Value], _spend: Spend) -> Value:
    left, right = map(number, values)
    if right == 0:
        raise ExpressionFailed("division by zero")
    if isinstance(left, int) and isinstance(right, int):
        rest = abs(left) % abs(right)  # with the sign of the dividend
        return rest if left >= 0 else -rest
    return fmod(left, right)


def _cat(values: Sequence[Value], spend: Spend) -> Value:
    texts = [_text(value) for value in values]
    spend(sum(map(len, texts)) >> 4)
    return "".join(texts)


def _text(value: Value) -> str:
    if isinstance(value, list | dict):
        raise ExpressionFailed(f"{kind(value)} is not a text")
    return printed(value)


def _substr(values: Sequence[Value], spend: Spend) -> Value:
    text, start, *length = values
    text = _text(text)
    spend(len(text) >> 4)
    text = text[_whole(start) :]
    return text[: _whole(length[0])] if length else text


def _whole(value: Value) -> int:
    found = number(value)
    if found != int(found):
        raise ExpressionFailed("a position is not a whole number")
    return int(found)


def _contains(values: Sequence[Value], spend: Spend) -> Value:
    needle, hay = values
    if isinstance(hay, list):
        return any(same(needle, item, spend) for item in hay)
    if hay is None or needle is None:
        return False
    if not isinstance(hay, str):
        raise ExpressionFailed(f"{kind(hay)} holds nothing to look for")
    spend(len(hay) >> 4)
    return _text(needle) in hay


def _merge(values: Sequence[Value], spend: Spend) -> Value:
    merged: list[Value] = []
    for value in values:
        items = value if isinstance(value, list) else [value]
        spend(len(items))
        merged += items
    return merged


MANY: Final = 1 << 30

PLAIN: Final[dict[str, tuple[int, int, Operator]]] = {
    "==": (2, 2, lambda v, spend: alike(v[0], v[1], spend)),
    "!=": (2, 2, lambda v, spend: not alike(v[0], v[1], spend)),
    "===": (2, 2, lambda v, spend: same(v[0], v[1], spend)),
    "!==": (2, 2, lambda v, spend: not same(v[0], v[1], spend)),
    "!": (1, 1, lambda v, _: not truthy_inside(v[0])),
    "!!": (1, 1, lambda v, _: truthy_inside(v[0])),
    "<": (2, 3, _ordered(lambda order: order < 0)),
    "<=": (2, 3, _ordered(lambda order: order <= 0)),
    ">": (2, 3, _ordered(lambda order: order > 0)),
    ">=": (2, 3, _ordered(lambda order: order >= 0)),
    "max": (1, MANY, lambda v, _: max(map(number, v))),
    "min": (1, MANY, lambda v, _: min(map(number, v))),
    "+": (1, MANY, _add),
    "*": (1, MANY, _multiply),
    "-": (1, 2, _subtract),
    "/": (2, 2, _divide),
    "%": (2, 2, _remainder),
    "cat": (0, MANY, _cat),
    "substr": (2, 3, _substr),
    "in": (2, 2, _contains),
    "merge": (0, MANY, _merge),
}
"""Name to the fewest and the most values, and what is done with them once they are known."""
