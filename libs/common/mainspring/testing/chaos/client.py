"""A client that asks until it is answered: each change under a key, at the next gateway each time.

An answer that no client should ever get is kept in `faults`; so is a request that was not accepted
in its time.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import count
from typing import Any, Final, NamedTuple

import httpx
import msgspec

AGAIN_S: Final = 0.2
ANSWER_S: Final = 4.0
PATIENCE_S: Final = 150.0
"""More than a minute: a lost task is missed only then, and who decides waits for what follows."""
COME_AGAIN: Final = frozenset({409, 429, 502, 503})
Json = dict[str, Any]


class Ask(NamedTuple):
    """A request; `text` is sent as YAML, a `body` as JSON, a `key` makes it one however often."""

    verb: str
    path: str
    body: Json | None = None
    text: str = ""
    key: str = ""

    def sent(self) -> tuple[dict[str, str], bytes | None]:
        """Return its headers and its content."""
        headers = {"Idempotency-Key": self.key} if self.key else {}
        if self.text:
            return headers | {"Content-Type": "application/yaml"}, self.text.encode()
        if self.body is None:
            return headers, None
        return headers | {"Content-Type": "application/json"}, msgspec.json.encode(self.body)


class Client:
    """Asks at one of several gateways."""

    def __init__(self, origins: Sequence[str]) -> None:
        self.faults: list[str] = []
        self.turned_away: Counter[str] = Counter()
        self._origins = list(origins)
        self._next = count()
        limits = httpx.Limits(max_connections=400, max_keepalive_connections=100)
        self._http = httpx.AsyncClient(timeout=ANSWER_S, limits=limits, trust_env=False)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._http.aclose()

    async def post(
        self, path: str, body: Json | None, key: str = "", *, wait_for: Collection[int] = ()
    ) -> Json:
        """Return the answer to a POST, which is sent until it is accepted; {} when it never was."""
        return await self.ask(Ask("POST", path, body, key=key), wait_for=wait_for)

    async def ask(self, what: Ask, *, wait_for: Collection[int] = ()) -> Json:
        """Return the answer to a request, which is sent until it is accepted; {} as with `post`."""
        come_again = COME_AGAIN.union(wait_for)
        deadline = time.monotonic() + PATIENCE_S
        said = "no answer"
        while time.monotonic() < deadline:
            answer = await self.once(what)
            if answer is not None and answer.is_success:
                return answer.json() if answer.content else {}
            said = "no answer" if answer is None else f"{answer.status_code} {answer.text[:200]}"
            if answer is not None and answer.status_code not in come_again:
                break
            self.turned_away["none" if answer is None else said[:3]] += 1
            await asyncio.sleep(AGAIN_S)
        self.faults.append(f"{what.verb} {what.path}: {said}")
        return {}

    async def once(self, what: Ask, *, at: str = "") -> httpx.Response | None:
        """Return an answer, whatever it says; None when there was none."""
        origin = at or self._origins[next(self._next) % len(self._origins)]
        headers, content = what.sent()
        try:
            return await self._http.request(
                what.verb, origin + what.path, headers=headers, content=content
            )
        except httpx.TransportError:
            return None
