"""JSON Logic over plain JSON data: it answers, or it says why not.

A rule is data: an object with one key is an operation, and everything else means itself.
Every operation that is evaluated pays a step; arguments, items, and every few characters that
are made or compared pay too, so no rule runs long and no value grows large.  There is no clock,
no `log` and no operator of our own: a recorded run must be decided alike for ever.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from mainspring.domain.expression.errors import ExpressionFailed, ExpressionTooLarge
from mainspring.domain.expression.operators import MANY, PLAIN, number, truthy_inside
from mainspring.domain.expression.rules import key_path, operation, unknown, wrong_count
from mainspring.domain.expression.values import MAX_OUTPUT, Missing, Value, follow, kind

MAX_STEPS: Final = 100_000
MAX_DEPTH: Final = 64
MAX_ANSWER_DEPTH: Final = 256


class _Run:
    """One evaluation, and the steps it may still take."""

    __slots__ = ("_left",)

    def __init__(self, steps: int) -> None:
        self._left = steps

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise ExpressionTooLarge("the rule takes too many steps")

    def value(self, rule: Value, data: Value, depth: int) -> Value:
        if not isinstance(rule, dict | list):
            return rule
        self.spend(1)
        if depth == 0:
            raise ExpressionTooLarge(f"the rule is nested more than {MAX_DEPTH} deep")
        if isinstance(rule, list):
            self.spend(len(rule))
            return [self.value(item, data, depth - 1) for item in rule]
        name, args = operation(rule)
        self.spend(len(args))
        form = FORMS.get(name)
        if form is not None:
            _count(name, len(args), form[0], form[1])
            return form[2](self, args, data, depth - 1)
        return self._plain(name, [self.value(arg, data, depth - 1) for arg in args])

    def _plain(self, name: str, values: list[Value]) -> Value:
        low, high, act = PLAIN.get(name) or _refuse(name)
        _count(name, len(values), low, high)
        try:
            return act(values, self.spend)
        except ExpressionFailed as fault:
            raise ExpressionFailed(f"{name}: {fault}") from None


def _refuse(name: str) -> tuple[int, int, Callable[..., Value]]:
    raise ExpressionFailed(unknown(name))


def _count(name: str, count: int, low: int, high: int) -> None:
    if not low <= count <= high:
        raise ExpressionFailed(f"{name}: {wrong_count(count, low, high)}")


def _var(run: _Run, args: list[Value], data: Value, depth: int) -> Value:
    name = run.value(args[0], data, depth) if args else ""
    found = follow(data, key_path(name))
    if found is None or isinstance(found, Missing):
        return run.value(args[1], data, depth) if len(args) > 1 else None
    return found


def _missing(run: _Run, args: list[Value], data: Value, depth: int) -> Value:
    keys = [run.value(arg, data, depth) for arg in args]
    if keys and isinstance(keys[0], list):
        keys = keys[0]
    return _absent(run, keys, data)


def _missing_some(run: _Run, args: list[Value], data: Value, depth: int) -> Value:
    least, keys = (run.value(arg, data, depth) for arg in args)
    if not isinstance(keys, list):
        raise ExpressionFailed(f"missing_some: {kind(keys)} is not a list of names")
    absent = _absent(run, keys, data)
    return [] if len(keys) - len(absent) >= number(least) else absent


def _absent(run: _Run, keys: list[Value], data: Value) -> list[Value]:
    run.spend(len(keys))
    return [key for key in keys if _is_absent(follow(data, key_path(key)))]


def _is_absent(value: Value | Missing) -> bool:
    return value is None or value == "" or isinstance(value, Missing)


def _if(run: _Run, args: list[Value], data: Value, depth: int) -> Value:
    for index in range(0, len(args) - 1, 2):
        if truthy_inside(run.value(args[index], data, depth)):
            return run.value(args[index + 1], data, depth)
    return run.value(args[-1], data, depth) if len(args) % 2 else None


def _and(run: _Run, args: list[Value], data: Value, depth: int) -> Value:
    value: Value = None
    for arg in args:
        value = run.value(arg, data, depth)
        if not truthy_inside(value):
            break
    return value


def _or(run: _Run, args: list[Value], data: Value, depth: int) -> Value:
    value: Value = None
    for arg in args:
        value = run.value(arg, data, depth)
        if truthy_inside(value):
            break
    return value


def _items(run: _Run, args: list[Value], data: Value, depth: int) -> list[Value]:
    found = run.value(args[0], data, depth)
    if found is not None and not isinstance(found, list):
        raise ExpressionFailed(f"{kind(found)} is not a list to go through")
    items = found or []
    run.spend(len(items))
    return items


def _map(run: _Run, args: list[Value], data: Value, depth: int) -> Value:
    return [run.value(args[1], item, depth) for item in _items(run, args, data, depth)]


def _filter(run: _Run, args: list[Value], data: Value, depth: int) -> Value:
    items = _items(run, args, data, depth)
    return [item for item in items if truthy_inside(run.value(args[1], item, depth))]


def _reduce(run: _Run, args: list[Value], data: Value, depth: int) -> Value:
    items = _items(run, args, data, depth)
    value = run.value(args[2], data, depth)
    for item in items:
        value = run.value(args[1], {"current": item, "accumulator": value}, depth)
    return value


def _all(run: _Run, args: list[Value], data: Value, depth: int) -> Value:
    items = _items(run, args, data, depth)
    # Of nothing, not all: the reference says so, against logic, and rules rely on it.
    return bool(items) and all(truthy_inside(run.value(args[1], item, depth)) for item in items)


def _some(run: _Run, args: list[Value], data: Value, depth: int) -> Value:
    items = _items(run, args, data, depth)
    return any(truthy_inside(run.value(args[1], item, depth)) for item in items)


def _none(run: _Run, args: list[Value], data: Value, depth: int) -> Value:
    return not _some(run, args, data, depth)


Form: TypeAlias = Callable[[_Run, list[Value], Value, int], Value]

FORMS: Final[dict[str, tuple[int, int, Form]]] = {
    "var": (0, 2, _var),
    "missing": (0, MANY, _missing),
    "missing_some": (2, 2, _missing_some),
    "if": (1, MANY, _if),
    "?:": (3, 3, _if),
    "and": (1, MANY, _and),
    "or": (1, MANY, _or),
    "map": (2, 2, _map),
    "filter": (2, 2, _filter),
    "reduce": (3, 3, _reduce),
    "all": (2, 2, _all),
    "some": (2, 2, _some),
    "none": (2, 2, _none),
}
"""The operators that choose which of their arguments are evaluated, and over what."""


def evaluate(rule: Value, data: Value, *, max_steps: int = MAX_STEPS) -> Value:
    """Return what `rule` says of `data`.

    Raises `ExpressionFailed` for what has no answer, and `ExpressionTooLarge` at a bound.  A
    `rule` that is a string means itself; `parse` reads one out of a text.  Parts of the answer
    may be shared with `data`.
    """
    run = _Run(max_steps)
    try:
        answer = run.value(rule, data, MAX_DEPTH)
    except RecursionError:
        raise ExpressionTooLarge("a value is nested too deeply") from None
    _measure(answer)
    return answer


def _measure(answer: Value) -> None:
    # One list may stand in an answer many times over: counted as often as it would be printed.
    room, waiting = MAX_OUTPUT, [(answer, MAX_ANSWER_DEPTH)]
    while waiting:
        value, depth = waiting.pop()
        room -= 16 + (len(value) if isinstance(value, str) else 0)
        if room < 0 or depth == 0:
            raise ExpressionTooLarge("the answer is too large")
        if isinstance(value, list):
            waiting += [(item, depth - 1) for item in value]
        elif isinstance(value, dict):
            room -= sum(map(len, value))
            waiting += [(item, depth - 1) for item in value.values()]


def truthy(answer: Value) -> bool:
    """Return whether `answer` takes a branch.

    Zero, the empty text, null and false do not; every list and object does, even an empty
    one.  The operators inside a rule hold an empty list for false, by their own standard.
    """
    return isinstance(answer, list | dict) or bool(answer)


def parse(rule: Value) -> Value:
    """Return `rule`, read out of its JSON text if it is given as one."""
    if not isinstance(rule, str):
        return rule
    try:
        return msgspec.json.decode(rule)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise ExpressionFailed(f"the rule is not JSON: {error}") from None
    except RecursionError:
        raise ExpressionTooLarge("the rule is nested too deeply") from None
