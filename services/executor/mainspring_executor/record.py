"""What is kept of an exchange: enough to see what happened, and no secret that we can tell.

Masked are the values of telling headers, of telling parameters of the URL, userinfo, and wherever
they turn up the callback token and the secrets that stand in the definition.  A JSON answer is kept
parsed, other text as text; bytes that are no text as `{"$base64": "…"}`.  An empty answer is null.
"""

import base64
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from mainspring.domain.message import Json
from mainspring.domain.secrets import MASK, masked_headers, masked_url, without

MOST_REQUEST: Final = 64 * 1024
"""Bytes of a request's body that are kept."""

LONGEST_URL: Final = 4096
LONGEST_ERROR: Final = 1024

_CHARSET: Final = re.compile(r"charset=\"?([\w-]+)", re.IGNORECASE)
# Text encodings only, and none that is slow: a peer chooses the name.
_CHARSETS: Final = frozenset(
    [
        "utf-8",
        "utf8",
        "us-ascii",
        "iso-8859-1",
        "latin-1",
        "latin1",
        "windows-1252",
        "utf-16",
        "iso-8859-15",
        "windows-1251",
        "koi8-r",
        "shift_jis",
        "euc-jp",
        "gb2312",
        "gbk",
        "big5",
    ]
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def url(text: str, secrets: frozenset[str]) -> str:
    """Return a URL as it may be kept."""
    return without(masked_url(text), secrets)[:LONGEST_URL]


def error(text: str, secrets: frozenset[str]) -> str:
    """Return what is said of a fault as it may be kept."""
    return without(text, secrets)[:LONGEST_ERROR]


def request_body(data: bytes | None, secrets: frozenset[str]) -> str | None:
    """Return the beginning of a request's body as it may be kept."""
    if data is None:
        return None
    # Masked before it is cut, or the cut could leave the half of a secret.
    return without_bytes(data, secrets)[:MOST_REQUEST].decode("utf-8", "ignore")


def without_bytes(data: bytes, secrets: frozenset[str]) -> bytes:
    """Return a body with secrets masked, also where JSON has escaped them."""
    if not secrets:
        return data
    escaped = (_encode(secret)[1:-1] for secret in secrets)
    for secret in sorted({*(s.encode() for s in secrets), *escaped}, key=len, reverse=True):
        data = data.replace(secret, MASK.encode())
    return data


def headers(given: dict[str, str], secrets: frozenset[str]) -> dict[str, str]:
    """Return an answer's headers as they may be kept; their names are in lower case."""
    kept = masked_headers(given)
    return {name: without(value, secrets) for name, value in kept.items()} if secrets else kept


def body(data: bytes, content_type: str) -> Json:
    """Return an answer's body as a JSON value."""
    if not data:
        return None
    if "json" in content_type or data.lstrip()[:1] in (b"{", b"["):
        try:
            return _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass  # it only claims to be JSON, or nobody could read it back
    return _text(data, content_type)


def _text(data: bytes, content_type: str) -> Json:
    found = _CHARSET.search(content_type)
    named = found[1].lower() if found else "utf-8"
    for charset in (named, "utf-8"):
        if charset in _CHARSETS:
            try:
                return data.decode(charset)
            except UnicodeDecodeError:
                continue
    return {"$base64": base64.b64encode(data).decode()}


def retry_after(given: dict[str, str], now: float) -> float | None:
    """Return the seconds that a peer asks to be left alone, if it says so."""
    text = given.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        instant = parsedate_to_datetime(text)
        # A date without a zone is meant in GMT, as HTTP's dates are.
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
        return max(0.0, instant.timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
