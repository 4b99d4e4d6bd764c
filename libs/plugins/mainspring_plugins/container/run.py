"""`container.run`: a command in a container, where the deployment allows that and has an engine.

The engine is the command line of docker or podman, whichever is on the path.  Killing it does not
end what it has started, so the container has a name and is removed by it, however the call ends.
"""

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest, PluginFailed
from mainspring_plugins.processes.containers import (
    OUTPUTS,
    Container,
    arguments,
    contents,
    env_lines,
    image_of,
    removal,
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
from mainspring_plugins.processes.jobs import (
    Job,
    ended,
    fresh_folder,
    into_log,
    must_be_allowed,
)
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

ENGINES: Final = ("docker", "podman")
REMOVAL_S: Final = 20.0
_PASSED_ON: Final = ("DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR", "HOME", "PATH")
"""What the engine's command line needs to find its engine; no container sees it."""
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
    image, lines, files = image_of(given), env_lines(env), contents(given.get("mounts", ()))
    (folder / "env").write_bytes(lines)
    (folder / "outputs").touch()
    (folder / "outputs").chmod(0o666)  # the container's user is another one
    mounts: list[tuple[Path, str]] = []
    for at, (target, data) in enumerate(files):
        (folder / f"mount-{at}").write_bytes(data)
        (folder / f"mount-{at}").chmod(0o444)
        mounts.append((folder / f"mount-{at}", target))
    folder.chmod(0o711)
    return Container(
        name=f"mainspring-{context.chance.seed()[:24]}",
        image=image,
        command=command,
        entrypoint=entrypoint,
        env_file=folder / "env",
        outputs=folder / "outputs",
        mounts=tuple(mounts),
        network=given.get("network", "none"),
        pull=given.get("pull", "missing"),
        workdir=given.get("workdir", ""),
        cpu=given.get("cpu", 1),
        memory_mb=int(min(given.get("memory", context.memory_mb), context.memory_mb)),
        user=given.get("user", ""),
    )


async def engine_of() -> str:
    """Return the path of the engine's command line; raise a final `PluginFailed` without one."""
    for name in ENGINES:
        if found := await asyncio.to_thread(shutil.which, name):
            return found
    raise PluginFailed(
        "this deployment has no container engine: neither docker nor podman is on the path",
        final=True,
        fault="refused",
    )


def _job(words: tuple[str, ...], folder: Path, seconds: float) -> Job:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return Job(command=words, folder=folder, workdir=folder, env=passed_on, seconds=seconds)


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return what the container wrote; raise `PluginFailed` with that when it fails."""
    must_be_allowed(context, "container")
    engine, seconds = await engine_of(), seconds_of(given, context)
    async with fresh_folder() as folder:
        container = container_of(given, context, folder)
        finished = False
        try:
            job = _job(arguments(engine, container), folder, seconds)
            found = await ended(job, into_log(context))
            finished = not found.timed_out
        finally:
            if not finished:
                job = _job(removal(engine, container.name), folder, REMOVAL_S)
                await asyncio.shield(asyncio.ensure_future(ended(job, _unheard)))
        output: dict[str, Any] = told(found) | {"outputs": {}}
        if finished and found.exit_code == 0:
            data = read_file(container.outputs, context.max_output)
            output["outputs"] = outputs(data.decode(errors="replace"))
    return judge(found, output)


def _unheard(_: str, __: str) -> None:
    """Say nothing: the container may well be gone."""
