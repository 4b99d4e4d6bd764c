"""The whole platform as real processes, for one measurement: started, watched, ended.

PostgreSQL and NATS run with their default durability (fsync on).  CPU seconds are read from the
operating system, by process, children included.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from mainspring.runtime import children
from mainspring.runtime.servers import NatsServer, PostgresServer
from mainspring.store.migrate import migrate
from mainspring_cli.parts import Service, wait_ready

SERVICES = ("api", "scheduler", "executor", "events")
TICKS = os.sysconf("SC_CLK_TCK")


class Stack(NamedTuple):
    api: str
    events: str
    echo: str
    dsn: str
    pids: Mapping[str, int]

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by process."""
        return {name: tree_cpu(pid) for name, pid in self.pids.items()}

    def memory(self) -> dict[str, float]:
        """Resident megabytes of the four services."""
        return {name: _rss(self.pids[name]) for name in SERVICES}


@asynccontextmanager
async def stack() -> AsyncGenerator[Stack]:
    """Run everything in a temporary folder on free ports; nothing is left behind."""
    async with AsyncExitStack() as exits:
        home = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="mainspring-bench-")))
        home.chmod(0o755)
        postgres = PostgresServer(home / "postgres", 0)
        postgres.start()
        exits.callback(postgres.stop)
        nats = NatsServer(home / "nats", 0)
        nats.start()
        exits.callback(nats.stop)
        await migrate(postgres.dsn)
        ports = {name: children.free_port() for name in SERVICES}
        env = {
            **os.environ,
            "MAINSPRING_DATABASE_URL": postgres.dsn,
            "MAINSPRING_NATS_URL": nats.url,
            "MAINSPRING_EVENTS_URL": f"http://127.0.0.1:{ports['events']}",
            "MAINSPRING_PUBLIC_URL": f"http://127.0.0.1:{ports['api']}",
            "MAINSPRING_CALLBACK_KEYS": "bench:" + "ab" * 32,
            "MAINSPRING_ALLOW_PRIVATE_EGRESS": "1",
            "MAINSPRING_LOG_LEVEL": "WARNING",
        }
        services = [Service(name, ports[name], home / f"{name}.log", env) for name in SERVICES]
        for service in services:
            service.start()
            exits.callback(service.stop)
        async with httpx.AsyncClient() as client:
            await wait_ready(client, services)
        echo = children.free_port()
        peer = subprocess.Popen([sys.executable, "-m", "benchmarks.echo", str(echo)])
        exits.callback(peer.wait)
        exits.callback(peer.terminate)
        pids = {service.name: service.pid or 0 for service in services}
        pids |= {"postgres": postgres.pid or 0, "nats": nats.pid or 0, "echo": peer.pid}
        yield Stack(
            api=f"http://127.0.0.1:{ports['api']}",
            events=f"http://127.0.0.1:{ports['events']}",
            echo=f"http://127.0.0.1:{echo}",
            dsn=postgres.dsn,
            pids={**pids, "load": os.getpid()},
        )


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
