"""When a schedule falls due: from its words to instants, and never twice the same one.

Walls and instants are two things.  A pattern names wall times, which cronsim finds without a zone;
what they mean in a zone is said here, in one place:

- a wall time that does not exist (the clock goes forward) is the first instant after the gap;
- one that exists twice (the clock goes back) is the first of the two;
- a pattern whose minute or hour begins with a star goes by elapsed time: what does not exist is
  left out, and what exists twice counts twice.

That is the rule of the usual cron daemons.  cronsim's own arithmetic with zones lost: after a
change of half an hour it skips or repeats some minutes.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

NICKNAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
LONGEST: Final = 256
"""Characters of a cron pattern, and of the name of a time zone."""

_FIELDS: Final = (
    "minute from 0 to 59",
    "hour from 0 to 23",
    "day of month from 1 to 31",
    "month from 1 to 12",
    "day of week from 0 to 7",
)
LAST: Final = 4_102_444_800.0
"""The instant (the year 2100) beyond which nothing is looked for."""

_AHEAD: Final = timedelta(hours=3)
"""More than any clock goes back at once."""

Next: TypeAlias = Callable[[float], float | None]
"""From an instant to the next one after it; None when there is none any more."""


def cron_fault(pattern: str) -> str | None:
    """Return what is wrong with a cron pattern first; None when it is sound."""
    return next(iter(cron_faults(pattern)), None)


def cron_faults(pattern: str) -> list[str]:
    """Return all that is wrong with a cron pattern."""
    if pattern.strip().startswith("@"):
        names = ", ".join(NICKNAMES)
        return [] if pattern.strip().lower() in NICKNAMES else [f"is none of {names}"]
    if len(pattern) > LONGEST:
        return [f"is longer than {LONGEST} characters"]
    fields = pattern.split()
    if len(fields) != len(_FIELDS):
        return [f"needs {len(_FIELDS)} fields, has {len(fields)}"]
    found = [
        f'"{part}" is no {what}'
        for place, (field, what) in enumerate(zip(fields, _FIELDS, strict=True))
        for part in field.split(",")
        if not _is_sound(["*"] * place + [part] + ["*"] * (len(_FIELDS) - place - 1))
    ]
    if not found and (not _is_sound(fields) or next_cron(pattern, "UTC", 0.0) is None):
        found.append("never comes")
    return found


def _is_sound(fields: Sequence[str]) -> bool:
    try:
        CronSim(" ".join(fields), datetime(2000, 1, 1))  # noqa: DTZ001 - a wall has no zone
    except (CronSimError, ValueError, AssertionError):
        return False
    # An empty part has become a field too few, which cronsim may fill in.
    return all(fields)


def zone_fault(name: str) -> str | None:
    """Return what is wrong with the name of a time zone; None when there is one."""
    try:
        _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "is no time zone"
    return None


@lru_cache(maxsize=4096)
def next_cron(pattern: str, zone: str, after: float) -> float | None:
    """Return the first instant of a pattern after `after`; None when there is none before 2100.

    Remembered, for many schedules say the same and fall due together.
    """
    text = NICKNAMES.get(pattern.strip().lower(), pattern)
    begin = datetime.fromtimestamp(after, UTC)
    where = _zone(zone)
    found = _elapsed if _is_elapsed(text) else _fixed
    at = found(text, where, begin)
    return None if at is None or at.timestamp() >= LAST else at.timestamp()


class Newest(NamedTuple):
    """The newest instants of a span, oldest first, and whether there were more before them."""

    instants: tuple[float, ...]
    left_out: bool


def newest(following: Next, after: float, until: float, *, most: int, span: float) -> Newest:
    """Return the newest `most` instants with after < instant <= until.

    `span` is about how far two of them are apart at least.  It looks back from `until` in windows
    that double, so what was missed for years costs no more than what was missed for an hour.
    """
    window = max(span, 1.0) * most
    while True:
        begin = max(after, until - window)
        found = _between(following, begin, until, most)
        if len(found) >= most or begin <= after:
            break
        window *= 2
    if not found:
        return Newest((), left_out=False)
    first = following(after)
    return Newest(found, left_out=first is not None and first < found[0])


def _between(following: Next, after: float, until: float, most: int) -> tuple[float, ...]:
    found: list[float] = []
    at = following(after)
    while at is not None and at <= until:
        found.append(at)
        at = following(at)
    return tuple(found[-most:])


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    if not name or len(name) > LONGEST or not name.isascii() or not name.isprintable():
        raise ValueError(name)
    return ZoneInfo(name)


def _is_elapsed(pattern: str) -> bool:
    minute, hour = pattern.split()[:2]
    return minute.startswith("*") or hour.startswith("*")


def _walls(pattern: str, after: datetime) -> Iterator[datetime]:
    """Yield the wall times of a pattern behind one, none of them in a zone."""
    yield from CronSim(pattern, after.replace(tzinfo=None))


def _fixed(pattern: str, zone: ZoneInfo, after: datetime) -> datetime | None:
    for wall in _walls(pattern, after.astimezone(zone)):
        at = _first(wall, zone)
        if at > after:
            return at
    return None


def _elapsed(pattern: str, zone: ZoneInfo, after: datetime) -> datetime | None:
    best: datetime | None = None
    # When the clock is about to go back, earlier walls will come again.
    here, soon = after.astimezone(zone), (after + _AHEAD).astimezone(zone)
    back = max(timedelta(0), _offset(here) - _offset(soon))
    for wall in _walls(pattern, here - back):
        instants = _instants(wall, zone)
        ahead = [at for at in instants if at > after]
        if best is not None and (len(instants) < 2 or len(ahead) == 2):
            return min([best, *ahead])
        if ahead and (len(instants) < 2 or len(ahead) == 2):
            return ahead[0]
        if ahead and best is None:
            # Its first time is over; one that stands later on the clock may yet have its own.
            best = ahead[0]
    return best


def _first(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which a clock shows `wall` or more."""
    instants = _instants(wall, zone)
    return instants[0] if instants else _after_gap(wall, zone)


def _instants(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants at which a clock shows `wall`: none, one or two, in their order."""
    found = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(at for at in found if at.astimezone(zone).replace(tzinfo=None) == wall)


def _after_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant at which the clock jumps over `wall`, to the second."""
    low, high = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    before = _offset(low.astimezone(zone))
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle == low:
            break
        low, high = (middle, high) if _offset(middle.astimezone(zone)) == before else (low, middle)
    return high


def _offset(at: datetime) -> timedelta:
    return at.utcoffset() or timedelta(0)
