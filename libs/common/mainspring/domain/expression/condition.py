"""The typed JSON conditions of the native dialect: an object with a `type` says yes or no.

    {"type": "all_of", "conditions": [
        {"type": "step_status", "step_ref": "pay", "status": "completed"},
        {"type": "gt", "left": {"payload": "order.total"}, "right": 100}]}

An operand is a literal, or an object of one key: `value` (any JSON), `step_ref` (that step's
status), `payload` or `output` (a path of names).  What is not there counts as null; `exists` asks
for it.  Values are compared as what they are, never by how they print, and a comparison without
a meaning fails: a condition that means nothing must not skip a step.
"""

import operator
from collections.abc import Callable
from typing import Final, TypeAlias, cast

from mainspring.domain.expression.conditionview import (
    FORMS,
    check,
    faults,
    literal_of,
    output_path,
    payload_path,
    references,
)
from mainspring.domain.expression.equality import same
from mainspring.domain.expression.errors import ExpressionFailed, ExpressionTooLarge
from mainspring.domain.expression.pattern import COMPILING, compile_pattern
from mainspring.domain.expression.values import Missing, Path, Value, follow, kind

MAX_STEPS: Final = 100_000
MAX_MATCHED: Final = 10_000


class _Run:
    """One evaluation over sound data, and the steps it may still take."""

    __slots__ = ("_data", "_left")

    def __init__(self, data: dict[str, Value]) -> None:
        self._data = data
        self._left = MAX_STEPS

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise ExpressionTooLarge("the condition takes too many steps")

    def read(self, path: Path) -> Value:
        found = follow(self._data, path)
        return None if isinstance(found, Missing) else found

    def status(self, ref: str) -> Value:
        return self.read(("steps", ref, "status"))

    def operand(self, operand: Value) -> Value:
        match operand:
            case {"step_ref": str() as ref}:
                return self.status(ref)
            case {"payload": str() as path}:
                return self.read(payload_path(path))
            case {"output": str() as path}:
                return self.read(output_path(path))
            case _:
                return literal_of(operand)

    def holds(self, condition: Value) -> bool:
        self.spend(1)
        fields = cast("dict[str, Value]", condition)
        name = str(fields["type"])
        match fields:
            case {"conditions": list() as parts}:
                inner = map(self.holds, parts)
                return all(inner) if name == "all_of" else any(inner)
            case {"condition": inner}:
                return not self.holds(inner)
            case {"left": left, "right": right}:
                return self._compared(name, left, right)
            case {"operand": inner}:
                return self.operand(inner) is not None
            case {"step_ref": ref}:
                wanted = fields["statuses"] if name == "step_status_in" else [fields["status"]]
                return _in(self.status(str(ref)), wanted, self)
            case _:
                raise ExpressionFailed(f"{name}: fields are missing")

    def _compared(self, name: str, left: Value, right: Value) -> bool:
        if name == "regex" and literal_of(right) is None:
            self.spend(COMPILING)
        try:
            return _COMPARE[name](self.operand(left), self.operand(right), self)
        except ExpressionFailed as fault:
            raise ExpressionFailed(f"{name}: {fault}") from None


def _in(left: Value, right: Value, run: _Run) -> bool:
    if not isinstance(right, list):
        raise ExpressionFailed(f"{kind(right)} is not a list")
    return any(same(left, item, run.spend) for item in right)


def _contains(left: Value, right: Value, run: _Run) -> bool:
    match left, right:
        case list(), _:
            return _in(right, left, run)
        case str(), str():
            run.spend(len(left) >> 4)
            return right in left
        case _:
            raise ExpressionFailed(f"{kind(left)} cannot contain {kind(right)}")


def _regex(left: Value, right: Value, run: _Run) -> bool:
    if not isinstance(left, str) or not isinstance(right, str):
        raise ExpressionFailed(f"{kind(left)} and {kind(right)} are not a text and a pattern")
    if len(left) > MAX_MATCHED:
        raise ExpressionFailed(f"the text has more than {MAX_MATCHED} characters")
    pattern = compile_pattern(right)
    run.spend(pattern.cost(left))
    return pattern.found(left)


Compare: TypeAlias = Callable[[Value, Value, _Run], bool]


def _ordered(holds: Callable[[float, float], bool]) -> Compare:
    def compare(left: Value, right: Value, _: _Run) -> bool:
        # A whole number and a fraction are compared by value, with no rounding in between.
        return holds(_number(left), _number(right))

    return compare


def _number(value: Value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionFailed(f"{kind(value)} is not a number")
    return value


_COMPARE: Final[dict[str, Compare]] = {
    "eq": lambda left, right, run: same(left, right, run.spend),
    "ne": lambda left, right, run: not same(left, right, run.spend),
    "gt": _ordered(operator.gt),
    "gte": _ordered(operator.ge),
    "lt": _ordered(operator.lt),
    "lte": _ordered(operator.le),
    "contains": _contains,
    "in": _in,
    "regex": _regex,
}


def evaluate(condition: Value, data: dict[str, Value]) -> bool:
    """Return what `condition` says of `{"payload": ..., "steps": {ref: {"status", "output"}}}`.

    Raises `ExpressionFailed` for a faulty condition, a step that is not in `data` and a comparison
    without a meaning, and `ExpressionTooLarge` at a bound.
    """
    steps = data.get("steps")
    for fault in faults(condition, steps if isinstance(steps, dict) else ()):
        raise ExpressionFailed(fault)
    try:
        return _Run(data).holds(condition)
    except RecursionError:
        raise ExpressionTooLarge("a value is nested too deeply") from None


__all__ = ["FORMS", "check", "evaluate", "references"]
