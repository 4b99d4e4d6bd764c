"""The HTTP server of a service: uvicorn on a socket that we bind, with a door before the app.

The door answers the probes from the first moment to the last; everything else is 503 until the app
is there, and again while the service drains.  uvicorn's own handling of signals is left out: one
place decides how a process ends.
"""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mainspring.http.health import PATHS, Health, health_routes
from mainspring.runtime.protocol import BoundedProtocol
from mainspring.runtime.signal import Signal

BACKLOG = 2048
KEEP_ALIVE_S = 75
LARGEST_FRAME = 64 << 10  # of what a client sends; nobody has much to say there
PING_S = 20.0
CUT_OFF_S = 1


class PortTaken(Exception):
    """The address cannot be listened on."""


class Door:
    """Lets requests in while there is an app and it takes work; counts those inside."""

    def __init__(self, health: Health) -> None:
        self._probes = Starlette(routes=health_routes(health))
        self._empty = asyncio.Event()
        self._empty.set()
        self._inside = 0
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in PATHS:
            await self._probes(scope, receive, send)
        elif self.app is None:
            await _away(scope, receive, send)
        else:
            await self._pass(self.app, scope, receive, send)

    async def empty(self) -> None:
        """Return when nobody is inside."""
        await self._empty.wait()

    async def _pass(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._inside += 1
        self._empty.clear()
        try:
            await app(scope, receive, send)
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()


class Listener:
    """A listening socket and the server behind it."""

    def __init__(self, host: str, port: int, health: Health) -> None:
        self._host = host
        self._port = port
        self._door = Door(health)
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.opened: Signal[int] = Signal()

    @property
    def serving(self) -> asyncio.Task[None]:
        """The server's loop, which ends with `close` and not before."""
        assert self._serving is not None, "open first"  # noqa: S101
        return self._serving

    @property
    def port(self) -> int:
        """The port that is listened on; another than asked for only when that was 0."""
        return self._port

    async def open(self) -> None:
        """Answer probes from now on; raise `PortTaken`."""
        listening = _bind(self._host, self._port)
        self._port = listening.getsockname()[1]
        self._server = _Server(_settings(self._door))
        self._serving = asyncio.create_task(self._server.serve([listening]), name="http")
        self.opened.send(self._port)

    def serve(self, app: ASGIApp | None) -> None:
        """Let requests through to `app`."""
        self._door.app = app

    async def drain(self) -> None:
        """Let nobody in any more, and return when those inside have gone."""
        self._door.app = None
        await self._door.empty()

    async def close(self) -> None:
        """Close the port and all connections, cutting off answers after `CUT_OFF_S`."""
        if self._server is not None:
            self._server.leaving.set()
            await self.serving


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.leaving = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def main_loop(self) -> None:
        """Renew the date header each second until told to leave; uvicorn's own looks ten times."""
        while not self.leaving.is_set():
            await self.on_tick(0)
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.leaving.wait()


def _settings(door: Door) -> uvicorn.Config:
    return uvicorn.Config(
        door,
        http=BoundedProtocol,
        ws="websockets-sansio",
        ws_max_size=LARGEST_FRAME,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=CUT_OFF_S,
    )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as fault:
        raise PortTaken(f"cannot listen on {host}:{port}: {fault.strerror or fault}") from None


async def _away(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013})
        return
    headers = {"Retry-After": "1", "Connection": "close"}
    await PlainTextResponse("not ready\n", 503, headers)(scope, receive, send)
