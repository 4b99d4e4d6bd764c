"""`script.shell`: a command of the shell, where the deployment allows that."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.processes.endings import (
    ENV,
    OUTPUTS,
    TIMEOUT,
    TOLD,
    judge,
    seconds_of,
    texts_of,
    told,
)
from mainspring_plugins.processes.jobs import (
    Job,
    ended,
    fresh_folder,
    into_log,
    must_be_allowed,
)
from mainspring_plugins.processes.outputs import FILE, VARIABLE, read_outputs
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.schema import closed, gives, text
from mainspring_plugins.support.texts import as_bytes

_SHELL: Final = "/bin/sh"
_SCRIPT: Final = ".mainspring-script.sh"

MANIFEST: Final = Manifest(
    id="script.shell",
    name="Shell",
    category="Core",
    description=(
        "Runs a command with /bin/sh in a fresh folder. An exit code other than 0 fails the task."
    ),
    input=closed(
        {
            "command": text("The command."),
            "script": text("Several lines of commands; it stops at the first that fails."),
            "env": ENV,
            "workdir": text("A folder inside the fresh one, made for it."),
            "timeout": TIMEOUT,
            "stdin": text("What it reads from standard input.", default=""),
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


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return what the command wrote; raise `PluginFailed` with that when it fails."""
    must_be_allowed(context, "shell")
    lines, seconds = lines_of(given), seconds_of(given, context)
    async with fresh_folder() as folder:
        (folder / _SCRIPT).write_bytes(lines)
        job = Job(
            command=(_SHELL, str(folder / _SCRIPT)),
            folder=folder,
            workdir=inside(folder, given.get("workdir", ".")),
            env=texts_of(given.get("env", {})) | {VARIABLE: str(folder / FILE)},
            stdin=as_bytes(given.get("stdin", ""), "stdin"),
            seconds=seconds,
            memory_mb=context.memory_mb,
        )
        found = await ended(job, into_log(context))
        output: dict[str, Any] = told(found) | {"outputs": {}}
        if not found.timed_out and found.exit_code == 0:
            output["outputs"] = read_outputs(folder, context.max_output)
    return judge(found, output)
