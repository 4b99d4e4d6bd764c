"""One evaluation of a CEL tree, and the steps that it may still take.

Every form that is evaluated pays a step, and so do items, and every few characters that are made,
compared or searched: no expression runs long and no value grows large.  A part of `&&` or `||`
that fails is forgiven when another part decides; a bound that was reached never is.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from mainspring.domain.expression.cel.functions import FUNCTIONS, METHODS
from mainspring.domain.expression.cel.kinds import (
    KINDS,
    Val,
    computed,
    holds,
    is_key,
    negated,
    ordered,
    word,
)
from mainspring.domain.expression.cel.tree import (
    Call,
    Chain,
    Choice,
    Default,
    Field,
    Fold,
    Has,
    Index,
    Link,
    ListOf,
    Literal,
    Logic,
    Loop,
    Matches,
    Method,
    Name,
    Node,
    ObjectOf,
    Unary,
    static_path,
)
from mainspring.domain.expression.equality import same
from mainspring.domain.expression.errors import ExpressionFailed, ExpressionTooLarge
from mainspring.domain.expression.pattern import compile_pattern

Scope = dict[str, Val]


class NotThere(ExpressionFailed):
    """A name, a key or a place leads nowhere; `default` is there to ask."""


class _Absent(NotThere):
    """A name that is written in the expression leads nowhere, and its whole path is not told."""


class Run:
    """The roots that names may lead to, and the steps left."""

    __slots__ = ("_roots", "left")

    def __init__(self, roots: dict[str, Val], steps: int) -> None:
        self._roots = roots
        self.left = steps

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise ExpressionTooLarge("the expression takes too many steps")

    def value(self, node: Node, scope: Scope) -> Val:
        self.left -= 1
        if self.left < 0:
            raise ExpressionTooLarge("the expression takes too many steps")
        return _FORMS[type(node)](self, node, scope)

    def truth(self, node: Node, scope: Scope, who: str) -> bool:
        value = self.value(node, scope)
        if not isinstance(value, bool):
            raise ExpressionFailed(f"{who}: {word(value)} is not true or false")
        return value

    def root(self, name: str) -> Val:
        if name in KINDS:
            return KINDS[name]
        if name not in self._roots:
            raise _Absent(f"{name} is not there")
        return self._roots[name]


def _name(run: Run, node: Name, scope: Scope) -> Val:
    return scope[node.name] if node.name in scope else run.root(node.name)


def _chain(run: Run, node: Chain, scope: Scope) -> Val:
    place = 0
    try:
        value = run.value(node.base, scope)
        for link in node.links:
            place += 1
            run.spend(1)
            value = _followed(run, value, link, scope)
    except _Absent:
        # The same words wherever on its way the path ends: a selection ends it sooner.
        path = static_path(node.base, node.links)
        if place < len(path):
            raise NotThere(f"{'.'.join(path)} is not there") from None
        raise
    return value


def _followed(run: Run, value: Val, link: Link, scope: Scope) -> Val:
    match link:
        case Field(name) | Index(Literal(str() as name)):
            return _field(value, name)
        case Index(key):
            return _item(value, run.value(key, scope))
        case Method(name, args):
            values = [value, *(run.value(arg, scope) for arg in args)]
            return METHODS[name][2](values, run.spend)
        case Matches(wanted):
            if not isinstance(value, str):
                raise ExpressionFailed(f"matches: {word(value)} is not a text")
            pattern = compile_pattern(wanted)
            run.spend(pattern.cost(value))
            return pattern.found(value)
        case Loop():
            return _LOOPS[link.macro](run, link, _items(run, value, link, scope))


def _field(value: Val, name: str) -> Val:
    # The name stands in the expression, so a message may show it; a computed key it may not.
    if not isinstance(value, dict):
        raise _Absent(f'{word(value)} has no field "{name}"')
    if name not in value:
        raise _Absent(f'there is no field "{name}"')
    return value[name]


def _item(value: Val, key: Val) -> Val:
    if isinstance(value, dict):
        if not is_key(key) or key not in value:
            raise NotThere("an object has no such key")
        return value[key]  # type: ignore[index]
    if not isinstance(value, list):
        raise ExpressionFailed(f"{word(value)} has no items")
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    if not isinstance(key, int) or isinstance(key, bool):
        raise ExpressionFailed(f"{word(key)} is not the place of an item in a list")
    if not 0 <= key < len(value):
        raise NotThere("a list has no item at that place")
    return value[key]


def _has(run: Run, node: Has, scope: Scope) -> Val:
    value = run.value(node.base, scope)
    if not isinstance(value, dict):
        raise ExpressionFailed(f"has: {word(value)} has no fields")
    return node.field in value


def _call(run: Run, node: Call, scope: Scope) -> Val:
    return FUNCTIONS[node.name][2]([run.value(arg, scope) for arg in node.args], run.spend)


def _default(run: Run, node: Default, scope: Scope) -> Val:
    try:
        value = run.value(node.value, scope)
    except NotThere:
        value = None
    return run.value(node.fallback, scope) if value is None else value


def _list(run: Run, node: ListOf, scope: Scope) -> Val:
    return [run.value(item, scope) for item in node.items]


def _object(run: Run, node: ObjectOf, scope: Scope) -> Val:
    made: dict[str | int, Val] = {}
    for key_node, value_node in node.pairs:
        key = run.value(key_node, scope)
        if not isinstance(key, str | int) or isinstance(key, bool):
            raise ExpressionFailed(f"{word(key)} is not a key: that is a text or a whole number")
        if key in made:
            raise ExpressionFailed("an object has one key twice")
        made[key] = run.value(value_node, scope)
    return made


def _unary(run: Run, node: Unary, scope: Scope) -> Val:
    if node.operator == "!":
        return run.truth(node.operand, scope, "!") != (node.count % 2 == 1)
    value = negated(run.value(node.operand, scope))
    return value if node.count % 2 == 1 else negated(value)


def _fold(run: Run, node: Fold, scope: Scope) -> Val:
    value = run.value(node.first, scope)
    for operator, operand in node.rest:
        run.spend(1)
        value = _joined(run, operator, value, run.value(operand, scope))
    return value


def _joined(run: Run, operator: str, left: Val, right: Val) -> Val:
    match operator:
        case "==":
            return same(left, right, run.spend)
        case "!=":
            return not same(left, right, run.spend)
        case "in":
            return holds(right, left, run.spend)
        case "<" | "<=" | ">" | ">=":
            return ordered(operator, left, right, run.spend)
        case _:
            return computed(operator, left, right, run.spend)


def _logic(run: Run, node: Logic, scope: Scope) -> Val:
    who = "||" if node.decider else "&&"
    return _decided(node.decider, (partial(run.truth, part, scope, who) for part in node.parts))


def _decided(decider: bool, parts: Iterator[Callable[[], bool]]) -> bool:
    """Return the answer of all parts together; the first failure counts if nothing decides."""
    failure: ExpressionFailed | None = None
    for part in parts:
        try:
            if part() is decider:
                return decider
        except ExpressionFailed as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return not decider


def _choice(run: Run, node: Choice, scope: Scope) -> Val:
    for condition, then in node.cases:
        if run.truth(condition, scope, "?:"):
            return run.value(then, scope)
    return run.value(node.otherwise, scope)


def _items(run: Run, value: Val, link: Loop, scope: Scope) -> Iterator[Scope]:
    if not isinstance(value, list | dict):
        raise ExpressionFailed(f"{link.macro}: {word(value)} is not a list to go through")
    run.spend(len(scope))
    inner = dict(scope)
    for item in value:
        run.spend(1)
        inner[link.variable] = item
        yield inner


def _all(run: Run, link: Loop, items: Iterator[Scope]) -> Val:
    parts = (partial(run.truth, link.body, scope, "all") for scope in items)
    return _decided(False, parts)


def _exists(run: Run, link: Loop, items: Iterator[Scope]) -> Val:
    parts = (partial(run.truth, link.body, scope, "exists") for scope in items)
    return _decided(True, parts)


def _exists_one(run: Run, link: Loop, items: Iterator[Scope]) -> Val:
    return sum(run.truth(link.body, scope, "exists_one") for scope in items) == 1


def _filter(run: Run, link: Loop, items: Iterator[Scope]) -> Val:
    kept = (scope for scope in items if run.truth(link.body, scope, "filter"))
    return [scope[link.variable] for scope in kept]


def _map(run: Run, link: Loop, items: Iterator[Scope]) -> Val:
    condition = link.condition
    if condition is not None:
        items = (scope for scope in items if run.truth(condition, scope, "map"))
    return [run.value(link.body, scope) for scope in items]


_LOOPS: Final[dict[str, Callable[[Run, Loop, Iterator[Scope]], Val]]] = {
    "all": _all,
    "exists": _exists,
    "exists_one": _exists_one,
    "filter": _filter,
    "map": _map,
}


def _literal(_run: Run, node: Literal, _scope: Scope) -> Val:
    return node.value


_FORMS: Final[dict[type, Callable[[Run, Any, Scope], Val]]] = {
    Literal: _literal,
    Name: _name,
    Chain: _chain,
    Has: _has,
    Call: _call,
    Default: _default,
    ListOf: _list,
    ObjectOf: _object,
    Unary: _unary,
    Fold: _fold,
    Logic: _logic,
    Choice: _choice,
}
