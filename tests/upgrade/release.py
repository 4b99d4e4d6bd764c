"""The last release: which commit it is, and its code in a folder of its own.

The changelog names the commit, and the repository that this file lies in has it.  `git archive`
takes it out and leaves no trace in the repository, as a work tree would when its test is killed.
The code runs on the packages that are installed now: what it imports besides itself has to be
among them, which is what a release's successor has to see to anyway.
"""

import re
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
MEMBERS: Final = (
    *("libs/common", "libs/cli", "libs/plugins"),
    *("services/api", "services/scheduler", "services/executor", "services/events"),
)
_NAMED: Final = re.compile(r"^## (\S+) \(commit ([0-9a-f]{7,40})\)", re.MULTILINE)


class Release:
    """A release whose code lies in `folder`."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder

    @property
    def path(self) -> str:
        """What PYTHONPATH has to be for its code to be found before today's."""
        return ":".join(str(self.folder / member) for member in MEMBERS)

    @property
    def migrations(self) -> dict[str, str]:
        """The text of each of its migrations by name."""
        found = (self.folder / "libs/common/mainspring/store/migrations").glob("*.sql")
        return {file.name: file.read_text("utf-8") for file in sorted(found)}


def named() -> tuple[str, str]:
    """Return the version and the commit of the newest release that the changelog names."""
    found = _NAMED.search((ROOT / "CHANGELOG.md").read_text("utf-8"))
    assert found, "CHANGELOG.md names no release: a heading `## 1.2.3 (commit abc…)` is wanted"
    return found[1], found[2]


def unpacked(folder: Path) -> Release:
    """Put the code of the last release into a folder."""
    name, commit = named()
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "--format=tar", commit, "libs", "services"],  # noqa: S607
        capture_output=True,
        check=False,
    )
    assert packed.returncode == 0, (
        f"release {name} is commit {commit}, which this repository does not have "
        f"(a shallow clone? `git fetch --unshallow` brings it): {packed.stderr.decode()}"
    )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)  # noqa: S607
    return Release(name, folder)
