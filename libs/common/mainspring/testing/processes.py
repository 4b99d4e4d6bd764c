"""Whether processes that are not our children still run: for tests of what may be left behind."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path


def is_running(pid: int) -> bool:
    """Say whether a process runs; a zombie that no one has reaped does not."""
    if Path("/proc/self/stat").exists():
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False
    ps = ["ps", "-o", "state=", "-p", str(pid)]
    state = subprocess.run(ps, capture_output=True, text=True, check=False).stdout  # noqa: S603
    return bool(state.strip()) and not state.startswith("Z")


def wait_until_gone(pids: Iterable[int], patience_s: float = 10.0) -> None:
    """Return when none of the processes runs; raise `TimeoutError` naming those that do."""
    deadline = time.monotonic() + patience_s
    left = list(pids)
    while left := [pid for pid in left if is_running(pid)]:
        if time.monotonic() > deadline:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            raise TimeoutError(f"still running after {patience_s:g} s, killed now: {left}")
        time.sleep(0.02)
