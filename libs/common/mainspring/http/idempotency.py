"""One effect for one key: the answer is kept in the event that has the effect, or nowhere.

A key belongs to project, actor and route for a day.  The same request again gets the first answer
again; another request under the key is refused.  What failed without an effect is not kept: trying
again is what the key is for.  A table of keys beside the log, the rival, can keep an answer whose
effect was lost, or lose one whose effect was kept.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.envelope import Idempotency, Meta
from mainspring.domain.errors import DefinitionInvalid, KeyReused, MainspringError, StillRunning
from mainspring.domain.rows import IdempotencyRow
from mainspring.http.caller import Caller
from mainspring.ports import Clock, Views

LIFETIME_S: Final = 86_400.0
LONGEST_KEY: Final = 256


class Reply(NamedTuple):
    """An answer that can be given again."""

    status: int
    body: bytes = b""
    location: str = ""

    def response(self, *, replayed: bool = False) -> Response:
        headers = {"Location": self.location} if self.location else {}
        if replayed:
            headers["Idempotency-Replayed"] = "true"
        kind = "application/json" if self.body else None
        return Response(self.body, self.status, headers, kind)


Keep: TypeAlias = Callable[[Reply], Meta]
"""Makes the metadata of the event that has the effect: with the answer, if there is a key."""

Effect: TypeAlias = Callable[[Keep], Awaitable[Reply]]
Again: TypeAlias = Callable[[IdempotencyRow], Awaitable[Reply]]


class Once:
    """Sees to it that requests with a key have their effect once."""

    def __init__(self, views: Views, clock: Clock) -> None:
        self._views = views
        self._clock = clock
        self._running: set[tuple[str, str, str, str]] = set()

    async def answer(
        self,
        request: Request,
        caller: Caller,
        body: bytes,
        effect: Effect,
        again: Again | None = None,
    ) -> Response:
        """Return the answer to a request, or the first one again.

        `again` makes an answer from what was kept, where the whole would be too much to keep.
        Raises `KeyReused`, `StillRunning`, and what `effect` raises.
        """
        key = key_of(request)
        if key is None:
            return (await effect(lambda _: caller.meta())).response()
        scope = (caller.project, caller.actor, _route(request), key)
        if scope in self._running:
            raise StillRunning("a request with this idempotency key is still being served")
        self._running.add(scope)
        try:
            return await self._keyed(scope, caller, _digest(body), effect, again or _kept)
        finally:
            self._running.discard(scope)

    async def _keyed(
        self,
        scope: tuple[str, str, str, str],
        caller: Caller,
        digest: str,
        effect: Effect,
        again: Again,
    ) -> Response:
        row = await self._find(scope)
        if row is not None:
            return await _replayed(row, digest, again)
        _, actor, route, key = scope

        def keep(reply: Reply) -> Meta:
            text = reply.body.decode()
            return caller.meta(
                Idempotency(actor, route, key, digest, reply.status, text, reply.location)
            )

        try:
            return (await effect(keep)).response()
        except MainspringError:
            # Another process may have had the effect meanwhile; what is in the way is then ours.
            row = await self._find(scope)
            if row is None:
                raise
            return await _replayed(row, digest, again)

    async def _find(self, scope: tuple[str, str, str, str]) -> IdempotencyRow | None:
        row = await self._views.idempotency(*scope)
        fresh = row is not None and row.at > self._clock.now() - LIFETIME_S
        return row if fresh else None


async def _replayed(row: IdempotencyRow, digest: str, again: Again) -> Response:
    if row.request_hash != digest:
        raise KeyReused("the idempotency key was used for another request")
    return (await again(row)).response(replayed=True)


async def _kept(row: IdempotencyRow) -> Reply:
    return Reply(row.status, row.response.encode(), row.location)


def key_of(request: Request) -> str | None:
    """Return the idempotency key, quoted or bare; raise `DefinitionInvalid` if it is no key."""
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    key = given.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        text = f"Idempotency-Key: must be 1 to {LONGEST_KEY} printable ASCII characters"
        raise DefinitionInvalid([text])
    return key


def _route(request: Request) -> str:
    return f"{request.method} {request.url.path}"


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
