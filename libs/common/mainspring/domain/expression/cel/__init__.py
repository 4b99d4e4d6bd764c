"""CEL, the Common Expression Language, over plain JSON data: it answers, or it says why not.

An evaluator of our own, after the bindings of three others were tried and either hung, ran out
of memory or ended the process on hostile expressions (decision 0006).  It is the language of the
specification without what JSON has no values for (unsigned numbers, bytes, messages), without
named time zones, and with a bound on length, nesting, steps and output.
"""

from functools import lru_cache
from typing import Final, cast

from mainspring.domain.expression.cel.answer import plain
from mainspring.domain.expression.cel.kinds import Val
from mainspring.domain.expression.cel.parser import parse
from mainspring.domain.expression.cel.reads import reads
from mainspring.domain.expression.cel.run import Run
from mainspring.domain.expression.cel.tree import Node
from mainspring.domain.expression.errors import CelInvalid, ExpressionTooLarge
from mainspring.domain.expression.values import Path, Value

MAX_STEPS: Final = 100_000
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
            return plain(run.value(self._tree, {}))
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


__all__ = ["CompiledCel", "Run", "compile_cel"]
