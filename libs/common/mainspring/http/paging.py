"""Pages: an opaque cursor over (created_at, id), newest first.

A cursor says where the last page ended, so rows that come or go in between are neither shown twice
nor left out, as an offset would.  It holds nothing secret and grants nothing: a made-up one is only
another place to go on from, so it is checked for form and not signed.
"""

import binascii
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from mainspring.domain.errors import DefinitionInvalid
from mainspring.ports import Page

DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 500
LONGEST_CURSOR: Final = 400
_LATEST: Final = 253_402_300_800.0  # the year 10000
_decode = msgspec.json.Decoder(tuple[float, str]).decode


class PageQuery(NamedTuple):
    """Which part of a list is asked for."""

    limit: int
    before: Page | None


def page_query(query: Mapping[str, str], *, default: int = DEFAULT_LIMIT) -> PageQuery:
    """Return what `limit` and `cursor` ask for; raise `DefinitionInvalid` with all their faults."""
    limit, before = default, None
    faults: list[str] = []
    if (text := query.get("limit")) is not None:
        limit = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
        if not 1 <= limit <= LARGEST_LIMIT:
            faults.append(f"limit: must be a whole number from 1 to {LARGEST_LIMIT}, is {text!r}")
    if text := query.get("cursor"):
        before = read_cursor(text)
        if before is None:
            faults.append("cursor: is not one that a list of this service gave")
    if faults:
        raise DefinitionInvalid(faults)
    return PageQuery(limit, before)


def cursor(at: float, id: str) -> str:
    """Return the text that leads to the rows before (`at`, `id`)."""
    return urlsafe_b64encode(msgspec.json.encode((at, id))).rstrip(b"=").decode()


def read_cursor(text: str) -> Page | None:
    """Return where a cursor leads, or None when no list gave it."""
    if len(text) > LONGEST_CURSOR:
        return None
    try:
        at, id = _decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        return None
    # base64 has spare bits and JSON has spare spaces: only the one form that we write is taken.
    known = math.isfinite(at) and 0 <= at < _LATEST and id.isprintable() and cursor(at, id) == text
    return Page(at, id) if known else None


def next_page(url: str, query: Mapping[str, str], after: str) -> dict[str, str]:
    """Return the headers of a list that goes on behind the cursor `after`."""
    there = urlencode({**query, "cursor": after})
    return {"Link": f'<{url}?{there}>; rel="next"', "X-Next-Cursor": after}
