"""`script.shell`: a command of the shell, where the deployment allows that.

With an image it runs in a container, as `container.run` has them, and the deployment has to allow
these too.  A shell of the image's reads the script: what the line is for is the same either way.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.processes import owners
from mainspring_plugins.processes.containers import OUTPUTS as HANDED_ON_AT
from mainspring_plugins.processes.containers import SCRIPT, Container, image_of, laid_out
from mainspring_plugins.processes.endings import (
    CONTAINED,
    ENV,
    OUTPUTS,
    TIMEOUT,
    TOLD,
    judge,
    seconds_of,
    texts_of,
    told,
)
from mainspring_plugins.processes.engines import contained, engine_for, name_of
from mainspring_plugins.processes.jobs import (
    Ended,
    Job,
    ended,
    fresh_folder,
    hand_over,
    into_log,
    must_be_allowed,
    task_folder,
    write_script,
)
from mainspring_plugins.processes.outputs import FILE, VARIABLE, outputs, read_file, read_outputs
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.schema import closed, gives, text
from mainspring_plugins.support.texts import as_bytes

_SHELL: Final = "/bin/sh"
_SCRIPT: Final = ".mainspring-script.sh"
_INSIDE: Final = "/tmp/task"  # noqa: S108 - the container's own
_BEGIN: Final = f'mkdir -p "$1" && cd "$1" && exec {_SHELL} {SCRIPT}'
_USER: Final = r"^([a-z_][a-z0-9_-]{0,31}|[0-9]{1,10}(:[0-9]{1,10})?)$"

MANIFEST: Final = Manifest(
    id="script.shell",
    name="Shell",
    category="Core",
    description=(
        "Runs a command with /bin/sh in a fresh folder, or in a container of an image. "
        "An exit code other than 0 fails the task."
    ),
    input=closed(
        {
            "command": text("The command."),
            "script": text("Several lines of commands; it stops at the first that fails."),
            "env": ENV,
            "workdir": text("A folder inside the fresh one, made for it."),
            "timeout": TIMEOUT,
            "stdin": text("What it reads from standard input.", default=""),
            "image": CONTAINED,
            "user": text(
                "Whom it runs as, by name or uid: of the image, or of the executor's machine where "
                "the executor may become another user.",
                pattern=_USER,
            ),
        }
    ),
    output=gives(TOLD | {"outputs": OUTPUTS}),
    needs="shell",
    examples=(
        {
            "input": {"command": 'echo "hello $NAME"', "env": {"NAME": "you"}},
            "output": {"exit_code": 0, "stdout": "hello you\n", "stderr": "", "outputs": {}},
        },
    ),
)


def lines_of(given: Mapping[str, Json]) -> bytes:
    """Return what the shell reads; raise a final `PluginFailed` unless there is just one thing.

    It is a file for the shell and no argument of it, for an argument may not be long.
    """
    said = [name for name in ("command", "script") if given.get(name)]
    if len(said) != 1:
        raise bad("command", "give either command or script")
    lines = given[said[0]] if said == ["command"] else f"set -e\n{given['script']}"
    return as_bytes(lines, said[0])


def inside(folder: Path, name: str) -> Path:
    """Return the folder of that name, made; raise a final `PluginFailed` for one outside."""
    try:
        found = (folder / name).resolve()
        if found.is_relative_to(folder.resolve()):
            found.mkdir(parents=True, exist_ok=True)
            return found
    except (OSError, ValueError) as error:
        raise bad("workdir", f"cannot be made: {error}") from None
    raise bad("workdir", "lies outside of the task's folder")


def within(name: str) -> str:
    """Return the folder of that name in a container; raise a final `PluginFailed` if outside."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise bad("workdir", "lies outside of the task's folder")
    return str(_INSIDE / path)


def container_of(given: Mapping[str, Json], context: Context, folder: Path) -> Container:
    """Return the container of a command, what it is given written into a folder."""
    env = {"HOME": "/tmp"} | texts_of(given.get("env", {})) | {VARIABLE: HANDED_ON_AT}  # noqa: S108
    return Container(
        name=name_of(context),
        image=image_of(given),
        entrypoint=_SHELL,
        command=("-c", _BEGIN, "sh", within(given.get("workdir", "."))),
        memory_mb=context.memory_mb,
        user=given.get("user", ""),
        is_spoken_to=True,
        **laid_out(folder, env, [(SCRIPT, lines_of(given))]),
    )


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return what the command wrote; raise `PluginFailed` with that when it fails."""
    must_be_allowed(context, "shell")
    lines_of(given)
    async with fresh_folder() as folder:
        done = _in_container if "image" in given else _here
        found, handed_on = await done(given, context, folder)
    return judge(found, told(found) | {"outputs": handed_on})


async def _here(
    given: Mapping[str, Json], context: Context, folder: Path
) -> tuple[Ended, dict[str, Json]]:
    user = given.get("user")
    owner = owners.owner_of(user, folder) if user else owners.owner_for_tasks(folder)
    own = task_folder(folder, owner)
    write_script(folder / _SCRIPT, lines_of(given), owner)
    job = Job(
        command=(_SHELL, str(folder / _SCRIPT)),
        folder=own,
        workdir=inside(own, given.get("workdir", ".")),
        env=texts_of(given.get("env", {})) | {VARIABLE: str(own / FILE)},
        stdin=as_bytes(given.get("stdin", ""), "stdin"),
        seconds=seconds_of(given, context),
        memory_mb=context.memory_mb,
        who=owners.who(owner),
    )
    hand_over(own, owner)
    found = await ended(job, into_log(context))
    return found, read_outputs(own, context.max_output) if found.is_good else {}


async def _in_container(
    given: Mapping[str, Json], context: Context, folder: Path
) -> tuple[Ended, dict[str, Json]]:
    engine, seconds = await engine_for(context), seconds_of(given, context)
    container, stdin = (
        container_of(given, context, folder),
        as_bytes(given.get("stdin", ""), "stdin"),
    )
    found = await contained(engine, container, context, seconds=seconds, stdin=stdin)
    data = read_file(container.outputs, context.max_output) if found.is_good else b""
    return found, outputs(data.decode(errors="replace"))
