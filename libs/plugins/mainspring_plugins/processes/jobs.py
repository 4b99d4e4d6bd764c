"""A command of a task in a process of its own: bounded, and gone when the call is over.

It has a session of its own, a folder of its own that is removed after, none of the service's
environment, and limits on processor time, memory, files and processes.  However the call ends (its
end, its time, a cancel) the whole group is killed.  What this does not hold: it sees the service's
network and runs as its user, unless that is root; and a process that makes itself another session
outlives the group.  This process, which has secrets, is closed to it: where it is root, see
`owners`, else by the kernel's word.  For code of strangers there are containers.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import stat
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import cache
from math import ceil
from pathlib import Path
from shutil import rmtree
from typing import IO, Final, Literal

import msgspec

from mainspring.plugin import Context, PluginFailed
from mainspring.runtime import children
from mainspring_plugins.processes import limits as process_limits
from mainspring_plugins.processes.owners import Owner
from mainspring_plugins.support.failures import bad, refuse

PATH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
MOST_OUTPUT: Final = 1 << 20
"""Bytes that are kept of each of the two outputs."""
MOST_FILE: Final = 64 << 20
LAST_WORDS: Final = 1.0
"""Seconds for what a killed process had written to arrive."""
_SET_DUMPABLE: Final = 4  # of prctl
_CUT: Final = f"… cut: only the first {MOST_OUTPUT} bytes are kept"

Stream = Literal["stdout", "stderr"]
Said = Callable[[Stream, str], None]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is run, where, and how much it may take; `memory_mb` 0 leaves memory unbounded.

    A command of `limits.HERE` and a file of Python runs that file.  `who` is told by `owners.who`.
    """

    command: tuple[str, ...]
    folder: Path
    workdir: Path
    env: dict[str, str] = {}
    stdin: bytes = b""
    seconds: float
    memory_mb: int = 0
    who: str = process_limits.STAYS


class Ended(msgspec.Struct, frozen=True):
    """How a process ended; `timed_out`: it was killed when its time was over."""

    exit_code: int
    stdout: str
    stderr: str
    timed_out: bool = False

    @property
    def is_good(self) -> bool:
        return self.exit_code == 0 and not self.timed_out


def must_be_allowed(context: Context, need: Literal["shell", "python", "container"]) -> None:
    """Raise a final `PluginFailed` where the deployment does not allow such tasks."""
    if need not in context.allowed:
        raise PluginFailed(
            f"this deployment does not allow {need} tasks (MAINSPRING_ALLOW_TASKS)",
            final=True,
            fault="refused",
        )


@contextlib.asynccontextmanager
async def fresh_folder() -> AsyncGenerator[Path, None]:
    """Give a new folder, and remove it with all that is in it.

    It stays ours: what a task may change is a folder in it, so that no task can put another thing
    in the place of its own folder.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="mainspring-task-"))
    try:
        yield folder
    finally:
        # In a thread of its own: it is done also when this is cancelled once more.
        await asyncio.to_thread(_remove, folder)


def _remove(folder: Path) -> None:
    rmtree(folder, ignore_errors=True)
    if not folder.exists() or os.geteuid() == 0:  # root removes what it may not enter
        return
    for path, _, _ in os.walk(folder):  # a task of our own user may have locked its folders
        with contextlib.suppress(OSError):
            Path(path).chmod(stat.S_IRWXU)
    rmtree(folder, ignore_errors=True)


def task_folder(folder: Path, owner: Owner | None) -> Path:
    """Return a folder for the task itself, made in a fresh one."""
    made = folder / "task"
    made.mkdir(mode=stat.S_IRWXU)
    folder.chmod(0o711 if owner is not None else stat.S_IRWXU)
    return made


def hand_over(made: Path, owner: Owner | None) -> None:
    """Give the task's folder to the user that the task becomes, before it begins."""
    if owner is not None:
        for path in (made, *made.rglob("*")):
            os.chown(path, owner.uid, owner.gid)


def write_script(path: Path, script: bytes, owner: Owner | None) -> None:
    """Write what the task runs; nobody but the task reads it."""
    path.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
    path.write_bytes(script)
    hand_over(path, owner)


def environment(folder: Path, declared: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a task's process."""
    for name, value in declared.items():
        if "=" in name or not name or "\0" in name + value:
            raise bad(f"env.{name}", "is no variable of an environment")
    own = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder)}
    return own | dict(declared)


def limited(job: Job) -> tuple[str, ...]:
    """Return the command behind its limits."""
    bounds = (ceil(job.seconds) + 1, job.memory_mb << 20, MOST_FILE)
    limits = (sys.executable, "-I", "-S", process_limits.__file__, *map(str, bounds), job.who)
    return (*limits, *job.command)


async def ended(job: Job, said: Said) -> Ended:
    """Run a job to its end and return how it ended; each line goes to `said` as it comes.

    Raises a final `PluginFailed` for what cannot be started.  When it returns or raises, the
    process and its group are gone.
    """
    outputs = {name: _Output(name, said) for name in ("stdout", "stderr")}
    with contextlib.ExitStack() as files:
        stdin = files.enter_context(tempfile.TemporaryFile())
        stdin.write(job.stdin)
        stdin.seek(0)
        pipes = {name: _pipe(files) for name in outputs}
        process = await _started(job, stdin, pipes)
        readers = [
            asyncio.ensure_future(_read(pipes[name][0], output)) for name, output in outputs.items()
        ]
        for _, writer in pipes.values():
            writer.close()  # ours: else the readers would wait for ourselves
        timed_out = await _outcome(process, job.seconds, readers)
    for output in outputs.values():
        output.finish()
    stdout, stderr = (output.text for output in outputs.values())
    return Ended(process.returncode or 0, stdout, stderr, timed_out)


def _pipe(files: contextlib.ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    reader, writer = os.pipe()
    return (
        files.enter_context(os.fdopen(reader, "rb", 0)),
        files.enter_context(os.fdopen(writer, "wb", 0)),
    )


@cache
def close_to_others() -> None:
    """Let no other process of this user read this one's memory or environment.

    For good: a process that has run a task leaves no core behind, and no debugger of its own user
    gets into it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


async def _started(
    job: Job, stdin: IO[bytes], pipes: Mapping[str, tuple[IO[bytes], IO[bytes]]]
) -> Process:
    close_to_others()
    try:
        process = await asyncio.create_subprocess_exec(
            *limited(job),
            stdin=stdin,
            stdout=pipes["stdout"][1],
            stderr=pipes["stderr"][1],
            cwd=job.workdir,
            env=environment(job.folder, job.env),
            start_new_session=True,
        )
    except (OSError, ValueError, UnicodeError) as error:
        raise refuse(f"the process could not be started: {error}") from None
    # Should the executor be killed, nobody is left to kill the group but the watchdog.
    children.watch_group(process.pid)
    return process


async def _outcome(
    process: Process, seconds: float, readers: Sequence[asyncio.Future[None]]
) -> bool:
    """Wait for the end, kill the group, hear its last words; True when its time was over."""
    timed_out = False
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        timed_out = True
    finally:
        _kill(process)
        try:
            await _hear_out(process, readers)
        finally:
            children.forget(process.pid)
    return timed_out


def _kill(process: Process) -> None:
    # The group is there as long as one of it is, also when the first process has ended.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _hear_out(process: Process, readers: Sequence[asyncio.Future[None]]) -> None:
    try:
        await process.wait()
        await asyncio.wait(readers, timeout=LAST_WORDS)
    finally:
        for reader in readers:  # one that has left the group may hold a pipe open
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _read(pipe: IO[bytes], output: "_Output") -> None:
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), pipe
    )
    try:
        while chunk := await stream.read(1 << 16):
            output.add(chunk)
    finally:
        transport.close()


class _Output:
    """The first bytes of one output, and its lines as they come."""

    def __init__(self, name: str, said: Said) -> None:
        self._name: Stream = "stdout" if name == "stdout" else "stderr"
        self._said = said
        self._kept = bytearray()
        self._told = 0
        self._is_cut = False

    def add(self, chunk: bytes) -> None:
        room = MOST_OUTPUT - len(self._kept)
        self._is_cut = self._is_cut or len(chunk) > room
        self._kept += chunk[:room]
        while (end := self._kept.find(b"\n", self._told)) >= 0:
            self._tell(end)
            self._told = end + 1

    def finish(self) -> None:
        """Tell the last line, which has no end, and that the rest was cut."""
        if self._told < len(self._kept):
            self._tell(len(self._kept))
        if self._is_cut:
            self._said(self._name, _CUT)

    @property
    def text(self) -> str:
        found = self._kept.decode(errors="replace")
        return f"{found}\n{_CUT}" if self._is_cut else found

    def _tell(self, end: int) -> None:
        line = bytes(self._kept[self._told : end]).decode(errors="replace").rstrip("\r")
        self._said(self._name, line)


def into_log(context: Context) -> Said:
    """Return what writes lines of an output into the run's log."""
    return lambda stream, line: context.log(line, "INFO" if stream == "stdout" else "WARN")
