"""The first thing that runs in a task's process: it lowers the limits, then becomes the command.

Not a hook between fork and exec: that runs Python in a copy of a process with threads, where a lock
may be held for ever.  It imports nothing of ours, for it runs as a script with no packages around.

    python -I -S limits.py SECONDS MEMORY_BYTES FILE_BYTES WHO COMMAND ARGUMENT...
    python -I -S limits.py SECONDS MEMORY_BYTES FILE_BYTES WHO - FILE ARGUMENT...

WHO is UID:GID to become these, `bare` to give up all capabilities, `-` to stay who it is.  The
second form runs a file of Python itself: another interpreter would take as long again to start.
"""

import os
import resource
import sys

STAYS = "-"
BARE = "bare"
HERE = "-"
"""Stands in place of the command where what follows is a file of Python."""
MORE_PROCESSES = 64
"""How many a task may start, beyond what its user runs already (the limit counts those too)."""
OPEN_FILES = 256
NO_NEW_PRIVILEGES = 38
"""Of prctl, as the next."""
DROP_FROM_BOUNDS = 24
CAPABILITIES_V3 = 0x20080522


def threads_of_user() -> int:
    """Return how many threads the user runs, as the limit counts them; many where unknown."""
    found = 0
    try:
        for name in os.listdir("/proc"):
            if name.isdigit():
                found += _threads(f"/proc/{name}")
    except OSError:
        return 4096
    return found


def _threads(folder: str) -> int:
    try:
        tasks = os.stat(f"{folder}/task")
        if tasks.st_uid != os.getuid():
            return 0
        # Linux counts a link for each thread; who does not has them listed.
        return tasks.st_nlink - 2 if tasks.st_nlink > 2 else len(os.listdir(f"{folder}/task"))
    except OSError:  # it ended meanwhile
        return 0


def lower(limit: int, value: int) -> None:
    """Set a limit, never above the one that holds already."""
    most = resource.getrlimit(limit)[1]
    if most != resource.RLIM_INFINITY:
        value = min(value, most)
    resource.setrlimit(limit, (value, value))


def become(who: str) -> None:
    """Become someone else for good, or at least one who can do nothing that others cannot."""
    if who == BARE:
        give_up_capabilities()
    elif who != STAYS:
        uid, _, gid = who.partition(":")
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))


def give_up_capabilities() -> None:
    """Leave root nothing but the files that are its own, also behind an exec."""
    import ctypes  # noqa: PLC0415 - it is slow, and seldom needed

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    capability = 0
    while libc.prctl(DROP_FROM_BOUNDS, capability, 0, 0, 0) == 0:
        capability += 1
    none = (ctypes.c_uint32 * 6)()
    if libc.capset((ctypes.c_uint32 * 2)(CAPABILITIES_V3, 0), none) != 0:
        raise OSError(ctypes.get_errno(), "the capabilities could not be given up")


def main(seconds: int, memory: int, file_bytes: int, who: str, command: list[str]) -> None:
    """Lower the limits and become the command; a memory of 0 leaves that limit as it is."""
    become(who)
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_CPU, seconds)
    lower(resource.RLIMIT_FSIZE, file_bytes)
    lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    lower(resource.RLIMIT_NPROC, threads_of_user() + MORE_PROCESSES)
    if memory:
        lower(resource.RLIMIT_AS, memory)
    if command[0] == HERE:
        run(command[1:])
    else:
        os.execvp(command[0], command)  # noqa: S606 - it is what the task is for


def run(words: list[str]) -> None:
    """Run a file of Python with its arguments, as if it had been started with them."""
    with open(words[0], "rb") as file:
        code = compile(file.read(), words[0], "exec")
    sys.argv = words
    exec(code, {"__name__": "__main__"})  # noqa: S102 - it is what the task is for


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:])
