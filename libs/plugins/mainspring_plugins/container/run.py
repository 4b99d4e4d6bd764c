"""`container.run`: a command in a container, where the deployment allows that and has an engine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.processes.containers import (
    OUTPUTS,
    Container,
    contents,
    image_of,
    laid_out,
    words_of,
)
from mainspring_plugins.processes.endings import (
    ENV,
    TIMEOUT,
    TOLD,
    judge,
    seconds_of,
    texts_of,
    told,
)
from mainspring_plugins.processes.endings import OUTPUTS as HANDED_ON
from mainspring_plugins.processes.engines import contained, engine_for, name_of
from mainspring_plugins.processes.jobs import fresh_folder
from mainspring_plugins.processes.outputs import VARIABLE, outputs, read_file
from mainspring_plugins.support.schema import (
    choice,
    closed,
    gives,
    number,
    of,
    several,
    text,
    whole,
)

_MOUNT: Final = closed(
    {
        "target": text("Where the container finds the file."),
        "text": text("The content."),
        "base64": text("The content as base64, where it is no text."),
    },
    "target",
)

MANIFEST: Final = Manifest(
    id="container.run",
    name="Container",
    category="Core",
    description=(
        "Runs a command in a container, without network and with a root that cannot be written. "
        "An exit code other than 0 fails the task."
    ),
    input=closed(
        {
            "image": text("The image.", minLength=1),
            "command": of(
                ["array", "string"],
                "The command's words, or a line for the image's /bin/sh; the image's own if none.",
                items={"type": "string"},
            ),
            "args": several("More words of the command.", {"type": "string"}),
            "env": ENV,
            "workdir": text("The folder in which it runs.", pattern="^/"),
            "mounts": several("Files for it, which it can only read.", _MOUNT),
            "pull": choice(
                "When the image is fetched.", "missing", "always", "never", default="missing"
            ),
            "cpu": number("How many processors.", default=1, exclusiveMinimum=0, maximum=64),
            "memory": whole("MiB of memory, at most what the deployment gives.", minimum=16),
            "network": choice("The container's network.", "none", "bridge", default="none"),
            "user": text("The user, as uid or uid:gid.", pattern="^[0-9]+(:[0-9]+)?$"),
            "timeout": TIMEOUT,
        },
        "image",
    ),
    output=gives(TOLD | {"outputs": HANDED_ON}),
    needs="container",
    examples=(
        {
            "input": {"image": "alpine:3.20", "command": ["echo", "hello"]},
            "output": {"exit_code": 0, "stdout": "hello\n", "stderr": "", "outputs": {}},
        },
    ),
)


def container_of(given: Mapping[str, Json], context: Context, folder: Path) -> Container:
    """Return the container, what it is given written into a folder."""
    command, entrypoint = words_of(given)
    env = texts_of(given.get("env", {})) | {VARIABLE: OUTPUTS}
    return Container(
        name=name_of(context),
        image=image_of(given),
        command=command,
        entrypoint=entrypoint,
        network=given.get("network", "none"),
        pull=given.get("pull", "missing"),
        workdir=given.get("workdir", ""),
        cpu=given.get("cpu", 1),
        memory_mb=int(min(given.get("memory", context.memory_mb), context.memory_mb)),
        user=given.get("user", ""),
        **laid_out(folder, env, contents(given.get("mounts", ()))),
    )


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return what the container wrote; raise `PluginFailed` with that when it fails."""
    engine, seconds = await engine_for(context), seconds_of(given, context)
    async with fresh_folder() as folder:
        container = container_of(given, context, folder)
        found = await contained(engine, container, context, seconds=seconds)
        output: dict[str, Any] = told(found) | {"outputs": {}}
        if found.is_good:
            data = read_file(container.outputs, context.max_output)
            output["outputs"] = outputs(data.decode(errors="replace"))
    return judge(found, output)
