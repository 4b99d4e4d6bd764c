"""What the operators of Jinja make of JSON values: typed, bounded, and never by Python's own rules.

Numbers go with numbers, texts with texts, lists with lists; a boolean is no number.  Equality is
by kind and content, as in the other languages, where Jinja has `1 == true`.  `%` is a remainder
only: printing with `%` is what `format` is for.
"""

import operator
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from mainspring.domain.expression.equality import same
from mainspring.domain.expression.errors import ExpressionFailed, ExpressionTooLarge
from mainspring.domain.expression.jinja.run import Run, finite, number, text, whole
from mainspring.domain.expression.values import MAX_OUTPUT, Value, kind

Binary: TypeAlias = Callable[[Value, Value, Run], Value]
Numeric: TypeAlias = Callable[[Any, Any], int | float]


def plus(left: Value, right: Value, run: Run) -> Value:
    """Return the sum of two numbers, or two texts or lists one after the other."""
    match left, right:
        case str(), str():
            run.make(len(left) + len(right))
            return left + right
        case list(), list():
            run.spend(len(left) + len(right))
            return left + right
        case _:
            return _computed("+", operator.add, left, right)


def times(left: Value, right: Value, run: Run) -> Value:
    """Return a product, or a text or list repeated."""
    match left, right:
        case ((str() | list()), int()) if not isinstance(right, bool):
            return _repeated(left, right, run)
        case int(), (str() | list()) if not isinstance(left, bool):
            return _repeated(right, left, run)
        case _:
            return _computed("*", operator.mul, left, right)


def _repeated(value: str | list[Value], count: int, run: Run) -> Value:
    length = len(value) * max(count, 0)
    if length > MAX_OUTPUT:
        raise ExpressionTooLarge("*: the result is too large")
    if isinstance(value, str):
        run.make(length)
    else:
        run.spend(1 + length)
    return value * count


def _computed(name: str, act: Numeric, left: Value, right: Value) -> Value:
    if not _are_numbers(left, right):
        hint = "; texts are joined with ~" if name == "+" else ""
        raise ExpressionFailed(f"{name}: {kind(left)} and {kind(right)} do not go together{hint}")
    try:
        value = act(left, right)
    except OverflowError:
        raise ExpressionFailed("a number is out of range") from None
    except ZeroDivisionError:
        raise ExpressionFailed(f"{name}: division by zero") from None
    return whole(value) if isinstance(value, int) else finite(value)


def _are_numbers(left: Value, right: Value) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in (left, right))


def _on_numbers(name: str, act: Numeric) -> Binary:
    return lambda left, right, _run: _computed(name, act, left, right)


def power(left: Value, right: Value, _run: Run) -> Value:
    """Return a power; raise `ExpressionFailed` beyond the range of numbers."""
    base, exponent = number(left, "**"), number(right, "**")
    if isinstance(base, int) and abs(base) > 1 and abs(exponent) > 1100:
        raise ExpressionFailed("a number is out of range")
    if base < 0 and isinstance(exponent, float) and not exponent.is_integer():
        raise ExpressionFailed("**: a negative number has no such power")
    if isinstance(base, int) and base.bit_length() > 64:
        base = float(base)
    return _computed("**", pow, base, exponent)


BINARY: Final[dict[str, Binary]] = {
    "Add": plus,
    "Sub": _on_numbers("-", operator.sub),
    "Mul": times,
    "Div": _on_numbers("/", lambda a, b: a / b),
    "FloorDiv": _on_numbers("//", lambda a, b: a // b),
    "Mod": _on_numbers("%", operator.mod),
    "Pow": power,
}


def negated(value: Value) -> Value:
    """Return `-value`; raise `ExpressionFailed` for what is no number."""
    return -number(value, "-")


def plain(value: Value) -> Value:
    """Return `+value`; raise `ExpressionFailed` for what is no number."""
    return number(value, "+")


_ORDERS: Final[dict[str, Callable[..., bool]]] = {
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}


def compared(name: str, left: Value, right: Value, run: Run) -> bool:
    """Return what one comparison says; raise `ExpressionFailed` for what has no order."""
    match name:
        case "eq":
            return same(left, right, run.spend)
        case "ne":
            return not same(left, right, run.spend)
        case "in":
            return contains(right, left, run)
        case "notin":
            return not contains(right, left, run)
        case _:
            return _ORDERS[name](*ordered(left, right, run))


def ordered(left: Value, right: Value, run: Run) -> tuple[Value, Value]:
    """Return both, which have an order; raise `ExpressionFailed` if they have none."""
    if isinstance(left, str) and isinstance(right, str):
        run.spend(1 + (min(len(left), len(right)) >> 6))
    elif not _are_numbers(left, right):
        raise ExpressionFailed(f"{kind(left)} and {kind(right)} have no order")
    return left, right


def contains(where: Value, wanted: Value, run: Run) -> bool:
    """Return whether `wanted` is an item, a key or a part of `where`."""
    if isinstance(where, list):
        return any(same(wanted, item, run.spend) for item in where)
    if isinstance(where, dict):
        return isinstance(wanted, str) and wanted in where
    if isinstance(where, str):
        run.make(len(where))
        return text(wanted, "in") in where
    raise ExpressionFailed(f"in: {kind(where)} holds nothing")
