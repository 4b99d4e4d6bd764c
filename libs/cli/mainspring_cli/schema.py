"""Writes `proto/` out from the code, or says where the two have parted.

A member that has contracts to publish names a function in the entry point group
`mainspring.documents`; it returns the files by their path below `proto/`.  So the command line
imports no service, and a new document needs no change here.  What stands in `proto/` and is
nobody's document (the examples, the README) is left alone.
"""

from importlib.metadata import entry_points
from pathlib import Path

GROUP = "mainspring.documents"


class NothingToWrite(RuntimeError):
    """No member that is installed publishes a document."""


def documents() -> dict[str, bytes]:
    """Return every document of the installed members; raise `NothingToWrite` if there is none."""
    found: dict[str, bytes] = {}
    for entry in entry_points(group=GROUP):
        found |= entry.load()()
    if not found:
        raise NothingToWrite(f"no installed package has an entry point in {GROUP}")
    return dict(sorted(found.items()))


def parted(folder: Path, wanted: dict[str, bytes]) -> list[str]:
    """Return the paths whose file is missing or differs."""
    return [path for path, content in wanted.items() if _read(folder / path) != content]


def write(folder: Path, wanted: dict[str, bytes], paths: list[str]) -> None:
    """Write these of the documents."""
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(wanted[path])


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
