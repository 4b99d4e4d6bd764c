"""The folder where one local stack keeps everything: data, logs, ports, secrets, and its lock.

Two stacks live side by side in two homes.  The lock is one of the kernel's, so it cannot be
left behind; the watchdog holds it with us, so after a crash the next stack waits until nothing
of the last one runs.
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mainspring.runtime import children
from mainspring.runtime.config import PORTS

CLEARING_S = 15.0
PORT_VARIABLES: Final[Mapping[str, tuple[str, int]]] = {
    **{name: (f"MAINSPRING_{name.upper()}_PORT", port) for name, port in PORTS.items()},
    "postgres": ("MAINSPRING_POSTGRES_PORT", 0),
    "nats": ("MAINSPRING_NATS_PORT", 0),
    "echo": ("MAINSPRING_ECHO_PORT", 0),
}


class HomeTaken(RuntimeError):
    """Another stack runs in this home."""


class PortTaken(RuntimeError):
    """A port that was asked for by number is in use."""


class Home:
    """The files of one home; `locked` is the way to get one that may be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.logs = self.folder / "logs"

    @contextmanager
    def locked(self) -> Generator[None]:
        """Own the home until the end of the block; raise `HomeTaken` when someone else does."""
        self.logs.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(handle, self.folder)
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            children.hold(handle)
            yield
        finally:
            os.close(handle)

    def is_taken(self) -> bool:
        """Say whether a stack runs here, or is still clearing up."""
        try:
            handle = os.open(self.folder / "lock", os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def ports(self) -> dict[str, int]:
        """Return a port for everything that listens; raise `PortTaken`.

        Where the environment says 0 a free one is taken, and taken again the next time; so it is
        where it says nothing and the usual one is in use, as it is beside another stack.
        """
        kept = self._read("ports.json")
        chosen: dict[str, int] = {}
        for name, (variable, default) in PORT_VARIABLES.items():
            wanted = _port(variable, default)
            if wanted and not children.is_free(wanted):
                if os.environ.get(variable):
                    raise PortTaken(f"port {wanted} is in use; {variable}=0 takes a free one")
                wanted = 0
            chosen[name] = wanted or _free(kept.get(name), chosen)
        own = {name: port for name, port in chosen.items() if port != _port(*PORT_VARIABLES[name])}
        self._write("ports.json", kept | own)
        return chosen

    def secrets(self) -> dict[str, str]:
        """Return the secrets of this home, made at its first start."""
        kept = self._read("secrets.json")
        made = {
            "postgres_password": secrets.token_hex(16),
            "callback_keys": f"local:{secrets.token_hex(32)}",
        }
        if kept.keys() != made.keys():
            self._write("secrets.json", kept := made | kept)
        return kept

    def announce(self, stack: Mapping[str, object]) -> None:
        """Write down where everything is, for the other verbs."""
        self._write("stack.json", stack)

    def announced(self) -> dict[str, Any]:
        """Return what the running stack, or the last one, announced; empty when none did."""
        return self._read("stack.json")

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return json.loads((self.folder / name).read_text())
        except FileNotFoundError:
            return {}

    def _write(self, name: str, content: Mapping[str, object]) -> None:
        # Moved into place: a crash leaves the old file or the new one.
        draft = self.folder / f"{name}.new"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(content, file, indent=2)
        draft.replace(self.folder / name)


def _take(handle: int, folder: Path) -> None:
    deadline = time.monotonic() + CLEARING_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(handle, 20, 0).decode() or "unknown"
            if _is_alive(owner) or time.monotonic() > deadline:
                raise HomeTaken(
                    f"another stack (process {owner}) runs in {folder}; stop it, or choose "
                    "another folder with MAINSPRING_HOME"
                ) from None
            time.sleep(0.05)  # the watchdog of a crashed stack is still clearing up
        else:
            return


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _port(variable: str, default: int) -> int:
    given = os.environ.get(variable, "")
    if given and not (given.isdecimal() and int(given) < 65536):
        raise PortTaken(f"{variable}={given} is no port: a number from 0 to 65535 is wanted")
    return int(given or default)


def displaced(ports: Mapping[str, int]) -> dict[str, int]:
    """Return the usual ports, by name, that were in use and so are not those chosen."""
    usual = {name: _port(*PORT_VARIABLES[name]) for name in ports}
    return {name: port for name, port in usual.items() if port and port != ports[name]}


def _free(kept: int | None, chosen: Mapping[str, int]) -> int:
    if kept and kept not in chosen.values() and children.is_free(kept):
        return kept
    while (port := children.free_port()) in chosen.values():
        pass
    return port
