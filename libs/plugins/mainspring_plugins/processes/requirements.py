"""Packages for scripts of Python: one folder for each set of requirements, made once by pip.

Only wheels are taken, so that nothing of a package runs while it is fetched; pip asks where its own
variables and files say, which are the operator's.  A folder appears under its name when it is whole
and is not changed after, so tasks of one project, also of several executors, share it.  A virtual
environment lost: it brings an interpreter and scripts that no task needs, and cannot be moved.
"""

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Final
from weakref import WeakValueDictionary

from mainspring.plugin import Context, PluginFailed
from mainspring_plugins.processes import owners
from mainspring_plugins.processes.jobs import Ended, Job, ended, into_log
from mainspring_plugins.support.failures import bad, refuse, too_large

MOST_BYTES: Final = 512 << 20
"""That the packages of one set may take."""
MOST_SECONDS: Final = 300.0
MOST_KEPT: Final = 32
UNUSED_S: Final = 24 * 3600.0
"""Seconds after which a set that nobody has used may go, when there are more than `MOST_KEPT`."""
MEMORY_MB: Final = 1024
LOOKS_S: Final = 0.5
_MARK: Final = r"(?:===|[=~!<>]=|[<>])\s*[A-Za-z0-9.*+!_-]+"
_WORD: Final = re.compile(
    rf"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?\s*(?:\[[\w.,\s-]+\])?\s*(?:{_MARK}(?:\s*,\s*{_MARK})*)?",
    re.ASCII,
)
_PASSED_ON: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "XDG_CONFIG_HOME")
_locks: "WeakValueDictionary[Path, asyncio.Lock]" = WeakValueDictionary()


async def packages_for(requirements: Sequence[str], context: Context, seconds: float) -> Path:
    """Return the folder with the packages of a set; it is made if it is not there yet.

    Raises `PluginFailed`, for good where the deployment does not allow it or what is named is no
    package.
    """
    if "requirements" not in context.allowed:
        text = "this deployment allows no requirements (MAINSPRING_ALLOW_REQUIREMENTS)"
        raise PluginFailed(text, final=True, fault="refused")
    wanted = normal(requirements)
    home = await asyncio.to_thread(home_of, context.work_dir)
    folder = home / key_of(context.project, wanted)
    async with _locks.setdefault(folder, asyncio.Lock()):
        if not folder.is_dir():
            await _make(folder, wanted, context, seconds)
            await asyncio.to_thread(_tidy, home, folder, context.clock.now())
        now = context.clock.now()
        await asyncio.to_thread(os.utime, folder, (now, now))
    return folder


def normal(requirements: Sequence[str]) -> list[str]:
    """Return requirements in order, each once; raise a final `PluginFailed` for what is none."""
    for at, each in enumerate(requirements):
        if not _WORD.fullmatch(each.strip()):
            raise bad(f"requirements.{at}", "is no package with versions, such as attrs>=23,<26")
    return sorted({"".join(each.split()) for each in requirements})


def key_of(project: str, wanted: Sequence[str]) -> str:
    """Return the name of a set's folder, which is another one for another Python.

    And for another project: tasks that run as the executor's own user could change the packages.
    """
    about = [project, sys.implementation.cache_tag, sys.platform, os.uname().machine, *wanted]
    return sha256("\n".join(map(str, about)).encode()).hexdigest()[:40]


def home_of(work_dir: str) -> Path:
    """Return the folder of all sets, made; raise a final `PluginFailed` where it is not ours."""
    base = Path(work_dir or Path(tempfile.gettempdir()) / f"mainspring-work-{os.geteuid()}")
    home = base / "packages"
    try:
        home.mkdir(mode=0o755, parents=True, exist_ok=True)
        for path in (base, home):
            about = path.lstat()
            if about.st_uid != os.geteuid() or about.st_mode & 0o022:
                raise refuse(f"the folder {path} is not the executor's alone")
    except OSError as error:
        raise PluginFailed(f"the folder of packages cannot be made: {error}") from None
    return home


async def _make(folder: Path, wanted: Sequence[str], context: Context, seconds: float) -> None:
    part = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=".part-", dir=folder.parent))
    try:
        found = await _fetched(part, wanted, context, min(seconds, MOST_SECONDS))
        if not found.is_good:
            raise _failed(found)
        await asyncio.to_thread(_put, part, folder)
    finally:
        await asyncio.to_thread(rmtree, part, ignore_errors=True)


async def _fetched(part: Path, wanted: Sequence[str], context: Context, seconds: float) -> Ended:
    """Let pip work, as long as what it has fetched is not too large."""
    target = part / "site"
    options = ("--no-input", "--disable-pip-version-check", "--no-cache-dir", "--quiet")
    job = Job(
        command=(
            *(sys.executable, "-I", "-m", "pip", "install", *options),
            *("--only-binary", ":all:", "--target", str(target), *wanted),
        ),
        folder=part,
        workdir=part,
        env=_told_to_pip(),
        seconds=seconds,
        memory_mb=MEMORY_MB,
        who=owners.who(None),
    )
    work = asyncio.ensure_future(ended(job, into_log(context)))
    try:
        while not (await asyncio.wait((work,), timeout=LOOKS_S))[0]:
            await _demand_small(part)
        await _demand_small(part)
        return work.result()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def _told_to_pip() -> dict[str, str]:
    told = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or name.upper() in _PASSED_ON
    }
    return {"PIP_ROOT_USER_ACTION": "ignore"} | told


async def _demand_small(part: Path) -> None:
    if await asyncio.to_thread(_size, part) > MOST_BYTES:
        raise too_large(f"the requirements take more than {MOST_BYTES:,} bytes")


def _size(part: Path) -> int:
    found = 0
    for path, _, names in os.walk(part):
        for name in names:
            with suppress(OSError):
                found += Path(path, name).lstat().st_size
    return found


def _failed(found: Ended) -> PluginFailed:
    if found.timed_out:
        return PluginFailed("the requirements were not there in time", fault="timeout")
    lines = [line for line in found.stderr.splitlines() if line.startswith("ERROR")]
    return PluginFailed(f"the requirements cannot be had: {' '.join(lines)[:600] or found.stderr}")


def _put(part: Path, folder: Path) -> None:
    """Give a set its name; one that another executor has made meanwhile is as good."""
    made = part / "site"
    made.mkdir(exist_ok=True)
    made.chmod(0o755)
    with suppress(OSError):
        made.rename(folder)
    if not folder.is_dir():
        raise PluginFailed("the requirements could not be kept")


def _tidy(home: Path, but: Path, now: float) -> None:
    """Remove the sets that were used least lately, beyond the number that is kept."""
    sets = [each for each in home.iterdir() if not each.name.startswith(".") and each != but]
    by_use = sorted(sets, key=lambda each: each.stat().st_mtime, reverse=True)
    for each in by_use[MOST_KEPT - 1 :]:
        if now - each.stat().st_mtime > UNUSED_S:
            rmtree(each, ignore_errors=True)
