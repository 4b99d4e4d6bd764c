"""The HTTP client of the executor: small, pinned to checked addresses, and hard to hurt.

It asks the egress guard for addresses and connects to nothing else, with TLS against the name
that was asked for; follows no redirect, keeps no cookie, heeds no proxy variable.  Why it is our
own and not a library: docs/decisions/0004-http-client-of-the-executor.md.

A connection that was used before may be closed by its peer just as a request goes out.  If it
ends before the first byte of an answer, the request is made once more on a new connection
when that is safe: by its verb, or because it carries an Idempotency-Key.
"""

import asyncio
import re
import ssl
from collections import deque
from functools import lru_cache
from typing import Final

from mainspring.ports import HttpAnswer, HttpFault
from mainspring_executor.connection import IDLE, Connection
from mainspring_executor.decoding import ACCEPTED
from mainspring_executor.egress import Egress
from mainspring_executor.url import Origin, refused, split

MOST_IDLE: Final = 512
_VERBS: Final = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
_REPEATABLE: Final = _VERBS - {"POST", "PATCH"}
_WITH_BODY: Final = frozenset(("POST", "PUT", "PATCH"))
_OWN: Final = frozenset(
    [
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "proxy-connection",
        "proxy-authorization",
        "http2-settings",
    ]
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

Key = tuple[str, str, int, str]


class Client:
    """`HttpClient` over sockets: HTTP/1.1 with kept connections, one loop, no thread."""

    def __init__(
        self,
        egress: Egress,
        *,
        tls: ssl.SSLContext | None = None,
        connect_timeout: float = 10.0,
    ) -> None:
        self._egress = egress
        self._tls = tls or trusted()
        self._connect_timeout = connect_timeout
        self._idle: dict[Key, deque[Connection]] = {}
        self._idle_count = 0
        self._all: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def request(
        self,
        verb: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None,
        timeout: float,
        max_body: int,
    ) -> HttpAnswer:
        """Make one call.  Raises `HttpFault` with the kind of fault when there is no answer.

        Headers that frame a message or name its host are the client's own: those given are left
        out.  An answer larger than `max_body`, counted undone, is a fault.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        origin, target = split(url)
        head, repeatable = _head(verb, origin, target, headers, body)
        addresses = self._egress.known(origin)
        if addresses is None:
            addresses = await self._look_up(origin, deadline)
        connection = self._take(origin, addresses, loop.time())
        is_head = verb == "HEAD"
        if connection is not None:
            try:
                answer = connection.send(
                    head, body, limit=max_body, is_head=is_head, deadline=deadline
                )
                return await _kept(answer, connection)
            except HttpFault as fault:
                if fault.kind != "connection" or connection.answered or not repeatable:
                    raise
        connection = await self._connect(origin, addresses, deadline)
        answer = connection.send(head, body, limit=max_body, is_head=is_head, deadline=deadline)
        return await _kept(answer, connection)

    async def close(self) -> None:
        """Close every connection; calls under way fail, later ones too."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in tuple(self._all):
            connection.abort()
        self._idle.clear()
        self._all.clear()
        await asyncio.sleep(0)  # noqa: TID251 - one turn, in which the transports go

    async def _look_up(self, origin: Origin, deadline: float) -> tuple[str, ...]:
        try:
            async with asyncio.timeout_at(self._connect_by(deadline)):
                return await self._egress.addresses(origin)
        except TimeoutError:
            raise HttpFault("timeout", f"the host {origin.host} was not resolved in time") from None

    def _connect_by(self, deadline: float) -> float:
        return min(deadline, asyncio.get_running_loop().time() + self._connect_timeout)

    async def _connect(
        self, origin: Origin, addresses: tuple[str, ...], deadline: float
    ) -> Connection:
        """Connect to the first address that answers; each gets its share of the time."""
        if self._closed:
            raise HttpFault("connection", "the client is closed")
        loop = asyncio.get_running_loop()
        until = self._connect_by(deadline)
        fault: HttpFault | None = None
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            now = loop.time()
            try:
                async with asyncio.timeout_at(now + (until - now) / left):
                    return await self._open(loop, origin, address)
            except TimeoutError:
                fault = HttpFault("timeout", f"no connection to {origin.header} in time")
            except ssl.SSLError as error:
                fault = HttpFault("connection", _tls_text(origin, error))
            except OSError as error:
                why = error.strerror or "it failed"
                fault = HttpFault("connection", f"no connection to {origin.header}: {why}")
        assert fault is not None  # noqa: S101 - there is always an address
        raise fault

    async def _open(
        self, loop: asyncio.AbstractEventLoop, origin: Origin, address: str
    ) -> Connection:
        key = (origin.scheme, origin.host, origin.port, address)
        secure = origin.scheme == "https"
        _, connection = await loop.create_connection(
            lambda: Connection(loop, key, self._release, self._all.discard),
            address,
            origin.port,
            ssl=self._tls if secure else None,
            server_hostname=origin.host if secure else None,
        )
        self._all.add(connection)
        return connection

    def _take(self, origin: Origin, addresses: tuple[str, ...], now: float) -> Connection | None:
        """Return a kept connection to one of the addresses, the youngest first."""
        for address in addresses:
            kept = self._idle.get((origin.scheme, origin.host, origin.port, address))
            while kept:
                connection = kept.pop()
                self._idle_count -= 1
                if connection.is_usable(now):
                    return connection
                connection.close()
        return None

    def _release(self, connection: Connection) -> None:
        if self._closed or self._idle_count >= MOST_IDLE:
            connection.close()
            return
        kept = self._idle.get(connection.key)
        if kept is None:
            kept = self._idle[connection.key] = deque()
        kept.append(connection)
        self._idle_count += 1
        if self._sweeper is None:
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(IDLE, self._sweep)

    def _sweep(self) -> None:
        """Close what was not used for long, the oldest of each deque first."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for key, kept in tuple(self._idle.items()):
            while kept and not kept[0].is_usable(now):
                kept.popleft().close()
                self._idle_count -= 1
            if not kept:
                del self._idle[key]
        self._sweeper = loop.call_later(IDLE, self._sweep) if self._idle else None


async def _kept(answer: "asyncio.Future[HttpAnswer]", connection: Connection) -> HttpAnswer:
    try:
        return await answer
    except asyncio.CancelledError:
        connection.abort()  # what comes later must not be taken for the next answer
        raise


def trusted() -> ssl.SSLContext:
    """Return a TLS context that verifies chain and name against the system's authorities."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _tls_text(origin: Origin, error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {origin.host} does not hold: {error.verify_message}"
    return f"no TLS with {origin.header}: {error.reason or 'it failed'}"


def _head(
    verb: str, origin: Origin, target: str, headers: dict[str, str], body: bytes | None
) -> tuple[bytes, bool]:
    """Return the head of a request, and whether the request may be made twice."""
    if verb not in _VERBS:
        raise refused("the verb is not one of HTTP's usual ones")
    repeatable = verb in _REPEATABLE
    lines = [f"{verb} {target} HTTP/1.1\r\nHost: {origin.header}\r\n"]
    encoded = False
    for name, value in headers.items():
        kind = _kind(name)
        if kind == "own":
            continue
        if _CONTROL.search(value):
            raise refused(f"the header {name} has control characters")
        repeatable = repeatable or kind == "key"
        encoded = encoded or kind == "accept"
        lines.append(f"{name}: {value}\r\n")
    if not encoded:
        lines.append(f"Accept-Encoding: {ACCEPTED}\r\n")
    if body is not None or verb in _WITH_BODY:
        lines.append(f"Content-Length: {len(body or b'')}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("utf-8", "replace"), repeatable


@lru_cache(maxsize=4096)
def _kind(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise refused("a header's name is not valid")
    lower = name.lower()
    if lower in _OWN:
        return "own"
    return {"idempotency-key": "key", "accept-encoding": "accept"}.get(lower, "")
