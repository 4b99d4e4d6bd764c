"""`container.run`: what the engine is told, and that no container outlives its call."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from tests.unit.plugins.engine import parsed, put_on_path

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, failure, kept
from mainspring.testing.plugins import TestContext
from mainspring_plugins.processes.containers import Container, arguments

ID = "container.run"
PLAIN = Container(name="n", image="alpine", env_file=Path("/f/env"), outputs=Path("/f/out"))


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the tasks' folders are made."""
    made = tmp_path / "tasks"
    made.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    return made


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A strict engine that does what a file of the test says."""
    (tmp_path / "does").write_text("")
    return put_on_path(tmp_path, monkeypatch)


def value_of(words: tuple[str, ...], option: str) -> str:
    return words[words.index(option) + 1]


def test_nothing_is_open_that_was_not_asked_for() -> None:
    words = arguments("docker", PLAIN)
    assert words[:5] == ("docker", "run", "--rm", "--name", "n")
    assert "--read-only" in words
    assert value_of(words, "--network") == "none"
    assert value_of(words, "--cap-drop") == "ALL"
    assert value_of(words, "--security-opt") == "no-new-privileges"
    assert value_of(words, "--memory") == value_of(words, "--memory-swap") == "512m"
    assert value_of(words, "--cpus") == "1"
    assert value_of(words, "--pids-limit") == "256"
    assert words[-1] == "alpine"
    assert not {"--privileged", "--volume", "-v", "--device", "--env"} & set(words)


def test_words_of_the_command_come_after_the_image() -> None:
    container = Container(
        name="n",
        image="alpine",
        command=("--privileged",),
        env_file=Path("/f/env"),
        outputs=Path("/f/out"),
        mounts=((Path("/f/mount-0"), "/in"),),
    )
    words = arguments("podman", container)
    assert words[-2:] == ("alpine", "--privileged")
    assert "type=bind,source=/f/mount-0,target=/in,readonly" in words


@pytest.mark.parametrize(
    "words",
    [
        ("--privileged", "alpine"),
        ("--network", "host", "alpine"),
        ("--memory", "much", "alpine"),
        ("--name", "a", "--name", "b", "alpine"),
        ("--rm",),
        ("--rm", "--pull"),
        ("-v", "/:/host", "alpine"),
        ("Not An Image",),
    ],
)
def test_the_stand_in_refuses_what_an_engine_or_we_would_not_take(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as refused:
        parsed(list(words))
    assert refused.value.code == 125


async def test_deployment_that_does_not_allow_it_refuses_for_good() -> None:
    failed = await failure(ID, TestContext(), image="alpine")
    assert (failed.final, failed.fault) == (True, "refused")


async def test_deployment_without_an_engine_says_so(
    context: TestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(_: str) -> None:
        return None

    monkeypatch.setattr(shutil, "which", nowhere)
    failed = await failure(ID, context, image="alpine")
    assert failed.final
    assert "neither docker nor podman" in str(failed)


async def test_container_gets_its_files_and_hands_on_its_outputs(
    context: TestContext, engine: Path, folders: Path
) -> None:
    (engine / "does").write_text(
        'for word in "$@"; do case "$word" in\n'
        "  *target=/mainspring/outputs*) out=${word#*source=}; out=${out%%,*};;\n"
        "  *target=/in*) cat $(echo ${word#*source=} | cut -d, -f1);;\n"
        "  */env) cat $word;;\n"
        "esac; done\n"
        'echo "n=1" > "$out"\n'
    )
    output = await done(
        ID, context, image="alpine", env={"A": 1}, mounts=[{"target": "/in", "text": "file\n"}]
    )
    assert sorted(output["stdout"].splitlines()) == [
        "A=1",
        "MAINSPRING_OUTPUTS=/mainspring/outputs",
        "file",
    ]
    assert output["outputs"] == {"n": "1"}
    assert os.listdir(folders) == []


async def test_line_runs_in_the_shell_of_the_image(context: TestContext, engine: Path) -> None:
    await done(ID, context, image="alpine", command="echo hi | cat", memory=64, cpu=0.5)
    told = (engine / "told").read_text()
    assert told.endswith("--entrypoint /bin/sh alpine -c echo hi | cat\n")
    assert "--memory 64m" in told
    assert "--cpus 0.5" in told


async def test_memory_is_at_most_what_the_deployment_gives(
    context: TestContext, engine: Path
) -> None:
    await done(ID, context, image="alpine", memory=100_000)
    assert "--memory 512m" in (engine / "told").read_text()


async def test_container_whose_time_is_over_is_removed(context: TestContext, engine: Path) -> None:
    (engine / "does").write_text("echo begun; sleep 60\n")
    failed = await failure(ID, context, image="alpine", timeout=2)
    assert failed.fault == "timeout"
    name = (engine / "told").read_text().split("--name ")[1].split()[0]
    assert (engine / "told").read_text().splitlines()[-1] == f"rm --force {name}"


async def test_exit_code_fails_with_what_it_wrote(context: TestContext, engine: Path) -> None:
    (engine / "does").write_text("echo no such image >&2; exit 125\n")
    failed = await failure(ID, context, image="alpine")
    assert str(failed) == "it ended with exit code 125: no such image"
    assert kept(failed)["exit_code"] == 125


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"image": "--privileged"}, "image: is no name of an image"),
        ({"env": {"A-B": "c"}}, "env.A-B: is no name of a variable"),
        ({"env": {"A": "b\nC=d"}}, "env.A: has more than one line"),
        ({"mounts": [{"target": "in", "text": ""}]}, "mounts.0.target: is no absolute path"),
        ({"mounts": [{"target": "/a,b", "text": ""}]}, "mounts.0.target: is no absolute path"),
        ({"mounts": [{"target": "/a"}]}, "mounts.0: give either text or base64"),
        ({"mounts": [{"target": "/a", "base64": "%"}]}, "mounts.0.base64: is no base64"),
    ],
)
async def test_bad_input_is_told_with_its_place(
    context: TestContext, engine: Path, given: dict[str, Json], told: str
) -> None:
    failed = await failure(ID, context, **({"image": "alpine"} | given))
    assert failed.final
    assert str(failed).startswith(told)
    assert (engine / "told").read_text() == ""
