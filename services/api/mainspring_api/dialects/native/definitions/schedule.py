"""Whether a cron expression of five fields and its time zone mean something.

The expression is kept with the workflow; it is looked at lightly: fields, numbers, names, ranges.
"""

import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mainspring.http.faults import Faults, shown

_MONTHS: Final = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_PART: Final = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/([0-9]{1,4}))?", re.ASCII)
_NICKNAMES: Final = frozenset(
    {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
)


def check_schedule(cron: str | None, zone: str | None, faults: Faults) -> None:
    """Note what is wrong with a schedule."""
    if cron is not None and cron.strip().lower() not in _NICKNAMES:
        _check_cron(cron.lower().split(), faults)
    if zone is not None:
        _check_zone(zone, faults)
        if cron is None:
            faults.add("cron_timezone", "is for a workflow with cron")


def _check_cron(fields: list[str], faults: Faults) -> None:
    if len(fields) != len(_FIELDS):
        faults.add("cron", f"needs {len(_FIELDS)} fields, has {len(fields)}")
        return
    for text, (what, least, most, names) in zip(fields, _FIELDS, strict=True):
        for part in text.split(","):
            if not _is_sound(part, least, most, names):
                faults.add("cron", f'"{shown(part)}" is no {what} from {least} to {most}')


def _is_sound(part: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    match = _PART.fullmatch(part)
    if match is None or match[3] == "0":
        return False
    ends = [_number(text, least, names) for text in (match[1], match[2]) if text is not None]
    return all(least <= end <= most for end in ends) and ends == sorted(ends)


def _number(text: str, least: int, names: tuple[str, ...]) -> int:
    """Return what a number or a name stands for; -1 for neither."""
    if text.isdecimal():
        return int(text) if len(text) < 5 else -1
    return names.index(text) + least if text in names else -1


def _check_zone(zone: str, faults: Faults) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        faults.add("cron_timezone", f'no time zone "{shown(zone)}"')
