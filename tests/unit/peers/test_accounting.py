"""CPU and memory of an engine: of all its processes, of no other, and of those that have ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.peers.processes import TICKS, cpu, memory, tree


def process(proc: Path, pid: int, *, ticks: str = "0 0 0 0", children: str = "", **kb: int) -> None:
    """Write what the kernel would say of one process."""
    folder = proc / str(pid)
    (folder / "task" / str(pid)).mkdir(parents=True)
    (folder / "task" / str(pid) / "children").write_text(children)
    between = "S 1 1 1 0 -1 4194304 100 0 0 0"
    (folder / "stat").write_text(f"{pid} (a) b (c) {between} {ticks} 20 0 1 0 5000 1 1\n")
    if "pss" in kb:
        (folder / "smaps_rollup").write_text(
            f"00-ff ---p [rollup]\nRss: 9 kB\nPss: {kb['pss']} kB\n"
        )
    (folder / "status").write_text(f"Name:\ta\nVmRSS:\t {kb.get('rss', 0)} kB\n")


def test_a_tree_is_a_process_and_all_below_it(tmp_path: Path) -> None:
    process(tmp_path, 10, children="11 12 ")
    process(tmp_path, 11, children="13 ")
    process(tmp_path, 12)
    process(tmp_path, 13)
    process(tmp_path, 99)
    assert sorted(tree(10, tmp_path)) == [10, 11, 12, 13]


def test_children_of_every_thread_are_counted(tmp_path: Path) -> None:
    process(tmp_path, 10, children="11")
    (tmp_path / "10" / "task" / "20").mkdir()
    (tmp_path / "10" / "task" / "20" / "children").write_text("12")
    process(tmp_path, 11)
    process(tmp_path, 12)
    assert sorted(tree(10, tmp_path)) == [10, 11, 12]


def test_cpu_is_of_user_and_system_and_of_children_that_have_ended(tmp_path: Path) -> None:
    process(tmp_path, 10, ticks="1 20 300 4000", children="11")
    process(tmp_path, 11, ticks="50000 0 0 0")
    process(tmp_path, 12, ticks="7 0 0 0")
    used = cpu({"server": 10, "worker": 12}, tmp_path)
    assert used == {"server": 54321 / TICKS, "worker": 7 / TICKS}


def test_memory_shared_by_processes_is_counted_once(tmp_path: Path) -> None:
    process(tmp_path, 10, children="11", pss=1024, rss=4096)
    process(tmp_path, 11, pss=2048, rss=4096)
    assert memory({"server": 10}, tmp_path) == {"server": 3.0}


def test_memory_is_the_resident_size_where_no_share_is_told(tmp_path: Path) -> None:
    process(tmp_path, 10, rss=2048)
    assert memory({"server": 10}, tmp_path) == {"server": 2.0}


def test_a_process_that_has_ended_meanwhile_counts_nothing(tmp_path: Path) -> None:
    process(tmp_path, 10, children="11", ticks="5 0 0 0", rss=1024)
    assert cpu({"server": 10}, tmp_path) == {"server": 5 / TICKS}
    assert memory({"server": 10, "gone": 404}, tmp_path) == {"server": 1.0, "gone": 0.0}


@pytest.mark.parametrize("waited", [False, True])
def test_work_of_a_real_child_is_seen_whether_it_runs_or_has_ended(waited: bool) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint(1, flush=True)\ninput()"
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdin=0)\n"
        "child.wait()\nprint(2, flush=True)\nsys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"1\n"
        if waited:
            parent.stdin.write(b"go\n")
            parent.stdin.flush()
            assert parent.stdout.readline() == b"2\n"
        assert cpu({"parent": parent.pid})["parent"] >= 0.28
        assert parent.pid != os.getpid()
        parent.kill()
