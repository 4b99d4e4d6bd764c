"""What an answer means: whether it failed, whether to try again, and its body as a value."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from mainspring.domain.message import Json
from mainspring.ports import HttpAnswer
from mainspring_plugins.support.failures import bad, refuse

ResponseType: TypeAlias = Literal["auto", "json", "text", "base64"]
FAILS: Final = "4xx,5xx"
RETRIED: Final = "408,425,429,5xx"
_RULE: Final = re.compile(r"([1-5])(?:xx|[0-9]{2})(?:-([1-5])[0-9]{2})?", re.ASCII)
_CHARSET: Final = re.compile(r"charset=\"?([\w.:-]{1,40})", re.ASCII | re.IGNORECASE)
_decode: Final = msgspec.json.Decoder().decode


def says(rules: str | Sequence[str | int], status: int, place: str) -> bool:
    """Tell whether a status is among rules such as 4xx, 404 and 500-504; none: never."""
    words = rules.split(",") if isinstance(rules, str) else [str(rule) for rule in rules]
    # All are read before one decides, so a word that is none is told whatever the status.
    fits = [_fits(word.strip().lower(), status, place) for word in words if word.strip()]
    return any(fits)


def _fits(word: str, status: int, place: str) -> bool:
    if word == "none":
        return False
    if not _RULE.fullmatch(word):
        raise bad(place, f'"{word[:20]}" is no status (4xx, 404, 500-504, or none)')
    if word.endswith("xx"):
        return str(status)[0] == word[0]
    low, _, high = word.partition("-")
    return int(low) <= status <= int(high or low)


def body_of(answer: HttpAnswer, wanted: ResponseType, *, strict: bool = True) -> Json:
    """Return the body as a value; raise a final `PluginFailed` when it is no JSON and should be.

    `auto` is JSON where the peer says so and it is, a text where it is one, base64 otherwise; an
    empty body is null.
    """
    if wanted == "base64":
        return b64encode(answer.body).decode()
    if wanted == "text":
        return text_of(answer)
    if not answer.body:
        return None
    if wanted == "json" or is_json(answer.headers):
        try:
            return _decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if wanted == "json" and strict:
                raise refuse("the answer is no JSON") from None
    return _text_or_bytes(answer)


def is_json(headers: Mapping[str, str]) -> bool:
    """Tell whether a peer says that its answer is JSON."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in ("application/json", "text/json") or kind.endswith("+json")


def text_of(answer: HttpAnswer) -> str:
    """Return the body as a text, in the character set that the peer says; never fails."""
    found = _CHARSET.search(answer.headers.get("content-type", ""))
    try:
        return answer.body.decode(found[1] if found else "utf-8", errors="replace")
    except (LookupError, UnicodeError):
        return answer.body.decode(errors="replace")


def _text_or_bytes(answer: HttpAnswer) -> str:
    kind = answer.headers.get("content-type", "").lower()
    if kind.startswith("text/") or "charset=" in kind:
        return text_of(answer)
    try:
        return answer.body.decode()
    except UnicodeDecodeError:
        return b64encode(answer.body).decode()
