"""The world outside, scripted: an `HttpClient` whose peers are functions.

Every call is kept, in order, with its instant and its idempotency key, so a test can say what a
peer saw, and how often.  A peer may be slow, may be away, and may do its work and lose the answer;
time passes by the Clock alone, so under a simulated clock nothing waits.

    world = ScriptedHttp(clock)
    world.on("POST", "http://shop.test/orders", lambda call: Reply(201, {"id": 7}))
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from mainspring.domain.message import Json
from mainspring.ports import Clock, HttpAnswer, HttpFault

_BODYLESS: Final = (204, 304)
_encode = msgspec.json.Encoder().encode


class Call(msgspec.Struct, frozen=True):
    """A request that reached its peer; names of `headers` are in lower case."""

    verb: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    at: float

    @property
    def idempotency_key(self) -> str:
        return self.headers.get("idempotency-key", "")

    @property
    def json(self) -> Json:
        """The body as a JSON value; raises when it is none."""
        return msgspec.json.decode(self.body or b"")


class Reply(msgspec.Struct, frozen=True):
    """What a peer answers, `latency` seconds after it was called.

    `body` is bytes as they are, or a JSON value.  `lost`: the peer did its work and the connection
    broke before the answer came back.
    """

    status: int = 200
    body: Json = b""
    headers: dict[str, str] = {}
    latency: float = 0.0
    lost: bool = False

    def encoded(self) -> tuple[bytes, dict[str, str]]:
        """Return the bytes of the body, and the headers with lower-case names."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        if isinstance(self.body, bytes):
            return self.body, headers
        headers.setdefault("content-type", "application/json")
        return _encode(self.body), headers


Peer = Callable[[Call], Reply]
Gate = Callable[[Call], HttpFault | None]


class ScriptedHttp:
    """`HttpClient` over a table of peers; what no peer serves is answered with 404.

    `gate` is asked before each call and may refuse the connection: then no peer hears of it.
    """

    def __init__(self, clock: Clock, *, gate: Gate = lambda _: None) -> None:
        self.calls: list[Call] = []
        self.gate = gate
        self._clock = clock
        self._peers: dict[tuple[str, str], Peer] = {}

    def on(self, verb: str, url: str, peer: Peer | Reply) -> None:
        """Let `peer` serve a verb at a URL; a URL that ends in `*` serves all that begin so."""
        self._peers[verb, url] = peer if callable(peer) else lambda _: peer

    def received(self, url: str) -> list[Call]:
        """Return the calls of a URL, in order."""
        return [call for call in self.calls if call.url == url]

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
        """Make one call.  Raises `HttpFault` with the kind of fault when there is no answer."""
        if not url.startswith(("http://", "https://")):
            raise HttpFault("refused", "the URL does not begin with http:// or https://")
        lower = {name.lower(): value for name, value in headers.items()}
        call = Call(verb, url, lower, body, self._clock.now())
        fault = self.gate(call)
        if fault is not None:
            raise fault
        self.calls.append(call)
        reply = self._peer_of(verb, url)(call)
        await self._pass(reply.latency, timeout)
        if reply.lost:
            raise HttpFault("connection", "the peer closed the connection before it answered")
        return _answer(reply, verb, max_body)

    async def close(self) -> None:
        """Nothing is held."""

    def _peer_of(self, verb: str, url: str) -> Peer:
        exact = self._peers.get((verb, url))
        if exact is not None:
            return exact
        fitting = (
            (len(pattern), peer)
            for (of, pattern), peer in self._peers.items()
            if of == verb and pattern.endswith("*") and url.startswith(pattern[:-1])
        )
        return max(fitting, key=lambda found: found[0], default=(0, _nobody))[1]

    async def _pass(self, latency: float, timeout: float) -> None:
        if latency >= timeout:
            await self._clock.sleep(timeout)
            raise HttpFault("timeout", "the answer did not come in time")
        if latency > 0:
            await self._clock.sleep(latency)
        else:
            await asyncio.sleep(0)  # as every call, it takes a turn


def _nobody(_: Call) -> Reply:
    return Reply(404)


def _answer(reply: Reply, verb: str, max_body: int) -> HttpAnswer:
    body, headers = reply.encoded()
    if verb == "HEAD" or reply.status in _BODYLESS:
        body = b""
    if len(body) > max_body:
        raise HttpFault("too_large", f"the answer is larger than {max_body} bytes")
    return HttpAnswer(reply.status, headers, body)
