"""`script.shell`: what a command sees, gives, and leaves behind: nothing."""

import asyncio
import ctypes
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.plugins.engine import put_on_path

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, failure, kept, unfit
from mainspring.testing.plugins import TestContext
from mainspring_plugins.processes import jobs, owners
from mainspring_plugins.processes.endings import seconds_of
from mainspring_plugins.processes.outputs import outputs, read_file

ID = "script.shell"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the tasks' folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_deployment_that_does_not_allow_it_refuses_for_good() -> None:
    failed = await failure(ID, TestContext(), command="true")
    assert (failed.final, failed.fault) == (True, "refused")
    assert str(failed) == "this deployment does not allow shell tasks (MAINSPRING_ALLOW_TASKS)"


async def test_command_sees_a_bare_environment(
    context: TestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSPRING_DATABASE_URL", "secret")
    output = await done(ID, context, command="env", env={"MORE": True})
    names = {line.partition("=")[0] for line in output["stdout"].splitlines()}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {
        *("PATH", "LANG", "HOME", "TMPDIR", "MAINSPRING_OUTPUTS", "MORE")
    }
    assert "MORE=true" in output["stdout"].splitlines()


async def test_service_is_closed_to_its_tasks(context: TestContext) -> None:
    await done(ID, context, command="true")
    get_dumpable = 3
    assert sys.platform != "linux" or ctypes.CDLL(None).prctl(get_dumpable, 0, 0, 0, 0) == 0


async def test_folder_is_fresh_and_gone_after(context: TestContext, folders: Path) -> None:
    command = "touch here && mkdir locked && touch locked/in && chmod 0 locked && pwd"
    output = await done(ID, context, command=command, workdir="deep/er")
    assert output["stdout"].strip().endswith("deep/er")
    assert os.listdir(folders) == []


async def test_input_and_outputs_pass_through(context: TestContext) -> None:
    script = 'read line\necho "got $line"\necho oops >&2\necho "total=3" >> "$MAINSPRING_OUTPUTS"'
    output = await done(ID, context, script=script, stdin="hello\n")
    assert output == {
        "exit_code": 0,
        "stdout": "got hello\n",
        "stderr": "oops\n",
        "outputs": {"total": "3"},
    }
    assert sorted(context.logged) == [("INFO", "got hello"), ("WARN", "oops")]


async def test_script_stops_at_the_line_that_fails_and_keeps_what_it_wrote(
    context: TestContext,
) -> None:
    failed = await failure(ID, context, script="echo before\necho why >&2\nfalse\necho after")
    assert (str(failed), failed.final) == ("it ended with exit code 1: why", False)
    assert kept(failed)["stdout"] == "before\n"


async def test_long_script_is_no_argument(context: TestContext) -> None:
    output = await done(ID, context, script=f"# {'x' * 300_000}\necho done")
    assert output["stdout"] == "done\n"


async def test_process_that_a_signal_ends_is_told_so(context: TestContext) -> None:
    failed = await failure(ID, context, command="kill -9 $$")
    assert str(failed) == "it was ended by signal 9"


async def test_time_ends_the_whole_group(context: TestContext) -> None:
    command = "sleep 60 & echo $!; sleep 60"
    failed = await failure(ID, context, command=command, timeout=2)
    assert failed.fault == "timeout"
    assert is_gone(int(kept(failed)["stdout"]))


async def test_what_runs_on_in_the_background_ends_with_its_task(context: TestContext) -> None:
    output = await done(ID, context, command="sleep 60 & echo $!")
    assert is_gone(int(output["stdout"]))


async def test_cancelled_call_ends_the_whole_group_and_leaves_no_folder(
    context: TestContext, folders: Path
) -> None:
    heard = asyncio.Event()
    log = context.log

    def logged(message: str, level: str = "INFO") -> None:
        log(message)
        heard.set()

    context.log = logged
    task = asyncio.ensure_future(done(ID, context, command="sleep 60 & echo $!; sleep 60"))
    await asyncio.wait_for(heard.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_gone(int(context.logged[0][1]))
    assert os.listdir(folders) == []


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, though perhaps nobody has asked how."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


async def test_output_is_cut_and_says_so(
    context: TestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_OUTPUT", 10)
    output = await done(ID, context, command="echo 12345; echo 67890")
    assert output["stdout"].startswith("12345\n6789\n… cut")
    assert [line for _, line in context.logged][:2] == ["12345", "6789"]
    assert context.logged[-1][1].startswith("… cut")


async def test_endless_output_ends_with_its_time(context: TestContext) -> None:
    failed = await failure(ID, context, command="yes", timeout=0.5)
    assert failed.fault == "timeout"
    assert len(kept(failed)["stdout"]) < jobs.MOST_OUTPUT + 100


async def test_memory_and_files_are_bounded(
    context: TestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_FILE", 4096)
    context.memory_mb = 300
    output = await done(ID, context, command="ulimit -v; ulimit -c; ulimit -n")
    assert output["stdout"].split() == [str(300 << 10), "0", "256"]
    failed = await failure(ID, context, command="head -c 10000 /dev/zero > big")
    assert "exit code" in str(failed) or f"signal {int(signal.SIGXFSZ)}" in str(failed)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "command: give either command or script"),
        ({"command": "a", "script": "b"}, "command: give either command or script"),
        ({"command": "a", "workdir": "../.."}, "workdir: lies outside of the task's folder"),
        ({"command": "a", "workdir": "a\0b"}, "workdir: cannot be made"),
        ({"command": "a", "env": {"A=B": "c"}}, "env.A=B: is no variable"),
        ({"command": "a", "env": {"A": "\0"}}, "env.A: is no variable"),
        ({"command": "a\ud800"}, "command: holds half a character"),
        ({"command": "a", "timeout": "soon"}, "timeout: is no span of time"),
    ],
)
async def test_bad_input_is_told_with_its_place(
    context: TestContext, given: dict[str, Json], told: str
) -> None:
    failed = await failure(ID, context, **given)
    assert failed.final
    assert str(failed).startswith(told)


def test_schema_tells_what_it_does_not_take() -> None:
    assert unfit(ID, {"command": "a", "image": ""})[0].startswith("image")
    assert unfit(ID, {"command": "a", "user": "a b"})[0].startswith("user")
    assert unfit(ID, {"command": ["a"]})[0].startswith("command")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a=1\n\nb = x=y\n", {"a": "1", "b": " x=y"}),
        ('{"a": {"b": 1}}', {"a": {"b": 1}}),
    ],
)
def test_outputs_are_lines_or_an_object(text: str, found: Json) -> None:
    assert outputs(text) == found


async def test_outputs_that_are_neither_fail_with_their_line(context: TestContext) -> None:
    failed = await failure(ID, context, command='echo nonsense > "$MAINSPRING_OUTPUTS"')
    assert "line 1 of the file MAINSPRING_OUTPUTS" in str(failed)


def test_outputs_are_no_link_to_a_file_of_the_service(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a=1")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    assert read_file(tmp_path / "link", 100) == b""


async def test_process_ends_before_its_call_so_that_what_it_wrote_is_kept() -> None:
    context = TestContext(timeout=2.0, allowed=frozenset(("shell",)))
    failed = await failure(ID, context, command="echo begun; sleep 60", timeout="5m")
    assert kept(failed)["stdout"] == "begun\n"
    assert seconds_of({"timeout": "5m"}, context) == 1.8
    assert seconds_of({}, TestContext(timeout=60.0)) == 59.0


# In a container of an image.


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A strict engine that runs here what a container would run."""
    folder = tmp_path / "engine"
    folder.mkdir()
    return put_on_path(folder, monkeypatch)


async def test_with_an_image_it_runs_in_a_container_without_network(
    context: TestContext, engine: Path
) -> None:
    given: dict[str, Json] = {
        "script": 'cat\npwd\necho "n=$N" > "$MAINSPRING_OUTPUTS"',
        "stdin": "said\n",
        "env": {"N": 7},
        "workdir": "deep/er",
    }
    output = await done(ID, context, image="alpine:3.20", user="app", **given)
    said, place = output["stdout"].splitlines()
    assert (said, Path(place).name, output["outputs"]) == ("said", "er", {"n": "7"})
    told = (engine / "told").read_text()
    for words in ("--network none", "--read-only", "--user app", "--memory 512m", "--interactive"):
        assert words in told
    assert told.endswith("alpine:3.20 -c " + told.partition(" -c ")[2])


async def test_a_script_in_a_container_stops_at_the_line_that_fails(
    context: TestContext, engine: Path
) -> None:
    failed = await failure(ID, context, script="echo so far\nfalse\necho on", image="alpine")
    assert (kept(failed)["stdout"], kept(failed)["exit_code"]) == ("so far\n", 1)


async def test_container_of_a_script_whose_time_is_over_is_removed(
    context: TestContext, engine: Path, folders: Path
) -> None:
    failed = await failure(ID, context, command="sleep 60", image="alpine", timeout=1)
    assert failed.fault == "timeout"
    run, remove = (engine / "told").read_text().splitlines()
    assert remove == f"rm --force {run.split('--name ')[1].split()[0]}"
    assert os.listdir(folders) == ["engine"]


async def test_an_image_needs_containers_to_be_allowed(engine: Path) -> None:
    context = TestContext(allowed=frozenset(("shell",)))
    failed = await failure(ID, context, command="true", image="alpine")
    assert (failed.final, failed.fault) == (True, "refused")
    assert "does not allow container tasks" in str(failed)
    assert (engine / "told").read_text() == ""


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"image": "--privileged"}, "image: is no name of an image"),
        ({"workdir": "../up"}, "workdir: lies outside of the task's folder"),
        ({"workdir": "/etc"}, "workdir: lies outside of the task's folder"),
        ({"env": {"A": "b\nC=d"}}, "env.A: has more than one line"),
        ({"script": "b"}, "command: give either command or script"),
    ],
)
async def test_bad_input_of_a_container_is_told_with_its_place(
    context: TestContext, engine: Path, given: dict[str, Json], told: str
) -> None:
    failed = await failure(ID, context, **({"command": "a", "image": "alpine"} | given))
    assert failed.final
    assert str(failed).startswith(told)
    assert (engine / "told").read_text() == ""


# As whom it runs.


@pytest.fixture
def open_folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for the tasks' folders that every user can enter, as that of a machine is."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    yield made
    shutil.rmtree(made)


async def test_no_task_reads_the_environment_or_the_memory_of_the_executor(
    context: TestContext, open_folders: Path
) -> None:
    for name in ("environ", "mem", "maps"):
        failed = await failure(ID, context, command=f"head -c 1 /proc/{os.getpid()}/{name}")
        assert "Permission denied" in kept(failed)["stderr"], name


async def test_no_task_that_must_stay_root_reads_them_either(context: TestContext) -> None:
    # pytest's folders are closed to all others, so nobody else could enter the task's own.
    await test_no_task_reads_the_environment_or_the_memory_of_the_executor(context, Path())
    output = await done(ID, context, command="grep CapEff: /proc/self/status")
    assert int(output["stdout"].split()[1], 16) == 0


async def test_no_task_runs_as_root_where_another_user_can_do_it(
    context: TestContext, open_folders: Path
) -> None:
    output = await done(ID, context, command="id -u; touch here; mkdir -m 0 locked; ls -A")
    uid, *names = output["stdout"].split()
    assert int(uid) == (os.geteuid() or owners.TASKS)
    assert names == ["here", "locked"]
    mode = await done(ID, context, command='stat -c "%a %u" "$0"')
    assert mode["stdout"].split() == ["600", uid]
    assert os.listdir(open_folders) == []


async def test_task_runs_as_the_user_that_it_names_where_it_may(
    context: TestContext, open_folders: Path
) -> None:
    uid = os.geteuid() or 65532
    output = await done(ID, context, command="id -u; echo a=1 > $MAINSPRING_OUTPUTS", user=str(uid))
    assert (output["stdout"], output["outputs"]) == (f"{uid}\n", {"a": "1"})


@pytest.mark.parametrize("user", ["root", "0", "0:100"])
async def test_no_task_runs_as_root_by_its_own_wish(
    context: TestContext, open_folders: Path, user: str
) -> None:
    failed = await failure(ID, context, command="id", user=user)
    assert (failed.final, failed.fault) == (True, "refused")
    assert str(failed) == f"user: {user} is refused: no task runs as root"


def never(_: object) -> bool:
    return False


def always(_: object) -> bool:
    return True


async def test_user_that_cannot_be_become_is_a_clear_fault(
    context: TestContext, open_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = await failure(ID, context, command="id", user="nobody-at-all")
    assert str(unknown) == "user: this machine has no user nobody-at-all"
    monkeypatch.setattr(owners, "_may_become", never)
    failed = await failure(ID, context, command="id", user="65532")
    assert (failed.final, failed.fault) == (True, "refused")
    assert "may not become another user" in str(failed)


async def test_user_who_cannot_enter_the_folder_of_tasks_is_a_clear_fault(
    context: TestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "_may_become", always)
    failed = await failure(ID, context, command="id", user="65532")
    assert "it could not enter" in str(failed)
