"""Jinja over plain JSON values: the library reads, an evaluator of our own answers and counts.

The grammar, the blanks and the meaning are Jinja's, without what reaches out of a template
(includes, macros, blocks, attributes of Python) and with a bound on everything that can grow.
A missing name is an error with its whole path; `default(...)` and `is defined` are there to ask.
"""

from typing import Final, cast

from jinja2 import nodes

from mainspring.domain.expression.errors import (
    ExpressionTooLarge,
    TemplateInvalid,
)
from mainspring.domain.expression.jinja.compile import Compiler
from mainspring.domain.expression.jinja.forms import FORMS
from mainspring.domain.expression.jinja.grammar import Tree, read, read_expression
from mainspring.domain.expression.jinja.run import Eval, Exec, Run
from mainspring.domain.expression.jinja.statements import Statements
from mainspring.domain.expression.shape import Room
from mainspring.domain.expression.values import Path, Value

MAX_STEPS: Final = 200_000
_NONE: Final[frozenset[str]] = frozenset()


class CompiledJinja:
    """A text with expressions in it, or one whole expression."""

    __slots__ = ("_cost", "_exec", "_whole", "references", "words")

    def __init__(
        self, compiler: Compiler, act: Exec | None, whole: Eval | None, words: int = 0
    ) -> None:
        self.words = words
        self._cost = compiler.cost
        self._exec = act
        self._whole = whole
        self.references: frozenset[Path] = frozenset(compiler.names)

    @property
    def is_expression(self) -> bool:
        return self._whole is not None

    def build(self, context: Value, room: Room) -> Value:
        """Return the text, or the value of the one expression; raise `ExpressionError`."""
        run = Run(cast("dict[str, Value]", context), room)
        try:
            run.spend(self._cost)
            if self._whole is not None:
                return run.answer(self._whole(run, {}))
            if self._exec is not None:
                self._exec(run, {})
            return run.text()
        except RecursionError:
            raise ExpressionTooLarge("a value is nested too deeply") from None
        finally:
            run.close()

    def holds(self, context: dict[str, Value]) -> bool:
        """Return whether the value of the expression is true as Jinja sees it."""
        return bool(self.build(context, Room(steps=MAX_STEPS)))


def measure(value: Value) -> int:
    """Return the steps that it takes to walk through a value; raise `ExpressionError` beyond them.

    What passes could be the outcome of a rendering.
    """
    run = Run({}, Room(steps=MAX_STEPS))
    run.answer(value)
    return MAX_STEPS - run.left


def compile_jinja(text: str) -> CompiledJinja | None:
    """Return the text compiled, None when it is plain; raise `TemplateInvalid` with its place."""
    if "{{" not in text and "{%" not in text and "{#" not in text:
        return None
    try:
        return _compiled(read(text))
    except RecursionError:  # only where the caller has left little of the stack
        raise TemplateInvalid("nested too deeply") from None


def compile_jinja_rule(text: str) -> CompiledJinja:
    """Return one expression, bare or in braces, compiled; raise `TemplateInvalid`."""
    bare = text.strip()
    if bare.startswith("{{"):
        compiled = compile_jinja(bare)
        if compiled is None or not compiled.is_expression:
            raise TemplateInvalid("a rule is one expression, with nothing around its braces")
        return compiled
    compiler = Compiler(FORMS)
    try:
        value = compiler.value(read_expression(bare), _NONE)
    except RecursionError:
        raise TemplateInvalid("nested too deeply") from None
    return CompiledJinja(compiler, None, value)


def _compiled(tree: Tree) -> CompiledJinja:
    compiler = Compiler(FORMS)
    statements = Statements(tree, compiler)
    expression = _only_expression(tree)
    if expression is not None:
        return CompiledJinja(compiler, None, statements.output(expression, _NONE), tree.words)
    act, _ = statements.body(tree.body, _NONE)
    return CompiledJinja(compiler, act, None, tree.words)


def _only_expression(tree: Tree) -> nodes.Expr | None:
    match tree.body:
        case [nodes.Output(nodes=[expression])]:
            pass
        # A block of YAML ends with a line break that its author did not mean to send.
        case [nodes.Output(nodes=[expression, nodes.TemplateData(data="\n")])]:
            pass
        case _:
            return None
    return None if isinstance(expression, nodes.TemplateData) else expression


__all__ = ["MAX_STEPS", "CompiledJinja", "compile_jinja", "compile_jinja_rule", "measure"]
