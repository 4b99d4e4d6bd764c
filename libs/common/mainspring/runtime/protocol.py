"""HTTP/1.1 as uvicorn speaks it, with the bounds that it lacks: the size of a head, and its time.

uvicorn's httptools protocol keeps every header that comes: a client may send 200 MB of them, or
one byte a minute, and no application sees any of it.  Only bytes of a head that is not complete are
counted, so the bound is `LARGEST_HEAD` and a read or two, and an ordinary request, whose head comes
in one read, pays two comparisons.
"""

from asyncio import Transport
from asyncio.events import TimerHandle
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD: Final = 64 << 10
HEAD_S: Final = 20.0
_REFUSAL: Final = b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """One connection: a head that is too large is answered with 431, one too slow with 408."""

    def __init__(self, *args: Any, **more: Any) -> None:  # noqa: ANN401 - uvicorn's, passed on
        super().__init__(*args, **more)
        self._message = 0
        self._in_head = True
        self._head_size = 0
        self._head_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_S, self._refuse, b"408 Request Timeout")

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        message, in_head = self._message, self._in_head
        super().data_received(data)
        if not self._in_head:
            return
        if in_head and message == self._message:  # nothing but this head was in it
            self._head_size += len(data)
            if self._head_size > LARGEST_HEAD:
                self._refuse(b"431 Request Header Fields Too Large")
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self._refuse, b"408 Request Timeout")

    def on_message_begin(self) -> None:
        self._message += 1
        self._in_head = True
        self._head_size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def _refuse(self, status: bytes) -> None:
        self._stop_timer()
        if not self.transport.is_closing():
            self.transport.write(_REFUSAL % status)
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
