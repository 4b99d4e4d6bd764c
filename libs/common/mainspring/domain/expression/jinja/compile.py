"""A template on its way from the library's tree to closures over JSON values.

What is not in the table of forms is refused when the template is compiled, with its place.  Every
closure that goes over data pays for them (see `run`).  Generated Python, which is how the library
itself renders, lost: its operators, its filters and its loops do as much as they are asked, and
nothing can count them.
"""

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias, cast

from jinja2 import nodes

from mainspring.domain.expression.errors import ExpressionFailed, TemplateInvalid
from mainspring.domain.expression.jinja.grammar import Tag
from mainspring.domain.expression.jinja.run import Absent, Eval, Run, Scope, Soft
from mainspring.domain.expression.values import Path, Value

MAX_DEPTH: Final = 60
_SOFT_FORMS: Final = (
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Filter,
    nodes.Call,
    nodes.CondExpr,
)
Bound: TypeAlias = frozenset[str]
Forms: TypeAlias = dict[type[nodes.Node], Callable[["Compiler", Any, Bound], Soft]]


class Compiler:
    """One template on its way to closures: what it reads, what it costs, where it stands."""

    def __init__(self, forms: Forms) -> None:
        self._forms = forms
        self.names: set[Path] = set()
        self.cost = 0
        self.tag = Tag(1, 1)
        self._depth = 0

    def fail(self, reason: str) -> NoReturn:
        raise TemplateInvalid(reason, self.tag.line, self.tag.column)

    def soft(self, node: nodes.Node, bound: Bound) -> Soft:
        """Return what evaluates `node`; where nothing is there it may answer `Absent`."""
        form = self._forms.get(type(node))
        if form is None:
            self.fail(f"{type(node).__name__} is not supported")
        self.cost += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.fail(f"an expression has more than {MAX_DEPTH} parts in a row or in each other")
        made = form(self, node, bound)
        self._depth -= 1
        return made

    def value(self, node: nodes.Node, bound: Bound) -> Eval:
        """Return what evaluates `node` and fails where nothing is there."""
        made = self.soft(node, bound)
        if not isinstance(node, _SOFT_FORMS):
            return cast("Eval", made)

        def evaluate(run: Run, scope: Scope) -> Value:
            found = made(run, scope)
            if isinstance(found, Absent):
                raise ExpressionFailed(found.why)
            return found

        return evaluate

    def values(self, found: list[nodes.Expr], bound: Bound) -> list[Eval]:
        return [self.value(node, bound) for node in found]

    def name(self, name: str) -> str:
        """Return a name that a template may use or give; `TemplateInvalid` for others."""
        if name.startswith("_"):
            self.fail(f'a name cannot begin with "_": "{name[:40]}"')
        return name
