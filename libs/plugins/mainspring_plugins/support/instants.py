"""Instants as texts: RFC 3339, formats of a short list, and arithmetic by the calendar.

`strftime` is the platform's, and what it does with an unknown directive differs; so each directive
is looked up in a list before the platform sees it.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mainspring.domain.durations import duration
from mainspring.domain.message import Json
from mainspring_plugins.support.failures import bad

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ZONE: Final = re.compile(r"[A-Za-z0-9_+/-]{1,64}", re.ASCII)
_OFFSET: Final = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d", re.ASCII)
DIRECTIVES: Final = frozenset("YmdHMSfzZjaAbBpIyuVGwUW%")
_DIRECTIVE: Final = re.compile("%(.?)", re.DOTALL)
_READABLE: Final = DIRECTIVES - set("Z")
UNITS: Final = ("years", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds")
_LARGEST: Final = 10_000_000_000


def zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name or offset; raise a final `PluginFailed` for neither."""
    if name in ("UTC", "Z"):
        return UTC
    if _OFFSET.fullmatch(name):
        found = datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo
        return found or UTC
    try:
        if _ZONE.fullmatch(name):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise bad("tz", f'"{name[:64]}" is no time zone')


def instant(value: Json, tz: tzinfo, place: str) -> datetime:
    """Return the instant of RFC 3339, a date, or seconds since 1970; in `tz` where it names none.

    Raises a final `PluginFailed` that names `place`.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, tz)
        text = value.strip() if isinstance(value, str) else ""
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), tz)
        if found := _RFC3339.fullmatch(text):
            return _of_parts(*found.groups(default=""), tz=tz)
    except (ValueError, OverflowError, OSError) as error:
        raise bad(place, f"is no instant: {error}") from None
    raise bad(place, "is no instant (RFC 3339, a date, or seconds since 1970)")


def _of_parts(day: str, time: str, fraction: str, offset: str, *, tz: tzinfo) -> datetime:
    micros = fraction[:7].ljust(7, "0") if fraction else ""
    found = datetime.fromisoformat(f"{day}T{time}{micros}{offset.upper().replace('Z', '+00:00')}")
    return found if offset else found.replace(tzinfo=tz)


def iso(at: datetime) -> str:
    """Return RFC 3339, with as many digits of a second as there are."""
    text = at.isoformat(timespec="microseconds" if at.microsecond else "seconds")
    text = re.sub(r"(\.\d*?)0+(?=[+-])", r"\1", text)
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def checked(form: str, *, to_read: bool = False) -> str:
    """Return a format; raise a final `PluginFailed` for a directive that is not on the list."""
    for found in _DIRECTIVE.finditer(form):
        if found[1] not in (_READABLE if to_read else DIRECTIVES):
            raise bad("format", f"character {found.start() + 1}: {found[0]} is not supported")
    return form


def read(text: str, form: str, tz: tzinfo) -> datetime:
    """Return the instant that a text names in a format; raise a final `PluginFailed` otherwise."""
    try:
        found = datetime.strptime(text, checked(form, to_read=True))  # noqa: DTZ007 - set below
    except (ValueError, re.error, UnicodeError) as error:
        raise bad("value", f"does not fit the format: {error}") from None
    return found if found.tzinfo else found.replace(tzinfo=tz)


def moved(at: datetime, amount: Json) -> datetime:
    """Return an instant so much later; raise a final `PluginFailed` for no amount.

    Years, months, weeks and days go by the calendar of the instant's zone, and keep its time of
    day; the rest is counted in seconds.
    """
    is_parts = isinstance(amount, dict)
    parts = cast("dict[str, float]", amount) if is_parts else {"seconds": _span(amount)}
    try:
        return _moved(at, parts)
    except (OverflowError, ValueError):
        raise bad("amount", "leads out of the years 1 to 9999") from None


def _span(amount: Json) -> float:
    text = amount.strip() if isinstance(amount, str) else amount
    is_back = isinstance(text, str) and text.startswith("-")
    seconds = duration(text[1:] if is_back else text)
    if seconds is None:
        raise bad("amount", "is no span of time (90s, 1h30m, PT90S, or {days: 1, months: 2})")
    return -seconds if is_back else seconds


def _moved(at: datetime, parts: Mapping[str, float]) -> datetime:
    months = at.year * 12 + at.month - 1
    months += _whole(parts, "years") * 12 + _whole(parts, "months")
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    day = min(at.day, _days(year, month + 1))
    local = at.replace(year=year, month=month + 1, day=day)
    local += timedelta(weeks=_whole(parts, "weeks"), days=_whole(parts, "days"))
    exact = timedelta(**{unit: parts[unit] for unit in UNITS[4:] if unit in parts})
    # Through UTC: adding to a zone's own time would count an hour that the clock was moved.
    return (local.astimezone(UTC) + exact).astimezone(at.tzinfo) if exact else local


def _whole(parts: Mapping[str, float], unit: str) -> int:
    value = parts.get(unit, 0)
    if value != int(value) or abs(value) > _LARGEST:
        raise bad(f"amount.{unit}", "is no whole number that a calendar has")
    return int(value)


def _days(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1) if year < 9999 or month < 12 else None
    return 31 if following is None else (following - timedelta(days=1)).day


_LENGTHS: Final[Mapping[str, float]] = {
    "weeks": 604800.0,
    "days": 86400.0,
    "hours": 3600.0,
    "minutes": 60.0,
    "seconds": 1.0,
    "milliseconds": 0.001,
}


def between(start: datetime, end: datetime, unit: str) -> float:
    """Return how long it is from one instant to another; years and months are whole ones."""
    if unit not in ("years", "months"):
        return round((end - start) / timedelta(seconds=_LENGTHS[unit]), 6)
    first, last = (start, end) if start <= end else (end, start)
    last = last.astimezone(first.tzinfo)
    months = (last.year - first.year) * 12 + last.month - first.month
    if _moved(first, {"months": months}) > last:
        months -= 1
    found = months if start <= end else -months
    return found if unit == "months" else int(found / 12)
