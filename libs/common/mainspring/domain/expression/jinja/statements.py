"""The statements of Jinja: text, `{{ … }}`, `if`, `for` and `set` of plain names.

Scopes are the library's: a loop has one of its own for each round, a condition has none.  A name
that a condition may or may not have given counts as read from outside too.
"""

from collections.abc import Iterator
from typing import Final, cast

from jinja2 import nodes

from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.jinja.compile import Bound, Compiler
from mainspring.domain.expression.jinja.grammar import Tag, Tree
from mainspring.domain.expression.jinja.run import Eval, Exec, Run, Scope, items
from mainspring.domain.expression.values import Value, kind

_GROUP: Final = ["grouper", "list"]


class Statements:
    """The compiler of a whole template; the tags come in the order of the source."""

    def __init__(self, tree: Tree, compiler: Compiler) -> None:
        self._c = compiler
        self._outputs = iter(tree.outputs)
        self._heads = iter(tree.heads)

    def body(self, found: list[nodes.Node], bound: Bound) -> tuple[Exec, Bound]:
        """Return what runs `found`, and the names that are surely given after it."""
        acts: list[Exec] = []
        for node in found:
            act, bound = self._statement(node, bound)
            acts += act
        if len(acts) == 1:
            return acts[0], bound

        def run_all(run: Run, scope: Scope) -> None:
            for act in acts:
                act(run, scope)

        return run_all, bound

    def output(self, node: nodes.Expr, bound: Bound) -> Eval:
        """Return what evaluates the expression of the next `{{ … }}`."""
        self._c.tag = next(self._outputs, self._c.tag)
        return told(self._c.tag, self._c.value(node, bound))

    def _head(self) -> Tag:
        self._c.tag = next(self._heads, self._c.tag)
        return self._c.tag

    def _statement(self, node: nodes.Node, bound: Bound) -> tuple[list[Exec], Bound]:
        self._c.cost += 1
        match node:
            case nodes.Output():
                return [self._part(part, bound) for part in node.nodes], bound
            case nodes.If():
                return self._if(node, bound)
            case nodes.For():
                return [self._for(node, bound)], bound
            case nodes.Assign():
                return self._set(node, bound)
            case nodes.AssignBlock():
                self._head()
                return self._c.fail("set takes a name, = and a value")
            case _:
                return self._c.fail(f"{type(node).__name__} is not supported")

    def _part(self, node: nodes.Expr, bound: Bound) -> Exec:
        self._c.cost += 1
        if isinstance(node, nodes.TemplateData):
            text = node.data
            return lambda run, _scope: run.write(text)
        value = self.output(node, bound)
        return lambda run, scope: run.write(run.shown(value(run, scope)))

    def _if(self, node: nodes.If, bound: Bound) -> tuple[list[Exec], Bound]:
        cases: list[tuple[Eval, Exec]] = []
        given: list[Bound] = []
        for case in (node, *node.elif_):
            test = told(self._head(), self._c.value(case.test, bound))
            then, after = self.body(case.body, bound)
            cases.append((test, then))
            given.append(after)
        otherwise, after = self.body(node.else_, bound)

        def choose(run: Run, scope: Scope) -> None:
            for test, then in cases:
                if test(run, scope):
                    then(run, scope)
                    return
            otherwise(run, scope)

        # Surely given is what every way gives; without an `else` one way gives nothing.
        return [choose], after.intersection(*given)

    def _set(self, node: nodes.Assign, bound: Bound) -> tuple[list[Exec], Bound]:
        tag = self._head()
        value = told(tag, self._c.value(node.node, bound))
        names, is_many = self._targets(node.target)

        def assign(run: Run, scope: Scope) -> None:
            _give(scope, names, value(run, scope), is_many=is_many)

        return [assign], bound | frozenset(names)

    def _targets(self, target: nodes.Node) -> tuple[list[str], bool]:
        parts = target.items if isinstance(target, nodes.Tuple) else [target]
        names = [self._c.name(part.name) for part in parts if isinstance(part, nodes.Name)]
        if len(names) < len(parts):
            self._c.fail("only plain names can be set")
        if "loop" in names:
            self._c.fail('the name "loop" is the language\'s own')
        return names, isinstance(target, nodes.Tuple)

    def _for(self, node: nodes.For, bound: Bound) -> Exec:
        tag = self._head()
        if node.recursive:
            self._c.fail("recursive loops are not supported")
        over = told(tag, self._c.value(node.iter, bound))
        names, is_many = self._targets(node.target)
        inner = bound | frozenset(names)
        before = self._c.cost
        test = None if node.test is None else told(tag, self._c.value(node.test, inner))
        body, _ = self.body(node.body, inner | {"loop"})
        cost = 1 + self._c.cost - before
        otherwise, _ = self.body(node.else_, bound)
        with_loop = any(name.name == "loop" for part in node.body for name in _names(part))

        def rounds(run: Run, scope: Scope) -> Iterator[Scope]:
            for item in items(over(run, scope), run, "for"):
                run.spend(cost + len(scope))
                one = dict(scope)
                _give(one, names, item, is_many=is_many)
                if test is None or test(run, one):
                    yield one

        def loop(run: Run, scope: Scope) -> None:
            # All are taken first only where the loop is asked how many there are.
            scopes = list(rounds(run, scope)) if with_loop else rounds(run, scope)
            is_empty = True
            for index, one in enumerate(scopes):
                is_empty = False
                if with_loop:
                    one["loop"] = _loop(index, cast("list[Scope]", scopes), names, scope)
                body(run, one)
            if is_empty:
                otherwise(run, scope)

        return loop


def _names(node: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(node, nodes.Name):
        yield node
    yield from node.find_all(nodes.Name)


def _loop(index: int, scopes: list[Scope], names: list[str], outer: Scope) -> Value:
    count = len(scopes)
    around = outer.get("loop")
    depth = cast("int", around["depth"]) + 1 if isinstance(around, dict) else 1
    loop: dict[str, Value] = {
        "index": index + 1,
        "index0": index,
        "revindex": count - index,
        "revindex0": count - index - 1,
        "first": index == 0,
        "last": index == count - 1,
        "length": count,
        "depth": depth,
        "depth0": depth - 1,
    }
    if len(names) == 1 and index > 0:
        loop["previtem"] = scopes[index - 1][names[0]]
    if len(names) == 1 and index < count - 1:
        loop["nextitem"] = scopes[index + 1][names[0]]
    return loop


def _give(scope: Scope, names: list[str], value: Value, *, is_many: bool) -> None:
    if not is_many:
        scope[names[0]] = value
        return
    # A group of `groupby` may be taken apart as in Jinja, where it is a pair.
    if isinstance(value, dict) and list(value) == _GROUP:
        value = list(value.values())
    if not isinstance(value, list) or len(value) != len(names):
        raise ExpressionFailed(f"{kind(value)} cannot be taken apart into {len(names)} names")
    scope.update(zip(names, value, strict=True))


def told(tag: Tag, value: Eval) -> Eval:
    """Return `value`, whose failures name the expression and its place."""

    def evaluate(run: Run, scope: Scope) -> Value:
        try:
            return value(run, scope)
        except ExpressionFailed as error:
            where = f"line {tag.line}, column {tag.column}: {tag.text}: "
            raise ExpressionFailed(f"{where}{error}") from None

    return evaluate
