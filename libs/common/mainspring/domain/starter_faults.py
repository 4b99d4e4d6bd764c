"""What is wrong with what a starter is told: all faults at once, each with its place.

Every dialect reads its own words into the specs of `starters` and asks here whether they make
sense, so that a schedule that can never fire is refused by all of them alike.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from mainspring.domain.calendar import LAST, cron_fault, zone_fault
from mainspring.domain.conditions import condition_fault
from mainspring.domain.starters import (
    ENDS,
    LEAST_INTERVAL,
    Follow,
    Hmac,
    Schedule,
    Spec,
    Webhook,
)

Fault: TypeAlias = tuple[str, str]
"""The field, and what is wrong with it."""

ONE_OF: Final = "exactly one of cron, interval and at is wanted"
YEAR: Final = 366 * 86_400.0
LONGEST_JITTER: Final = 3600.0
LONGEST_KEY: Final = 256
LONGEST_SECRET: Final = 1024
LONGEST_PREFIX: Final = 64
MOST_CONDITIONS: Final = 10
LONGEST_WAIT: Final = 60.0
LONGEST_WINDOW: Final = 86_400.0
METHODS: Final = ("POST", "GET", "PUT")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_PREFIX: Final = re.compile(rf"[!-~](?:[ -~]{{0,{LONGEST_PREFIX - 1}}})|")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def faults_of(spec: Spec) -> list[Fault]:
    """Return all that is wrong with what a starter is told."""
    match spec:
        case Schedule():
            return list(_schedule(spec))
        case Webhook():
            return list(_webhook(spec))
        case Follow():
            return list(_follow(spec))


def _schedule(spec: Schedule) -> Iterator[Fault]:
    if sum(each is not None for each in (spec.cron, spec.interval, spec.at)) != 1:
        yield "cron", ONE_OF
    if spec.cron is not None and (fault := cron_fault(spec.cron)):
        yield "cron", fault
    if spec.interval is not None and not LEAST_INTERVAL <= spec.interval <= YEAR:
        yield "interval", f"must be {LEAST_INTERVAL:g} to {YEAR:g} seconds"
    if spec.at is not None and not 0 <= spec.at < LAST:
        yield "at", "must be an instant before the year 2100"
    if fault := zone_fault(spec.timezone):
        yield "timezone", fault
    if not 0 <= spec.jitter <= LONGEST_JITTER:
        yield "jitter", f"must be 0 to {LONGEST_JITTER:g} seconds"
    if spec.max_late is not None and not 0 < spec.max_late <= YEAR:
        yield "maxLate", f"must be more than 0 and at most {YEAR:g} seconds"


def _webhook(spec: Webhook) -> Iterator[Fault]:
    yield from _address(spec)
    yield from _signing(spec)
    if not spec.methods or not set(spec.methods) <= set(METHODS):
        yield "methods", f"must be some of {', '.join(METHODS)}"
    if not 1 <= spec.window <= LONGEST_WINDOW:
        yield "window", f"must be 1 to {LONGEST_WINDOW:g} seconds"
    if spec.max_bytes is not None and not spec.max_bytes >= 1:
        yield "maxBytes", "must be 1 or more"
    if not 0 < spec.wait_seconds <= LONGEST_WAIT:
        yield "waitSeconds", f"must be more than 0 and at most {LONGEST_WAIT:g}"
    yield from _conditions(spec.conditions)


def _address(spec: Webhook) -> Iterator[Fault]:
    if spec.path and not _is_text(spec.path):
        yield "path", f"must be 1 to {LONGEST_KEY} characters without control characters"
    if spec.path and spec.key:
        yield "path", "cannot stand beside key"
    if spec.key and not _is_text(spec.key):
        yield "key", f"must be 1 to {LONGEST_KEY} characters without control characters"


def _signing(spec: Webhook) -> Iterator[Fault]:
    if spec.secret is not None and not 1 <= len(spec.secret) <= LONGEST_SECRET:
        yield "secret", f"must be 1 to {LONGEST_SECRET} characters"
    if spec.header is not None and not _HEADER.fullmatch(spec.header):
        yield "header", "is no name of a header"
    if spec.hmac is not None:
        yield from _hmac(spec.hmac)
        if spec.secret is not None or spec.header is not None:
            yield "hmac", "cannot stand beside secret and header: they belong inside"


def _conditions(texts: Sequence[str]) -> Iterator[Fault]:
    if len(texts) > MOST_CONDITIONS:
        yield "conditions", f"has more than {MOST_CONDITIONS} items"
    for index, text in enumerate(texts[:MOST_CONDITIONS]):
        if fault := condition_fault(text):
            yield f"conditions[{index}]", fault


def _hmac(told: Hmac) -> Iterator[Fault]:
    if told.secret is not None and not 1 <= len(told.secret) <= LONGEST_SECRET:
        yield "hmac.secret", f"must be 1 to {LONGEST_SECRET} characters"
    if told.header is not None and not _HEADER.fullmatch(told.header):
        yield "hmac.header", "is no name of a header"
    if not _PREFIX.fullmatch(told.before):
        yield "hmac.prefix", f"must be at most {LONGEST_PREFIX} printable ASCII characters"


def _follow(spec: Follow) -> Iterator[Fault]:
    if not _is_text(spec.workflow):
        yield "flowId", "the workflow to follow is missing"
    for word in spec.statuses:
        if word not in ENDS:
            yield "statuses", f'"{word[:64]}" is no way for a run to end'


def _is_text(text: str) -> bool:
    return 0 < len(text) <= LONGEST_KEY and not _CONTROL.search(text)
