"""What is kept of an exchange: enough to see what happened, and no secret that we can tell.

Masked are the values of telling headers, of telling parameters of the URL, userinfo, and the
callback token wherever it was sent.  A JSON answer is kept parsed, other text as text;
bytes that are no text as `{"$base64": "…"}`.  An empty answer is null.
"""

import base64
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from mainspring.domain.message import Json

MASK: Final = "[hidden]"
MOST_REQUEST: Final = 64 * 1024
"""Bytes of a request's body that are kept."""

LONGEST_URL: Final = 4096
LONGEST_ERROR: Final = 1024

_SECRET_HEADERS: Final = frozenset(
    [
        "authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "api-key",
        "proxy-authorization",
        "x-auth-token",
        "x-access-token",
        "x-csrf-token",
        "x-amz-security-token",
        "x-secret",
        "x-callback-token",
        "x-vault-token",
        "authentication-info",
        "proxy-authentication-info",
    ]
)
_SECRET_PARAMETER: Final = re.compile(
    r"(?i)([?&;](?:[^=&;#]*(?:token|secret|passw(?:or)?d|api[-_.]?key|signature|credential)[^=&;#]*"
    r"|key|sig|auth|code|pwd)=)[^&;#]+"
)
_USERINFO: Final = re.compile(r"(?<=//)[^/?#]*@")
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
_decode = msgspec.json.Decoder().decode


def url(text: str, token: str) -> str:
    """Return a URL as it may be kept."""
    if "?" in text:
        text = _SECRET_PARAMETER.sub(rf"\1{MASK}", text)
    if "@" in text:
        text = _USERINFO.sub(f"{MASK}@", text, count=1)
    return without(text, token)[:LONGEST_URL]


def error(text: str, token: str) -> str:
    """Return what is said of a fault as it may be kept."""
    return without(text, token)[:LONGEST_ERROR]


def request_body(data: bytes | None, token: str) -> str | None:
    """Return the beginning of a request's body as it may be kept."""
    if data is None:
        return None
    # Masked before it is cut, or the cut could leave the half of a token.
    whole = without(data.decode("utf-8", "replace"), token) if token else ""
    kept = whole.encode() if token else data
    return kept[:MOST_REQUEST].decode("utf-8", "ignore")


def without(text: str, token: str) -> str:
    """Return `text` with the callback token masked."""
    return text.replace(token, MASK) if token else text


def without_bytes(data: bytes, token: str) -> bytes:
    """Return `data` with the callback token masked."""
    return data.replace(token.encode(), MASK.encode()) if token else data


def headers(given: dict[str, str]) -> dict[str, str]:
    """Return an answer's headers as they may be kept; their names are in lower case."""
    if _SECRET_HEADERS.isdisjoint(given):
        return given
    return {name: MASK if name in _SECRET_HEADERS else value for name, value in given.items()}


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
