"""`script.shell`: a command of the shell, where the deployment allows that."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest, PluginFailed
from mainspring_plugins.processes.jobs import (
    Ended,
    Job,
    ended,
    fresh_folder,
    into_log,
    must_be_allowed,
)
from mainspring_plugins.processes.outputs import FILE, VARIABLE, read_outputs
from mainspring_plugins.support.asked import bad, span
from mainspring_plugins.support.schema import Schema, gives, of, takes
from mainspring_plugins.support.texts import as_bytes

_SHELL: Final = "/bin/sh"
_SCRIPT: Final = ".mainspring-script.sh"
ENV: Final[Schema] = {
    "type": "object",
    "description": "More of its environment, which is otherwise bare.",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}

MANIFEST: Final = Manifest(
    id="script.shell",
    name="Shell",
    category="Core",
    description=(
        "Runs a command with /bin/sh in a fresh folder. An exit code other than 0 fails the task."
    ),
    input=takes(
        {
            "command": of("string", "The command."),
            "script": of("string", "Several lines of it; stops at the first that fails."),
            "env": ENV,
            "workdir": of("string", "A folder inside the fresh one, made for it."),
            "timeout": of(["string", "number"], "Seconds, 30s, 5m; at most the task's own."),
            "stdin": of("string", "What it reads.", default=""),
        }
    ),
    output=gives(
        {
            "exit_code": of("integer", "0."),
            "stdout": of("string", "What it wrote; of 1 MiB and more the beginning."),
            "stderr": of("string", "What it wrote as errors, likewise."),
            "outputs": of("object", f"What it wrote to the file ${VARIABLE}: KEY=value or JSON."),
        }
    ),
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


def texts_of(env: Mapping[str, Json]) -> dict[str, str]:
    """Return an environment whose values are texts, true and false as in JSON."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in env.items()
    }


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


def seconds_of(given: Mapping[str, Json], context: Context) -> float:
    """Return how long the process may run.

    It ends a little before the call does, so that what it wrote is kept.
    """
    most = max(context.timeout - 1, context.timeout * 0.9)
    return min(span(given["timeout"], "timeout"), most) if "timeout" in given else most


def judge(found: Ended, output: dict[str, Any]) -> dict[str, Any]:
    """Return the output of what ended well; raise `PluginFailed` with it for what did not."""
    if found.timed_out:
        raise PluginFailed("the time was over: killed", output=output, fault="timeout")
    if found.exit_code != 0:
        raise PluginFailed(_reason(found), output=output)
    return output


def _reason(found: Ended) -> str:
    lines = found.stderr.strip().splitlines()
    last = f": {lines[-1][:300]}" if lines else ""
    if found.exit_code < 0:
        return f"it was ended by signal {-found.exit_code}{last}"
    return f"it ended with exit code {found.exit_code}{last}"


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
        output = told(found)
        if not found.timed_out and found.exit_code == 0:
            output["outputs"] = read_outputs(folder, context.max_output)
    return judge(found, output)


def told(found: Ended) -> dict[str, Any]:
    """Return the output but for what the task handed on."""
    return {
        "exit_code": found.exit_code,
        "stdout": found.stdout,
        "stderr": found.stderr,
        "outputs": {},
    }
