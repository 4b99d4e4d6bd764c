"""Services of two releases on one log, one broker and one set of addresses.

A replacement starts before what it replaces is stopped, as a rolling upgrade does it, so both are
at work at once; only the events service, which the gateways know by its address, goes first.
"""

import asyncio
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.upgrade.release import Release

from mainspring.runtime.servers import NatsServer, PostgresServer
from mainspring.testing.cluster import throwaway_folder
from mainspring.testing.stack import Process

SERVICES: Final = ("api", "scheduler", "executor", "events")


class Fleet:
    """One process of each service, each of the release that it was last started from."""

    def __init__(
        self, folder: Path, postgres: PostgresServer, nats: NatsServer, release: Release
    ) -> None:
        self.postgres = postgres
        self.release = release
        self.origins: list[str] = []
        self.now: dict[str, Process] = {}
        self.all: list[Process] = []
        self._folder = folder
        self._told = {
            **os.environ,
            "MAINSPRING_DATABASE_URL": postgres.dsn,
            "MAINSPRING_NATS_URL": nats.url,
            "MAINSPRING_CALLBACK_KEYS": "test:" + "5a" * 32,
            "MAINSPRING_ALLOW_PRIVATE_EGRESS": "1",
            "MAINSPRING_DRAIN_SECONDS": "5",
        }

    def start(self) -> None:
        """Start every service of the release, and return when all are ready."""
        for name in ("events", "api", "scheduler", "executor"):
            self.now[name] = self._make(name, old=True)
            self.now[name].start()
        for process in self.now.values():
            process.wait_ready()
        self.origins.append(self.now["api"].url)

    async def replace(self, name: str, *, old: bool) -> None:
        """Put a service of the release, or of today, in the place of the one that runs."""
        before, after = self.now[name], self._make(name, old=old)
        if name == "events":
            await asyncio.to_thread(self._stop, before)
            after.tell(MAINSPRING_PORT=str(before.port))
            after.port, after.url = before.port, before.url
        after.start()
        await asyncio.to_thread(after.wait_ready)
        self.now[name] = after
        if name == "api":
            self.origins.append(after.url)
            self.origins.remove(before.url)
        if name != "events":
            await asyncio.to_thread(self._stop, before)

    def stop(self) -> None:
        """Stop whatever runs."""
        for process in self.all:
            process.stop()

    def last_words(self) -> str:
        """What each process said last."""
        return "\n".join(process.last_words for process in self.all)

    def _stop(self, process: Process) -> None:
        code = process.stop()
        assert code == 0, f"ended with {code}\n{process.last_words}"

    def _make(self, name: str, *, old: bool) -> Process:
        told = {**self._told, "PYTHONPATH": self.release.path} if old else self._told
        process = Process(name, self._folder, told)
        if name == "api":
            process.tell(MAINSPRING_EVENTS_URL=self.now["events"].url)
        self.all.append(process)
        return process


@contextmanager
def fleet(release: Release) -> Generator[Fleet]:
    """Yield a fleet that is not started, on an empty database and an empty broker."""
    with ExitStack() as exits:
        folder = exits.enter_context(throwaway_folder())
        postgres = PostgresServer(folder / "postgres", durable=False)
        postgres.start()
        exits.callback(postgres.stop)
        nats = NatsServer(folder / "nats")
        nats.start()
        exits.callback(nats.stop)
        whole = Fleet(folder, postgres, nats, release)
        exits.callback(whole.stop)
        yield whole
