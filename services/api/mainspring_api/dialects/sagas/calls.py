"""Calls and retry policies of a saga, in the engine's form."""

import re
from typing import Final

from mainspring.domain.definition import Request, Retry
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below, item, shown
from mainspring_api.dialects.outbound import (
    SUCCESS,
    check_headers,
    check_url,
    codes,
    header_texts,
)
from mainspring_api.dialects.sagas import wire
from mainspring_api.dialects.sagas.names import Names, check_body, check_text

_RETRY_WORDS: Final = ("4xx", "5xx", "timeout", "connection")


def request(call: wire.HttpCall, place: str, names: Names, faults: Faults) -> Request:
    """Return a call in the engine's form; what is wrong with its templates is noted."""
    url = _text(call.url)
    check_url(url, f"{place}.url", faults)
    check_text(url, f"{place}.url", names, faults)
    body = unwrapped(call.body)
    check_body(body, f"{place}.body", names, faults)
    given = call.success_status_codes
    return Request(
        url=url,
        verb=call.verb,
        headers=_headers(call, f"{place}.headers", names, faults),
        body=body,
        has_body=body is not None,
        success=codes(given) if given else SUCCESS[call.verb],
    )


def unwrapped(body: Json) -> Json:
    """Return the text of `{"value": "text"}` when that is all there is, else the body itself."""
    match body:
        case {"value": str(text)} if len(body) == 1:
            return text
        case _:
            return body


def seconds(millis: int | None) -> float | None:
    """Return the engine's unit of time."""
    return None if millis is None else millis / 1000


def policy(handling: wire.FailureHandling | None) -> Retry | None:
    """Return the engine's form of a `failureHandling`."""
    match handling:
        case None:
            return None
        case wire.RetryHandling():
            delay = handling.delay_millis / 1000
            return Retry(retries=handling.max_attempts, delay=delay, max_delay=delay)
        case wire.BackoffHandling():
            return Retry(
                retries=handling.max_attempts,
                delay=handling.initial_delay_millis / 1000,
                max_delay=handling.max_delay_millis / 1000,
                multiplier=handling.multiplier,
                jitter=handling.jitter_ratio,
            )


def retry_on(rules: wire.RetryOn, place: str, faults: Faults) -> tuple[str, ...]:
    """Return what a node wants to be retried; words that mean nothing are noted."""
    found: list[str] = []
    for index, rule in enumerate(rules):
        text = str(rule)
        found.append(text)
        is_status = text.isascii() and text.isdecimal() and 100 <= int(text[:4]) <= 599
        if not is_status and text not in _RETRY_WORDS and not re.fullmatch("[1-5]xx", text):
            wanted = "a status, a class as 5xx, timeout or connection"
            hint = faults.hint(text, _RETRY_WORDS)
            faults.add(item(place, index), f'"{shown(text)}" is not {wanted}{hint}')
    return tuple(dict.fromkeys(found))


def _text(template: wire.Template) -> str:
    return template if isinstance(template, str) else template.value


def _headers(call: wire.HttpCall, place: str, names: Names, faults: Faults) -> dict[str, str]:
    given = {
        name: value if isinstance(value, bool | int | float) else _text(value)
        for name, value in call.headers.items()
    }
    check_headers(given, place, faults)
    headers = header_texts(given)
    for name, text in headers.items():
        check_text(text, below(place, name), names, faults)
    return headers
