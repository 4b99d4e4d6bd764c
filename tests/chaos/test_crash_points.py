"""The named places at which a process may die: each in the code once, and silent unasked."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mainspring.runtime import crash

ROOT = Path(__file__).parents[2]
CALL = re.compile(r'crash\.here\("([a-z.]+)"\)')
SAID = re.compile(r"# crash here: .*\n\s*(?:if \w+:\s*\n\s*)?(.*)\n")
HERE = "from mainspring.runtime import crash; crash.here('advance.decided'); print('lives')"


def sources() -> list[str]:
    """The text of everything that runs in production."""
    folders = [ROOT / "libs", ROOT / "services"]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    return [file.read_text() for file in files if "testing" not in file.parts]


def started(**env: str) -> subprocess.CompletedProcess[bytes]:
    """What became of a process that passed one point."""
    argv = [sys.executable, "-c", HERE]
    return subprocess.run(argv, env=os.environ | env, capture_output=True, check=False)


def test_each_point_is_in_the_code_once() -> None:
    found = Counter(point for text in sources() for point in CALL.findall(text))
    assert found == Counter([*crash.POINTS])


def test_where_the_code_says_that_it_may_crash_it_has_a_name_for_it() -> None:
    said = [line for text in sources() for line in SAID.findall(text) if "`# crash" not in text]
    assert len(said) == len(crash.POINTS)
    assert [line for line in said if not CALL.fullmatch(line.strip())] == []


@pytest.mark.parametrize("order", [None, "", "engine.asked", "advance.decided:2"])
def test_a_process_that_is_not_told_to_die_there_lives(order: str | None) -> None:
    ended = started(**({} if order is None else {crash.VARIABLE: order}))
    assert (ended.returncode, ended.stdout.strip()) == (0, b"lives")


@pytest.mark.parametrize("order", ["advance.decided", "advance.decided:1"])
def test_a_process_that_is_told_to_dies_there_as_of_kill_9(order: str) -> None:
    ended = started(**{crash.VARIABLE: order})
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"")


@pytest.mark.parametrize("order", ["nowhere", "nowhere:1", "engine.asked:0", "engine.asked:x"])
def test_an_order_that_names_no_point_or_no_count_is_refused(order: str) -> None:
    with pytest.raises(crash.UnknownPoint, match=re.escape(order)):
        crash.hook_from(order, lambda: None)


def test_the_third_passage_is_the_third_of_this_point() -> None:
    deaths: list[int] = []
    passed: list[str] = []
    hook = crash.hook_from("engine.started:3", lambda: deaths.append(len(passed)))
    assert hook is not None
    for point in ["engine.started", "engine.asked", "engine.started", "engine.asked"]:
        passed.append(point)
        hook(point)
    assert deaths == []
    hook("engine.started")
    assert deaths == [4]
