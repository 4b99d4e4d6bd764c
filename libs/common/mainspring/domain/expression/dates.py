"""Instants as text in the three spellings that the dialects grew up with.

`%Y-%m-%d` (strftime), `yyyy-MM-dd` (Java) and `2006-01-02` (Go) name the same fields, so each is a
table of words over one set of fields.  Python's own `strftime` lost: what it prints depends on
the machine's libraries and language.  A zone is `UTC` or an offset: named ones change with tables.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from mainspring.domain.expression.cel.instants import Instant, instant, offset_of, parse_instant
from mainspring.domain.expression.errors import ExpressionFailed

MAX_PATTERN: Final = 200
_SECOND: Final = 10**9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Moment(NamedTuple):
    """An instant on the clocks of a zone."""

    local: datetime
    nanos: int  # of the second
    minutes: int  # ahead of UTC


def moment_of(value: Instant, zone: str) -> Moment:
    """Return `value` on the clocks of `zone`; raise `ExpressionFailed` for no zone."""
    ahead = offset_of(zone)
    seconds, nanos = divmod(instant(value.nanos + ahead).nanos, _SECOND)
    return Moment(_EPOCH + timedelta(seconds=seconds), nanos, ahead // (60 * _SECOND))


Field = Callable[[Moment], str]


def _offset(minutes: int, colon: str) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}{colon}{rest:02}"


def _zulu(colon: str) -> Field:
    return lambda m: _offset(m.minutes, colon) if m.minutes else "Z"


def _twelve(moment: Moment) -> int:
    return (moment.local.hour + 11) % 12 + 1


_YEAR: Final[Field] = lambda m: f"{m.local.year:04}"  # noqa: E731
_FIELDS: Final[dict[str, Field]] = {
    "year": _YEAR,
    "yy": lambda m: f"{m.local.year % 100:02}",
    "month": lambda m: f"{m.local.month:02}",
    "m": lambda m: f"{m.local.month}",
    "Mon": lambda m: _MONTHS[m.local.month - 1][:3],
    "Month": lambda m: _MONTHS[m.local.month - 1],
    "day": lambda m: f"{m.local.day:02}",
    "_day": lambda m: f"{m.local.day:2}",
    "d": lambda m: f"{m.local.day}",
    "ddd": lambda m: f"{m.local.timetuple().tm_yday:03}",
    "hour": lambda m: f"{m.local.hour:02}",
    "h": lambda m: f"{m.local.hour}",
    "hour12": lambda m: f"{_twelve(m):02}",
    "h12": lambda m: f"{_twelve(m)}",
    "minute": lambda m: f"{m.local.minute:02}",
    "min": lambda m: f"{m.local.minute}",
    "second": lambda m: f"{m.local.second:02}",
    "s": lambda m: f"{m.local.second}",
    "micro": lambda m: f"{m.nanos // 1000:06}",
    "PM": lambda m: "AM" if m.local.hour < 12 else "PM",
    "pm": lambda m: "am" if m.local.hour < 12 else "pm",
    "Day": lambda m: _DAYS[m.local.weekday()][:3],
    "Weekday": lambda m: _DAYS[m.local.weekday()],
    "offset": lambda m: _offset(m.minutes, ""),
    "off:set": lambda m: _offset(m.minutes, ":"),
    "zulu": _zulu(""),
    "zu:lu": _zulu(":"),
    "zone": lambda m: "UTC" if not m.minutes else _offset(m.minutes, ":"),
    "epoch": lambda m: f"{int((m.local - _EPOCH).total_seconds()) - 60 * m.minutes}",
    "%": lambda _: "%",
}


def _table(words: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in words.split())


_STRFTIME: Final = _table("""
    Y=year y=yy m=month b=Mon h=Mon B=Month d=day e=_day j=ddd H=hour I=hour12 M=minute S=second
    f=micro p=PM a=Day A=Weekday z=offset Z=zone s=epoch %=%
""")
_JAVA: Final = _table("""
    yyyy=year uuuu=year yy=yy MMMM=Month MMM=Mon MM=month M=m dd=day d=d DDD=ddd HH=hour H=h
    hh=hour12 h=h12 mm=minute m=min ss=second s=s a=PM EEEE=Weekday EEE=Day EE=Day E=Day
    Z=offset XXX=zu:lu XX=zulu xxx=off:set VV=zone z=zone
""")
_GO: Final = _table("""
    2006=year 06=yy January=Month Jan=Mon 01=month 1=m Monday=Weekday Mon=Day 002=ddd 02=day
    _2=_day 2=d 15=hour 03=hour12 3=h12 04=minute 4=min 05=second 5=s PM=PM pm=pm MST=zone
    Z07:00=zu:lu Z0700=zulu -07:00=off:set -0700=offset
""")


def _longest_first(words: dict[str, str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


_STRFTIME_WORD: Final = re.compile(r"%(.)", re.DOTALL)
_JAVA_WORD: Final = re.compile(
    rf"'((?:[^']|'')*)'|(S{{1,9}})|({_longest_first(_JAVA)})|([A-Za-z]+)", re.ASCII
)
_GO_WORD: Final = re.compile(
    rf"(?P<fraction>[.,](?:0{{1,9}}|9{{1,9}})(?!\d))|(?P<word>{_longest_first(_GO)})"
)


def format_strftime(value: Instant, pattern: str, zone: str = "UTC") -> str:
    """Return `value` by a pattern such as `%Y-%m-%d`; raise `ExpressionFailed`."""

    def fill(match: re.Match[str]) -> str:
        if match[1] not in _STRFTIME:
            raise ExpressionFailed("date: a % begins no field such as %Y, %m or %d")
        return _FIELDS[_STRFTIME[match[1]]](moment)

    moment = moment_of(value, zone)
    return _STRFTIME_WORD.sub(fill, _checked(pattern))


def format_java(value: Instant, pattern: str, zone: str = "UTC") -> str:
    """Return `value` by a pattern such as `yyyy-MM-dd'T'HH:mm`; raise `ExpressionFailed`."""

    def fill(match: re.Match[str]) -> str:
        quoted, fraction, word, _ = match.groups()
        if quoted is not None:
            return quoted.replace("''", "'") or "'"
        if fraction is not None:
            return f"{moment.nanos:09}"[: len(fraction)]
        if word is None:
            raise ExpressionFailed("date: a letter names no field; plain letters go in '...'")
        return _FIELDS[_JAVA[word]](moment)

    moment = moment_of(value, zone)
    return _JAVA_WORD.sub(fill, _checked(pattern))


def format_go(value: Instant, pattern: str, zone: str = "UTC") -> str:
    """Return `value` by a layout such as `2006-01-02`; raise `ExpressionFailed`."""

    def fill(match: re.Match[str]) -> str:
        if (fraction := match["fraction"]) is not None:
            digits = f"{moment.nanos:09}"[: len(fraction) - 1]
            digits = digits.rstrip("0") if fraction[1] == "9" else digits
            return fraction[0] + digits if digits else ""
        return _FIELDS[_GO[match["word"]]](moment)

    moment = moment_of(value, zone)
    return _GO_WORD.sub(fill, _checked(pattern))


def format_any(value: Instant, pattern: str, zone: str = "UTC") -> str:
    """Return `value` by a pattern with `%` in it, or else by one of Java's."""
    act = format_strftime if "%" in pattern else format_java
    return act(value, pattern, zone)


def _checked(pattern: str) -> str:
    if len(pattern) > MAX_PATTERN:
        raise ExpressionFailed(f"a date's pattern has more than {MAX_PATTERN} characters")
    return pattern


_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LOCAL: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)", re.ASCII)


def read_instant(text: str) -> Instant:
    """Return the instant of an RFC 3339 text; without an hour or a zone it is taken as UTC."""
    if _DATE.fullmatch(text):
        return parse_instant(f"{text}T00:00:00Z")
    local = _LOCAL.fullmatch(text)
    if local is not None:
        return parse_instant(f"{local[1]}T{local[2]}Z")
    return parse_instant(text.replace(" ", "T", 1) if text[10:11] == " " else text)


_UNITS: Final = {
    "NANOS": 1,
    "MICROS": 10**3,
    "MILLIS": 10**6,
    "SECONDS": _SECOND,
    "MINUTES": 60 * _SECOND,
    "HOURS": 3600 * _SECOND,
    "DAYS": 86_400 * _SECOND,
    "WEEKS": 7 * 86_400 * _SECOND,
}
UNITS: Final = (*_UNITS, "MONTHS", "YEARS")


def moved(value: Instant, amount: int, unit: str) -> Instant:
    """Return `value` moved by `amount` units; a month keeps the day where there is such a day."""
    name = unit.upper() if unit.upper().endswith("S") else f"{unit.upper()}S"
    if name in _UNITS:
        return instant(value.nanos + amount * _UNITS[name])
    if name not in UNITS:
        raise ExpressionFailed(f"dateAdd: the unit is one of {', '.join(UNITS)}")
    local, nanos, _ = moment_of(value, "UTC")
    place = local.year * 12 + local.month - 1 + amount * (12 if name == "YEARS" else 1)
    year, month = divmod(place, 12)
    if not 1 <= year <= 9999:
        raise ExpressionFailed("a timestamp is out of range")
    turned = local.replace(year=year, month=month + 1, day=min(local.day, _length(year, month + 1)))
    return instant((turned - _EPOCH) // timedelta(seconds=1) * _SECOND + nanos)


def _length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
