"""The whole platform as real processes, for one measurement: started, watched, ended.

PostgreSQL and NATS run with their default durability (fsync on).  CPU seconds are read from the
operating system, by process, children included.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mainspring.runtime import children
from mainspring.testing.stack import Platform, platform

SERVICES = ("api", "scheduler", "executor", "events")
TICKS = os.sysconf("SC_CLK_TCK")


class Stack(NamedTuple):
    api: str
    events: str
    echo: str
    dsn: str
    pids: Mapping[str, int]
    platform: Platform

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by process."""
        return {name: tree_cpu(pid) for name, pid in self.pids.items()}

    def memory(self) -> dict[str, float]:
        """Resident megabytes of the four services."""
        return {name: _rss(self.pids[name]) for name in SERVICES}


@contextmanager
def stack(
    env: Mapping[str, str] | None = None, *, schedulers: int = 1, executors: int = 1
) -> Generator[Stack]:
    """Run everything with default durability on free ports; nothing is left behind."""
    told = {"MAINSPRING_LOG_LEVEL": "WARNING", "MAINSPRING_ALLOW_TASKS": "python"} | dict(env or {})
    with platform(
        durable=True, judged=False, env=told, schedulers=schedulers, executors=executors
    ) as whole:
        port = children.free_port()
        peer = subprocess.Popen([sys.executable, "-m", "benchmarks.echo", str(port)])
        try:
            _await_port(port)
            pids = {
                f"{name}{n or ''}": replica.pid
                for name, replicas in whole.services.items()
                for n, replica in enumerate(replicas)
            }
            pids |= {"postgres": whole.postgres.pid or 0, "nats": whole.nats.pid or 0}
            yield Stack(
                api=whole.api,
                events=whole.events,
                echo=f"http://127.0.0.1:{port}",
                dsn=whole.postgres.dsn,
                pids={**pids, "echo": peer.pid, "load": os.getpid()},
                platform=whole,
            )
        finally:
            peer.terminate()
            peer.wait()


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def tree_cpu(pid: int) -> float:
    """CPU seconds of a process and its children, those that have ended included."""
    total = 0.0
    for one in [pid, *_children(pid)] if pid != os.getpid() else [pid]:
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        own = 2 if pid == os.getpid() else 4
        total += sum(int(ticks) for ticks in fields[11 : 11 + own]) / TICKS
    return total


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    found = [int(child) for child in text.split()]
    return found + [below for child in found for below in _children(child)]


def _rss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
