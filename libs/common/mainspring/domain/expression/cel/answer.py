"""A value of CEL on its way to JSON, counted as it would be printed."""

from math import isfinite
from typing import Final

from mainspring.domain.expression.cel.instants import Instant, Span, print_instant, print_span
from mainspring.domain.expression.cel.kinds import Kind, Val
from mainspring.domain.expression.equality import Spend
from mainspring.domain.expression.errors import ExpressionFailed, ExpressionTooLarge
from mainspring.domain.expression.values import MAX_OUTPUT, Value

MAX_ANSWER_DEPTH: Final = 256


def plain(value: Val, spend: Spend | None = None) -> Value:
    """Return `value` in JSON's kinds; raise `ExpressionError` for what has no form there."""
    return _Answer(spend).plain(value, MAX_ANSWER_DEPTH)


class _Answer:
    __slots__ = ("_room", "_spend")

    def __init__(self, spend: Spend | None) -> None:
        self._room = MAX_OUTPUT
        self._spend = spend

    def plain(self, value: Val, depth: int) -> Value:
        self._take(16)
        if self._spend is not None:
            self._spend(1)
        match value:
            case list():
                return [self.plain(item, self._below(depth)) for item in value]
            case dict():
                below = self._below(depth)
                return {self._key(key): self.plain(item, below) for key, item in value.items()}
            case str():
                self._take(len(value))
                return value
            case float() if not isfinite(value):
                raise ExpressionFailed("the answer is not a finite number")
            case _:
                return _scalar(value)

    def _take(self, count: int) -> None:
        self._room -= count
        if self._room < 0:
            raise ExpressionTooLarge("the answer is too large")

    def _below(self, depth: int) -> int:
        if depth == 0:
            raise ExpressionTooLarge("the answer is nested too deeply")
        return depth - 1

    def _key(self, key: str | int) -> str:
        if not isinstance(key, str):
            raise ExpressionFailed("the answer has a number as a key, which JSON has not")
        self._take(len(key))
        return key


def _scalar(value: float | bool | Instant | Span | Kind | None) -> Value:
    match value:
        case Instant():
            return print_instant(value)
        case Span():
            return print_span(value)
        case Kind():
            return value.name
        case _:
            return value
