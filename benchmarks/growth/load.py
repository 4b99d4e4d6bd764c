"""Who else had the machine while a figure was taken: from the system's account of all cores."""

import os
import resource
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.growth.series import OTHERS
from benchmarks.report import Figures
from benchmarks.stack import tree_cpu

TICKS = os.sysconf("SC_CLK_TCK")


def busy() -> float:
    """Seconds that all cores have worked since the machine was started, stolen ones included."""
    cells = [int(cell) for cell in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _wait, irq, soft, steal = cells
    return (user + nice + system + irq + soft + steal) / TICKS


@contextmanager
def others(ours: Callable[[], float], figures: Figures) -> Generator[None]:
    """Note in `figures` how many cores others had during the block; `ours` counts our seconds."""
    began, before = time.perf_counter(), busy() - ours()
    yield
    taken = time.perf_counter() - began
    figures[OTHERS] = max(0.0, (busy() - ours() - before) / taken)


def of_pids(*pids: int) -> Callable[[], float]:
    """Return what counts the seconds of some processes, their children included, and of this.

    Children of this that have ended and were waited for are counted too.
    """

    def seconds() -> float:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        alive = sum(tree_cpu(pid) for pid in (*pids, os.getpid()))
        return alive + ended.ru_utime + ended.ru_stime

    return seconds
