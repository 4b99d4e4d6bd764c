"""What an outbound HTTP call costs, client by client: CPU of this process for one request.

    python benchmarks/http_clients.py [--seconds 1.0] [--rounds 3]

Each client posts 180 bytes of JSON to an echo server in another process, on one uvloop, with one
and with 64 requests at a time; the median of the rounds counts, which take turns.  CPU includes
the threads of a client.  Rivals are measured only where they are installed.
"""

import argparse
import asyncio
import multiprocessing
import socket
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from multiprocessing.connection import Connection as Pipe
from typing import Any

import uvloop
from httptools import HttpRequestParser

from mainspring_executor.client import Client
from mainspring_executor.egress import Egress

BODY = b'{"order":"7f3c","items":[' + b",".join(b'{"sku":"a","n":1}' for _ in range(8)) + b"]}"
HEADERS = {
    "Content-Type": "application/json",
    "Idempotency-Key": "0190f2d4-8b1e-7c3a-9d2e-5f6a7b8c9d0e",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "User-Agent": "mainspring/0.1.0",
}
Call = Callable[[str], Awaitable[bytes]]
Made = tuple[Call, Callable[[], Awaitable[None]]]


class Echo(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.body = b""
        self.parser = HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % len(self.body) + self.body)
        self.body = b""


def serve(pipe: Pipe) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


async def make_lean() -> Made:
    client = Client(Egress(private=True))

    async def call(url: str) -> bytes:
        answer = await client.request(
            "POST", url, headers=HEADERS, body=BODY, timeout=30, max_body=1 << 22
        )
        return answer.body

    return call, client.close


async def make_aiohttp() -> Made:
    import aiohttp  # noqa: PLC0415 - only where it is measured
    from aiohttp.abc import AbstractResolver, ResolveResult  # noqa: PLC0415

    class Guarded(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            flags = socket.AI_NUMERICHOST
            return [
                ResolveResult(
                    hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=flags
                )
            ]

        async def close(self) -> None: ...

    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=Guarded(), limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=30),
        auto_decompress=False,
    )

    async def call(url: str) -> bytes:
        async with session.post(url, data=BODY, headers=HEADERS, allow_redirects=False) as answer:
            return await answer.content.read(1 << 22)

    return call, session.close


async def make_pyreqwest() -> Made:
    from datetime import timedelta  # noqa: PLC0415

    module: Any = __import__("pyreqwest.client", fromlist=["ClientBuilder"])
    builder: Any = module.ClientBuilder().timeout(timedelta(seconds=30)).follow_redirects(False)
    client: Any = builder.build()

    async def call(url: str) -> bytes:
        answer = await client.post(url).headers(HEADERS).body_bytes(BODY).build().send()
        return bytes(await answer.bytes())

    return call, client.close


MAKERS = {"lean (ours)": make_lean, "aiohttp": make_aiohttp, "pyreqwest": make_pyreqwest}


async def measure(make: Callable[[], Awaitable[Made]], port: int, many: int, seconds: float) -> Any:
    call, close = await make()
    url = f"http://localhost.test:{port}/echo"
    if make is not make_aiohttp:
        url = f"http://127.0.0.1:{port}/echo"
    done = 0

    async def worker(until: float) -> None:
        nonlocal done
        while time.perf_counter() < until:
            assert len(await call(url)) == len(BODY)
            done += 1

    await asyncio.gather(*(worker(time.perf_counter() + 0.2) for _ in range(many)))
    done, cpu, start = 0, time.process_time(), time.perf_counter()
    await asyncio.gather(*(worker(start + seconds) for _ in range(many)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - start
    await close()
    return cpu / done * 1e6, done / wall


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=1.0)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    makers = {k: v for k, v in MAKERS.items() if v is make_lean or find_spec(k)}
    found: dict[tuple[str, int], list[Any]] = {}
    for _ in range(chosen.rounds):
        for many in (1, 64):
            for name, make in makers.items():
                result = uvloop.run(measure(make, port, many, chosen.seconds))
                found.setdefault((name, many), []).append(result)
    server.terminate()
    print(f"Python {sys.version.split()[0]}, {chosen.rounds} rounds of {chosen.seconds:g} s")
    print("| client | at a time | CPU us a request | requests/s |\n|---|---|---|---|")
    for (name, many), results in sorted(found.items(), key=lambda item: item[0][1]):
        cost, rate = (statistics.median(column) for column in zip(*results, strict=True))
        print(f"| {name} | {many} | {cost:.0f} | {rate:,.0f} |")


if __name__ == "__main__":
    main()
