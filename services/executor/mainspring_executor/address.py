"""Which addresses an outbound call may go to.

The table is written out instead of asking `ipaddress.is_global`, whose answer has changed between
patch releases of Python.  An address that carries another inside (mapped, translated, tunnelled)
is judged by the inner one, or refused where nothing but a tunnel would use it.  `private`
addresses can be allowed by a deployment; the rest never: link-local is where clouds keep
their credentials, and 0.0.0.0 is a second name of the loopback.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal, TypeAlias

Verdict: TypeAlias = Literal["public", "private", "forbidden"]
Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_PRIVATE: Final = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks between networks
        "::1/128",
        "fc00::/7",
    )
)
_FORBIDDEN: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # metadata of a cloud, inside the carrier's range
        "168.63.129.16/32",  # another's, in public space
        "169.254.0.0/16",  # link-local, and metadata of most clouds
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, and IPv4-compatible; ::1 is looked at before
        "::ffff:0:0:0/96",
        "64:ff9b:1::/48",  # local translators: what is behind them cannot be known
        "100::/64",
        "2001::/23",  # Teredo, ORCHID and other protocol assignments
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fd00:ec2::254/128",  # metadata by IPv6
        "fd20:ce::254/128",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR: Final = IPv6Network("2002::/16")
_LOOPBACK: Final = IPv6Address("::1")
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")


@lru_cache(maxsize=4096)
def judge(text: str) -> Verdict:
    """Say what an IP address is; text that is none is forbidden."""
    try:
        address = ip_address(text)
    except ValueError:
        return "forbidden"
    return _judge(address)


def _judge(address: Address) -> Verdict:
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return "forbidden"
        inner = _inside(address)
        if inner is not None:
            return _judge(inner)
    if address == _LOOPBACK:
        return "private"
    if _in(address, _FORBIDDEN):
        return "forbidden"
    if _in(address, _PRIVATE):
        return "private"
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "forbidden"
    return "public"


def _inside(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one stands for, if it does."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _SIX_TO_FOUR:
        return address.sixtofour
    return address.ipv4_mapped


def _in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
