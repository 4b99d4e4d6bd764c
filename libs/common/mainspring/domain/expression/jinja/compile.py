"""From the library's tree to closures over JSON values: a whitelist, form by form.

What is not named here is refused when the template is compiled, with its place.  A name after a
dot is a key of an object and never an attribute.  Every closure that goes over data pays for them
(see `run`).  Generated Python, which is how the library itself renders, lost: its operators,
its filters and its loops do as much as they are asked, and nothing can count them.
"""

from collections.abc import Callable
from typing import Any, Final, NoReturn, cast

from jinja2 import nodes

from mainspring.domain.expression.errors import ExpressionFailed, TemplateInvalid
from mainspring.domain.expression.jinja.grammar import Tag
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
from mainspring.domain.expression.jinja.operators import BINARY, compared, negated, plain
from mainspring.domain.expression.jinja.run import (
    MAX_INTEGER,
    Absent,
    Act,
    Eval,
    Run,
    Scope,
    Soft,
    bounded,
    finite,
)
from mainspring.domain.expression.values import Path, Value, kind

MAX_DEPTH: Final = 60
_SOFT_FORMS: Final = (
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Filter,
    nodes.Call,
    nodes.CondExpr,
)
Bound = frozenset[str]


class Compiler:
    """One template on its way to closures: what it reads, what it costs, where it stands."""

    def __init__(self) -> None:
        self.names: set[Path] = set()
        self.cost = 0
        self.tag = Tag(1, 1)
        self._depth = 0

    def fail(self, reason: str) -> NoReturn:
        raise TemplateInvalid(reason, self.tag.line, self.tag.column)

    def soft(self, node: nodes.Node, bound: Bound) -> Soft:
        """Return what evaluates `node`; where nothing is there it may answer `Absent`."""
        form = _FORMS.get(type(node))
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


def _name(c: Compiler, node: nodes.Name, bound: Bound) -> Soft:
    return _way(c, c.name(node.name), (), bound)


def _way(c: Compiler, root: str, path: tuple[str, ...], bound: Bound) -> Soft:
    """Return what follows the names of a path that is known beforehand."""
    if root not in bound:
        if root in FUNCTIONS or root == "kv":
            c.fail(
                f'{root} is a function: it is written {root}("...")'
                if root == "kv"
                else f"{root} is a function: it is written {root}(...)"
            )
        c.names.add((root, *path))
    why = f"{'.'.join((root, *path))[:200]} is not there"

    def follow(run: Run, scope: Scope) -> Value | Absent:
        place = scope if root in scope else run.roots
        if root not in place:
            return Absent(why)
        value = place[root]
        for name in path:
            if not isinstance(value, dict) or name not in value:
                return Absent(why)
            value = value[name]
        return value

    return follow


def _access(c: Compiler, node: nodes.Getattr | nodes.Getitem, bound: Bound) -> Soft:
    """Read a chain of names and keys: as far as it is known beforehand, as one path."""
    base, links = _chain(node)
    path: list[str] = []
    if isinstance(base, nodes.Name):
        while links and isinstance(links[0], str) and not links[0].isdigit():
            path.append(_key(c, links.pop(0)))
        begin = _way(c, c.name(base.name), tuple(path), bound)
    else:
        begin = c.soft(base, bound)
    for link in links:
        c.cost += 1
        begin = _behind(c, begin, link, bound)
    return begin


def _key(c: Compiler, link: "str | nodes.Expr") -> str:
    key = str(link)
    if key.startswith("__"):
        c.fail(f'a name cannot begin with "__": "{key[:40]}"')
    return key


def _chain(node: nodes.Expr) -> tuple[nodes.Expr, list["str | nodes.Expr"]]:
    links: list[str | nodes.Expr] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        if isinstance(node, nodes.Getattr):
            links.append(node.attr)
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            links.append(node.arg.value)
        else:
            links.append(node.arg)
        node = node.node
    return node, links[::-1]


def _behind(c: Compiler, before: Soft, link: "str | nodes.Expr", bound: Bound) -> Soft:
    if isinstance(link, nodes.Slice):
        return _sliced(c, before, link, bound)
    if isinstance(link, str):
        name = _key(c, link)
        known: Eval = lambda _run, _scope: name  # noqa: E731
        why = f'there is no "{name[:40]}"'
    else:
        known, why = c.value(link, bound), "there is nothing at a computed key"

    def follow(run: Run, scope: Scope) -> Value | Absent:
        value = before(run, scope)
        return value if isinstance(value, Absent) else _item(value, known(run, scope), why)

    return follow


def _item(value: Value, key: Value, why: str) -> Value | Absent:
    match value, key:
        case dict(), str() if key in value:
            return value[key]
        case dict(), int() if not isinstance(key, bool) and str(key)[:20] in value:
            return value[str(key)[:20]]
        case ((list() | str()), int()) if not isinstance(key, bool) and -len(value) <= key < len(
            value
        ):
            return value[key]
        case _:
            return Absent(why)


def _sliced(c: Compiler, before: Soft, node: nodes.Slice, bound: Bound) -> Soft:
    ends = [None if e is None else c.value(e, bound) for e in (node.start, node.stop, node.step)]

    def follow(run: Run, scope: Scope) -> Value | Absent:
        value = before(run, scope)
        if isinstance(value, Absent):
            return value
        if not isinstance(value, str | list):
            raise ExpressionFailed(f"{kind(value)} has no slices")
        found = [None if end is None else end(run, scope) for end in ends]
        places = [None if e is None else bounded(e, "slice", 1 << 40) for e in found]
        if places[2] == 0:
            raise ExpressionFailed("slice: the step is zero")
        run.spend(1 + (len(value) >> (6 if isinstance(value, str) else 2)))
        return value[slice(*places)]

    return follow


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


Args = tuple[list[Eval], dict[str, Eval]]


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

    def call(run: Run, scope: Scope) -> Value | Absent:
        value = before(run, scope)
        given = [arg(run, scope) for arg in plain_args]
        keys = {key: arg(run, scope) for key, arg in named.items()}
        try:
            return act(run, value, *given, **keys)
        except ExpressionFailed as error:
            told = str(error)
            raise ExpressionFailed(told if told.startswith(name) else f"{name}: {told}") from None

    return call


def _filter(c: Compiler, node: nodes.Filter, bound: Bound) -> Soft:
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
    if problem := call_fault(name, _filter_act(c, name), len(node.args) - 1, named, 2):
        c.fail(problem)


def _constant(c: Compiler, node: nodes.Expr, who: str) -> str:
    if not isinstance(node, nodes.Const) or not isinstance(node.value, str):
        c.fail(f"{who} takes the name of a filter or test as a plain text")
    return node.value


def _test(c: Compiler, node: nodes.Test, bound: Bound) -> Soft:
    act = _test_act(c, node.name)
    args = _arguments(c, node, bound)
    _check_call(c, node.name, act, node, 2)
    is_soft = node.name in SOFT_TESTS
    before = c.soft(node.node, bound) if is_soft else c.value(node.node, bound)
    return _applied(act, before, args, node.name)


def _call(c: Compiler, node: nodes.Call, bound: Bound) -> Soft:
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

    def call(run: Run, scope: Scope) -> Value | Absent:
        given = [arg(run, scope) for arg in args]
        return act(run, *given, **{key: arg(run, scope) for key, arg in named.items()})

    return call


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


_FORMS: Final[dict[type[nodes.Node], Callable[[Compiler, Any, Bound], Soft]]] = {
    nodes.Const: _const,
    nodes.Name: _name,
    nodes.Getattr: _access,
    nodes.Getitem: _access,
    nodes.Filter: _filter,
    nodes.Test: _test,
    nodes.Call: _call,
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
