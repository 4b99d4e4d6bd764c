"""What a container engine is told: nothing is open but what the task asks for, and that is little.

No network unless it is asked for, a root that cannot be written, no capability, no new privilege,
bounds on memory, processors and processes.  Folders of the host cannot be mounted at all: a mount
carries its content with it.
"""

import re
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from mainspring.domain.message import Json
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.texts import as_bytes

MOST_PROCESSES: Final = 256
OUTPUTS: Final = "/mainspring/outputs"
SCRIPT: Final = "/mainspring/script"
"""Where a container finds what it runs, if that is not the image's own."""
_IMAGE: Final = re.compile(r"[a-zA-Z0-9][\w./:@-]{0,300}", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}", re.ASCII)


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """One container: its own name, and where the host keeps what it is given.

    `is_spoken_to`: it reads what the engine's command line is given as standard input.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    entrypoint: str = ""
    env_file: Path
    outputs: Path
    mounts: tuple[tuple[Path, str], ...] = ()
    network: str = "none"
    pull: str = "missing"
    workdir: str = ""
    cpu: float = 1.0
    memory_mb: int = 512
    user: str = ""
    is_spoken_to: bool = False


def arguments(engine: str, container: Container) -> tuple[str, ...]:
    """Return the command line that runs a container and removes it when it ends."""
    bounds = (
        *("--network", container.network, "--read-only", "--cap-drop", "ALL"),
        *("--security-opt", "no-new-privileges", "--pids-limit", str(MOST_PROCESSES)),
        *("--memory", f"{container.memory_mb}m", "--memory-swap", f"{container.memory_mb}m"),
        *("--cpus", f"{container.cpu:g}", "--tmpfs", "/tmp:rw,nosuid,nodev,size=64m"),  # noqa: S108
    )
    given = (
        *("--env-file", str(container.env_file)),
        *("--mount", _mount(container.outputs, OUTPUTS, read_only=False)),
        *(word for host, to in container.mounts for word in ("--mount", _mount(host, to))),
    )
    chosen = (
        *(("--interactive",) if container.is_spoken_to else ()),
        *(("--user", container.user) if container.user else ()),
        *(("--workdir", container.workdir) if container.workdir else ()),
        *(("--entrypoint", container.entrypoint) if container.entrypoint else ()),
    )
    about = ("run", "--rm", "--name", container.name, "--pull", container.pull)
    # What follows the image is the container's, whatever it looks like.
    return (engine, *about, *bounds, *given, *chosen, container.image, *container.command)


def laid_out(
    folder: Path, env: Mapping[str, str], files: Sequence[tuple[str, bytes]]
) -> dict[str, Any]:
    """Write into a folder what a container is given; return the fields that say where it is."""
    lines = env_lines(env)
    (folder / "env").write_bytes(lines)
    (folder / "outputs").touch()
    (folder / "outputs").chmod(0o666)  # the container's user is another one
    mounts: list[tuple[Path, str]] = []
    for at, (target, data) in enumerate(files):
        (folder / f"mount-{at}").write_bytes(data)
        (folder / f"mount-{at}").chmod(0o444)
        mounts.append((folder / f"mount-{at}", target))
    folder.chmod(0o711)
    return {
        "env_file": folder / "env",
        "outputs": folder / "outputs",
        "mounts": tuple(mounts),
    }


def removal(engine: str, name: str) -> tuple[str, ...]:
    """Return the command line that ends a container and removes it."""
    return (engine, "rm", "--force", name)


def _mount(host: Path, to: str, *, read_only: bool = True) -> str:
    return f"type=bind,source={host},target={to}{',readonly' if read_only else ''}"


def image_of(given: Mapping[str, Json]) -> str:
    """Return the image; raise a final `PluginFailed` for what could be taken for an option."""
    image: str = given["image"]
    if not _IMAGE.fullmatch(image):
        raise bad("image", "is no name of an image")
    return image


def words_of(given: Mapping[str, Json]) -> tuple[tuple[str, ...], str]:
    """Return the command and the entrypoint; a text is a line for the image's shell."""
    command, args = given.get("command"), tuple(given.get("args", ()))
    if isinstance(command, str):
        return ("-c", command, *args), "/bin/sh"
    return (*(command or ()), *args), ""


def env_lines(env: Mapping[str, str]) -> bytes:
    """Return an environment as a file of lines; raise a final `PluginFailed` if it cannot be."""
    for name, value in env.items():
        if not _NAME.fullmatch(name):
            raise bad(f"env.{name[:60]}", "is no name of a variable")
        if any(mark in value for mark in "\r\n\0"):
            raise bad(f"env.{name}", "has more than one line")
    return as_bytes("".join(f"{name}={value}\n" for name, value in env.items()), "env")


def contents(mounts: Sequence[Mapping[str, Json]]) -> list[tuple[str, bytes]]:
    """Return target and content of each mount; raise a final `PluginFailed` for a bad one."""
    found: list[tuple[str, bytes]] = []
    for at, mount in enumerate(mounts):
        target, place = mount["target"], f"mounts.{at}"
        is_plain = PurePosixPath(target).is_absolute() and ".." not in PurePosixPath(target).parts
        if not is_plain or any(mark in target for mark in ',\n\r\0"'):
            raise bad(f"{place}.target", "is no absolute path")
        found.append((target, _content(mount, place)))
    return found


def _content(mount: Mapping[str, Json], place: str) -> bytes:
    if ("text" in mount) == ("base64" in mount):
        raise bad(place, "give either text or base64")
    if "text" in mount:
        return as_bytes(mount["text"], f"{place}.text")
    try:
        return b64decode(mount["base64"], validate=True)
    except (NoBase64, ValueError):
        raise bad(f"{place}.base64", "is no base64") from None
