"""Calls and retry policies of a saga, in the engine's form."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from mainspring.domain.definition import Request, Retry
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below, item, shown
from mainspring_api.dialects.sagas import wire
from mainspring_api.dialects.sagas.names import Names, check_body, check_text

SUCCESS: Final[dict[str, tuple[int, ...]]] = {
    "GET": (200,),
    "HEAD": (200,),
    "OPTIONS": (200,),
    "POST": (200, 201, 202),
    "PUT": (200, 202, 204),
    "PATCH": (200, 202, 204),
    "DELETE": (200, 202, 204),
}
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_FRAMING: Final = frozenset(
    {
        *("host", "connection", "keep-alive", "content-length", "transfer-encoding"),
        *("te", "trailer", "upgrade", "expect"),
    }
)
_ABSOLUTE: Final = re.compile(r"https?://[^/\s]", re.IGNORECASE)
_USERINFO: Final = re.compile(r"https?://[^/?#]*@", re.IGNORECASE)
_PLACEHOLDER: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_RETRY_WORDS: Final = ("4xx", "5xx", "timeout", "connection")


def request(call: wire.HttpCall, place: str, names: Names, faults: Faults) -> Request:
    """Return a call in the engine's form; what is wrong with its templates is noted."""
    url = _text(call.url)
    _check_url(url, f"{place}.url", names, faults)
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


def codes(given: Iterable[int]) -> tuple[int, ...]:
    """Return statuses in order, each once."""
    return tuple(sorted(set(given)))


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


def _check_url(url: str, place: str, names: Names, faults: Faults) -> None:
    if not url.strip():
        faults.add(place, "must not be blank")
    elif not url.lstrip().startswith("{{") and not _ABSOLUTE.match(url):
        faults.add(place, "must begin with http:// or https:// and a host")
    elif _USERINFO.match(_PLACEHOLDER.sub("", url)):
        faults.add(place, "must have no user name or password: send them in a header")
    check_text(url, place, names, faults)


def _headers(call: wire.HttpCall, place: str, names: Names, faults: Faults) -> dict[str, str]:
    headers: dict[str, str] = {}
    seen: dict[str, str] = {}
    for name, value in call.headers.items():
        here = below(place, name)
        if not _TOKEN.fullmatch(name):
            faults.add(here, "is no valid header name")
        elif name.lower() in _FRAMING:
            faults.add(here, "is set by the engine")
        elif (other := seen.setdefault(name.lower(), name)) != name:
            faults.add(here, f'is given as "{shown(other)}" too')
        headers[name] = _header(value)
        check_text(headers[name], here, names, faults)
    return headers


def _header(value: wire.Template | float) -> str:
    if isinstance(value, bool | int | float):
        return msgspec.json.encode(value).decode()
    return _text(value)
