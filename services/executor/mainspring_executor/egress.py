"""The guard at the way out: a host is resolved once, and the checked address is the one used.

Whoever connects asks here for addresses and connects to nothing else, so a name that points
elsewhere a moment later (DNS rebinding) changes nothing.  A name of which only one address is
not allowed is refused whole.  A wall of the network is the first defence; this is the second.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from mainspring.ports import HttpFault
from mainspring_executor.address import judge
from mainspring_executor.url import Origin, refused

Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]

FRESH: Final = 10.0
"""For how many seconds an answer is used again; the system's resolver tells no lifetime."""
_MOST_NAMES: Final = 4096
_MOST_ADDRESSES: Final = 16


async def ask_system(host: str, port: int) -> list[str]:
    """Return the addresses of a host by the system's resolver; raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Egress:
    """Says to which addresses a call to an origin may connect.

    `private` allows loopback and private networks, as the local stack needs; metadata services,
    link-local, multicast and reserved addresses are refused all the same.
    """

    def __init__(self, *, private: bool = False, resolve: Resolve = ask_system) -> None:
        self._allowed = frozenset(("public", "private")) if private else frozenset(("public",))
        self._resolve = resolve
        self._known: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = {}
        self._asked: dict[tuple[str, int], asyncio.Task[tuple[str, ...]]] = {}

    def known(self, origin: Origin) -> tuple[str, ...] | None:
        """Return the checked addresses of an origin if they are fresh; never waits."""
        entry = self._known.get((origin.host, origin.port))
        if entry is None or entry[0] < asyncio.get_running_loop().time():
            return None
        return entry[1]

    async def addresses(self, origin: Origin) -> tuple[str, ...]:
        """Return the checked addresses of an origin, at least one.

        Raises `HttpFault`: refused when any of them is not allowed, connection when there is none.
        """
        known = self.known(origin)
        if known is not None:
            return known
        key = (origin.host, origin.port)
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.ensure_future(self._look_up(origin))
            task.add_done_callback(lambda done: self._settle(key, done))
        # Shielded: the callers share the question, and one that gives up takes it from nobody.
        return await asyncio.shield(task)

    def _settle(self, key: tuple[str, int], done: "asyncio.Task[tuple[str, ...]]") -> None:
        del self._asked[key]
        if done.cancelled() or done.exception() is not None:
            return
        if len(self._known) >= _MOST_NAMES:
            del self._known[next(iter(self._known))]
        self._known.pop(key, None)
        self._known[key] = (asyncio.get_running_loop().time() + FRESH, done.result())

    async def _look_up(self, origin: Origin) -> tuple[str, ...]:
        if origin.is_address:
            return self._checked([origin.host], origin.host)
        try:
            found = await self._resolve(origin.host, origin.port)
        except (OSError, UnicodeError):
            raise HttpFault("connection", f"the host {origin.host} was not found") from None
        if not found:
            raise HttpFault("connection", f"the host {origin.host} has no address")
        return self._checked(found, origin.host)

    def _checked(self, found: list[str], host: str) -> tuple[str, ...]:
        addresses = tuple(dict.fromkeys(found))
        for address in addresses:
            if judge(address) not in self._allowed:
                # The address itself is not told: it would make the guard a map of the network.
                raise refused(f"the host {host} has an address that calls may not go to")
        return addresses[:_MOST_ADDRESSES]
