"""Faults that somebody could write, each as a patch of our own code, and the laws that find them.

`python -m mainspring.testing.simulation.mutants` plants one after the other in a copy of the tree
and lives through histories until one is bad; the table of what was found is `docs/mutants.md`.  A
mutant that survives is a law that is missing.  The rival, mutations by a tool, changes what no law
speaks of: most of its survivors are no faults.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple, cast

from mainspring.testing.simulation.campaign import loaded
from mainspring.testing.simulation.patches import MUTANTS, Mutant
from mainspring.testing.simulation.run import Kind, simulate
from mainspring.testing.simulation.shrink import nature

ROOT: Final = Path(__file__).parents[5]
PARTS: Final = ("libs", "services")
MOST: Final = 50
"""Histories within which a mutant must be found."""

SECONDS: Final = 150.0
PAGE: Final = "docs/mutants.md"


class Found(NamedTuple):
    """By which law a mutant was found, after how many histories; no law: it survives."""

    mutant: Mutant
    law: str
    histories: int
    seconds: float


def patched(root: Path, mutant: Mutant) -> str:
    """Return the mutated text of a file; raises `LookupError` when its place is not there once."""
    text = (root / mutant.path).read_text()
    if text.count(mutant.old) != 1:
        raise LookupError(f"{mutant.name}: {text.count(mutant.old)} places in {mutant.path}")
    return text.replace(mutant.old, mutant.new)


def main() -> int:
    """Plant all mutants, or those that are named, and write the page; 0 when every one is found."""
    parser = argparse.ArgumentParser(prog="python -m mainspring.testing.simulation.mutants")
    parser.add_argument("words", nargs="*", help="only mutants whose name has one of these")
    parser.add_argument("--live", metavar="KIND", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.live:
        _say(json.dumps(_lived(cast("Kind", asked.live))))
        return 0
    chosen = [m for m in MUTANTS if not asked.words or any(w in m.name for w in asked.words)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(_tried, chosen))
    for one in found:
        _say(_row(one))
    (ROOT / PAGE).write_text(page(_kept() | {one.mutant.name: _row(one) for one in found}))
    return 0 if all(one.law for one in found) else 1


def _lived(kind: Kind) -> tuple[str, int]:
    """Live until a history is bad; return the law that it breaks, and how many it took."""
    builds = loaded()
    for seed in range(MOST):
        history = simulate(seed, builds, kind)
        if history.violations:
            return nature(history.violations[0]), seed + 1
    return "", MOST


def _tried(mutant: Mutant) -> Found:
    """Plant a mutant in a copy of the tree, and look for it from another process."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for part in PARTS:
            shutil.copytree(
                ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        (root / mutant.path).write_text(patched(root, mutant))
        law, histories = _asked(root, mutant)
    found = Found(mutant, law, histories, time.monotonic() - began)
    sys.stderr.write(f"{mutant.name}: {law or 'SURVIVES'} after {histories}\n")
    return found


def _asked(root: Path, mutant: Mutant) -> tuple[str, int]:
    members = [str(path.parent) for path in sorted(root.glob("*/*/pyproject.toml"))]
    command = [sys.executable, "-m", __spec__.name, "--live", mutant.kind]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(members), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, on a copy of our own code
            command, env=env, cwd=root, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return "", 0
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        return f"it does not start: {last}"[:80], 0
    law, histories = json.loads(done.stdout.strip().splitlines()[-1])
    return str(law), int(histories)


def _kept() -> dict[str, str]:
    """Return the rows that the page has, by the names of their mutants."""
    path = ROOT / PAGE
    lines = path.read_text().splitlines() if path.exists() else []
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines if "` | " in line}


def page(rows: Mapping[str, str]) -> str:
    """Return the page that tells what was found of each mutant there is."""
    return "\n".join(_lines(rows)) + "\n"


def _lines(rows: Mapping[str, str]) -> Iterator[str]:
    yield "# Mutants"
    yield ""
    yield (
        "Each mutant is a fault that somebody could write. `make mutants` plants one after the "
        "other in a copy of the tree, lives"
    )
    yield (
        f"through up to {MOST} simulated histories, and writes this page: by which law each was "
        "found, after how many histories, and in how many seconds."
    )
    yield ""
    yield "| mutant | where | histories of | found by | after | seconds |"
    yield "|---|---|---|---|---|---|"
    yield from (rows[mutant.name] for mutant in MUTANTS if mutant.name in rows)


def _row(one: Found) -> str:
    law = f"`{one.law}`" if one.law else "nothing: it survives"
    where = one.mutant.path.rpartition("/mainspring/")[2].removeprefix("services/")
    return (
        f"| {one.mutant.name} | `{where}` | {one.mutant.kind} | {law} "
        f"| {one.histories} | {one.seconds:.0f} |"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
