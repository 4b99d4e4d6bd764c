"""The local stack as a person starts it: real servers, real services, real signals.

Each test starts `mainspring dev` in a process of its own, in a home of its own, on free ports.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from mainspring.testing import cluster
from mainspring.testing.processes import wait_until_gone
from mainspring_cli.home import PORT_VARIABLES

PATIENCE_S = 60.0
SERVICES = ["api", "scheduler", "executor", "events"]


def environment(**more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MAINSPRING_")}
    return clean | {variable: "0" for variable, _ in PORT_VARIABLES.values()} | more


def command(home: Path, *verb: str) -> list[str]:
    return [sys.executable, "-m", "mainspring_cli", *verb, "--json", "--home", str(home)]


class Running:
    """A `mainspring dev` that is read line by line."""

    def __init__(self, home: Path, env: Mapping[str, str]) -> None:
        self.home = home
        self.process = subprocess.Popen(
            command(home, "dev"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=dict(env),
        )

    def until(self, event: str) -> dict[str, Any]:
        """Read until something is said; the stack ends by itself when it cannot say it."""
        assert self.process.stdout is not None
        said: list[str] = []
        for line in self.process.stdout:
            said.append(line)
            if line.startswith("{") and (found := json.loads(line))["event"] == event:
                return found
        raise AssertionError(f"never said {event}:\n{''.join(said)}")

    @property
    def announced(self) -> dict[str, Any]:
        return json.loads((self.home / "stack.json").read_text())

    @property
    def pids(self) -> dict[str, int]:
        return self.announced["pids"]

    def end(self, *signals: signal.Signals) -> int:
        for number in signals:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def running(home: Path, **more: str) -> Generator[Running]:
    stack = Running(home, environment(**more))
    try:
        yield stack
    finally:
        stack.process.kill()
        with stack.process:
            pass


@pytest.fixture
def home() -> Iterator[Path]:
    with cluster.throwaway_folder() as folder:
        yield folder


def test_the_demo_runs_the_sample_saga_and_leaves_no_process(home: Path) -> None:
    ended = subprocess.run(
        command(home, "dev", "--demo"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=environment(),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    events = {line["event"]: line for line in map(json.loads, ended.stdout.splitlines())}
    assert events["sample_ended"]["saga"]["status"] == "SUCCEEDED"
    assert events["sample_step"]["step"]["success"] is True
    wait_until_gone(json.loads((home / "stack.json").read_text())["pids"].values())


def test_after_kill_9_nothing_runs_and_the_next_start_finds_the_data_within_5_seconds(
    home: Path,
) -> None:
    with running(home) as first:
        saga = first.until("sample_ended")["saga"]
        pids = first.pids
        assert set(pids) == {*SERVICES, "PostgreSQL", "NATS"}
        first.process.kill()
        wait_until_gone(pids.values())
    began = time.monotonic()
    with running(home) as second:
        urls = second.until("ready")["urls"]
        assert time.monotonic() - began < 5
        again = httpx.get(f"{urls['api']}/sagas/{saga['id']}", trust_env=False)
        assert again.json()["status"] == "SUCCEEDED"
        assert second.end(signal.SIGTERM) == 0
        wait_until_gone(second.pids.values())


def test_two_homes_run_side_by_side_and_one_home_takes_one_stack(home: Path) -> None:
    with running(home / "a") as a, running(home / "b") as b:
        urls = {*a.until("ready")["urls"].values(), *b.until("ready")["urls"].values()}
        assert len(urls) == 2 * len(SERVICES)
        third = subprocess.run(
            command(home / "a", "dev"), capture_output=True, text=True, check=False, timeout=30
        )
        assert third.returncode == 1
        assert f"another stack (process {a.process.pid}) runs in {home / 'a'}" in third.stdout
        assert a.end(signal.SIGINT) == 0
        assert b.end(signal.SIGINT) == 0


def test_a_killed_service_comes_back_and_is_reported(home: Path) -> None:
    with running(home) as stack:
        url = stack.until("ready")["urls"]["executor"]
        stack.until("stay")
        killed = stack.pids["executor"]
        os.kill(killed, signal.SIGKILL)
        assert stack.until("died")["part"] == "executor"
        assert stack.until("restarted")["part"] == "executor"
        assert stack.pids["executor"] != killed
        status = subprocess.run(
            command(home, "status"), capture_output=True, text=True, check=False, timeout=30
        )
        assert [json.loads(line)["url"] for line in status.stdout.splitlines()].count(url) == 1
        assert stack.end(signal.SIGTERM) == 0


def test_a_second_signal_leaves_at_once_and_still_leaves_no_process(home: Path) -> None:
    with running(home) as stack:
        stack.until("stay")
        pids = stack.pids
        stack.process.send_signal(signal.SIGINT)
        stack.until("stopping")
        stack.process.send_signal(signal.SIGINT)
        assert stack.process.wait(PATIENCE_S) in (0, 130)
        wait_until_gone(pids.values())


def test_servers_named_by_the_environment_are_used(
    home: Path, empty_database_url: str, nats_url: str
) -> None:
    named = {"MAINSPRING_DATABASE_URL": empty_database_url, "MAINSPRING_NATS_URL": nats_url}
    with running(home, **named) as stack:
        assert stack.until("sample_ended")["saga"]["status"] == "SUCCEEDED"
        assert set(stack.pids) == set(SERVICES)
        assert stack.announced["database_url"] == empty_database_url
        assert stack.end(signal.SIGTERM) == 0
    assert not (home / "postgres").exists()
