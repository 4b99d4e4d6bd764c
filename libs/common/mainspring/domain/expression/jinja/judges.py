"""The tests of Jinja, `x is …`; only `defined` and `undefined` may look at what is not there."""

from collections.abc import Callable
from typing import Final

from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.jinja.operators import compared, contains
from mainspring.domain.expression.jinja.run import Absent, Act, Run, bounded, number, text
from mainspring.domain.expression.jinja.scalars import is_whole
from mainspring.domain.expression.jinja.texts import ends, matches, starts
from mainspring.domain.expression.values import Value


def _plain(act: Callable[[Value], bool]) -> Act:
    def judge(_run: Run, value: Value) -> Value:
        return act(value)

    return judge


def _comparison(name: str) -> Act:
    def judge(run: Run, value: Value, other: Value) -> Value:
        return compared(name, value, other, run)

    return judge


def _is(*kinds: type) -> Act:
    return _plain(lambda value: isinstance(value, kinds) and not isinstance(value, bool))


def _defined(_run: Run, value: Value | Absent) -> Value:
    return not isinstance(value, Absent)


def _undefined(_run: Run, value: Value | Absent) -> Value:
    return isinstance(value, Absent)


def _divisible(_run: Run, value: Value, num: Value) -> Value:
    by = bounded(num, "divisibleby")
    if by == 0:
        raise ExpressionFailed("divisibleby: division by zero")
    return number(value, "divisibleby") % by == 0


def _inside(run: Run, value: Value, seq: Value) -> Value:
    return contains(seq, value, run)


def _contains(run: Run, value: Value, item: Value) -> Value:
    return contains(value, item, run)


def _cased(name: str, act: Callable[[str], bool]) -> Act:
    def judge(run: Run, value: Value) -> Value:
        taken = text(value, name)
        run.make(len(taken))
        return act(taken)

    return judge


_EQUAL: Final = _comparison("eq")
TESTS: Final[dict[str, Act]] = {
    "defined": _defined,
    "undefined": _undefined,
    "none": _plain(lambda value: value is None),
    "boolean": _plain(lambda value: isinstance(value, bool)),
    "true": _plain(lambda value: value is True),
    "false": _plain(lambda value: value is False),
    "integer": _plain(is_whole),
    "float": _is(float),
    "number": _is(int, float),
    "string": _is(str),
    "mapping": _is(dict),
    "sequence": _is(list, dict, str),
    "iterable": _is(list, dict, str),
    "empty": _plain(lambda value: value is None or value in ("", [], {})),
    "odd": _plain(lambda value: number(value, "odd") % 2 == 1),
    "even": _plain(lambda value: number(value, "even") % 2 == 0),
    "divisibleby": _divisible,
    "lower": _cased("lower", str.islower),
    "upper": _cased("upper", str.isupper),
    "in": _inside,
    "contains": _contains,
    "startsWith": starts,
    "startswith": starts,
    "endsWith": ends,
    "endswith": ends,
    "matches": matches,
    **dict.fromkeys(("eq", "==", "equalto"), _EQUAL),
    **dict.fromkeys(("ne", "!="), _comparison("ne")),
    **dict.fromkeys(("lt", "<", "lessthan"), _comparison("lt")),
    **dict.fromkeys(("le", "<="), _comparison("lteq")),
    **dict.fromkeys(("gt", ">", "greaterthan"), _comparison("gt")),
    **dict.fromkeys(("ge", ">="), _comparison("gteq")),
}
SOFT_TESTS: Final = frozenset(("defined", "undefined"))
