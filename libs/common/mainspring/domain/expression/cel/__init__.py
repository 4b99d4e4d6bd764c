"""CEL, the Common Expression Language, over plain JSON data: it answers, or it says why not.

An evaluator of our own, after the bindings of three others were tried and either hung, ran out
of memory or ended the process on hostile expressions (decision 0006).  It is the language of the
specification without what JSON has no values for (unsigned numbers, bytes, messages), without
named time zones, and with a bound on length, nesting, steps and output.
"""

from functools import lru_cache
from math import isfinite
from typing import Final, cast

from mainspring.domain.expression.cel.instants import Instant, Span, print_instant, print_span
from mainspring.domain.expression.cel.kinds import Kind, Val
from mainspring.domain.expression.cel.parser import parse
from mainspring.domain.expression.cel.reads import reads
from mainspring.domain.expression.cel.run import Run
from mainspring.domain.expression.cel.tree import Node
from mainspring.domain.expression.errors import CelInvalid, ExpressionFailed, ExpressionTooLarge
from mainspring.domain.expression.values import MAX_OUTPUT, Path, Value

MAX_STEPS: Final = 100_000
MAX_ANSWER_DEPTH: Final = 256
_CACHED_LENGTH: Final = 4096


class CompiledCel:
    """One expression, parsed: evaluate it as often as wanted.

    `references` is every path of the data that it may read.
    """

    __slots__ = ("_tree", "references", "text")

    def __init__(self, text: str, tree: Node) -> None:
        self.text = text
        self._tree = tree
        self.references: frozenset[Path] = frozenset(reads(tree))

    def evaluate(self, data: dict[str, Value], *, max_steps: int = MAX_STEPS) -> Value:
        """Return the answer over `data`, whose keys are the names that the expression sees.

        Raises `ExpressionFailed` for what has no answer or no form in JSON, and
        `ExpressionTooLarge` at a bound.  A timestamp is answered as RFC 3339, a duration in
        seconds (`"90s"`).
        """
        return self.run(Run(cast("dict[str, Val]", data), max_steps))

    def run(self, run: Run) -> Value:
        """Return the answer that `run` gives, out of the steps that it has left."""
        try:
            return _Answer().plain(run.value(self._tree, {}), MAX_ANSWER_DEPTH)
        except RecursionError:
            raise ExpressionTooLarge("a value is nested too deeply") from None


def compile_cel(text: str) -> CompiledCel:
    """Return the parsed expression; raise `CelInvalid` with line, column and reason."""
    # The tree of a long text is large, and whoever sends one pays for it alone.
    return _remembered(text) if len(text) <= _CACHED_LENGTH else _parsed(text)


def _parsed(text: str) -> CompiledCel:
    try:
        return CompiledCel(text, parse(text))
    except RecursionError:  # only where the caller has left little of the stack
        raise CelInvalid("nested too deeply") from None


_remembered = lru_cache(maxsize=512)(_parsed)


class _Answer:
    """A value of CEL on its way to JSON, counted as it would be printed."""

    __slots__ = ("_room",)

    def __init__(self) -> None:
        self._room = MAX_OUTPUT

    def plain(self, value: Val, depth: int) -> Value:
        self._take(16)
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


__all__ = ["CompiledCel", "Run", "compile_cel"]
