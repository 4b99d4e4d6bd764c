"""The process that clears up after its parent, however the parent ended.

It reads orders from its standard input, a pipe that only the parent holds.  The kernel closes
the pipe when the parent is gone, by `kill -9` too; then every process still watched is ended
and every folder still listed is removed.  An order is one line:

    watch PID SIGNAL     end PID with SIGNAL, and with SIGKILL two seconds later
    group PID            kill all of the group that PID leads
    forget PID           PID has been reaped; its number may belong to a stranger from now on
    remove PATH          delete this folder at the end

Linux's parent death signal was the rival.  It is tied to the *thread* that forked, so a server
started from a worker thread dies with the thread; it is cleared by a change of user, which is
how Postgres is started for root; and macOS has none.  The file is run by its path, with no
site packages, so it costs one small process for each parent.
"""

import contextlib
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from typing import NamedTuple

GRACE_S = 2.0


class Watched(NamedTuple):
    pid: int
    last_signal: int
    pidfd: int | None  # holds the process, not the number, where the kernel offers that


def _watch(pid: int, last_signal: int) -> Watched | None:
    if not hasattr(os, "pidfd_open"):
        return Watched(pid, last_signal, None)
    try:
        return Watched(pid, last_signal, os.pidfd_open(pid))
    except ProcessLookupError:
        return None
    except OSError:  # a kernel or a sandbox without pidfd: the number must do
        return Watched(pid, last_signal, None)


def _send(watched: Watched, signal_number: int) -> bool:
    """Signal one process; False when it is gone."""
    try:
        if watched.pidfd is None:
            os.kill(watched.pid, signal_number)
        else:
            signal.pidfd_send_signal(watched.pidfd, signal_number)
    except OSError:
        return False
    return True


def _is_over(watched: Watched) -> bool:
    # A pidfd is readable once its process has ended, even if no one has reaped it.
    if watched.pidfd is None:
        return not _send(watched, 0)
    return bool(select.select([watched.pidfd], [], [], 0)[0])


def _end(everyone: Iterable[Watched]) -> None:
    left = [watched for watched in everyone if _send(watched, watched.last_signal)]
    deadline = time.monotonic() + GRACE_S
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [watched for watched in left if not _is_over(watched)]
    for watched in left:
        _send(watched, signal.SIGKILL)


def _kill(groups: Iterable[int]) -> None:
    for leader in groups:
        with contextlib.suppress(OSError):
            os.killpg(leader, signal.SIGKILL)


def main() -> None:
    """Take orders until the parent is gone, then clear up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, Watched] = {}
    folders: list[str] = []
    groups: set[int] = set()
    for line in sys.stdin:
        match line.rstrip("\n").split(" ", 2):
            case ["watch", pid, number]:
                if one := _watch(int(pid), int(number)):
                    watched[one.pid] = one
            case ["group", pid]:
                groups.add(int(pid))
            case ["forget", pid]:
                groups.discard(int(pid))
                one = watched.pop(int(pid), None)
                if one and one.pidfd is not None:
                    os.close(one.pidfd)
            case ["remove", *path]:
                folders.append(" ".join(path))
            case _:
                pass
    _kill(groups)
    _end(watched.values())
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
