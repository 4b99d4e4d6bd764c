"""What a helper process may be asked to do, well or badly: functions that tests hand to it."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from mainspring.plugin import PluginFailed


class Odd(Exception):
    """An exception with a field of its own."""

    def __init__(self, text: str, *, code: int) -> None:
        super().__init__(text)
        self.code = code


def add(one: int, other: int) -> int:
    """Return a sum."""
    return one + other


def who() -> int:
    """Return the process in which this runs."""
    return os.getpid()


def environment() -> dict[str, str]:
    """Return what the process was told by its environment."""
    return dict(os.environ)


def spin() -> NoReturn:
    """Work for ever."""
    while True:
        pass


def hang(folder: str) -> None:
    """Start a program that never ends, tell its number, and wait for it."""
    program = [sys.executable, "-c", "import signal; signal.pause()"]
    with subprocess.Popen(program) as child:  # noqa: S603 - our own
        part = Path(folder) / "part"
        part.write_text(f"{os.getpid()} {child.pid}")
        part.rename(Path(folder) / "pids")
        child.wait()


def hog(megabytes: int) -> int:
    """Take memory, all of it touched."""
    return len(bytearray(b"x") * (megabytes << 20))


def refuse(text: str) -> NoReturn:
    """Fail as a plugin does."""
    raise PluginFailed(text, final=True, output={"left": 1})


def stumble(text: str) -> NoReturn:
    """Fail as nobody foresaw."""
    raise Odd(text, code=7)


def leave(code: int) -> NoReturn:
    """End the process in the middle of the work."""
    os._exit(code)


def chatter() -> str:
    """Print where answers are written."""
    sys.stdout.write("x" * 100_000)
    sys.stdout.flush()
    os.write(1, b"\xff" * 100)
    return "said"


def smuggle() -> object:
    """Return what would run a program when it is read."""

    class Trick:
        def __reduce__(self) -> tuple[object, ...]:
            return (subprocess.call, (["true"],))

    return Trick()


def nap(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)
