"""Filters for instants: RFC 3339 texts, or seconds since 1970, in; texts and numbers out."""

from collections.abc import Callable
from typing import Final

from mainspring.domain.expression.cel.instants import Instant, instant, print_instant
from mainspring.domain.expression.dates import format_any, moved, read_instant
from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.jinja.run import Run, bounded, text
from mainspring.domain.expression.values import Value, kind

_SECOND: Final = 10**9
_FARTHEST: Final = 10**12
__all__ = ["TIMES"]


def _instant(run: Run, value: Value, who: str) -> Instant:
    run.spend(20)
    if isinstance(value, str):
        return read_instant(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _FARTHEST:
        return instant(int(value * _SECOND))
    raise ExpressionFailed(f"{who}: {kind(value)} is no instant")


def date(
    run: Run,
    value: Value,
    format: Value = "yyyy-MM-dd'T'HH:mm:ssXXX",  # noqa: A002 - the name that templates give
    timeZone: Value = "UTC",  # noqa: N803
) -> Value:
    """Print an instant by a pattern of Java's (`yyyy-MM-dd`) or of strftime's (`%Y-%m-%d`)."""
    pattern, zone = text(format, "date"), text(timeZone, "date")
    run.make(16 * len(pattern))
    return format_any(_instant(run, value, "date"), pattern, zone)


def date_add(run: Run, value: Value, amount: Value, unit: Value) -> Value:
    by = bounded(amount, "dateAdd", _FARTHEST)
    return print_instant(moved(_instant(run, value, "dateAdd"), by, text(unit, "dateAdd")))


def _since(unit: int, name: str) -> Callable[[Run, Value], Value]:
    return lambda run, value: _instant(run, value, name).nanos // unit


TIMES: Final[dict[str, Callable[..., Value]]] = {
    "date": date,
    "dateAdd": date_add,
    "timestamp": _since(_SECOND, "timestamp"),
    "timestampMilli": _since(10**6, "timestampMilli"),
    "timestampMicro": _since(10**3, "timestampMicro"),
    "timestampNano": _since(1, "timestampNano"),
}
