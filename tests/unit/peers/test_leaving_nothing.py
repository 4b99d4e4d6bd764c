"""Programs of a comparison end with it, and so does what they started; no engine stops another."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from benchmarks.peers import comparison
from benchmarks.peers.comparison import Comparison
from benchmarks.peers.engine import About, NotHere, Running, check_alive, spawned
from benchmarks.peers.measure import Measured, Pace
from benchmarks.peers.workloads import WORKLOADS, Turn, Workload

PARENT = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleep = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)"]
child = subprocess.Popen(sleep, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""
ONE = WORKLOADS[0]


def first_line(log: Path) -> str:
    while not (text := log.read_text()).endswith("\n"):
        os.sched_yield()
    return text.strip()


def runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def test_what_a_program_started_is_gone_when_the_program_had_to_be_killed(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    with spawned([sys.executable, "-c", PARENT], log) as parent:
        child = int(first_line(log))
        assert runs(child)
    assert not runs(parent.pid)
    while runs(child):  # it has been killed; the kernel takes its time
        os.sched_yield()


def test_a_program_is_ended_when_what_uses_it_fails(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        spawned([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log") as child,
    ):
        raise ZeroDivisionError
    assert not runs(child.pid)


def test_a_program_that_has_ended_is_told_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with spawned([sys.executable, "-c", "raise SystemExit('no licence')"], log) as child:
        child.wait()
        with pytest.raises(NotHere, match=r"(?s)ended with 1.*no licence"):
            check_alive(child, log)


class Fake:
    """An engine of no processes that does, or does not, what it is told."""

    about = About("Fake", "", "", "", "", "")

    def __init__(self, name: str, *, installs: bool = True, starts: bool = True) -> None:
        self.name = name
        self._installs = installs
        self._starts = starts
        self.starts = 0

    def install(self) -> str:
        if not self._installs:
            raise NotHere("no wheel")
        return f"{self.name} 1"

    @asynccontextmanager
    async def start(self, folder: Path, workload: Workload, echo: str) -> AsyncGenerator[Running]:
        self.starts += 1
        if not self._starts:
            raise NotHere("no port")
        yield Running({"fake": os.getpid()}, self._run)

    async def _run(self) -> None:
        if self.name == "failing":
            raise ValueError("broken")
        await asyncio.to_thread(os.sched_yield)


PACE = Pace(seconds=0.01, unloaded_runs=2, in_flight=2, warm_runs=1)


async def test_an_engine_that_is_not_there_keeps_no_other_from_its_turns() -> None:
    engines = {
        "absent": Fake("absent", installs=False),
        "broken": Fake("broken", starts=False),
        "failing": Fake("failing"),
        "good": Fake("good"),
    }
    compared = Comparison(engines, PACE)
    compared.install()
    await compared.take([Turn(ONE, n, name) for n in range(2) for name in engines])
    found = {name: one[ONE.key] for name, one in compared.results([ONE]).items()}
    assert found["absent"] == {"error": "no wheel"}
    assert found["broken"] == {"error": "did not start: no port"}
    assert found["failing"] == {"error": "ValueError: broken"}
    assert found["good"]["unloaded_runs"] == 4
    assert [engines[name].starts for name in engines] == [0, 1, 2, 2]


async def test_a_turn_that_hangs_is_left_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object) -> Measured:
        raise TimeoutError

    monkeypatch.setattr(comparison, "turn", hang)
    compared = Comparison({"slow": Fake("slow")}, PACE)
    await compared.take([Turn(ONE, 0, "slow")])
    assert compared.results([ONE])["slow"][ONE.key]["error"].startswith("TimeoutError")
