"""What every dialect asks of an HTTP call before it is stored: its URL, its headers, its statuses.

A call that is known to fail (no scheme, a header that framing owns) is a fault of its definition.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

import msgspec

from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below, item, shown

SUCCESS: Final[dict[str, tuple[int, ...]]] = {
    "GET": (200,),
    "HEAD": (200,),
    "OPTIONS": (200,),
    "POST": (200, 201, 202),
    "PUT": (200, 202, 204),
    "PATCH": (200, 202, 204),
    "DELETE": (200, 202, 204),
}
"""What counts as done where a call does not say."""

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


def codes(given: Iterable[int]) -> tuple[int, ...]:
    """Return statuses in order, each once."""
    return tuple(sorted(set(given)))


def check_url(url: str, place: str, faults: Faults) -> None:
    """Note why a URL, which may be a template, can be none."""
    if not url.strip():
        faults.add(place, "must not be blank")
    elif not url.lstrip().startswith("{{") and not _ABSOLUTE.match(url):
        faults.add(place, "must begin with http:// or https:// and a host")
    elif _USERINFO.match(_PLACEHOLDER.sub("", url)):
        faults.add(place, "must have no user name or password: send them in a header")


def addresses(given: Json, place: str, faults: Faults) -> Iterator[str]:
    """Yield who is told of something: a URL, `{url}`, or a list of these; templates are let be."""
    is_list = isinstance(given, list)
    several = cast("list[Json]", given) if is_list else [] if given is None else [given]
    for index, one in enumerate(several):
        at = item(place, index) if is_list else place
        is_object = isinstance(one, dict)
        url = cast("dict[str, Json]", one).get("url") if is_object else one
        if isinstance(url, str):
            check_url(url, below(at, "url") if is_object else at, faults)
            yield url


def check_headers(names: Iterable[str], place: str, faults: Faults) -> None:
    """Note the names that no header may have, and those that are given twice."""
    seen: dict[str, str] = {}
    for name in names:
        here = below(place, name)
        if not _TOKEN.fullmatch(name):
            faults.add(here, "is no valid header name")
        elif name.lower() in _FRAMING:
            faults.add(here, "is set by the engine")
        elif (other := seen.setdefault(name.lower(), name)) != name:
            faults.add(here, f'is given as "{shown(other)}" too')


def header_texts(given: Mapping[str, str | float]) -> dict[str, str]:
    """Return headers as texts; numbers and booleans as JSON writes them."""
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in given.items()
    }
