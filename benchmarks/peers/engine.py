"""What the comparison asks of an engine, and what stands beside its figures.

An adapter may start its processes however its makers advise, with their default durability.  It
may not put a workload together from fewer steps than were asked for, nor answer before the engine
itself has recorded the end.
"""

import asyncio
import os
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import NamedTuple, Protocol

from benchmarks.peers import processes
from benchmarks.peers.workloads import Workload
from mainspring.runtime import children

START_S = 60.0


class NotHere(RuntimeError):
    """An engine could not be installed or started; the message says why."""


class About(NamedTuple):
    """What a reader must know to read the figures."""

    title: str
    steps: str  # where a step runs, and what carries it there
    client: str  # whence runs are started, and how their end is seen
    store: str  # what is durable when the end is seen
    counted: str  # the processes whose CPU and memory are counted
    settings: str
    commands: tuple[str, ...] = ()


class Running(NamedTuple):
    """An engine that serves one workload."""

    roots: Mapping[str, int]  # its processes, by what they are; not the client, nor the peer
    run: Callable[[], Awaitable[None]]  # one run, from its start until its end is known


class Engine(Protocol):
    name: str
    about: About

    def install(self) -> str:
        """Make its environment, unless it is there; return the versions, or raise `NotHere`."""
        ...

    def start(
        self, folder: Path, workload: Workload, echo: str
    ) -> AbstractAsyncContextManager[Running]:
        """Run it on an empty store in `folder`; on exit none of its processes is left."""
        ...


@contextmanager
def spawned(
    argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None
) -> Generator[children.Child]:
    """Run a program; it and all that it started are gone on exit, or when this process is killed.

    What it started is in its process group, and may outlive it when it has to be killed.
    """
    told = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    child = children.spawn(argv, log=log, env=told | dict(env or {}))
    children.watch_group(child.pid)
    try:
        yield child
    finally:
        below = [pid for pid in processes.tree(child.pid) if pid != child.pid]
        children.end(child, patience_s=2.0)  # its store is thrown away
        for pid in below:
            _kill_if_in_group(pid, child.pid)


def _kill_if_in_group(pid: int, group: int) -> None:
    """End what was left behind; a number that is a stranger's by now is in another group."""
    try:
        if os.getpgid(pid) == group:
            os.kill(pid, SIGKILL)
    except ProcessLookupError:
        pass


async def until_it_answers(url: str, child: children.Child, log: Path) -> None:
    """Return when a URL answers 2xx; raise `NotHere` with the end of the log when it never does."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_S
    while not await asyncio.to_thread(_answers, url):
        check_alive(child, log)
        if loop.time() > deadline:
            raise NotHere(f"{url} did not answer within {START_S:g} s\n{children.tail(log)}")
        await asyncio.sleep(0.05)


async def until_it_listens(port: int, child: children.Child, log: Path) -> None:
    """Return when a port of the loopback accepts; raise `NotHere` when it never does."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            check_alive(child, log)
            if loop.time() > deadline:
                text = f"nothing listened on {port} within {START_S:g} s"
                raise NotHere(f"{text}\n{children.tail(log)}") from None
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def check_alive(child: children.Child, log: Path) -> None:
    """Raise `NotHere` with the end of the log when a process has ended."""
    if not children.is_alive(child):
        raise NotHere(f"it ended with {child.returncode}\n{children.tail(log)}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - of the loopback
            return answer.status < 300
    except (urllib.error.URLError, OSError):
        return False
