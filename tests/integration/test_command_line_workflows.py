"""Workflows from the command line: checked, applied, run, followed, taken back."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring.testing.stack import Platform, platform

GOOD = """
name: greet
inputs:
  who: {type: string, default: world}
steps:
  - name: say
    action: util.log
    params: {message: "hello {{ inputs.who }}"}
"""
BAD = """
name: greet
steps:
  - name: say
    action: util.logg
    params: {message: "hello {{ inputs.nobody }}"}
"""
FAILING = """
name: fail
steps:
  - name: no
    action: core.fail
    params: {message: "this is the reason"}
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Platform]:
    with platform() as whole:
        yield whole


class Shell:
    """The command line against a platform, in a project of its own."""

    def __init__(self, stack: Platform, folder: Path, project: str) -> None:
        self._flags = ["--api-url", stack.api, "--project", project, "--json"]
        self._folder = folder

    def file(self, name: str, text: str) -> str:
        """Write a file and return its path."""
        path = self._folder / name
        path.write_text(text)
        return str(path)

    def say(self, *words: str) -> str:
        """Return what is said to people."""
        flags = [flag for flag in self._flags if flag != "--json"]
        argv = [sys.executable, "-m", "mainspring_cli", *words, *flags]
        ended = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
        return ended.stdout

    def run(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        """Return the exit code and what was said, line by line."""
        argv = [sys.executable, "-m", "mainspring_cli", *words, *self._flags]
        ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        assert not ended.stderr, ended.stderr
        return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture
def shell(stack: Platform, tmp_path: Path, request: pytest.FixtureRequest) -> Shell:
    return Shell(stack, tmp_path, f"cli-{abs(hash(request.node.name)) % 10**9}")


def test_validate_tells_all_faults_with_their_lines(shell: Shell) -> None:
    code, said = shell.run("validate", shell.file("bad.yaml", BAD))
    assert code == 1
    assert [each["line"] for each in said] == [5, 6]
    assert "util.log" in said[0]["text"]
    code, said = shell.run("validate", shell.file("good.yaml", GOOD))
    assert (code, said[-1]["event"]) == (0, "valid")


def test_apply_changes_nothing_the_second_time_and_rollback_takes_back(shell: Shell) -> None:
    good = shell.file("good.yaml", GOOD)
    code, said = shell.run("apply", good)
    assert (code, said[-1]["version"], said[-1]["changed"]) == (0, 1, True)
    assert shell.run("apply", good)[1][-1]["changed"] is False
    louder = shell.file("louder.yaml", GOOD.replace("hello", "HELLO"))
    code, said = shell.run("plan", louder)
    assert code == 0
    assert said[-1]["changed"] is True
    assert any("HELLO" in each["text"] for each in said[:-1])
    assert shell.run("apply", louder)[1][-1]["version"] == 2
    code, said = shell.run("rollback", "greet")
    assert (code, said[-1]["version"]) == (0, 3)
    code, said = shell.run("apply", shell.file("bad.yaml", BAD))
    assert code == 1
    assert said[-1]["status"] == 400
    assert len(said) == 3


def test_run_follows_the_run_to_its_end_and_shows_what_it_says(shell: Shell) -> None:
    shell.run("apply", shell.file("good.yaml", GOOD))
    code, said = shell.run("run", "greet", "--input", "who=you")
    assert code == 0
    assert [each["message"] for each in said if each["event"] == "log"] == ["hello you"]
    assert said[-1]["status"] == "SUCCESS"
    id = said[0]["execution_id"]
    code, lines = shell.run("logs", id)
    assert [each["seq"] for each in lines] == [each["seq"] for each in said[1:]]
    code, listed = shell.run("executions", "--workflow", "greet", "--status", "completed")
    assert [each["id"] for each in listed] == [id]
    code, said = shell.run("cancel", id)
    assert (code, said[-1]["status"]) == (1, 409)


def test_a_list_for_people_shows_whole_ids_however_narrow_the_place(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    shell.run("apply", shell.file("good.yaml", GOOD))
    _, said = shell.run("run", "greet")
    lines = shell.say("executions").splitlines()
    assert lines[0].split() == [
        "id",
        "workflow",
        "version",
        "status",
        "started_at",
        "completed_at",
    ]
    assert lines[1].split()[:4] == [said[0]["execution_id"], "greet", "1", "completed"]


def test_run_and_retry_exit_with_two_when_the_run_fails(shell: Shell) -> None:
    shell.run("apply", shell.file("fail.yaml", FAILING))
    code, said = shell.run("run", "fail")
    assert code == 2
    assert "this is the reason" in said[-1]["text"]
    code, again = shell.run("retry", said[0]["execution_id"])
    assert code == 2
    assert again[0]["execution_id"] != said[0]["execution_id"]


def test_what_is_not_there_and_who_is_away_are_told(shell: Shell) -> None:
    code, said = shell.run("run", "nobody")
    assert (code, said[-1]["status"]) == (1, 404)
    argv = [sys.executable, "-m", "mainspring_cli", "executions", "--api-url"]
    ended = subprocess.run(
        [*argv, "http://127.0.0.1:1", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "http://127.0.0.1:1 does not answer" in ended.stdout
