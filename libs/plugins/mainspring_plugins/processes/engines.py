"""The container engine of this machine: its command line, started, and its container removed.

The engine is the command line of docker or podman, whichever is on the path.  Killing it does not
end what it has started, so the container has a name and is removed by it, however the call ends.
A client of the engine's socket lost: there would be one more protocol to speak, and podman has no
socket where nobody runs one.
"""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any, Final

from mainspring.plugin import Context, PluginFailed
from mainspring_plugins.processes.containers import Container, arguments, removal
from mainspring_plugins.processes.jobs import Ended, Job, ended, into_log, must_be_allowed

ENGINES: Final = ("docker", "podman")
REMOVAL_S: Final = 20.0
_PASSED_ON: Final = ("DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR", "HOME", "PATH")
"""What the engine's command line needs to find its engine; no container sees it."""


async def engine_for(context: Context) -> str:
    """Return the path of the engine's command line.

    Raises a final `PluginFailed` where the deployment does not allow containers, or has no engine.
    """
    must_be_allowed(context, "container")
    for name in ENGINES:
        if found := await asyncio.to_thread(shutil.which, name):
            return found
    raise PluginFailed(
        "this deployment has no container engine: neither docker nor podman is on the path",
        final=True,
        fault="refused",
    )


async def contained(
    engine: str, container: Container, context: Context, *, seconds: float, stdin: bytes = b""
) -> Ended:
    """Run a container to its end and return how it ended; it is gone when this returns or raises.

    Raises a final `PluginFailed` where the engine cannot be started.
    """
    folder, is_over = container.env_file.parent, False
    try:
        job = _job(arguments(engine, container), folder, seconds=seconds, stdin=stdin)
        found = await ended(job, into_log(context))
        is_over = not found.timed_out
    finally:
        if not is_over:
            job = _job(removal(engine, container.name), folder, seconds=REMOVAL_S)
            await asyncio.shield(asyncio.ensure_future(ended(job, _unheard)))
    return found


def _job(words: tuple[str, ...], folder: Path, **more: Any) -> Job:  # noqa: ANN401 - a job's fields
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return Job(command=words, folder=folder, workdir=folder, env=passed_on, **more)


def name_of(context: Context) -> str:
    """Return a name that no other container has."""
    return f"mainspring-{context.chance.seed()[:24]}"


def _unheard(_: str, __: str) -> None:
    """Say nothing: the container may well be gone."""
