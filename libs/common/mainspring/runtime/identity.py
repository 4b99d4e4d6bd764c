"""As whom a server that refuses root is run.

A folder of data is kept by one owner for its life, so the owner of an existing folder decides.
For a new one of root's: `nobody`, where that user can enter; otherwise a user namespace in which
root is `nobody`, which needs no change of any mode or owner.
"""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

NOBODY = 65534


class Identity(NamedTuple):
    """How to become someone: a user to switch to, or a command to go through."""

    user: int | None
    prefix: tuple[str, ...]


class NobodyCannotEnter(RuntimeError):
    """Root was refused, and there is no other way on this machine."""


def owner_for_new(folder: Path, program: Path) -> int | None:
    """Return who should own a new data folder below `folder`; None leaves it ours."""
    if os.geteuid() == 0 and _is_open(folder) and _is_open(program):
        return NOBODY
    return None


def identity_of(data_dir: Path) -> Identity:
    """Return as whom the server of this folder runs; raise `NobodyCannotEnter` if it cannot."""
    if os.geteuid() != 0:
        return Identity(None, ())
    if owner := data_dir.stat().st_uid:
        return Identity(owner, ())
    unshare = shutil.which("unshare")
    if unshare is None:
        raise NobodyCannotEnter(
            f"PostgreSQL refuses to run as root, and the user {NOBODY} cannot enter {data_dir}: "
            "run as another user, or choose a MAINSPRING_HOME that everyone may enter"
        )
    return Identity(None, (unshare, "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"))


def _is_open(path: Path) -> bool:
    """Say whether everybody may pass through every folder down to the path."""
    return all(step.stat().st_mode & 0o001 for step in (path.resolve(), *path.resolve().parents))
