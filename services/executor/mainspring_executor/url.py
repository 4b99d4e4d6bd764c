"""A URL taken apart once, strictly: what is checked is what is connected to.

Two parsers that read one URL differently are how guards get passed, so this is the only one on
the way out, and whatever is ambiguous is refused: userinfo, backslashes, zones, and IPv4
addresses in any form but four plain decimals.  `urllib.parse` lost: it accepts all of these.
"""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, Literal, NamedTuple
from urllib.parse import quote

import idna

from mainspring.ports import HttpFault

LONGEST: Final = 16_384

_URL: Final = re.compile(
    r"(https?)://([^/?#\\\s@]+)(/[^#]*|\?[^#]*)?(?:#.*)?", re.IGNORECASE | re.DOTALL
)
_PORT: Final = re.compile(r":([0-9]{1,5})?$")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNSAFE: Final = re.compile(r"[^!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]")
_SAFE: Final = "!#$%&'()*+,-./:;=?@[]_~"

# The ports that browsers refuse, and those of two caches: a request to one of them is a message
# to another protocol.
# fmt: off
_OTHER_PROTOCOLS: Final = frozenset((
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
    103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465,
    512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993,
    995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6379, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080, 11211,
))
# fmt: on


class Origin(NamedTuple):
    """Whom a URL addresses: `host` is an A-label name or a plain address, in lower case."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    header: str
    is_address: bool


def split(url: str) -> tuple[Origin, str]:
    """Return the origin and the request target of a URL, or raise `HttpFault` refused."""
    found = _URL.fullmatch(url) if len(url) <= LONGEST else None
    if found is None:
        raise refused(_why_not(url))
    scheme, authority, target = found.groups()
    return origin(scheme.lower(), authority), _target(target)


def refused(why: str) -> HttpFault:
    """Return the fault of a call that must not be made."""
    return HttpFault("refused", why)


@lru_cache(maxsize=4096)
def origin(scheme: str, authority: str) -> Origin:
    """Return whom `authority` names, or raise `HttpFault` refused."""
    secure = scheme == "https"
    default = 443 if secure else 80
    found = _PORT.search(authority)
    port = int(found[1] or default) if found else default
    host = authority[: found.start()] if found else authority
    if not 0 < port < 65536 or port in _OTHER_PROTOCOLS:
        raise refused(f"port {port} is not for HTTP")
    if host.startswith("["):
        host, is_address, shown = _ipv6(host), True, ""
        shown = f"[{host}]"
    else:
        host, is_address = _name_or_ipv4(host)
        shown = host
    header = shown if port == default else f"{shown}:{port}"
    return Origin("https" if secure else "http", host, port, header, is_address)


def _why_not(url: str) -> str:
    if len(url) > LONGEST:
        return f"the URL is longer than {LONGEST} characters"
    if not url.lower().startswith(("http://", "https://")):
        return "the URL does not begin with http:// or https://"
    if "@" in re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]:
        return "a user name or password in a URL is not allowed"
    return "the URL has no valid host"


def _target(text: str | None) -> str:
    if not text:
        return "/"
    if _UNSAFE.search(text):
        text = quote(text, safe=_SAFE, errors="replace")
    return text if text[0] == "/" else "/" + text


def _ipv6(text: str) -> str:
    try:
        address = IPv6Address(text[1:-1]) if text.endswith("]") else None
    except AddressValueError:
        address = None
    if address is None or address.scope_id is not None:
        raise refused("the URL's IPv6 address is not valid")
    return str(address)


def _name_or_ipv4(text: str) -> tuple[str, bool]:
    name = _ascii(text).removesuffix(".")
    labels = name.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        # A last label of digits makes resolvers read the whole as an IPv4 address, in octal
        # and in one number too; only four decimals mean the same to everyone.
        try:
            return str(IPv4Address(name)), True
        except AddressValueError:
            raise refused("the URL's host is an IPv4 address in an unusual form") from None
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise refused("the URL's host is not a valid name")
    return name, False


def _ascii(text: str) -> str:
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True, std3_rules=True).decode().lower()
    except idna.IDNAError:
        raise refused("the URL's host is not a valid international name") from None
