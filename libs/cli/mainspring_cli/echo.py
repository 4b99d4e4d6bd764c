"""A small HTTP endpoint that answers with what it was asked: the sample saga's other party.

It speaks just enough HTTP/1.1 for a client that we start ourselves.
"""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

LARGEST_BODY = 1 << 20


@asynccontextmanager
async def echo_endpoint(port: int) -> AsyncGenerator[str]:
    """Serve on the loopback for the length of the block, and yield the base URL."""
    server = await asyncio.start_server(_serve, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()


async def _serve(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while await _answer_one(reader, writer):
            pass
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # the other side left, or does not speak HTTP: there is nobody to tell
    except asyncio.CancelledError:
        pass  # the stack ends; until Python 3.12 asyncio would tell it as a fault of this callback
    finally:
        writer.close()


async def _answer_one(reader: StreamReader, writer: StreamWriter) -> bool:
    """Answer one request; False when the connection is to be closed."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _version = request.split(" ")
    headers = {name.strip().lower(): value.strip() for name, value in map(_header, lines)}
    length = min(int(headers.get("content-length", 0)), LARGEST_BODY)
    body = (await reader.readexactly(length)).decode(errors="replace")
    answer = {"method": method, "path": path, "body": _value(body)}
    keep = headers.get("connection", "").lower() != "close"
    _write(writer, json.dumps(answer).encode(), keep=keep)
    await writer.drain()
    return keep


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value


def _value(body: str) -> object:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body


def _write(writer: StreamWriter, content: bytes, *, keep: bool) -> None:
    connection = "keep-alive" if keep else "close"
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        + f"Content-Length: {len(content)}\r\nConnection: {connection}\r\n\r\n".encode()
        + content
    )
