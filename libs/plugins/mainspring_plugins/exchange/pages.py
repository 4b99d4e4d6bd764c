"""Answers in several pages: where the next one is, and what all of them hold together.

A page is asked for once: a peer that names a page again would be asked for ever, and is told.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from mainspring.domain.message import Json
from mainspring_plugins.exchange.bodies import with_query
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.paths import Missing, read
from mainspring_plugins.support.schema import choice, closed, text, whole
from mainspring_plugins.support.texts import written

MOST_PAGES: Final = 100
_LINK: Final = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT: Final = re.compile(r';\s*rel\s*=\s*(?:"[^"]*\bnext\b[^"]*"|next\b)', re.IGNORECASE)

PAGINATION: Final = closed(
    {
        "type": choice("By the header Link (rel=next), or by a cursor.", "link", "cursor"),
        "cursorPath": text("Where in a page the next cursor is.", minLength=1),
        "cursorParam": text("The query parameter that takes it.", default="cursor"),
        "itemsPath": text("Where in a page its items are; the page when not given."),
        "maxPages": whole("The most pages to ask for.", default=10, minimum=1, maximum=MOST_PAGES),
    },
    "type",
    description="Asks for the following pages too; the body is then the list of their items.",
)


def next_url(how: Mapping[str, Json], url: str, headers: Mapping[str, str], page: Json) -> str:
    """Return where the page after this one is; "" when this is the last."""
    if how["type"] == "link":
        return linked(headers.get("link", ""))
    return _by_cursor(how, url, page)


def linked(header: str) -> str:
    """Return the target of rel=next in a Link header; "" when there is none."""
    return next((url for url, about in _LINK.findall(header) if _NEXT.search(about)), "")


def _by_cursor(how: Mapping[str, Json], url: str, page: Json) -> str:
    if "cursorPath" not in how:
        raise bad("pagination.cursorPath", "is needed for the type cursor")
    cursor = read(page, how["cursorPath"], "pagination.cursorPath")
    if isinstance(cursor, Missing) or cursor is None or cursor in ("", False):
        return ""
    name = how.get("cursorParam", "cursor")
    split = urlsplit(url)
    others = [(key, each) for key, each in parse_qsl(split.query, True) if key != name]
    bare = urlunsplit(split._replace(query=""))
    return with_query(bare, _gathered(others) | {name: written(cursor)})


def _gathered(said: Iterable[tuple[str, str]]) -> dict[str, Json]:
    values: dict[str, list[str]] = {}
    for key, each in said:
        values.setdefault(key, []).append(each)
    return dict(values)


def items_of_page(how: Mapping[str, Json], page: Json) -> list[Json]:
    """Return the items of a page; a page that is no list is one item."""
    found = read(page, how.get("itemsPath", ""), "pagination.itemsPath")
    if isinstance(found, Missing) or found is None:
        return []
    return list(found) if isinstance(found, list) else [found]
