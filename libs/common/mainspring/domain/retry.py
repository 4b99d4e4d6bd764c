"""When to try again: the arithmetic of back-off, as the original computes it.

The n-th delay is capped first and jittered after, so jitter may pass the cap (Trama, RetryPolicy).
Chance is a digest of a seed, so that the same decision gives the same delay.
"""

import hashlib
from typing import cast

from mainspring.domain.definition import Retry
from mainspring.domain.message import Json
from mainspring.domain.task import PLUGIN, Exchange

LONGEST_WISH = 3600.0
"""A peer's Retry-After is honoured up to this many seconds."""


def chance(seed: str, *parts: object) -> float:
    """Return a number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{seed}:{parts!r}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def nonce(seed: str, *parts: object) -> str:
    """Return 128 bits in hex that depend on nothing but the arguments."""
    return hashlib.sha256(f"{seed}:nonce:{parts!r}".encode()).hexdigest()[:32]


def delay(policy: Retry, retry: int, luck: float) -> float:
    """Return the seconds before the `retry`-th retry (from 1); `luck` in [0, 1) is the jitter."""
    try:
        growth = retry if policy.linear else policy.multiplier ** (retry - 1)
        base = min(policy.delay * growth, policy.max_delay)
    except OverflowError:
        base = policy.max_delay
    return max(0.0, int((base + base * policy.jitter * (2 * luck - 1)) * 1000) / 1000)


def allows(policy: Retry, tries: int, exchange: Exchange | None) -> bool:
    """Say whether a failure after `tries` tries may be retried."""
    if tries > policy.retries:
        return False
    return policy.retry_on is None or any(_matches(rule, exchange) for rule in policy.retry_on)


def _matches(rule: str, exchange: Exchange | None) -> bool:
    if exchange is None:
        return rule == "timeout"
    status = _status_of(exchange)
    if status is None or exchange.fault == rule:
        return exchange.fault == rule
    return rule == str(status) or (rule[1:] == "xx" and rule[0] == str(status)[0])


def _status_of(exchange: Exchange) -> int | None:
    """Return the status of an answer; a plugin that calls over HTTP tells it in its output."""
    body = exchange.body
    if exchange.verb != PLUGIN or not isinstance(body, dict):
        return exchange.status
    told: Json = cast("dict[str, Json]", body).get("status_code")
    return told if isinstance(told, int) and not isinstance(told, bool) else None


def retry_at(
    policy: Retry,
    tries: int,
    exchange: Exchange | None,
    *,
    now: float,
    luck: float,
    first_at: float,
) -> float | None:
    """Return the instant of the next try, or None when there is none.

    A peer's Retry-After lengthens the delay, never shortens it.  `first_at` is when the first try
    began.
    """
    if not allows(policy, tries, exchange):
        return None
    wish = exchange.retry_after if exchange and exchange.retry_after else 0.0
    at = now + max(delay(policy, tries, luck), min(wish, LONGEST_WISH))
    is_late = policy.max_duration is not None and at > first_at + policy.max_duration
    return None if is_late else at
