"""As whom a task's process runs: never as root where that can be helped.

An executor of root's starts tasks as a user of their own, who can read neither its memory nor its
environment, nor the files of others.  Where that user could not enter the task's folder, or Python
itself for a script of Python, the process stays root's without any capability: the kernel then
closes the executor's memory and environment to it all the same, but not the files of root.
An executor of another user's cannot become anybody.
"""

import os
import pwd
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from mainspring.plugin import PluginFailed
from mainspring_plugins.processes import limits, python_driver
from mainspring_plugins.support.failures import bad

TASKS: Final = 65533
"""Uid and gid of tasks; not 65534, nobody, whom servers of the same machine may run as."""

PYTHON: Final = (Path(os.__file__), Path(python_driver.__file__))
"""What a script of Python has to reach."""

_NEEDED: Final = (0, 1, 3, 5, 6, 7)
"""The capabilities to give files away, to read, remove and end what is another's, and to become."""


class Owner(NamedTuple):
    """A user with the group that its processes have."""

    uid: int
    gid: int


def owner_of(user: str, folder: Path) -> Owner | None:
    """Return who the process becomes that a task wants to run as `user`; None: who this is.

    Raises a final `PluginFailed` when there is no such user, or this process may not become it.
    """
    found = _looked_up(user)
    if found.uid == os.geteuid() != 0:
        return None
    if found.uid == 0:
        raise _refused(user, "no task runs as root")
    if not _may_become(found):
        raise _refused(user, f"the executor runs as {os.geteuid()} and may not become another user")
    if not is_open(folder):
        raise _refused(user, f"it could not enter {folder}")
    return found


def owner_for_tasks(*reached: Path) -> Owner | None:
    """Return who a task becomes that names nobody and has to reach these paths.

    None: it stays who this is, for that user cannot be become, or could not reach them.
    """
    owner = Owner(TASKS, TASKS)
    return owner if _may_become(owner) and all(map(is_open, reached)) else None


def who(owner: Owner | None) -> str:
    """Return what the first thing in the process is told."""
    if owner is not None:
        return f"{owner.uid}:{owner.gid}"
    return limits.BARE if _has(0) else limits.STAYS


def is_open(path: Path) -> bool:
    """Say whether everybody may pass through every folder above a path."""
    return all(step.stat().st_mode & 0o001 for step in path.resolve().parents)


def _looked_up(user: str) -> Owner:
    uid, _, gid = user.partition(":")
    if uid.isdigit():
        return Owner(int(uid), int(gid or uid))
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise bad("user", f"this machine has no user {user}") from None
    return Owner(found.pw_uid, found.pw_gid)


def _refused(user: str, why: str) -> PluginFailed:
    return PluginFailed(f"user: {user} is refused: {why}", final=True, fault="refused")


def _may_become(owner: Owner) -> bool:
    return all(map(_has, _NEEDED)) and _is_mapped("uid", owner.uid) and _is_mapped("gid", owner.gid)


def _has(capability: int) -> bool:
    return os.geteuid() == 0 and bool(_capabilities() >> capability & 1)


@cache
def _capabilities() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(status.partition("CapEff:")[2].split()[0], 16)


@cache
def _is_mapped(kind: str, id: int) -> bool:
    """Say whether an id is one of this namespace of users."""
    try:
        lines = Path(f"/proc/self/{kind}_map").read_text().splitlines()
    except OSError:
        return False
    ranges = [tuple(map(int, line.split())) for line in lines]
    return any(first <= id < first + count for first, _, count in ranges)
