"""The helper process: calls one function after the other, each within its share of CPU and memory.

It is started with nothing of the service: no environment, no open files, no modules but this one
and what a function needs.  A question is a pickled (module, name, arguments, CPU seconds) behind
its length, an answer a pickled (how, value).  At the end of its input it leaves.  What a function
prints goes nowhere, or it could write answers of its own.
"""

import os
import pickle
import resource
import struct
import sys
from collections.abc import Iterator
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import IO, Final, Literal, TypeAlias

LENGTH: Final = struct.Struct("!Q")
NICE: Final = 5
How: TypeAlias = Literal["done", "raised", "memory"]
Answer: TypeAlias = tuple[How, object]


def main() -> None:
    """Answer until the input ends."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.nice(NICE)
    _bound(int(sys.argv[1]))
    for question in _read(questions):
        data = _answered(question)
        answers.write(LENGTH.pack(len(data)) + data)
        answers.flush()


def _bound(memory_mb: int) -> None:
    """Let this process take so much memory beyond what it has now, and leave no core behind."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError):
        pages = 0
    most = pages * resource.getpagesize() + (memory_mb << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _read(stream: IO[bytes]) -> Iterator[bytes]:
    while head := stream.read(LENGTH.size):
        yield stream.read(LENGTH.unpack(head)[0])


def _answered(question: bytes) -> bytes:
    answer: Answer
    try:
        module, name, arguments, seconds = pickle.loads(question)  # noqa: S301 - our parent's
        function = attrgetter(name)(import_module(module))
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime + seconds) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        answer = ("done", function(*arguments))
        return pickle.dumps(answer)
    except MemoryError:
        answer = ("memory", None)
    except Exception as error:  # noqa: BLE001 - it is raised where the question came from
        answer = ("raised", error)
    try:
        return pickle.dumps(answer)
    except Exception as error:  # noqa: BLE001 - neither the result nor the exception can travel
        return pickle.dumps(("raised", RuntimeError(f"it cannot be told: {type(error).__name__}")))


if __name__ == "__main__":
    main()
