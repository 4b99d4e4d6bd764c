"""What a template may call: filters, tests, methods and functions, each by name.

The tables are the whole of it: nothing is looked up on a Python object, and what is not here does
not exist.  Templates are pure, so nothing that changes from one reading to the next is here, and
whoever asks for it is told what to use instead.
"""

from collections.abc import Callable, Collection
from difflib import get_close_matches
from functools import lru_cache
from inspect import Parameter, signature
from typing import Final

from mainspring.domain.expression.equality import same
from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.jinja.judges import SOFT_TESTS, TESTS
from mainspring.domain.expression.jinja.lists import (
    LISTS,
    as_list,
    at,
    get,
    join,
    keys,
    missing,
    pairs,
    under,
    values,
)
from mainspring.domain.expression.jinja.run import Absent, Act, Run, bounded, items, text
from mainspring.domain.expression.jinja.scalars import SCALARS
from mainspring.domain.expression.jinja.texts import TEXTS, ends, lines, starts
from mainspring.domain.expression.jinja.times import TIMES
from mainspring.domain.expression.values import Value


def _mapped(
    run: Run, value: Value, filter_: Value = None, /, *args: Value, **named: Value
) -> Value:
    taken = items(value, run, "map")
    run.spend(len(taken))
    if filter_ is None:
        path, default = named.get("attribute"), named.get("default")
        return [under(run, item, path, default) for item in taken]
    act = FILTERS[text(filter_, "map")]
    return [present(act(run, item, *args, **named)) for item in taken]


def present(value: Value | Absent) -> Value:
    """Return `value`; raise `ExpressionFailed` with the words of its absence."""
    if isinstance(value, Absent):
        raise ExpressionFailed(value.why)
    return value


def _chosen(wanted: bool, who: str) -> Act:
    def run_it(run: Run, value: Value, test: Value = None, *args: Value) -> Value:
        taken = items(value, run, who)
        run.spend(len(taken))
        if test is None:
            return [item for item in taken if bool(item) is wanted]
        act = TESTS[text(test, who)]
        return [item for item in taken if bool(act(run, item, *args)) is wanted]

    return run_it


def _chosen_by(wanted: bool, who: str) -> Act:
    def run_it(run: Run, value: Value, attribute: Value, test: Value = None, *args: Value) -> Value:
        taken = items(value, run, who)
        run.spend(len(taken))
        name = None if test is None else text(test, who)

        def holds(item: Value) -> bool:
            found = missing(at(run, item, attribute), attribute)
            if name in SOFT_TESTS:
                return bool(TESTS[str(name)](run, found))
            known = present(found)
            return bool(known) if name is None else bool(TESTS[name](run, known, *args))

        return [item for item in taken if holds(item) is wanted]

    return run_it


def _default(
    _run: Run, value: Value | Absent, default_value: Value = "", boolean: Value = False
) -> Value:
    if isinstance(value, Absent) or (boolean and not value):
        return default_value
    return value


def _safe(_run: Run, value: Value) -> Value:
    return value


FILTERS: Final[dict[str, Act]] = {
    **TEXTS,
    **LISTS,
    **SCALARS,
    **TIMES,
    "map": _mapped,
    "select": _chosen(True, "select"),
    "reject": _chosen(False, "reject"),
    "selectattr": _chosen_by(True, "selectattr"),
    "rejectattr": _chosen_by(False, "rejectattr"),
    "default": _default,
    "d": _default,
    "safe": _safe,  # nothing is escaped by itself, so all is safe
}
SOFT_FILTERS: Final = frozenset(("default", "d"))


def _strip(act: Callable[..., str]) -> Act:
    def run_it(run: Run, value: Value, chars: Value = None) -> Value:
        taken = text(value, "strip")
        run.make(len(taken))
        return act(taken, None if chars is None else text(chars, "strip")[:1000])

    return run_it


def _joined(run: Run, value: Value, parts: Value) -> Value:
    return join(run, [text(part, "join") for part in items(parts, run, "join")], value)


def _counted(run: Run, value: Value, wanted: Value) -> Value:
    if isinstance(value, str):
        run.make(len(value))
        return value.count(text(wanted, "count"))
    return sum(same(wanted, item, run.spend) for item in items(value, run, "count"))


def _find(run: Run, value: Value, wanted: Value) -> Value:
    taken = text(value, "find")
    run.make(len(taken))
    return taken.find(text(wanted, "find"))


METHODS: Final[dict[str, Act]] = {
    **{
        name: TEXTS[name]
        for name in ("upper", "lower", "capitalize", "title", "replace", "split", "center")
    },
    **{name: TEXTS[name] for name in ("ljust", "rjust", "zfill")},
    "strip": _strip(str.strip),
    "lstrip": _strip(str.lstrip),
    "rstrip": _strip(str.rstrip),
    "splitlines": lines,
    "startswith": starts,
    "endswith": ends,
    "join": _joined,
    "count": _counted,
    "find": _find,
    "items": pairs,
    "keys": keys,
    "values": values,
    "get": get,
}


def _range(run: Run, *bounds: Value) -> Value:
    if not 1 <= len(bounds) <= 3:
        raise ExpressionFailed("range: takes 1 to 3 numbers")
    numbers = [bounded(bound, "range", 10**12) for bound in bounds]
    if len(numbers) == 3 and numbers[2] == 0:
        raise ExpressionFailed("range: the step is zero")
    made = range(*numbers)
    run.spend(1 + max(len(made), 0))
    return list(made)


def _dict(_run: Run, /, **named: Value) -> Value:
    return dict(named)


FUNCTIONS: Final[dict[str, Act]] = {
    "range": _range,
    "dict": _dict,
    "list": as_list,
    **{name: FILTERS[name] for name in ("fromJson", "toJson", "json", "number", "min", "max")},
}
_CLOCK: Final = "{}() changes with each reading; use execution.started_at"
_CHANCE: Final = "{}() gives another answer each time; use execution.id"
ELSEWHERE: Final[dict[str, str]] = {
    **dict.fromkeys(("now", "today", "utcnow", "timestamp"), _CLOCK),
    **dict.fromkeys(("uuid", "id", "random", "randomInt", "randomPort", "ksuid"), _CHANCE),
    **dict.fromkeys(
        ("cycler", "joiner", "namespace"), "{}() keeps a state, and templates have none"
    ),
    "lipsum": "{}() is not supported",
    **dict.fromkeys(
        ("read", "file", "fileURI", "fileSize", "http", "env", "render", "renderOnce"),
        "{}() reads what is outside of the template, which templates cannot",
    ),
    **dict.fromkeys(
        ("secret", "credential"), '{}() is not supported; a credential is written "${{NAME}}"'
    ),
}
"""Names of functions that others have and templates here have not, and why."""

REFUSED_FILTERS: Final = {
    "attr": "attr reads attributes of Python; write value[key]",
    "random": "random gives another answer each time",
    "pprint": "pprint prints Python; use toJson(indent=2)",
    "xmlattr": "xmlattr is not supported",
    "urlize": "urlize is not supported",
    "forceescape": "forceescape is not supported; use escape",
    "wordwrap": "wordwrap is not supported",
}


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a hint at the nearest of `known`, or nothing."""
    near = get_close_matches(name[:40], list(known), 1)
    return f' (did you mean "{near[0]}"?)' if near else ""


class Shape:
    """How many values a callable takes, and by which names."""

    __slots__ = ("high", "low", "names", "open")

    def __init__(self, act: Act, taken: int) -> None:
        found = list(signature(act).parameters.values())[taken:]
        plain = [p for p in found if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
        self.names = [p.name for p in plain]
        self.low = sum(p.default is Parameter.empty for p in plain)
        self.high = 99 if any(p.kind is Parameter.VAR_POSITIONAL for p in found) else len(plain)
        self.open = any(p.kind is Parameter.VAR_KEYWORD for p in found)


@lru_cache(maxsize=512)
def _shape(act: Act, taken: int) -> Shape:
    return Shape(act, taken)


def call_fault(name: str, act: Act, count: int, named: Collection[str], taken: int) -> str | None:
    """Return why `act` cannot be called with `count` values and the names `named`, or None."""
    shape = _shape(act, taken)
    for key in named:
        if key not in shape.names and not shape.open:
            return f'{name} takes no value named "{key[:40]}"{did_you_mean(key, shape.names)}'
        if key in shape.names[:count]:
            return f'{name} is given "{key[:40]}" twice'
    given = {*shape.names[:count], *named}
    lacking = [key for key in shape.names[: shape.low] if key not in given]
    if lacking or count > shape.high:
        low, high = shape.low, shape.high
        takes = f"{low}" if low == high else f"{low} or more" if high == 99 else f"{low} to {high}"
        return f"{name} takes {takes} values, got {count + len(named)}"
    return None
