"""The body of an answer, undone from gzip or deflate as it comes, within a bound.

The bound is on what comes out, so a small answer that unfolds to gigabytes costs no more than
the largest one allowed.  Other encodings are not asked for, and are kept as they came.
"""

import zlib
from typing import Protocol

from mainspring.ports import HttpFault

ACCEPTED = "gzip, deflate"


class Sink(Protocol):
    """Takes a body in pieces; `feed` and `finish` raise `HttpFault`."""

    def feed(self, data: bytes) -> None: ...

    def finish(self) -> bytes: ...


def sink(encoding: str, limit: int) -> Sink:
    """Return what takes a body of the given Content-Encoding, up to `limit` bytes undone."""
    match encoding.strip().lower():
        case "gzip" | "x-gzip":
            return Inflate(limit, zlib.MAX_WBITS | 16)
        case "deflate":
            return Inflate(limit, None)
        case _:
            return Plain(limit)


def too_large(limit: int) -> HttpFault:
    """Return the fault of an answer above its bound."""
    return HttpFault("too_large", f"the answer is larger than {limit} bytes")


class Plain:
    """A body as it came; the first piece is not copied, and mostly it is the only one."""

    __slots__ = ("_first", "_limit", "_more")

    def __init__(self, limit: int) -> None:
        self._first = b""
        self._more: bytearray | None = None
        self._limit = limit

    def feed(self, data: bytes) -> None:
        if not self._first:
            self._first = data
        elif self._more is None:
            self._more = bytearray(self._first)
            self._more += data
        else:
            self._more += data
        if len(self._more or self._first) > self._limit:
            raise too_large(self._limit)

    def finish(self) -> bytes:
        return self._first if self._more is None else bytes(self._more)


class Inflate:
    """A body in gzip (of one or more members) or deflate (with zlib's header or without)."""

    __slots__ = ("_engine", "_fed", "_limit", "_out", "_wbits")

    def __init__(self, limit: int, wbits: int | None) -> None:
        self._out = bytearray()
        self._limit = limit
        self._wbits = wbits
        self._engine = None if wbits is None else zlib.decompressobj(wbits)
        self._fed = False

    def feed(self, data: bytes) -> None:
        self._fed = True
        try:
            while data:
                data = self._step(data)
        except zlib.error:
            raise HttpFault("connection", "the answer's compression is broken") from None

    def _step(self, data: bytes) -> bytes:
        if self._engine is None:
            # RFC 9110 means zlib's format by deflate; some servers send the bare stream.
            has_header = data[0] & 0x0F == 8
            self._wbits = zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
            self._engine = zlib.decompressobj(self._wbits)
        elif self._engine.eof:
            if data[0] == 0:  # padding after the last member
                return b""
            self._engine = zlib.decompressobj(self._wbits or zlib.MAX_WBITS)
        self._out += self._engine.decompress(data, self._limit - len(self._out) + 1)
        if len(self._out) > self._limit:
            raise too_large(self._limit)
        return self._engine.unused_data if self._engine.eof else self._engine.unconsumed_tail

    def finish(self) -> bytes:
        if self._fed and not (self._engine and self._engine.eof):
            raise HttpFault("connection", "the answer's compression ended early")
        return bytes(self._out)
