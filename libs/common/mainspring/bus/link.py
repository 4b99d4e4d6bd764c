"""One connection at a time to a broker that comes and goes.

The client library can reconnect by itself and is not asked to: it would keep what was published
while the broker was away and store it minutes later, it gives up for good after a number of
tries, and an error that it did not foresee ends its only reconnecting task without a word.  Here
each connection is a new client, so nothing stale survives, and there is one way to connect, not
two.  Who listens is remembered here and told to each new client.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import BadHeaderError, BadSubjectError, Error, MaxPayloadError

from mainspring.domain.errors import BusUnavailable

Hear: TypeAlias = Callable[[Msg], Awaitable[None]]
"""Called for each message; must be a coroutine function, the library checks."""

CONNECT_S = 3.0
REQUEST_S = 5.0
PING_S = 5  # a peer that vanished without a word is noticed after three of these

_GONE = (Error, OSError, EOFError)


class Link:
    """Publishing, requests and subscriptions over whatever connection there is just now."""

    def __init__(self, url: str, name: str) -> None:
        self._servers = url.split(",")
        self._name = name
        self._client: Client | None = None
        self._ears: dict[str, tuple[str, Hear]] = {}
        self._subscribed: dict[str, Subscription] = {}
        self._limits: list[asyncio.Timeout] = []
        self.on_lost: Callable[[], None] = _nothing

    @property
    def up(self) -> bool:
        return self._client is not None and self._client.is_connected

    async def open(self) -> None:
        """Connect once and tell the new connection who listens; raise `BusUnavailable`."""
        await self.shut()
        client = Client()
        self._client = client
        try:
            async with asyncio.timeout(CONNECT_S):
                await client.connect(
                    self._servers,
                    name=self._name,
                    error_cb=_ignore,
                    closed_cb=self._tell_lost,
                    allow_reconnect=False,
                    # A refused try costs this wait and a second try, then it raises.
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0.01,  # pyright: ignore[reportArgumentType]
                    ping_interval=PING_S,
                    flush_timeout=CONNECT_S,  # else a peer that reads nothing holds a publisher
                )
                for key in list(self._ears):
                    await self._attach(client, key)
        except Exception as error:
            # Whatever the library raises here, the answer is the same: no connection.
            await self.shut()
            raise BusUnavailable(f"cannot connect to NATS: {error!r}") from error

    async def shut(self) -> None:
        """Let go of the present connection, flushing what it still can."""
        client, self._client = self._client, None
        if client is None:
            return
        subscriptions, self._subscribed = self._subscribed, {}
        try:
            async with asyncio.timeout(CONNECT_S):
                await client.close()
        except _GONE:
            pass
        for subscription in subscriptions.values():
            # When flushing into a dead socket fails the library skips this part of its cleaning.
            getattr(subscription, "_stop_processing", _nothing)()
        await _let_tasks_end()

    async def publish(self, subject: str, data: bytes, *, reply: str = "", id: str = "") -> None:
        """Write a message to the connection; raise `BusUnavailable` without one."""
        client = self._connected()
        try:
            await client.publish(
                subject, data, reply=reply, headers={"Nats-Msg-Id": id} if id else None
            )
        except (BadSubjectError, BadHeaderError, MaxPayloadError) as error:
            raise ValueError(f"cannot be published to {subject!r}: {error}") from error
        except _GONE as error:
            raise BusUnavailable(f"the connection to NATS broke: {error}") from error

    async def request(self, subject: str, data: bytes = b"") -> bytes:
        """Return the answer to a request; raise `BusUnavailable` when none comes."""
        client = self._connected()
        limit = asyncio.timeout(REQUEST_S)
        self._limits.append(limit)
        try:
            async with limit:
                return (await client.request(subject, data, timeout=2 * REQUEST_S)).data
        except _GONE as error:
            raise BusUnavailable(f"no answer to {subject}: {type(error).__name__}") from error
        finally:
            self._limits.remove(limit)

    async def listen(self, subject: str, hear: Hear) -> str:
        """Call `hear` for what comes on a subject, on this connection and all later ones."""
        key = secrets.token_hex(8)
        self._ears[key] = (subject, hear)
        client = self._client
        if client is not None and client.is_connected:
            try:
                await self._attach(client, key)
                await client.flush(timeout=2)  # what is published from now on is heard
            except _GONE:
                self.on_lost()  # the next connection is told
        return key

    async def forget(self, key: str) -> None:
        """Stop listening."""
        self._ears.pop(key, None)
        subscription = self._subscribed.pop(key, None)
        if subscription is not None:
            try:
                await subscription.unsubscribe()
            except _GONE:
                return

    async def drain(self, key: str) -> None:
        """Stop listening, and return when all that was on its way has been heard."""
        self._ears.pop(key, None)
        subscription = self._subscribed.pop(key, None)
        if subscription is not None and self.up:
            try:
                async with asyncio.timeout(CONNECT_S):
                    await subscription.drain()
            except _GONE:
                return

    def _connected(self) -> Client:
        client = self._client
        if client is None or not client.is_connected:
            raise BusUnavailable("there is no connection to NATS")
        return client

    async def _attach(self, client: Client, key: str) -> None:
        subject, hear = self._ears[key]
        self._subscribed[key] = await client.subscribe(  # pyright: ignore[reportUnknownMemberType]
            subject, cb=hear
        )

    async def _tell_lost(self) -> None:
        # The library would let a request wait on for an answer that cannot come.
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())
        self.on_lost()


def inbox() -> str:
    """Return a subject that nobody else listens on."""
    return f"_INBOX.{secrets.token_hex(11)}"


def _nothing() -> None:
    """Do nothing."""


async def _ignore(_: Exception) -> None:
    """Every error of the library that matters shows as a lost connection."""


async def _let_tasks_end() -> None:
    """Give the cancelled tasks of a closed client the turns that they need to end."""
    for _ in range(3):
        await asyncio.sleep(0)  # noqa: TID251 - no time passes
