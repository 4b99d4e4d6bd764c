"""What an engine costs the machine: read from /proc, over all of its processes.

An engine names the processes that it started; whatever they started themselves is found below
them.  A child that has ended and was waited for is in its parent's account, so a database that
starts a process for each connection loses nothing.  Memory is the proportional share (PSS), which
counts a page that several processes share once; where the system does not tell it, it is the
resident size.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
TICKS: Final = os.sysconf("SC_CLK_TCK")


def cpu(roots: Mapping[str, int], proc: Path = PROC) -> dict[str, float]:
    """CPU seconds so far, by the name of the process that a tree begins with."""
    return {
        name: sum(_ticks(pid, proc) for pid in tree(pid, proc)) / TICKS
        for name, pid in roots.items()
    }


def memory(roots: Mapping[str, int], proc: Path = PROC) -> dict[str, float]:
    """Resident megabytes, by the name of the process that a tree begins with."""
    return {
        name: sum(_kilobytes(pid, proc) for pid in tree(pid, proc)) / 1024
        for name, pid in roots.items()
    }


def tree(pid: int, proc: Path = PROC) -> Iterator[int]:
    """Yield a process and all that are below it."""
    yield pid
    for thread in sorted((proc / str(pid) / "task").glob("*/children")):
        for child in _read(thread).split():
            yield from tree(int(child), proc)


def _ticks(pid: int, proc: Path) -> int:
    # The name in brackets may hold anything; 11 to 14 behind it are utime, stime, cutime, cstime.
    fields = _read(proc / str(pid) / "stat").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])


def _kilobytes(pid: int, proc: Path) -> int:
    for file, field in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        for line in _read(proc / str(pid) / file).splitlines():
            if line.startswith(field):
                return int(line.split()[1])
    return 0


def _read(file: Path) -> str:
    """The text of a file, or nothing: a process may end between two looks at it."""
    try:
        return file.read_text()
    except OSError:
        return ""
