"""Two of everything: each service as two processes, of which the second is on a second machine.

The second machine reaches the log, the broker and the peers by lines alone, and where the machine
allows it through a network of its own, so it can be cut off as a whole.  Each gateway has its own
events service.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from mainspring.runtime import children, crash
from mainspring.runtime.servers import NatsServer, PostgresServer
from mainspring.store.migrate import migrate
from mainspring.testing import peer
from mainspring.testing.chaos.ground import Ground
from mainspring.testing.chaos.lines import Line, Lines, lines
from mainspring.testing.cluster import run_apart, throwaway_folder
from mainspring.testing.stack import Process

SERVICES: Final = ("api", "scheduler", "executor", "events")
MACHINES: Final = ("a", "b")
LONGEST_LINE: Final = 300


class Replica(Process):
    """One of two processes of a service."""

    def __init__(
        self, service: str, machine: str, ground: Ground, env: dict[str, str], folder: Path
    ) -> None:
        super().__init__(service, folder, env)
        self.machine = machine
        self._into: tuple[str, ...] = ()
        if machine == "b" and ground.has_network:
            self._into = ground.into
            self.url = f"http://{ground.there}:{self.port}"
            self.tell(MAINSPRING_HOST=ground.there, MAINSPRING_ALLOW_UNAUTHENTICATED="1")

    @property
    def title(self) -> str:
        """Its service and its machine."""
        return f"{self.name} {self.machine}"

    def start(self) -> None:
        """Start it, on its machine."""
        argv = [*self._into, sys.executable, "-P", "-m", f"mainspring_{self.name}"]
        self._child = children.spawn(argv, log=self.log, env=self._env)

    def freeze(self) -> None:
        """Let it stand still, with all that is under way."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on where it stood still, if it lives."""
        if self._child is not None and children.is_alive(self._child):
            os.kill(self.pid, signal.SIGCONT)

    def arm(self, point: str) -> None:
        """Let it die at a point, from the next start on."""
        self.tell(**{crash.VARIABLE: f"{point}:1"})

    @property
    def is_armed(self) -> bool:
        """Whether it is to die at a point."""
        return crash.VARIABLE in self._env

    def disarm(self) -> None:
        """Let it live, from the next start on."""
        self._env = {name: text for name, text in self._env.items() if name != crash.VARIABLE}

    @property
    def ended_with(self) -> int | None:
        """Its exit code; None while it runs."""
        if self._child is None or children.is_alive(self._child):
            return None
        return self._child.returncode

    async def again(self) -> None:
        """Start it, and return when it serves."""
        self.start()
        await asyncio.to_thread(self.wait_ready)


class Fleet:
    """Everything that runs."""

    def __init__(self, ground: Ground, folder: Path, ways: Lines) -> None:
        self.ground = ground
        self.postgres = PostgresServer(ground.data / "postgres")
        self.postgres.log = folder / "postgres.log"  # not where there may be no room
        self.nats = NatsServer(folder / "nats")
        self.services: dict[tuple[str, str], Replica] = {}
        self.lines: dict[str, Line] = {}
        self._folder = folder
        self._ways = ways

    @property
    def origins(self) -> list[str]:
        """Where the two gateways are."""
        return [self.services["api", machine].url for machine in MACHINES]

    @property
    def replicas(self) -> list[Replica]:
        """All processes of services."""
        return list(self.services.values())

    def start_servers(self) -> None:
        """Start the log and the broker."""
        self.postgres.start()
        self.nats.start()
        run_apart(lambda: migrate(self.postgres.dsn))

    def start(self, other: peer.Peer) -> None:
        """Start every service, and return when all are ready."""
        here, port = self.ground.here, int(other.url.rsplit(":", 1)[1])
        for name, target in ("log", self.postgres.port), ("broker", self.nats.port):
            self.lines[name] = self._ways.to(target, here)
        for name in "steady", "shaky", "troubled":
            self.lines[name] = self._ways.to(port, here)
        for machine in MACHINES:
            for service in ("events", "api", "scheduler", "executor"):
                self.services[service, machine] = self._made(service, machine)
        for replica in self.replicas:
            replica.start()
        for replica in self.replicas:
            replica.wait_ready()

    def stop(self) -> None:
        """Stop whatever runs."""
        for replica in self.replicas:
            replica.go_on()
            replica.stop()

    def last_words(self) -> str:
        """Return what each process said last."""
        said = (f"{each.machine}: {each.last_words}" for each in self.replicas)
        return "\n".join(line[:LONGEST_LINE] for words in said for line in words.splitlines())

    def _made(self, service: str, machine: str) -> Replica:
        told = {
            **{name: text for name, text in os.environ.items() if name != crash.VARIABLE},
            "MAINSPRING_DATABASE_URL": self.postgres.dsn,
            "MAINSPRING_NATS_URL": self.nats.url,
            "MAINSPRING_CALLBACK_KEYS": "test:" + "5a" * 32,
            "MAINSPRING_ALLOW_PRIVATE_EGRESS": "1",
            "MAINSPRING_DRAIN_SECONDS": "5",
        }
        if machine == "b":
            log, broker = self.lines["log"], self.lines["broker"]
            at = f"{log.host}:{log.port}"
            told["MAINSPRING_DATABASE_URL"] = self.postgres.dsn.replace(
                f"127.0.0.1:{self.postgres.port}", at
            )
            told["MAINSPRING_NATS_URL"] = f"nats://{broker.host}:{broker.port}"
        if service == "api":
            told["MAINSPRING_EVENTS_URL"] = self.services["events", machine].url
        return Replica(service, machine, self.ground, told, self._folder)


@contextmanager
def fleet() -> Generator[Fleet]:
    """Yield a fleet whose servers run and whose services do not yet; nothing of it is left."""
    with ExitStack() as exits:
        folder = exits.enter_context(throwaway_folder())
        ground = Ground(folder)
        exits.callback(ground.close)
        ways = exits.enter_context(lines())
        whole = Fleet(ground, folder, ways)
        exits.callback(whole.nats.stop)
        exits.callback(whole.postgres.stop)
        exits.callback(whole.stop)
        whole.start_servers()
        yield whole
