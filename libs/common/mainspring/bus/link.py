"""One connection at a time to a broker that comes and goes.

The client library can reconnect by itself and is not asked to: it would keep what was published
while the broker was away and store it minutes later, it gives up for good after a number of
tries, and an error that it did not foresee ends its only reconnecting task without a word.  Here
each connection is a new client, so nothing stale survives, and there is one way to connect, not
two.  Who listens is remembered here and told to each new client.  Requests are made here too,
because the library's go on waiting when the connection has gone.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count

from nats.errors import Error

from mainspring.bus.wire import Hear, Heard, Said, Wire
from mainspring.domain.errors import BusUnavailable

CONNECT_S = 3.0
REQUEST_S = 5.0
UNSENT = 2 * 1024 * 1024
FLUSH_S = 2.0  # a peer that leaves so many bytes unread for so long is taken for gone
PING_S = 5  # and one that vanished without a word after three of these

_GONE = (Error, OSError, EOFError, RuntimeError)  # the last from uvloop, for a closed socket


class Link:
    """Publishing, requests and subscriptions over whatever connection there is just now."""

    def __init__(self, url: str, name: str) -> None:
        self._servers = url.split(",")
        self._name = name
        self._client: Wire | None = None
        self._stalled = False
        self._ears: dict[str, tuple[str, Hear]] = {}
        self._subscribed: dict[str, int] = {}
        self._answers = inbox()
        self._asked: dict[str, asyncio.Future[Heard]] = {}
        self._numbers = count()
        self._ears["answers"] = (f"{self._answers}.*", self._hear_answer)
        self.on_lost: Callable[[], None] = _nothing

    @property
    def up(self) -> bool:
        return self._client is not None and self._client.is_connected and not self._stalled

    async def open(self) -> None:
        """Connect once and tell the new connection who listens; raise `BusUnavailable`."""
        await self.shut()
        client = self._client = Wire()
        self._stalled = False
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connect(client)
                for key in self._ears:
                    self._attach(client, key)
        except Exception as error:
            # Whatever the library raises here, the answer is the same: no connection.
            await self.shut()
            raise BusUnavailable(f"cannot connect to NATS: {error!r}") from error

    async def _connect(self, client: Wire) -> None:
        async def closed() -> None:
            if client is self._client:
                self._tell_lost()

        async def failed(error: Exception) -> None:
            """Every error that matters shows as a closed connection."""

        await client.connect(
            self._servers,
            name=self._name,
            error_cb=failed,
            closed_cb=closed,
            allow_reconnect=False,
            # A refused try costs this wait and a second try, then it raises.
            max_reconnect_attempts=1,
            reconnect_time_wait=0.01,  # pyright: ignore[reportArgumentType]
            ping_interval=PING_S,
        )

    async def shut(self) -> None:
        """Let go of the present connection, flushing what it still can."""
        client, self._client = self._client, None
        if client is None:
            return
        self._subscribed = {}
        try:
            async with asyncio.timeout(CONNECT_S):
                await client.close()
        except _GONE:
            pass
        await _clean_up(client)

    async def say(self, messages: Sequence[Said]) -> None:
        """Write messages to the connection; raise `BusUnavailable` without one."""
        client = self._connected()
        self._say(client, messages)
        if client.unsent() > UNSENT:
            await self._drain(client)

    def say_soon(self, messages: Sequence[Said]) -> None:
        """Write messages with the next ones, at the latest in the next turn; see `is_choked`."""
        self._connected().say_later(messages)

    def _say(self, client: Wire, messages: Sequence[Said]) -> None:
        try:
            client.say(messages)
        except ValueError as error:
            raise ValueError(f"cannot be published to {messages[0].subject!r}: {error}") from error
        except _GONE as error:
            raise BusUnavailable(f"the connection to NATS broke: {error!r}") from error

    @property
    def is_choked(self) -> bool:
        """Whether so much is unsent that who has more to say must wait."""
        return self._client is not None and self._client.unsent() > UNSENT

    async def _drain(self, client: Wire) -> None:
        try:
            async with asyncio.timeout(FLUSH_S):
                await client.drained()
        except TimeoutError:
            if client is self._client:
                self._stalled = True
                self._tell_lost()
        except _GONE as error:
            raise BusUnavailable(f"the connection to NATS broke: {error!r}") from error

    async def request(self, subject: str, data: bytes = b"") -> bytes:
        """Return the answer to a request; raise `BusUnavailable` when none comes."""
        message = await self._ask(lambda reply: Said(subject, data, reply), subject)
        if message.headers.get("Status") == "503":
            raise BusUnavailable(f"nobody answers {subject}")
        return message.data

    async def listen(self, subject: str, hear: Hear) -> str:
        """Call `hear` for what comes on a subject, on this connection and all later ones."""
        key = secrets.token_hex(8)
        self._ears[key] = (subject, hear)
        client = self._client
        if client is not None and self.up:
            try:
                self._attach(client, key)
                await self._settle()  # what is published from now on is heard
            except (*_GONE, BusUnavailable):
                self.on_lost()  # the next connection is told
        return key

    async def forget(self, key: str) -> None:
        """Stop listening."""
        self._ears.pop(key, None)
        number = self._subscribed.pop(key, None)
        client = self._client
        if number is not None and client is not None:
            client.drop(number)
            if self.up:
                self._leave(client, number)

    async def drain(self, key: str) -> None:
        """Stop listening, and return when all that was on its way has been heard."""
        self._ears.pop(key, None)
        number = self._subscribed.pop(key, None)
        client = self._client
        if number is None or client is None or not self.up:
            return
        self._leave(client, number)
        with suppress(BusUnavailable):
            await self._settle()
        client.drop(number)

    def _leave(self, client: Wire, number: int) -> None:
        with suppress(*_GONE):  # then nobody is there to be told
            client.leave(number)

    async def _settle(self) -> None:
        """Return when the broker has done all that was written before: by a message to oneself."""
        await self._ask(lambda reply: Said(reply, b""), "a message to oneself")

    async def _ask(self, message: Callable[[str], Said], what: str) -> Heard:
        reply = f"{self._answers}.{next(self._numbers)}"
        answer = self._asked[reply] = asyncio.get_running_loop().create_future()
        try:
            await self.say([message(reply)])
            async with asyncio.timeout(REQUEST_S):
                return await answer
        except TimeoutError as error:
            raise BusUnavailable(f"no answer to {what}") from error
        finally:
            del self._asked[reply]

    def _connected(self) -> Wire:
        client = self._client
        if client is None or not client.is_connected or self._stalled:
            raise BusUnavailable("there is no connection to NATS")
        return client

    def _attach(self, client: Wire, key: str) -> None:
        self._subscribed[key] = client.hear(*self._ears[key])

    def _hear_answer(self, message: Heard) -> None:
        answer = self._asked.get(message.subject)
        if answer is not None and not answer.done():
            answer.set_result(message)

    def _tell_lost(self) -> None:
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(BusUnavailable("the connection to NATS broke"))
        self.on_lost()


def inbox() -> str:
    """Return a subject that nobody else listens on."""
    return f"_INBOX.{secrets.token_hex(11)}"


def _nothing() -> None:
    """Do nothing."""


async def _clean_up(client: Wire) -> None:
    """Do what the library leaves out when it fails to flush into a dead socket."""
    client.abort()
    for _ in range(3):
        await asyncio.sleep(0)  # noqa: TID251 - no time passes; cancelled tasks need turns to end
    for name in ("_reading_task", "_flusher_task", "_ping_interval_task"):
        task: asyncio.Task[None] | None = getattr(client, name, None)
        if task is not None and task.done() and not task.cancelled():
            task.exception()  # seen, so that asyncio does not report it as forgotten
