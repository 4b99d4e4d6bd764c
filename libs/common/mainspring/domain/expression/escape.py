"""Where a text goes, and what a value must not be able to do there.

A value inside a JSON string may not end the string, one inside a URL may not start a new
part of it, and one inside a header may not start a new header.  Escaping for HTML, as
Mustache was born with, served none of these and broke every quotation mark.
"""

from enum import Enum
from json.encoder import encode_basestring
from urllib.parse import quote


class Escape(Enum):
    """The destination of a rendered text."""

    TEXT = "text"
    JSON = "json"
    URL = "url"
    HEADER = "header"

    def value_of(self, text: str) -> str:
        """Return `text` so that it stays one value at its destination."""
        match self:
            case Escape.JSON:
                return encode_basestring(text)[1:-1]
            case Escape.URL:
                return quote(text, safe="", errors="replace")
            case Escape.TEXT | Escape.HEADER:
                return text  # a header is cleaned whole, by `whole`

    def whole(self, text: str) -> str:
        """Return the finished `text`; a header loses its control characters, raw ones too."""
        if self is Escape.HEADER and not (text.isascii() and text.isprintable()):
            return text.translate(_CONTROLS)
        return text


_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
