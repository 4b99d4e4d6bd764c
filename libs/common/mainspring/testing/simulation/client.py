"""Those who use the api: every request is kept with its time and its answer, or with none.

Unknown is kept apart from refused: when the connection breaks nobody knows what was done, and a
law that took that for «nothing» would be wrong half of the time.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, cast
from urllib.parse import unquote, urlsplit

import msgspec
from starlette.types import Message, Scope

from mainspring.domain.message import Json
from mainspring.testing.simulation.faults import Chance, Fault, Weather
from mainspring.testing.simulation.incarnation import Life, Replica

PATIENCE_S: Final = 30.0


class Answer(msgspec.Struct, frozen=True):
    """An answer of the api; `body` is parsed when it is JSON."""

    status: int
    headers: dict[str, str]
    body: Json = None


class Asked(msgspec.Struct, frozen=True):
    """A request, and what its sender knows of it.

    `status`: what was answered; 0: nobody was there, so nothing was done; None: unknown.
    """

    at: float
    until: float
    verb: str
    path: str
    key: str
    status: int | None
    answer: Json = None


class Client:
    """Speaks to whichever replica of the api is up."""

    def __init__(
        self,
        apis: Sequence[Replica],
        chance: Chance,
        weather: Weather,
        note: Callable[[Fault], None],
        lets: Callable[[str, str, int], bool],
    ) -> None:
        self._lets = lets
        self._draws = 0
        self._apis = apis
        self._note = note
        self._chance = chance
        self._weather = weather
        self.asked: list[Asked] = []

    async def ask(
        self,
        verb: str,
        path: str,
        body: Json = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> Answer | None:
        """Return the answer, with status 0 when nobody was there, or None when unknown."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        data = b"" if body is None else msgspec.json.encode(body)
        sent = {
            "content-type": "application/json",
            "host": "mainspring.test",
            # A trace of its own, or the api would begin one by the machine's chance.
            "traceparent": f"00-{self._chance.bits(128):032x}-{self._chance.bits(64):016x}-01",
            **(headers or {}),
        }
        answer = await self._sent(verb, path, sent, data)
        self.asked.append(
            Asked(
                begun,
                loop.time(),
                verb,
                path,
                sent.get("idempotency-key", ""),
                None if answer is None else answer.status,
                None if answer is None else answer.body,
            )
        )
        return answer

    @property
    def is_served(self) -> bool:
        """True while somebody is there to answer."""
        return any(one.life is not None and one.life.app for one in self._apis)

    async def post_callback(self, path: str, headers: dict[str, str], body: bytes) -> int | None:
        """Deliver a callback; the status, None when there is no answer."""
        answer = await self.ask("POST", path, msgspec.json.decode(body), headers=headers)
        return answer.status if answer is not None and answer.status else None

    async def _sent(
        self, verb: str, path: str, headers: dict[str, str], body: bytes
    ) -> Answer | None:
        alive = [one.life for one in self._apis if one.life is not None and one.life.app]
        if not alive:
            return Answer(0, {})
        await asyncio.sleep(self._chance.around(self._weather.latency))
        if self._is_lost("request lost"):
            return None  # it never arrived, and nobody can tell
        answer = await _served(self._chance.pick(alive), scope_of(verb, path, headers), body)
        await asyncio.sleep(self._chance.around(self._weather.latency))
        return None if self._is_lost("answer lost") else answer

    def _is_lost(self, what: str) -> bool:
        self._draws += 1
        if not self._chance.hits(self._weather.wire_cuts / 2):
            return False
        if not self._lets(what, "client", self._draws):
            return False
        self._note(Fault(asyncio.get_running_loop().time(), what))
        return True


async def _served(life: Life, scope: Scope, body: bytes) -> Answer | None:
    """Return a whole answer, None when it broke off or took too long."""
    sent: list[Message] = []
    asked: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not asked:
            await asyncio.Future()  # the client stays until it has its answer
        return asked.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        async with asyncio.timeout(PATIENCE_S):
            is_whole = await life.serve(scope, receive, send)
    except TimeoutError:
        return None
    return _answer(sent) if is_whole and sent else None


def scope_of(verb: str, path: str, headers: dict[str, str]) -> Scope:
    """Return the scope of a request."""
    parts = urlsplit(path)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": verb,
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("mainspring.test", 80),
        "state": {},
    }


def _answer(sent: Sequence[Message]) -> Answer | None:
    """Put the messages of an app together; None when it broke off."""
    begin, *parts = sent
    if begin["type"] != "http.response.start" or not parts or parts[-1].get("more_body"):
        return None
    raw = cast("Sequence[tuple[bytes, bytes]]", begin["headers"])
    headers = {name.decode().lower(): value.decode() for name, value in raw}
    data = b"".join(cast("bytes", part.get("body", b"")) for part in parts)
    try:
        body = msgspec.json.decode(data) if data else None
    except msgspec.DecodeError:
        body = data.decode(errors="replace")
    return Answer(int(begin["status"]), headers, body)
