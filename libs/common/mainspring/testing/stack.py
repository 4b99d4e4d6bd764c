"""The whole platform as real processes on free ports: for conformance, chaos and measurement.

Two servers and the four services, each of which can be killed and started again by name.  The
services are told everything by their environment, as in production.
"""

import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGKILL, SIGTERM

from mainspring.domain.envelope import Envelope
from mainspring.runtime import children
from mainspring.runtime.servers import NatsServer, PostgresServer
from mainspring.store.migrate import migrate
from mainspring.store.postgres import PostgresStore
from mainspring.testing import history
from mainspring.testing.cluster import run_apart, throwaway_folder

SERVICES = ("api", "scheduler", "executor", "events")
READY_S = 60.0
DRAIN_S = 15.0


class Process:
    """One service, as a process."""

    def __init__(self, name: str, folder: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.port = children.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{name}-{self.port}.log"
        self._env = {**env, "MAINSPRING_PORT": str(self.port)}
        self._child: children.Child | None = None

    @property
    def pid(self) -> int:
        """The process id; raises LookupError when it was never started."""
        if self._child is None:
            raise LookupError(f"{self.name} was not started")
        return self._child.pid

    @property
    def last_words(self) -> str:
        """Whether it runs, and the end of its log."""
        runs = self._child is not None and children.is_alive(self._child)
        return f"{self.name} {'runs' if runs else 'has ended'}\n{children.tail(self.log)}"

    def tell(self, **env: str) -> None:
        """Change its environment, from the next start on."""
        self._env |= env

    def start(self) -> None:
        """Start it; `wait_ready` says when it serves."""
        argv = [sys.executable, "-P", "-m", f"mainspring_{self.name}"]
        self._child = children.spawn(argv, log=self.log, env=self._env)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._child is not None:
            children.end(self._child, SIGKILL)

    def stop(self) -> int:
        """Let it drain; return its exit code."""
        return children.end(self._child, SIGTERM, DRAIN_S) if self._child is not None else 0

    def wait_ready(self) -> None:
        """Return when `/readyz` answers 200; raise with the end of its log when it never does."""
        deadline = time.monotonic() + READY_S
        while not self._is_ready():
            ended = self._child is None or not children.is_alive(self._child)
            if ended or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} is not ready\n{children.tail(self.log)}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:  # noqa: S310
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


class Platform:
    """Everything that runs: `services` has a list of replicas for each name."""

    def __init__(
        self,
        folder: Path,
        postgres: PostgresServer,
        nats: NatsServer,
        env: Mapping[str, str],
        *,
        schedulers: int = 1,
        executors: int = 1,
    ) -> None:
        self.folder = folder
        self.postgres = postgres
        self.nats = nats
        told = {
            **os.environ,
            "MAINSPRING_DATABASE_URL": postgres.dsn,
            "MAINSPRING_NATS_URL": nats.url,
            "MAINSPRING_CALLBACK_KEYS": "test:" + "5a" * 32,
            "MAINSPRING_ALLOW_PRIVATE_EGRESS": "1",
            "MAINSPRING_ALLOW_TASKS": "shell,python",
            **env,
        }
        events = Process("events", folder, told)
        api = Process("api", folder, told | {"MAINSPRING_EVENTS_URL": events.url})
        api.tell(MAINSPRING_PUBLIC_URL=api.url)
        told |= {"MAINSPRING_PUBLIC_URL": api.url}
        self.services = {
            "api": [api],
            "scheduler": [Process("scheduler", folder, told) for _ in range(schedulers)],
            "executor": [Process("executor", folder, told) for _ in range(executors)],
            "events": [events],
        }

    @property
    def api(self) -> str:
        """The gateway's origin."""
        return self.services["api"][0].url

    @property
    def events(self) -> str:
        """The events service's origin."""
        return self.services["events"][0].url

    @property
    def processes(self) -> list[Process]:
        """All service processes."""
        return [process for replicas in self.services.values() for process in replicas]

    def start(self) -> None:
        """Start all services and return when all are ready."""
        for process in self.processes:
            process.start()
        for process in self.processes:
            process.wait_ready()


async def judge(dsn: str) -> None:
    """Read a whole log and raise AssertionError with every law that it breaks."""
    store = await PostgresStore.open(dsn)
    try:
        log: list[Envelope] = []
        while page := await store.log.read_all(after=log[-1].position if log else 0, limit=5000):
            log += page
    finally:
        await store.close()
    if violations := history.check(log):
        raise AssertionError(history.report(violations))


@contextmanager
def platform(
    *,
    durable: bool = False,
    judged: bool = True,
    env: Mapping[str, str] | None = None,
    schedulers: int = 1,
    executors: int = 1,
) -> Generator[Platform]:
    """Yield a running platform on an empty log; nothing of it is left on exit.

    The log that is left behind is judged by the history checker, unless `judged` is False.
    """
    with ExitStack() as exits:
        folder = exits.enter_context(throwaway_folder())
        postgres = PostgresServer(folder / "postgres", durable=durable)
        postgres.start()
        exits.callback(postgres.stop)
        nats = NatsServer(folder / "nats")
        nats.start()
        exits.callback(nats.stop)
        run_apart(lambda: migrate(postgres.dsn))
        whole = Platform(
            folder, postgres, nats, env or {}, schedulers=schedulers, executors=executors
        )
        for process in whole.processes:
            exits.callback(process.stop)
        whole.start()
        yield whole
        if judged:
            run_apart(lambda: judge(postgres.dsn))
