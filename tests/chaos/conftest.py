"""The chaos run itself: begun with the first test of all, asked for by those of its own.

It is a process of its own and mostly waits for what it has killed to come back, so it lives beside
the tests that need no server; begun only when its own tests are reached it would add two minutes.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import pytest

from mainspring.testing.chaos.run import Outcome

MINUTES: Final = os.environ.get("MAINSPRING_CHAOS_MINUTES", "3")
RATE: Final = os.environ.get("MAINSPRING_CHAOS_RATE", "15")
PATIENCE_S: Final = 60 * float(MINUTES) + 300


class Chaos(NamedTuple):
    """A run under way, and the folder of what it says."""

    process: "subprocess.Popen[bytes]"
    folder: "tempfile.TemporaryDirectory[str]"


_CHAOS = pytest.StashKey[Chaos]()


def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = any(item.path.name == "test_faults_of_processes.py" for item in session.items)
    if not wanted or session.config.getoption("collectonly"):
        return
    folder = tempfile.TemporaryDirectory(prefix="chaos-")
    argv = [sys.executable, "-m", "mainspring.testing.chaos", "--minutes", MINUTES]
    argv += ["--rate", RATE, "--json", f"{folder.name}/chaos.json"]
    with Path(folder.name, "said").open("wb") as said:
        process = subprocess.Popen(argv, stdout=said, stderr=subprocess.STDOUT)
    session.config.stash[_CHAOS] = Chaos(process, folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    chaos = config.stash.get(_CHAOS, None)
    if chaos is not None:
        _end(chaos.process)
        chaos.folder.cleanup()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a run that takes for ever or that nobody waits for; its watchdog ends what it began."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="session")
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """What the run has shown."""
    chaos = request.config.stash[_CHAOS]
    try:
        chaos.process.wait(PATIENCE_S)
    finally:
        _end(chaos.process)
    file, said = Path(chaos.folder.name, "chaos.json"), Path(chaos.folder.name, "said")
    assert file.exists(), said.read_text()
    return msgspec.json.decode(file.read_bytes(), type=Outcome)
