"""Child processes that never outlive this one.

`spawn` starts a program in a session of its own (a Ctrl-C at the terminal reaches only the
parent, which then drains its children in order) and tells the watchdog, which ends the child
when this process is gone without having said so.  POSIX only.
"""

import atexit
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Final

from mainspring.runtime import watchdog

Child = subprocess.Popen[bytes]


class _Watchdog:
    """The parent's end of the pipe; the process behind it starts with the first order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._standing: dict[str, str] = {}  # told again, should someone kill the watchdog
        self._held: list[int] = []
        atexit.register(self.close)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def tell(self, subject: object, order: str) -> None:
        with self._lock:
            self._standing[str(subject)] = order
            if self._process is not None and self._process.poll() is None:
                self._write(self._process, order)
            else:
                self._process = self._start()
                self._write(self._process, *self._standing.values())

    def forget(self, pid: int) -> None:
        with self._lock:
            if self._standing.pop(str(pid), None) and self._process and not self._process.poll():
                self._write(self._process, f"forget {pid}")

    def hold(self, handle: int) -> None:
        self._held.append(handle)

    def close(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.wait()

    def _write(self, process: subprocess.Popen[bytes], *orders: str) -> None:
        assert process.stdin is not None  # noqa: S101 - it was asked for below
        process.stdin.write("".join(f"{order}\n" for order in orders).encode())
        process.stdin.flush()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", "-S", watchdog.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            pass_fds=self._held,
        )


_watchdog: Final = _Watchdog()


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    user: int | None = None,
    last_signal: Signals = SIGKILL,
    cwd: str = "/",
) -> Child:
    """Start a program whose output goes to the end of `log`; raise OSError when it cannot be run.

    `last_signal` is what it gets when this process dies; `user` is whom a root process becomes.
    """
    with log.open("ab") as out:
        child = subprocess.Popen(  # noqa: S603 - callers pass whole argument vectors, no shell
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=None if env is None else dict(env),
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    _watchdog.tell(child.pid, f"watch {child.pid} {int(last_signal)}")
    return child


def is_alive(child: Child) -> bool:
    """Say whether it still runs; a process that ended is reaped and forgotten."""
    if child.returncode is None and child.poll() is not None:
        _watchdog.forget(child.pid)
    return child.returncode is None


def end(child: Child, first: Signals = SIGTERM, patience_s: float = 10.0) -> int:
    """Ask a child to stop, kill it after `patience_s`, and return its exit code."""
    if is_alive(child):
        child.send_signal(first)
        try:
            child.wait(patience_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        _watchdog.forget(child.pid)
    return child.returncode


def watch_group(leader: int) -> None:
    """Have a process killed with its whole group when this process is gone."""
    _watchdog.tell(leader, f"group {leader}")


def forget(pid: int) -> None:
    """Say that a process that was watched has been reaped: its number may be a stranger's now."""
    _watchdog.forget(pid)


def remove_at_the_end(folder: Path) -> None:
    """Have the folder deleted when this process is gone, in whatever way."""
    _watchdog.tell(folder, f"remove {folder}")


def hold(handle: int) -> None:
    """Keep a file open until the children are ended, should this process die.

    A lock on it then says that nothing of ours is left.  Call it before the first `spawn`.
    """
    _watchdog.hold(handle)


def watchdog_pid() -> int | None:
    """Return the watchdog's process; None when there is nothing to watch yet."""
    return _watchdog.pid


def free_port() -> int:
    """Return a TCP port of the loopback that nothing listens on at this moment.

    It is taken from below the range of outgoing connections: one of those must not hold the
    port when its server is started for a second time.
    """
    while not is_free(port := 20_000 + secrets.randbelow(12_000)):
        pass
    return port


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port of the loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def tail(path: Path, lines: int = 12, *, since: int = 0) -> str:
    """Return the last lines of a log, none from before byte `since`; nothing if it is not there."""
    try:
        with path.open("rb") as log:
            log.seek(max(since, os.fstat(log.fileno()).st_size - 8192))
            text = log.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
