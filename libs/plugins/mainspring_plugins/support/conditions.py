"""Conditions on one item: an expression that is true, or a field, an operator and a value.

An order is asked only between two numbers or two texts; anything else is a fault with its place,
since false would hide it.  Null fits no order, and that is no fault.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from mainspring.domain.message import Json
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.paths import is_path
from mainspring_plugins.support.patterns import compiled
from mainspring_plugins.support.picks import pick
from mainspring_plugins.support.schema import BY, Schema, anything, choice, closed, either, text
from mainspring_plugins.support.shapes import is_list, is_number, is_object, kind, token

Holds: TypeAlias = Callable[[Json, int], bool]
Test: TypeAlias = Callable[[Json, Json, str], bool]


def holds(condition: Json, place: str) -> Holds:
    """Return whether a condition holds for an item; both raise `PluginFailed`."""
    if not is_object(condition):
        value = pick(condition, place)
        return lambda item, index: bool(value(item, index))
    field: str = condition["field"]
    value = pick(field, f"{place}.field")
    test, other = _test(condition, place)
    shown = field if is_path(field) else "field"
    return lambda item, index: test(value(item, index), other, f"items[{index}].{shown}")


def _test(condition: Mapping[str, Any], place: str) -> tuple[Test, Json]:
    op: str = condition.get("op", "eq")
    other: Json = condition.get("value")
    if op in ("in", "notIn") and not is_list(other):
        raise refuse(f"{place}.value: {op} needs a list")
    if op == "matches":
        pattern: Any = compiled(_text_of(other, f"{place}.value"), place=f"{place}.value")
        return (
            lambda value, _other, where: (
                value is not None and pattern.search(_text_of(value, where)) is not None
            ),
            None,
        )
    return TESTS[op], other


def _equal(value: Json, other: Json, _where: str) -> bool:
    return token(value) == token(other)


def _among(value: Json, other: Json, _where: str) -> bool:
    return token(value) in {token(each) for each in other}


def _ordered(compare: Callable[[Any, Any], bool]) -> Test:
    def test(value: Json, other: Json, where: str) -> bool:
        if value is None or other is None:
            return False
        both_numbers = is_number(value) and is_number(other)
        if not (both_numbers or (isinstance(value, str) and isinstance(other, str))):
            raise refuse(f"{where}: {kind(value)} cannot be compared with {kind(other)}")
        return compare(value, other)

    return test


def _contains(value: Json, other: Json, where: str) -> bool:
    if value is None:
        return False
    if is_list(value):
        return _among(other, value, where)
    if is_object(value):
        return isinstance(other, str) and other in value
    return _text_of(other, "value") in _text_of(value, where)


def _affix(test: Callable[[str, str], bool]) -> Test:
    return lambda value, other, where: (
        value is not None and test(_text_of(value, where), _text_of(other, "value"))
    )


def _text_of(value: Json, where: str) -> str:
    if not isinstance(value, str):
        raise refuse(f"{where}: {kind(value)} is no text")
    return value


def _is_empty(value: Json, _other: Json, _where: str) -> bool:
    return value is None or value in ("", [], {})


def _not(test: Test) -> Test:
    return lambda value, other, where: not test(value, other, where)


def _exists(value: Json, _other: Json, _where: str) -> bool:
    return value is not None


TESTS: Final[dict[str, Test]] = {
    "eq": _equal,
    "ne": _not(_equal),
    "gt": _ordered(operator.gt),
    "ge": _ordered(operator.ge),
    "lt": _ordered(operator.lt),
    "le": _ordered(operator.le),
    "in": _among,
    "notIn": _not(_among),
    "contains": _contains,
    "startsWith": _affix(str.startswith),
    "endsWith": _affix(str.endswith),
    "exists": _exists,
    "missing": _not(_exists),
    "empty": _is_empty,
    "notEmpty": _not(_is_empty),
}
CONDITION: Final[Schema] = either(
    "An expression over item and index that is true, or a field, an operator and a value.",
    text("A path within the item, or an expression.", minLength=1),
    closed(
        {
            "field": BY,
            "op": choice("How to compare.", *TESTS, "matches", default="eq"),
            "value": anything("What to compare with; matches takes an RE2 pattern.", default=None),
        },
        "field",
    ),
)
