"""Throwaway PostgreSQL and NATS servers, and databases cloned from a template.

Everything lives in one temporary folder and is gone afterwards, when the test run was killed
too: the watchdog of `mainspring.runtime.children` ends the servers and removes the folder.
fsync is off: these tests ask what the code does, not what the disk keeps.
"""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from nats.aio.client import Client
from nats.js import JetStreamContext

from mainspring.runtime.children import remove_at_the_end
from mainspring.runtime.servers import NatsServer, PostgresServer

T = TypeVar("T")


@contextmanager
def throwaway_folder() -> Generator[Path]:
    """Yield a folder that everyone may enter, so that Postgres can for root."""
    folder = Path(tempfile.mkdtemp(prefix="mainspring-"))
    folder.chmod(0o755)
    remove_at_the_end(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def throwaway_postgres() -> Generator[PostgresServer]:
    """Yield a running PostgreSQL without a password; it is gone on exit."""
    with throwaway_folder() as folder:
        server = PostgresServer(folder / "postgres", durable=False)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def throwaway_nats(*, always_sync: bool = False) -> Generator[NatsServer]:
    """Yield a running NATS server with an empty JetStream store; it is gone on exit."""
    with throwaway_folder() as folder:
        server = NatsServer(folder / "nats", always_sync=always_sync)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def run_apart(task: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end in a thread of its own, whatever loop is about here."""
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(asyncio.run(task()))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


async def create_database(server: PostgresServer, name: str, template: str = "template0") -> str:
    """Create a database as a copy of another and return its URL."""
    await _administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return server.dsn_of(name)


async def drop_database(server: PostgresServer, name: str) -> None:
    """Drop a database, whoever is still connected to it."""
    await _administer(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _administer(server: PostgresServer, statement: str) -> None:
    link = await asyncpg.connect(server.dsn_of("postgres"))
    try:
        await link.execute(statement)
    finally:
        await link.close()


async def remove_streams(url: str) -> None:
    """Leave a JetStream without any stream, as a new one is."""
    client = Client()
    await client.connect(url)
    try:
        streams = JetStreamContext(client)
        for info in await streams.streams_info():
            await streams.delete_stream(info.config.name or "")
    finally:
        await client.close()
