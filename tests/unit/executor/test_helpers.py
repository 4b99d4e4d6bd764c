"""What runs in a helper process is bounded in time and memory, and leaves nothing behind."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from pickle import UnpicklingError

import pytest

from mainspring.plugin import PluginFailed
from mainspring.testing import busy
from mainspring.testing.patience import until
from mainspring_executor import helpers as helpers_module
from mainspring_executor.helpers import Helpers

SOON = 30.0


@pytest.fixture
async def helpers() -> AsyncIterator[Helpers]:
    made = Helpers(memory_mb=64, most=2)
    yield made
    await made.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


async def test_nothing_runs_before_it_is_needed(helpers: Helpers) -> None:
    assert helpers.pids == []
    assert await helpers.run(busy.add, 2, 3, seconds=SOON) == 5
    assert len(helpers.pids) == 1


async def test_a_helper_is_used_again(helpers: Helpers) -> None:
    first = await helpers.run(busy.who, seconds=SOON)
    assert await helpers.run(busy.who, seconds=SOON) == first != os.getpid()


async def test_a_helper_that_nobody_uses_ends() -> None:
    helpers = Helpers(memory_mb=64, idle=0.0)
    pid = await helpers.run(busy.who, seconds=SOON)
    await until(lambda: not helpers.pids and not is_alive(pid))
    await helpers.close()


async def test_a_helper_sees_nothing_of_the_services_environment(
    helpers: Helpers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSPRING_DATABASE_URL", "postgresql://secret")
    told = await helpers.run(busy.environment, seconds=SOON)
    assert set(told) <= {"PATH", "LANG", "LC_CTYPE"}


async def test_what_works_for_ever_is_ended_when_its_time_is_up(helpers: Helpers) -> None:
    pid = await helpers.run(busy.who, seconds=SOON)
    with pytest.raises(PluginFailed, match=r"longer than 0.2 s") as failed:
        await helpers.run(busy.spin, seconds=0.2)
    assert failed.value.fault == "timeout"
    await until(lambda: not is_alive(pid))
    assert await helpers.run(busy.add, 1, 1, seconds=SOON) == 2


async def test_all_that_a_function_has_started_ends_with_it(
    helpers: Helpers, tmp_path: Path
) -> None:
    running = asyncio.ensure_future(helpers.run(busy.hang, str(tmp_path), seconds=SOON))
    await until((tmp_path / "pids").exists)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert all(is_alive(pid) for pid in pids)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await until(lambda: not any(is_alive(pid) for pid in pids))
    assert helpers.pids == []


async def test_what_takes_too_much_memory_fails_and_so_does_nobody_else(helpers: Helpers) -> None:
    with pytest.raises(PluginFailed, match="more than 64 MiB") as failed:
        await helpers.run(busy.hog, 1024, seconds=SOON)
    assert failed.value.final
    assert await helpers.run(busy.hog, 8, seconds=SOON) == 8 << 20


async def test_what_gives_too_much_fails_for_good_and_so_does_nobody_else(
    helpers: Helpers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers_module, "LARGEST", 1000)
    with pytest.raises(PluginFailed, match="larger than 1,000 bytes") as failed:
        await helpers.run(json.dumps, "x" * 2000, seconds=SOON)
    assert failed.value.final
    assert await helpers.run(json.dumps, "x", seconds=SOON) == '"x"'


async def test_a_plugins_own_failure_comes_back_whole(helpers: Helpers) -> None:
    with pytest.raises(PluginFailed, match="not this") as failed:
        await helpers.run(busy.refuse, "not this", seconds=SOON)
    assert (failed.value.final, failed.value.output) == (True, {"left": 1})


async def test_an_exception_that_cannot_travel_is_told_by_its_name(helpers: Helpers) -> None:
    with pytest.raises((RuntimeError, TypeError)):
        await helpers.run(busy.stumble, "oh", seconds=SOON)
    assert await helpers.run(busy.add, 1, 1, seconds=SOON) == 2


async def test_a_process_that_ends_by_itself_is_a_failure_and_is_replaced(
    helpers: Helpers,
) -> None:
    with pytest.raises(PluginFailed, match="exit code 3"):
        await helpers.run(busy.leave, 3, seconds=SOON)
    assert await helpers.run(busy.add, 1, 1, seconds=SOON) == 2


async def test_what_a_function_prints_is_no_answer(helpers: Helpers) -> None:
    assert await helpers.run(busy.chatter, seconds=SOON) == "said"


async def test_an_answer_that_would_run_something_is_not_read(helpers: Helpers) -> None:
    with pytest.raises((UnpicklingError, RuntimeError)):
        await helpers.run(busy.smuggle, seconds=SOON)


async def test_a_function_without_a_name_is_refused_here(helpers: Helpers) -> None:
    with pytest.raises(TypeError, match="no function of a module"):
        await helpers.run(lambda: 1, seconds=SOON)
    assert helpers.pids == []


async def test_no_more_run_at_once_than_may(helpers: Helpers) -> None:
    sums = await asyncio.gather(*(helpers.run(busy.add, n, n, seconds=SOON) for n in range(6)))
    assert sums == [0, 2, 4, 6, 8, 10]
    assert len(helpers.pids) <= 2


async def test_waiting_for_a_place_is_part_of_the_time(helpers: Helpers) -> None:
    held = [asyncio.ensure_future(helpers.run(busy.spin, seconds=SOON)) for _ in range(2)]
    await until(lambda: len(helpers.pids) == 2)
    with pytest.raises(PluginFailed, match="longer than"):
        await helpers.run(busy.add, 1, 1, seconds=0.05)
    for one in held:
        one.cancel()
    await asyncio.gather(*held, return_exceptions=True)


EXECUTOR = """
import asyncio, sys
from mainspring.testing import busy
from mainspring_executor import helpers as helpers_module
from mainspring_executor.helpers import Helpers

async def main():
    await Helpers(memory_mb=64).run(busy.hang, sys.argv[1], seconds=600.0)

asyncio.run(main())
"""


async def test_no_helper_outlives_an_executor_that_is_killed(tmp_path: Path) -> None:
    executor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", EXECUTOR, str(tmp_path), start_new_session=True
    )
    await until((tmp_path / "pids").exists)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    executor.kill()
    await executor.wait()
    await until(lambda: not any(is_alive(pid) for pid in pids))


async def test_closing_ends_all(helpers: Helpers) -> None:
    pid = await helpers.run(busy.who, seconds=SOON)
    await helpers.close()
    assert helpers.pids == []
    assert not is_alive(pid)
