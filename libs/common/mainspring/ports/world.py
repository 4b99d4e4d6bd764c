"""Time, identity, chance, and calls to others."""

from typing import Literal, Protocol

import msgspec


class Clock(Protocol):
    """Time.  `now` is seconds since the epoch; `monotonic` is for measuring spans."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Ids(Protocol):
    """Identity."""

    def uuid7(self) -> str:
        """Return a new UUIDv7 as text."""
        ...


class Random(Protocol):
    """Chance, as seeds: the domain derives jitter and nonces from them."""

    def seed(self) -> str:
        """Return 128 unguessable bits in hex."""
        ...


class HttpAnswer(msgspec.Struct, frozen=True):
    """A whole HTTP answer: names of headers in lower case, the body undone from compression."""

    status: int
    headers: dict[str, str]
    body: bytes


class HttpClient(Protocol):
    """Outbound HTTP/1.1 behind the egress guard; follows no redirect."""

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

        An answer whose body is larger than `max_body` is the fault too_large, never cut short.
        """
        ...

    async def close(self) -> None: ...


class HttpFault(Exception):
    """There is no answer: `kind` is timeout, connection, refused, too_large."""

    def __init__(
        self, kind: Literal["timeout", "connection", "refused", "too_large"], text: str
    ) -> None:
        super().__init__(text)
        self.kind: Literal["timeout", "connection", "refused", "too_large"] = kind
