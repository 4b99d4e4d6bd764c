"""Where a text goes, and what a value must not be able to do there.

A value inside a JSON string may not end the string, one inside a URL may not start a new
part of it, and one inside a header may not start a new header.  Escaping for HTML, as
Mustache was born with, served none of these and broke every quotation mark.
"""

from collections.abc import Callable
from enum import Enum
from json.encoder import encode_basestring
from typing import Final
from urllib.parse import quote


class Escape(Enum):
    """The destination of a rendered text."""

    TEXT = "text"
    JSON = "json"
    URL = "url"
    HEADER = "header"


def _within_json(text: str) -> str:
    return encode_basestring(text)[1:-1]


def _within_url(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _within_authority(text: str) -> str:
    return quote(text, safe=":[]", errors="replace")


def url_escaper(before: str) -> Callable[[str], str] | None:
    """Return how a value is escaped that stands in a URL behind `before`.

    A value that begins the URL is an address itself and stays as it is; one in the authority may
    be a host and a port, and nothing that would end it; elsewhere it is data.
    """
    if not before:
        return None
    _, scheme, rest = before.partition("://")
    is_authority = bool(scheme) and not any(mark in rest for mark in "/?#")
    return _within_authority if is_authority else _within_url


def without_controls(text: str) -> str:
    """Return `text` without CR, LF and every other control character."""
    return text if text.isascii() and text.isprintable() else text.translate(_CONTROLS)


_CONTROLS: Final = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])

# A header is cleaned whole, once it is finished, so its values need nothing of their own.
ESCAPES: Final[dict[Escape, Callable[[str], str] | None]] = {
    Escape.TEXT: None,
    Escape.JSON: _within_json,
    Escape.URL: _within_url,
    Escape.HEADER: None,
}
