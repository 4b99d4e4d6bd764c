"""Helper processes for what can run away by its input alone: made at need, used again, ended idle.

A thread lost: it cannot be stopped, and shares the memory that it fills.  Each helper leads a
session of its own, so that it is ended with all that it has started, and the watchdog ends it when
this process dies.  A helper that ran over its time or its memory is never used again.
"""

import asyncio
import io
import os
import pickle
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from operator import attrgetter
from signal import SIGKILL, Signals
from typing import Any, Final, TypeVar, cast

from mainspring.plugin import PluginFailed
from mainspring.runtime import children
from mainspring_executor import helper
from mainspring_executor.helper import LENGTH, Answer

MOST: Final = 8
IDLE: Final = 30.0
"""Seconds after which a helper that nobody uses is ended."""

LARGEST: Final = 64 << 20
"""Bytes that a question or an answer may have."""

_ENVIRONMENT: Final = {"PATH": os.defpath, "LANG": "C.UTF-8"}
_PLAIN: Final = frozenset({"set", "frozenset", "bytearray", "complex", "range", "slice"})
T = TypeVar("T")


class Helpers:
    """Runs functions of modules in helper processes, at most `most` at once."""

    def __init__(self, *, memory_mb: int = 512, most: int = MOST, idle: float = IDLE) -> None:
        self._memory_mb = memory_mb
        self._idle_s = idle
        self._room = asyncio.Semaphore(most)
        self._idle: list[tuple[float, Process]] = []
        self._all: set[Process] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[int]] = set()

    @property
    def pids(self) -> list[int]:
        """The processes that there are now."""
        return [process.pid for process in self._all]

    async def run(self, function: Callable[..., T], *args: object, seconds: float) -> T:
        """Return what a module's function does; raise what it raises.

        Raises `PluginFailed` when its time or its memory is used up, and `TypeError` for a function
        that has no name in a module.
        """
        question = pickle.dumps((*_named(function), args, seconds))
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(deadline), self._room:
                answer = await self._asked(question)
        except TimeoutError:
            raise _late(seconds) from None
        match answer:
            case ("done", value):
                return cast("T", value)
            case ("raised", Exception() as error):
                raise error
            case _:
                raise PluginFailed(
                    f"it needs more than {self._memory_mb} MiB of memory", final=True
                )

    async def close(self) -> None:
        """End every helper."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for process in tuple(self._all):
            self._end(process)
        self._idle.clear()
        await asyncio.gather(*self._ending)

    async def _asked(self, question: bytes) -> Answer:
        process = self._spare() or await self._start()
        try:
            answer = await _exchange(process, question)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._end(process)
            raise _died(await process.wait(), self._memory_mb) from None
        except BaseException:
            self._end(process)
            raise
        if answer[0] == "memory":
            self._end(process)
        else:
            self._keep(process)
        return answer

    def _spare(self) -> Process | None:
        """Return the helper that was used last; one that somebody has killed is passed over."""
        while self._idle:
            process = self._idle.pop()[1]
            if process.returncode is None:
                return process
            self._end(process)
        return None

    async def _start(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            helper.__name__,
            str(self._memory_mb),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd="/",
            env=_ENVIRONMENT,
            start_new_session=True,
            limit=1 << 20,
        )
        children.watch_group(process.pid)
        self._all.add(process)
        return process

    def _keep(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        self._idle.append((loop.time(), process))
        if self._sweeper is None:
            self._sweeper = loop.call_later(self._idle_s, self._sweep)

    def _sweep(self) -> None:
        """End helpers that were not used for long; the youngest is the one that is used next."""
        loop = asyncio.get_running_loop()
        while self._idle and loop.time() - self._idle[0][0] >= self._idle_s:
            self._end(self._idle.pop(0)[1])
        left = self._idle[0][0] + self._idle_s - loop.time() if self._idle else 0.0
        self._sweeper = loop.call_later(left, self._sweep) if self._idle else None

    def _end(self, process: Process) -> None:
        """Kill a helper with all that it has started; it is gone a moment later."""
        if process not in self._all:
            return
        self._all.discard(process)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, SIGKILL)
        waiting = asyncio.ensure_future(process.wait())
        self._ending.add(waiting)
        waiting.add_done_callback(lambda done: self._gone(process, done))

    def _gone(self, process: Process, waiting: "asyncio.Task[int]") -> None:
        self._ending.discard(waiting)
        children.forget(process.pid)


async def _exchange(process: Process, question: bytes) -> Answer:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - piped
    process.stdin.write(LENGTH.pack(len(question)) + question)
    await process.stdin.drain()
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    if length > LARGEST:
        raise PluginFailed(f"its result is larger than {LARGEST:,} bytes", final=True)
    data = await process.stdout.readexactly(length)
    return cast("Answer", _Reader(io.BytesIO(data)).load())


class _Reader(pickle.Unpickler):
    """Reads values, exceptions and our own structs: hostile input may have taken the helper."""

    def find_class(self, module: str, name: str, /) -> Any:  # noqa: ANN401 - as the base
        found = getattr(import_module(module), name, None) if "." not in name else None
        if isinstance(found, type) and found.__module__ == module:
            plain = module == "builtins" and name in _PLAIN
            ours = module.split(".", 1)[0] in ("mainspring", "mainspring_plugins")
            if plain or ours or issubclass(found, BaseException):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} does not come out of a helper")


def _named(function: Callable[..., object]) -> tuple[str, str]:
    """Return where a function stands; a helper can find no other."""
    module, name = function.__module__, function.__qualname__
    try:
        found = attrgetter(name)(import_module(module))
    except (ImportError, AttributeError):
        found = None
    if found is not function:
        raise TypeError(f"{module}.{name} is no function of a module")
    return module, name


def _late(seconds: float) -> PluginFailed:
    return PluginFailed(f"it took longer than {seconds:g} s", fault="timeout")


def _died(code: int, memory_mb: int) -> PluginFailed:
    """Say why a helper ended in the middle of its work."""
    if code == -Signals.SIGXCPU:
        return PluginFailed("it used up its time", fault="timeout")
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return PluginFailed(f"its process ended by itself ({how}), within {memory_mb} MiB")
