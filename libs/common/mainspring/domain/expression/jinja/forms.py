"""The forms of an expression that there are: a whitelist over the library's tree."""

from typing import Any, Final

from jinja2 import nodes

from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.jinja.access import read_chain, read_name
from mainspring.domain.expression.jinja.calls import call, filter_call, test_call
from mainspring.domain.expression.jinja.compile import Bound, Compiler, Forms
from mainspring.domain.expression.jinja.operators import BINARY, compared, negated, plain
from mainspring.domain.expression.jinja.run import (
    MAX_INTEGER,
    Absent,
    Eval,
    Run,
    Scope,
    Soft,
    finite,
)
from mainspring.domain.expression.values import Value, kind


def _const(c: Compiler, node: nodes.Const, _bound: Bound) -> Eval:
    value: Any = node.value
    if isinstance(value, int) and abs(value) >= MAX_INTEGER:
        c.fail("a whole number is out of range")
    if isinstance(value, float):
        try:
            finite(value)
        except ExpressionFailed as error:
            c.fail(str(error))
    return lambda _run, _scope: value


def _binary(c: Compiler, node: nodes.BinExpr, bound: Bound) -> Eval:
    left, right = c.value(node.left, bound), c.value(node.right, bound)
    act = BINARY[type(node).__name__]
    return lambda run, scope: act(left(run, scope), right(run, scope), run)


def _and(c: Compiler, node: nodes.And, bound: Bound) -> Eval:
    left, right = c.value(node.left, bound), c.value(node.right, bound)
    return lambda run, scope: left(run, scope) and right(run, scope)


def _or(c: Compiler, node: nodes.Or, bound: Bound) -> Eval:
    left, right = c.value(node.left, bound), c.value(node.right, bound)
    return lambda run, scope: left(run, scope) or right(run, scope)


def _unary(c: Compiler, node: nodes.UnaryExpr, bound: Bound) -> Eval:
    inner = c.value(node.node, bound)
    if isinstance(node, nodes.Not):
        return lambda run, scope: not inner(run, scope)
    act = negated if isinstance(node, nodes.Neg) else plain
    return lambda run, scope: act(inner(run, scope))


def _compare(c: Compiler, node: nodes.Compare, bound: Bound) -> Eval:
    first = c.value(node.expr, bound)
    rest = [(operand.op, c.value(operand.expr, bound)) for operand in node.ops]

    def evaluate(run: Run, scope: Scope) -> Value:
        left = first(run, scope)
        for name, operand in rest:
            right = operand(run, scope)
            if not compared(name, left, right, run):
                return False
            left = right
        return True

    return evaluate


def _concat(c: Compiler, node: nodes.Concat, bound: Bound) -> Eval:
    parts = c.values(node.nodes, bound)

    def evaluate(run: Run, scope: Scope) -> Value:
        shown = [run.shown(part(run, scope)) for part in parts]
        run.make(sum(map(len, shown)))
        return "".join(shown)

    return evaluate


def _choice(c: Compiler, node: nodes.CondExpr, bound: Bound) -> Soft:
    test, then = c.value(node.test, bound), c.soft(node.expr1, bound)
    otherwise: Soft = lambda _run, _scope: Absent("an if without an else has no value")  # noqa: E731
    if node.expr2 is not None:
        otherwise = c.soft(node.expr2, bound)
    return lambda run, scope: (then if test(run, scope) else otherwise)(run, scope)


def _list(c: Compiler, node: nodes.List | nodes.Tuple, bound: Bound) -> Eval:
    parts = c.values(node.items, bound)
    return lambda run, scope: [part(run, scope) for part in parts]


def _dict(c: Compiler, node: nodes.Dict, bound: Bound) -> Eval:
    pairs = [(c.value(pair.key, bound), c.value(pair.value, bound)) for pair in node.items]

    def evaluate(run: Run, scope: Scope) -> Value:
        made: dict[str, Value] = {}
        for key_of, value_of in pairs:
            key = key_of(run, scope)
            if not isinstance(key, str):
                raise ExpressionFailed(f"a key is a text, not {kind(key)}")
            made[key] = value_of(run, scope)
        return made

    return evaluate


FORMS: Final[Forms] = {
    nodes.Const: _const,
    nodes.Name: read_name,
    nodes.Getattr: read_chain,
    nodes.Getitem: read_chain,
    nodes.Filter: filter_call,
    nodes.Test: test_call,
    nodes.Call: call,
    nodes.Compare: _compare,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Not: _unary,
    nodes.Neg: _unary,
    nodes.Pos: _unary,
    nodes.CondExpr: _choice,
    nodes.Concat: _concat,
    nodes.List: _list,
    nodes.Tuple: _list,
    nodes.Dict: _dict,
    **dict.fromkeys(
        (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow),
        _binary,
    ),
}
