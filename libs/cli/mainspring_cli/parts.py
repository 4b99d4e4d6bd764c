"""The parts of a local stack, and what keeps them running.

A part starts, stops and says whether it runs.  The four services are parts here; the two
servers of `mainspring.runtime.servers` already are.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from os import SEEK_END
from pathlib import Path
from signal import SIGTERM
from time import monotonic
from typing import Any, Final, Protocol, TypeVar

import httpx
import msgspec

from mainspring.runtime import children
from mainspring.runtime.servers import ServerFailed
from mainspring_cli.say import Say

READY_S = 60.0
DRAIN_S = 15.0
STEADY_S = 30.0  # who lived this long is forgiven its earlier deaths
DELAYS_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
LARGEST_LOG = 16 << 20
T = TypeVar("T")


class StackFailed(RuntimeError):
    """The stack cannot come up; the message says which part, and the end of its log."""


class Part(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def log(self) -> Path: ...
    @property
    def is_running(self) -> bool: ...
    def start(self) -> None: ...


class Service:
    """One of the four services, as a process that is configured by its environment."""

    def __init__(self, name: str, port: int, log: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        self.url = f"http://127.0.0.1:{port}"
        self._env = {**env, "MAINSPRING_PORT": str(port)}
        self._child: children.Child | None = None
        self._log_began = 0

    @property
    def last_words(self) -> str:
        """The end of what it wrote since it was started."""
        lines = children.tail(self.log, since=self._log_began).splitlines()
        return "\n".join(_readable(line) for line in lines)

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def is_running(self) -> bool:
        return self._child is not None and children.is_alive(self._child)

    def start(self) -> None:
        """Start the process; it is of use when `/readyz` answers 200."""
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        self._log_began = self.log.stat().st_size if self.log.exists() else 0
        # -P: a folder of the same name in the working directory is not the service.
        argv = [sys.executable, "-P", "-m", f"mainspring_{self.name}"]
        self._child = children.spawn(argv, log=self.log, env=self._env, cwd=str(self.log.parent))

    def stop(self) -> None:
        """Let it drain, and kill it when that takes too long."""
        if self._child is not None:
            children.end(self._child, SIGTERM, DRAIN_S)


async def in_thread(work: Callable[[], T]) -> T:
    """Do blocking work aside; when cancelled, let it end first, so nothing is half started."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def is_ready(client: httpx.AsyncClient, url: str) -> bool:
    """Say whether a service answers 200 to `/readyz`."""
    try:
        return (await client.get(f"{url}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


async def wait_ready(client: httpx.AsyncClient, services: Sequence[Service]) -> None:
    """Return when every service is ready; raise `StackFailed` when one died or takes too long."""
    deadline = monotonic() + READY_S
    for service in services:
        while not await is_ready(client, service.url):
            _refuse_ended(service)
            if monotonic() > deadline:
                raise _failure(service, f"was not ready within {READY_S:g} s")
            await asyncio.sleep(0.05)
    for service in services:
        _refuse_ended(service)  # the answer was another's: somebody was first at its port


def _refuse_ended(service: Service) -> None:
    if not service.is_running:
        raise _failure(service, "ended instead of becoming ready")


def _failure(service: Service, what: str) -> StackFailed:
    return StackFailed(f"{service.name} {what} ({service.log})\n{service.last_words}")


async def keep_running(part: Part, say: Say, restarted: Callable[[], Awaitable[None]]) -> None:
    """Start a part again whenever it dies, later each time; never return."""
    deaths = 0
    while True:
        began = monotonic()
        await _ended(part)
        deaths = 0 if monotonic() - began > STEADY_S else deaths
        delay = DELAYS_S[min(deaths, len(DELAYS_S) - 1)]
        deaths += 1
        say.problem(
            "died",
            f"{part.name} died; starting it again in {delay:g} s ({part.log})",
            part=part.name,
        )
        await asyncio.sleep(delay)
        try:
            await in_thread(part.start)
        except ServerFailed as failure:
            say.problem("died", str(failure), part=part.name)
        else:
            await restarted()
            say.line("restarted", f"{part.name} runs again", part=part.name)


async def _ended(part: Part) -> None:
    # Asked for, not awaited: the loop cannot wait for a child that a thread has started.
    while part.is_running:  # noqa: ASYNC110
        await asyncio.sleep(0.1)


class LogErrors:
    """Reads what is added to a log from now on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = log.stat().st_size if log.exists() else 0

    def new(self) -> list[str]:
        """Return the messages of the error entries that came since the last call."""
        entries = map(_entry, self._new_lines())
        return [str(entry.get("msg", entry)) for entry in entries if _is_error(entry)]

    def _new_lines(self) -> list[bytes]:
        try:
            with self._log.open("rb") as file:
                if file.seek(0, SEEK_END) < self._at:
                    self._at = 0  # a new file took its place
                file.seek(self._at)
                content = file.read()
        except FileNotFoundError:
            return []
        whole = content.rfind(b"\n") + 1
        self._at += whole
        return content[:whole].splitlines()


async def tell_errors(service: Service, say: Say) -> None:
    """Say every line of a service's log that is an error; never return."""
    errors = LogErrors(service.log)
    while True:
        await asyncio.sleep(0.25)
        for message in errors.new():
            say.problem("service_error", f"{service.name}: {message}", part=service.name)


def _readable(line: str) -> str:
    """Return what a person wants of a log entry; a line that is none stays as it is."""
    entry = _entry(line.encode())
    if "msg" not in entry:
        return line
    return "\n".join(str(entry[name]) for name in ("msg", "traceback") if name in entry)


def _is_error(entry: dict[str, Any]) -> bool:
    return str(entry.get("level", "")).lower() in ("error", "critical", "fatal")


def _entry(line: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}  # a line of a traceback, or of a library that logs in its own way
