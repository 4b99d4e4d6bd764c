"""Filters, tests, methods and functions: known by name, and checked when they are compiled."""

from typing import Final, TypeAlias, cast

from jinja2 import nodes

from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.jinja.compile import Bound, Compiler
from mainspring.domain.expression.jinja.judges import SOFT_TESTS, TESTS
from mainspring.domain.expression.jinja.library import (
    ELSEWHERE,
    FILTERS,
    FUNCTIONS,
    METHODS,
    REFUSED_FILTERS,
    SOFT_FILTERS,
    call_fault,
    did_you_mean,
)
from mainspring.domain.expression.jinja.run import Absent, Act, Eval, Run, Scope, Soft
from mainspring.domain.expression.values import Value

Args: TypeAlias = tuple[list[Eval], dict[str, Eval]]


def _arguments(c: Compiler, node: nodes.Call | nodes.Filter | nodes.Test, bound: Bound) -> Args:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        c.fail("* and ** are not supported")
    named = {key: c.value(value, bound) for key, value in _named(node).items()}
    if len(named) < len(node.kwargs):
        c.fail("a name is given twice")
    return c.values(node.args, bound), named


def _named(node: nodes.Call | nodes.Filter | nodes.Test) -> dict[str, nodes.Expr]:
    return {str(pair.key): pair.value for pair in cast("list[nodes.Keyword]", node.kwargs)}


def _applied(act: Act, before: Soft, args: Args, name: str) -> Soft:
    """Return a call of `act` on what stands before it."""
    plain_args, named = args

    def called(run: Run, scope: Scope) -> Value | Absent:
        value = before(run, scope)
        given = [arg(run, scope) for arg in plain_args]
        keys = {key: arg(run, scope) for key, arg in named.items()}
        try:
            return act(run, value, *given, **keys)
        except ExpressionFailed as error:
            told = str(error)
            raise ExpressionFailed(told if told.startswith(name) else f"{name}: {told}") from None

    return called


def filter_call(c: Compiler, node: nodes.Filter, bound: Bound) -> Soft:
    """Return what applies a filter; raise `TemplateInvalid` for an unknown one."""
    act = _filter_act(c, node.name)
    if node.node is None:
        c.fail("a filter has no value")
    args = _arguments(c, node, bound)
    _check_call(c, node.name, act, node, 2)
    _check_inner(c, node)
    is_soft = node.name in SOFT_FILTERS
    before = c.soft(node.node, bound) if is_soft else c.value(node.node, bound)
    return _applied(act, before, args, node.name)


def _filter_act(c: Compiler, name: str) -> Act:
    if name not in FILTERS:
        c.fail(
            REFUSED_FILTERS.get(name)
            or f'unknown filter "{name[:40]}"{did_you_mean(name, FILTERS)}'
        )
    return FILTERS[name]


def _test_act(c: Compiler, name: str) -> Act:
    if name not in TESTS:
        c.fail(f'unknown test "{name[:40]}"{did_you_mean(name, TESTS)}')
    return TESTS[name]


def _check_call(
    c: Compiler, name: str, act: Act, node: nodes.Call | nodes.Filter | nodes.Test, taken: int
) -> None:
    if problem := call_fault(name, act, len(node.args), _named(node), taken):
        c.fail(problem)


_INNER: Final = {"select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}


def _check_inner(c: Compiler, node: nodes.Filter) -> None:
    """Check the filter or the test that a filter is given by name."""
    if node.name == "map":
        _check_map(c, node)
    elif node.name in _INNER and len(node.args) > (place := _INNER[node.name]):
        name = _constant(c, node.args[place], node.name)
        act = _test_act(c, name)
        if problem := call_fault(name, act, len(node.args) - place - 1, (), 2):
            c.fail(problem)


def _check_map(c: Compiler, node: nodes.Filter) -> None:
    named = _named(node)
    if not node.args:
        if "attribute" not in named or not {"attribute", "default"}.issuperset(named):
            c.fail('map takes the name of a filter, or attribute="..."')
        return
    name = _constant(c, node.args[0], "map")
    if name == "map" or name in _INNER:
        c.fail(f"map cannot take {name}, which takes a filter or a test itself")
    if problem := call_fault(name, _filter_act(c, name), len(node.args) - 1, named, 2):
        c.fail(problem)


def _constant(c: Compiler, node: nodes.Expr, who: str) -> str:
    if not isinstance(node, nodes.Const) or not isinstance(node.value, str):
        c.fail(f"{who} takes the name of a filter or test as a plain text")
    return node.value


def test_call(c: Compiler, node: nodes.Test, bound: Bound) -> Soft:
    """Return what applies a test; raise `TemplateInvalid` for an unknown one."""
    act = _test_act(c, node.name)
    args = _arguments(c, node, bound)
    _check_call(c, node.name, act, node, 2)
    is_soft = node.name in SOFT_TESTS
    before = c.soft(node.node, bound) if is_soft else c.value(node.node, bound)
    return _applied(act, before, args, node.name)


def call(c: Compiler, node: nodes.Call, bound: Bound) -> Soft:
    """Return what calls a function or a method; raise `TemplateInvalid` for an unknown one."""
    target = node.node
    match target:
        case nodes.Getattr(node=nodes.Name(name="loop"), attr="cycle") if "loop" in bound:
            return _cycle(c, node, bound)
        case nodes.Getattr():
            return _method(c, target, node, bound)
        case nodes.Name(name="kv") if "kv" not in bound:
            return _kv(c, node)
        case nodes.Name():
            return _function(c, target.name, node, bound)
        case _:
            return c.fail("only functions and methods can be called")


def _method(c: Compiler, target: nodes.Getattr, node: nodes.Call, bound: Bound) -> Soft:
    name = target.attr
    if name not in METHODS:
        c.fail(f'unknown method "{name[:40]}"{did_you_mean(name, METHODS)}')
    _check_call(c, name, METHODS[name], node, 2)
    args = _arguments(c, node, bound)
    return _applied(METHODS[name], c.value(target.node, bound), args, name)


def _function(c: Compiler, name: str, node: nodes.Call, bound: Bound) -> Soft:
    if name in bound:
        c.fail(f"{name[:40]} is a value, and cannot be called")
    if name not in FUNCTIONS:
        c.fail(
            ELSEWHERE[name].format(name)
            if name in ELSEWHERE
            else f'unknown function "{name[:40]}"{did_you_mean(name, (*FUNCTIONS, "kv"))}'
        )
    _check_call(c, name, FUNCTIONS[name], node, 1)
    args, named = _arguments(c, node, bound)
    act = FUNCTIONS[name]

    def called(run: Run, scope: Scope) -> Value | Absent:
        given = [arg(run, scope) for arg in args]
        return act(run, *given, **{key: arg(run, scope) for key, arg in named.items()})

    return called


def _kv(c: Compiler, node: nodes.Call) -> Soft:
    match node.args:
        case [nodes.Const(value=str() as key)] if not node.kwargs:
            c.names.add(("kv", key))
            why = f'kv("{key[:80]}") is not there'
        case _:
            c.fail('kv takes one plain text, such as kv("limit"), so that it is known beforehand')

    def follow(run: Run, _scope: Scope) -> Value | Absent:
        store = run.roots.get("kv")
        return store[key] if isinstance(store, dict) and key in store else Absent(why)

    return follow


def _cycle(c: Compiler, node: nodes.Call, bound: Bound) -> Eval:
    args, named = _arguments(c, node, bound)
    if named or not args:
        c.fail("loop.cycle takes the values to go through")

    def turn(run: Run, scope: Scope) -> Value:
        loop = cast("dict[str, Value]", scope["loop"])
        return args[cast("int", loop["index0"]) % len(args)](run, scope)

    return turn
