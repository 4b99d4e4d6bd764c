"""Retry policies, spans of time and instants, from a flow's words to the engine's."""

import re
from datetime import datetime
from typing import Final

import msgspec

from mainspring.domain.definition import Retry
from mainspring.domain.durations import duration
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, item, shown
from mainspring_api.dialects.flows.definitions.form import RetryForm

LONGEST_S: Final = 315_360_000.0  # ten years
LONGEST_TRY_S: Final = 86_400.0  # a day
_FACTOR: Final = 2.0
_JITTER: Final = 0.1
_RETRIED: Final = re.compile(r"[1-5][0-9]{2}|[1-5]xx|timeout|connection|refused|failed")


def seconds(
    given: str | float | None, place: str, faults: Faults, *, most: float = LONGEST_S
) -> float | None:
    """Return a span in seconds; None for none, and for one that is noted as a fault."""
    if given is None:
        return None
    found = duration(given)
    if found is None:
        faults.add(place, "a span of time is wanted: 30s, 5m, 1h30m, PT90S, or seconds")
    elif found > most:
        faults.add(place, f"must be {most:g} seconds or less")
    else:
        return found
    return None


def positive(
    given: str | float | None, place: str, faults: Faults, *, most: float = LONGEST_S
) -> float | None:
    """Return a span that is not nothing, as `seconds` does."""
    found = seconds(given, place, faults, most=most)
    if found == 0:
        faults.add(place, "must be longer than nothing")
        return None
    return found


def retry_of(form: RetryForm | None, place: str, faults: Faults) -> Retry | None:
    """Return the engine's form of a policy; None where there is none."""
    if form is None:
        return None
    if form.factor is not None and form.backoff != "exponential":
        faults.add(f"{place}.factor", "is for the backoff exponential")
    exponential = form.backoff == "exponential"
    return Retry(
        retries=form.max_attempts - 1,
        delay=seconds(form.delay, f"{place}.delay", faults) or 0.0,
        max_delay=seconds(form.max_delay, f"{place}.maxDelay", faults) or 0.0,
        multiplier=(form.factor or _FACTOR) if exponential else 1.0,
        linear=form.backoff == "linear",
        jitter=_JITTER if form.jitter is True else float(form.jitter),
        retry_on=_retried(form, f"{place}.retryOn", faults),
        max_duration=positive(form.max_duration, f"{place}.maxDuration", faults),
    )


def _retried(form: RetryForm, place: str, faults: Faults) -> tuple[str, ...] | None:
    if form.retry_on is None:
        return None
    given = (form.retry_on,) if isinstance(form.retry_on, str) else form.retry_on
    for index, rule in enumerate(given):
        if not _RETRIED.fullmatch(str(rule)):
            known = "a status, 4xx, 5xx, timeout, connection, refused or failed"
            faults.add(item(place, index), f'"{shown(str(rule))}" is not {known}')
    return tuple(str(rule) for rule in given)


def instant_of(given: Json, place: str, faults: Faults) -> float | None:
    """Return an instant in seconds; None for one that is noted as a fault."""
    try:
        instant = msgspec.convert(given, datetime)
        if instant.tzinfo is not None:
            return instant.timestamp()
    except (msgspec.ValidationError, OverflowError, ValueError):
        pass
    faults.add(place, "an instant is wanted, with its zone: 2026-03-25T10:00:00Z")
    return None
