"""Instants and spans of time, in whole nanoseconds; there is no `now`.

An instant is read from and written to RFC 3339, a span as `1h30m`, `2.5s`, `100ms`.  A named time
zone is refused: its rules change with the machine's tables, and a run must be decided alike for
ever.  `UTC` and offsets such as `+02:00` are enough for that.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from mainspring.domain.expression.errors import ExpressionFailed

_SECOND: Final = 10**9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = -62_135_596_800 * _SECOND  # 0001-01-01T00:00:00Z
_LAST: Final = 253_402_300_800 * _SECOND - 1  # the last nanosecond of 9999
_LONGEST: Final = 315_576_000_000 * _SECOND  # 10,000 years

_INSTANT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_OFFSET: Final = re.compile(r"([+-]?)(\d\d):(\d\d)", re.ASCII)
_PART: Final = re.compile(r"(\d{1,15})(?:\.(\d{1,18}))?(h|ms|us|µs|ns|m|s)", re.ASCII)
_UNITS: Final = {
    "h": 3600 * _SECOND,
    "m": 60 * _SECOND,
    "s": _SECOND,
    "ms": 10**6,
    "us": 1000,
    "µs": 1000,
    "ns": 1,
}


class Instant(msgspec.Struct, frozen=True, order=True):
    """A point in time: nanoseconds since the beginning of 1970."""

    nanos: int


class Span(msgspec.Struct, frozen=True, order=True):
    """A length of time in nanoseconds; may be negative."""

    nanos: int


def instant(nanos: int) -> Instant:
    """Return an instant; raise `ExpressionFailed` outside of the years 1 to 9999."""
    if not _FIRST <= nanos <= _LAST:
        raise ExpressionFailed("a timestamp is out of range")
    return Instant(nanos)


def span(nanos: int) -> Span:
    """Return a span; raise `ExpressionFailed` above 10,000 years."""
    if abs(nanos) > _LONGEST:
        raise ExpressionFailed("a duration is out of range")
    return Span(nanos)


def parse_instant(text: str) -> Instant:
    """Return the instant that an RFC 3339 text names; raise `ExpressionFailed`."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ExpressionFailed("timestamp: a text is not an instant of RFC 3339")
    *parts, fraction, offset = match.groups()
    try:
        local = datetime(*map(int, parts), tzinfo=UTC)
    except ValueError:
        raise ExpressionFailed("timestamp: there is no such day or hour") from None
    nanos = _since_epoch(local) + int((fraction or "").ljust(9, "0"))
    return instant(nanos - offset_of(offset))


def _since_epoch(moment: datetime) -> int:
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * _SECOND


def offset_of(zone: str) -> int:
    """Return the nanoseconds that clocks of `zone` are ahead; raise `ExpressionFailed`."""
    if zone in ("Z", "z", "UTC"):
        return 0
    match = _OFFSET.fullmatch(zone)
    if match is None or int(match[2]) > 23 or int(match[3]) > 59:
        raise ExpressionFailed('a time zone is "UTC" or an offset such as "+02:00"')
    minutes = int(match[2]) * 60 + int(match[3])
    return (-minutes if match[1] == "-" else minutes) * 60 * _SECOND


def parse_span(text: str) -> Span:
    """Return the span that a text such as `1h30m` names; raise `ExpressionFailed`."""
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    total, at = 0, 0
    if rest == "0":
        return Span(0)
    while match := _PART.match(rest, at):
        unit, fraction = _UNITS[match[3]], match[2] or ""
        total += int(match[1]) * unit + int(fraction or "0") * unit // 10 ** len(fraction)
        at = match.end()
    if not rest or at < len(rest):
        raise ExpressionFailed("duration: a text is not a duration such as 1h30m or 2.5s")
    return span(sign * total)


def print_instant(value: Instant) -> str:
    """Return `value` in RFC 3339, in UTC."""
    seconds, nanos = divmod(value.nanos, _SECOND)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment.replace(tzinfo=None).isoformat()}{_fraction(nanos)}Z"


def print_span(value: Span) -> str:
    """Return `value` in seconds, as protobuf's JSON does."""
    seconds, nanos = divmod(abs(value.nanos), _SECOND)
    return f"{'-' if value.nanos < 0 else ''}{seconds}{_fraction(nanos)}s"


def _fraction(nanos: int) -> str:
    return f".{nanos:09}".rstrip("0") if nanos else ""


_OF_INSTANT: Final[dict[str, Callable[[datetime], int]]] = {
    "getFullYear": lambda t: t.year,
    "getMonth": lambda t: t.month - 1,
    "getDayOfYear": lambda t: t.timetuple().tm_yday - 1,
    "getDayOfMonth": lambda t: t.day - 1,
    "getDate": lambda t: t.day,
    "getDayOfWeek": lambda t: t.isoweekday() % 7,  # Sunday is 0
    "getHours": lambda t: t.hour,
    "getMinutes": lambda t: t.minute,
    "getSeconds": lambda t: t.second,
    "getMilliseconds": lambda t: t.microsecond // 1000,
}
_OF_SPAN: Final = {
    "getHours": 3600 * _SECOND,
    "getMinutes": 60 * _SECOND,
    "getSeconds": _SECOND,
}
ACCESSORS: Final = tuple(_OF_INSTANT)


def part_of_instant(name: str, value: Instant, zone: str) -> int:
    """Return the part of `value` that `name` asks for, on the clocks of `zone`."""
    seconds, nanos = divmod(instant(value.nanos + offset_of(zone)).nanos, _SECOND)
    moment = _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    return _OF_INSTANT[name](moment)


def part_of_span(name: str, value: Span) -> int:
    """Return a whole span in hours, minutes or seconds, or its milliseconds alone."""
    whole = abs(value.nanos)
    if name == "getMilliseconds":
        part = whole % _SECOND // 10**6
    elif name in _OF_SPAN:
        part = whole // _OF_SPAN[name]
    else:
        raise ExpressionFailed(f"{name}: a duration has no such part")
    return -part if value.nanos < 0 else part
