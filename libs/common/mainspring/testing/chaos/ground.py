"""What the machine allows: a file system of our own to fill, a network of our own to cut.

Root enters a mount and a network namespace made for the run before anything starts, so a file
system that is mounted here is nobody else's and is gone with the last process, whatever becomes of
us; the same holds of the second machine's network, which is the namespace of a process that waits.
Named namespaces (`ip netns add`) lost: a crash would leave their names behind.  Who is not root
gets stand-ins, by name: `Ground.disk` and `Ground.network` tell which.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mainspring.runtime import children

ENTERED: Final = "MAINSPRING_CHAOS_GROUND"
HERE: Final = "10.213.0.1"
THERE: Final = "10.213.0.2"
NOWHERE: Final = "02:00:00:00:00:01"  # a station that is not on this wire
NEAR: Final = "chaos0"
FAR: Final = "chaos1"
DISK: Final = "3g"
ROOM: Final = 64 * 1024
TRIES: Final = 20


def enter(argv: Sequence[str]) -> None:
    """Begin again inside namespaces of our own, where that is possible; return where it is not."""
    if ENTERED in os.environ or os.geteuid() != 0 or not shutil.which("unshare"):
        return
    into = ["unshare", "--mount", "--net", "--"]
    if subprocess.run([*into, "true"], capture_output=True, check=False).returncode:  # noqa: S603
        return
    os.environ[ENTERED] = "1"
    os.execvp(into[0], [*into, *argv])  # noqa: S606 - ourselves, once more


class Ground:
    """Where one run takes place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waits: children.Child | None = None
        own = ENTERED in os.environ
        if own:
            _run("ip", "link", "set", "lo", "up")
        self.has_disk = own and self._mounted()
        self.has_network = own and self._wired()

    @property
    def disk(self) -> str:
        """How a full disk is made."""
        return "a tmpfs without room" if self.has_disk else "a log that takes no writes (stand-in)"

    @property
    def network(self) -> str:
        """How a network is cut."""
        told = "frames to nowhere between two network namespaces"
        return told if self.has_network else "a proxy that hands nothing on (stand-in)"

    @property
    def here(self) -> str:
        """The address of this machine as the second one sees it."""
        return HERE if self.has_network else "127.0.0.1"

    @property
    def there(self) -> str:
        """The address of the second machine."""
        return THERE if self.has_network else "127.0.0.1"

    @property
    def into(self) -> tuple[str, ...]:
        """The command through which a process starts on the second machine."""
        if self._waits is None or not self.has_network:
            return ()
        return ("nsenter", f"--net=/proc/{self._waits.pid}/ns/net", "--")

    @property
    def data(self) -> Path:
        """Where the log's files belong."""
        return self.folder / "disk"

    def fill(self) -> None:
        """Leave no room on the disk; raise OSError when that cannot be done."""
        for _ in range(TRIES):
            stat = os.statvfs(self.data)
            used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
            # What is written between the look and the call makes the kernel refuse.
            if _run("mount", "-o", f"remount,size={used + ROOM}", str(self.data)):
                return
        raise OSError(f"{self.data} cannot be filled")

    def empty(self) -> None:
        """Give the disk its room again."""
        _run("mount", "-o", f"remount,size={DISK}", str(self.data))

    def cut(self) -> None:
        """Let every packet between the machines vanish, in both directions and without a word."""
        for command, at, to in ((), NEAR, THERE), (self.into, FAR, HERE):
            said = ("lladdr", NOWHERE, "dev", at, "nud", "permanent")
            _run(*command, "ip", "neigh", "replace", to, *said)

    def heal(self) -> None:
        """Let packets through again."""
        for command, at, to in ((), NEAR, THERE), (self.into, FAR, HERE):
            _run(*command, "ip", "neigh", "del", to, "dev", at)

    def close(self) -> None:
        """End what waits, and with it the second machine's network; leave the disk."""
        if self._waits is not None:
            children.end(self._waits)
        if self.has_disk:
            _run("umount", "--lazy", str(self.data))

    def _mounted(self) -> bool:
        self.data.mkdir()
        made = f"size={DISK},mode=755"
        return _run("mount", "-t", "tmpfs", "-o", made, "chaos", str(self.data))

    def _wired(self) -> bool:
        argv = [
            "unshare",
            "--net",
            "--",
            sys.executable,
            "-S",
            "-c",
            "import signal;signal.pause()",
        ]
        self._waits = children.spawn(argv, log=self.folder / "ground.log")
        pid, far = str(self._waits.pid), self.into_of(self._waits.pid)
        _wait_until_apart(self._waits.pid)
        return all(
            _run(*command)
            for command in (
                ("ip", "link", "add", NEAR, "type", "veth", "peer", "name", FAR),
                ("ip", "link", "set", FAR, "netns", pid),
                ("ip", "addr", "add", f"{HERE}/30", "dev", NEAR),
                ("ip", "link", "set", NEAR, "up"),
                (*far, "ip", "link", "set", "lo", "up"),
                (*far, "ip", "addr", "add", f"{THERE}/30", "dev", FAR),
                (*far, "ip", "link", "set", FAR, "up"),
            )
        )

    @staticmethod
    def into_of(pid: int) -> tuple[str, ...]:
        """Return the command that enters the network of a process."""
        return ("nsenter", f"--net=/proc/{pid}/ns/net", "--")


def _wait_until_apart(pid: int) -> None:
    """Return when a process has left our network."""
    ours = Path("/proc/self/ns/net").readlink()
    for _ in range(500):
        if Path(f"/proc/{pid}/ns/net").readlink() != ours:
            return
        time.sleep(0.01)


def _run(*argv: str) -> bool:
    """Say whether a command has succeeded."""
    try:
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False
